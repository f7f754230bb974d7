/* flat_ranks.c - where the relevant items stand among all, by counting. The relevant items of a query are scored canonically and put in
 * order: its marks. For every other item it is then asked between which marks it lies. The coarse score and its slack answer for nearly
 * all; for what lies too near to a mark a score in float32 does; and what that leaves open is scored canonically. */
#include "index/flat_ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/flat_pass.h"
#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"
#include "kernels/kernels_near.h"

#define QUERIES_PER_BLOCK (2 * RTVI_COARSE_WIDTH)     /* their vectors, too, stay in a core's second-level cache */
#define DOUBTS (RTVI_COARSE_WIDTH * RTVI_COARSE_ROWS) /* all pairs of a call may be in doubt */

#define FEW_MARKS 12

/* A relevant item of a query. */
typedef struct mark {
    int64_t id;
    float score;
    uint32_t passed; /* items between this mark and the one before it */
} mark;

enum { OF_QUERY = 1, OF_ROW = 2 }; /* whose marks are asked */

/* A pair whose coarse score does not tell. */
typedef struct doubt {
    uint32_t row;
    uint16_t query, sides;
} doubt;

typedef struct rank_lane {
    doubt doubts[DOUBTS];
    uint16_t order[DOUBTS];
    size_t num_doubts;
    uint32_t *passed; /* of the marks of this block's queries, which all lanes look for */
    double *panel;
    float *vector, *scratch;
} rank_lane;

