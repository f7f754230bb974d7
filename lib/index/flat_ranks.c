/* flat_ranks.c - where the relevant items stand among all, by counting. */
#include "index/flat_ranks.h"

#include <string.h>

#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"

void rtvi_ranks_destroy(const rtvi_flat *flat, rtvi_ranks *ranks) {
    rtvi_free(flat->env, ranks->ids);
    rtvi_free(flat->env, ranks->relevant);
    rtvi_free(flat->env, ranks->offsets);
    rtvi_free(flat->env, ranks->ranks);
    memset(ranks, 0, sizeof *ranks);
}

static int is_relevant(const rtvi_chunk *chunk, size_t row, int32_t class_id, int64_t exclude) {
    return class_id >= 0 && chunk->classes[row] == class_id && chunk->ids[row] != exclude && !rtvi_chunk_is_removed(chunk, row);
}

static int64_t count_relevant(const rtvi_rows *rows, int32_t class_id, int64_t exclude) {
    int64_t count = 0;
    for (size_t c = 0; c < rows->num_chunks; c++)
        for (size_t r = 0; r < rows->chunks[c].num_rows; r++) count += is_relevant(&rows->chunks[c], r, class_id, exclude);
    return count;
}

/* Room for the answers of the queries; the ranks of query i have at most relevant[i] places. */
static int32_t reserve(const rtvi_flat *flat, const rtvi_rows *rows, const rtvi_rank_queries *q, rtvi_ranks *out, rtv_error *error) {
    int64_t sum = 0;
    out->count = q->count;
    out->relevant = rtvi_alloc(flat->env, (size_t)q->count, sizeof *out->relevant);
    out->offsets = rtvi_alloc(flat->env, (size_t)q->count + 1, sizeof *out->offsets);
    if (!out->relevant || !out->offsets) return rtvi_error_out_of_memory(error, "index", (size_t)q->count * sizeof *out->offsets);
    for (int64_t i = 0; i < q->count; i++) {
        out->relevant[i] = count_relevant(rows, q->classes[i], q->exclude ? q->exclude[i] : -1);
        sum += out->relevant[i];
    }
    out->ranks = rtvi_alloc(flat->env, (size_t)sum, sizeof *out->ranks);
    return out->ranks ? RTV_OK : rtvi_error_out_of_memory(error, "index", (size_t)sum * sizeof *out->ranks);
}

/* The whole list of a query, and the places of the relevant items in it. */
static int32_t rank_one(rtvi_search *search, const rtvi_rank_queries *q, int64_t i, rtvi_ranks *out, rtv_error *error) {
    int64_t found = 0, at = out->offsets[i];
    int32_t status;
    search->queries = q->vectors + i * (int64_t)search->rows->dim;
    search->exclude = q->exclude ? q->exclude + i : NULL;
    search->predicted = q->predicted ? q->predicted + i : NULL;
    search->num_hits = &found;
    status = rtvi_search_run(search, error);
    for (int64_t r = 0; r < found && q->classes[i] >= 0; r++)
        if (search->hits[r].class_id == q->classes[i]) out->ranks[at++] = r + 1;
    out->offsets[i + 1] = at;
    return status;
}

