/* test_quant_stats.c - statistics of activations: each estimator against its definition, the same bits in any order and on many threads. */
#include "support.h"
#include "quant_support.h"

#include <pthread.h>

#include "quant/quant_stats.h"

#define SAMPLES 40
#define CHANNELS 3
#define AREA 700 /* so many that a quantile of 1e-4 lies between two values */
#define COUNT (CHANNELS * AREA)

enum { ALL = RTVI_QUANT_MEANS | RTVI_QUANT_QUANTILES | RTVI_QUANT_HISTOGRAM };

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_quant_stats *stats;
static float data[SAMPLES][COUNT];

static int setup(void **state) {
    uint32_t seed = 77;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_quant_stats_create(&env, SAMPLES, &stats, &error), RTV_OK);
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < COUNT; i++) data[s][i] = (float)(quant_normal(&seed) * (1 + s % 5) + i / AREA);
    data[7][3] = 100; /* an outlier */
    for (int s = 0; s < SAMPLES; s++)
        for (int i = 0; i < 50; i++) data[s][i * 11] = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_quant_stats_destroy(stats);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

static rtvi_tensor tensor_of(const float *values) {
    const int64_t dims[] = {1, CHANNELS, 7, AREA / 7};
    return rtvi_tensor_contiguous(RTVI_F32, 4, dims, values);
}

static int32_t add(rtvi_quant_stats *to, int64_t sample) {
    const rtvi_tensor tensor = tensor_of(data[sample]);
    return rtvi_quant_stats_add(to, sample, "v", &tensor, &error);
}

