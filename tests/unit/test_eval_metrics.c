/* test_eval_metrics.c - metrics of one query: worked out by hand, and from lists of results instead of ranks. */
#include <math.h>

#include "support_flat.h"

#include "eval/eval_metrics.h"

static const int64_t ks[] = {1, 3, 10};
enum { NUM_KS = 3, COLUMNS = 2 * NUM_KS + 4, LENGTH = 60 };

static void expect_row(const int64_t *ranks, size_t found, int64_t relevant, const double *expected) {
    double row[COLUMNS];
    rtvi_eval_row(ranks, found, relevant, ks, NUM_KS, row);
    for (size_t i = 0; i < COLUMNS; i++)
        if (!(fabs(row[i] - expected[i]) < 1e-15)) fail_msg("column %zu: got %.17g, expected %.17g", i, row[i], expected[i]);
}

static void by_hand(void **state) {
    static const int64_t ranks[] = {1, 4, 5}, late[] = {11}, none[] = {0};
    (void)state;
    /* R = 3: one relevant item among the first 3; average precision (1/1 + 2/4 + 3/5) / 3 */
    expect_row(ranks, 3, 3, (double[]){1, 1, 1, 1, 1.0 / 3, 0.3, 1.0 / 3, 1.0 / 3, 2.1 / 3, 1});
    /* two more that a filter hides */
    expect_row(ranks, 3, 5, (double[]){1, 1, 1, 1, 1.0 / 3, 0.3, 3.0 / 5, 2.1 / 5, 2.1 / 5, 1});
    expect_row(late, 1, 1, (double[]){0, 0, 0, 0, 0, 0, 0, 0, 1.0 / 11, 1.0 / 11});
    expect_row(none, 0, 2, (double[COLUMNS]){0});
    expect_row(none, 0, 0, (double[COLUMNS]){0});
}

/* The definitions over a list of results, place by place. */
static void from_list(const int *is_relevant, int64_t relevant, double *row) {
    double *last = row + 2 * NUM_KS;
    int64_t hits = 0;
    memset(row, 0, COLUMNS * sizeof *row);
    for (int64_t place = 1; place <= LENGTH; place++) {
        if (!is_relevant[place - 1]) continue;
        hits++;
        for (size_t i = 0; i < NUM_KS; i++) {
            if (place <= ks[i]) row[i] = 1;
            if (place <= ks[i]) row[NUM_KS + i] += 1.0 / (double)ks[i];
        }
        if (place <= relevant) last[0] += 1.0 / (double)relevant;
        if (place <= relevant) last[1] += (double)hits / (double)place / (double)relevant;
        last[2] += (double)hits / (double)place / (double)relevant;
        if (hits == 1) last[3] = 1.0 / (double)place;
    }
}

static void from_lists(void **state) {
    uint64_t random = 5;
    (void)state;
    for (int trial = 0; trial < 500; trial++) {
        int is_relevant[LENGTH];
        int64_t ranks[LENGTH], relevant;
        double expected[COLUMNS], row[COLUMNS];
        size_t found = 0;
        for (int i = 0; i < LENGTH; i++) {
            is_relevant[i] = test_random(&random) % 100 < (uint64_t)trial % 100;
            if (is_relevant[i]) ranks[found++] = i + 1;
        }
        relevant = (int64_t)(found + test_random(&random) % 3);
        from_list(is_relevant, relevant, expected);
        rtvi_eval_row(ranks, found, relevant, ks, NUM_KS, row);
        for (size_t i = 0; i < COLUMNS; i++) assert_true(fabs(row[i] - expected[i]) < 1e-13); /* sums of 60 terms in another order */
    }
}

static void columns(void **state) {
    size_t column;
    (void)state;
    assert_true(rtvi_eval_column(ks, NUM_KS, RTV_METRIC_RECALL, 3, &column));
    assert_int_equal(column, 1);
    assert_true(rtvi_eval_column(ks, NUM_KS, RTV_METRIC_PRECISION, 10, &column));
    assert_int_equal(column, 5);
    assert_true(rtvi_eval_column(ks, NUM_KS, RTV_METRIC_MRR, 0, &column));
    assert_int_equal(column, rtvi_eval_columns(NUM_KS) - 1);
    assert_false(rtvi_eval_column(ks, NUM_KS, RTV_METRIC_RECALL, 2, &column));
    assert_false(rtvi_eval_column(ks, NUM_KS, RTV_METRIC_MRR + 1, 1, &column));
    assert_false(rtvi_eval_column(ks, NUM_KS, 0, 1, &column));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(from_lists),
        cmocka_unit_test(columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
