/* kernels_codes.h - arithmetic on 8-bit codes, as docs/quantization.md defines it, to the bit. */
#ifndef RTVI_KERNELS_CODES_H
#define RTVI_KERNELS_CODES_H

#include <stdint.h>

#include "tensor/tensor_codes.h"

/* codes[count] of x[count]; x / scale in float32. */
void rtvi_quantize(const float *x, int64_t count, const rtvi_code_type *type, void *codes);
/* out[count] = float(q - zero_point) * scale */
void rtvi_dequantize(const void *codes, int64_t count, const rtvi_code_type *type, float *out);

/* Pooling over positions (kernels_pool_codes.c): sums are exact in int64, so neither order nor layout changes a bit. x is
 * [channels/block][positions][block] (block = channels: nhwc; block = 1: nchw), out is [channels], positions >= 1. */
void rtvi_pool_codes_avg(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out);
void rtvi_pool_codes_max(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out);
void rtvi_pool_codes_gem(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out);

#endif
