/* kernels_dot.h - inner products in one canonical form: the same bits on every processor, in every batch, for every number of threads.
 * lane j (0..7) = sum over i = j, j+8, j+16, ... in ascending order of (double)a[i] * (double)b[i], rounded after each addition;
 * score = (float)(((l0+l4) + (l2+l6)) + ((l1+l5) + (l3+l7))).
 * A product of two float32 is exact in double, so a fused and a separate multiply-add give the same sum. */
#ifndef RTVI_KERNELS_DOT_H
#define RTVI_KERNELS_DOT_H

#include <stddef.h>
#include <stdint.h>

#define RTVI_DOT_LANES 8
#define RTVI_DOT_PANEL 6 /* queries in a panel, at most: with 4 rows 24 of AVX-512's 32 registers accumulate */

/* Doubles in the panel of num_queries queries. Does not overflow for dim <= 2^31. */
static inline size_t rtvi_dot_panel_size(size_t num_queries, size_t dim) {
    return (dim + RTVI_DOT_LANES - 1) / RTVI_DOT_LANES * RTVI_DOT_LANES * num_queries;
}

/* queries [num_queries][dim] -> panel [ceil(dim/8)][num_queries][8], what is past dim is zero. */
void rtvi_dot_pack(const float *queries, size_t num_queries, size_t dim, double *panel);

/* scores[q * stride + r] of the panel's num_queries (1..RTVI_DOT_PANEL) with rows[r][dim], r < num_rows. The panel is aligned to 64 bytes.
 */
typedef void (*rtvi_dot_panel_fn)(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows,
                                  float *scores, size_t stride);

/* The fastest for an instruction set RTV_ISA_*. */
rtvi_dot_panel_fn rtvi_dot_select(int32_t isa);

void rtvi_dot_panel_c(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows, float *scores,
                      size_t stride);
#if defined(__x86_64__)
void rtvi_dot_panel_avx2(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows, float *scores,
                         size_t stride);
void rtvi_dot_panel_avx512(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows, float *scores,
                           size_t stride);
#endif

/* The position of the first NaN or infinity, or count. */
size_t rtvi_dot_first_nonfinite(const float *x, size_t count);

#endif
