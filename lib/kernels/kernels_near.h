/* kernels_near.h - inner products in float32: near to the canonical ones, and how near is known. */
#ifndef RTVI_KERNELS_NEAR_H
#define RTVI_KERNELS_NEAR_H

#include <stddef.h>
#include <stdint.h>

#define RTVI_NEAR_ROWS 4 /* of a call: 1 to so many */

/* scores[r] of query[dim] and rows[r][dim]; the same bits on every processor. */
typedef void (*rtvi_near_fn)(const float *query, const float *const *rows, size_t num_rows, size_t dim, float *scores);
rtvi_near_fn rtvi_near_select(int32_t isa);

/* How far a canonical score may be, from upper bounds on the lengths of the two vectors: each of the products and of the sums on a value's
 * way is rounded by 2^-24 of the sum of magnitudes, which Cauchy-Schwarz bounds, and products may underflow. */
static inline float rtvi_near_slack(size_t dim, float length, float other_length) {
    return ((float)dim / 32.0F + 24.0F) * 0x1p-24F * (length * other_length) + 0x1p-120F;
}

#endif
