/* flat_candidates.c - the best k items for one query, found from bounds. At any time every item that was offered is in entries, or scored
 * in best, or known to be none of the best k because its upper bound lies below k lower bounds of others. */
#include "index/flat_candidates.h"

#include <math.h>
#include <string.h>

size_t rtvi_candidates_capacity(size_t k, size_t num_rows) { return k > num_rows / 4 ? num_rows : rtvi_least(3 * k + 64, num_rows); }

int rtvi_candidates_offer(rtvi_candidates *c, float min_score, uint32_t row, float score, float slack) {
    float upper = score + slack, lower = score - slack;
    if (upper < rtvi_candidates_limit(c, min_score)) return 0;
    if (isnan(upper)) upper = INFINITY; /* bounds of huge vectors tell nothing */
    if (isnan(lower)) lower = -INFINITY;
    c->entries[c->count++] = (rtvi_candidate){row, upper};
    rtvi_topk_offer(&c->lower, &(rtv_hit){(int64_t)row, lower, 0});
    return c->count == c->capacity;
}

static void score_entries(rtvi_topk *best, const rtvi_candidate *entries, size_t count, const rtvi_scorer *scorer) {
    for (size_t first = 0; first < count; first += RTVI_SCORE_ROWS) {
        const size_t part = rtvi_least(count - first, RTVI_SCORE_ROWS);
        size_t numbers[RTVI_SCORE_ROWS];
        float scores[RTVI_SCORE_ROWS];
        for (size_t i = 0; i < part; i++) numbers[i] = entries[first + i].row;
        rtvi_score_rows(scorer->rows, scorer->isa, scorer->panel, 1, numbers, part, scores, RTVI_SCORE_ROWS, scorer->scratch);
        for (size_t i = 0; i < part; i++) {
            size_t row = numbers[i];
            const rtvi_chunk *chunk = rtvi_rows_locate(scorer->rows, &row);
            if (scores[i] >= scorer->min_score) rtvi_topk_offer(best, &(rtv_hit){chunk->ids[row], scores[i], chunk->classes[row]});
        }
    }
}

void rtvi_candidates_settle(rtvi_candidates *c, const rtvi_scorer *scorer) {
    const float limit = rtvi_candidates_limit(c, scorer->min_score);
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->entries[i].upper >= limit) c->entries[kept++] = c->entries[i];
    c->count = kept;
    if (kept <= c->capacity / 2) return;
    /* Bounds do not decide: scores do. Those of the best are lower bounds, too, and every other one is of an item scored just now. */
    score_entries(&c->best, c->entries, kept, scorer);
    c->count = 0;
    c->lower.count = c->best.count;
    memcpy(c->lower.hits, c->best.hits, c->best.count * sizeof *c->best.hits);
}

/* A heap with the largest upper bound at the root. */
static void sink(rtvi_candidate *heap, size_t count, size_t at, rtvi_candidate moving) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child].upper < heap[child + 1].upper) child++;
        if (moving.upper >= heap[child].upper) break;
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static rtvi_candidate take_root(rtvi_candidates *c) {
    const rtvi_candidate root = c->entries[0];
    if (--c->count > 0) sink(c->entries, c->count, 0, c->entries[c->count]);
    return root;
}

/* The part whose best entry has the largest upper bound, or NULL when none is left. */
static rtvi_candidates *largest(rtvi_candidates *const *parts, size_t num_parts) {
    rtvi_candidates *found = NULL;
    for (size_t i = 0; i < num_parts; i++)
        if (parts[i]->count && (!found || parts[i]->entries[0].upper > found->entries[0].upper)) found = parts[i];
    return found;
}

static void join(rtvi_topk *to, const rtvi_topk *from) {
    for (size_t i = 0; i < from->count; i++) rtvi_topk_offer(to, &from->hits[i]);
}

void rtvi_candidates_finish(rtvi_candidates *const *parts, size_t num_parts, const rtvi_scorer *scorer) {
    rtvi_topk *best = &parts[0]->best, *lower = &parts[0]->lower;
    float limit;
    for (size_t p = 0; p < num_parts; p++) {
        if (p > 0) join(best, &parts[p]->best);
        if (p > 0) join(lower, &parts[p]->lower);
        for (size_t i = parts[p]->count / 2; i-- > 0;) sink(parts[p]->entries, parts[p]->count, i, parts[p]->entries[i]);
    }
    limit = rtvi_candidates_limit(parts[0], scorer->min_score);
    /* The most promising first: most of the others then fall to the scores. */
    for (;;) {
        rtvi_candidate some[RTVI_SCORE_ROWS];
        rtvi_candidates *from;
        size_t count = 0;
        limit = fmaxf(limit, rtvi_topk_limit(best, limit));
        while (count < RTVI_SCORE_ROWS && (from = largest(parts, num_parts)) && from->entries[0].upper >= limit)
            some[count++] = take_root(from);
        if (count == 0) break;
        score_entries(best, some, count, scorer);
    }
    rtvi_topk_sort(best);
}
