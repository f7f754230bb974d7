/* flat_search.h - the search of given rows, for the files flat*.c alone. */
#ifndef RTVI_FLAT_SEARCH_H
#define RTVI_FLAT_SEARCH_H

#include "index/flat_filter.h"

/* One search on one state of the rows. */
typedef struct rtvi_search {
    rtvi_flat *flat;
    rtvi_team *team; /* NULL: everything on the caller's thread */
    const rtvi_rows *rows;
    const rtvi_filter *filter;
    const float *queries; /* [count][dim] */
    int64_t count, k;
    float min_score;
    const int64_t *exclude;   /* [count] an id, -1 for none; or NULL */
    const int32_t *predicted; /* [count] a predicted class, -1 for all; or NULL */
    rtv_progress_fn progress;
    void *progress_user;
    rtv_hit *hits; /* [count][k] */
    int64_t *num_hits;
} rtvi_search;

/* Errors: OUT_OF_MEMORY, CANCELLED. */
int32_t rtvi_search_run(const rtvi_search *search, rtv_error *error);
/* Of queries as they are given, count and k. */
int32_t rtvi_search_check(const rtvi_flat *flat, const float *queries, int64_t count, int64_t k, rtv_error *error);

#endif
