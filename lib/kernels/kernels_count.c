/* kernels_count.c - where rows stand among the marks of a panel of queries: plain C and AVX-512 VNNI. Sums of codes are exact, and what
 * follows is rounded the same way in both, so they count the same. */
#include "kernels/kernels_count.h"

#include <math.h>

#include <retrieve/runtime.h>

#define WIDTH RTVI_COARSE_WIDTH

void rtvi_count_put(rtvi_count_panel *panel, size_t place, const void *record, const float *marks, size_t num_marks) {
    const rtvi_coarse_head *head = record;
    const int16_t *codes = rtvi_fine_codes(record);
    panel->scale[place] = head->scale;
    rtvi_coarse_slopes(head, &panel->length_slope[place], &panel->rest_slope[place]);
    for (size_t i = 0; i < panel->depth; i++) panel->codes[(i / 2 * WIDTH + place) * 2 + i % 2] = codes[i];
    for (size_t m = 0; m < panel->num_marks; m++) panel->marks[m * WIDTH + place] = m < num_marks ? marks[num_marks - 1 - m] : INFINITY;
}

/* --- plain C -------------------------------------------------------------------------------------------------------------------------- */

static int32_t sum_of(const rtvi_count_panel *panel, size_t q, const int16_t *codes) {
    int32_t sum = 0;
    for (size_t i = 0; i < panel->depth; i++) sum += (int32_t)panel->codes[(i / 2 * WIDTH + q) * 2 + i % 2] * codes[i];
    return sum;
}

static size_t count_pair(const rtvi_count_panel *panel, size_t q, uint32_t *before, const rtvi_count_rows *rows, size_t row,
                         rtvi_coarse_event *event, uint8_t *sides) {
    const rtvi_coarse_head *head = rows->records[row];
    const float score = (float)sum_of(panel, q, rtvi_fine_codes(head)) * head->scale * panel->scale[q];
    const float slack = rtvi_coarse_slack(head, panel->length_slope[q], panel->rest_slope[q]), lower = score - slack, upper = score + slack;
    size_t below = 0, not_above = 0;
    for (size_t m = 0; m < panel->num_marks; m++) {
        below += panel->marks[m * WIDTH + q] < lower;
        not_above += !(panel->marks[m * WIDTH + q] > upper);
    }
    for (size_t m = 0; m < below && below == not_above; m++) before[m * WIDTH + q]++;
    *event = (rtvi_coarse_event){(uint16_t)q, (uint16_t)row, score};
    *sides = (uint8_t)((below != not_above ? RTVI_PLACE_QUERY : 0) | (upper < rows->lowest[row] ? 0 : RTVI_PLACE_ROW));
    return *sides != 0;
}

static size_t count_c(const rtvi_count_panel *panel, uint32_t *before, const rtvi_count_rows *rows, rtvi_coarse_event *events,
                      uint8_t *sides) {
    size_t count = 0;
    for (size_t row = 0; row < rows->count; row++)
        for (size_t q = 0; q < WIDTH; q++) count += count_pair(panel, q, before, rows, row, &events[count], &sides[count]);
    return count;
}

/* --- AVX-512 VNNI --------------------------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__)

#include "kernels/kernels_coarse_x86.h"

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define LANES RTVI_COARSE_LANES
#define VECTORS (WIDTH / LANES)
#define TALL 8 /* rows in a tile */

/* sums += query * codes, of two neighbours each. In assembly for the reason of kernels_coarse_vnni.c. */
INLINE void multiply_add(__m512i *sums, __m512i query, __m512i codes) {
    __asm__("vpdpwssd %2, %1, %0" : "+v"(*sums) : "v"(query), "v"(codes));
}

/* [num_rows][VECTORS]; num_rows is a constant after inlining. */
INLINE void add_up(const rtvi_count_panel *panel, const void *const *records, size_t num_rows, __m512i *out) {
    __m512i sums[TALL][VECTORS], query[VECTORS];
    const int16_t *at[TALL], *codes = panel->codes;
#pragma GCC unroll 8
    for (size_t r = 0; r < num_rows; r++) {
        at[r] = rtvi_fine_codes(records[r]);
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) sums[r][v] = _mm512_setzero_si512();
    }
    for (size_t i = 0; i < panel->depth; i += 2, codes += WIDTH * 2) {
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) query[v] = _mm512_load_si512(codes + v * LANES * 2);
#pragma GCC unroll 8
        for (size_t r = 0; r < num_rows; r++) {
            int32_t two;
            memcpy(&two, at[r] + i, sizeof two);
#pragma GCC unroll 3
            for (size_t v = 0; v < VECTORS; v++) multiply_add(&sums[r][v], query[v], _mm512_set1_epi32(two));
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < num_rows; r++) {
#pragma GCC unroll 3
        for (size_t v = 0; v < VECTORS; v++) out[r * VECTORS + v] = sums[r][v];
    }
}

