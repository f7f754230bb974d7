/* api_searcher.c - searcher.h: a model and an index together. */
#include <string.h>

#include "api/api_handles.h"

/* Descriptors, statuses and predicted classes of one call, as the caller asked for them or, where needed here, in memory of our own. */
typedef struct workspace {
    rtv_embedding result;
    int32_t strict; /* 1: the caller cannot see which pictures failed, so the first failure is the call's */
    void *owned[3];
} workspace;

static void *provide(const rtvi_env *env, void *given, void **owned, int64_t count, size_t size) {
    return given ? given : (*owned = rtvi_alloc(env, (size_t)count, size));
}

static void release(const rtvi_env *env, workspace *w) {
    for (int i = 0; i < 3; i++) rtvi_free(env, w->owned[i]);
}

static int32_t prepare(const rtvi_env *env, int32_t dim, int64_t count, const rtv_embedding *given, workspace *w, rtv_error *error) {
    int32_t status;
    size_t row;
    memset(w, 0, sizeof *w);
    status = rtvi_api_options(&w->result, sizeof w->result, given, "rtv_embedding", error);
    if (status != RTV_OK) return status;
    w->strict = !w->result.statuses && !w->result.errors;
    row = (size_t)dim * sizeof(float);
    w->result.descriptors = provide(env, w->result.descriptors, &w->owned[0], count, row);
    w->result.statuses = provide(env, w->result.statuses, &w->owned[1], count, sizeof(int32_t));
    w->result.classes = provide(env, w->result.classes, &w->owned[2], count, sizeof(int32_t));
    if (w->result.descriptors && w->result.statuses && w->result.classes) return RTV_OK;
    release(env, w);
    return rtvi_error_out_of_memory(error, "searcher", (size_t)count);
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

static int32_t check_pair(const rtv_model *model, rtv_index *index, int32_t accept, int32_t *is_parents, rtv_error *error) {
    rtv_model_info of_model = {.struct_size = sizeof of_model};
    rtv_index_info of_index;
    int32_t status = rtv_model_info_get(model, &of_model, error);
    *is_parents = 0;
    if (status != RTV_OK) return status;
    rtvi_flat_info(index->flat, &of_index);
    if (of_model.descriptor_dim != of_index.dim)
        return rtvi_error_set(error, RTV_E_MISMATCH, "searcher: dimension of the index: got %d, expected %d, the model's", of_index.dim,
                              of_model.descriptor_dim);
    if (accept == RTV_ACCEPT_ANY || strcmp(of_model.fingerprint, of_index.fingerprint) == 0) return RTV_OK;
    *is_parents = of_model.parent[0] && strcmp(of_model.parent, of_index.fingerprint) == 0;
    if (*is_parents && accept == RTV_ACCEPT_PARENTS) return RTV_OK;
    return rtvi_error_set(
        error, RTV_E_MISMATCH, "searcher: the index was made with model \"%s\" (%.16s), expected \"%s\" (%.16s); RTV_ACCEPT_%s accepts it",
        of_index.fingerprint[0] ? of_index.model_name : "none", of_index.fingerprint[0] ? of_index.fingerprint : "no fingerprint",
        of_model.name, of_model.fingerprint, *is_parents ? "PARENTS" : "ANY");
}

int32_t rtv_searcher_create(rtv_model *model, rtv_index *index, int32_t accept, rtv_searcher **out, rtv_error *error) {
    rtv_searcher *searcher;
    int32_t status, is_parents;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    RTVI_REQUIRE(out, error, "searcher is NULL");
    if (accept < RTV_ACCEPT_OWN || accept > RTV_ACCEPT_PARENTS)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "searcher: accept: got %d, expected an RTV_ACCEPT_*", accept);
    status = rtvi_team_check(model->runtime->team, error);
    if (status == RTV_OK) status = rtvi_team_check(index->runtime->team, error);
    if (status == RTV_OK) status = check_pair(model, index, accept, &is_parents, error);
    if (status != RTV_OK) return status;
    searcher = rtvi_alloc_zero(&model->runtime->env, 1, sizeof *searcher);
    if (!searcher) return rtvi_error_out_of_memory(error, "searcher", sizeof *searcher);
    rtvi_model_retain(model);
    rtvi_index_retain(index);
    searcher->model = model;
    searcher->index = index;
    searcher->is_parents = is_parents;
    *out = searcher;
    return RTV_OK;
}

void rtv_searcher_free(rtv_searcher *searcher) {
    rtv_model *model;
    if (!searcher) return;
    model = searcher->model;
    rtv_index_free(searcher->index);
    rtvi_free(&model->runtime->env, searcher);
    rtv_model_free(model);
}

/* --- searching --------------------------------------------------------------------------------------------------------------------- */

/* Rows of failed pictures are searched like any other (they are zero) and then emptied: simpler than closing the gaps. */
static void empty_failed(const int32_t *statuses, int64_t count, int64_t k, rtv_hit *hits, int64_t *num_hits) {
    const rtv_hit none = {-1, -__builtin_inff(), -1};
    for (int64_t i = 0; i < count; i++) {
        if (statuses[i] == RTV_OK) continue;
        num_hits[i] = 0;
        for (int64_t j = 0; j < k; j++) hits[i * k + j] = none;
    }
}