static void add_all(rtvi_quant_stats *to, uint32_t what) {
    assert_int_equal(rtvi_quant_stats_track(to, "v", CHANNELS, what, &error), RTV_OK);
    for (int s = 0; s < SAMPLES; s++) assert_int_equal(add(to, s), RTV_OK);
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* numpy.quantile of the default kind; sorts. */
static double quantile(double *values, int count, double share) {
    const double at = share * (count - 1);
    const int below = (int)at;
    qsort(values, (size_t)count, sizeof *values, ascending);
    return values[below] + (at - below) * (below + 1 < count ? values[below + 1] - values[below] : 0);
}

/* One border of every sample: the minimum (low 1) or the maximum, or the quantile. */
static void borders(int low, int is_quantile, double out[SAMPLES]) {
    static double values[COUNT];
    for (int s = 0; s < SAMPLES; s++) {
        for (int i = 0; i < COUNT; i++) values[i] = (double)data[s][i];
        out[s] = quantile(values, COUNT, is_quantile ? (low ? 1e-4 : 1 - 1e-4) : (low ? 0 : 1));
    }
}

static double mean_between(const double *values, double low, double high) {
    double sum = 0;
    int count = 0;
    for (int i = 0; i < SAMPLES; i++)
        if (values[i] >= low && values[i] <= high) sum += values[i], count++;
    return sum / count;
}

static double expected_border(rtvi_quant_estimator estimator, int low) {
    double values[SAMPLES], lowest, highest;
    borders(low, estimator == RTVI_QUANT_QUANTILE, values);
    if (estimator == RTVI_QUANT_MIN_MAX) return quantile(values, SAMPLES, low ? 0 : 1);
    if (estimator == RTVI_QUANT_MEDIAN) return quantile(values, SAMPLES, 0.5);
    if (estimator != RTVI_QUANT_NO_OUTLIERS) return mean_between(values, -1e30, 1e30);
    lowest = quantile(values, SAMPLES, 1e-4);
    highest = quantile(values, SAMPLES, 1 - 1e-4);
    return mean_between(values, lowest, highest);
}

static void test_estimators(void **state) {
    (void)state;
    add_all(stats, ALL);
    for (int e = 0; e < RTVI_QUANT_SQUARED_ERROR; e++) {
        rtvi_quant_range range;
        assert_int_equal(rtvi_quant_stats_range(stats, "v", (rtvi_quant_estimator)e, RTVI_QUANT_MIXED, &range, &error), RTV_OK);
        /* one rounding to float32, and quantiles of samples are kept in float32 */
        assert_float_equal(range.lo, expected_border((rtvi_quant_estimator)e, 1), 1e-6);
        assert_float_equal(range.hi, expected_border((rtvi_quant_estimator)e, 0), 2e-5);
    }
    assert_int_equal(rtvi_quant_stats_count(stats, "v"), SAMPLES);
    assert_int_equal(rtvi_quant_stats_count(stats, "w"), 0);
}

static void test_means(void **state) {
    double means[CHANNELS];
    (void)state;
    add_all(stats, RTVI_QUANT_MEANS);
    assert_int_equal(rtvi_quant_stats_means(stats, "v", means, &error), RTV_OK);
    for (int c = 0; c < CHANNELS; c++) {
        double sum = 0;
        for (int s = 0; s < SAMPLES; s++)
            for (int i = 0; i < AREA; i++) sum += (double)data[s][c * AREA + i];
        assert_true(fabs(means[c] - sum / (SAMPLES * AREA)) < 1e-13);
    }
}

/* Mean squared error of all values in codes of a range. */
static double error_in(rtvi_quant_range range) {
    const rtvi_code_type codes = rtvi_quant_params_activation(range, RTVI_QUANT_MIXED);
    double sum = 0;
    for (int s = 0; s < SAMPLES; s++) {
        for (int i = 0; i < COUNT; i++) {
            const double lost = (double)data[s][i] - (double)rtvi_quant_params_decode(codes, rtvi_quant_params_encode(codes, data[s][i]));
            sum += lost * lost;
        }
    }
    return sum / (SAMPLES * COUNT);
}

/* The histogram's choice is nearly the best of the ranges that the search could try, by the values themselves. */
static void test_squared_error(void **state) {
    rtvi_quant_range found, seen;
    double least = INFINITY;
    (void)state;
    data[7][3] = 40; /* so far out that it pays to keep it in part */
    add_all(stats, ALL);
    assert_int_equal(rtvi_quant_stats_range(stats, "v", RTVI_QUANT_SQUARED_ERROR, RTVI_QUANT_MIXED, &found, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_range(stats, "v", RTVI_QUANT_MIN_MAX, RTVI_QUANT_MIXED, &seen, &error), RTV_OK);
    for (int lo = 40; lo <= 100; lo += 4) {
        for (int hi = 20; hi <= 100; hi += 4) {
            const double lost = error_in((rtvi_quant_range){seen.lo * (float)lo / 100, seen.hi * (float)hi / 100});
            if (lost < least) least = lost;
        }
    }
    assert_true(found.hi < 0.9f * seen.hi);
    assert_true(error_in(found) < error_in(seen));
    assert_true(error_in(found) < 1.02 * least); /* bins stand for their middles */
}

/* --- order and threads --- */

static void expect_same(const rtvi_quant_stats *other) {
    double means[2][CHANNELS];
    for (int e = 0; e < RTVI_QUANT_ESTIMATOR_COUNT; e++) {
        rtvi_quant_range a, b;
        assert_int_equal(rtvi_quant_stats_range(stats, "v", (rtvi_quant_estimator)e, RTVI_QUANT_MIXED, &a, &error), RTV_OK);
        assert_int_equal(rtvi_quant_stats_range(other, "v", (rtvi_quant_estimator)e, RTVI_QUANT_MIXED, &b, &error), RTV_OK);
        assert_memory_equal(&a, &b, sizeof a);
    }
    assert_int_equal(rtvi_quant_stats_means(stats, "v", means[0], &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_means(other, "v", means[1], &error), RTV_OK);
    assert_memory_equal(means[0], means[1], sizeof means[0]);
}

static void test_any_order(void **state) {
    rtvi_quant_stats *other;
    (void)state;
    add_all(stats, ALL);
    for (int step = 3; step < SAMPLES; step += 4) { /* all odd; those prime to 40 go through all samples */
        if (step % 5 == 0) continue;
        assert_int_equal(rtvi_quant_stats_create(&env, SAMPLES, &other, &error), RTV_OK);
        assert_int_equal(rtvi_quant_stats_track(other, "v", CHANNELS, ALL, &error), RTV_OK);
        for (int s = 0; s < SAMPLES; s++) assert_int_equal(add(other, (s + 1) * step % SAMPLES), RTV_OK);
        expect_same(other);
        rtvi_quant_stats_destroy(other);
    }
}

typedef struct job {
    rtvi_quant_stats *to;
    int first;
    int failures;
} job;

static void *add_some(void *arg) {
    job *j = arg;
    for (int s = j->first; s < SAMPLES; s += 4) {
        const rtvi_tensor tensor = tensor_of(data[s]);
        j->failures += rtvi_quant_stats_add(j->to, s, "v", &tensor, NULL) != RTV_OK;
    }
    return NULL;
}

static void test_threads(void **state) {
    rtvi_quant_stats *other;
    pthread_t threads[4];
    job jobs[4];
    (void)state;
    add_all(stats, ALL);
    assert_int_equal(rtvi_quant_stats_create(&env, SAMPLES, &other, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_track(other, "v", CHANNELS, ALL, &error), RTV_OK);
    for (int t = 0; t < 4; t++) {
        jobs[t] = (job){other, t, 0};
        assert_int_equal(pthread_create(&threads[t], NULL, add_some, &jobs[t]), 0);
    }
    for (int t = 0; t < 4; t++) {
        pthread_join(threads[t], NULL);
        assert_int_equal(jobs[t].failures, 0);
    }
    expect_same(other);
    rtvi_quant_stats_destroy(other);
}

/* --- bad input --- */

static void test_not_finite(void **state) {
    static float bad[COUNT];
    const rtvi_tensor tensor = tensor_of(bad);
    const float values[] = {NAN, INFINITY, -INFINITY, 3e38f};
    (void)state;
    assert_int_equal(rtvi_quant_stats_track(stats, "v", CHANNELS, ALL, &error), RTV_OK);
    for (int i = 0; i < 4; i++) {
        for (int at = 0; at < COUNT; at += 333) {
            bad[at] = values[i];
            assert_int_equal(rtvi_quant_stats_add(stats, 5, "v", &tensor, &error), RTV_E_FORMAT);
            assert_contains(error.message, "quantizer: value \"v\" of sample 5: got ");
            bad[at] = 0;
        }
    }
    assert_int_equal(rtvi_quant_stats_count(stats, "v"), 0);
    assert_int_equal(rtvi_quant_stats_add(stats, 5, "v", &tensor, &error), RTV_OK);
}

static void test_bad_arguments(void **state) {
    const int64_t dims[] = {1, 4, 7, 100};
    const rtvi_tensor wrong = rtvi_tensor_contiguous(RTVI_F32, 4, dims, data), bytes = rtvi_tensor_contiguous(RTVI_U8, 4, dims, data);
    rtvi_quant_stats *other;
    rtvi_quant_range range;
    double means[CHANNELS];
    (void)state;
    assert_int_equal(rtvi_quant_stats_create(&env, 0, &other, &error), RTV_E_INVALID_ARGUMENT);
    assert_string_equal(error.message, "quantizer: samples: got 0, expected 1..32768");
    assert_int_equal(rtvi_quant_stats_track(stats, "v", CHANNELS, 0, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_range(stats, "v", RTVI_QUANT_MIN_MAX, RTVI_QUANT_MIXED, &range, &error), RTV_E_NOT_FOUND);
    assert_string_equal(error.message, "quantizer: value \"v\": got no sample, expected at least one");
    assert_int_equal(rtvi_quant_stats_add(stats, 0, "v", &wrong, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "got F32 [1,4,7,100], expected dense F32 of one sample and 3 channels");
    assert_int_equal(rtvi_quant_stats_add(stats, 0, "v", &bytes, &error), RTV_E_MISMATCH);
    assert_int_equal(rtvi_quant_stats_add(stats, 0, "unknown", &wrong, &error), RTV_OK);
    assert_int_equal(add(stats, 0), RTV_OK);
    assert_int_equal(add(stats, 0), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "got sample 0 again");
    {
        const rtvi_tensor tensor = tensor_of(data[0]);
        assert_int_equal(rtvi_quant_stats_add(stats, SAMPLES, "v", &tensor, &error), RTV_E_INVALID_ARGUMENT);
        assert_string_equal(error.message, "quantizer: sample: got number 40, expected 0..39");
        assert_int_equal(rtvi_quant_stats_add(stats, -1, "v", &tensor, &error), RTV_E_INVALID_ARGUMENT);
    }
    assert_int_equal(rtvi_quant_stats_range(stats, "v", RTVI_QUANT_QUANTILE, RTVI_QUANT_MIXED, &range, &error), RTV_E_NOT_FOUND);
    assert_int_equal(rtvi_quant_stats_means(stats, "v", means, &error), RTV_E_NOT_FOUND);
    assert_contains(error.message, "value \"v\": got statistics 0x0, expected 0x1");
}

static void test_names(void **state) {
    (void)state;
    for (int e = 0; e < RTVI_QUANT_ESTIMATOR_COUNT; e++)
        assert_int_equal(rtvi_quant_stats_find_estimator(rtvi_quant_stats_estimator_name((rtvi_quant_estimator)e)), e);
    assert_int_equal(rtvi_quant_stats_find_estimator("average"), RTVI_QUANT_ESTIMATOR_COUNT);
    assert_int_equal(rtvi_quant_stats_needs(RTVI_QUANT_SQUARED_ERROR), RTVI_QUANT_HISTOGRAM);
}

static void test_allocation_failures(void **state) {
    long n = 0;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    while (status != RTV_OK) {
        heap.fail_at = heap.calls + ++n;
        status = rtvi_quant_stats_track(stats, "v", CHANNELS, ALL, &error);
        if (status == RTV_OK) status = add(stats, 0);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        heap.fail_at = 0;
    }
    assert_in_range(n, 4, 20);
    assert_int_equal(rtvi_quant_stats_count(stats, "v"), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_estimators, setup, teardown),
        cmocka_unit_test_setup_teardown(test_means, setup, teardown),
        cmocka_unit_test_setup_teardown(test_squared_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_finite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_arguments, setup, teardown),
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
