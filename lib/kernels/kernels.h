/* kernels.h - our own arithmetic. Every kernel has a plain-C form; SIMD twins give the same bits unless said. */
#ifndef RTVI_KERNELS_H
#define RTVI_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Pooling over positions, in a fixed order: each channel's sum runs over positions 0..count-1, so layout and instruction set do not change
 * a bit. Sums run in double and are rounded once, at the end. x is [channels/block][positions][block] (block = channels: nhwc; block = 1:
 * nchw; 8 or 16: oneDNN's blocked layouts; block divides channels); out is [channels]; positions >= 1. A NaN makes its channel NaN. */
void rtvi_pool_avg(const float *x, int64_t channels, int64_t positions, int64_t block, float *out);
void rtvi_pool_max(const float *x, int64_t channels, int64_t positions, int64_t block, float *out);
void rtvi_pool_gem(const float *x, int64_t channels, int64_t positions, int64_t block, float *out);
/* Cube root, correctly rounded for every float (the unit test tries all magnitudes), odd; NaN, infinities and zeros come back. */
float rtvi_cube_root(float x);
/* out = x / max(||x||, epsilon), the sum of squares in double, in 8 lanes joined in a fixed tree. out may be x. A NaN
 * makes all of out NaN. */
void rtvi_l2_normalize(const float *x, int64_t count, float epsilon, float *out);
/* The index of the largest value (the first of equals; a NaN counts as largest) of count >= 1, and its softmax probability. */
int32_t rtvi_argmax_softmax(const float *x, int64_t count, float *probability);

#endif
