/* flat_search.c - exact search. Queries are taken in blocks; the rows are cut into items that the team's lanes share, each lane with a heap
 * for each query; then the heaps of a query are joined. Scores are canonical (kernels_dot.h) and the order of hits is total, so neither
 * blocks nor lanes show in the result. */
#include <fenv.h>
#include <math.h>
#include <string.h>

#include "index/flat_state.h"
#include "kernels/kernels_dot.h"
#include "kernels/kernels_topk.h"

#define QUERIES_PER_BLOCK (8 * RTVI_DOT_PANEL)
#define ROW_BYTES_PER_BLOCK ((size_t)256 << 10) /* rows and a panel of queries stay in a core's second-level cache */
#define MAX_ROWS_PER_BLOCK 1024
#define HEAP_BYTES ((size_t)32 << 20) /* for the heaps of a block of queries, unless one query alone needs more */
#define ITEMS_PER_LANE 16             /* so that a late lane costs little, and progress moves */
#define SERIAL_WORK 4e6               /* multiply-adds; less is done before another thread is awake */

typedef struct search {
    rtvi_flat *flat;
    rtvi_team *team; /* NULL: everything on the caller's thread */
    const rtv_search_options *options;
    const float *queries;     /* [num_queries][dim] of this block */
    const int32_t *predicted; /* [num_queries] or NULL */
    const int64_t *exclude;   /* [num_queries] or NULL */
    rtv_hit *hits;            /* [num_queries][hits_per_query], the caller's */
    int64_t *num_hits;        /* [num_queries], the caller's */
    size_t hits_per_query;    /* the caller's k */
    size_t k;                 /* no more than there are rows */
    size_t lanes, num_queries, max_queries;
    size_t num_rows, rows_per_block, rows_per_item, num_items;
    int32_t common_predicted; /* filter of every query of this block, or -1 */
    int filters_differ;
    rtvi_dot_panel_fn dot;
    /* workspace */
    double *panels;      /* [max_queries / RTVI_DOT_PANEL][a panel] */
    rtvi_topk *topk;     /* [lanes][max_queries] */
    rtv_hit *heaps;      /* [lanes][max_queries][k] */
    float *scores;       /* [lanes][RTVI_DOT_PANEL][rows_per_block] */
    const float **rows;  /* [lanes][rows_per_block] */
    size_t *numbers;     /* [lanes][rows_per_block] of these rows */
    int64_t count, done; /* of all queries, for progress */
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
    s->panels = carve(a, panels, rtvi_dot_panel_size(RTVI_DOT_PANEL, (size_t)s->flat->dim), sizeof *s->panels);
    s->topk = carve(a, s->lanes, s->max_queries, sizeof *s->topk);
    s->heaps = carve(a, s->lanes * s->max_queries, s->k, sizeof *s->heaps);
    s->scores = carve(a, s->lanes, RTVI_DOT_PANEL * s->rows_per_block, sizeof *s->scores);
    s->rows = carve(a, s->lanes, s->rows_per_block, sizeof *s->rows);
    s->numbers = carve(a, s->lanes, s->rows_per_block, sizeof *s->numbers);
}

static size_t divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* How the work is cut. */
static void plan(search *s, rtvi_team *team) {
    const size_t dim = (size_t)s->flat->dim, count = (size_t)s->count;
    const double work = (double)s->num_rows * (double)dim * (double)count;
    size_t blocks, fitting;
    s->team = work < SERIAL_WORK ? NULL : team;
    s->lanes = s->team ? (size_t)rtvi_team_threads(team) : 1;
    s->k = least(s->hits_per_query, s->num_rows);
    fitting = HEAP_BYTES / s->lanes / sizeof(rtv_hit) / (s->k ? s->k : 1);
    fitting = least(fitting ? fitting : 1, QUERIES_PER_BLOCK);
    blocks = divide_up(count, fitting);
    s->max_queries = least(fitting, divide_up(divide_up(count, blocks), RTVI_DOT_PANEL) * RTVI_DOT_PANEL);
    s->rows_per_block = least(ROW_BYTES_PER_BLOCK / (dim * sizeof(float)) / 4 * 4, MAX_ROWS_PER_BLOCK);
    if (s->rows_per_block == 0) s->rows_per_block = 4;
    s->rows_per_item = divide_up(divide_up(s->num_rows, s->lanes * ITEMS_PER_LANE), s->rows_per_block) * s->rows_per_block;
    s->num_items = s->num_rows ? divide_up(s->num_rows, s->rows_per_item) : 0;
    s->dot = rtvi_dot_select(s->flat->env->isa);
}

