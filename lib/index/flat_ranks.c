/* flat_ranks.c - where the relevant items stand among all, by counting. The relevant items of a query are scored canonically and put in
 * order: its marks. For every other item it is then asked between which marks it lies. The coarse score and its slack answer for nearly
 * all; for what lies too near to a mark a score of 16-bit codes does, or else one in float32; and what that leaves open is scored
 * canonically. */
#include "index/flat_ranks.h"

#include <math.h>
#include <string.h>

#include "index/flat_marks.h"
#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"
#include "kernels/kernels_fine.h"
#include "kernels/kernels_near.h"
#include "kernels/kernels_place.h"

#define QUERIES_PER_BLOCK (20 * RTVI_COARSE_WIDTH) /* their 16-bit codes stay in a core's second-level cache */
_Static_assert(RTVI_FINE_OTHERS == RTVI_NEAR_ROWS, "pairs are looked at so many at a time");
#define EVENTS (RTVI_COARSE_WIDTH * RTVI_COARSE_ROWS) /* of a call, at most */

/* How closely a pair is looked at; then come canonical scores. */
enum { COARSE, FINE, NEAR };

typedef struct rank_lane {
    rtvi_coarse_event events[EVENTS];
    uint8_t sides[EVENTS];
    rtvi_place_side *queries; /* [max_queries] of this block; what they count is this lane's */
    uint32_t *passed;         /* of all of them */
    rtvi_place_side rows[RTVI_COARSE_ROWS];
    uint32_t first_row; /* of these rows; NONE: there are none yet */
    uint8_t *fine;      /* records of the rows that needed them */
    uint32_t fine_of[RTVI_COARSE_ROWS];
    double *panel;
    float *vector;
    float no_marks[RTVI_PLACE_MARKS]; /* of rows that are no queries */
    uint32_t nothing;                 /* what they count */
} rank_lane;

#define NONE UINT32_MAX

typedef struct ranking {
    rtvi_pass pass;
    rtvi_rank_queries q; /* vectors NULL: the rows themselves */
    uint32_t *query_of;  /* [num_rows] of rows as queries; NULL for given ones */
    rtvi_marks marks;
    uint32_t *passed;  /* [num_marks + 1] for each query: what it has counted as a row */
    float *row_limits; /* [num_rows] the lowest mark of a row that is a query */
    uint8_t *fine;     /* [max_queries] records of this block's queries */
    rtvi_place_fn place;
    rtvi_fine_encode_fn encode;
    rtvi_fine_scores_fn score_fine;
    rtvi_near_fn near;
    rtvi_dot_panel_fn dot;
    rank_lane *lanes;
    rtvi_ranks *out;
} ranking;

void rtvi_ranks_destroy(const rtvi_flat *flat, rtvi_ranks *ranks) {
    rtvi_free(flat->env, ranks->ids);
    rtvi_free(flat->env, ranks->relevant);
    rtvi_free(flat->env, ranks->offsets);
    rtvi_free(flat->env, ranks->ranks);
    memset(ranks, 0, sizeof *ranks);
}

/* --- counting ------------------------------------------------------------------------------------------------------------------------- */

static float lowest(const rtvi_marks *marks, size_t query) {
    const size_t count = rtvi_marks_count(marks, query);
    return count > 0 ? marks->all[marks->first[query] + count - 1].score : INFINITY;
}

/* The side of a query. Its slack at each level is what the product with that of a row gives. */
static rtvi_place_side side_of(const ranking *r, size_t query, uint32_t *passed) {
    return (rtvi_place_side){.marks = r->marks.scores + r->marks.first_score[query],
                             .passed = passed,
                             .id = r->query_of ? r->q.exclude[query] : -1,
                             .exclude = r->q.exclude ? r->q.exclude[query] : -1,
                             .num_marks = rtvi_marks_count(&r->marks, query),
                             .class_id = r->q.classes[query] < 0 ? -1 : r->q.classes[query],
                             .predicted = r->q.predicted ? r->q.predicted[query] : -1,
                             .wanted = r->q.predicted ? r->q.predicted[query] : -1};
}

