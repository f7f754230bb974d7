/* kernels_gram.h - sums of products of columns: what a covariance is made of. */
#ifndef RTVI_KERNELS_GRAM_H
#define RTVI_KERNELS_GRAM_H

#include <stddef.h>
#include <stdint.h>

#define RTVI_GRAM_WIDTH 8 /* columns of a panel */

/* Adds to sums[i * stride + j], i and j below RTVI_GRAM_WIDTH, a[r][i] * b[r][j] for each row r in turn: the same bits on every processor,
 * for values of float32, whose products are exact. a and b: panels [num_rows][RTVI_GRAM_WIDTH]. */
typedef void (*rtvi_gram_fn)(const double *a, const double *b, size_t num_rows, double *sums, size_t stride);

/* The fastest for an instruction set RTV_ISA_*. */
rtvi_gram_fn rtvi_gram_select(int32_t isa);

#endif
