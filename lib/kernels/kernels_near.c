/* kernels_near.c - inner products in float32, written once and compiled for several instruction sets. */
#include "kernels/kernels_near.h"

#include <string.h>

#include <retrieve/runtime.h>

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

INLINE float join(const float *l) {
    float eight[8], four[4];
    for (size_t j = 0; j < 8; j++) eight[j] = l[j] + l[j + 8];
    for (size_t j = 0; j < 4; j++) four[j] = eight[j] + eight[j + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* nr rows, a constant after inlining; two sums for each keep the adders busy. */
INLINE void near_rows(const float *query, const float *const *rows, size_t nr, size_t dim, float *scores) {
    lanes even[RTVI_NEAR_ROWS], odd[RTVI_NEAR_ROWS];
    size_t i = 0;
#pragma GCC unroll 4
    for (size_t r = 0; r < nr; r++) even[r] = odd[r] = (lanes){0};
    for (; i + 2 * LANES <= dim; i += 2 * LANES) {
        const lanes a = *(const lanes *)(query + i), b = *(const lanes *)(query + i + LANES);
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) {
            even[r] += a * *(const lanes *)(rows[r] + i);
            odd[r] += b * *(const lanes *)(rows[r] + i + LANES);
        }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < nr; r++) {
        const lanes both = even[r] + odd[r];
        float sums[LANES];
        memcpy(sums, &both, sizeof sums);
        for (size_t j = i; j < dim; j++) sums[j % LANES] += query[j] * rows[r][j];
        scores[r] = join(sums);
    }
}

INLINE void near_any(const float *query, const float *const *rows, size_t num_rows, size_t dim, float *scores) {
    switch (num_rows) {
        case 1:
            near_rows(query, rows, 1, dim, scores);
            break;
        case 2:
            near_rows(query, rows, 2, dim, scores);
            break;
        case 3:
            near_rows(query, rows, 3, dim, scores);
            break;
        default:
            near_rows(query, rows, RTVI_NEAR_ROWS, dim, scores);
            break;
    }
}

static void near_c(const float *query, const float *const *rows, size_t num_rows, size_t dim, float *scores) {
    near_any(query, rows, num_rows, dim, scores);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void near_avx2(const float *query, const float *const *rows, size_t num_rows, size_t dim,
                                                      float *scores) {
    near_any(query, rows, num_rows, dim, scores);
}

__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))) static void near_avx512(const float *query, const float *const *rows,
                                                                                      size_t num_rows, size_t dim, float *scores) {
    near_any(query, rows, num_rows, dim, scores);
}
#endif

rtvi_near_fn rtvi_near_select(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return near_avx512;
    if (isa >= RTV_ISA_AVX2) return near_avx2;
#endif
    (void)isa;
    return near_c;
}
