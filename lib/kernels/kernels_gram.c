/* kernels_gram.c - sums of products of columns, written once and compiled for several instruction sets. */
#include "kernels/kernels_gram.h"

#include <string.h>

#include <retrieve/runtime.h>

#define INLINE static inline __attribute__((always_inline))
#define HALF (RTVI_GRAM_WIDTH / 2) /* rows of sums at a time: AVX2's 16 registers hold them */

INLINE void add_half(const double *a, const double *b, size_t num_rows, double *sums, size_t stride) {
    double l[HALF][RTVI_GRAM_WIDTH]; /* in registers */
    for (size_t i = 0; i < HALF; i++) memcpy(l[i], sums + i * stride, sizeof l[i]);
    for (size_t r = 0; r < num_rows; r++, a += RTVI_GRAM_WIDTH, b += RTVI_GRAM_WIDTH) {
        for (size_t i = 0; i < HALF; i++)
            for (size_t j = 0; j < RTVI_GRAM_WIDTH; j++) l[i][j] += a[i] * b[j];
    }
    for (size_t i = 0; i < HALF; i++) memcpy(sums + i * stride, l[i], sizeof l[i]);
}

INLINE void add_any(const double *a, const double *b, size_t num_rows, double *sums, size_t stride) {
    add_half(a, b, num_rows, sums, stride);
    add_half(a + HALF, b, num_rows, sums + HALF * stride, stride);
}

static void add_c(const double *a, const double *b, size_t num_rows, double *sums, size_t stride) { add_any(a, b, num_rows, sums, stride); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void add_avx2(const double *a, const double *b, size_t num_rows, double *sums, size_t stride) {
    add_any(a, b, num_rows, sums, stride);
}

__attribute__((target("avx512f,avx512dq,avx512vl"))) static void add_avx512(const double *a, const double *b, size_t num_rows, double *sums,
                                                                            size_t stride) {
    add_any(a, b, num_rows, sums, stride);
}
#endif

rtvi_gram_fn rtvi_gram_select(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return add_avx512;
    if (isa >= RTV_ISA_AVX2) return add_avx2;
#endif
    (void)isa;
    return add_c;
}