typedef struct ranking {
    rtvi_pass pass;
    rtvi_rank_queries q;   /* vectors NULL: the rows themselves */
    uint32_t *query_of;    /* [num_rows] of rows as queries; NULL for given ones */
    uint32_t *members;     /* [num_members] live rows that have a class, by class, then row */
    int32_t *member_class; /* [num_members] */
    size_t num_members;
    size_t *first_mark; /* [count + 1] */
    mark *marks;
    float *row_limits; /* [num_rows] the lowest mark of a row that is a query */
    rtvi_near_fn near;
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

/* Room that is needed, or the call fails; NULL already when something before it failed. */
static void *room(const ranking *r, size_t count, size_t size, int32_t *status, rtv_error *error) {
    void *block = *status == RTV_OK ? rtvi_alloc_zero(r->pass.flat->env, count, size) : NULL;
    if (*status == RTV_OK && !block) *status = rtvi_error_out_of_memory(error, "index", count * size);
    return block;
}

/* --- who is relevant ------------------------------------------------------------------------------------------------------------------ */

typedef struct member {
    int32_t class_id;
    uint32_t row;
} member;

static int by_class(const void *a, const void *b) {
    const member *x = a, *y = b;
    if (x->class_id != y->class_id) return x->class_id < y->class_id ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static int32_t gather_members(ranking *r, rtv_error *error) {
    const rtvi_rows *rows = r->pass.rows;
    int32_t status = RTV_OK;
    member *all = room(r, rows->num_rows, sizeof *all, &status, error);
    r->members = room(r, rows->num_rows, sizeof *r->members, &status, error);
    r->member_class = room(r, rows->num_rows, sizeof *r->member_class, &status, error);
    for (size_t c = 0; status == RTV_OK && c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++)
            if (chunk->classes[i] >= 0 && !rtvi_chunk_is_removed(chunk, i))
                all[r->num_members++] = (member){chunk->classes[i], (uint32_t)(chunk->first_row + i)};
    }
    if (status == RTV_OK) qsort(all, r->num_members, sizeof *all, by_class);
    for (size_t i = 0; i < r->num_members; i++) {
        r->members[i] = all[i].row;
        r->member_class[i] = all[i].class_id;
    }
    rtvi_free(r->pass.flat->env, all);
    return status;
}

static size_t first_of_class(const ranking *r, int32_t class_id) {
    size_t low = 0, high = r->num_members;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->member_class[middle] < class_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int finds(const ranking *r, size_t query, const rtvi_chunk *chunk, size_t row) {
    return !r->q.predicted || r->q.predicted[query] < 0 || chunk->predicted[row] == r->q.predicted[query];
}

/* The relevant rows of a query: how many, and those that it finds (into found, unless NULL). */
static size_t relevant_rows(const ranking *r, size_t query, int64_t *relevant, int64_t *found) {
    const int32_t class_id = r->q.classes[query];
    size_t count = 0;
    *relevant = 0;
    if (class_id < 0) return 0;
    for (size_t i = first_of_class(r, class_id); i < r->num_members && r->member_class[i] == class_id; i++) {
        size_t row = r->members[i];
        const rtvi_chunk *chunk = rtvi_rows_locate(r->pass.rows, &row);
        if (r->q.exclude && chunk->ids[row] == r->q.exclude[query]) continue;
        ++*relevant;
        if (!finds(r, query, chunk, row)) continue;
        if (found) found[count] = r->members[i];
        count++;
    }
    return count;
}

/* --- marks ---------------------------------------------------------------------------------------------------------------------------- */

static int by_rank(const void *a, const void *b) {
    const mark *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The marks of one query. */
static void make_marks(void *arg, int64_t item, int32_t lane) {
    const ranking *r = arg;
    const rtvi_rows *rows = r->pass.rows;
    const rank_lane *own = &r->lanes[lane];
    const size_t query = (size_t)item, first = r->first_mark[query], count = r->first_mark[query + 1] - first;
    const float *vector = r->q.vectors ? r->q.vectors + query * rows->dim : own->vector;
    int64_t *found = r->out->ranks + first; /* not needed before the end */
    mark *marks = r->marks + first;
    int64_t relevant;
    if (count == 0) return;
    relevant_rows(r, query, &relevant, found);
    if (!r->q.vectors) rtvi_score_vector(rows, r->pass.numbers[query], own->vector);
    rtvi_dot_pack(vector, 1, rows->dim, own->panel);
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)found[i];
        rtvi_score_rows(rows, r->pass.flat->env->isa, own->panel, 1, &row, 1, &marks[i].score, 1, own->scratch);
        marks[i].id = rtvi_rows_locate(rows, &row)->ids[row];
    }
    qsort(marks, count, sizeof *marks, by_rank);
}

static size_t num_marks(const ranking *r, size_t query) { return r->first_mark[query + 1] - r->first_mark[query]; }

static float lowest(const ranking *r, size_t query) {
    return num_marks(r, query) > 0 ? r->marks[r->first_mark[query + 1] - 1].score : INFINITY;
}

/* Counts the marks, and makes them. */
static int32_t mark_all(ranking *r, rtv_error *error) {
    const size_t count = r->pass.count;
    int32_t status = RTV_OK;
    r->first_mark = room(r, count + 1, sizeof *r->first_mark, &status, error);
    r->out->relevant = room(r, count, sizeof *r->out->relevant, &status, error);
    r->out->offsets = room(r, count + 1, sizeof *r->out->offsets, &status, error);
    for (size_t i = 0; status == RTV_OK && i < count; i++)
        r->first_mark[i + 1] = r->first_mark[i] + relevant_rows(r, i, &r->out->relevant[i], NULL);
    r->marks = room(r, status == RTV_OK ? r->first_mark[count] : 0, sizeof *r->marks, &status, error);
    r->out->ranks = room(r, status == RTV_OK ? r->first_mark[count] : 0, sizeof *r->out->ranks, &status, error);
    if (status == RTV_OK) status = rtvi_pass_share(&r->pass, make_marks, r, count, error);
    for (size_t i = 0; status == RTV_OK && r->row_limits && i < count; i++) r->row_limits[r->pass.numbers[i]] = lowest(r, i);
    return status;
}

/* --- counting ------------------------------------------------------------------------------------------------------------------------- */

/* The first mark below score; all count of them are in descending order. */
static size_t first_below(const mark *marks, size_t count, float score) {
    size_t low = 0;
    while (count > 0) {
        const size_t half = count / 2;
        if (marks[low + half].score < score) {
            count = half;
        } else {
            low += half + 1;
            count -= half + 1;
        }
    }
    return low;
}

/* Where an item stands among the marks of a query: before the mark that comes back. 0 when the bounds do not tell. Most queries have a few
 * marks, which are counted without a branch to guess wrong. */
static int stands_at(const ranking *r, size_t query, float score, float slack, size_t *at) {
    const mark *marks = r->marks + r->first_mark[query];
    const size_t count = num_marks(r, query);
    const float upper = score + slack, lower = score - slack;
    if (count > FEW_MARKS) {
        *at = first_below(marks, count, lower);
        return *at == 0 || upper < marks[*at - 1].score;
    }
    {
        size_t not_below = 0, above = 0;
        for (size_t m = 0; m < count; m++) {
            not_below += (size_t) !(marks[m].score < lower);
            above += (size_t)(marks[m].score > upper);
        }
        *at = not_below;
        return above == not_below;
    }
}

/* Where an item with a canonical score stands. */
static size_t stands_exactly_at(const mark *marks, size_t count, float score, int64_t id) {
    size_t at = first_below(marks, count, score);
    while (at > 0 && marks[at - 1].score == score && id < marks[at - 1].id) at--;
    return at;
}

/* Doubts of the same query side by side, so that it is made ready once. */
static void order_doubts(const ranking *r, rank_lane *own) {
    uint16_t next[QUERIES_PER_BLOCK + 1] = {0};
    for (size_t i = 0; i < own->num_doubts; i++) next[own->doubts[i].query + 1]++;
    for (size_t q = 1; q < r->pass.num_queries; q++) next[q] = (uint16_t)(next[q] + next[q - 1]);
    for (size_t i = 0; i < own->num_doubts; i++) own->order[next[own->doubts[i].query]++] = (uint16_t)i;
}

/* The marks of a row are counted in one place, for a row is on one lane at a time; those of a query in each lane's. */
static void settle_one(ranking *r, rank_lane *own, const doubt *d, float score) {
    const size_t query = r->pass.first + d->query, first = r->first_mark[query];
    size_t row = d->row, at;
    if (d->sides & OF_QUERY) {
        const rtvi_chunk *chunk = rtvi_rows_locate(r->pass.rows, &row);
        at = stands_exactly_at(r->marks + first, num_marks(r, query), score, chunk->ids[row]);
        if (at < num_marks(r, query)) own->passed[first - r->first_mark[r->pass.first] + at]++;
    }
    if (d->sides & OF_ROW) {
        const size_t other = r->query_of[d->row];
        mark *marks = r->marks + r->first_mark[other];
        at = stands_exactly_at(marks, num_marks(r, other), score, r->out->ids[query]);
        if (at < num_marks(r, other)) marks[at].passed++;
    }
}

/* What a score of a pair, with its slack, says about the sides that are in doubt; returns those that it leaves so. */
static int settle_sides(ranking *r, rank_lane *own, size_t query, uint32_t row, int sides, float score, float slack) {
    int left = 0;
    size_t at;
    if (sides & OF_QUERY) {
        if (!stands_at(r, query, score, slack, &at))
            left |= OF_QUERY;
        else if (at < num_marks(r, query))
            own->passed[r->first_mark[query] - r->first_mark[r->pass.first] + at]++;
    }
    if (sides & OF_ROW) {
        const size_t other = r->query_of[row];
        if (!stands_at(r, other, score, slack, &at))
            left |= OF_ROW;
        else if (at < num_marks(r, other))
            r->marks[r->first_mark[other] + at].passed++;
    }
    return left;
}

static float length_of(const rtvi_rows *rows, size_t row) {
    const rtvi_chunk *chunk = rtvi_rows_locate(rows, &row);
    const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)(chunk->codes + row * rtvi_codes_size(rows->dim));
    return head->length + head->rest;
}

