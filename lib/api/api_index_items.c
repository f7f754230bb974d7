/* api_index_items.c - index.h: changes, files, and questions about single items. */
#include <string.h>

#include "api/api_handles.h"

int32_t rtv_index_commit(rtv_index *index, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    return rtvi_flat_commit(index->flat, error);
}

int32_t rtv_index_compact(rtv_index *index, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    return rtvi_flat_compact(index->flat, error);
}

int32_t rtv_index_set_min_score(rtv_index *index, float min_score, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    return rtvi_flat_set_min_score(index->flat, min_score, error);
}

int32_t rtv_index_verify(const char *path, rtv_runtime *given, rtv_progress_fn progress, void *progress_user, rtv_error *error) {
    rtv_runtime *runtime;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    status = rtvi_runtime_take(given, &runtime, error);
    if (status != RTV_OK) return status;
    status = rtvi_flat_verify(&runtime->env, path, progress, progress_user, error);
    rtv_runtime_free(runtime);
    return status;
}

static int32_t read_items(rtv_index *index, const rtv_items *given, rtv_items *items, rtv_error *error) {
    int32_t status = rtvi_index_check(index, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(given, error, "items is NULL");
    memset(items, 0, sizeof *items);
    return rtvi_api_options(items, sizeof *items, given, "rtv_items", error);
}

int32_t rtv_index_add(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error) {
    rtv_items own;
    int32_t status;
    RTVI_ENTER(error);
    status = read_items(index, items, &own, error);
    return status == RTV_OK ? rtvi_flat_add(index->flat, &own, count, error) : status;
}

int32_t rtv_index_replace(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error) {
    rtv_items own;
    int32_t status;
    RTVI_ENTER(error);
    status = read_items(index, items, &own, error);
    return status == RTV_OK ? rtvi_flat_replace(index->flat, &own, count, error) : status;
}

int32_t rtv_index_remove(rtv_index *index, const int64_t *ids, int64_t count, int64_t *removed, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(ids || count <= 0, error, "ids is NULL");
    return rtvi_flat_remove(index->flat, ids, count, removed, error);
}

int32_t rtv_index_merge(rtv_index *index, rtv_index *other, int32_t new_ids, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    status = rtvi_index_check(index, error);
    if (status == RTV_OK) status = rtvi_index_check(other, error);
    return status == RTV_OK ? rtvi_flat_merge(index->flat, other->flat, new_ids, error) : status;
}

int32_t rtv_index_payload(rtv_index *index, int64_t id, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(payload || capacity == 0, error, "payload is NULL");
    return rtvi_flat_payload(index->flat, id, payload, capacity, size_bytes, error);
}

int32_t rtv_index_find(rtv_index *index, const char *key, int64_t *id, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(key, error, "key is NULL");
    RTVI_REQUIRE(id, error, "id is NULL");
    return rtvi_flat_find(index->flat, key, id, error);
}

int32_t rtv_index_vectors(rtv_index *index, const int64_t *ids, int64_t count, float *vectors, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE((ids && vectors) || count <= 0, error, "ids or vectors is NULL");
    return rtvi_flat_vectors(index->flat, ids, count, vectors, error);
}

int32_t rtv_index_ids(rtv_index *index, int64_t *ids, int64_t capacity, int64_t *count, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(ids || capacity <= 0, error, "ids is NULL");
    RTVI_REQUIRE(count, error, "count is NULL");
    return rtvi_flat_ids(index->flat, ids, capacity, count, error);
}

int32_t rtv_index_visit(rtv_index *index, rtv_visit_fn visit, void *user, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(visit, error, "visit is NULL");
    return rtvi_flat_visit(index->flat, visit, user, error);
}
