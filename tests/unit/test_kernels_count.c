/* test_kernels_count.c - rows counted among the marks of a panel of queries: all forms against the definition. */
#include "support_flat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_cpu.h"
#include "kernels/kernels_count.h"

enum { WIDTH = RTVI_COARSE_WIDTH, MOST_ROWS = 11, MOST_DIM = 70 };

typedef struct world {
    rtvi_count_panel panel;
    rtvi_count_rows rows;
    uint8_t *records; /* of the queries, then of the rows */
    float marks[WIDTH][RTVI_COUNT_MARKS];
    size_t num_marks[WIDTH];
} world;

static void *room(size_t bytes) { return aligned_alloc(RTVI_CACHE_LINE, (bytes + RTVI_CACHE_LINE) / RTVI_CACHE_LINE * RTVI_CACHE_LINE); }

static rtvi_coarse_head *record_at(const world *w, size_t i, size_t dim) { return (void *)(w->records + i * rtvi_fine_size(dim)); }

static int descending(const void *a, const void *b) {
    return *(const float *)a > *(const float *)b ? -1 : *(const float *)a < *(const float *)b;
}

/* Few values, so that scores meet marks; some slacks that are not finite, as damaged files have them. */
static world make(uint64_t seed, size_t dim, size_t num_rows) {
    world w = {.panel = {.depth = rtvi_fine_depth(dim), .num_marks = seed % (RTVI_COUNT_MARKS + 1)}, .rows = {.count = num_rows}};
    const rtvi_fine_encode_fn encode = rtvi_fine_select_encode(RTV_ISA_SCALAR);
    float vector[MOST_DIM];
    w.records = room((WIDTH + num_rows) * rtvi_fine_size(dim));
    w.panel.codes = room(WIDTH * w.panel.depth * sizeof *w.panel.codes);
    w.panel.scale = room(WIDTH * sizeof(float));
    w.panel.length_slope = room(WIDTH * sizeof(float));
    w.panel.rest_slope = room(WIDTH * sizeof(float));
    w.panel.marks = room(RTVI_COUNT_MARKS * WIDTH * sizeof(float));
    for (size_t i = 0; i < WIDTH + num_rows; i++) {
        test_random_vectors(&seed, vector, dim, seed % 3 == 0);
        encode(vector, dim, 12, record_at(&w, i, dim));
        if (i % 23 == 7) record_at(&w, i, dim)->rest = 0.25F;
        if (i % 29 == 11) record_at(&w, i, dim)->rest = INFINITY;
        if (i % 31 == 13) record_at(&w, i, dim)->scale = NAN;
    }
    for (size_t q = 0; q < WIDTH; q++) {
        w.num_marks[q] = w.panel.num_marks ? test_random(&seed) % (w.panel.num_marks + 1) : 0;
        for (size_t m = 0; m < w.num_marks[q]; m++) w.marks[q][m] = (float)(int)(test_random(&seed) % 13) / 8 - 0.75F;
        qsort(w.marks[q], w.num_marks[q], sizeof **w.marks, descending);
        rtvi_count_put(&w.panel, q, record_at(&w, q, dim), w.marks[q], w.num_marks[q]);
    }
    for (size_t r = 0; r < num_rows; r++) {
        w.rows.records[r] = record_at(&w, WIDTH + r, dim);
        w.rows.lowest[r] = r % 4 ? test_random_float(&seed) : INFINITY;
    }
    return w;
}

static void destroy(world *w) {
    free(w->records);
    free(w->panel.codes);
    free(w->panel.scale);
    free(w->panel.length_slope);
    free(w->panel.rest_slope);
    free(w->panel.marks);
}

