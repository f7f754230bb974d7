/* flat_rank_pairs.c - pairs of queries and rows that ranks are counted from. The coarse score and its slack answer for nearly all; for what
 * lies too near to a mark a score of 16-bit codes does, or else one in float32; and what that leaves open is scored canonically. Where much
 * lies near to marks, as it does for the hardest queries, all pairs get scores of 16-bit codes at once. */
#include <math.h>
#include <string.h>

#include "index/flat_ranking.h"
#include "index/flat_score.h"
#include "index/flat_state.h"

_Static_assert(RTVI_FINE_OTHERS == RTVI_NEAR_ROWS, "pairs are looked at so many at a time");

#define TRIED (16 * RTVI_RANK_EVENTS) /* pairs, before it is known how hard queries are */
#define HARD 16                       /* one of so many open: then counting costs less than looking at single pairs (docs/performance.md) */

void rtvi_rank_pairs_begin(rtvi_rank_lane *own) {
    for (size_t b = 0; b < RTVI_SCAN_BLOCKS; b++) own->met[b] = SIZE_MAX;
    own->tried = own->open = 0;
}

int rtvi_rank_pairs_are_hard(const rtvi_rank_lane *own) { return own->tried >= TRIED && own->open * HARD >= own->tried; }

/* --- rows ----------------------------------------------------------------------------------------------------------------------------- */

/* The side of a row that is no query: it counts nothing. */
static rtvi_place_side side_of_item(const rtvi_rows *rows, size_t row, rtvi_rank_lane *own) {
    const rtvi_chunk *chunk = rtvi_rows_locate(rows, &row);
    return (rtvi_place_side){.marks = own->no_marks,
                             .passed = &own->nothing,
                             .lowest = INFINITY,
                             .id = chunk->ids[row],
                             .class_id = chunk->classes[row] < 0 ? -2 : chunk->classes[row],
                             .predicted = chunk->predicted[row],
                             .wanted = -1};
}

/* The rows of a block of the scan. A row is on one lane at a time, so what it counts is in one place. */
static void meet_rows(const rtvi_ranking *r, rtvi_rank_lane *own, const rtvi_scan_block *block) {
    const size_t at = block->index * RTVI_COARSE_ROWS;
    if (own->met[block->index] == block->place) return;
    own->met[block->index] = block->place;
    own->counted[block->index].count = 0;
    memset(own->is_fine + at, 0, RTVI_COARSE_ROWS);
    for (size_t i = 0; i < block->count; i++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)block->records[i];
        rtvi_place_side *side = &own->rows[at + i];
        if (r->order) {
            const size_t query = r->order[block->place + i];
            *side = rtvi_ranking_side(r, query, r->passed + r->marks.first[query] + query);
            if (side->class_id < 0) side->class_id = -2;
        } else {
            *side = side_of_item(r->pass.rows, block->numbers[i], own);
        }
        side->slack[RTVI_RANK_COARSE][0] = head->length;
        side->slack[RTVI_RANK_COARSE][1] = head->rest;
        side->slack[RTVI_RANK_NEAR][0] = head->length + head->rest;
        side->slack[RTVI_RANK_NEAR][1] = 0x1p-60F;
    }
}

/* Floats that will be needed soon, from memory to the cache. */
static void fetch(const float *vector, size_t dim) {
    for (size_t i = 0; i < dim; i += RTVI_CACHE_LINE / sizeof *vector) __builtin_prefetch(vector + i);
}

static void fetch_row(const rtvi_rows *rows, size_t row) {
    if (rows->storage == RTV_STORAGE_FLOAT32) fetch(rtvi_score_floats(rows, row, NULL), rows->dim);
}

/* The 16-bit record of a row, made when first needed. */
static const void *fine_row(const rtvi_ranking *r, rtvi_rank_lane *own, size_t row, const rtvi_scan_block *block) {
    const size_t dim = r->pass.rows->dim, at = block->index * RTVI_COARSE_ROWS + row;
    rtvi_coarse_head *fine = (rtvi_coarse_head *)(void *)(own->fine + at * rtvi_fine_size(dim));
    if (own->is_fine[at]) return fine;
    if (row + 1 < block->count) fetch_row(r->pass.rows, block->numbers[row + 1]);
    r->encode(rtvi_score_floats(r->pass.rows, block->numbers[row], own->vector), dim, own->rows[at].slack[RTVI_RANK_NEAR][0], fine);
    own->rows[at].slack[RTVI_RANK_FINE][0] = fine->length;
    own->rows[at].slack[RTVI_RANK_FINE][1] = fine->rest;
    own->is_fine[at] = 1;
    return fine;
}

static const rtvi_count_rows *fine_rows(const rtvi_ranking *r, rtvi_rank_lane *own, const rtvi_scan_block *block) {
    rtvi_count_rows *rows = &own->counted[block->index];
    for (; rows->count < block->count; rows->count++) {
        rows->records[rows->count] = fine_row(r, own, rows->count, block);
        rows->lowest[rows->count] = own->rows[block->index * RTVI_COARSE_ROWS + rows->count].lowest;
    }
    return rows;
}

/* --- pairs ---------------------------------------------------------------------------------------------------------------------------- */

/* The events of a panel that are pairs, not met before. */
static size_t take_pairs(const rtvi_ranking *r, rtvi_rank_lane *own, size_t first, const rtvi_coarse_event *events, size_t count,
                         const rtvi_scan_block *block) {
    const int all = rtvi_pass_meets(&r->pass, first + RTVI_COARSE_WIDTH - 1, block->place);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        own->events[kept] = events[i];
        kept += all || rtvi_pass_meets(&r->pass, first + events[i].query, block->place + events[i].row);
    }
    memset(own->sides, r->order ? RTVI_PLACE_QUERY | RTVI_PLACE_ROW : RTVI_PLACE_QUERY, kept);
    return kept;
}

