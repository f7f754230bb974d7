/* flat_pairs.c - a set against itself: every item's neighbours, every pair above a score. */
#include <math.h>

#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"

static int32_t check_alone(const rtv_search_options *o, rtv_error *error) {
    if (!o->exclude_ids && !o->filter) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s: is set, expected NULL in a search of all items",
                          o->exclude_ids ? "exclude_ids" : "filter");
}

/* Calls visit for every row that takes part, as a search of it among the others. */
typedef int32_t (*visit_fn)(rtvi_search *search, size_t row, int64_t id, int64_t done, void *arg, rtv_error *error);

static int32_t visit_rows(rtvi_search *search, float *vector, visit_fn visit, void *arg, rtv_error *error) {
    int64_t done = 0;
    int32_t status = RTV_OK;
    search->queries = vector;
    search->count = 1;
    for (size_t c = 0; c < search->rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &search->rows->chunks[c];
        for (size_t r = 0; r < chunk->num_rows && status == RTV_OK; r++) {
            if (!rtvi_filter_takes(search->filter, chunk, r)) continue;
            rtvi_score_vector(search->rows, chunk->first_row + r, vector);
            search->exclude = &chunk->ids[r];
            status = visit(search, chunk->first_row + r, chunk->ids[r], done++, arg, error);
            if (status == RTV_OK && search->progress &&
                search->progress(search->progress_user, (int64_t)(chunk->first_row + r + 1), (int64_t)search->rows->num_rows) != 0)
                status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
        }
    }
    return status;
}

static int32_t with_rows(rtvi_flat *flat, rtvi_team *team, int64_t k, const rtv_search_options *o, visit_fn visit, void *arg,
                         rtv_error *error) {
    const rtvi_rows *rows;
    rtvi_filter filter;
    float *vector;
    int32_t status = check_alone(o, error);
    if (status != RTV_OK) return status;
    vector = rtvi_alloc(flat->env, (size_t)flat->dim, sizeof *vector);
    if (!vector) return rtvi_error_out_of_memory(error, "index", (size_t)flat->dim * sizeof *vector);
    rows = rtvi_flat_rows_take(flat);
    status = rtvi_filter_init(flat, rows, o, NULL, 0, &filter, error);
    if (status == RTV_OK) {
        rtvi_search search = {.flat = flat,
                              .team = team,
                              .rows = rows,
                              .filter = &filter,
                              .k = k,
                              .min_score = o->min_score,
                              .progress = o->progress,
                              .progress_user = o->progress_user};
        status = visit_rows(&search, vector, visit, arg, error);
        rtvi_filter_destroy(flat, &filter);
    }
    rtvi_flat_rows_give(flat, rows);
    rtvi_free(flat->env, vector);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

typedef struct lists {
    int64_t *ids;
    rtv_hit *hits;
    int64_t *num_hits;
    int64_t capacity, count;
} lists;

static int32_t list_row(rtvi_search *search, size_t row, int64_t id, int64_t done, void *arg, rtv_error *error) {
    lists *out = arg;
    rtvi_search one = *search;
    (void)row;
    out->count = done + 1;
    if (done >= out->capacity) return RTV_OK;
    out->ids[done] = id;
    one.hits = out->hits + done * search->k;
    one.num_hits = out->num_hits + done;
    one.progress = NULL;
    return rtvi_search_run(&one, error);
}

int32_t rtvi_flat_neighbors(rtvi_flat *flat, rtvi_team *team, int64_t k, const rtv_search_options *options, int64_t *ids, rtv_hit *hits,
                            int64_t *num_hits, int64_t capacity, int64_t *count, rtv_error *error) {
    lists out = {ids, hits, num_hits, capacity, 0};
    int32_t status = rtvi_search_check(flat, NULL, capacity, k, error);
    if (status == RTV_OK) status = with_rows(flat, team, k, options, list_row, &out, error);
    if (status != RTV_OK) return status;
    *count = out.count;
    if (out.count <= capacity) return RTV_OK;
    return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "index: capacity: got %lld, expected at least %lld", (long long)capacity,
                          (long long)out.count);
}

typedef struct pair_stream {
    rtv_pairs_fn found;
    void *user;
} pair_stream;

static int32_t pair_row(rtvi_search *search, size_t row, int64_t id, int64_t done, void *arg, rtv_error *error) {
    const pair_stream *stream = arg;
    rtvi_search one = *search;
    const int64_t k = (int64_t)search->rows->num_rows;
    int64_t num = 0;
    int32_t status;
    (void)done;
    one.progress = NULL;
    one.k = k;
    one.num_hits = &num;
    one.hits = rtvi_alloc(search->flat->env, (size_t)k, sizeof *one.hits);
    if (!one.hits) return rtvi_error_out_of_memory(error, "index", (size_t)k * sizeof *one.hits);
    status = rtvi_search_run(&one, error);
    for (int64_t i = 0; status == RTV_OK && i < num; i++) {
        const rtv_pair pair = {id, one.hits[i].id, one.hits[i].score, 0};
        size_t other;
        if (!rtvi_flat_rows_find(search->flat, search->rows, pair.b, &other) || other < row) continue;
        if (stream->found(stream->user, &pair, 1) != 0) status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the callback");
    }
    rtvi_free(search->flat->env, one.hits);
    return status;
}

int32_t rtvi_flat_pairs(rtvi_flat *flat, rtvi_team *team, const rtv_search_options *options, rtv_pairs_fn found, void *user,
                        rtv_error *error) {
    pair_stream stream = {found, user};
    return with_rows(flat, team, 1, options, pair_row, &stream, error);
}
