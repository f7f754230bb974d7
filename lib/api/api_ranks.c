/* api_ranks.c - leave-one-out: every descriptor asks for its own class among all the others. */
#include "api/api_ranks.h"

#include <string.h>

enum {
    LARGEST_K = 1000,
    QUERIES_AT_ONCE = 1024 /* bounds the memory for hits */
};

static int32_t rank_of(const rtv_hit *hits, int64_t num_hits, int32_t class_id) {
    for (int32_t i = 0; i < num_hits && class_id >= 0; i++)
        if (hits[i].class_id == class_id) return i + 1;
    return 0;
}

/* Ids in the index are the items' places. */
static int32_t ask(rtv_index *index, const rtvi_descriptor_set *set, int64_t k, rtv_hit *hits, int32_t *ranks, int64_t *nearest,
                   rtv_error *error) {
    int64_t own[QUERIES_AT_ONCE], num_hits[QUERIES_AT_ONCE];
    rtv_search_options options;
    rtv_search_options_init(&options);
    options.exclude_ids = own;
    for (int64_t at = 0; at < set->count; at += QUERIES_AT_ONCE) {
        const int64_t now = set->count - at < QUERIES_AT_ONCE ? set->count - at : QUERIES_AT_ONCE;
        int32_t status;
        for (int64_t i = 0; i < now; i++) own[i] = at + i;
        status = rtv_index_search(index, set->queries + at * set->dim, now, k, &options, hits, num_hits, error);
        if (status != RTV_OK) return status;
        for (int64_t i = 0; i < now; i++) {
            ranks[at + i] = rank_of(hits + i * k, num_hits[i], set->classes[at + i]);
            if (nearest) nearest[at + i] = num_hits[i] > 0 ? hits[i * k].id : -1;
        }
    }
    return RTV_OK;
}

int32_t rtvi_api_ranks(rtv_runtime *runtime, const rtvi_descriptor_set *set, int64_t k, int32_t *ranks, int64_t *nearest,
                       rtv_error *error) {
    const rtvi_env *env = &runtime->env;
    const rtv_items items = {.struct_size = sizeof items, .vectors = set->gallery, .classes = set->classes};
    rtv_hit *hits = rtvi_alloc(env, QUERIES_AT_ONCE * (size_t)k, sizeof *hits);
    rtv_index *index = NULL;
    int32_t status = hits ? rtv_index_create(set->dim, runtime, &index, error)
                          : rtvi_error_out_of_memory(error, "api", QUERIES_AT_ONCE * (size_t)k * sizeof *hits);
    if (status == RTV_OK) status = rtv_index_add(index, &items, set->count, error);
    if (status == RTV_OK) status = ask(index, set, k, hits, ranks, nearest, error);
    rtv_index_free(index);
    rtvi_free(env, hits);
    return status;
}

/* --- recall ----------------------------------------------------------------------------------------------------------------------- */

/* descriptors and classes of the pictures that could be embedded, moved together; returns how many. */
static int64_t compact(const rtvi_recall_question *q, const rtv_error *errors, int32_t dim, float *descriptors, int32_t *classes) {
    int64_t good = 0;
    for (int64_t i = 0; i < q->count; i++) {
        if (errors[i].status != RTV_OK) continue;
        memmove(descriptors + good * dim, descriptors + i * dim, (size_t)dim * sizeof *descriptors);
        classes[good++] = q->classes[i];
    }
    return good;
}

static void count_right(const rtvi_recall_question *q, const int32_t *classes, const int32_t *ranks, int64_t count, double *values) {
    int64_t queries = 0;
    for (int64_t i = 0; i < count; i++) queries += classes[i] >= 0;
    for (int64_t n = 0; n < q->num_ks; n++) {
        int64_t right = 0;
        for (int64_t i = 0; i < count; i++) right += ranks[i] >= 1 && ranks[i] <= q->ks[n];
        values[n] = queries > 0 ? (double)right / (double)queries : 0;
    }
}

int32_t rtvi_api_recall(rtv_model *model, const rtvi_recall_question *q, double *values, rtv_error *error) {
    const rtvi_env *env = &model->runtime->env;
    const int32_t dim = (int32_t)rtvi_embedder_dim(model->embedder);
    const size_t count = (size_t)q->count;
    float *descriptors = rtvi_alloc(env, count, (size_t)dim * sizeof *descriptors);
    rtv_error *errors = rtvi_alloc(env, count, sizeof *errors);
    int32_t *classes = rtvi_alloc(env, count, 2 * sizeof *classes), *ranks = classes ? classes + count : NULL, status;
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors, .errors = errors};
    rtvi_descriptor_set set = {descriptors, descriptors, classes, 0, dim};
    if (descriptors && errors && classes)
        status = rtv_model_embed(model, q->pictures, q->count, NULL, &result, error);
    else
        status = rtvi_error_out_of_memory(error, "api", count * (size_t)dim * sizeof *descriptors);
    if (status == RTV_OK) set.count = compact(q, errors, dim, descriptors, classes);
    if (status == RTV_OK && set.count == 0) {
        *error = errors[0];
        status = error->status;
    }
    if (status == RTV_OK) status = rtvi_api_ranks(model->runtime, &set, q->ks[q->num_ks - 1], ranks, NULL, error);
    if (status == RTV_OK) count_right(q, classes, ranks, set.count, values);
    rtvi_free(env, descriptors);
    rtvi_free(env, errors);
    rtvi_free(env, classes);
    return status;
}

/* --- questions --------------------------------------------------------------------------------------------------------------------- */

int32_t rtvi_api_take_ks(const int64_t **ks, int64_t num_ks, const int64_t defaults[RTVI_CUSTOMARY_KS], rtv_error *error) {
    if (!*ks && num_ks == RTVI_CUSTOMARY_KS) *ks = defaults;
    RTVI_REQUIRE(*ks, error, "ks is NULL while num_ks is set");
    return RTV_OK;
}

int32_t rtvi_api_check_ks(const int64_t *ks, int64_t num_ks, int64_t most, rtv_error *error) {
    if (num_ks < 1 || num_ks > most)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: num_ks: got %lld, expected 1..%lld", (long long)num_ks, (long long)most);
    for (int64_t i = 0; i < num_ks; i++) {
        const int64_t least = i > 0 ? ks[i - 1] + 1 : 1;
        if (ks[i] < least || ks[i] > LARGEST_K)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: ks[%lld]: got %lld, expected %lld..%d", (long long)i,
                                  (long long)ks[i], (long long)least, LARGEST_K);
    }
    return RTV_OK;
}

int32_t rtvi_api_check_classes(const int32_t *classes, int64_t count, rtv_error *error) {
    for (int64_t i = 0; i < count; i++)
        if (classes[i] < -1)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: classes[%lld]: got %d, expected -1 or more", (long long)i,
                                  classes[i]);
    return RTV_OK;
}
