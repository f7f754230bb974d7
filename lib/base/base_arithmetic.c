/* base_arithmetic.c - sets and restores the arithmetic of a thread. Functions of a file of their own: no compiler moves sums across them.
 */
#include "base/base_arithmetic.h"

#if defined(__SSE2_MATH__)

#define DEFAULT 0x1f80 /* all exceptions masked, nothing else set */

void rtvi_arithmetic_set(rtvi_arithmetic *before) {
    before->before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(DEFAULT);
}

void rtvi_arithmetic_restore(const rtvi_arithmetic *before) { __builtin_ia32_ldmxcsr(before->before); }

#else

void rtvi_arithmetic_set(rtvi_arithmetic *before) {
    fegetenv(&before->before);
    fesetenv(FE_DFL_ENV);
}

void rtvi_arithmetic_restore(const rtvi_arithmetic *before) { fesetenv(&before->before); }

#endif
