/* kernels_coarse_x86.h - what forms of the coarse scan for x86 share: sums become events. */
#ifndef RTVI_KERNELS_COARSE_X86_H
#define RTVI_KERNELS_COARSE_X86_H

#include "kernels/kernels_coarse.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <math.h>
#include <string.h>

#define RTVI_X86_INLINE static inline __attribute__((always_inline, target("avx2,popcnt")))

#define RTVI_X512_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512dq,popcnt")))

/* Four neighbouring codes of a row. */
RTVI_X86_INLINE int32_t rtvi_coarse_four(const int8_t *codes) {
    int32_t four;
    memcpy(&four, codes, sizeof four);
    return four;
}

/* Four rows, their heads by field. */
typedef struct rtvi_coarse_rows {
    const int8_t *codes[4];
    __m128 scale, length, rest, limit;
    __m128i sum;
    size_t first;
    uint32_t meant; /* a bit for each */
} rtvi_coarse_rows;

/* The rows from first on. When there are fewer the last one is repeated. */
RTVI_X86_INLINE void rtvi_coarse_take_rows(const uint8_t *const *records, size_t first, size_t num_rows, const float *row_limits,
                                           rtvi_coarse_rows *rows) {
    const uint8_t *const *at = records + first, *last[4];
    float limits[4] = {0};
    __m128 head[4];
    rows->first = first;
    rows->meant = 15;
    rows->limit = _mm_set1_ps(INFINITY);
    if (num_rows - first < 4) {
        for (size_t i = 0; i < 4; i++) last[i] = records[first + i < num_rows ? first + i : num_rows - 1];
        at = last;
        rows->meant = (1u << (num_rows - first)) - 1;
        if (row_limits) memcpy(limits, row_limits + first, (num_rows - first) * sizeof *limits);
        if (row_limits) rows->limit = _mm_loadu_ps(limits);
    } else if (row_limits) {
        rows->limit = _mm_loadu_ps(row_limits + first);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        head[i] = _mm_load_ps((const float *)(const void *)at[i]);
        rows->codes[i] = rtvi_codes_of(at[i]);
    }
    _MM_TRANSPOSE4_PS(head[0], head[1], head[2], head[3]);
    rows->scale = head[0];
    rows->length = head[1];
    rows->rest = head[2];
    rows->sum = _mm_castps_si128(head[3]);
}

/* Sums of one query with the rows become events. */
RTVI_X86_INLINE size_t rtvi_coarse_judge_rows(const rtvi_coarse_panel *panel, size_t q, const float *limits, const rtvi_coarse_rows *rows,
                                              __m128i sums, rtvi_coarse_event *events) {
    const __m128i unbiased = _mm_sub_epi32(sums, _mm_mullo_epi32(rows->sum, _mm_set1_epi32(panel->bias)));
    const __m128 score = _mm_mul_ps(_mm_mul_ps(_mm_cvtepi32_ps(unbiased), rows->scale), _mm_set1_ps(panel->scale[q]));
    const __m128 slack = _mm_add_ps(_mm_mul_ps(rows->length, _mm_set1_ps(panel->length_slope[q])),
                                    _mm_mul_ps(rows->rest, _mm_set1_ps(panel->rest_slope[q])));
    const __m128 limit = _mm_min_ps(_mm_set1_ps(limits[q]), rows->limit);
    uint32_t mask = (uint32_t)_mm_movemask_ps(_mm_cmpnlt_ps(_mm_add_ps(score, slack), limit)) & rows->meant;
    float scores[4];
    size_t count = 0;
    if (__builtin_expect(mask == 0, 1)) return 0;
    _mm_storeu_ps(scores, score);
    for (; mask; mask &= mask - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctz(mask);
        events[count++] = (rtvi_coarse_event){(uint16_t)q, (uint16_t)(rows->first + lane), scores[lane]};
    }
    return count;
}

/* The sums of the lanes of four vectors. */
RTVI_X86_INLINE __m128i rtvi_coarse_sum_lanes(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    const __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
    const __m256i all = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* --- AVX-512: many queries, each of the 16 lanes is one ------------------------------------------------------------------------------- */

/* Writes sixteen events and means those of the mask; there is room, for each call before had as many. */
RTVI_X512_INLINE size_t rtvi_coarse_emit_lanes(__mmask16 mask, size_t first, size_t row, __m512 scores, rtvi_coarse_event *events) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i places = _mm512_add_epi32(lanes, _mm512_set1_epi32((int32_t)(row << 16 | first)));
    const __m512i place = _mm512_maskz_compress_epi32(mask, places), score = _mm512_maskz_compress_epi32(mask, _mm512_castps_si512(scores));
    _mm512_storeu_si512(events, _mm512_permutex2var_epi32(place, low, score));
    _mm512_storeu_si512(events + 8, _mm512_permutex2var_epi32(place, _mm512_add_epi32(low, _mm512_set1_epi32(8)), score));
    return (size_t)__builtin_popcount(mask);
}

/* Scores of sixteen sums of one row, and how far they may be off. The arrays are of these sixteen queries. */
RTVI_X512_INLINE __m512 rtvi_coarse_score_lanes(const rtvi_coarse_head *row, __m512i sums, const float *scale, const float *length_slope,
                                                const float *rest_slope, __m512 *slack) {
    *slack = _mm512_add_ps(_mm512_mul_ps(_mm512_set1_ps(row->length), _mm512_loadu_ps(length_slope)),
                           _mm512_mul_ps(_mm512_set1_ps(row->rest), _mm512_loadu_ps(rest_slope)));
    return _mm512_mul_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(row->scale)), _mm512_loadu_ps(scale));
}

/* Sixteen sums of one row become events. */
RTVI_X512_INLINE size_t rtvi_coarse_judge_lanes(const rtvi_coarse_panel *panel, size_t first, const float *limits, const uint8_t *record,
                                                size_t row, const float *row_limits, __m512i sums, rtvi_coarse_event *events) {
    const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)record;
    __m512 slack, limit = _mm512_loadu_ps(limits + first);
    const __m512 score =
        rtvi_coarse_score_lanes(head, sums, panel->scale + first, panel->length_slope + first, panel->rest_slope + first, &slack);
    __mmask16 mask;
    if (row_limits) limit = _mm512_min_ps(limit, _mm512_set1_ps(row_limits[row]));
    mask = _mm512_cmp_ps_mask(_mm512_add_ps(score, slack), limit, _CMP_NLT_UQ);
    return __builtin_expect(mask != 0, 0) ? rtvi_coarse_emit_lanes(mask, first, row, score, events) : 0;
}

#endif
#endif
