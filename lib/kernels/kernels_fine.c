/* kernels_fine.c - inner products of 16-bit codes, written once and compiled for several instruction sets. */
#include "kernels/kernels_fine.h"

#include <retrieve/runtime.h>

#define INLINE static inline __attribute__((always_inline))

/* count is a constant after inlining. */
INLINE void scores_of(const void *record, const void *const *others, size_t count, size_t depth, float *scores) {
    const int16_t *one = rtvi_fine_codes(record), *codes[RTVI_FINE_OTHERS];
    int32_t sums[RTVI_FINE_OTHERS] = {0};
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) codes[i] = rtvi_fine_codes(others[i]);
    for (size_t d = 0; d < depth; d++) {
#pragma GCC unroll 4
        for (size_t i = 0; i < count; i++) sums[i] += (int32_t)one[d] * codes[i][d];
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++)
        scores[i] = (float)sums[i] * ((const rtvi_coarse_head *)record)->scale * ((const rtvi_coarse_head *)others[i])->scale;
}

INLINE void scores_any(const void *record, const void *const *others, size_t count, size_t dim, float *scores) {
    const size_t depth = rtvi_fine_depth(dim);
    switch (count) {
        case 1:
            scores_of(record, others, 1, depth, scores);
            break;
        case 2:
            scores_of(record, others, 2, depth, scores);
            break;
        case 3:
            scores_of(record, others, 3, depth, scores);
            break;
        default:
            scores_of(record, others, RTVI_FINE_OTHERS, depth, scores);
            break;
    }
}

static void scores_c(const void *record, const void *const *others, size_t count, size_t dim, float *scores) {
    scores_any(record, others, count, dim, scores);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void scores_avx2(const void *record, const void *const *others, size_t count, size_t dim,
                                                        float *scores) {
    scores_any(record, others, count, dim, scores);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq" RTVI_WIDE))) static void scores_avx512(const void *record,
                                                                                                  const void *const *others, size_t count,
                                                                                                  size_t dim, float *scores) {
    scores_any(record, others, count, dim, scores);
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni" RTVI_WIDE))) static void scores_vnni(const void *record,
                                                                                                           const void *const *others,
                                                                                                           size_t count, size_t dim,
                                                                                                           float *scores) {
    scores_any(record, others, count, dim, scores);
}
#endif

rtvi_fine_scores_fn rtvi_fine_select_scores(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512_VNNI) return scores_vnni;
    if (isa >= RTV_ISA_AVX512) return scores_avx512;
    if (isa >= RTV_ISA_AVX2) return scores_avx2;
#endif
    (void)isa;
    return scores_c;
}
