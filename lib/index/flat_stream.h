/* flat_stream.h - every pair of a query and a row with at least some score, as a stream that takes little memory however many there are. */
#ifndef RTVI_FLAT_STREAM_H
#define RTVI_FLAT_STREAM_H

#include "index/flat_pass.h"

#define RTVI_STREAM_QUERIES (2 * RTVI_COARSE_WIDTH) /* in a block, at most: all pairs of an item of rows have room */

typedef struct rtvi_near {
    uint32_t query; /* of the block: pass.first is the first one */
    uint32_t row;
    float score; /* canonical */
} rtvi_near;

/* Takes pairs of one item of rows, by query, then row; items come in order. On the caller's thread. */
typedef int32_t (*rtvi_stream_fn)(void *arg, const rtvi_near *pairs, size_t count, rtv_error *error);

/* Fill in what is asked of the pass (its limit is the score) and the first three. */
typedef struct rtvi_stream {
    rtvi_pass pass; /* when its queries are rows, each pair of rows comes once, and no row with itself; max_queries 0: the most */
    rtvi_stream_fn tell;
    int32_t (*end)(void *arg, rtv_error *error); /* of a block of queries; may be NULL */
    void *arg;
    /* What is going on */
    rtvi_near *pairs; /* [wave][room] of the items of a wave */
    size_t *count;    /* [wave] */
    size_t room, panel_size, scratch_size;
    double *panels; /* [lanes] */
    float *scratch; /* [lanes] */
} rtvi_stream;

/* Errors: as rtvi_pass_run, what the functions bring. */
int32_t rtvi_stream_run(rtvi_stream *stream, rtv_error *error);

#endif
