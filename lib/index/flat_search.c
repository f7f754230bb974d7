/* flat_search.c - exact search. Queries are taken in blocks; the rows are cut into items that the team's lanes share, each lane with a heap
 * for each query; then the heaps of a query are joined. Scores are canonical (kernels_dot.h) and the order of hits is total, so neither
 * blocks nor lanes show in the result. */
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"
#include "kernels/kernels_topk.h"

#define QUERIES_PER_BLOCK (8 * RTVI_DOT_PANEL)
#define ROW_BYTES_PER_BLOCK ((size_t)256 << 10) /* rows and a panel of queries stay in a core's second-level cache */
#define MAX_ROWS_PER_BLOCK 1024
#define HEAP_BYTES ((size_t)32 << 20) /* for the heaps of a block of queries, unless one query alone needs more */
#define ITEMS_PER_LANE 16             /* so that a late lane costs little, and progress moves */
#define SERIAL_WORK 4e6               /* multiply-adds; less is done before another thread is awake */

typedef struct search {
    rtvi_search in; /* of this block of queries: what points at queries and results moves on */
    rtvi_flat *flat;
    rtvi_team *team; /* NULL: everything on the caller's thread */
    size_t k;        /* no more than there are rows */
    size_t lanes, num_queries, max_queries;
    size_t rows_per_block, rows_per_item, num_items;
    /* workspace */
    double *panels;  /* [max_queries / RTVI_DOT_PANEL][a panel] */
    rtvi_topk *topk; /* [lanes][max_queries] */
    rtv_hit *heaps;  /* [lanes][max_queries][k] */
    float *scores;   /* [lanes][RTVI_DOT_PANEL][rows_per_block] */
    size_t *numbers; /* [lanes][rows_per_block] of rows */
    float *scratch;  /* [lanes][scratch_size] */
    size_t scratch_size;
    int64_t done; /* of all queries, for progress */
} search;

/* Pieces of one block of memory; with base NULL it only measures. */
typedef struct arena {
    uint8_t *base;
    size_t used;
    int overflow;
} arena;

static void *carve(arena *a, size_t count, size_t each, size_t size) {
    size_t bytes, at = a->used;
    if (!rtvi_mul(count, each, &bytes) || !rtvi_mul(bytes, size, &bytes) || !rtvi_add(bytes, RTVI_CACHE_LINE - 1, &bytes) ||
        !rtvi_add(at, bytes / RTVI_CACHE_LINE * RTVI_CACHE_LINE, &a->used))
        a->overflow = 1;
    return a->base && !a->overflow ? a->base + at : NULL;
}

static void lay_out(search *s, arena *a) {
    const size_t panels = (s->max_queries + RTVI_DOT_PANEL - 1) / RTVI_DOT_PANEL;
    s->panels = carve(a, panels, rtvi_dot_panel_size(RTVI_DOT_PANEL, s->in.rows->dim), sizeof *s->panels);
    s->topk = carve(a, s->lanes, s->max_queries, sizeof *s->topk);
    s->heaps = carve(a, s->lanes * s->max_queries, s->k, sizeof *s->heaps);
    s->scores = carve(a, s->lanes, RTVI_DOT_PANEL * s->rows_per_block, sizeof *s->scores);
    s->numbers = carve(a, s->lanes, s->rows_per_block, sizeof *s->numbers);
    s->scratch = carve(a, s->lanes, s->scratch_size, sizeof *s->scratch);
}

