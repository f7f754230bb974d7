/* test_kernels_coarse.c - coarse scores: every form gives the same events, and the canonical score never leaves the bounds, whatever the
 * vectors are. */
#include "support_flat.h"

#include "base/base_cpu.h"
#include "index/flat_codes.h"
#include "kernels/kernels_fine.h"
#include "kernels/kernels_near.h"

enum { MAX_DIM = 1536, NUM = 70, MAX_WIDTH = RTVI_COARSE_WIDTH };

static float vectors[NUM][MAX_DIM];
static float queries[MAX_WIDTH][MAX_DIM];
static _Alignas(64) uint8_t records[NUM * (MAX_DIM + 32)];
static _Alignas(64) uint8_t codes[MAX_WIDTH * MAX_DIM];
static _Alignas(64) uint8_t record[MAX_DIM + 32];

/* What codes have to cope with: all magnitudes that floats have, alone and mixed, few values, one value far above the others. */
static void awkward(uint64_t *state, float *x, size_t dim) {
    const uint64_t kind = test_random(state) % 9;
    const float scale = ldexpf(1.0F, (int)(test_random(state) % 280) - 150);
    for (size_t i = 0; i < dim; i++) {
        x[i] = test_random_float(state);
        if (kind == 1) x[i] *= scale;
        if (kind == 2) x[i] = (float)((int)(test_random(state) % 3) - 1);
        if (kind == 3) x[i] = 0;
        if (kind == 4) x[i] = test_random_float(state) * 1e-43F;
        if (kind == 5) x[i] *= i == dim / 2 ? 1e4F : 1e-4F;
        if (kind == 6) x[i] *= ldexpf(1.0F, (int)(test_random(state) % 250) - 140);
        if (kind == 7) x[i] = 3.4028235e38F * (i % 2 ? 1.0F : -1.0F);
        if (!isfinite(x[i])) x[i] = 1.0F;
    }
    if (kind == 8) { /* unit length, as descriptors have */
        double sum = 0;
        for (size_t i = 0; i < dim; i++) sum += (double)x[i] * (double)x[i];
        for (size_t i = 0; i < dim; i++) x[i] = (float)((double)x[i] / sqrt(sum));
    }
}

static void fill(uint64_t seed, size_t dim) {
    for (size_t i = 0; i < NUM; i++) awkward(&seed, vectors[i], dim);
    for (size_t i = 0; i < MAX_WIDTH; i++) awkward(&seed, queries[i], dim);
    memcpy(queries[0], vectors[0], dim * sizeof(float)); /* a score at the end of the bounds */
    for (size_t i = 0; i < NUM; i++) rtvi_codes_encode(RTV_ISA_ANY, vectors[i], 1, dim, records + i * rtvi_codes_size(dim));
}

typedef struct test_panel {
    rtvi_coarse_panel p;
    float scale[MAX_WIDTH], length_slope[MAX_WIDTH], rest_slope[MAX_WIDTH], limits[MAX_WIDTH];
} test_panel;

static void make_panel(test_panel *panel, int32_t levels, size_t count, size_t width, size_t dim, float limit) {
    panel->p = (rtvi_coarse_panel){.width = width,
                                   .depth = rtvi_codes_dim(dim),
                                   .bias = levels == 127 ? 128 : levels,
                                   .codes = codes,
                                   .scale = panel->scale,
                                   .length_slope = panel->length_slope,
                                   .rest_slope = panel->rest_slope};
    for (size_t q = 0; q < count; q++) {
        rtvi_coarse_select_encode(RTV_ISA_SCALAR)(queries[q], dim, levels, record);
        rtvi_coarse_put(&panel->p, q, record);
    }
    rtvi_coarse_fill(&panel->p, count);
    for (size_t q = 0; q < width; q++) panel->limits[q] = q < count ? limit : INFINITY;
}