static void begin_block(void *arg) {
    ranking *r = arg;
    const rtvi_scan *scan = &r->pass.scan;
    const size_t dim = r->pass.rows->dim, first = r->pass.first, last = first + r->pass.num_queries;
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        rank_lane *own = &r->lanes[lane];
        own->first_row = NONE;
        memset(own->passed, 0, (r->marks.first[last] - r->marks.first[first] + r->pass.num_queries) * sizeof *own->passed);
    }
    for (size_t q = 0; q < r->pass.num_queries; q++) {
        rtvi_coarse_head *fine = (rtvi_coarse_head *)(void *)(r->fine + q * rtvi_fine_size(dim));
        const float length = scan->rest_slope[q]; /* somewhat more */
        r->encode(rtvi_pass_query(&r->pass, q), dim, length, fine);
        for (size_t lane = 0; lane < r->pass.lanes; lane++) {
            rank_lane *own = &r->lanes[lane];
            rtvi_place_side *side = &own->queries[q];
            *side = side_of(r, first + q, own->passed + r->marks.first[first + q] - r->marks.first[first] + q);
            side->slack[COARSE][0] = scan->length_slope[q];
            side->slack[COARSE][1] = scan->rest_slope[q];
            rtvi_coarse_slopes(fine, &side->slack[FINE][0], &side->slack[FINE][1]);
            side->slack[NEAR][0] = rtvi_near_slack(dim, length, 1);
            side->slack[NEAR][1] = 0x1p-60F;
            rtvi_scan_limits(scan, lane)[q] = lowest(&r->marks, first + q);
        }
    }
}

/* A row that is no query: it counts nothing. */
static rtvi_place_side side_of_item(const rtvi_chunk *chunk, size_t row) {
    return (rtvi_place_side){.id = chunk->ids[row],
                             .class_id = chunk->classes[row] < 0 ? -2 : chunk->classes[row],
                             .predicted = chunk->predicted[row],
                             .wanted = -1};
}

/* The rows of a block of the scan. A row is on one lane at a time, so what it counts is in one place. */
static void meet_rows(ranking *r, rank_lane *own, const rtvi_scan_block *block) {
    own->first_row = block->numbers[0];
    for (size_t i = 0; i < block->count; i++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)block->records[i];
        rtvi_place_side *side = &own->rows[i];
        size_t row = block->numbers[i];
        if (r->query_of) {
            const size_t query = r->query_of[row];
            *side = side_of(r, query, r->passed + r->marks.first[query] + query);
            if (side->class_id < 0) side->class_id = -2;
        } else {
            const rtvi_chunk *chunk = rtvi_rows_locate(r->pass.rows, &row);
            *side = side_of_item(chunk, row);
            side->marks = own->no_marks;
            side->passed = &own->nothing;
        }
        side->slack[COARSE][0] = head->length;
        side->slack[COARSE][1] = head->rest;
        side->slack[NEAR][0] = head->length + head->rest;
        side->slack[NEAR][1] = 0x1p-60F;
    }
}

/* The events of a panel that are pairs, not met before. */
static size_t take_pairs(const ranking *r, rank_lane *own, size_t first, const rtvi_coarse_event *events, size_t count,
                         const rtvi_scan_block *block) {
    const uint32_t *numbers = r->query_of ? r->pass.numbers + r->pass.first : NULL;
    const size_t last = rtvi_least(first + RTVI_COARSE_WIDTH, r->pass.num_queries);
    size_t kept = 0;
    memset(own->sides, numbers ? RTVI_PLACE_QUERY | RTVI_PLACE_ROW : RTVI_PLACE_QUERY, count);
    if (last == first + RTVI_COARSE_WIDTH && (!numbers || numbers[last - 1] < block->numbers[0])) {
        memcpy(own->events, events, count * sizeof *events);
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t query = first + events[i].query;
        if (query < last && (!numbers || numbers[query] < block->numbers[events[i].row])) own->events[kept++] = events[i];
    }
    return kept;
}

/* The floats of a row that will be needed soon, from memory to the cache. */
static void fetch_row(const rtvi_rows *rows, size_t row) {
    const rtvi_chunk *chunk = rtvi_rows_locate(rows, &row);
    const size_t size = rows->dim * sizeof(float);
    if (rows->storage != RTV_STORAGE_FLOAT32) return;
    for (size_t i = 0; i < size; i += RTVI_CACHE_LINE) __builtin_prefetch((const char *)chunk->vectors + row * size + i);
}

