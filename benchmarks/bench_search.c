/* bench_search.c - time of exact search in 60,502 vectors of 1536 floats (the test set of Stanford Online Products), beside the memory
 * bandwidth that bounds a single query. Usage: bench_search [COUNT [DIM]] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_team.h"
#include "bench_support.h"
#include "index/flat.h"

enum { RUNS = 5, K = 10 };

/* What reading the vectors costs and nothing else. */
typedef struct reading {
    const uint64_t *words;
    size_t count; /* of words, for each of parts */
    uint64_t sums[64];
} reading;

static void read_part(void *arg, int64_t part, int32_t lane) {
    reading *r = arg;
    const uint64_t *at = r->words + (size_t)part * r->count;
    uint64_t sum[8] = {0};
    (void)lane;
    for (size_t i = 0; i + 8 <= r->count; i += 8)
        for (size_t j = 0; j < 8; j++) sum[j] ^= at[i + j];
    r->sums[part] = sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

static double time_reading(rtvi_team *team, const float *x, size_t floats) {
    reading r = {.words = (const uint64_t *)(const void *)x, .count = floats / 2 / 64};
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ms();
        rtvi_team_run_many(team, read_part, &r, 64, NULL, NULL, NULL);
        best = fmin(best, now_ms() - start);
    }
    return best;
}

static double time_search(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count) {
    const rtv_search_options options = {
        .struct_size = (uint32_t)sizeof options, .class_id = -1, .predicted_class = -1, .min_score = -INFINITY};
    static rtv_hit hits[1024 * K];
    static int64_t num[1024];
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ms();
        if (rtvi_flat_search(flat, team, queries, count, K, &options, NULL, hits, num, NULL) != RTV_OK) abort();
        best = fmin(best, now_ms() - start);
    }
    return best;
}

int main(int argc, char **argv) {
    static const int64_t batches[] = {1, 8, 64, 256, 1024};
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 60502, dim = argc > 2 ? strtoul(argv[2], NULL, 10) : 1536;
    float *vectors = aligned_alloc(64, (count * dim * sizeof(float) + 63) / 64 * 64), *queries = malloc(1024 * dim * sizeof(float));
    rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = vectors};
    rtvi_flat *flat;
    rtvi_env env;
    if (!vectors || !queries) return 1;
    fill(vectors, count * dim);
    fill(queries, 1024 * dim);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    if (rtvi_flat_create(&env, (int32_t)dim, &flat, NULL) != RTV_OK || rtvi_flat_add(flat, &items, (int64_t)count, NULL) != RTV_OK)
        return 1;
    printf("%zu vectors of %zu floats, best of %d, ms a query (GMAC/s)\n", count, dim, RUNS);
    for (int32_t isa = env.isa; isa >= RTV_ISA_SCALAR; isa -= 10) {
        for (int32_t threads = 1; threads <= 2; threads++) {
            rtvi_team *team;
            double reading_ms;
            env.isa = isa;
            if (rtvi_team_create(&env, threads, &team, NULL) != RTV_OK) return 1;
            reading_ms = time_reading(team, vectors, count * dim);
            printf("%-12s %d threads: reading alone %6.2f ms (%.1f GB/s)", rtv_isa_name(isa), threads, reading_ms,
                   (double)(count * dim) * 4e-6 / reading_ms);
            for (size_t b = 0; b < (isa == RTV_ISA_SCALAR ? 2u : 5u); b++) {
                const double ms = time_search(flat, team, queries, batches[b]);
                printf("  x%lld %6.2f (%.1f)", (long long)batches[b], ms / (double)batches[b],
                       (double)count * (double)dim * (double)batches[b] * 1e-6 / ms);
            }
            printf("\n");
            fflush(stdout);
            rtvi_team_destroy(team);
        }
    }
    rtvi_flat_destroy(flat);
    rtvi_env_destroy(&env);
    free(vectors);
    free(queries);
    return 0;
}
