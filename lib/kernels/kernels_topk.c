/* kernels_topk.c - a bounded heap of hits. */
#include "kernels/kernels_topk.h"

/* Puts hit where the root was, in a heap of count places, and moves it down. */
static void sink(rtv_hit *hits, size_t count, rtv_hit hit) {
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && rtvi_topk_is_better(&hits[child], &hits[child + 1])) child++;
        if (!rtvi_topk_is_better(&hit, &hits[child])) break;
        hits[at] = hits[child];
    }
    hits[at] = hit;
}

static void rise(rtv_hit *hits, size_t at, rtv_hit hit) {
    while (at > 0 && rtvi_topk_is_better(&hits[(at - 1) / 2], &hit)) {
        hits[at] = hits[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    hits[at] = hit;
}

void rtvi_topk_offer(rtvi_topk *topk, const rtv_hit *hit) {
    if (topk->count < topk->capacity) {
        rise(topk->hits, topk->count++, *hit);
    } else if (topk->capacity > 0 && rtvi_topk_is_better(hit, &topk->hits[0])) {
        sink(topk->hits, topk->count, *hit);
    }
}

void rtvi_topk_sort(rtvi_topk *topk) {
    for (size_t left = topk->count; left > 1; left--) {
        rtv_hit worst = topk->hits[0];
        sink(topk->hits, left - 1, topk->hits[left - 1]);
        topk->hits[left - 1] = worst;
    }
}
