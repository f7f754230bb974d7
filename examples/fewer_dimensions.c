/* fewer_dimensions.c - an index with fewer dimensions in a file of its own, and how much recall that costs. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <stdlib.h>

/* Leave-one-out. */
static int32_t recall_at_1(rtv_index *index, double *recall, rtv_error *e) {
    rtv_evaluation *evaluation = NULL;
    rtv_metric_value value = {0, 0, 0};
    if (rtv_evaluation_create(index, NULL, NULL, &evaluation, e) == RTV_OK)
        rtv_evaluation_metric(evaluation, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value, e);
    rtv_evaluation_free(evaluation);
    *recall = 100 * value.value;
    return e->status;
}

int main(int argc, char **argv) {  // INDEX REDUCED DIMENSIONS
    rtv_index *index = NULL, *reduced = NULL;
    rtv_reduce_options options;
    double before, after;
    rtv_error e;
    if (argc != 4) return 2;
    rtv_reduce_options_init(&options);
    options.kept_dim = atoi(argv[3]);
    if (rtv_index_open(argv[1], NULL, &index, &e) == RTV_OK && rtv_index_reduce(index, &options, argv[2], &reduced, &e) == RTV_OK &&
        recall_at_1(index, &before, &e) == RTV_OK && recall_at_1(reduced, &after, &e) == RTV_OK)
        printf("recall@1: %.2f %% before, %.2f %% after\n", before, after);
    else
        fprintf(stderr, "%s\n", e.message);
    rtv_index_free(reduced);
    rtv_index_free(index);
    return e.status == RTV_OK ? 0 : 1;
}
