/* test_base_arithmetic.c - the arithmetic of a thread is set and comes back. */
#include "support.h"

#include <float.h>

#include "base/base_arithmetic.h"

static volatile float third = 3, tiny = FLT_MIN;

static void set_and_restored(void **state) {
    const float nearest = 1 / third;
    rtvi_arithmetic before;
    (void)state;
    assert_int_equal(fesetround(FE_DOWNWARD), 0);
    feclearexcept(FE_ALL_EXCEPT);
    assert_true(1 / third < nearest);
#if defined(__SSE2_MATH__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); /* flush to zero, denormals are zero */
    assert_true(tiny / 2 == 0);
#endif
    feclearexcept(FE_ALL_EXCEPT);
    rtvi_arithmetic_set(&before);
    assert_true(1 / third == nearest);
    assert_true(tiny / 2 > 0);
    rtvi_arithmetic_restore(&before);
    assert_int_equal(fetestexcept(FE_INEXACT), 0); /* what was done in between leaves no flags */
    assert_true(1 / third < nearest);
#if defined(__SSE2_MATH__)
    assert_true(tiny / 2 == 0);
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040u);
#endif
    fesetround(FE_TONEAREST);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(set_and_restored)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