int32_t rtv_searcher_search(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, int64_t k, const rtv_search_options *given,
                            rtv_hit *hits, int64_t *num_hits, const rtv_embedding *given_result, rtv_error *error) {
    const rtvi_env *env;
    rtv_search_options options;
    int32_t status, own_class;
    workspace w;
    RTVI_ENTER(error);
    RTVI_REQUIRE(searcher, error, "searcher is NULL");
    RTVI_REQUIRE(count >= 0, error, "count is negative");
    RTVI_REQUIRE(k >= 1, error, "k is less than 1");
    RTVI_REQUIRE((pictures && hits && num_hits) || count == 0, error, "pictures, hits or num_hits is NULL");
    rtv_search_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_search_options", error);
    if (status != RTV_OK) return status;
    env = &searcher->model->runtime->env;
    own_class = options.predicted_class == RTV_PREDICTED_OWN;
    if (own_class) {
        RTVI_REQUIRE(rtvi_graph_output(searcher->model->graph, RTVI_ROLE_LOGITS) >= 0, error,
                     "predicted_class: the model has no classifier");
        options.predicted_class = -1;
    }
    if (count == 0) return RTV_OK;
    status = prepare(env, (int32_t)rtvi_embedder_dim(searcher->model->embedder), count, given_result, &w, error);
    if (status != RTV_OK) return status;
    status = rtvi_embedder_run(searcher->model->embedder, pictures, count, options.mode, options.progress, options.progress_user, &w.result,
                               w.strict, error);
    if (status == RTV_OK) {
        options.progress = NULL; /* it counted pictures, not queries */
        status = rtvi_flat_search(searcher->index->flat, searcher->index->runtime->team, w.result.descriptors, count, k, &options,
                                  own_class ? w.result.classes : NULL, hits, num_hits, error);
    }
    if (status == RTV_OK) empty_failed(w.result.statuses, count, k, hits, num_hits);
    release(env, &w);
    return status;
}

/* --- adding ------------------------------------------------------------------------------------------------------------------------ */

/* Moves the rows of the pictures that succeeded together; the arrays in items are the caller's, so theirs are gathered in copies. */
typedef struct gathered {
    float *vectors;
    int64_t *ids;
    const char **keys;
    int32_t *classes, *predicted;
    rtv_bytes *payloads;
    int64_t count;
} gathered;

static void free_gathered(const rtvi_env *env, gathered *g) {
    rtvi_free(env, g->vectors);
    rtvi_free(env, g->ids);
    rtvi_free(env, g->keys);
    rtvi_free(env, g->classes);
    rtvi_free(env, g->predicted);
    rtvi_free(env, g->payloads);
}

static int32_t gather(const rtvi_env *env, int32_t dim, int64_t count, const rtv_embedding *from, const rtv_items *items, gathered *g,
                      rtv_error *error) {
    const size_t n = (size_t)count, row = (size_t)dim * sizeof(float);
    memset(g, 0, sizeof *g);
    g->vectors = rtvi_alloc(env, n, row);
    g->predicted = rtvi_alloc(env, n, sizeof *g->predicted);
    g->ids = items->ids ? rtvi_alloc(env, n, sizeof *g->ids) : NULL;
    g->keys = items->keys ? rtvi_alloc(env, n, sizeof *g->keys) : NULL;
    g->classes = items->classes ? rtvi_alloc(env, n, sizeof *g->classes) : NULL;
    g->payloads = items->payloads ? rtvi_alloc(env, n, sizeof *g->payloads) : NULL;
    if (!g->vectors || !g->predicted || (items->ids && !g->ids) || (items->keys && !g->keys) || (items->classes && !g->classes) ||
        (items->payloads && !g->payloads)) {
        free_gathered(env, g);
        return rtvi_error_out_of_memory(error, "searcher", n * row);
    }
    for (int64_t i = 0; i < count; i++) {
        if (from->statuses[i] != RTV_OK) continue;
        memcpy(g->vectors + g->count * dim, from->descriptors + i * dim, row);
        g->predicted[g->count] = from->classes[i];
        if (g->ids) g->ids[g->count] = items->ids[i];
        if (g->keys) g->keys[g->count] = items->keys[i];
        if (g->classes) g->classes[g->count] = items->classes[i];
        if (g->payloads) g->payloads[g->count] = items->payloads[i];
        g->count++;
    }
    return RTV_OK;
}

int32_t rtv_searcher_add(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, const rtv_items *given_items,
                         const rtv_embed_options *given, const rtv_embedding *given_result, rtv_error *error) {
    const rtvi_env *env;
    rtv_embed_options options;
    rtv_items items;
    gathered g;
    workspace w;
    int32_t status, dim;
    RTVI_ENTER(error);
    RTVI_REQUIRE(searcher, error, "searcher is NULL");
    RTVI_REQUIRE(count >= 0, error, "count is negative");
    RTVI_REQUIRE(pictures || count == 0, error, "pictures is NULL");
    if (searcher->is_parents)
        return rtvi_error_set(error, RTV_E_MISMATCH,
                              "searcher: the index was made with the float32 model, expected pictures to be added with that one");
    rtv_embed_options_init(&options);
    memset(&items, 0, sizeof items);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_embed_options", error);
    if (status == RTV_OK) status = rtvi_api_options(&items, sizeof items, given_items, "rtv_items", error);
    if (status != RTV_OK || count == 0) return status;
    env = &searcher->model->runtime->env;
    dim = (int32_t)rtvi_embedder_dim(searcher->model->embedder);
    status = prepare(env, dim, count, given_result, &w, error);
    if (status != RTV_OK) return status;
    status = rtvi_embedder_run(searcher->model->embedder, pictures, count, options.mode, options.progress, options.progress_user, &w.result,
                               w.strict, error);
    if (status == RTV_OK) status = gather(env, dim, count, &w.result, &items, &g, error);
    if (status == RTV_OK) {
        items = (rtv_items){sizeof items, 0, g.vectors, g.ids, g.keys, g.classes, g.predicted, g.payloads};
        status = rtvi_flat_add(searcher->index->flat, &items, g.count, error);
        free_gathered(env, &g);
    }
    release(env, &w);
    return status;
}