/* scores[row][query], NaN where there was no event. */
static void scan(rtvi_coarse_scan_fn form, const test_panel *panel, size_t dim, size_t num_rows, const float *row_limits,
                 float scores[RTVI_COARSE_ROWS][MAX_WIDTH]) {
    static rtvi_coarse_event events[RTVI_COARSE_ROWS * MAX_WIDTH];
    const uint8_t *rows[RTVI_COARSE_ROWS];
    size_t count;
    for (size_t r = 0; r < num_rows; r++) rows[r] = records + r * rtvi_codes_size(dim);
    for (size_t r = 0; r < RTVI_COARSE_ROWS; r++)
        for (size_t q = 0; q < MAX_WIDTH; q++) scores[r][q] = NAN;
    count = form(&panel->p, panel->limits, rows, num_rows, row_limits, events);
    assert_true(count <= panel->p.width * num_rows);
    for (size_t i = 0; i < count; i++) scores[events[i].row][events[i].query] = events[i].score;
}

static void check_bounds(const test_panel *panel, size_t count, size_t dim, size_t num_rows, float scores[RTVI_COARSE_ROWS][MAX_WIDTH]) {
    for (size_t r = 0; r < num_rows; r++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)(records + r * rtvi_codes_size(dim));
        for (size_t q = 0; q < count; q++) {
            const float exact = test_canonical_dot(queries[q], vectors[r], dim);
            const float slack = rtvi_coarse_slack(head, panel->length_slope[q], panel->rest_slope[q]);
            if (exact > scores[r][q] + slack || exact < scores[r][q] - slack)
                fail_msg("dim %zu, row %zu, query %zu: %g is not %g +- %g", dim, r, q, (double)exact, (double)scores[r][q], (double)slack);
        }
    }
}

static void check_width(size_t count, size_t width, size_t dim, size_t num_rows) {
    static const int32_t isas[] = {RTV_ISA_AVX2, RTV_ISA_AVX512_VNNI, RTV_ISA_AMX};
    static float expected[RTVI_COARSE_ROWS][MAX_WIDTH], got[RTVI_COARSE_ROWS][MAX_WIDTH];
    float row_limits[RTVI_COARSE_ROWS];
    test_panel panel;
    for (size_t r = 0; r < RTVI_COARSE_ROWS; r++) row_limits[r] = r % 3 ? INFINITY : 0.1F;
    for (size_t way = 0; way < 3; way++) {
        for (int32_t levels = 64; levels <= 127; levels += 63) {
            make_panel(&panel, levels, count, width, dim, way ? 0.25F : -INFINITY);
            scan(rtvi_coarse_scan_c, &panel, dim, num_rows, way == 2 ? row_limits : NULL, expected);
            if (way == 0) check_bounds(&panel, count, dim, num_rows, expected);
            for (size_t i = 0; i < 3 && isas[i] <= rtvi_cpu_isa(); i++) {
                if (rtvi_coarse_levels(isas[i]) < levels) continue;
                if (isas[i] == RTV_ISA_AMX && !rtvi_cpu_take_tiles()) continue;
                scan(rtvi_coarse_select_scan(isas[i]), &panel, dim, num_rows, way == 2 ? row_limits : NULL, got);
                assert_memory_equal(got, expected, sizeof got);
            }
        }
    }
}

static void all_forms_and_bounds(void **state) {
    static const size_t dims[] = {1, 3, 15, 16, 17, 63, 64, 65, 128, 200, 1536}, rows[] = {1, 3, 4, 12, 41, 64};
    (void)state;
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
            if (dims[d] > 200 && rows[r] > 4) continue; /* long enough with few */
            fill(d * 10 + r + 1, dims[d]);
            check_width(1 + r % 4, 1 + r % 4, dims[d], rows[r]);
            check_width(5 + r, 16, dims[d], rows[r]);
            check_width(17 + r, 32, dims[d], rows[r]);
            check_width(48 - r, 48, dims[d], rows[r]);
        }
    }
}