/* What a pair adds to the marks of its query, highest first, and whether it is an event. */
static uint8_t by_definition(const world *w, size_t dim, size_t q, size_t row, float *score, uint32_t *before) {
    const rtvi_coarse_head *query = record_at(w, q, dim), *item = w->rows.records[row];
    float length_slope, rest_slope, lower, upper;
    int64_t sum = 0;
    size_t higher = 0;
    for (size_t i = 0; i < dim; i++) sum += (int64_t)rtvi_fine_codes(query)[i] * rtvi_fine_codes(item)[i];
    rtvi_coarse_slopes(query, &length_slope, &rest_slope);
    *score = (float)sum * item->scale * query->scale;
    lower = *score - rtvi_coarse_slack(item, length_slope, rest_slope);
    upper = *score + rtvi_coarse_slack(item, length_slope, rest_slope);
    for (size_t m = 0; m < w->num_marks[q]; m++) {
        if (!(w->marks[q][m] > upper) && !(w->marks[q][m] < lower))
            return RTVI_PLACE_QUERY | (upper < w->rows.lowest[row] ? 0 : RTVI_PLACE_ROW);
        higher += w->marks[q][m] > upper;
    }
    for (size_t m = higher; m < w->num_marks[q]; m++) before[m]++;
    return upper < w->rows.lowest[row] ? 0 : RTVI_PLACE_ROW;
}

/* A bound that is not a number may make an event of a query that has fewer marks than others. */
static int may_be_more(const world *w, size_t dim, size_t q, size_t row) {
    const rtvi_coarse_head *query = record_at(w, q, dim), *item = w->rows.records[row];
    return !isfinite(query->scale * item->scale) || !isfinite(query->rest + item->rest);
}

static void check(rtvi_count_fn form, uint64_t seed, size_t dim, size_t num_rows) {
    static _Alignas(RTVI_CACHE_LINE) uint32_t before[RTVI_COUNT_MARKS * WIDTH];
    static rtvi_coarse_event events[WIDTH * RTVI_COARSE_ROWS];
    static uint8_t sides[WIDTH * RTVI_COARSE_ROWS];
    uint32_t expected[WIDTH][RTVI_COUNT_MARKS] = {{0}};
    uint8_t got[WIDTH][MOST_ROWS] = {{0}};
    float scores[WIDTH][MOST_ROWS];
    world w = make(seed, dim, num_rows);
    size_t count;
    memset(before, 0, sizeof before);
    count = form(&w.panel, before, &w.rows, events, sides);
    for (size_t i = 0; i < count; i++) {
        assert_int_not_equal(sides[i], 0);
        assert_int_equal(got[events[i].query][events[i].row], 0); /* each once */
        got[events[i].query][events[i].row] = sides[i];
        scores[events[i].query][events[i].row] = events[i].score;
    }
    for (size_t q = 0; q < WIDTH; q++) {
        for (size_t r = 0; r < num_rows; r++) {
            float score;
            const uint8_t wanted = by_definition(&w, dim, q, r, &score, expected[q]);
            if (may_be_more(&w, dim, q, r))
                assert_int_equal(got[q][r] & wanted, wanted);
            else
                assert_int_equal(got[q][r], wanted);
            if (got[q][r] && !isnan(score)) assert_true(scores[q][r] == score);
        }
        for (size_t m = 0; m < w.num_marks[q]; m++) assert_int_equal(before[(w.num_marks[q] - 1 - m) * WIDTH + q], expected[q][m]);
    }
    destroy(&w);
}

static void all_forms(void **state) {
    static const int32_t isas[] = {RTV_ISA_SCALAR, RTV_ISA_AVX2, RTV_ISA_AVX512, RTV_ISA_AVX512_VNNI, RTV_ISA_AMX};
    static const size_t dims[] = {1, 31, 32, MOST_DIM};
    (void)state;
    for (size_t i = 0; i < 5 && isas[i] <= rtvi_cpu_isa(); i++) {
        const rtvi_count_fn form = rtvi_count_select(isas[i]);
        for (uint64_t seed = 1; form && seed < 70; seed++) check(form, seed, dims[seed % 4], 1 + seed % MOST_ROWS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
