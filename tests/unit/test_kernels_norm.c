/* test_kernels_norm.c - unit length and the most probable class. */
#include "support.h"

#include <math.h>

#include "kernels/kernels.h"

static void test_unit_length(void **state) {
    float x[1537], out[1537];
    (void)state;
    for (int count = 1; count <= 1537; count += count < 40 ? 1 : 499) {
        long double squares = 0.0L;
        for (int i = 0; i < count; i++) x[i] = (float)((i * 37 % 101) - 50) * 0.37f + 0.01f;
        for (int i = 0; i < count; i++) squares += (long double)x[i] * (long double)x[i];
        rtvi_l2_normalize(x, count, 1e-12f, out);
        for (int i = 0; i < count; i++) {
            double exact = (double)((long double)x[i] / sqrtl(squares));
            assert_true(fabs((double)out[i] - exact) <= 0x1p-24 * 1.000001 * fabs(exact)); /* half a unit in the last place: one rounding */
        }
    }
}

static void test_in_place_and_epsilon(void **state) {
    float x[] = {3.0f, 4.0f}, tiny[] = {3e-20f, 4e-20f}, zero[] = {0.0f, 0.0f}, broken[] = {1.0f, NAN}, huge[] = {3e38f, 3e38f};
    (void)state;
    rtvi_l2_normalize(x, 2, 1e-12f, x);
    assert_true(x[0] == 0.6f && x[1] == 0.8f);
    rtvi_l2_normalize(tiny, 2, 1e-12f, tiny); /* shorter than epsilon: divided by epsilon */
    assert_true(tiny[0] == (float)((double)3e-20f / (double)1e-12f) && tiny[1] == (float)((double)4e-20f / (double)1e-12f));
    rtvi_l2_normalize(zero, 2, 1e-12f, zero);
    assert_true(zero[0] == 0.0f && zero[1] == 0.0f);
    rtvi_l2_normalize(broken, 2, 1e-12f, broken);
    assert_true(isnan(broken[0]) && isnan(broken[1]));
    rtvi_l2_normalize(huge, 2, 1e-12f, huge); /* the squares would overflow float32 */
    assert_true(huge[0] == (float)(1.0 / sqrt(2.0)));
}

static void test_most_probable_class(void **state) {
    const float x[] = {1.0f, 3.0f, 2.0f, 3.0f}, broken[] = {1.0f, NAN, 5.0f, NAN}, large[] = {-1e30f, 1e30f}, one[] = {-7.0f};
    float probability;
    (void)state;
    assert_int_equal(rtvi_argmax_softmax(x, 4, &probability), 1); /* the first of equals */
    assert_true(fabs((double)probability - 1.0 / (2.0 + exp(-1.0) + exp(-2.0))) < 1e-7);
    assert_int_equal(rtvi_argmax_softmax(large, 2, &probability), 1); /* exp(1e30) alone would overflow */
    assert_true(probability == 1.0f);
    assert_int_equal(rtvi_argmax_softmax(one, 1, &probability), 0);
    assert_true(probability == 1.0f);
    assert_int_equal(rtvi_argmax_softmax(broken, 4, &probability), 1);
    assert_true(isnan(probability));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unit_length),
        cmocka_unit_test(test_in_place_and_epsilon),
        cmocka_unit_test(test_most_probable_class),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