static size_t divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* How the work is cut. */
static void plan(search *s, rtvi_team *team) {
    const size_t dim = s->in.rows->dim, count = (size_t)s->in.count, num_rows = s->in.rows->num_rows;
    const double work = (double)num_rows * (double)dim * (double)count;
    size_t blocks, fitting;
    s->team = work < SERIAL_WORK ? NULL : team;
    s->lanes = s->team ? (size_t)rtvi_team_threads(team) : 1;
    s->k = least((size_t)s->in.k, num_rows);
    fitting = HEAP_BYTES / s->lanes / sizeof(rtv_hit) / (s->k ? s->k : 1);
    fitting = least(fitting ? fitting : 1, QUERIES_PER_BLOCK);
    blocks = divide_up(count, fitting);
    s->max_queries = least(fitting, divide_up(divide_up(count, blocks), RTVI_DOT_PANEL) * RTVI_DOT_PANEL);
    s->rows_per_block = least(ROW_BYTES_PER_BLOCK / (dim * sizeof(float)) / 4 * 4, MAX_ROWS_PER_BLOCK);
    if (s->rows_per_block == 0) s->rows_per_block = 4;
    s->rows_per_item = divide_up(divide_up(num_rows, s->lanes * ITEMS_PER_LANE), s->rows_per_block) * s->rows_per_block;
    s->num_items = num_rows ? divide_up(num_rows, s->rows_per_item) : 0;
    s->scratch_size = rtvi_score_scratch(s->in.rows);
}

/* Rows from *row on that pass the filters which all queries share. */
static size_t gather(const search *s, size_t lane, size_t *row, size_t end) {
    size_t *numbers = s->numbers + lane * s->rows_per_block;
    size_t found = 0;
    while (*row < end && found < s->rows_per_block) {
        size_t at = *row, last;
        const rtvi_chunk *chunk = rtvi_rows_locate(s->in.rows, &at);
        last = least(chunk->num_rows, end - chunk->first_row);
        for (; at < last && found < s->rows_per_block; at++)
            if (rtvi_filter_takes(s->in.filter, chunk, at)) numbers[found++] = chunk->first_row + at;
        *row = chunk->first_row + at;
    }
    return found;
}

static void offer(const search *s, rtvi_topk *topk, size_t query, size_t row, float score) {
    const rtvi_chunk *chunk = rtvi_rows_locate(s->in.rows, &row);
    if (s->in.exclude && s->in.exclude[query] == chunk->ids[row]) return;
    if (s->in.predicted && s->in.predicted[query] >= 0 && chunk->predicted[row] != s->in.predicted[query]) return;
    rtvi_topk_offer(topk, &(rtv_hit){chunk->ids[row], score, chunk->classes[row]});
}

static void offer_all(const search *s, rtvi_topk *topk, size_t query, const float *scores, const size_t *numbers, size_t count) {
    float limit = rtvi_topk_limit(topk, s->in.min_score);
    for (size_t i = 0; i < count; i++) {
        if (scores[i] < limit) continue;
        offer(s, topk, query, numbers[i], scores[i]);
        limit = rtvi_topk_limit(topk, s->in.min_score);
    }
}

static void score_rows(const search *s, size_t lane, size_t count) {
    const size_t dim = s->in.rows->dim, stride = s->rows_per_block;
    const size_t *numbers = s->numbers + lane * stride;
    float *scores = s->scores + lane * RTVI_DOT_PANEL * stride, *scratch = s->scratch + lane * s->scratch_size;
    for (size_t first = 0; first < s->num_queries; first += RTVI_DOT_PANEL) {
        const size_t queries = least(RTVI_DOT_PANEL, s->num_queries - first);
        rtvi_score_rows(s->in.rows, s->flat->env->isa, s->panels + rtvi_dot_panel_size(first, dim), queries, numbers, count, scores, stride,
                        scratch);
        for (size_t q = 0; q < queries; q++)
            offer_all(s, &s->topk[lane * s->max_queries + first + q], first + q, scores + q * stride, numbers, count);
    }
}

/* A caller that flushes denormals or rounds otherwise, or whose settings our threads inherited, gets the same bits. */
static void set_arithmetic(fenv_t *before) {
    fegetenv(before);
    fesetenv(FE_DFL_ENV);
}

static void scan_item(void *arg, int64_t item, int32_t lane) {
    const search *s = arg;
    size_t row = (size_t)item * s->rows_per_item, count;
    const size_t end = least(row + s->rows_per_item, s->in.rows->num_rows);
    fenv_t before;
    set_arithmetic(&before);
    while ((count = gather(s, (size_t)lane, &row, end)) > 0) score_rows(s, (size_t)lane, count);
    fesetenv(&before);
}

