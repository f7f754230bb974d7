/* shim.c - structs and callbacks between Go and C. */
#include "shim.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "_cgo_export.h"

rtv_error *rtvgo_index_search_one(void *index, const float *query, int64_t k, const rtv_search_options *options, rtv_hit *hits) {
    int64_t num_hits;
    rtv_error error, *copy;
    if (rtv_index_search(index, query, 1, k, options, hits, &num_hits, &error) == RTV_OK) return NULL;
    copy = malloc(sizeof error);
    if (!copy) abort(); /* as Go does without memory */
    memcpy(copy, &error, sizeof error);
    return copy;
}

static rtv_items items(const int64_t *ids, const char *const *keys, const int32_t *classes, const rtv_bytes *payloads) {
    rtv_items items;
    memset(&items, 0, sizeof items);
    items.struct_size = sizeof items;
    items.ids = ids;
    items.keys = keys;
    items.classes = classes;
    items.payloads = payloads;
    return items;
}

int32_t rtvgo_index_add(rtv_index *index, int32_t replace, const float *vectors, const int64_t *ids, const char *const *keys,
                        const int32_t *classes, const int32_t *predicted, const rtv_bytes *payloads, int64_t count, rtv_error *error) {
    rtv_items added = items(ids, keys, classes, payloads);
    added.vectors = vectors;
    added.predicted = predicted;
    return replace ? rtv_index_replace(index, &added, count, error) : rtv_index_add(index, &added, count, error);
}

static rtv_embedding embedding(rtv_error *errors) {
    rtv_embedding embedding;
    memset(&embedding, 0, sizeof embedding);
    embedding.struct_size = sizeof embedding;
    embedding.errors = errors;
    return embedding;
}

int32_t rtvgo_model_embed(rtv_model *model, const rtv_picture *pictures, int64_t count, const rtv_embed_options *options,
                          float *descriptors, int32_t *classes, float *class_scores, rtv_error *errors, rtv_error *error) {
    rtv_embedding result = embedding(errors);
    result.descriptors = descriptors;
    result.classes = classes;
    result.class_scores = class_scores;
    return rtv_model_embed(model, pictures, count, options, &result, error);
}

int32_t rtvgo_searcher_search(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, int64_t k,
                              const rtv_search_options *options, rtv_hit *hits, int64_t *num_hits, rtv_error *errors, rtv_error *error) {
    const rtv_embedding result = embedding(errors);
    return rtv_searcher_search(searcher, pictures, count, k, options, hits, num_hits, &result, error);
}

int32_t rtvgo_searcher_add(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, const int64_t *ids, const char *const *keys,
                           const int32_t *classes, const rtv_bytes *payloads, const rtv_embed_options *options, rtv_error *errors,
                           rtv_error *error) {
    const rtv_items added = items(ids, keys, classes, payloads);
    const rtv_embedding result = embedding(errors);
    return rtv_searcher_add(searcher, pictures, count, &added, options, &result, error);
}

static uintptr_t handle(const void *user) { return ((const rtvgo_user *)user)->handle; }

int32_t rtvgo_progress(void *user, int64_t done, int64_t total) {
    rtvgo_user *u = user;
    struct timespec now; /* of the last tick: some milliseconds apart, and told at once */
    if (u->quiet && clock_gettime(CLOCK_MONOTONIC_COARSE, &now) == 0) {
        const int64_t tick = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
        const int same = u->tick == tick || u->tick == 0;
        u->tick = tick;
        if (same) return 0;
    }
    return rtvgoProgress(u->handle, done, total);
}

/* Go knows no const. */
int32_t rtvgo_filter(void *user, int64_t query, const rtv_hit *hit) { return rtvgoFilter(handle(user), query, (rtv_hit *)hit); }
int32_t rtvgo_hits(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    return rtvgoHits(handle(user), query, (rtv_hit *)hits, count);
}
int32_t rtvgo_pairs(void *user, const rtv_pair *pairs, int64_t count) { return rtvgoPairs(handle(user), (rtv_pair *)pairs, count); }
int32_t rtvgo_visit(void *user, const rtv_item *item) { return rtvgoVisit(handle(user), (rtv_item *)item); }
int32_t rtvgo_sample(void *user, int64_t sample, float *values) { return rtvgoSample(handle(user), sample, values); }
int32_t rtvgo_decode(void *user, const void *data, uint64_t size_bytes, int32_t *width_px, int32_t *height_px, uint8_t *pixels) {
    return rtvgoDecode(handle(user), (uintptr_t)pthread_self(), (void *)data, size_bytes, width_px, height_px, pixels);
}
void rtvgo_log(void *user, int32_t level, const char *line) { rtvgoLog(handle(user), level, (char *)line); }