/* The largest sums there are: no instruction set may saturate. */
static void extreme_codes(void **state) {
    (void)state;
    for (size_t sign = 0; sign < 4; sign++) {
        for (size_t i = 0; i < MAX_DIM; i++) {
            for (size_t r = 0; r < NUM; r++) vectors[r][i] = sign & 1 ? -1.0F : 1.0F;
            for (size_t q = 0; q < MAX_WIDTH; q++) queries[q][i] = sign & 2 ? -1.0F : 1.0F;
        }
        for (size_t r = 0; r < NUM; r++) rtvi_codes_encode(RTV_ISA_ANY, vectors[r], 1, MAX_DIM, records + r * rtvi_codes_size(MAX_DIM));
        check_width(4, 4, MAX_DIM, 5);
        check_width(48, 48, MAX_DIM, 5);
    }
}

static void records_are_the_same_everywhere(void **state) {
    static const int32_t isas[] = {RTV_ISA_SCALAR, RTV_ISA_AVX2, RTV_ISA_AVX512};
    static uint8_t other[MAX_DIM + 32];
    uint64_t seed = 5;
    float x[300], back[300];
    (void)state;
    for (size_t round = 0; round < 2000; round++) {
        const size_t dim = 1 + round % 300;
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)record;
        int32_t sum = 0;
        awkward(&seed, x, dim);
        rtvi_codes_encode(RTV_ISA_SCALAR, x, 1, dim, record);
        for (size_t i = 1; i < 3 && isas[i] <= rtvi_cpu_isa(); i++) {
            rtvi_codes_encode(isas[i], x, 1, dim, other);
            assert_memory_equal(other, record, rtvi_codes_size(dim));
        }
        for (size_t i = 0; i < dim; i++) sum += rtvi_codes_of(record)[i];
        assert_int_equal(head->sum, sum);
        assert_true(rtvi_codes_check(record, dim));
        rtvi_codes_encode_alone(RTV_ISA_ANY, x, 1, dim, other);
        rtvi_codes_decode(other, dim, back);
        assert_memory_equal(other + sizeof(rtvi_coarse_head), record + sizeof(rtvi_coarse_head), rtvi_codes_dim(dim));
        for (size_t i = 0; i < dim; i++) assert_true(isfinite(back[i]) && fabsf(back[i] - x[i]) <= head->scale * 0.51F + 1e-30F);
    }
}

static void lies_are_seen(void **state) {
    rtvi_coarse_head *head = (rtvi_coarse_head *)(void *)record;
    const float bad[] = {NAN, -1.0F};
    (void)state;
    fill(1, 16);
    rtvi_codes_encode(RTV_ISA_ANY, vectors[1], 1, 16, record);
    for (size_t i = 0; i < 2; i++) {
        rtvi_coarse_head good = *head;
        head->scale = bad[i];
        assert_false(rtvi_codes_check(record, 16));
        *head = good;
        head->length = bad[i];
        assert_false(rtvi_codes_check(record, 16));
        *head = good;
        head->rest = bad[i];
        assert_false(rtvi_codes_check(record, 16));
        *head = good;
        head->sum = i ? 127 * 16 + 1 : -127 * 16 - 1;
        assert_false(rtvi_codes_check(record, 16));
        *head = good;
    }
    head->scale = INFINITY;
    assert_false(rtvi_codes_check(record, 16));
}

/* Scores in float32: the same bits in every form, and as near to the canonical ones as they say. */
static void near_scores(void **state) {
    static const int32_t isas[] = {RTV_ISA_AVX2, RTV_ISA_AVX512};
    (void)state;
    for (size_t round = 0; round < 400; round++) {
        const size_t dim = 1 + round * 3, count = 1 + round % RTVI_NEAR_ROWS;
        const float *rows[RTVI_NEAR_ROWS];
        float expected[RTVI_NEAR_ROWS], got[RTVI_NEAR_ROWS];
        if (dim > MAX_DIM) break;
        fill(round + 1, dim);
        for (size_t r = 0; r < count; r++) rows[r] = vectors[r];
        rtvi_near_select(RTV_ISA_SCALAR)(queries[1], rows, count, dim, expected);
        for (size_t i = 0; i < 2 && isas[i] <= rtvi_cpu_isa(); i++) {
            rtvi_near_select(isas[i])(queries[1], rows, count, dim, got);
            for (size_t r = 0; r < count; r++)
                if (!isnan(got[r]) || !isnan(expected[r])) assert_int_equal(test_bits(got[r]), test_bits(expected[r]));
        }
        rtvi_codes_encode(RTV_ISA_ANY, queries[1], 1, dim, record);
        for (size_t r = 0; r < count; r++) {
            const rtvi_coarse_head *a = (const rtvi_coarse_head *)(const void *)record;
            const rtvi_coarse_head *b = (const rtvi_coarse_head *)(const void *)(records + r * rtvi_codes_size(dim));
            const float slack = rtvi_near_slack(dim, a->length + a->rest, b->length + b->rest);
            const float exact = test_canonical_dot(queries[1], vectors[r], dim);
            assert_false(exact > expected[r] + slack || exact < expected[r] - slack);
        }
    }
}