/* Rows from *row on that pass the filters which all queries share. */
static size_t gather(const search *s, size_t lane, size_t *row, size_t end) {
    const rtvi_flat *flat = s->flat;
    const float **rows = s->rows + lane * s->rows_per_block;
    size_t *numbers = s->numbers + lane * s->rows_per_block;
    const int32_t class_id = s->options->class_id, predicted = s->common_predicted;
    size_t found = 0;
    for (; *row < end && found < s->rows_per_block; ++*row) {
        if (class_id >= 0 && flat->classes[*row] != class_id) continue;
        if (predicted >= 0 && flat->predicted[*row] != predicted) continue;
        rows[found] = flat->vectors + *row * (size_t)flat->dim;
        numbers[found++] = *row;
    }
    return found;
}

static int is_wanted(const search *s, size_t query, size_t row) {
    if (s->exclude && s->exclude[query] == s->flat->ids.ids[row]) return 0;
    return !s->filters_differ || s->predicted[query] < 0 || s->flat->predicted[row] == s->predicted[query];
}

static void offer_all(const search *s, rtvi_topk *topk, size_t query, const float *scores, const size_t *numbers, size_t count) {
    float limit = rtvi_topk_limit(topk, s->options->min_score);
    for (size_t i = 0; i < count; i++) {
        const size_t row = numbers[i];
        if (scores[i] < limit || !is_wanted(s, query, row)) continue;
        rtvi_topk_offer(topk, &(rtv_hit){s->flat->ids.ids[row], scores[i], s->flat->classes[row]});
        limit = rtvi_topk_limit(topk, s->options->min_score);
    }
}