/* Up to RTVI_NEAR_ROWS doubts of one query, whose vectors are stored as they are scored. */
static void settle_nearly(ranking *r, rank_lane *own, doubt *const *doubts, size_t count) {
    const rtvi_rows *rows = r->pass.rows;
    const size_t place = doubts[0]->query, dim = rows->dim;
    const float *at[RTVI_NEAR_ROWS];
    float scores[RTVI_NEAR_ROWS];
    for (size_t i = 0; i < count; i++) {
        size_t row = doubts[i]->row;
        const rtvi_chunk *chunk = rtvi_rows_locate(rows, &row);
        at[i] = (const float *)chunk->vectors + row * dim;
    }
    r->near(rtvi_pass_query(&r->pass, place), at, count, dim, scores);
    for (size_t i = 0; i < count; i++) {
        const float slack = rtvi_near_slack(dim, r->pass.scan.rest_slope[place], length_of(rows, doubts[i]->row));
        doubts[i]->sides = (uint16_t)settle_sides(r, own, r->pass.first + place, doubts[i]->row, doubts[i]->sides, scores[i], slack);
    }
}

static void settle_exactly(ranking *r, rank_lane *own, const doubt *d) {
    const rtvi_rows *rows = r->pass.rows;
    const size_t row = d->row;
    float score;
    rtvi_dot_pack(rtvi_pass_query(&r->pass, d->query), 1, rows->dim, own->panel);
    rtvi_score_rows(rows, r->pass.flat->env->isa, own->panel, 1, &row, 1, &score, 1, own->scratch);
    settle_one(r, own, d, score);
}

