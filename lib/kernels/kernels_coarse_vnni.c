/* kernels_coarse_vnni.c - scores from 8-bit codes, AVX-512 VNNI. */
#include "kernels/kernels_coarse_x86.h"

#if defined(__x86_64__)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,popcnt")))
#define INLINE static inline __attribute__((always_inline)) TARGET
#define TALL 12 /* rows in a tile, at most */

/* --- many queries: each of the 16 lanes is one ---------------------------------------------------------------------------------------- */

/* sums += query * codes, of four neighbours each. In assembly, for gcc 12 copies the registers of the intrinsic to and fro. */
INLINE void multiply_add(__m512i *sums, __m512i query, __m512i codes) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(*sums) : "v"(query), "v"(codes));
}

/* Sums of nv vectors of queries and nr rows, [nr][nv]; both are constants after inlining. */
INLINE void add_up(const rtvi_coarse_panel *panel, size_t nv, const uint8_t *const *records, size_t nr, __m512i *out) {
    __m512i sums[TALL][3], query[3];
    const int8_t *at[TALL];
    const uint8_t *codes = panel->codes;
#pragma GCC unroll 12
    for (size_t r = 0; r < nr; r++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)records[r];
        at[r] = rtvi_codes_of(head);
#pragma GCC unroll 3
        for (size_t v = 0; v < nv; v++) sums[r][v] = _mm512_set1_epi32(rtvi_coarse_unbias(0, panel->bias, head->sum));
    }
    for (size_t i = 0; i < panel->depth; i += 4, codes += nv * 64) {
#pragma GCC unroll 3
        for (size_t v = 0; v < nv; v++) query[v] = _mm512_load_si512(codes + v * 64);
#pragma GCC unroll 12
        for (size_t r = 0; r < nr; r++) {
            const __m512i four = _mm512_set1_epi32(rtvi_coarse_four(at[r] + i));
#pragma GCC unroll 3
            for (size_t v = 0; v < nv; v++) multiply_add(&sums[r][v], query[v], four);
        }
    }
#pragma GCC unroll 12
    for (size_t r = 0; r < nr; r++) {
#pragma GCC unroll 3
        for (size_t v = 0; v < nv; v++) out[r * nv + v] = sums[r][v];
    }
}

INLINE size_t tile(const rtvi_coarse_panel *panel, const float *limits, size_t nv, const uint8_t *const *records, size_t row, size_t nr,
                   const float *row_limits, rtvi_coarse_event *events) {
    __m512i sums[TALL * 3];
    size_t count = 0;
    add_up(panel, nv, records + row, nr, sums);
    for (size_t r = 0; r < nr; r++) {
        for (size_t v = 0; v < nv; v++)
            count +=
                rtvi_coarse_judge_lanes(panel, v * 16, limits, records[row + r], row + r, row_limits, sums[r * nv + v], events + count);
    }
    return count;
}

INLINE size_t tiles(const rtvi_coarse_panel *panel, const float *limits, size_t nv, size_t nr, const uint8_t *const *records,
                    size_t num_rows, const float *row_limits, rtvi_coarse_event *events) {
    size_t row = 0, count = 0;
    for (; row + nr <= num_rows; row += nr) count += tile(panel, limits, nv, records, row, nr, row_limits, events + count);
    for (; row < num_rows; row++) count += tile(panel, limits, nv, records, row, 1, row_limits, events + count);
    return count;
}

/* --- few queries: the lanes are dimensions ---------------------------------------------------------------------------------------------
 */

INLINE __m128i sum_lanes(const __m512i *x) {
    __m256i half[4];
#pragma GCC unroll 4
    for (size_t r = 0; r < 4; r++) half[r] = _mm256_add_epi32(_mm512_castsi512_si256(x[r]), _mm512_extracti64x4_epi64(x[r], 1));
    return rtvi_coarse_sum_lanes(half[0], half[1], half[2], half[3]);
}

/* nq is a constant after inlining. */
INLINE size_t narrow(const rtvi_coarse_panel *panel, const float *limits, size_t nq, const uint8_t *const *records, size_t num_rows,
                     const float *row_limits, rtvi_coarse_event *events) {
    const size_t depth = panel->depth, stride = (depth + 63) / 64 * 64;
    size_t count = 0;
    for (size_t row = 0; row < num_rows; row += 4) {
        __m512i sums[RTVI_COARSE_NARROW][4];
        rtvi_coarse_rows rows;
        rtvi_coarse_take_rows(records, row, num_rows, row_limits, &rows);
#pragma GCC unroll 4
        for (size_t q = 0; q < nq; q++) sums[q][0] = sums[q][1] = sums[q][2] = sums[q][3] = _mm512_setzero_si512();
        for (size_t i = 0; i < depth; i += 64) {
            const __mmask64 mask = depth - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (depth - i)) - 1;
#pragma GCC unroll 4
            for (size_t r = 0; r < 4; r++) {
                const __m512i codes = _mm512_maskz_loadu_epi8(mask, rows.codes[r] + i);
#pragma GCC unroll 4
                for (size_t q = 0; q < nq; q++) multiply_add(&sums[q][r], _mm512_load_si512(panel->codes + q * stride + i), codes);
            }
        }
#pragma GCC unroll 4
        for (size_t q = 0; q < nq; q++) count += rtvi_coarse_judge_rows(panel, q, limits, &rows, sum_lanes(sums[q]), events + count);
    }
    return count;
}

TARGET size_t rtvi_coarse_scan_vnni(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                                    const float *row_limits, rtvi_coarse_event *events) {
    switch (panel->width) {
        case 1:
            return narrow(panel, limits, 1, records, num_rows, row_limits, events);
        case 2:
            return narrow(panel, limits, 2, records, num_rows, row_limits, events);
        case 3:
            return narrow(panel, limits, 3, records, num_rows, row_limits, events);
        case 4:
            return narrow(panel, limits, 4, records, num_rows, row_limits, events);
        case 16:
            return tiles(panel, limits, 1, 12, records, num_rows, row_limits, events);
        case 32:
            return tiles(panel, limits, 2, 8, records, num_rows, row_limits, events);
        default:
            return tiles(panel, limits, 3, 8, records, num_rows, row_limits, events);
    }
}

#endif