/* The finer record of a row, made when first needed. */
static const void *fine_row(ranking *r, rank_lane *own, size_t row, const rtvi_scan_block *block) {
    const size_t dim = r->pass.rows->dim;
    rtvi_coarse_head *fine = (rtvi_coarse_head *)(void *)(own->fine + row * rtvi_fine_size(dim));
    if (own->fine_of[row] != block->numbers[row]) {
        const float *vector = rtvi_score_floats(r->pass.rows, block->numbers[row], own->vector);
        if (row + 1 < block->count) fetch_row(r->pass.rows, block->numbers[row + 1]);
        r->encode(vector, dim, own->rows[row].slack[NEAR][0], fine);
        own->fine_of[row] = block->numbers[row];
    }
    own->rows[row].slack[FINE][0] = fine->length;
    own->rows[row].slack[FINE][1] = fine->rest;
    return fine;
}

/* Closer scores for pairs of one row. */
static void score_pairs(ranking *r, rank_lane *own, size_t first, size_t level, rtvi_coarse_event *pairs, size_t count,
                        const rtvi_scan_block *block) {
    const size_t row = pairs[0].row, dim = r->pass.rows->dim;
    const void *fine[RTVI_FINE_OTHERS];
    const float *near[RTVI_NEAR_ROWS];
    float scores[RTVI_FINE_OTHERS];
    for (size_t i = 0; i < count; i++) {
        fine[i] = r->fine + (first + pairs[i].query) * rtvi_fine_size(dim);
        near[i] = rtvi_pass_query(&r->pass, first + pairs[i].query);
    }
    if (level == FINE)
        r->score_fine(fine_row(r, own, row, block), fine, count, dim, scores);
    else
        r->near(rtvi_score_floats(r->pass.rows, block->numbers[row], own->vector), near, count, dim, scores);
    for (size_t i = 0; i < count; i++) pairs[i].score = scores[i];
}

