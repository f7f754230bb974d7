/* tensor_codes.h - what 8-bit codes mean: a code q stands for (q - zero_point) * scale. docs/quantization.md has the formulas; every step
 * of them is one rounding to float32, so that all processors and compilers give the same bits. */
#ifndef RTVI_TENSOR_CODES_H
#define RTVI_TENSOR_CODES_H

#include <float.h>
#include <stdint.h>

#include "tensor/tensor.h"

_Static_assert(FLT_EVAL_METHOD == 0, "float32 arithmetic must round to float32 after every operation");

typedef struct rtvi_code_type {
    rtvi_dtype dtype; /* RTVI_U8 or RTVI_I8 */
    float scale;
    int32_t zero_point;
} rtvi_code_type;

/* Clips round(value) + zero_point to low..high, which lie in -128..255; ties to even. A NaN gives low. */
static inline int32_t rtvi_round_to_code(float value, int32_t zero_point, int32_t low, int32_t high) {
    const float to_integer = 12582912.0f; /* 1.5 * 2^23: a sum with it has no fraction, and rounds to even */
    float clipped = value > -512.0f ? value < 512.0f ? value : 512.0f : -512.0f;
    int32_t code = (int32_t)(clipped + to_integer - to_integer) + zero_point;
    return code < low ? low : code > high ? high : code;
}

#endif
