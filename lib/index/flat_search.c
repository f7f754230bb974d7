/* flat_search.c - exact search. Queries are taken in blocks; the rows are cut into items that the team's lanes share. A lane looks at the
 * codes of its rows and keeps candidates for each query; then those of a query are joined and scored. Scores are canonical
 * (kernels_dot.h), the order of hits is total, and the bounds that leave rows out are proven (docs/search.md), so neither codes nor blocks
 * nor lanes show in the result. */
#include "index/flat_search.h"

#include <math.h>
#include <string.h>

#include "base/base_arithmetic.h"
#include "index/flat_candidates.h"
#include "index/flat_scan.h"
#include "index/flat_state.h"

#define QUERIES_PER_BLOCK (10 * RTVI_COARSE_WIDTH) /* their codes stay in a core's second-level cache */
#define BLOCK_BYTES ((size_t)32 << 20)             /* for candidates of a block of queries, unless one query alone needs more */
#define ITEMS_PER_LANE 16                          /* so that a late lane costs little, and progress moves */
#define SERIAL_WORK 1e7                            /* multiply-adds; less is done before another thread is awake */

typedef struct search {
    rtvi_search in;  /* of this block of queries: what points at queries and results moves on */
    rtvi_team *team; /* NULL: everything on the caller's thread */
    size_t k;        /* no more than there are rows */
    size_t lanes, num_queries, max_queries, capacity;
    size_t rows_per_item, num_items;
    rtvi_scan scan;
    /* workspace */
    rtvi_candidates *candidates; /* [lanes][max_queries] */
    rtv_hit *heaps;              /* [lanes][max_queries][2][k] */
    rtvi_candidate *entries;     /* [lanes][max_queries][capacity] */
    double *panels;              /* [lanes] of one query */
    float *scratch;              /* [lanes][scratch_size] */
    rtvi_candidates **parts;     /* [lanes][lanes] */
    size_t panel_size, scratch_size;
    int64_t done; /* of all queries, for progress */
} search;

static void lay_out(search *s, rtvi_arena *a) {
    rtvi_scan_lay_out(&s->scan, a);
    s->candidates = rtvi_arena_carve(a, s->lanes, s->max_queries, sizeof *s->candidates);
    s->heaps = rtvi_arena_carve(a, s->lanes * s->max_queries, 2 * s->k, sizeof *s->heaps);
    s->entries = rtvi_arena_carve(a, s->lanes * s->max_queries, s->capacity, sizeof *s->entries);
    s->panels = rtvi_arena_carve(a, s->lanes, s->panel_size, sizeof *s->panels);
    s->scratch = rtvi_arena_carve(a, s->lanes, s->scratch_size, sizeof *s->scratch);
    s->parts = rtvi_arena_carve(a, s->lanes, s->lanes, sizeof *s->parts);
}

/* How the work is cut. */
static void plan(search *s) {
    const size_t dim = s->in.rows->dim, count = (size_t)s->in.count, num_rows = s->in.rows->num_rows;
    const double work = (double)num_rows * (double)dim * (double)count;
    size_t fitting, items;
    s->team = work < SERIAL_WORK ? NULL : s->in.team;
    s->lanes = s->team ? (size_t)rtvi_team_threads(s->team) : 1;
    s->k = rtvi_least((size_t)s->in.k, num_rows ? num_rows : 1);
    s->capacity = rtvi_candidates_capacity(s->k, num_rows);
    fitting = BLOCK_BYTES / s->lanes / (2 * s->k * sizeof(rtv_hit) + s->capacity * sizeof(rtvi_candidate));
    fitting = rtvi_least(fitting ? fitting : 1, QUERIES_PER_BLOCK);
    s->max_queries = rtvi_divide_up(count, rtvi_divide_up(count, fitting));
    items = s->team || s->in.progress ? s->lanes * ITEMS_PER_LANE : 1;
    s->rows_per_item = rtvi_divide_up(rtvi_divide_up(num_rows, items), RTVI_COARSE_ROWS) * RTVI_COARSE_ROWS;
    s->num_items = num_rows ? rtvi_divide_up(num_rows, s->rows_per_item) : 0;
    s->panel_size = rtvi_dot_panel_size(1, dim);
    s->scratch_size = rtvi_score_scratch(s->in.rows);
    rtvi_scan_init(&s->scan, s->in.rows, s->in.filter, s->in.flat->env->isa, s->max_queries, s->lanes);
}

