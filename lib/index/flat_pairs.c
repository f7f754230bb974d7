/* flat_pairs.c - a set against itself: every item's neighbours, every pair above a score. Each pair of items is looked at once, for both.
 */
#include <math.h>
#include <string.h>

#include "index/flat_candidates.h"
#include "index/flat_search.h"
#include "index/flat_state.h"
#include "index/flat_stream.h"

static int32_t check_options(const rtv_search_options *o, rtv_error *error) {
    if (!o->exclude_ids && !o->filter) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s: is set, expected NULL in a search of all items",
                          o->exclude_ids ? "exclude_ids" : "filter");
}

/* The numbers of the rows that take part, in order; how many. */
static size_t take_part(const rtvi_rows *rows, const rtvi_filter *filter, uint32_t *numbers) {
    size_t count = 0;
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++)
            if (rtvi_filter_takes(filter, chunk, i)) numbers[count++] = (uint32_t)(chunk->first_row + i);
    }
    return count;
}

/* A pass of the rows against themselves. numbers: to be freed when it is closed. */
static int32_t open_rows(rtvi_pass *pass, rtvi_flat *flat, rtvi_team *team, const rtv_search_options *o, uint32_t **numbers,
                         rtv_error *error) {
    int32_t status = check_options(o, error);
    if (status == RTV_OK) status = rtvi_pass_open(pass, flat, team, o, error);
    if (status != RTV_OK) return status;
    *numbers = rtvi_alloc(flat->env, pass->rows->num_live, sizeof **numbers);
    if (!*numbers) {
        rtvi_pass_close(pass);
        return rtvi_error_out_of_memory(error, "index", pass->rows->num_live * sizeof **numbers);
    }
    pass->numbers = *numbers;
    pass->count = take_part(pass->rows, pass->filter, *numbers);
    return RTV_OK;
}

static void close_rows(rtvi_pass *pass, uint32_t *numbers) {
    rtvi_free(pass->flat->env, numbers);
    rtvi_pass_close(pass);
}

/* --- neighbours ----------------------------------------------------------------------------------------------------------------------- */

#define QUERIES_PER_BLOCK (10 * RTVI_COARSE_WIDTH)

/* Candidates of an item come from two sides: as a row it has a place of its own, where no other lane is at the time; as a query, one in
 * each lane. What is between, its limit as a row, holds for the query, too. */
typedef struct lists {
    rtvi_pass pass;
    float min_score;
    size_t hits_per_item, k, capacity, panel_size, scratch_size; /* k: no more than there are others */
    float *limits;                                               /* [count] of the rows that take part */
    float *floors;            /* [max_queries] those of this block's queries, as they were when it began */
    rtvi_candidates *own;     /* [count] */
    rtvi_candidates *of_lane; /* [lanes][max_queries] */
    rtv_hit *heaps;           /* [count + lanes * max_queries][2][k] */
    rtvi_candidate *entries;  /* [the same][capacity] */
    double *panels;           /* [lanes] of one vector */
    float *vectors, *scratch; /* [lanes] */
    rtvi_candidates **parts;  /* [lanes][lanes + 1] */
    int64_t *ids, *num_hits;  /* the caller's */
    rtv_hit *hits;
} lists;

static void lay_out(lists *l, rtvi_arena *a) {
    const size_t lanes = l->pass.lanes, all = l->pass.count + lanes * l->pass.max_queries, dim = l->pass.rows->dim;
    l->limits = rtvi_arena_carve(a, l->pass.count, 1, sizeof *l->limits);
    l->floors = rtvi_arena_carve(a, l->pass.max_queries, 1, sizeof *l->floors);
    l->own = rtvi_arena_carve(a, all, 1, sizeof *l->own);
    l->heaps = rtvi_arena_carve(a, all, 2 * l->k, sizeof *l->heaps);
    l->entries = rtvi_arena_carve(a, all, l->capacity, sizeof *l->entries);
    l->panels = rtvi_arena_carve(a, lanes, l->panel_size, sizeof *l->panels);
    l->vectors = rtvi_arena_carve(a, lanes, dim, sizeof *l->vectors);
    l->scratch = rtvi_arena_carve(a, lanes, l->scratch_size, sizeof *l->scratch);
    l->parts = rtvi_arena_carve(a, lanes, lanes + 1, sizeof *l->parts);
    if (l->own) l->of_lane = l->own + l->pass.count;
}