static void look_closer(ranking *r, rank_lane *own, size_t first, size_t level, size_t count, const rtvi_scan_block *block) {
    for (size_t i = 0, some; i < count; i += some) {
        rtvi_coarse_event *pairs = own->events + i;
        for (some = 1; some < RTVI_FINE_OTHERS && i + some < count && pairs[some].row == pairs[0].row;) some++;
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

static void settle(ranking *r, rank_lane *own, size_t place, size_t row, int sides, const rtvi_scan_block *block) {
    const rtvi_rows *rows = r->pass.rows;
    const rtvi_place_side *query_side = &own->queries[place], *row_side = &own->rows[row];
    const float *vector = rtvi_pass_query(&r->pass, place);
    float score;
    rtvi_dot_pack(rtvi_score_floats(rows, block->numbers[row], own->vector), 1, rows->dim, own->panel);
    r->dot(own->panel, 1, rows->dim, &vector, 1, &score, 1);
    if (sides & RTVI_PLACE_QUERY) count_item(&r->marks, r->pass.first + place, query_side->passed, score, row_side->id);
    if (sides & RTVI_PLACE_ROW) count_item(&r->marks, r->query_of[block->numbers[row]], row_side->passed, score, query_side->id);
}

static void take_events(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count, const rtvi_scan_block *block) {
    ranking *r = arg;
    rank_lane *own = &r->lanes[lane];
    const rtvi_place_sides place = {own->queries + first, own->rows, !r->query_of || r->q.predicted};
    size_t left = take_pairs(r, own, first, events, count, block);
    if (own->first_row != block->numbers[0]) meet_rows(r, own, block);
    for (size_t level = COARSE; left > 0 && level <= NEAR; level++) {
        if (level > COARSE) look_closer(r, own, first, level, left, block);
        left = r->place(&place, level, own->events, own->sides, left);
    }
    for (size_t i = 0; i < left; i++) settle(r, own, first + own->events[i].query, own->events[i].row, own->sides[i], block);
}

/* The ranks of the block's queries; those of rows are complete, for the pairs with rows before them were met before. */
static int32_t end_block(void *arg, rtv_error *error) {
    ranking *r = arg;
    const size_t first = r->pass.first, base = r->marks.first[first];
    (void)error;
    for (size_t i = first; i < first + r->pass.num_queries; i++) {
        int64_t before = 0;
        for (size_t m = r->marks.first[i]; m < r->marks.first[i + 1]; m++) {
            if (r->query_of) before += r->passed[m + i];
            for (size_t lane = 0; lane < r->pass.lanes; lane++) before += r->lanes[lane].passed[m - base + i - first];
            r->out->ranks[m] = 1 + (int64_t)(m - r->marks.first[i]) + before;
        }
        r->out->offsets[i + 1] = (int64_t)r->marks.first[i + 1];
    }
    return RTV_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

static void free_lanes(ranking *r) {
    const rtvi_env *env = r->pass.flat->env;
    for (size_t lane = 0; r->lanes && lane < r->pass.lanes; lane++) {
        rtvi_free(env, r->lanes[lane].passed);
        rtvi_free(env, r->lanes[lane].queries);
        rtvi_free(env, r->lanes[lane].fine);
        rtvi_free(env, r->lanes[lane].panel);
        rtvi_free(env, r->lanes[lane].vector);
    }
    rtvi_free(env, r->lanes);
}

static int32_t make_lanes(ranking *r, rtv_error *error) {
    int32_t status = RTV_OK;
    r->lanes = rtvi_marks_room(r->pass.flat->env, r->pass.lanes, sizeof *r->lanes, &status, error);
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        rank_lane *own = status == RTV_OK ? &r->lanes[lane] : NULL;
        if (own) own->queries = rtvi_marks_room(r->pass.flat->env, r->pass.max_queries, sizeof *own->queries, &status, error);
        if (own) own->fine = rtvi_marks_room(r->pass.flat->env, RTVI_COARSE_ROWS, rtvi_fine_size(r->pass.rows->dim), &status, error);
        if (own) memset(own->fine_of, 0xff, sizeof own->fine_of);
        for (size_t i = 0; own && i < RTVI_PLACE_MARKS; i++) own->no_marks[i] = -INFINITY;
        if (own) own->panel = rtvi_marks_room(r->pass.flat->env, rtvi_dot_panel_size(1, r->pass.rows->dim), sizeof(double), &status, error);
        if (own) own->vector = rtvi_marks_room(r->pass.flat->env, r->pass.rows->dim, sizeof(float), &status, error);
    }
    return status;
}

/* Once the marks are there: room for those of a block, in each lane. */
static int32_t make_counters(ranking *r, rtv_error *error) {
    size_t most = 0;
    int32_t status = RTV_OK;
    for (size_t first = 0; first < r->pass.count; first += r->pass.max_queries) {
        const size_t last = rtvi_least(first + r->pass.max_queries, r->pass.count);
        const size_t marks = r->marks.first[last] - r->marks.first[first];
        if (most < marks) most = marks;
    }
    most += r->pass.max_queries;
    for (size_t lane = 0; lane < r->pass.lanes; lane++)
        r->lanes[lane].passed = rtvi_marks_room(r->pass.flat->env, most, sizeof(uint32_t), &status, error);
    return status;
}

static int32_t rank(ranking *r, rtv_error *error) {
    int32_t status = rtvi_marks_make(&r->pass, &r->q, r->out, &r->marks, error);
    for (size_t i = 0; status == RTV_OK && r->row_limits && i < r->pass.count; i++)
        r->row_limits[r->pass.numbers[i]] = lowest(&r->marks, i);
    r->passed = rtvi_marks_room(r->pass.flat->env, status == RTV_OK && r->query_of ? r->marks.first[r->pass.count] + r->pass.count : 0,
                                sizeof *r->passed, &status, error);
    if (status == RTV_OK) status = make_lanes(r, error);
    if (status == RTV_OK) status = make_counters(r, error);
    if (status == RTV_OK)
        r->fine = rtvi_marks_room(r->pass.flat->env, r->pass.max_queries, rtvi_fine_size(r->pass.rows->dim), &status, error);
    if (status == RTV_OK) status = rtvi_pass_run(&r->pass, error);
    free_lanes(r);
    rtvi_marks_destroy(r->pass.flat->env, &r->marks);
    rtvi_free(r->pass.flat->env, r->passed);
    rtvi_free(r->pass.flat->env, r->fine);
    return status;
}

static ranking begin(rtvi_flat *flat, rtvi_team *team, const rtvi_rows *rows, const rtvi_filter *filter, rtv_progress_fn progress,
                     void *progress_user, rtvi_ranks *out) {
    ranking r = {.pass = {.flat = flat,
                          .team = team,
                          .rows = rows,
                          .filter = filter,
                          .limit = INFINITY,
                          .progress = progress,
                          .progress_user = progress_user,
                          .begin = begin_block,
                          .take = take_events,
                          .end = end_block,
                          .max_queries = QUERIES_PER_BLOCK},
                 .place = rtvi_place_select(flat->env->isa),
                 .encode = rtvi_fine_select_encode(flat->env->isa),
                 .score_fine = rtvi_fine_select_scores(flat->env->isa),
                 .near = rtvi_near_select(flat->env->isa),
                 .dot = rtvi_dot_select(flat->env->isa),
                 .out = out};
    return r;
}

static const rtvi_filter every_row = {.class_id = -1, .predicted = -1};

int32_t rtvi_flat_ranks(rtvi_flat *flat, rtvi_team *team, const rtvi_rank_queries *queries, rtv_progress_fn progress, void *progress_user,
                        rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows;
    ranking r;
    int32_t status = rtvi_search_check(flat, queries->vectors, queries->count, 1, error);
    if (status != RTV_OK) return status;
    rows = rtvi_flat_rows_take(flat);
    r = begin(flat, team, rows, &every_row, progress, progress_user, ranks);
    r.q = *queries;
    r.pass.arg = &r;
    r.pass.vectors = queries->vectors;
    r.pass.count = (size_t)queries->count;
    rtvi_pass_init(&r.pass);
    status = rank(&r, error);
    rtvi_flat_rows_give(flat, rows);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}

/* The live rows as queries. */
typedef struct own_queries {
    uint32_t *numbers, *query_of;
    float *limits;
    int32_t *classes, *predicted;
} own_queries;

static void gather_own(const rtvi_rows *rows, own_queries *own, int64_t *ids) {
    uint32_t at = 0;
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++) {
            own->limits[chunk->first_row + i] = INFINITY;
            if (rtvi_chunk_is_removed(chunk, i)) continue;
            own->classes[at] = chunk->classes[i];
            own->predicted[at] = chunk->predicted[i];
            own->query_of[chunk->first_row + i] = at;
            own->numbers[at] = (uint32_t)(chunk->first_row + i);
            ids[at++] = chunk->ids[i];
        }
    }
}

