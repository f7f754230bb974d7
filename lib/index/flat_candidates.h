/* flat_candidates.h - the best k items for one query, found from bounds: what may belong to them is kept, and scored canonically at the end
 * or when there is too much of it. */
#ifndef RTVI_FLAT_CANDIDATES_H
#define RTVI_FLAT_CANDIDATES_H

#include "index/flat_arena.h"
#include "index/flat_score.h"
#include "kernels/kernels_topk.h"

typedef struct rtvi_candidate {
    uint32_t row;
    float upper; /* its score is at most this */
} rtvi_candidate;

typedef struct rtvi_candidates {
    rtvi_topk best;  /* of the items that were scored canonically */
    rtvi_topk lower; /* the k largest lower bounds seen; their ids are of no account */
    rtvi_candidate *entries;
    size_t count, capacity;
} rtvi_candidates;

/* How canonical scores are made, for one query. */
typedef struct rtvi_scorer {
    const rtvi_rows *rows;
    int32_t isa;
    float min_score;
    double *panel;  /* of the query */
    float *scratch; /* rtvi_score_scratch() floats */
} rtvi_scorer;

/* Entries that a search for k in num_rows rows keeps. */
size_t rtvi_candidates_capacity(size_t k, size_t num_rows);

/* None yet, of the best k: room for heaps[2][k] and entries[capacity]. */
static inline rtvi_candidates rtvi_candidates_none(rtv_hit *heaps, size_t k, rtvi_candidate *entries, size_t capacity) {
    return (rtvi_candidates){.best = {heaps, 0, k}, .lower = {heaps + k, 0, k}, .entries = entries, .capacity = capacity};
}

/* An item whose upper bound is below this is none of the best k, nor is it wanted. */
static inline float rtvi_candidates_limit(const rtvi_candidates *c, float min_score) {
    const float limit = rtvi_topk_limit(&c->lower, min_score);
    return limit > min_score ? limit : min_score;
}

/* Takes an item with a coarse score and its slack, which may be anything. Returns 1 when rtvi_candidates_settle has to be called. */
int rtvi_candidates_offer(rtvi_candidates *c, float min_score, uint32_t row, float score, float slack);
/* Makes room. */
void rtvi_candidates_settle(rtvi_candidates *c, const rtvi_scorer *scorer);
/* What the parts (whose items differ) hold together: leaves the best in parts[0]->best, in order. */
void rtvi_candidates_finish(rtvi_candidates *const *parts, size_t num_parts, const rtvi_scorer *scorer);

#endif