static void reset(lists *l, size_t first, size_t count) {
    for (size_t at = first; at < first + count; at++)
        l->own[at] = rtvi_candidates_none(l->heaps + at * 2 * l->k, l->k, l->entries + at * l->capacity, l->capacity);
}

static rtvi_scorer scorer_of(const lists *l, size_t lane, size_t place) {
    const rtvi_rows *rows = l->pass.rows;
    float *vector = l->vectors + lane * rows->dim;
    rtvi_scorer scorer = {.rows = rows,
                          .isa = l->pass.flat->env->isa,
                          .min_score = l->min_score,
                          .panel = l->panels + lane * l->panel_size,
                          .scratch = l->scratch_size ? l->scratch + lane * l->scratch_size : NULL};
    rtvi_score_vector(rows, l->pass.numbers[place], vector);
    rtvi_dot_pack(vector, 1, rows->dim, scorer.panel);
    return scorer;
}

/* The new limit of an item that another one was offered to. */
static float offer(const lists *l, size_t lane, rtvi_candidates *c, float at_least, size_t place, uint32_t row, float score, float slack) {
    if (rtvi_candidates_offer(c, at_least, row, score, slack)) {
        const rtvi_scorer scorer = scorer_of(l, lane, place);
        rtvi_candidates_settle(c, &scorer);
    }
    return rtvi_candidates_limit(c, at_least);
}

static void list_events(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count, const rtvi_scan_block *block) {
    lists *l = arg;
    float *limits = rtvi_scan_limits(&l->pass.scan, lane);
    for (size_t i = 0; i < count; i++) {
        const size_t query = first + events[i].query, place = l->pass.first + query, other = block->place + events[i].row;
        float slack;
        if (!rtvi_pass_meets(&l->pass, query, other)) continue;
        slack = rtvi_coarse_slack((const rtvi_coarse_head *)(const void *)block->records[events[i].row], l->pass.scan.length_slope[query],
                                  l->pass.scan.rest_slope[query]);
        limits[query] = offer(l, lane, &l->of_lane[lane * l->pass.max_queries + query], l->floors[query], place, l->pass.numbers[other],
                              events[i].score, slack);
        l->limits[other] = offer(l, lane, &l->own[other], l->min_score, other, l->pass.numbers[place], events[i].score, slack);
    }
}

static int32_t begin_lists(void *arg, rtv_error *error) {
    lists *l = arg;
    (void)error;
    reset(l, l->pass.count, l->pass.lanes * l->pass.max_queries);
    memcpy(l->floors, l->limits + l->pass.first, l->pass.num_queries * sizeof *l->floors);
    for (size_t lane = 0; lane < l->pass.lanes; lane++)
        memcpy(rtvi_scan_limits(&l->pass.scan, lane), l->floors, l->pass.num_queries * sizeof *l->floors);
    return RTV_OK;
}

static void finish_list(void *arg, int64_t item, int32_t lane) {
    const lists *l = arg;
    const rtv_hit none = {-1, -INFINITY, -1};
    const size_t place = l->pass.first + (size_t)item;
    rtvi_candidates **parts = l->parts + (size_t)lane * (l->pass.lanes + 1);
    const rtvi_topk *best = &l->own[place].best;
    const rtvi_scorer scorer = scorer_of(l, (size_t)lane, place);
    rtv_hit *hits = l->hits + place * l->hits_per_item;
    size_t row = l->pass.numbers[place];
    parts[0] = &l->own[place];
    for (size_t i = 0; i < l->pass.lanes; i++) parts[i + 1] = &l->of_lane[i * l->pass.max_queries + (size_t)item];
    rtvi_candidates_finish(parts, l->pass.lanes + 1, &scorer);
    l->ids[place] = rtvi_rows_locate(l->pass.rows, &row)->ids[row];
    l->num_hits[place] = (int64_t)best->count;
    if (best->count) memcpy(hits, best->hits, best->count * sizeof *hits);
    for (size_t i = best->count; i < l->hits_per_item; i++) hits[i] = none;
}

