/* kernels_eigen.h - eigenvalues and eigenvectors of a symmetric matrix. */
#ifndef RTVI_KERNELS_EIGEN_H
#define RTVI_KERNELS_EIGEN_H

#include <stddef.h>

#define RTVI_EIGEN_STEP 8 /* rows are padded to a multiple */

static inline size_t rtvi_eigen_stride(size_t n) { return (n + RTVI_EIGEN_STEP - 1) / RTVI_EIGEN_STEP * RTVI_EIGEN_STEP; }

/* Doubles that rtvi_eigen_symmetric needs besides. Does not overflow for n <= 2^24. */
size_t rtvi_eigen_work_size(size_t n);

/* values[n], the largest first, and of the first count of them the eigenvectors, unit rows [count][rtvi_eigen_stride(n)], in which the
 * largest coordinate, the first of equals, is positive. matrix[n][rtvi_eigen_stride(n)], finite, is used up; what is past n is zero. The
 * same bits on every processor. Returns 0 when it does not converge, which no matrix is known to do. */
int rtvi_eigen_symmetric(double *matrix, size_t n, size_t count, double *values, double *vectors, double *work);

#endif
