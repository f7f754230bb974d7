/* bench_sweep.c - how the time of a search grows with items and dimensions, beside what the machine could do at best: reading the codes
 * once (one query), and multiplying them (256 queries). Usage: bench_sweep [THREADS [ISA [FOLDER]]]
 * With a FOLDER the indexes are files there, made when they are missing: a first run makes them, a second one measures. plot_sweep.py
 * draws what it prints. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_team.h"
#include "bench_support.h"
#include "index/flat_rows.h"
#include "kernels/kernels_coarse.h"

enum { RUNS = 5, K = 10, MANY = 256, PIECE = 1000 };
#define TOP ((size_t)1000000) /* so many are kept as codes alone, the others as float32 */

/* The best that a kernel does with rows, when nothing comes of it. */
typedef struct limit {
    const rtvi_rows *rows;
    rtvi_coarse_scan_fn scan;
    rtvi_coarse_panel panel;
    float limits[RTVI_COARSE_WIDTH];
    size_t pieces;
    uint64_t sums[256];
} limit;

typedef uint64_t line __attribute__((vector_size(64), aligned(16)));

/* In as few instructions as there are, so that as many lines as possible are on their way. */
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
read_words(const uint64_t *at, size_t words) {
    line sum = {0};
    for (size_t i = 0; i + 8 <= words; i += 8) sum ^= *(const line *)(const void *)(at + i);
    return sum[0] ^ sum[1] ^ sum[2] ^ sum[3] ^ sum[4] ^ sum[5] ^ sum[6] ^ sum[7];
}

/* A part of every chunk. */
static void read_piece(void *arg, int64_t piece, int32_t lane) {
    limit *l = arg;
    (void)lane;
    for (size_t c = 0; c < l->rows->num_chunks; c++) {
        const size_t words = l->rows->chunks[c].num_rows * rtvi_codes_size(l->rows->dim) / 8 / l->pieces;
        l->sums[piece % 256] ^= read_words((const uint64_t *)(const void *)l->rows->chunks[c].codes + (size_t)piece * words, words);
    }
}

/* Always the same rows, which stay in the nearest caches. */
static void multiply_piece(void *arg, int64_t piece, int32_t lane) {
    limit *l = arg;
    const uint8_t *records[RTVI_COARSE_ROWS];
    rtvi_coarse_event events[1];
    (void)piece, (void)lane;
    for (size_t r = 0; r < RTVI_COARSE_ROWS; r++) records[r] = l->rows->chunks[0].codes + r * rtvi_codes_size(l->rows->dim);
    for (size_t i = 0; i < 16; i++) l->scan(&l->panel, l->limits, records, RTVI_COARSE_ROWS, NULL, events);
}

static double best_of(rtvi_team *team, rtvi_item_fn task, limit *l) {
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ms();
        rtvi_team_run_many(team, task, l, (int64_t)l->pieces, NULL, NULL, NULL);
        best = fmin(best, now_ms() - start);
    }
    return best;
}

static double time_search(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count) {
    static rtv_hit hits[MANY * K];
    static int64_t num[MANY];
    const rtv_search_options options = {
        .struct_size = (uint32_t)sizeof options, .class_id = -1, .predicted_class = -1, .min_score = -INFINITY};
    double best = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ms();
        if (rtvi_flat_search(flat, team, queries, count, K, &options, NULL, hits, num, NULL) != RTV_OK) abort();
        best = fmin(best, now_ms() - start);
    }
    return best;
}

static int32_t fill_index(rtvi_flat *flat, float *piece, size_t count, size_t dim) {
    const rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = piece};
    int32_t status = RTV_OK;
    for (size_t done = 0; done < count && status == RTV_OK; done += PIECE) {
        fill(piece, PIECE * dim);
        status = rtvi_flat_add(flat, &items, PIECE, NULL);
    }
    return status;
}

