/* base_arithmetic.h - the arithmetic that our results are defined in, whatever the caller or another library has set: rounding to nearest,
 * denormals kept, no traps. */
#ifndef RTVI_BASE_ARITHMETIC_H
#define RTVI_BASE_ARITHMETIC_H

#include <fenv.h>
#include <stdint.h>

typedef struct rtvi_arithmetic {
#if defined(__SSE2_MATH__)
    uint32_t before; /* only what our arithmetic uses: saving all of the environment takes longer than a small search */
#else
    fenv_t before;
#endif
} rtvi_arithmetic;

void rtvi_arithmetic_set(rtvi_arithmetic *before);
/* As it was, its flags included. */
void rtvi_arithmetic_restore(const rtvi_arithmetic *before);

#endif
