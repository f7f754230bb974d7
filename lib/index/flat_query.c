/* flat_query.c - the searches that a caller asks for: by vectors, by ids, by a blend of both, in a range, with a filter of the caller. */
#include <math.h>
#include <string.h>

#include "index/flat_score.h"
#include "base/base_arithmetic.h"
#include "index/flat_search.h"
#include "index/flat_state.h"

#define FILTER_MORE 32          /* hits beyond four times k that a filter of the caller may refuse before its query is searched again */
#define FILTER_HITS (128 << 10) /* in all, of queries that are searched together */

/* A search as the options say. Rows and filter are in hand. */
static rtvi_search plain(rtvi_flat *flat, rtvi_team *team, const rtvi_rows *rows, const rtvi_filter *filter, const rtv_search_options *o) {
    return (rtvi_search){.flat = flat,
                         .team = team,
                         .rows = rows,
                         .filter = filter,
                         .min_score = o->min_score,
                         .exclude = o->exclude_ids,
                         .progress = o->progress,
                         .progress_user = o->progress_user};
}

/* A search with a filter of the caller: more and more of the best items, until it has taken k of them. */
typedef struct filtering {
    const rtvi_search *all;
    const rtv_search_options *o;
    int64_t query, asked, taken; /* the one that the filter is asked about */
} filtering;

/* Some of the queries, and more hits than the caller wants. */
static rtvi_search part_of(const rtvi_search *all, int64_t first, int64_t count, int64_t k) {
    rtvi_search part = *all;
    part.queries += first * (int64_t)all->rows->dim;
    if (part.exclude) part.exclude += first;
    if (part.predicted) part.predicted += first;
    part.count = count;
    part.k = k;
    part.progress = NULL;
    return part;
}

/* The filter is asked once for each item: those of the last round come again in the same order, and its answers about them are kept.
 * Returns 1 when there is nothing more to ask. */
static int ask_filter(filtering *f, const rtv_hit *found, int64_t num, int64_t k) {
    const rtvi_search *all = f->all;
    rtv_hit *hits = all->hits + f->query * all->k;
    for (; f->asked < num && f->taken < all->k; f->asked++)
        if (f->o->filter(f->o->filter_user, f->query, &found[f->asked])) hits[f->taken++] = found[f->asked];
    if (f->taken < all->k && num == k && k < (int64_t)all->rows->num_rows) return 0;
    all->num_hits[f->query] = f->taken;
    for (; f->taken < all->k; f->taken++) hits[f->taken] = (rtv_hit){-1, -INFINITY, -1};
    return 1;
}

/* One query that needs more than k items. */
static int32_t filter_more(filtering *f, int64_t k, rtv_error *error) {
    const rtvi_env *env = f->all->flat->env;
    const int64_t most = (int64_t)f->all->rows->num_rows;
    for (;;) {
        rtvi_search one = part_of(f->all, f->query, 1, k > most / 8 ? most : k * 8);
        int64_t found;
        int is_done;
        int32_t status;
        one.num_hits = &found;
        one.hits = rtvi_alloc(env, (size_t)one.k, sizeof *one.hits);
        if (!one.hits) return rtvi_error_out_of_memory(error, "index", (size_t)one.k * sizeof *one.hits);
        status = rtvi_search_run(&one, error);
        is_done = status == RTV_OK && ask_filter(f, one.hits, found, one.k);
        rtvi_free(env, one.hits);
        if (status != RTV_OK || is_done) return status;
        k = one.k;
    }
}

