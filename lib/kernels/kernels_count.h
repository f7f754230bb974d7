/* kernels_count.h - where rows stand among the marks of hard queries, whose 8-bit codes would tell too little: scores of 16-bit codes of
 * all pairs of a panel and a block of rows, counted where they are made. What a score leaves open becomes an event. */
#ifndef RTVI_KERNELS_COUNT_H
#define RTVI_KERNELS_COUNT_H

#include "kernels/kernels_fine.h"
#include "kernels/kernels_place.h"

#define RTVI_COUNT_MARKS 32 /* of a query, at most */

/* RTVI_COARSE_WIDTH queries, made ready; all arrays are aligned to 64 bytes. */
typedef struct rtvi_count_panel {
    size_t depth;        /* codes of a record */
    size_t num_marks;    /* of the query that has the most */
    int16_t *codes;      /* [depth / 2][RTVI_COARSE_WIDTH][2] */
    float *scale;        /* [RTVI_COARSE_WIDTH] of a code */
    float *length_slope; /* [RTVI_COARSE_WIDTH] of the slack, as those of rtvi_coarse_panel */
    float *rest_slope;
    float *marks; /* [num_marks][RTVI_COARSE_WIDTH] ascending: the lowest of each query first; after its highest, infinity */
} rtvi_count_panel;

/* Puts the record of a query and its marks[num_marks], which descend, into a place of the panel. */
void rtvi_count_put(rtvi_count_panel *panel, size_t place, const void *record, const float *marks, size_t num_marks);

/* Rows of a block. */
typedef struct rtvi_count_rows {
    const void *records[RTVI_COARSE_ROWS];
    float lowest[RTVI_COARSE_ROWS]; /* mark of a row that is a query, too: what scores below it does not concern the row */
    size_t count;
} rtvi_count_rows;

/* Adds to before[num_marks][RTVI_COARSE_WIDTH] (aligned to 64 bytes) the rows that score above each mark. Events are the pairs that do not
 * tell which marks these are, and those that may concern the row; sides[] says which of it (RTVI_PLACE_*). events and sides have room for
 * all pairs. No row may be of a query's class without being one of its marks; then its score is never certain, and it is not counted. */
typedef size_t (*rtvi_count_fn)(const rtvi_count_panel *panel, uint32_t *before, const rtvi_count_rows *rows, rtvi_coarse_event *events,
                                uint8_t *sides);
/* NULL where closer looks at single pairs are as fast. */
rtvi_count_fn rtvi_count_select(int32_t isa);

#endif