static int32_t end_lists(void *arg, rtv_error *error) {
    lists *l = arg;
    return rtvi_pass_share(&l->pass, finish_list, l, l->pass.num_queries, error);
}

static int32_t run_lists(lists *l, rtv_error *error) {
    rtvi_arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    int32_t status;
    lay_out(l, &measure);
    if (!measure.overflow) real.base = rtvi_alloc(l->pass.flat->env, measure.used, 1);
    if (!real.base) return rtvi_error_out_of_memory(error, "index", measure.used);
    lay_out(l, &real);
    for (size_t i = 0; i < l->pass.count; i++) l->limits[i] = l->min_score;
    reset(l, 0, l->pass.count);
    l->pass.row_limits = l->limits;
    status = rtvi_pass_run(&l->pass, error);
    rtvi_free(l->pass.flat->env, real.base);
    return status;
}

static int32_t make_lists(lists *l, int64_t capacity, int64_t *count, rtv_error *error) {
    const size_t dim = l->pass.rows->dim;
    *count = (int64_t)l->pass.count;
    if (*count > capacity)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "index: capacity: got %lld, expected at least %lld", (long long)capacity,
                              (long long)*count);
    l->k = rtvi_least(l->hits_per_item, l->pass.count ? l->pass.count : 1);
    l->capacity = rtvi_candidates_capacity(l->k, l->pass.count);
    l->panel_size = rtvi_dot_panel_size(1, dim);
    l->scratch_size = rtvi_score_scratch(l->pass.rows);
    rtvi_pass_init(&l->pass);
    return run_lists(l, error);
}

int32_t rtvi_flat_neighbors(rtvi_flat *flat, rtvi_team *team, int64_t k, const rtv_search_options *options, int64_t *ids, rtv_hit *hits,
                            int64_t *num_hits, int64_t capacity, int64_t *count, rtv_error *error) {
    lists l = {.min_score = options->min_score, .hits_per_item = (size_t)k, .ids = ids, .hits = hits, .num_hits = num_hits};
    uint32_t *numbers;
    int32_t status = rtvi_search_check(flat, NULL, capacity, k, error);
    if (status == RTV_OK) status = open_rows(&l.pass, flat, team, options, &numbers, error);
    if (status != RTV_OK) return status;
    l.pass.arg = &l;
    l.pass.begin = begin_lists;
    l.pass.take = list_events;
    l.pass.end = end_lists;
    l.pass.max_queries = QUERIES_PER_BLOCK;
    status = make_lists(&l, capacity, count, error);
    close_rows(&l.pass, numbers);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* --- pairs ---------------------------------------------------------------------------------------------------------------------------- */

#define PAIRS_TOLD 1024 /* at a time */

typedef struct pairs {
    rtvi_stream stream;
    rtv_pairs_fn found;
    void *user;
    rtv_pair told[PAIRS_TOLD];
} pairs;

static rtv_pair pair_of(const rtvi_pass *pass, const rtvi_near *near) {
    size_t a = pass->numbers[pass->first + near->query], b = near->row;
    const int64_t id = rtvi_rows_locate(pass->rows, &a)->ids[a];
    return (rtv_pair){id, rtvi_rows_locate(pass->rows, &b)->ids[b], near->score, 0};
}

static int32_t tell_pairs(void *arg, const rtvi_near *near, size_t count, rtv_error *error) {
    pairs *p = arg;
    for (size_t first = 0; first < count; first += PAIRS_TOLD) {
        const size_t part = rtvi_least(count - first, PAIRS_TOLD);
        for (size_t i = 0; i < part; i++) p->told[i] = pair_of(&p->stream.pass, &near[first + i]);
        if (p->found(p->user, p->told, (int64_t)part) != 0) return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the callback");
    }
    return RTV_OK;
}

int32_t rtvi_flat_pairs(rtvi_flat *flat, rtvi_team *team, const rtv_search_options *options, rtv_pairs_fn found, void *user,
                        rtv_error *error) {
    pairs p = {.stream = {.tell = tell_pairs, .arg = &p}, .found = found, .user = user};
    uint32_t *numbers;
    int32_t status = open_rows(&p.stream.pass, flat, team, options, &numbers, error);
    if (status != RTV_OK) return status;
    status = rtvi_stream_run(&p.stream, error);
    close_rows(&p.stream.pass, numbers);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