static int32_t rank_among(ranking *r, int32_t by_predicted, own_queries *own, rtv_error *error) {
    const rtvi_rows *rows = r->pass.rows;
    int32_t status = RTV_OK;
    own->numbers = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->numbers, &status, error);
    own->query_of = rtvi_marks_room(r->pass.flat->env, rows->num_rows, sizeof *own->query_of, &status, error);
    own->limits = rtvi_marks_room(r->pass.flat->env, rows->num_rows, sizeof *own->limits, &status, error);
    own->classes = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->classes, &status, error);
    own->predicted = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->predicted, &status, error);
    r->out->ids = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *r->out->ids, &status, error);
    if (status != RTV_OK) return status;
    gather_own(rows, own, r->out->ids);
    r->q = (rtvi_rank_queries){.count = (int64_t)rows->num_live,
                               .classes = own->classes,
                               .predicted = by_predicted ? own->predicted : NULL,
                               .exclude = r->out->ids};
    r->pass.arg = r;
    r->pass.count = rows->num_live;
    r->pass.numbers = own->numbers;
    r->pass.row_limits = r->row_limits = own->limits;
    r->query_of = own->query_of;
    rtvi_pass_init(&r->pass);
    return rank(r, error);
}

int32_t rtvi_flat_ranks_among(rtvi_flat *flat, rtvi_team *team, int32_t by_predicted, rtv_progress_fn progress, void *progress_user,
                              rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows = rtvi_flat_rows_take(flat);
    ranking r = begin(flat, team, rows, &every_row, progress, progress_user, ranks);
    own_queries own = {0};
    int32_t status = rank_among(&r, by_predicted, &own, error);
    rtvi_flat_rows_give(flat, rows);
    rtvi_free(flat->env, own.numbers);
    rtvi_free(flat->env, own.query_of);
    rtvi_free(flat->env, own.limits);
    rtvi_free(flat->env, own.classes);
    rtvi_free(flat->env, own.predicted);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}
