/* flat_ranks.h - where the relevant items stand among all, by counting: no lists are kept. Relevant to a query is every live item of its
 * class but the excluded one; its rank is 1 + the number of items before it by score (canonical) descending, then id ascending. */
#ifndef RTVI_FLAT_RANKS_H
#define RTVI_FLAT_RANKS_H

#include "index/flat.h"

typedef struct rtvi_rank_queries {
    int64_t count;
    const float *vectors;     /* [count][dim], finite */
    const int32_t *classes;   /* [count], -1 for none: nothing is relevant */
    const int32_t *predicted; /* [count] only items predicted as this class are found and counted, -1 for all; NULL: all for every query */
    const int64_t *exclude;   /* [count] the id that a query does not find, -1 for none; NULL: none */
} rtvi_rank_queries;

/* Zero it before the call; rtvi_ranks_destroy frees what came back. */
typedef struct rtvi_ranks {
    int64_t count;
    int64_t *ids;      /* [count] of the items that were queries, in the order of the rows; NULL when queries were given */
    int64_t *relevant; /* [count] relevant items, found or not: R of the R-metrics */
    int64_t *offsets;  /* [count + 1] query i's ranks are ranks[offsets[i] .. offsets[i + 1]) */
    int64_t *ranks;    /* from 1, ascending; of the relevant items that the predicted-class filter lets through */
} rtvi_ranks;

/* Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, CANCELLED. */
int32_t rtvi_flat_ranks(rtvi_flat *flat, rtvi_team *team, const rtvi_rank_queries *queries, rtv_progress_fn progress, void *progress_user,
                        rtvi_ranks *ranks, rtv_error *error);
/* Every live item a query among the others, itself excluded; with by_predicted each finds only items predicted as the class that it is
 * predicted as itself (all, when it has none). */
int32_t rtvi_flat_ranks_among(rtvi_flat *flat, rtvi_team *team, int32_t by_predicted, rtv_progress_fn progress, void *progress_user,
                              rtvi_ranks *ranks, rtv_error *error);
void rtvi_ranks_destroy(const rtvi_flat *flat, rtvi_ranks *ranks);

#endif
