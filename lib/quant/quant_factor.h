/* quant_factor.h - the triangular factor of a matrix of second moments. */
#ifndef RTVI_QUANT_FACTOR_H
#define RTVI_QUANT_FACTOR_H

#include <stdint.h>

/* matrix[dim][dim], lower triangle of a positive semidefinite H, becomes L, lower triangular, of H + d I = L' L, where d is damping times
 * the mean of the diagonal; larger where rounding makes H indefinite all the same. The upper triangle is neither read nor written. */
void rtvi_quant_factor(float *matrix, int64_t dim, float damping);

/* The same of H without all that lies outside the 2x2 blocks of pairs (channels 2j, 2j+1 of every run of `channels`): pairs[dim][2], the
 * diagonal of L and what stands left of it. matrix stays. */
void rtvi_quant_factor_pairs(const float *matrix, int64_t dim, int64_t channels, float damping, float *pairs);

#endif