static void join_query(void *arg, int64_t item, int32_t lane) {
    const search *s = arg;
    const rtv_hit none = {-1, -INFINITY, -1};
    rtvi_topk *topk = &s->topk[item];
    rtv_hit *hits = s->in.hits + item * s->in.k;
    fenv_t before;
    (void)lane;
    set_arithmetic(&before);
    for (size_t other = 1; other < s->lanes; other++) {
        const rtvi_topk *from = &s->topk[other * s->max_queries + (size_t)item];
        for (size_t i = 0; i < from->count; i++) rtvi_topk_offer(topk, &from->hits[i]);
    }
    rtvi_topk_sort(topk);
    fesetenv(&before);
    if (topk->count) memcpy(hits, topk->hits, topk->count * sizeof *hits);
    for (size_t i = topk->count; i < (size_t)s->in.k; i++) hits[i] = none;
    s->in.num_hits[item] = (int64_t)topk->count;
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
    const size_t dim = s->in.rows->dim;
    fenv_t before;
    set_arithmetic(&before);
    for (size_t first = 0; first < s->num_queries; first += RTVI_DOT_PANEL)
        rtvi_dot_pack(s->in.queries + first * dim, least(RTVI_DOT_PANEL, s->num_queries - first), dim,
                      s->panels + rtvi_dot_panel_size(first, dim));
    fesetenv(&before);
    for (size_t lane = 0; lane < s->lanes; lane++) {
        for (size_t q = 0; q < s->num_queries; q++) {
            const size_t at = lane * s->max_queries + q;
            s->topk[at] = (rtvi_topk){s->heaps + at * s->k, 0, s->k};
        }
    }
}

static int32_t search_block(search *s, rtv_error *error) {
    const rtv_progress_fn progress = s->in.progress ? tell_progress : NULL;
    const int join_here = (double)(s->lanes * s->num_queries) * (double)s->k < 1e4;
    int32_t status;
    begin_block(s);
    status = run(s, scan_item, s->num_items, 0, progress, error);
    return status == RTV_OK ? run(s, join_query, s->num_queries, join_here, NULL, error) : status;
}

static int32_t search_blocks(search *s, rtv_error *error) {
    int32_t status = RTV_OK;
    while (s->done < s->in.count && status == RTV_OK) {
        s->num_queries = least(s->max_queries, (size_t)(s->in.count - s->done));
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
    search s = {.in = *in, .flat = in->flat};
    arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    rtvi_flat_work *work;
    int32_t status;
    if (in->count == 0) return RTV_OK;
    plan(&s, in->team);
    lay_out(&s, &measure);
    if (measure.overflow) return rtvi_error_out_of_memory(error, "index", 0);
    status = rtvi_flat_work_take(s.flat, measure.used, &work, error);
    if (status != RTV_OK) return status;
    real.base = work->block;
    lay_out(&s, &real);
    status = search_blocks(&s, error);
    rtvi_flat_work_give(s.flat, work);
    return status;
}

int32_t rtvi_search_check(const rtvi_flat *flat, const float *queries, int64_t count, int64_t k, rtv_error *error) {
    size_t floats, hits;
    if (count < 0) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
    if (k < 1) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected at least 1", (long long)k);
    if (!rtvi_mul((size_t)count, (size_t)flat->dim * sizeof(float), &floats) || floats > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected queries that fit into memory",
                              (long long)count);
    if (!rtvi_mul((size_t)count, (size_t)k, &hits) || !rtvi_mul(hits, sizeof(rtv_hit), &hits) || hits > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected count * k hits that fit into memory",
                              (long long)k);
    return queries ? rtvi_flat_check_vectors(queries, (size_t)count, (size_t)flat->dim, "query", error) : RTV_OK;
}
