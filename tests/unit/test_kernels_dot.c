/* test_kernels_dot.c - the canonical inner product: every form against the definition, bit for bit. */
#include "support_flat.h"

#include "base/base_cpu.h"
#include "kernels/kernels_dot.h"

enum { MAX_DIM = 1536, MAX_ROWS = 11 };

static float queries[RTVI_DOT_PANEL * MAX_DIM];
static float gallery[MAX_ROWS * MAX_DIM + 1];

static void check_form(rtvi_dot_panel_fn dot, size_t num_queries, size_t dim, size_t num_rows, size_t shift) {
    double *panel = aligned_alloc(64, rtvi_dot_panel_size(num_queries, dim) * sizeof *panel);
    const float *rows[MAX_ROWS];
    float scores[RTVI_DOT_PANEL][MAX_ROWS + 2];
    assert_non_null(panel);
    memset(scores, 0x7f, sizeof scores);
    for (size_t r = 0; r < num_rows; r++) rows[r] = gallery + shift + r * dim;
    rtvi_dot_pack(queries, num_queries, dim, panel);
    dot(panel, num_queries, dim, rows, num_rows, &scores[0][0], MAX_ROWS + 2);
    for (size_t q = 0; q < RTVI_DOT_PANEL; q++) {
        for (size_t r = 0; r < MAX_ROWS + 2; r++) {
            uint32_t expected = 0x7f7f7f7f; /* untouched */
            if (q < num_queries && r < num_rows) expected = test_bits(test_canonical_dot(queries + q * dim, rows[r], dim));
            if (test_bits(scores[q][r]) != expected)
                fail_msg("dim %zu, query %zu of %zu, row %zu of %zu: %08x, expected %08x", dim, q, num_queries, r, num_rows,
                         test_bits(scores[q][r]), expected);
        }
    }
    free(panel);
}

static void check_forms(size_t num_queries, size_t dim, size_t num_rows, size_t shift) {
    static const int32_t isas[] = {RTV_ISA_SCALAR, RTV_ISA_AVX2, RTV_ISA_AVX512, RTV_ISA_ANY};
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        int32_t isa = isas[i] == RTV_ISA_ANY ? rtvi_cpu_isa() : isas[i];
        if (isa <= rtvi_cpu_isa()) check_form(rtvi_dot_select(isa), num_queries, dim, num_rows, shift);
    }
}

static void fill(uint64_t seed) {
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) queries[i] = test_random_float(&seed);
    for (size_t i = 0; i < sizeof gallery / sizeof *gallery; i++) gallery[i] = test_random_float(&seed);
}

static void small_shapes(void **state) {
    (void)state;
    fill(1);
    for (size_t dim = 1; dim <= 26; dim++) {
        for (size_t num_queries = 1; num_queries <= RTVI_DOT_PANEL; num_queries++) {
            for (size_t num_rows = 1; num_rows <= MAX_ROWS; num_rows++) check_forms(num_queries, dim, num_rows, dim % 2);
        }
    }
}

static void long_vectors(void **state) {
    (void)state;
    fill(2);
    check_forms(1, 1536, 11, 0);
    check_forms(6, 1536, 11, 1);
    check_forms(5, 1535, 9, 1);
}

/* Cancellation, denormals and the ends of the exponent range: sums that another order would round otherwise. */
static void awkward_values(void **state) {
    static const float values[] = {0.0F,           -0.0F, 1e-45F, -1e-45F,    1.1754944e-38F, 3.4028235e38F,
                                   -3.4028235e38F, 1.0F,  -1.0F,  1.0000001F, 1e20F,          -1e20F};
    uint64_t seed = 3;
    (void)state;
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) queries[i] = values[test_random(&seed) % 12];
    for (size_t i = 0; i < sizeof gallery / sizeof *gallery; i++) gallery[i] = values[test_random(&seed) % 12];
    for (size_t dim = 1; dim <= 64; dim++) check_forms(1 + dim % RTVI_DOT_PANEL, dim, MAX_ROWS, 0);
}

/* Would show a form that sums in float32 or in another order. */
static void order_matters(void **state) {
    static const float ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    const float row[16] = {1e30F, 1, 1, 1, 1, 1, 1, 1, -1e30F, 1, 1, 1, 1, 1, 1, 1};
    (void)state;
    assert_true(test_canonical_dot(ones, row, 16) == 14.0F); /* 1e30 - 1e30 meet in lane 0, before anything is lost */
    memcpy(queries, ones, sizeof ones);
    memcpy(gallery, row, sizeof row);
    check_forms(1, 16, 1, 0);
}

static void nonfinite_is_found(void **state) {
    float x[300];
    (void)state;
    for (size_t count = 0; count < 300; count++) {
        for (size_t i = 0; i < 300; i++) x[i] = i % 2 ? 3.4028235e38F : -1e-45F;
        assert_int_equal(rtvi_dot_first_nonfinite(x, count), count);
        x[count] = NAN;
        assert_int_equal(rtvi_dot_first_nonfinite(x, count), count); /* past the end */
        assert_int_equal(rtvi_dot_first_nonfinite(x, 300), count);
        x[count] = -INFINITY;
        if (count > 0) x[count - 1] = INFINITY;
        assert_int_equal(rtvi_dot_first_nonfinite(x, 300), count > 0 ? count - 1 : 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_shapes),  cmocka_unit_test(long_vectors),       cmocka_unit_test(awkward_values),
        cmocka_unit_test(order_matters), cmocka_unit_test(nonfinite_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
