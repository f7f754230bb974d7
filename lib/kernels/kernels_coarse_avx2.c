/* kernels_coarse_avx2.c - scores from 8-bit codes, AVX2. Products of neighbours are added in 16 bits: queries have codes up to 64, with
 * their bias 0..128, and 128 * 127 * 2 = 32512 fits. */
#include "kernels/kernels_coarse_x86.h"

#if defined(__x86_64__)

#define TARGET __attribute__((target("avx2,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define ROWS 4 /* in a tile, with 16 queries */

INLINE __m256i multiply_add(__m256i sums, __m256i query, __m256i codes) {
    return _mm256_add_epi32(sums, _mm256_madd_epi16(_mm256_maddubs_epi16(query, codes), _mm256_set1_epi16(1)));
}

/* --- many queries: each of the 8 lanes is one ------------------------------------------------------------------------------------------
 */

static TARGET size_t emit(uint32_t mask, size_t first, size_t row, __m256 scores, rtvi_coarse_event *events) {
    float score[8];
    size_t count = 0;
    _mm256_storeu_ps(score, scores);
    for (; mask; mask &= mask - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctz(mask);
        events[count++] = (rtvi_coarse_event){(uint16_t)(first + lane), (uint16_t)row, score[lane]};
    }
    return count;
}

INLINE size_t judge(const rtvi_coarse_panel *panel, size_t first, const float *limits, const uint8_t *record, size_t row,
                    const float *row_limits, __m256i sums, rtvi_coarse_event *events) {
    const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)record;
    const __m256 score =
        _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_set1_ps(head->scale)), _mm256_loadu_ps(panel->scale + first));
    const __m256 slack = _mm256_add_ps(_mm256_mul_ps(_mm256_set1_ps(head->length), _mm256_loadu_ps(panel->length_slope + first)),
                                       _mm256_mul_ps(_mm256_set1_ps(head->rest), _mm256_loadu_ps(panel->rest_slope + first)));
    __m256 limit = _mm256_loadu_ps(limits + first);
    uint32_t mask;
    if (row_limits) limit = _mm256_min_ps(limit, _mm256_set1_ps(row_limits[row]));
    mask = (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(_mm256_add_ps(score, slack), limit, _CMP_NLT_UQ));
    return __builtin_expect(mask != 0, 0) ? emit(mask, first, row, score, events) : 0;
}

/* The 16 queries from first on and nr rows, a constant after inlining. */
INLINE size_t tile(const rtvi_coarse_panel *panel, size_t first, const float *limits, const uint8_t *const *records, size_t row, size_t nr,
                   const float *row_limits, rtvi_coarse_event *events) {
    __m256i sums[ROWS][2];
    const int8_t *at[ROWS];
    const uint8_t *codes = panel->codes + first * 4;
    size_t count = 0;
#pragma GCC unroll 4
    for (size_t r = 0; r < nr; r++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)records[row + r];
        at[r] = rtvi_codes_of(head);
        sums[r][0] = sums[r][1] = _mm256_set1_epi32(rtvi_coarse_unbias(0, panel->bias, head->sum));
    }
    for (size_t i = 0; i < panel->depth; i += 4, codes += panel->width * 4) {
        const __m256i low = _mm256_load_si256((const __m256i *)(const void *)codes);
        const __m256i high = _mm256_load_si256((const __m256i *)(const void *)(codes + 32));
#pragma GCC unroll 4
        for (size_t r = 0; r < nr; r++) {
            const __m256i four = _mm256_set1_epi32(rtvi_coarse_four(at[r] + i));
            sums[r][0] = multiply_add(sums[r][0], low, four);
            sums[r][1] = multiply_add(sums[r][1], high, four);
        }
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < nr; r++) {
        count += judge(panel, first, limits, records[row + r], row + r, row_limits, sums[r][0], events + count);
        count += judge(panel, first + 8, limits, records[row + r], row + r, row_limits, sums[r][1], events + count);
    }
    return count;
}

static TARGET size_t wide(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                          const float *row_limits, rtvi_coarse_event *events) {
    size_t row = 0, count = 0;
    for (; row + ROWS <= num_rows; row += ROWS) {
        for (size_t first = 0; first < panel->width; first += 16)
            count += tile(panel, first, limits, records, row, ROWS, row_limits, events + count);
    }
    for (; row < num_rows; row++) {
        for (size_t first = 0; first < panel->width; first += 16)
            count += tile(panel, first, limits, records, row, 1, row_limits, events + count);
    }
    return count;
}

/* --- few queries: the lanes are dimensions ---------------------------------------------------------------------------------------------
 */

INLINE __m256i sums_of(const uint8_t *query, const int8_t *codes, size_t depth) {
    __m256i a = _mm256_setzero_si256(), b = a;
    size_t i = 0;
    for (; i + 64 <= depth; i += 64) {
        a = multiply_add(a, _mm256_load_si256((const __m256i *)(const void *)(query + i)),
                         _mm256_loadu_si256((const __m256i *)(const void *)(codes + i)));
        b = multiply_add(b, _mm256_load_si256((const __m256i *)(const void *)(query + i + 32)),
                         _mm256_loadu_si256((const __m256i *)(const void *)(codes + i + 32)));
    }
    for (; i < depth; i += 16)
        a = multiply_add(a, _mm256_zextsi128_si256(_mm_load_si128((const __m128i *)(const void *)(query + i))),
                         _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)(codes + i))));
    return _mm256_add_epi32(a, b);
}

static TARGET size_t narrow(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                            const float *row_limits, rtvi_coarse_event *events) {
    const size_t depth = panel->depth, stride = (depth + 63) / 64 * 64;
    size_t count = 0;
    for (size_t row = 0; row < num_rows; row += 4) {
        rtvi_coarse_rows rows;
        rtvi_coarse_take_rows(records, row, num_rows, row_limits, &rows);
        for (size_t q = 0; q < panel->width; q++) {
            const uint8_t *query = panel->codes + q * stride;
            const __m128i sums = rtvi_coarse_sum_lanes(sums_of(query, rows.codes[0], depth), sums_of(query, rows.codes[1], depth),
                                                       sums_of(query, rows.codes[2], depth), sums_of(query, rows.codes[3], depth));
            count += rtvi_coarse_judge_rows(panel, q, limits, &rows, sums, events + count);
        }
    }
    return count;
}

TARGET size_t rtvi_coarse_scan_avx2(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                                    const float *row_limits, rtvi_coarse_event *events) {
    return panel->width <= RTVI_COARSE_NARROW ? narrow(panel, limits, records, num_rows, row_limits, events)
                                              : wide(panel, limits, records, num_rows, row_limits, events);
}

#endif
