/* kernels_dot_avx512.c - canonical inner products, AVX-512: the eight lanes are one register. */
#include "kernels/kernels_dot.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512vl,avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define ROWS 4 /* rows in a tile */

INLINE float join_lanes(__m512d lanes) {
    __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(lanes), _mm512_extractf64x4_pd(lanes, 1));
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtss_f32(_mm_cvtsd_ss(_mm_setzero_ps(), _mm_add_sd(two, _mm_unpackhi_pd(two, two))));
}

/* One step of eight dimensions; nq and nr are constants after inlining, so acc stays in registers. */
INLINE void step(__m512d acc[RTVI_DOT_PANEL][ROWS], const double *panel, size_t nq, const __m512d *x, size_t nr) {
#pragma GCC unroll 6
    for (size_t q = 0; q < nq; q++) {
        __m512d y = _mm512_load_pd(panel + q * RTVI_DOT_LANES);
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) acc[q][r] = _mm512_fmadd_pd(y, x[r], acc[q][r]);
    }
}

INLINE void tile(const double *panel, size_t nq, size_t dim, const float *const *rows, size_t nr, float *scores, size_t stride) {
    const __mmask8 rest = (__mmask8)((1u << dim % RTVI_DOT_LANES) - 1);
    __m512d acc[RTVI_DOT_PANEL][ROWS], x[ROWS];
    size_t base = 0;
#pragma GCC unroll 6
    for (size_t q = 0; q < nq; q++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) acc[q][r] = _mm512_setzero_pd();
    }
    for (; base + RTVI_DOT_LANES <= dim; base += RTVI_DOT_LANES, panel += nq * RTVI_DOT_LANES) {
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) x[r] = _mm512_cvtps_pd(_mm256_loadu_ps(rows[r] + base));
        step(acc, panel, nq, x, nr);
    }
    if (rest) {
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) x[r] = _mm512_cvtps_pd(_mm256_maskz_loadu_ps(rest, rows[r] + base));
        step(acc, panel, nq, x, nr);
    }
#pragma GCC unroll 6
    for (size_t q = 0; q < nq; q++) {
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) scores[q * stride + r] = join_lanes(acc[q][r]);
    }
}

INLINE void tiles(const double *panel, size_t nq, size_t dim, const float *const *rows, size_t num_rows, float *scores, size_t stride) {
    size_t r = 0;
    for (; r + ROWS <= num_rows; r += ROWS) tile(panel, nq, dim, rows + r, ROWS, scores + r, stride);
    for (; r < num_rows; r++) tile(panel, nq, dim, rows + r, 1, scores + r, stride);
}

TARGET void rtvi_dot_panel_avx512(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows,
                                  float *scores, size_t stride) {
    switch (num_queries) {
        case 1:
            tiles(panel, 1, dim, rows, num_rows, scores, stride);
            break;
        case 2:
            tiles(panel, 2, dim, rows, num_rows, scores, stride);
            break;
        case 3:
            tiles(panel, 3, dim, rows, num_rows, scores, stride);
            break;
        case 4:
            tiles(panel, 4, dim, rows, num_rows, scores, stride);
            break;
        case 5:
            tiles(panel, 5, dim, rows, num_rows, scores, stride);
            break;
        default:
            tiles(panel, 6, dim, rows, num_rows, scores, stride);
            break;
    }
}

#endif
