/* test_eval_table.c - means by class and their intervals. tests/golden/make_evaluation.py has the values that a whole evaluation is held
 * against. */
#include <math.h>

#include "support.h"

#include "eval/eval_random.h"
#include "eval/eval_table.h"

static const int32_t classes[] = {7, -3, 7, 2, 7};
static const int64_t relevant[] = {2, 0, 2, 0, 0};
static const double rows[] = {1, 0.5, 0, 0, 0, 0.25, 0, 0, 0, 0}; /* [5][2] */

static void means(void **state) {
    test_heap heap;
    rtvi_env env;
    rtvi_eval_table table;
    rtv_metric_value value;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_eval_table_build(&env, classes, relevant, rows, 5, 2, &table, NULL), RTV_OK);
    assert_int_equal(table.num_classes, 3);
    assert_int_equal(table.classes[0].class_id, -3);
    assert_int_equal(table.classes[2].class_id, 7);
    assert_int_equal(table.classes[2].num_queries, 3);
    assert_int_equal(table.classes[2].num_answerable, 2);
    value = rtvi_eval_table_mean(&table, 0, RTV_RULE_MISS);
    assert_true(value.value == 0.2 && isnan(value.low) && isnan(value.high));
    assert_true(rtvi_eval_table_mean(&table, 1, RTV_RULE_LEFT_OUT).value == 0.375);
    assert_true(rtvi_eval_table_class_mean(&table, 2, 1, RTV_RULE_MISS) == 0.25);
    assert_true(rtvi_eval_table_class_mean(&table, 0, 1, RTV_RULE_MISS) == 0);
    assert_true(isnan(rtvi_eval_table_class_mean(&table, 0, 1, RTV_RULE_LEFT_OUT)));
    assert_int_equal(rtvi_eval_table_bootstrap(&env, &table, 500, 0.95, 1, NULL), RTV_OK);
    value = rtvi_eval_table_mean(&table, 1, RTV_RULE_MISS);
    assert_true(value.low == 0); /* a draw without class 7 is likely enough */
    assert_true(value.high > 0.2 && value.high <= 0.25);
    value = rtvi_eval_table_mean(&table, 1, RTV_RULE_LEFT_OUT);
    assert_true(value.low == 0.375 && value.high == 0.375); /* draws without class 7 have no answerable query */
    rtvi_eval_table_destroy(&env, &table);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void one_class_has_no_interval(void **state) {
    test_heap heap;
    rtvi_env env;
    rtvi_eval_table table;
    rtv_metric_value value;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_eval_table_build(&env, classes, relevant, rows, 1, 2, &table, NULL), RTV_OK);
    assert_int_equal(rtvi_eval_table_bootstrap(&env, &table, 500, 0.95, 1, NULL), RTV_OK);
    value = rtvi_eval_table_mean(&table, 0, RTV_RULE_MISS);
    assert_true(value.value == 1 && isnan(value.low) && isnan(value.high));
    rtvi_eval_table_destroy(&env, &table);
    rtvi_env_destroy(&env);
}

static void no_memory(void **state) {
    test_heap heap;
    rtvi_env env;
    rtvi_eval_table table;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    test_env_init(&env, &heap);
    for (heap.fail_at = 1; status != RTV_OK; heap.fail_at++) {
        heap.calls = 0;
        status = rtvi_eval_table_build(&env, classes, relevant, rows, 5, 2, &table, NULL);
        if (status == RTV_OK) status = rtvi_eval_table_bootstrap(&env, &table, 5, 0.95, 1, NULL);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        rtvi_eval_table_destroy(&env, &table);
        assert_int_equal(heap.live, 0);
    }
    assert_int_equal(heap.fail_at, 7);
    rtvi_env_destroy(&env);
}

/* The first numbers of the reference implementation (https://prng.di.unimi.it/splitmix64.c), seed 1234567. */
static void random_numbers(void **state) {
    uint64_t seed = 1234567, seen[3] = {0};
    (void)state;
    assert_true(rtvi_eval_random(&seed) == UINT64_C(6457827717110365317));
    assert_true(rtvi_eval_random(&seed) == UINT64_C(3203168211198807973));
    for (int i = 0; i < 3000; i++) seen[rtvi_eval_draw(&seed, 3)]++;
    for (int i = 0; i < 3; i++) assert_true(seen[i] > 900 && seen[i] < 1100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means),
        cmocka_unit_test(one_class_has_no_interval),
        cmocka_unit_test(no_memory),
        cmocka_unit_test(random_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
