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
    size_t count;
    size_t place; /* of the first row: in the order, when there is one; then the others follow */
    size_t index; /* of the blocks that the lane has at a time */
} rtvi_scan_block;

#define RTVI_SCAN_BLOCKS 4 /* of a lane, that each panel meets one after the other: they and a panel stay in a core's caches */

typedef struct rtvi_scan_lane {
    rtvi_scan_block blocks[RTVI_SCAN_BLOCKS];
    rtvi_coarse_event events[RTVI_COARSE_WIDTH * RTVI_COARSE_ROWS];
} rtvi_scan_lane;

/* Looks at all pairs of the panel of queries from first on and the block, and returns 1; or 0, and the coarse pass does. */
typedef int (*rtvi_scan_instead_fn)(void *arg, size_t lane, size_t first, const rtvi_scan_block *block);

typedef struct rtvi_scan {
    const rtvi_rows *rows;
    const rtvi_filter *filter;    /* of rows as they lie */
    const uint32_t *order;        /* numbers of the rows that take part, or NULL: as they lie */
    int copies_records;           /* which do not lie side by side in the order */
    const float *row_limits;      /* by place in the order, or NULL: rows that look for queries, too */
    rtvi_scan_instead_fn instead; /* or NULL */
    rtvi_coarse_scan_fn kernel;
    rtvi_coarse_encode_fn encode;
    int32_t levels;
    size_t max_queries, num_queries, max_width, lanes;
    uint8_t *codes;
    float *scale, *length_slope, *rest_slope; /* [max_width] */
    void *record;
    float *limits; /* [lanes][max_width] what a row has to reach for a query; beyond the queries it is infinite */
    rtvi_scan_lane *lane;
    uint8_t *copies; /* [lanes][RTVI_SCAN_BLOCKS * RTVI_COARSE_ROWS] records */
} rtvi_scan;

/* What the pass tells: events of queries numbered from first on. Those beyond the queries have to be passed over. */
typedef void (*rtvi_scan_fn)(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count,
                             const rtvi_scan_block *block);

void rtvi_scan_init(rtvi_scan *scan, const rtvi_rows *rows, const rtvi_filter *filter, int32_t isa, size_t max_queries, size_t lanes);
void rtvi_scan_lay_out(rtvi_scan *scan, rtvi_arena *arena);
/* queries[count][dim], count at most max_queries; sets all limits to limit. */
void rtvi_scan_set_queries(rtvi_scan *scan, const float *queries, size_t count, float limit);
static inline float *rtvi_scan_limits(const rtvi_scan *scan, size_t lane) { return scan->limits + lane * scan->max_width; }
/* The rows first to last - 1, or in an order those at these places. */
void rtvi_scan_run(const rtvi_scan *scan, size_t lane, size_t first, size_t last, rtvi_scan_fn take, void *arg);

#endif