/* The queries of a part are searched together, and then asked about in turn. */
static int32_t filter_part(const rtvi_search *all, const rtv_search_options *o, const rtvi_search *part, int64_t first, rtv_error *error) {
    int32_t status = rtvi_search_run(part, error);
    for (int64_t i = 0; i < part->count && status == RTV_OK; i++) {
        filtering f = {all, o, first + i, 0, 0};
        if (!ask_filter(&f, part->hits + i * part->k, part->num_hits[i], part->k)) status = filter_more(&f, part->k, error);
        if (status == RTV_OK && o->progress && o->progress(o->progress_user, f.query + 1, all->count) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
    }
    return status;
}

static int32_t run_filtered(const rtvi_search *all, const rtv_search_options *o, rtv_error *error) {
    const rtvi_env *env = all->flat->env;
    const int64_t rows = (int64_t)all->rows->num_rows, k = all->k < rows / 4 - FILTER_MORE ? 4 * all->k + FILTER_MORE : all->k;
    const int64_t fitting = FILTER_HITS / k, most = fitting < 1 ? 1 : fitting < all->count ? fitting : all->count;
    rtv_hit *hits = rtvi_alloc(env, (size_t)most, (size_t)k * sizeof *hits);
    int64_t *num_hits = rtvi_alloc(env, (size_t)most, sizeof *num_hits);
    int32_t status = hits && num_hits ? RTV_OK : rtvi_error_out_of_memory(error, "index", (size_t)most * (size_t)k * sizeof *hits);
    for (int64_t first = 0; first < all->count && status == RTV_OK; first += most) {
        rtvi_search part = part_of(all, first, most < all->count - first ? most : all->count - first, k);
        part.hits = hits;
        part.num_hits = num_hits;
        status = filter_part(all, o, &part, first, error);
    }
    rtvi_free(env, hits);
    rtvi_free(env, num_hits);
    return status;
}

static int32_t run(const rtvi_search *search, const rtv_search_options *o, rtv_error *error) {
    return o->filter ? run_filtered(search, o, error) : rtvi_search_run(search, error);
}

static int32_t done(int32_t status, rtv_error *error) { return status == RTV_OK ? rtvi_error_clear(error) : status; }

int32_t rtvi_flat_search(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, int64_t k,
                         const rtv_search_options *options, const int32_t *predicted_classes, rtv_hit *hits, int64_t *num_hits,
                         rtv_error *error) {
    rtv_search_options o = *options;
    const rtvi_rows *rows;
    rtvi_filter filter;
    float *owned = NULL;
    int32_t status = rtvi_search_check(flat, queries, count, k, error);
    if (status == RTV_OK) status = rtvi_flat_take_in(flat, team, queries, (size_t)count, "query", &queries, &owned, error);
    if (status != RTV_OK) return status;
    if (predicted_classes) o.predicted_class = -1;
    rows = rtvi_flat_rows_take(flat);
    status = rtvi_filter_init(flat, rows, &o, NULL, 0, &filter, error);
    if (status == RTV_OK) {
        rtvi_search search = plain(flat, team, rows, &filter, &o);
        search.queries = queries;
        search.count = count;
        search.k = k;
        search.predicted = predicted_classes;
        search.hits = hits;
        search.num_hits = num_hits;
        status = run(&search, &o, error);
        rtvi_filter_destroy(flat, &filter);
    }
    rtvi_flat_rows_give(flat, rows);
    rtvi_free(flat->env, owned);
    return done(status, error);
}

/* --- items as queries --------------------------------------------------------------------------------------------------------------- */

static int32_t find_rows(rtvi_flat *flat, const rtvi_rows *rows, const int64_t *ids, size_t count, size_t *found, rtv_error *error) {
    for (size_t i = 0; i < count; i++)
        if (!rtvi_flat_rows_find(flat, rows, ids[i], &found[i]))
            return rtvi_error_set(error, RTV_E_NOT_FOUND, "index: id %lld: is not in the index", (long long)ids[i]);
    return RTV_OK;
}

/* With the rows in hand. vectors: [count][dim], for the queries. */
static int32_t search_found(const rtvi_search *given, const rtv_search_options *o, const int64_t *ids, const size_t *numbers,
                            float *vectors, rtv_error *error) {
    rtvi_search search = *given;
    rtvi_filter filter;
    int32_t status = rtvi_filter_init(search.flat, search.rows, o, NULL, 0, &filter, error);
    if (status != RTV_OK) return status;
    for (int64_t i = 0; i < search.count; i++) rtvi_score_vector(search.rows, numbers[i], vectors + i * (int64_t)search.rows->dim);
    search.filter = &filter;
    search.queries = vectors;
    search.exclude = ids;
    status = run(&search, o, error);
    rtvi_filter_destroy(search.flat, &filter);
    return status;
}

int32_t rtvi_flat_search_ids(rtvi_flat *flat, rtvi_team *team, const int64_t *ids, int64_t count, int64_t k,
                             const rtv_search_options *options, rtv_hit *hits, int64_t *num_hits, rtv_error *error) {
    const rtvi_rows *rows;
    float *vectors;
    size_t *numbers;
    int32_t status = rtvi_search_check(flat, NULL, count, k, error);
    if (status != RTV_OK) return status;
    if (options->exclude_ids)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: exclude_ids: got an array, expected NULL: an item never finds itself");
    vectors = rtvi_alloc(flat->env, (size_t)count, (size_t)flat->dim * sizeof *vectors);
    numbers = rtvi_alloc(flat->env, (size_t)count, sizeof *numbers);
    if (vectors && numbers) {
        rtvi_search search;
        rows = rtvi_flat_rows_take(flat);
        search = plain(flat, team, rows, NULL, options);
        search.count = count;
        search.k = k;
        search.hits = hits;
        search.num_hits = num_hits;
        status = find_rows(flat, rows, ids, (size_t)count, numbers, error);
        if (status == RTV_OK) status = search_found(&search, options, ids, numbers, vectors, error);
        rtvi_flat_rows_give(flat, rows);
    } else {
        status = rtvi_error_out_of_memory(error, "index", (size_t)count * (size_t)flat->dim * sizeof *vectors);
    }
    rtvi_free(flat->env, vectors);
    rtvi_free(flat->env, numbers);
    return done(status, error);
}

/* --- blends ------------------------------------------------------------------------------------------------------------------------- */

static int32_t check_blend(const rtvi_flat *flat, const rtv_blend *b, rtv_error *error) {
    if (b->num_vectors < 0 || b->num_ids < 0 || b->num_vectors + b->num_ids < 1 || (b->num_vectors > 0 && !b->vectors) ||
        (b->num_ids > 0 && !b->ids))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: blend: got %lld vectors and %lld ids, expected at least one in all",
                              (long long)b->num_vectors, (long long)b->num_ids);
    for (int64_t i = 0; i < b->num_vectors + b->num_ids; i++) {
        const int64_t at = i < b->num_vectors ? i : i - b->num_vectors;
        const float *weights = i < b->num_vectors ? b->vector_weights : b->id_weights;
        if (weights && !isfinite(weights[at]))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: weight %lld of the blend: got %f, expected finite values",
                                  (long long)i, (double)weights[at]);
    }
    return rtvi_search_check(flat, b->vectors, b->num_vectors, 1, error);
}

