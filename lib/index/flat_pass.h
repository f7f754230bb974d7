/* flat_pass.h - many queries against all rows, a block of queries at a time: given ones, or rows in some order against the rows after them,
 * so that each pair of rows is looked at once. */
#ifndef RTVI_FLAT_PASS_H
#define RTVI_FLAT_PASS_H

#include "index/flat_scan.h"

typedef struct rtvi_pass {
    /* What is asked */
    rtvi_flat *flat;
    rtvi_team *team; /* NULL: everything on the caller's thread */
    const rtvi_rows *rows;
    const rtvi_filter *filter;
    const float *vectors;    /* [count][dim] of the queries, or NULL: the queries are rows */
    const uint32_t *numbers; /* [count] of these rows; a query's place is its index, and so is a row's */
    int scattered;           /* whether numbers do not ascend */
    size_t count;
    float limit;             /* at first, for each query */
    const float *row_limits; /* [count] or NULL */
    rtv_progress_fn progress;
    void *progress_user;
    /* For each block of queries; each may be NULL but take. arg goes to all of them. */
    void *arg;
    int32_t (*begin)(void *arg, rtv_error *error);
    rtvi_scan_fn take; /* on a lane */
    rtvi_scan_instead_fn instead;
    void (*item_done)(void *arg, size_t lane, size_t item); /* on a lane, which has seen all rows of an item */
    int32_t (*wave_done)(void *arg, size_t first_item, size_t items, rtv_error *error);
    int32_t (*end)(void *arg, rtv_error *error);
    size_t wave;        /* items between two calls of wave_done, and of progress; 0: many */
    size_t max_queries; /* in a block */
    /* What is going on */
    size_t lanes, first, num_queries;                                /* this block: queries first to first + num_queries - 1 */
    size_t first_row, num_rows, rows_per_item, num_items, base_item; /* rows from first_row on: places, when queries are rows */
    rtvi_scan scan;
    float *own;       /* [max_queries][dim] of rows as queries */
    rtvi_filter made; /* by rtvi_pass_open */
} rtvi_pass;

/* What the options ask of the index as it is now: flat, team, rows, filter, limit and progress are filled in, all else is 0. The pass stays
 * where it is until it is closed. Errors: as rtvi_filter_init; then there is nothing to close. */
int32_t rtvi_pass_open(rtvi_pass *pass, rtvi_flat *flat, rtvi_team *team, const rtv_search_options *options, rtv_error *error);
void rtvi_pass_close(rtvi_pass *pass);

/* Fills in the lanes; the pass then knows its sizes, and a caller can make room for what it keeps by lane. */
void rtvi_pass_init(rtvi_pass *pass);
/* Errors: OUT_OF_MEMORY, CANCELLED, what the functions bring. */
int32_t rtvi_pass_run(rtvi_pass *pass, rtv_error *error);
/* task(arg, item, lane) over the lanes, with the arithmetic that scores need. */
int32_t rtvi_pass_share(const rtvi_pass *pass, rtvi_item_fn task, void *arg, size_t count, rtv_error *error);
/* Whether the pair of a query of this block and the row at a place comes up now: each pair once, and no row with itself. */
static inline int rtvi_pass_meets(const rtvi_pass *pass, size_t query, size_t place) {
    return query < pass->num_queries && (pass->vectors || place > pass->first + query);
}
/* The vector of a query of this block. */
static inline const float *rtvi_pass_query(const rtvi_pass *pass, size_t query) {
    return (pass->vectors ? pass->vectors + pass->first * pass->rows->dim : pass->own) + query * pass->rows->dim;
}

#endif