static void score_rows(const search *s, size_t lane, size_t count) {
    const size_t dim = (size_t)s->flat->dim, stride = s->rows_per_block;
    const float **rows = s->rows + lane * s->rows_per_block;
    float *scores = s->scores + lane * RTVI_DOT_PANEL * stride;
    for (size_t first = 0; first < s->num_queries; first += RTVI_DOT_PANEL) {
        const size_t queries = least(RTVI_DOT_PANEL, s->num_queries - first);
        s->dot(s->panels + rtvi_dot_panel_size(first, dim), queries, dim, rows, count, scores, stride);
        for (size_t q = 0; q < queries; q++)
            offer_all(s, &s->topk[lane * s->max_queries + first + q], first + q, scores + q * stride, s->numbers + lane * stride, count);
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
    const size_t end = least(row + s->rows_per_item, s->num_rows);
    fenv_t before;
    set_arithmetic(&before);
    while ((count = gather(s, (size_t)lane, &row, end)) > 0) score_rows(s, (size_t)lane, count);
    fesetenv(&before);
}

static void join_query(void *arg, int64_t item, int32_t lane) {
    const search *s = arg;
    const rtv_hit none = {-1, -INFINITY, -1};
    rtvi_topk *topk = &s->topk[item];
    rtv_hit *hits = s->hits + (size_t)item * s->hits_per_query;
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
    for (size_t i = topk->count; i < s->hits_per_query; i++) hits[i] = none;
    s->num_hits[item] = (int64_t)topk->count;
}

/* What the team tells about the items of a block, told to the caller in queries. */
static int32_t tell_progress(void *user, int64_t done, int64_t total) {
    const search *s = user;
    const double share = (double)done / (double)total;
    return s->options->progress(s->options->progress_user, s->done + (int64_t)(share * (double)s->num_queries), s->count);
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
    const size_t dim = (size_t)s->flat->dim;
    fenv_t before;
    set_arithmetic(&before);
    for (size_t first = 0; first < s->num_queries; first += RTVI_DOT_PANEL)
        rtvi_dot_pack(s->queries + first * dim, least(RTVI_DOT_PANEL, s->num_queries - first), dim,
                      s->panels + rtvi_dot_panel_size(first, dim));
    fesetenv(&before);
    for (size_t lane = 0; lane < s->lanes; lane++) {
        for (size_t q = 0; q < s->num_queries; q++) {
            const size_t at = lane * s->max_queries + q;
            s->topk[at] = (rtvi_topk){s->heaps + at * s->k, 0, s->k};
        }
    }
    s->common_predicted = s->predicted ? s->predicted[0] : s->options->predicted_class;
    s->filters_differ = 0;
    for (size_t q = 1; s->predicted && q < s->num_queries; q++) s->filters_differ |= s->predicted[q] != s->predicted[0];
    if (s->filters_differ) s->common_predicted = -1;
}

static int32_t search_block(search *s, rtv_error *error) {
    const rtv_progress_fn progress = s->options->progress ? tell_progress : NULL;
    const int join_here = (double)(s->lanes * s->num_queries) * (double)s->k < 1e4;
    int32_t status;
    begin_block(s);
    status = run(s, scan_item, s->num_items, 0, progress, error);
    return status == RTV_OK ? run(s, join_query, s->num_queries, join_here, NULL, error) : status;
}

static int32_t search_blocks(search *s, rtv_error *error) {
    const size_t dim = (size_t)s->flat->dim;
    int32_t status = RTV_OK;
    while (s->done < s->count && status == RTV_OK) {
        s->num_queries = least(s->max_queries, (size_t)(s->count - s->done));
        status = search_block(s, error);
        s->done += (int64_t)s->num_queries;
        s->queries += s->num_queries * dim;
        s->hits += s->num_queries * s->hits_per_query;
        s->num_hits += s->num_queries;
        if (s->predicted) s->predicted += s->num_queries;
        if (s->exclude) s->exclude += s->num_queries;
    }
    return status;
}

/* Under the index's lock. */
static int32_t search_locked(search *s, rtvi_team *team, rtv_error *error) {
    arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    rtvi_flat_work *work;
    int32_t status;
    s->num_rows = s->flat->ids.count;
    plan(s, team);
    lay_out(s, &measure);
    if (measure.overflow) return rtvi_error_out_of_memory(error, "index", 0);
    status = rtvi_flat_work_take(s->flat, measure.used, &work, error);
    if (status != RTV_OK) return status;
    real.base = work->block;
    lay_out(s, &real);
    status = search_blocks(s, error);
    rtvi_flat_work_give(s->flat, work);
    return status;
}

static int32_t check_options(const rtv_search_options *options, int with_predicted, rtv_error *error) {
    if (options->class_id < -1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: class_id: got %d, expected a class, or -1 for all",
                              (int)options->class_id);
    if (with_predicted && options->predicted_class < -1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: predicted_class: got %d, expected a class, or -1 for all",
                              (int)options->predicted_class);
    if (isnan(options->min_score)) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: min_score: got NaN, expected a number");
    return RTV_OK;
}

static int32_t check_sizes(const rtvi_flat *flat, int64_t count, int64_t k, rtv_error *error) {
    size_t floats, hits;
    if (count < 0) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
    if (k < 1) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected at least 1", (long long)k);
    if (!rtvi_mul((size_t)count, (size_t)flat->dim * sizeof(float), &floats) || floats > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected queries that fit into memory",
                              (long long)count);
    if (!rtvi_mul((size_t)count, (size_t)k, &hits) || !rtvi_mul(hits, sizeof(rtv_hit), &hits) || hits > PTRDIFF_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: k: got %lld, expected count * k hits that fit into memory",
                              (long long)k);
    return RTV_OK;
}

int32_t rtvi_flat_search(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, int64_t k,
                         const rtv_search_options *options, const int32_t *predicted_classes, rtv_hit *hits, int64_t *num_hits,
                         rtv_error *error) {
    search s = {.flat = flat,
                .options = options,
                .queries = queries,
                .predicted = predicted_classes,
                .exclude = options->exclude_ids,
                .hits = hits,
                .num_hits = num_hits,
                .hits_per_query = (size_t)k,
                .count = count};
    int32_t status = check_sizes(flat, count, k, error);
    if (status == RTV_OK) status = check_options(options, predicted_classes == NULL, error);
    if (status == RTV_OK) status = rtvi_flat_check_vectors(queries, (size_t)count, (size_t)flat->dim, "query", error);
    if (status != RTV_OK) return status;
    if (count == 0) return rtvi_error_clear(error);
    pthread_rwlock_rdlock(&flat->lock);
    status = search_locked(&s, team, error);
    pthread_rwlock_unlock(&flat->lock);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
