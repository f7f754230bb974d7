/* test_eval_scores.c - histograms, and thresholds with ties, few scores and none. */
#include <math.h>

#include "support_flat.h"

#include "eval/eval_scores.h"

static void histograms(void **state) {
    static const float scores[] = {-1, 0, 0.24F, 0.25F, 0.999F, 1, 7, INFINITY};
    int64_t counts[4];
    (void)state;
    rtvi_eval_histogram(scores, 8, 0, 1, 4, counts);
    assert_int_equal(counts[0], 3);
    assert_int_equal(counts[1], 1);
    assert_int_equal(counts[2], 0);
    assert_int_equal(counts[3], 4);
    rtvi_eval_histogram(NULL, 0, 0, 1, 4, counts);
    assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], 0);
}

static void ties_are_all_refused_or_all_accepted(void **state) {
    static const float others[] = {0.9F, 0.5F, 0.5F, 0.5F, 0.1F}, sames[] = {0.9F, 0.5F, 0.2F};
    const rtvi_eval_nearest nearest = {others, sames, 5, 3, 10, 4};
    rtv_threshold t;
    (void)state;
    t = rtvi_eval_threshold(&nearest, 0.1); /* one of ten */
    assert_true(t.min_score == nextafterf(0.5F, 1) && t.false_accept_rate == 0.1 && t.false_reject_rate == 0.75);
    t = rtvi_eval_threshold(&nearest, 0.3); /* three of the four would have to be told apart from one as high */
    assert_true(t.min_score == nextafterf(0.5F, 1) && t.false_accept_rate == 0.1);
    t = rtvi_eval_threshold(&nearest, 0.4);
    assert_true(t.min_score == nextafterf(0.1F, 1) && t.false_accept_rate == 0.4 && t.false_reject_rate == 0.25);
    t = rtvi_eval_threshold(&nearest, 0.5);
    assert_true(t.min_score == -INFINITY && t.false_accept_rate == 0.5);
}

/* The rate is kept, and the next lower score would break it. */
static void least_threshold_that_keeps_the_rate(void **state) {
    uint64_t random = 3;
    (void)state;
    for (int trial = 0; trial < 2000; trial++) {
        float others[40];
        const size_t count = 1 + test_random(&random) % 40, queries = count + test_random(&random) % 3;
        const double rate = (double)(test_random(&random) % 101) / 100;
        const rtvi_eval_nearest nearest = {others, others, count, count, queries, count};
        rtv_threshold t;
        size_t above = 0, lower = 0;
        for (size_t i = 0; i < count; i++) others[i] = (float)(test_random(&random) % 12) / 8 - 0.5F;
        rtvi_eval_sort_descending(others, count);
        for (size_t i = 1; i < count; i++) assert_true(others[i - 1] >= others[i]);
        t = rtvi_eval_threshold(&nearest, rate);
        for (size_t i = 0; i < count; i++) above += others[i] >= t.min_score;
        for (size_t i = 0; i < count; i++) lower += others[i] >= nextafterf(t.min_score, -INFINITY);
        assert_true(t.false_accept_rate == (double)above / (double)queries);
        assert_true(t.false_accept_rate <= rate);
        assert_true(t.min_score == -INFINITY || (double)lower / (double)queries > rate);
        assert_true(t.false_reject_rate == 1 - (double)above / (double)count);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(histograms),
        cmocka_unit_test(ties_are_all_refused_or_all_accepted),
        cmocka_unit_test(least_threshold_that_keeps_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