static void settle_doubts(ranking *r, rank_lane *own) {
    order_doubts(r, own);
    for (size_t i = 0, count; i < own->num_doubts; i += count) {
        doubt *some[RTVI_NEAR_ROWS];
        for (count = 0; count < RTVI_NEAR_ROWS && i + count < own->num_doubts; count++) {
            some[count] = &own->doubts[own->order[i + count]];
            if (some[count]->query != some[0]->query) break;
        }
        if (r->pass.rows->storage == RTV_STORAGE_FLOAT32) settle_nearly(r, own, some, count);
        for (size_t j = 0; j < count; j++)
            if (some[j]->sides) settle_exactly(r, own, some[j]);
    }
    own->num_doubts = 0;
}

/* Whose marks a pair is to be compared with. */
static int sides_of(const ranking *r, size_t query, uint32_t number) {
    size_t row = number;
    const rtvi_chunk *chunk;
    int sides = 0;
    if (r->query_of) {
        const size_t other = r->query_of[number];
        const int32_t *predicted = r->q.predicted;
        if (r->q.classes[other] >= 0 && r->q.classes[other] == r->q.classes[query]) return 0; /* itself a mark, or not to be found */
        if (!predicted) return (num_marks(r, query) > 0 ? OF_QUERY : 0) | (num_marks(r, other) > 0 ? OF_ROW : 0);
        if (num_marks(r, query) > 0 && (predicted[query] < 0 || predicted[query] == predicted[other])) sides |= OF_QUERY;
        if (num_marks(r, other) > 0 && (predicted[other] < 0 || predicted[query] == predicted[other])) sides |= OF_ROW;
        return sides;
    }
    chunk = rtvi_rows_locate(r->pass.rows, &row);
    if (chunk->classes[row] >= 0 && chunk->classes[row] == r->q.classes[query]) return 0;
    if (r->q.exclude && chunk->ids[row] == r->q.exclude[query]) return 0;
    return num_marks(r, query) > 0 && finds(r, query, chunk, row) ? OF_QUERY : 0;
}

static void take_events(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count, const rtvi_scan_block *block) {
    ranking *r = arg;
    rank_lane *own = &r->lanes[lane];
    for (size_t i = 0; i < count; i++) {
        const size_t place = first + events[i].query, query = r->pass.first + place;
        const uint32_t number = block->numbers[events[i].row];
        float slack;
        int sides;
        if (place >= r->pass.num_queries) continue;
        if (r->query_of && number <= r->pass.numbers[query]) continue; /* the pair was met, or is an item with itself */
        slack = rtvi_coarse_slack((const rtvi_coarse_head *)(const void *)block->records[events[i].row], r->pass.scan.length_slope[place],
                                  r->pass.scan.rest_slope[place]);
        sides = settle_sides(r, own, query, number, sides_of(r, query, number), events[i].score, slack);
        if (sides) own->doubts[own->num_doubts++] = (doubt){number, (uint16_t)place, (uint16_t)sides};
    }
    settle_doubts(r, own);
}

