/* flat_scan.h - the coarse pass over the codes of rows: which of them may score high enough. */
#ifndef RTVI_FLAT_SCAN_H
#define RTVI_FLAT_SCAN_H

#include "index/flat_arena.h"
#include "index/flat_filter.h"
#include "kernels/kernels_coarse.h"

/* Rows that are looked at together. */
typedef struct rtvi_scan_block {
    const uint8_t *records[RTVI_COARSE_ROWS];
    uint32_t numbers[RTVI_COARSE_ROWS];
    float limits[RTVI_COARSE_ROWS]; /* of rows, when they have some */
    size_t count;
} rtvi_scan_block;

typedef struct rtvi_scan_lane {
    rtvi_scan_block block;
    rtvi_coarse_event events[RTVI_COARSE_WIDTH * RTVI_COARSE_ROWS];
} rtvi_scan_lane;

typedef struct rtvi_scan {
    const rtvi_rows *rows;
    const rtvi_filter *filter;
    const float *row_limits; /* [num_rows] or NULL: rows that look for queries, too */
    rtvi_coarse_scan_fn kernel;
    rtvi_coarse_encode_fn encode;
    int32_t levels;
    size_t max_queries, num_queries, max_width, lanes;
    uint8_t *codes;
    float *scale, *length_slope, *rest_slope; /* [max_width] */
    void *record;
    float *limits; /* [lanes][max_width] what a row has to reach for a query; beyond the queries it is infinite */
    rtvi_scan_lane *lane;
} rtvi_scan;

/* What the pass tells: events of queries numbered from first on. Those beyond the queries have to be passed over. */
typedef void (*rtvi_scan_fn)(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count,
                             const rtvi_scan_block *block);

void rtvi_scan_init(rtvi_scan *scan, const rtvi_rows *rows, const rtvi_filter *filter, int32_t isa, size_t max_queries, size_t lanes);
void rtvi_scan_lay_out(rtvi_scan *scan, rtvi_arena *arena);
/* queries[count][dim], count at most max_queries; sets all limits to limit. */
void rtvi_scan_set_queries(rtvi_scan *scan, const float *queries, size_t count, float limit);
static inline float *rtvi_scan_limits(const rtvi_scan *scan, size_t lane) { return scan->limits + lane * scan->max_width; }
/* The rows first to last - 1. */
void rtvi_scan_run(const rtvi_scan *scan, size_t lane, size_t first, size_t last, rtvi_scan_fn take, void *arg);

#endif