/* Writes the events of the lanes in open and in of_row. */
INLINE size_t emit(__mmask16 open, __mmask16 of_row, size_t first, size_t row, __m512 scores, rtvi_coarse_event *events, uint8_t *sides) {
    float score[LANES];
    size_t count = 0;
    _mm512_storeu_ps(score, scores);
    for (uint32_t mask = open | of_row; mask; mask &= mask - 1) {
        const uint32_t lane = (uint32_t)__builtin_ctz(mask);
        events[count] = (rtvi_coarse_event){(uint16_t)(first + lane), (uint16_t)row, score[lane]};
        sides[count++] = (uint8_t)((open >> lane & 1) * RTVI_PLACE_QUERY | (of_row >> lane & 1) * RTVI_PLACE_ROW);
    }
    return count;
}

/* Sixteen queries from first on and a row. Marks ascend, so none matters after one that is above in all lanes. */
INLINE size_t count_lanes(const rtvi_count_panel *panel, size_t first, uint32_t *before, const rtvi_count_rows *rows, size_t row,
                          __m512i sums, rtvi_coarse_event *events, uint8_t *sides) {
    __m512 slack;
    const __m512 score = rtvi_coarse_score_lanes(rows->records[row], sums, panel->scale + first, panel->length_slope + first,
                                                 panel->rest_slope + first, &slack);
    const __m512 lower = _mm512_sub_ps(score, slack), upper = _mm512_add_ps(score, slack);
    const __mmask16 of_row = _mm512_cmp_ps_mask(upper, _mm512_set1_ps(rows->lowest[row]), _CMP_NLT_UQ);
    __mmask16 below[RTVI_COUNT_MARKS], open = 0, above = 0;
    size_t num_marks = 0;
    for (; num_marks < panel->num_marks && above != (__mmask16)-1; num_marks++) {
        const __m512 mark = _mm512_load_ps(panel->marks + num_marks * WIDTH + first);
        above = _mm512_cmp_ps_mask(mark, upper, _CMP_GT_OQ);
        below[num_marks] = _mm512_cmp_ps_mask(mark, lower, _CMP_LT_OQ);
        open |= (__mmask16) ~(above | below[num_marks]);
    }
    for (size_t m = 0; m < num_marks; m++) {
        uint32_t *at = before + m * WIDTH + first;
        const __m512i counted = _mm512_load_si512(at);
        _mm512_store_si512(at, _mm512_mask_add_epi32(counted, below[m] & (__mmask16)~open, counted, _mm512_set1_epi32(1)));
    }
    return open | of_row ? emit(open, of_row, first, row, score, events, sides) : 0;
}

INLINE size_t tile(const rtvi_count_panel *panel, uint32_t *before, const rtvi_count_rows *rows, size_t row, size_t num_rows,
                   rtvi_coarse_event *events, uint8_t *sides) {
    __m512i sums[TALL * VECTORS];
    size_t count = 0;
    add_up(panel, rows->records + row, num_rows, sums);
    for (size_t r = 0; r < num_rows; r++)
        for (size_t v = 0; v < VECTORS; v++)
            count += count_lanes(panel, v * LANES, before, rows, row + r, sums[r * VECTORS + v], events + count, sides + count);
    return count;
}

TARGET static size_t count_vnni(const rtvi_count_panel *panel, uint32_t *before, const rtvi_count_rows *rows, rtvi_coarse_event *events,
                                uint8_t *sides) {
    size_t row = 0, count = 0;
    for (; row + TALL <= rows->count; row += TALL) count += tile(panel, before, rows, row, TALL, events + count, sides + count);
    for (; row < rows->count; row++) count += tile(panel, before, rows, row, 1, events + count, sides + count);
    return count;
}
#endif

rtvi_count_fn rtvi_count_select(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512_VNNI) return count_vnni;
    if (isa >= RTV_ISA_AVX2) return NULL;
#endif
    (void)isa;
    return count_c;
}