static void begin_block(void *arg) {
    ranking *r = arg;
    const size_t first = r->pass.first, last = first + r->pass.num_queries;
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        memset(r->lanes[lane].passed, 0, (r->first_mark[last] - r->first_mark[first]) * sizeof(uint32_t));
        for (size_t q = 0; q < r->pass.num_queries; q++) rtvi_scan_limits(&r->pass.scan, lane)[q] = lowest(r, first + q);
    }
}

/* The ranks of the block's queries; those of rows are complete, for the pairs with rows before them were met before. */
static int32_t end_block(void *arg, rtv_error *error) {
    ranking *r = arg;
    const size_t first = r->pass.first, base = r->first_mark[first];
    (void)error;
    for (size_t i = first; i < first + r->pass.num_queries; i++) {
        int64_t before = 0;
        for (size_t m = r->first_mark[i]; m < r->first_mark[i + 1]; m++) {
            before += r->marks[m].passed;
            for (size_t lane = 0; lane < r->pass.lanes; lane++) before += r->lanes[lane].passed[m - base];
            r->out->ranks[m] = 1 + (int64_t)(m - r->first_mark[i]) + before;
        }
        r->out->offsets[i + 1] = (int64_t)r->first_mark[i + 1];
    }
    return RTV_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

static void free_lanes(ranking *r) {
    const rtvi_env *env = r->pass.flat->env;
    for (size_t lane = 0; r->lanes && lane < r->pass.lanes; lane++) {
        rtvi_free(env, r->lanes[lane].passed);
        rtvi_free(env, r->lanes[lane].panel);
        rtvi_free(env, r->lanes[lane].vector);
        rtvi_free(env, r->lanes[lane].scratch);
    }
    rtvi_free(env, r->lanes);
}

static int32_t make_lanes(ranking *r, rtv_error *error) {
    int32_t status = RTV_OK;
    r->lanes = room(r, r->pass.lanes, sizeof *r->lanes, &status, error);
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        rank_lane *own = status == RTV_OK ? &r->lanes[lane] : NULL;
        if (own) own->panel = room(r, rtvi_dot_panel_size(1, r->pass.rows->dim), sizeof(double), &status, error);
        if (own) own->vector = room(r, r->pass.rows->dim, sizeof(float), &status, error);
        if (own) own->scratch = room(r, rtvi_score_scratch(r->pass.rows), sizeof(float), &status, error);
    }
    return status;
}

/* Once the marks are there: room for those of a block, in each lane. */
static int32_t make_counters(ranking *r, rtv_error *error) {
    size_t most = 0;
    int32_t status = RTV_OK;
    for (size_t first = 0; first < r->pass.count; first += r->pass.max_queries) {
        const size_t last = rtvi_least(first + r->pass.max_queries, r->pass.count);
        const size_t marks = r->first_mark[last] - r->first_mark[first];
        if (most < marks) most = marks;
    }
    for (size_t lane = 0; lane < r->pass.lanes; lane++) r->lanes[lane].passed = room(r, most, sizeof(uint32_t), &status, error);
    return status;
}

static int32_t rank(ranking *r, rtv_error *error) {
    int32_t status = gather_members(r, error);
    r->out->count = (int64_t)r->pass.count;
    if (status == RTV_OK) status = make_lanes(r, error);
    if (status == RTV_OK) status = mark_all(r, error);
    if (status == RTV_OK) status = make_counters(r, error);
    if (status == RTV_OK) status = rtvi_pass_run(&r->pass, error);
    free_lanes(r);
    rtvi_free(r->pass.flat->env, r->members);
    rtvi_free(r->pass.flat->env, r->member_class);
    rtvi_free(r->pass.flat->env, r->first_mark);
    rtvi_free(r->pass.flat->env, r->marks);
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
                 .near = rtvi_near_select(flat->env->isa),
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
    own->numbers = room(r, rows->num_live, sizeof *own->numbers, &status, error);
    own->query_of = room(r, rows->num_rows, sizeof *own->query_of, &status, error);
    own->limits = room(r, rows->num_rows, sizeof *own->limits, &status, error);
    own->classes = room(r, rows->num_live, sizeof *own->classes, &status, error);
    own->predicted = room(r, rows->num_live, sizeof *own->predicted, &status, error);
    r->out->ids = room(r, rows->num_live, sizeof *r->out->ids, &status, error);
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
