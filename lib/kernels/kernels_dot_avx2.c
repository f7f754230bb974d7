/* kernels_dot_avx2.c - canonical inner products, AVX2: lanes 0..3 and 4..7 are a register each. */
#include "kernels/kernels_dot.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define QUERIES 3 /* of a panel in a tile: with 2 rows 12 of 16 registers accumulate */
#define ROWS 2

typedef struct lanes {
    __m256d low, high;
} lanes;

INLINE float join_lanes(lanes l) {
    __m256d four = _mm256_add_pd(l.low, l.high);
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
    return _mm_cvtss_f32(_mm_cvtsd_ss(_mm_setzero_ps(), _mm_add_sd(two, _mm_unpackhi_pd(two, two))));
}

/* One step of eight dimensions; nq and nr are constants after inlining, so acc stays in registers. */
INLINE void step(lanes acc[QUERIES][ROWS], const double *panel, size_t nq, const float *const *at, size_t nr) {
    __m256d x[ROWS];
#pragma GCC unroll 2
    for (size_t r = 0; r < nr; r++) x[r] = _mm256_cvtps_pd(_mm_loadu_ps(at[r]));
#pragma GCC unroll 3
    for (size_t q = 0; q < nq; q++) {
        __m256d y = _mm256_load_pd(panel + q * RTVI_DOT_LANES);
#pragma GCC unroll 2
        for (size_t r = 0; r < nr; r++) acc[q][r].low = _mm256_fmadd_pd(y, x[r], acc[q][r].low);
    }
#pragma GCC unroll 2
    for (size_t r = 0; r < nr; r++) x[r] = _mm256_cvtps_pd(_mm_loadu_ps(at[r] + 4));
#pragma GCC unroll 3
    for (size_t q = 0; q < nq; q++) {
        __m256d y = _mm256_load_pd(panel + q * RTVI_DOT_LANES + 4);
#pragma GCC unroll 2
        for (size_t r = 0; r < nr; r++) acc[q][r].high = _mm256_fmadd_pd(y, x[r], acc[q][r].high);
    }
}

/* panel_step: doubles from one group of eight dimensions to the next. */
INLINE void tile(const double *panel, size_t panel_step, size_t nq, size_t dim, const float *const *rows, size_t nr, float *scores,
                 size_t stride) {
    lanes acc[QUERIES][ROWS];
    const float *at[ROWS];
    size_t base = 0;
#pragma GCC unroll 3
    for (size_t q = 0; q < nq; q++) {
#pragma GCC unroll 2
        for (size_t r = 0; r < nr; r++) acc[q][r].low = acc[q][r].high = _mm256_setzero_pd();
    }
    for (; base + RTVI_DOT_LANES <= dim; base += RTVI_DOT_LANES, panel += panel_step) {
#pragma GCC unroll 2
        for (size_t r = 0; r < nr; r++) at[r] = rows[r] + base;
        step(acc, panel, nq, at, nr);
    }
    if (base < dim) {
        float rest[ROWS][RTVI_DOT_LANES] = {{0}};
        for (size_t r = 0; r < nr; r++) {
            memcpy(rest[r], rows[r] + base, (dim - base) * sizeof(float));
            at[r] = rest[r];
        }
        step(acc, panel, nq, at, nr);
    }
#pragma GCC unroll 3
    for (size_t q = 0; q < nq; q++) {
#pragma GCC unroll 2
        for (size_t r = 0; r < nr; r++) scores[q * stride + r] = join_lanes(acc[q][r]);
    }
}

INLINE void tiles(const double *panel, size_t panel_step, size_t nq, size_t dim, const float *const *rows, size_t num_rows, float *scores,
                  size_t stride) {
    size_t r = 0;
    for (; r + ROWS <= num_rows; r += ROWS) tile(panel, panel_step, nq, dim, rows + r, ROWS, scores + r, stride);
    for (; r < num_rows; r++) tile(panel, panel_step, nq, dim, rows + r, 1, scores + r, stride);
}

TARGET void rtvi_dot_panel_avx2(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows,
                                float *scores, size_t stride) {
    const size_t panel_step = num_queries * RTVI_DOT_LANES;
    for (size_t q = 0; q < num_queries; q += QUERIES) {
        const double *part = panel + q * RTVI_DOT_LANES;
        float *to = scores + q * stride;
        switch (num_queries - q) {
            case 1:
                tiles(part, panel_step, 1, dim, rows, num_rows, to, stride);
                break;
            case 2:
                tiles(part, panel_step, 2, dim, rows, num_rows, to, stride);
                break;
            default:
                tiles(part, panel_step, QUERIES, dim, rows, num_rows, to, stride);
                break;
        }
    }
}

#endif