/* In memory, or over a file that may be there already. */
static rtvi_flat *make_index(rtvi_env *env, rtvi_team *team, const char *folder, float *piece, size_t count, size_t dim) {
    const int32_t storage = count < TOP ? RTV_STORAGE_FLOAT32 : RTV_STORAGE_INT8;
    char path[1024];
    rtvi_flat *flat;
    int32_t status;
    snprintf(path, sizeof path, "%s/sweep-%zu-%zu.rtvx", folder ? folder : "", count, dim);
    if (folder && access(path, F_OK) == 0) {
        if (rtvi_flat_open(env, &rtvi_io_system, path, &flat, NULL) != RTV_OK) exit(1);
        return flat;
    }
    if (rtvi_flat_create_with(env, (int32_t)dim, storage, 0, &flat, NULL) != RTV_OK) exit(1);
    status = folder ? rtvi_flat_attach(flat, &rtvi_io_system, path, NULL) : RTV_OK;
    rtvi_flat_use_team(flat, team);
    if (status == RTV_OK) status = fill_index(flat, piece, count, dim);
    if (status == RTV_OK && folder) status = rtvi_flat_commit(flat, NULL);
    if (status != RTV_OK) exit(1);
    return flat;
}

static void measure(rtvi_env *env, rtvi_team *team, const char *folder, size_t count, size_t dim) {
    float *piece = malloc(PIECE * dim * sizeof *piece);
    limit l = {.scan = rtvi_coarse_select_scan(env->isa), .pieces = 64};
    double one, many, reading, multiplying;
    rtvi_flat *flat;
    if (!piece) exit(1);
    flat = make_index(env, team, folder, piece, count, dim);
    fill(piece, MANY * dim);
    one = time_search(flat, team, piece, 1);
    many = time_search(flat, team, piece, MANY) / MANY;
    l.rows = rtvi_flat_rows_take(flat);
    l.panel = (rtvi_coarse_panel){.width = RTVI_COARSE_WIDTH, .depth = rtvi_codes_dim(dim), .bias = rtvi_coarse_levels(env->isa)};
    l.panel.codes = aligned_alloc(64, RTVI_COARSE_WIDTH * rtvi_codes_dim(dim));
    l.panel.scale = l.panel.length_slope = l.panel.rest_slope = calloc(RTVI_COARSE_WIDTH, sizeof(float));
    memset(l.panel.codes, 1, RTVI_COARSE_WIDTH * rtvi_codes_dim(dim));
    for (size_t q = 0; q < RTVI_COARSE_WIDTH; q++) l.limits[q] = INFINITY;
    reading = best_of(team, read_piece, &l);
    multiplying = best_of(team, multiply_piece, &l) / (double)(l.pieces * 16 * RTVI_COARSE_ROWS * RTVI_COARSE_WIDTH) * (double)count;
    rtvi_flat_rows_give(flat, l.rows);
    printf("%8zu %5zu | %9.3f %9.3f %5.1f | %9.4f %9.4f %5.1f\n", count, dim, one, reading, one / reading, many, multiplying,
           many / multiplying);
    fflush(stdout);
    rtvi_flat_destroy(flat);
    free(l.panel.codes);
    free(l.panel.scale);
    free(piece);
}

int main(int argc, char **argv) {
    static const size_t counts[] = {1000, 3000, 10000, 30000, 100000, 300000, 1000000}, dims[] = {128, 256, 512, 1024, 1536, 3072};
    const char *folder = argc > 3 ? argv[3] : NULL;
    rtvi_team *team;
    rtvi_env env;
    rtvi_env_init(&env, NULL, argc > 2 ? atoi(argv[2]) : RTV_ISA_ANY);
    if (rtvi_team_create(&env, argc > 1 ? atoi(argv[1]) : 2, &team, NULL) != RTV_OK) return 1;
    printf("%s, milliseconds a query, best of %d\n", rtv_isa_name(env.isa), RUNS);
    printf("   items floats |  one query   reading times |  256 queries multiplying times\n");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) measure(&env, team, folder, counts[i], 1536);
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) measure(&env, team, folder, 60000, dims[i]);
    rtvi_team_destroy(team);
    rtvi_env_destroy(&env);
    return 0;
}
