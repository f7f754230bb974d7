/* kernels_coarse.h - scores from 8-bit codes, with a proven bound on their error. docs/search.md has the proof; every number below is part
 * of it. */
#ifndef RTVI_KERNELS_COARSE_H
#define RTVI_KERNELS_COARSE_H

#include <stddef.h>
#include <stdint.h>

/* At the end of a target attribute. clang does not know the word, and would leave out the whole attribute. */
#if defined(__clang__)
#define RTVI_WIDE
#else
#define RTVI_WIDE ",prefer-vector-width=512"
#endif

/* What is known of a vector x: scale * code[] is near it. The codes, int8 from -127 to 127, follow the head, with zeros up to the next
 * multiple of 16; together they are a record, little-endian. Infinite length and rest say that the codes tell nothing, which is always
 * right. */
typedef struct rtvi_coarse_head {
    float scale;  /* of a code, at least 0 */
    float length; /* at least the length of scale * code[], and 2^-60 */
    float rest;   /* at least the length of x - scale * code[], and 2^-60 */
    int32_t sum;  /* of the codes */
} rtvi_coarse_head;

/* sum - bias * of, the sum that a head tells: in a damaged file it may be anything. */
static inline int32_t rtvi_coarse_unbias(int32_t sum, int32_t bias, int32_t of) {
    return (int32_t)((uint32_t)sum - (uint32_t)bias * (uint32_t)of);
}

/* Codes in a record, and its bytes. */
static inline size_t rtvi_codes_dim(size_t dim) { return (dim + 15) / 16 * 16; }
static inline size_t rtvi_codes_size(size_t dim) { return sizeof(rtvi_coarse_head) + rtvi_codes_dim(dim); }
static inline const int8_t *rtvi_codes_of(const void *record) { return (const int8_t *)record + sizeof(rtvi_coarse_head); }

/* The record of a finite vector x[dim], aligned to 16 bytes. levels: the largest code, at most 127. */
typedef void (*rtvi_coarse_encode_fn)(const float *x, size_t dim, int32_t levels, void *record);
rtvi_coarse_encode_fn rtvi_coarse_select_encode(int32_t isa);

#define RTVI_COARSE_NARROW 4 /* up to so many queries lie one after the other, for a scan as fast as memory */
#define RTVI_COARSE_LANES 16 /* more are interleaved: width is a multiple of it */
#define RTVI_COARSE_WIDTH 48 /* of a panel, at most */
#define RTVI_COARSE_ROWS 64  /* of a call, at most */

/* Queries, made ready. Places beyond the queries have codes, scales and slopes of zero. */
typedef struct rtvi_coarse_panel {
    size_t width;        /* 1..RTVI_COARSE_NARROW, or a multiple of RTVI_COARSE_LANES */
    size_t depth;        /* codes in a row, a multiple of 16 */
    int32_t bias;        /* added to each code, so that it is unsigned: the instruction sets multiply unsigned with signed bytes */
    uint8_t *codes;      /* narrow: [width][depth up to a multiple of 64], else [depth / 4][width][4]; 64-byte aligned */
    float *scale;        /* [width] of a code */
    float *length_slope; /* [width] what a row's length adds to the bound */
    float *rest_slope;   /* [width] what a row's rest adds to it */
} rtvi_coarse_panel;

/* A row that may score as high as the limit. query: its place in the panel, which may be one beyond the queries. */
typedef struct rtvi_coarse_event {
    uint16_t query, row;
    float score; /* coarse; the canonical score is at most rtvi_coarse_slack away */
} rtvi_coarse_event;

/* How far a canonical score may be from the coarse one. */
static inline float rtvi_coarse_slack(const rtvi_coarse_head *row, float length_slope, float rest_slope) {
    return row->length * length_slope + row->rest * rest_slope;
}

/* The slopes of a query, from its record. */
static inline void rtvi_coarse_slopes(const rtvi_coarse_head *query, float *length_slope, float *rest_slope) {
    const double length = (double)query->length + (double)query->rest; /* at least that of the query */
    *length_slope = (float)((double)query->rest * (1 + 0x1p-20) + length * 0x1p-20);
    *rest_slope = (float)(length * (1 + 0x1p-20));
}

/* Bytes of the codes of a panel. */
size_t rtvi_coarse_codes_size(size_t width, size_t depth);
/* What the instruction set wants: the largest code of a query, which is also the bias to be added. */
int32_t rtvi_coarse_levels(int32_t isa);
/* Puts the record of a query (of codes up to the panel's bias) into a place of the panel; places are filled from 0 on. */
void rtvi_coarse_put(rtvi_coarse_panel *panel, size_t place, const void *record);
/* Fills the places from first on with nothing. */
void rtvi_coarse_fill(rtvi_coarse_panel *panel, size_t first);

/* Events of all pairs of the panel and records[num_rows] whose coarse score + slack is not below limits[query], or not below
 * row_limits[row] (may be NULL); events has room for width * num_rows. Returns how many there are, in no particular order. */
typedef size_t (*rtvi_coarse_scan_fn)(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                                      const float *row_limits, rtvi_coarse_event *events);
rtvi_coarse_scan_fn rtvi_coarse_select_scan(int32_t isa);

/* Whether it is worth while to copy records of a scan that do not lie side by side. */
int rtvi_coarse_wants_side_by_side(int32_t isa);

size_t rtvi_coarse_scan_c(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                          const float *row_limits, rtvi_coarse_event *events);
#if defined(__x86_64__)
size_t rtvi_coarse_scan_avx2(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                             const float *row_limits, rtvi_coarse_event *events);
size_t rtvi_coarse_scan_vnni(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                             const float *row_limits, rtvi_coarse_event *events);
size_t rtvi_coarse_scan_amx(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                            const float *row_limits, rtvi_coarse_event *events);
#endif

#endif
