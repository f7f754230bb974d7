/* test_quant_factor.c - L' L gives the matrix back, for sizes around the block and for matrices without full rank. */
#include "support.h"
#include "quant_support.h"

#include "quant/quant_factor.h"

/* x' x of rank at most `rank`, its lower triangle in h; the rest is poison that must stay. */
static void fill(float *h, int64_t dim, int64_t rank, uint32_t *seed) {
    double *x = malloc((size_t)(dim * rank) * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < dim * rank; i++) x[i] = quant_normal(seed);
    for (int64_t i = 0; i < dim; i++) {
        for (int64_t j = 0; j < dim; j++) {
            double sum = 0;
            for (int64_t r = 0; r < rank && j <= i; r++) sum += x[i * rank + r] * x[j * rank + r];
            h[i * dim + j] = j <= i ? (float)sum : 12345;
        }
    }
    free(x);
}

static double mean_diagonal(const float *h, int64_t dim) {
    double sum = 0;
    for (int64_t i = 0; i < dim; i++) sum += (double)h[i * dim + i];
    return sum / (double)dim;
}

static void check(int64_t dim, int64_t rank, float damping, double tolerance) {
    uint32_t seed = (uint32_t)(dim * 7 + rank);
    float *h = malloc((size_t)(dim * dim) * sizeof *h), *l = malloc((size_t)(dim * dim) * sizeof *l);
    double mean;
    assert_non_null(h);
    assert_non_null(l);
    fill(h, dim, rank, &seed);
    memcpy(l, h, (size_t)(dim * dim) * sizeof *h);
    rtvi_quant_factor(l, dim, damping);
    mean = mean_diagonal(h, dim);
    for (int64_t i = 0; i < dim; i++) {
        assert_true(l[i * dim + i] > 0);
        for (int64_t j = 0; j <= i; j++) {
            double sum = 0, expected = (double)h[i * dim + j] + (i == j ? (double)damping * mean : 0);
            for (int64_t p = i; p < dim; p++) sum += (double)l[p * dim + i] * (double)l[p * dim + j];
            if (fabs(sum - expected) > tolerance * mean)
                fail_msg("%lld %lld: got %g, expected %g", (long long)i, (long long)j, sum, expected);
        }
        for (int64_t j = i + 1; j < dim; j++) assert_true(l[i * dim + j] == 12345);
    }
    free(h);
    free(l);
}

/* Float32 sums of dim products: an error of a few roundings of the largest. */
static void test_gives_the_matrix_back(void **state) {
    static const int64_t dims[] = {1, 2, 31, 32, 33, 36, 64, 100};
    (void)state;
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        check(dims[i], 2 * dims[i] + 3, 0.01f, 1e-5);
        check(dims[i], dims[i] / 4 + 1, 0.01f, 1e-5);
    }
}

static void test_nothing_at_all(void **state) {
    float h[9] = {0};
    (void)state;
    rtvi_quant_factor(h, 3, 0.01f);
    assert_true(h[0] == 1 && h[3] == 0 && h[4] == 1 && h[6] == 0 && h[7] == 0 && h[8] == 1);
}

/* Of an indefinite matrix something finite with positive pivots. */
static void test_indefinite(void **state) {
    float h[4] = {1, 0, 5, 1};
    (void)state;
    rtvi_quant_factor(h, 2, 0.01f);
    assert_true(isfinite(h[0]) && h[0] > 0 && h[3] > 0);
}

/* Runs of three channels: 0 1 | 2 | 3 4 | 5. */
static void test_pairs(void **state) {
    uint32_t seed = 9;
    float h[36], pairs[12];
    double damp;
    (void)state;
    fill(h, 6, 9, &seed);
    rtvi_quant_factor_pairs(h, 6, 3, 0.1f, pairs);
    damp = 0.1 * mean_diagonal(h, 6);
    for (int i = 0; i < 6; i += i % 3 == 2 ? 1 : 2) {
        const int second = i % 3 != 2 ? i + 1 : i;
        const double a = (double)pairs[2 * i], b = (double)pairs[2 * second], c = second != i ? (double)pairs[2 * second + 1] : 0;
        assert_true(fabs(a * a + c * c - ((double)h[i * 7] + damp)) < 1e-4);
        assert_true(pairs[2 * i + 1] == 0);
        if (second == i) continue;
        assert_true(fabs(b * b - ((double)h[second * 7] + damp)) < 1e-4);
        assert_true(fabs(b * c - (double)h[second * 6 + i]) < 1e-4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_matrix_back),
        cmocka_unit_test(test_nothing_at_all),
        cmocka_unit_test(test_indefinite),
        cmocka_unit_test(test_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
