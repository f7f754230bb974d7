/* kernels_topk.h - the best k of many hits: score descending, then id ascending. Ids are unique, so the order is total and the result
 * does not depend on the order in which hits are offered. */
#ifndef RTVI_KERNELS_TOPK_H
#define RTVI_KERNELS_TOPK_H

#include <stddef.h>

#include <retrieve/index.h>

/* A binary heap with the worst hit at the root. */
typedef struct rtvi_topk {
    rtv_hit *hits; /* [capacity], the owner's */
    size_t count, capacity;
} rtvi_topk;

/* -0.0 equals 0.0, as floats do. */
static inline int rtvi_topk_is_better(const rtv_hit *a, const rtv_hit *b) {
    return a->score > b->score || (a->score == b->score && a->id < b->id);
}

/* Scores below this need not be offered; at_least is the answer while there is room. */
static inline float rtvi_topk_limit(const rtvi_topk *topk, float at_least) {
    return topk->count < topk->capacity ? at_least : topk->hits[0].score;
}

void rtvi_topk_offer(rtvi_topk *topk, const rtv_hit *hit);
/* Puts the hits in order, the best first. Afterwards it is no heap any more: set count = 0 before the next offer. */
void rtvi_topk_sort(rtvi_topk *topk);

#endif
