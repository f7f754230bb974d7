/* flat_range.c - every item above a score, for a block of queries at a time. */
#include <stdlib.h>
#include <string.h>

#include "index/flat_search.h"
#include "index/flat_state.h"
#include "index/flat_stream.h"
#include "kernels/kernels_topk.h"

#define BLOCK_BYTES ((size_t)256 << 20) /* for the hits of a block of queries if they were all items, unless one query needs more */

/* What a query of the block has found. */
typedef struct found_list {
    rtv_hit *hits;
    size_t count, capacity;
} found_list;

typedef struct range {
    rtvi_stream stream;
    const int64_t *exclude; /* [count] of all queries, or NULL */
    rtv_hits_fn found;
    void *user;
    found_list *lists; /* [max_queries] */
} range;

static int32_t keep_hits(void *arg, const rtvi_near *near, size_t count, rtv_error *error) {
    range *r = arg;
    const rtvi_pass *pass = &r->stream.pass;
    for (size_t i = 0; i < count; i++) {
        found_list *list = &r->lists[near[i].query];
        size_t row = near[i].row;
        const rtvi_chunk *chunk = rtvi_rows_locate(pass->rows, &row);
        if (r->exclude && r->exclude[pass->first + near[i].query] == chunk->ids[row]) continue;
        if (!rtvi_grow(pass->flat->env, (void **)&list->hits, &list->capacity, list->count, list->count + 1, sizeof *list->hits))
            return rtvi_error_out_of_memory(error, "index", (list->count + 1) * sizeof *list->hits);
        list->hits[list->count++] = (rtv_hit){chunk->ids[row], near[i].score, chunk->classes[row]};
    }
    return RTV_OK;
}

static int by_rank(const void *a, const void *b) { return rtvi_topk_is_better(a, b) ? -1 : rtvi_topk_is_better(b, a); }

static void sort_list(void *arg, int64_t query, int32_t lane) {
    const found_list *list = &((const range *)arg)->lists[query];
    (void)lane;
    if (list->count > 0) qsort(list->hits, list->count, sizeof *list->hits, by_rank);
}

/* The lists of a block, which begin anew with the next. */
static int32_t tell_lists(void *arg, rtv_error *error) {
    static const rtv_hit none = {-1, 0, -1}; /* so that a caller may always copy */
    range *r = arg;
    const rtvi_pass *pass = &r->stream.pass;
    int32_t status = rtvi_pass_share(pass, sort_list, r, pass->num_queries, error);
    for (size_t q = 0; q < pass->num_queries && status == RTV_OK; q++) {
        found_list *list = &r->lists[q];
        if (r->found(r->user, (int64_t)(pass->first + q), list->hits ? list->hits : &none, (int64_t)list->count) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the callback");
        rtvi_free(pass->flat->env, list->hits);
        memset(list, 0, sizeof *list);
    }
    return status;
}

/* With the pass open. */
static int32_t run_range(range *r, rtv_error *error) {
    rtvi_pass *pass = &r->stream.pass;
    const rtvi_env *env = pass->flat->env;
    const size_t fitting = BLOCK_BYTES / sizeof(rtv_hit) / (pass->rows->num_live + 1);
    int32_t status;
    pass->max_queries = rtvi_least(fitting ? fitting : 1, RTVI_STREAM_QUERIES);
    r->lists = rtvi_alloc_zero(env, pass->max_queries, sizeof *r->lists);
    if (!r->lists) return rtvi_error_out_of_memory(error, "index", pass->max_queries * sizeof *r->lists);
    status = rtvi_stream_run(&r->stream, error);
    for (size_t q = 0; q < pass->max_queries; q++) rtvi_free(env, r->lists[q].hits);
    rtvi_free(env, r->lists);
    return status;
}

int32_t rtvi_flat_search_range(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, const rtv_search_options *options,
                               rtv_hits_fn found, void *user, rtv_error *error) {
    range r = {.stream = {.tell = keep_hits, .end = tell_lists, .arg = &r}, .exclude = options->exclude_ids, .found = found, .user = user};
    rtvi_pass *pass = &r.stream.pass;
    float *owned = NULL;
    int32_t status = rtvi_search_check(flat, queries, count, 1, error);
    if (status == RTV_OK) status = rtvi_flat_take_in(flat, team, queries, (size_t)count, "query", &queries, &owned, error);
    if (status != RTV_OK) return status;
    status = rtvi_pass_open(pass, flat, team, options, error);
    if (status == RTV_OK) {
        pass->vectors = queries;
        pass->count = (size_t)count;
        status = run_range(&r, error);
        rtvi_pass_close(pass);
    }
    rtvi_free(flat->env, owned);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
