/* evaluate.c - how well an index finds its own classes, and from which score on a hit means something. */
#include <retrieve/retrieve.h>
#include <stdio.h>

static void print(const char *name, const rtv_metric_value *value) {
    printf("%-10s %6.2f %%  (%.2f .. %.2f)\n", name, 100 * value->value, 100 * value->low, 100 * value->high);
}

int main(int argc, char **argv) {  // INDEX
    static const int64_t ks[] = {1, 2, 4, 8};
    rtv_index *index = NULL;
    rtv_evaluation *evaluation = NULL;
    rtv_evaluation_options options;
    rtv_metric_value recall, map_at_r;
    rtv_threshold threshold;
    rtv_error e;
    if (argc != 2) return 2;
    rtv_evaluation_options_init(&options);
    options.ks = ks;
    options.num_ks = 4;
    if (rtv_index_open(argv[1], NULL, &index, &e) == RTV_OK &&
        rtv_evaluation_create(index, NULL, &options, &evaluation, &e) == RTV_OK && /* leave-one-out */
        rtv_evaluation_metric(evaluation, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &recall, &e) == RTV_OK &&
        rtv_evaluation_metric(evaluation, RTV_METRIC_MAP_AT_R, 0, RTV_RULE_MISS, &map_at_r, &e) == RTV_OK &&
        rtv_evaluation_threshold(evaluation, 0.01, &threshold, &e) == RTV_OK) {
        print("recall@1", &recall);
        print("mAP@R", &map_at_r);
        printf("nothing similar below %.4f\n", (double)threshold.min_score);
    } else {
        fprintf(stderr, "%s\n", e.message);
    }
    rtv_evaluation_free(evaluation);
    rtv_index_free(index);
    return e.status == RTV_OK ? 0 : 1;
}