/* Closer scores for pairs of one row. */
static void score_pairs(rtvi_ranking *r, rtvi_rank_lane *own, size_t first, size_t level, rtvi_coarse_event *pairs, size_t count,
                        const rtvi_scan_block *block) {
    const size_t row = pairs[0].row, dim = r->pass.rows->dim;
    const void *fine[RTVI_FINE_OTHERS];
    const float *near[RTVI_NEAR_ROWS];
    float scores[RTVI_FINE_OTHERS];
    for (size_t i = 0; i < count; i++) {
        fine[i] = r->fine + (first + pairs[i].query) * rtvi_fine_size(dim);
        near[i] = rtvi_pass_query(&r->pass, first + pairs[i].query);
    }
    if (level == RTVI_RANK_FINE)
        r->score_fine(fine_row(r, own, row, block), fine, count, dim, scores);
    else
        r->near(rtvi_score_floats(r->pass.rows, block->numbers[row], own->vector), near, count, dim, scores);
    for (size_t i = 0; i < count; i++) pairs[i].score = scores[i];
}

static void look_closer(rtvi_ranking *r, rtvi_rank_lane *own, size_t first, size_t level, size_t count, const rtvi_scan_block *block) {
    for (size_t i = 0, some; i < count; i += some) {
        rtvi_coarse_event *pairs = own->events + i;
        for (some = 1; some < RTVI_FINE_OTHERS && i + some < count && pairs[some].row == pairs[0].row;) some++;
        if (level == RTVI_RANK_NEAR && i + some < count) {
            fetch_row(r->pass.rows, block->numbers[pairs[some].row]);
            fetch(rtvi_pass_query(&r->pass, first + pairs[some].query), r->pass.rows->dim);
        }
        score_pairs(r, own, first, level, pairs, some, block);
    }
}

/* An item with a canonical score, for one side of a pair. */
static void count_item(const rtvi_marks *marks, size_t query, uint32_t *passed, float score, int64_t id) {
    const rtvi_mark *first = marks->all + marks->first[query], item = {id, score};
    size_t low = 0, count = rtvi_marks_count(marks, query);
    while (count > 0) {
        const size_t half = count / 2;
        if (rtvi_marks_compare(&first[low + half], &item) > 0) {
            count = half;
        } else {
            low += half + 1;
            count -= half + 1;
        }
    }
    passed[low]++;
}

static void settle(const rtvi_ranking *r, rtvi_rank_lane *own, size_t query, size_t row, int sides, const rtvi_scan_block *block) {
    const rtvi_rows *rows = r->pass.rows;
    const rtvi_place_side *query_side = &own->queries[query], *row_side = &own->rows[block->index * RTVI_COARSE_ROWS + row];
    const float *vector = rtvi_pass_query(&r->pass, query);
    float score;
    rtvi_dot_pack(rtvi_score_floats(rows, block->numbers[row], own->vector), 1, rows->dim, own->panel);
    r->dot(own->panel, 1, rows->dim, &vector, 1, &score, 1);
    if (sides & RTVI_PLACE_QUERY)
        count_item(&r->marks, rtvi_ranking_query(r, r->pass.first + query), query_side->passed, score, row_side->id);
    if (sides & RTVI_PLACE_ROW) count_item(&r->marks, r->order[block->place + row], row_side->passed, score, query_side->id);
}

static size_t place(const rtvi_ranking *r, rtvi_rank_lane *own, size_t first, size_t level, size_t count, const rtvi_scan_block *block) {
    const rtvi_place_sides sides = {own->queries + first, own->rows + block->index * RTVI_COARSE_ROWS, !r->order || r->q.predicted};
    return count > 0 ? r->place(&sides, level, own->events, own->sides, count) : 0;
}

/* Pairs that have scores of 16-bit codes. */
static void finish(rtvi_ranking *r, rtvi_rank_lane *own, size_t first, size_t count, const rtvi_scan_block *block) {
    size_t left = place(r, own, first, RTVI_RANK_FINE, count, block);
    look_closer(r, own, first, RTVI_RANK_NEAR, left, block);
    left = place(r, own, first, RTVI_RANK_NEAR, left, block);
    for (size_t i = 0; i < left; i++) settle(r, own, first + own->events[i].query, own->events[i].row, own->sides[i], block);
}

void rtvi_rank_pairs_take(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count,
                          const rtvi_scan_block *block) {
    rtvi_ranking *r = arg;
    rtvi_rank_lane *own = &r->lanes[lane];
    size_t left = take_pairs(r, own, first, events, count, block);
    meet_rows(r, own, block);
    left = place(r, own, first, RTVI_RANK_COARSE, left, block);
    own->open += left;
    look_closer(r, own, first, RTVI_RANK_FINE, left, block);
    finish(r, own, first, left, block);
}

int rtvi_rank_pairs_count(void *arg, size_t lane, size_t first, const rtvi_scan_block *block) {
    rtvi_ranking *r = arg;
    rtvi_rank_lane *own = &r->lanes[lane];
    const size_t p = first / RTVI_COARSE_WIDTH;
    if (!r->is_hard || r->panels[p].num_marks > RTVI_COUNT_MARKS || !rtvi_pass_meets(&r->pass, first + RTVI_COARSE_WIDTH - 1, block->place))
        return 0;
    if (!rtvi_rank_pairs_are_hard(own)) {
        own->tried += RTVI_COARSE_WIDTH * block->count;
        return 0;
    }
    meet_rows(r, own, block);
    finish(r, own, first, r->count(&r->panels[p], own->before + p * RTVI_RANK_BEFORE, fine_rows(r, own, block), own->events, own->sides),
           block);
    return 1;
}
