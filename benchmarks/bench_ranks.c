/* bench_ranks.c - time of the ranks of all relevant items, leave-one-out, and the figures that follow from them.
 * Usage: bench_ranks VECTORS DIM CLASSES THREADS ISA; raw float32 and int32, an RTV_ISA_* */
#include <stdio.h>
#include <stdlib.h>

#include "base/base_team.h"
#include "bench_support.h"
#include "index/flat_ranks.h"

static void *read_all(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    void *data;
    if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
    *size = (size_t)ftell(file);
    rewind(file);
    data = malloc(*size + 1);
    if (data && fread(data, 1, *size, file) != *size) return NULL;
    fclose(file);
    return data;
}

static void print_figures(const rtvi_ranks *ranks) {
    static const int64_t ks[] = {1, 10, 100, 1000};
    double reciprocal = 0, precision = 0;
    int64_t found[4] = {0}, queries = 0;
    for (int64_t i = 0; i < ranks->count; i++) {
        const int64_t *own = ranks->ranks + ranks->offsets[i], relevant = ranks->relevant[i];
        double sum = 0;
        if (relevant == 0) continue;
        queries++;
        reciprocal += 1.0 / (double)own[0];
        for (size_t k = 0; k < 4; k++) found[k] += own[0] <= ks[k];
        for (int64_t m = 0; m < relevant && own[m] <= relevant; m++) sum += (double)(m + 1) / (double)own[m];
        precision += sum / (double)relevant;
    }
    printf(" recall@1/10/100/1000 %.4f %.4f %.4f %.4f MRR %.4f mAP@R %.4f of %lld queries\n", (double)found[0] / (double)queries,
           (double)found[1] / (double)queries, (double)found[2] / (double)queries, (double)found[3] / (double)queries,
           reciprocal / (double)queries, precision / (double)queries, (long long)queries);
}

int main(int argc, char **argv) {
    size_t bytes = 0, num_classes = 0;
    float *vectors = argc > 5 ? read_all(argv[1], &bytes) : NULL;
    int32_t *classes = vectors ? read_all(argv[3], &num_classes) : NULL;
    rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = vectors, .classes = classes};
    double best = 1e9;
    rtvi_flat *flat;
    rtvi_team *team;
    rtvi_env env;
    if (!classes) return 1;
    rtvi_env_init(&env, NULL, atoi(argv[5]));
    if (rtvi_flat_create(&env, atoi(argv[2]), &flat, NULL) != RTV_OK || rtvi_team_create(&env, atoi(argv[4]), &team, NULL) != RTV_OK ||
        rtvi_flat_add(flat, &items, (int64_t)(num_classes / sizeof *classes), NULL) != RTV_OK)
        return 1;
    for (int run = 0; run < 2; run++) {
        rtvi_ranks ranks = {0};
        const double start = now_s();
        if (rtvi_flat_ranks_among(flat, team, 0, NULL, NULL, &ranks, NULL) != RTV_OK) return 1;
        if (now_s() - start < best) best = now_s() - start;
        if (run == 1) printf("%.2f s (best of 2),", best);
        if (run == 1) print_figures(&ranks);
        rtvi_ranks_destroy(flat, &ranks);
    }
    return 0;
}