static void add_weighted(double *sum, const float *x, const float *weights, int64_t at, size_t dim) {
    const double weight = weights ? (double)weights[at] : 1.0;
    for (size_t j = 0; j < dim; j++) sum[j] += weight * (double)x[j];
}

/* The sum becomes the query[dim]. Errors: INVALID_ARGUMENT when it does not fit float32. */
static int32_t round_blend(const rtv_blend *b, const double *sum, size_t dim, float *query, rtv_error *error) {
    double largest = 0, squares = 0, scale;
    for (size_t j = 0; j < dim; j++) largest = fmax(largest, fabs(sum[j]));
    for (size_t j = 0; j < dim && largest > 0; j++) squares += sum[j] / largest * (sum[j] / largest);
    scale = b->keep_length || largest == 0 ? 1 : 1 / sqrt(squares) / largest;
    for (size_t j = 0; j < dim; j++) {
        query[j] = (float)(sum[j] * scale);
        if (!isfinite(query[j]))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: blend: got %g at position %zu, expected sums that fit float32",
                                  sum[j] * scale, j);
    }
    return RTV_OK;
}

static int32_t blend_query(const rtvi_rows *rows, const rtv_blend *b, const size_t *numbers, double *sum, float *query, rtv_error *error) {
    rtvi_arithmetic before;
    int32_t status;
    rtvi_arithmetic_set(&before);
    memset(sum, 0, rows->dim * sizeof *sum);
    for (int64_t i = 0; i < b->num_vectors; i++) add_weighted(sum, b->vectors + i * (int64_t)rows->dim, b->vector_weights, i, rows->dim);
    for (int64_t i = 0; i < b->num_ids; i++) {
        rtvi_score_vector(rows, numbers[i], query);
        add_weighted(sum, query, b->id_weights, i, rows->dim);
    }
    status = round_blend(b, sum, rows->dim, query, error);
    rtvi_arithmetic_restore(&before);
    return status;
}

static int32_t search_blend(const rtvi_search *given, const rtv_search_options *o, const rtv_blend *b, size_t *numbers, double *sum,
                            float *query, rtv_error *error) {
    rtvi_search search = *given;
    rtvi_filter filter;
    int32_t status = find_rows(search.flat, search.rows, b->ids, (size_t)b->num_ids, numbers, error);
    if (status == RTV_OK) status = blend_query(search.rows, b, numbers, sum, query, error);
    if (status == RTV_OK)
        status = rtvi_filter_init(search.flat, search.rows, o, numbers, b->keep_items ? 0 : (size_t)b->num_ids, &filter, error);
    if (status != RTV_OK) return status;
    search.filter = &filter;
    search.queries = query;
    status = run(&search, o, error);
    rtvi_filter_destroy(search.flat, &filter);
    return status;
}

int32_t rtvi_flat_search_blend(rtvi_flat *flat, rtvi_team *team, const rtv_blend *given, int64_t k, const rtv_search_options *options,
                               rtv_hit *hits, int64_t *num_hits, rtv_error *error) {
    const size_t dim = (size_t)flat->dim;
    rtv_blend blend = *given;
    size_t *numbers;
    double *sum;
    float *query, *owned = NULL;
    int32_t status = check_blend(flat, &blend, error);
    if (status == RTV_OK) status = rtvi_search_check(flat, NULL, 1, k, error);
    if (status == RTV_OK)
        status = rtvi_flat_take_in(flat, team, blend.vectors, (size_t)blend.num_vectors, "vector", &blend.vectors, &owned, error);
    if (status != RTV_OK) return status;
    numbers = rtvi_alloc(flat->env, (size_t)blend.num_ids, sizeof *numbers);
    sum = rtvi_alloc(flat->env, dim, sizeof *sum);
    query = rtvi_alloc(flat->env, dim, sizeof *query);
    if (numbers && sum && query) {
        const rtvi_rows *rows = rtvi_flat_rows_take(flat);
        rtvi_search search = plain(flat, team, rows, NULL, options);
        search.count = 1;
        search.k = k;
        search.hits = hits;
        search.num_hits = num_hits;
        status = search_blend(&search, options, &blend, numbers, sum, query, error);
        rtvi_flat_rows_give(flat, rows);
    } else {
        status = rtvi_error_out_of_memory(error, "index", dim * sizeof *sum);
    }
    rtvi_free(flat->env, numbers);
    rtvi_free(flat->env, sum);
    rtvi_free(flat->env, query);
    rtvi_free(flat->env, owned);
    return done(status, error);
}