static rtvi_scorer scorer_of(const search *s, size_t lane, size_t query) {
    const size_t dim = s->in.rows->dim;
    rtvi_scorer scorer = {.rows = s->in.rows,
                          .isa = s->in.flat->env->isa,
                          .min_score = s->in.min_score,
                          .panel = s->panels + lane * s->panel_size,
                          .scratch = s->scratch_size ? s->scratch + lane * s->scratch_size : NULL};
    rtvi_dot_pack(s->in.queries + query * dim, 1, dim, scorer.panel);
    return scorer;
}

/* Filters that differ from query to query. */
static int is_wanted(const search *s, size_t query, size_t row) {
    const rtvi_chunk *chunk = rtvi_rows_locate(s->in.rows, &row);
    if (s->in.exclude && s->in.exclude[query] == chunk->ids[row]) return 0;
    return !s->in.predicted || s->in.predicted[query] < 0 || chunk->predicted[row] == s->in.predicted[query];
}

static void take_events(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count, const rtvi_scan_block *block) {
    const search *s = arg;
    float *limits = rtvi_scan_limits(&s->scan, lane);
    for (size_t i = 0; i < count; i++) {
        const size_t query = first + events[i].query;
        const uint32_t row = block->numbers[events[i].row];
        rtvi_candidates *c = &s->candidates[lane * s->max_queries + query];
        float slack;
        if (query >= s->num_queries || !is_wanted(s, query, row)) continue;
        slack = rtvi_coarse_slack((const rtvi_coarse_head *)(const void *)block->records[events[i].row], s->scan.length_slope[query],
                                  s->scan.rest_slope[query]);
        if (rtvi_candidates_offer(c, s->in.min_score, row, events[i].score, slack)) {
            const rtvi_scorer scorer = scorer_of(s, lane, query);
            rtvi_candidates_settle(c, &scorer);
        }
        limits[query] = rtvi_candidates_limit(c, s->in.min_score);
    }
}

static void scan_item(void *arg, int64_t item, int32_t lane) {
    search *s = arg;
    const size_t first = (size_t)item * s->rows_per_item;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    rtvi_scan_run(&s->scan, (size_t)lane, first, rtvi_least(first + s->rows_per_item, s->in.rows->num_rows), take_events, s);
    rtvi_arithmetic_restore(&before);
}

static void finish_query(void *arg, int64_t item, int32_t lane) {
    const search *s = arg;
    const rtv_hit none = {-1, -INFINITY, -1};
    rtvi_candidates **parts = s->parts + (size_t)lane * s->lanes;
    rtv_hit *hits = s->in.hits + item * s->in.k;
    const rtvi_topk *best = &s->candidates[item].best;
    rtvi_scorer scorer;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    for (size_t l = 0; l < s->lanes; l++) parts[l] = &s->candidates[l * s->max_queries + (size_t)item];
    scorer = scorer_of(s, (size_t)lane, (size_t)item);
    rtvi_candidates_finish(parts, s->lanes, &scorer);
    rtvi_arithmetic_restore(&before);
    if (best->count) memcpy(hits, best->hits, best->count * sizeof *hits);
    for (size_t i = best->count; i < (size_t)s->in.k; i++) hits[i] = none;
    s->in.num_hits[item] = (int64_t)best->count;
}

/* What the team tells about the items of a block, told to the caller in queries. */
static int32_t tell_progress(void *user, int64_t done, int64_t total) {
    const search *s = user;
    const double share = (double)done / (double)total;
    return s->in.progress(s->in.progress_user, s->done + (int64_t)(share * (double)s->num_queries), s->in.count);
}