static int32_t rank_all(rtvi_search *search, const rtvi_rank_queries *q, rtvi_ranks *out, rtv_error *error) {
    int32_t status = reserve(search->flat, search->rows, q, out, error);
    out->offsets[0] = 0;
    search->count = 1;
    search->k = search->rows->num_rows ? (int64_t)search->rows->num_rows : 1;
    search->hits = rtvi_alloc(search->flat->env, (size_t)search->k, sizeof *search->hits);
    if (!search->hits) return rtvi_error_out_of_memory(error, "index", (size_t)search->k * sizeof *search->hits);
    for (int64_t i = 0; i < q->count && status == RTV_OK; i++) {
        status = rank_one(search, q, i, out, error);
        if (status == RTV_OK && search->progress && search->progress(search->progress_user, i + 1, q->count) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
    }
    rtvi_free(search->flat->env, search->hits);
    return status;
}

static int32_t rank_rows(rtvi_flat *flat, rtvi_team *team, const rtvi_rows *rows, const rtvi_rank_queries *q, rtv_progress_fn progress,
                         void *progress_user, rtvi_ranks *out, rtv_error *error) {
    const rtvi_filter all = {.class_id = -1, .predicted = -1};
    rtvi_search search = {.flat = flat,
                          .team = team,
                          .rows = rows,
                          .filter = &all,
                          .min_score = -__builtin_inff(),
                          .progress = progress,
                          .progress_user = progress_user};
    return rank_all(&search, q, out, error);
}

int32_t rtvi_flat_ranks(rtvi_flat *flat, rtvi_team *team, const rtvi_rank_queries *queries, rtv_progress_fn progress, void *progress_user,
                        rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows;
    int32_t status = rtvi_search_check(flat, queries->vectors, queries->count, 1, error);
    if (status != RTV_OK) return status;
    rows = rtvi_flat_rows_take(flat);
    status = rank_rows(flat, team, rows, queries, progress, progress_user, ranks, error);
    rtvi_flat_rows_give(flat, rows);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}

/* The live rows as queries; arrays in one block each. */
typedef struct own_queries {
    float *vectors;
    int32_t *classes, *predicted;
    int64_t *ids;
} own_queries;

static void free_own(const rtvi_flat *flat, own_queries *own) {
    rtvi_free(flat->env, own->vectors);
    rtvi_free(flat->env, own->classes);
    rtvi_free(flat->env, own->predicted);
    rtvi_free(flat->env, own->ids);
}

static int64_t gather_own(const rtvi_rows *rows, own_queries *own) {
    size_t at = 0;
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t r = 0; r < chunk->num_rows; r++) {
            if (rtvi_chunk_is_removed(chunk, r)) continue;
            rtvi_score_vector(rows, chunk->first_row + r, own->vectors + at * rows->dim);
            own->classes[at] = chunk->classes[r];
            own->predicted[at] = chunk->predicted[r];
            own->ids[at++] = chunk->ids[r];
        }
    }
    return (int64_t)at;
}

static int32_t rank_among(rtvi_flat *flat, rtvi_team *team, const rtvi_rows *rows, int32_t by_predicted, own_queries *own,
                          rtv_progress_fn progress, void *progress_user, rtvi_ranks *ranks, rtv_error *error) {
    const size_t n = rows->num_live;
    rtvi_rank_queries queries = {0};
    int32_t status;
    own->vectors = rtvi_alloc(flat->env, n, rows->dim * sizeof *own->vectors);
    own->classes = rtvi_alloc(flat->env, n, sizeof *own->classes);
    own->predicted = rtvi_alloc(flat->env, n, sizeof *own->predicted);
    own->ids = rtvi_alloc(flat->env, n, sizeof *own->ids);
    if (!own->vectors || !own->classes || !own->predicted || !own->ids)
        return rtvi_error_out_of_memory(error, "index", n * rows->dim * sizeof *own->vectors);
    queries.count = gather_own(rows, own);
    queries.vectors = own->vectors;
    queries.classes = own->classes;
    queries.predicted = by_predicted ? own->predicted : NULL;
    queries.exclude = own->ids;
    status = rank_rows(flat, team, rows, &queries, progress, progress_user, ranks, error);
    if (status == RTV_OK) {
        ranks->ids = own->ids;
        own->ids = NULL;
    }
    return status;
}

int32_t rtvi_flat_ranks_among(rtvi_flat *flat, rtvi_team *team, int32_t by_predicted, rtv_progress_fn progress, void *progress_user,
                              rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows = rtvi_flat_rows_take(flat);
    own_queries own = {0};
    int32_t status = rank_among(flat, team, rows, by_predicted, &own, progress, progress_user, ranks, error);
    rtvi_flat_rows_give(flat, rows);
    free_own(flat, &own);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}
