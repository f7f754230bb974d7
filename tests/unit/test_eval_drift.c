/* test_eval_drift.c - the statistics of a drift report, against numbers of Python (math.comb, the formula of Bonett and Price, NumPy). */
#include "support.h"

#include <math.h>

#include "eval/eval_drift.h"

/* Sums of a few hundred terms in another order than Python's. */
#define TOLERANCE 1e-12

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= TOLERANCE)) fail_msg("got %.17g, expected %.17g", got, expected);
}

static void mcnemar_is_exact(void **state) {
    static const struct {
        int64_t gained, lost;
        double p;
    } cases[] = {
        {0, 0, 1}, {3, 3, 1}, {0, 5, 0.0625}, {10, 2, 0.03857421875}, {40, 17, 0.003201543767450382}, {500, 430, 0.023608839292547198}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_near(rtvi_eval_mcnemar(cases[i].gained, cases[i].lost), cases[i].p);
        assert_near(rtvi_eval_mcnemar(cases[i].lost, cases[i].gained), cases[i].p);
    }
}

static void many_changes_do_not_underflow_to_nothing(void **state) {
    (void)state;
    assert_true(rtvi_eval_mcnemar(50000, 50000) == 1); /* 2^-100000 is the first term */
    assert_true(rtvi_eval_mcnemar(50000, 49900) > 0.7 && rtvi_eval_mcnemar(50000, 49900) < 0.8);
    assert_true(rtvi_eval_mcnemar(60000, 40000) < 1e-300);
}

static void intervals(void **state) {
    double low, high;
    (void)state;
    rtvi_eval_paired_interval(1940, 3, 12, &low, &high);
    assert_near(low, -0.008790534957406039);
    assert_near(high, -0.0004782600992365984);
    rtvi_eval_paired_interval(100, 0, 0, &low, &high);
    assert_near(low, -0.027174584791170155);
    assert_near(high, 0.027174584791170155);
    rtvi_eval_paired_interval(2, 0, 2, &low, &high); /* a proportion cannot fall by more than all of it */
    assert_true(low == -1);
    assert_near(high, 0.34868930055712877);
}

static void changes_are_counted_at_each_k(void **state) {
    static const int32_t a[] = {1, 1, 2, 0, 5, 3, 0}, b[] = {1, 2, 1, 4, 0, 3, 0};
    rtvi_eval_change change = rtvi_eval_compare_ranks(a, b, 7, 1);
    double low, high;
    (void)state;
    assert_int_equal(change.right_a, 2);
    assert_int_equal(change.right_b, 2);
    assert_int_equal(change.gained, 1);
    assert_int_equal(change.lost, 1);
    assert_true(change.p_value == 1 && change.low == -change.high);
    change = rtvi_eval_compare_ranks(a, b, 7, 4);
    assert_int_equal(change.right_a, 4);
    assert_int_equal(change.right_b, 5);
    assert_int_equal(change.gained, 1);
    assert_int_equal(change.lost, 0);
    rtvi_eval_paired_interval(7, 1, 0, &low, &high);
    assert_true(change.low == low && change.high == high);
    change = rtvi_eval_compare_ranks(a, b, 7, 1000);
    assert_int_equal(change.gained, 1);
    assert_int_equal(change.lost, 1);
}

static void no_query_is_no_change(void **state) {
    const rtvi_eval_change change = rtvi_eval_compare_ranks(NULL, NULL, 0, 1);
    (void)state;
    assert_true(change.p_value == 1 && change.low == 0 && change.high == 0 && change.right_a == 0);
}

static void cosines(void **state) {
    static const float a[] = {3, 4, 0}, b[] = {4, -3, 0}, c[] = {6, 8, 0}, d[] = {3, 4, 5}, zero[3];
    (void)state;
    assert_true(rtvi_eval_cosine(a, b, 3) == 0);
    assert_near(rtvi_eval_cosine(a, c, 3), 1);
    assert_near(rtvi_eval_cosine(a, d, 3), sqrt(0.5));
    assert_true(rtvi_eval_cosine(a, zero, 3) == 0);
}

static void quantiles(void **state) {
    static const double sorted[] = {-1, 0, 2, 10, 11};
    (void)state;
    assert_true(rtvi_eval_quantile(sorted, 5, 0) == -1);
    assert_true(rtvi_eval_quantile(sorted, 5, 1) == 11);
    assert_true(rtvi_eval_quantile(sorted, 5, 0.5) == 2);
    assert_near(rtvi_eval_quantile(sorted, 5, 0.05), -0.8);
    assert_near(rtvi_eval_quantile(sorted, 5, 0.9), 10.6);
    assert_true(rtvi_eval_quantile(sorted, 1, 0.01) == -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcnemar_is_exact),
        cmocka_unit_test(many_changes_do_not_underflow_to_nothing),
        cmocka_unit_test(intervals),
        cmocka_unit_test(changes_are_counted_at_each_k),
        cmocka_unit_test(no_query_is_no_change),
        cmocka_unit_test(cosines),
        cmocka_unit_test(quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