static int32_t run_here(search *s, rtvi_item_fn task, int64_t count, rtv_progress_fn progress, rtv_error *error) {
    for (int64_t item = 0; item < count; item++) {
        task(s, item, 0);
        if (progress && progress(s, item + 1, count) != 0)
            return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
    }
    return RTV_OK;
}

static int32_t run(search *s, rtvi_item_fn task, size_t count, int alone, rtv_progress_fn progress, rtv_error *error) {
    if (!s->team || alone) return run_here(s, task, (int64_t)count, progress, error);
    return rtvi_team_run_many(s->team, task, s, (int64_t)count, progress, s, error);
}

static void begin_block(search *s) {
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    rtvi_scan_set_queries(&s->scan, s->in.queries, s->num_queries, s->in.min_score);
    rtvi_arithmetic_restore(&before);
    for (size_t at = 0; at < s->lanes * s->max_queries; at++)
        s->candidates[at] = rtvi_candidates_none(s->heaps + at * 2 * s->k, s->k, s->entries + at * s->capacity, s->capacity);
}

static int32_t search_block(search *s, rtv_error *error) {
    const rtv_progress_fn progress = s->in.progress ? tell_progress : NULL;
    const int finish_here = (double)(s->lanes * s->num_queries) * (double)s->k < 100;
    int32_t status;
    begin_block(s);
    status = run(s, scan_item, s->num_items, 0, progress, error);
    return status == RTV_OK ? run(s, finish_query, s->num_queries, finish_here, NULL, error) : status;
}

static int32_t search_blocks(search *s, rtv_error *error) {
    int32_t status = RTV_OK;
    while (s->done < s->in.count && status == RTV_OK) {
        s->num_queries = rtvi_least(s->max_queries, (size_t)(s->in.count - s->done));
        status = search_block(s, error);
        s->done += (int64_t)s->num_queries;
        s->in.queries += s->num_queries * s->in.rows->dim;
        s->in.hits += s->num_queries * (size_t)s->in.k;
        s->in.num_hits += s->num_queries;
        if (s->in.predicted) s->in.predicted += s->num_queries;
        if (s->in.exclude) s->in.exclude += s->num_queries;
    }
    return status;
}

int32_t rtvi_search_run(const rtvi_search *in, rtv_error *error) {
    search s = {.in = *in};
    rtvi_arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    rtvi_flat_work *work;
    int32_t status;
    if (in->count == 0) return RTV_OK;
    if (in->rows->num_rows > UINT32_MAX)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: rows: got %zu, expected at most %u", in->rows->num_rows, UINT32_MAX);
    plan(&s);
    lay_out(&s, &measure);
    if (measure.overflow) return rtvi_error_out_of_memory(error, "index", 0);
    status = rtvi_flat_work_take(in->flat, measure.used, &work, error);
    if (status != RTV_OK) return status;
    real.base = work->block;
    lay_out(&s, &real);
    status = search_blocks(&s, error);
    rtvi_flat_work_give(in->flat, work);
    return status;
}

int32_t rtvi_search_check(const rtvi_flat *flat, const float *queries, int64_t count, int64_t k, rtv_error *error) {
    size_t floats, hits;
    if (count < 0) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
    if (k < 1) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected at least 1", (long long)k);
    if (!rtvi_mul((size_t)count, rtvi_flat_given_dim(flat) * sizeof(float), &floats) || floats > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected queries that fit into memory",
                              (long long)count);
    if (!rtvi_mul((size_t)count, (size_t)k, &hits) || !rtvi_mul(hits, sizeof(rtv_hit), &hits) || hits > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected count * k hits that fit into memory",
                              (long long)k);
    return queries ? rtvi_flat_check_vectors(queries, (size_t)count, rtvi_flat_given_dim(flat), "query", error) : RTV_OK;
}