/* 16-bit codes: the same bytes and scores in every form, sums that do not overflow, and bounds that hold, in most cases much closer ones.
 */
static void fine_scores(void **state) {
    static const int32_t isas[] = {RTV_ISA_AVX2, RTV_ISA_AVX512, RTV_ISA_AVX512_VNNI};
    static _Alignas(64) uint8_t fine[RTVI_FINE_OTHERS + 1][RTVI_FINE_HEAD + 2 * MAX_DIM + 64], same[sizeof fine[0]];
    size_t closer = 0, looked = 0;
    float rest[RTVI_FINE_OTHERS + 1];
    (void)state;
    for (size_t round = 0; round < 400; round++) {
        const size_t dim = round % 7 ? 1 + round * 3 : MAX_DIM, count = 1 + round % RTVI_FINE_OTHERS;
        const void *others[RTVI_FINE_OTHERS];
        float expected[RTVI_FINE_OTHERS], got[RTVI_FINE_OTHERS], length_slope, rest_slope;
        if (dim > MAX_DIM) continue;
        fill(round + 1, dim);
        for (size_t r = 0; r <= count; r++) {
            const float *x = r < count ? vectors[r] : queries[round % 2];
            const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)record;
            rtvi_codes_encode(RTV_ISA_ANY, x, 1, dim, record);
            rest[r] = head->rest;
            memset(fine[r], 0, sizeof fine[r]);
            memset(same, 0, sizeof same);
            rtvi_fine_select_encode(RTV_ISA_SCALAR)(x, dim, head->length + head->rest, fine[r]);
            for (size_t i = 0; i < 3 && isas[i] <= rtvi_cpu_isa(); i++) {
                rtvi_fine_select_encode(isas[i])(x, dim, head->length + head->rest, same);
                assert_memory_equal(same, fine[r], rtvi_fine_size(dim));
            }
            if (r < count) others[r] = fine[r];
        }
        rtvi_fine_select_scores(RTV_ISA_SCALAR)(fine[count], others, count, dim, expected);
        for (size_t i = 0; i < 3 && isas[i] <= rtvi_cpu_isa(); i++) {
            rtvi_fine_select_scores(isas[i])(fine[count], others, count, dim, got);
            for (size_t r = 0; r < count; r++) assert_int_equal(test_bits(got[r]), test_bits(expected[r]));
        }
        rtvi_coarse_slopes((const rtvi_coarse_head *)(const void *)fine[count], &length_slope, &rest_slope);
        for (size_t r = 0; r < count; r++) {
            const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)fine[r];
            const float slack = rtvi_coarse_slack(head, length_slope, rest_slope);
            const float exact = test_canonical_dot(queries[round % 2], vectors[r], dim);
            assert_false(exact > expected[r] + slack || exact < expected[r] - slack);
            looked++;
            closer += head->rest < rest[r] / 10;
        }
    }
    assert_true(closer * 4 > looked); /* the others are described well by 8 bits, or by none */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_forms_and_bounds), cmocka_unit_test(extreme_codes), cmocka_unit_test(records_are_the_same_everywhere),
        cmocka_unit_test(lies_are_seen),        cmocka_unit_test(near_scores),   cmocka_unit_test(fine_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
