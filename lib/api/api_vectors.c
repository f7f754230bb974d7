/* api_vectors.c - vectors.h, and what of index.h is still to come. */
#include <string.h>

#include "api/api_handles.h"

static int32_t to_come(rtv_error *error) { return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: this function is not there yet"); }

void rtv_index_options_init_sized(rtv_index_options *options, uint32_t struct_size) {
    (void)options;
    (void)struct_size;
}

int32_t rtv_index_create_with(const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    (void)options;
    (void)runtime;
    (void)index;
    return to_come(error);
}

int32_t rtv_index_create_file(const char *path, const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index,
                              rtv_error *error) {
    (void)path;
    (void)options;
    (void)runtime;
    (void)index;
    return to_come(error);
}

int32_t rtv_index_open_writable(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    (void)path;
    (void)runtime;
    (void)index;
    return to_come(error);
}

int32_t rtv_index_commit(rtv_index *index, rtv_error *error) {
    (void)index;
    return to_come(error);
}

int32_t rtv_index_compact(rtv_index *index, rtv_error *error) {
    (void)index;
    return to_come(error);
}

int32_t rtv_index_verify(const char *path, rtv_runtime *runtime, rtv_progress_fn progress, void *progress_user, rtv_error *error) {
    (void)path;
    (void)runtime;
    (void)progress;
    (void)progress_user;
    return to_come(error);
}

int32_t rtv_index_replace(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error) {
    (void)index;
    (void)items;
    (void)count;
    return to_come(error);
}

int32_t rtv_index_remove(rtv_index *index, const int64_t *ids, int64_t count, int64_t *removed, rtv_error *error) {
    (void)index;
    (void)ids;
    (void)count;
    (void)removed;
    return to_come(error);
}

int32_t rtv_index_merge(rtv_index *index, rtv_index *other, int32_t new_ids, rtv_error *error) {
    (void)index;
    (void)other;
    (void)new_ids;
    return to_come(error);
}

int32_t rtv_index_payload(rtv_index *index, int64_t id, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    (void)index;
    (void)id;
    (void)payload;
    (void)capacity;
    (void)size_bytes;
    return to_come(error);
}

int32_t rtv_index_find(rtv_index *index, const char *key, int64_t *id, rtv_error *error) {
    (void)index;
    (void)key;
    (void)id;
    return to_come(error);
}

int32_t rtv_index_vectors(rtv_index *index, const int64_t *ids, int64_t count, float *vectors, rtv_error *error) {
    (void)index;
    (void)ids;
    (void)count;
    (void)vectors;
    return to_come(error);
}

int32_t rtv_index_ids(rtv_index *index, int64_t *ids, int64_t capacity, int64_t *count, rtv_error *error) {
    (void)index;
    (void)ids;
    (void)capacity;
    (void)count;
    return to_come(error);
}

int32_t rtv_index_visit(rtv_index *index, rtv_visit_fn visit, void *user, rtv_error *error) {
    (void)index;
    (void)visit;
    (void)user;
    return to_come(error);
}

int32_t rtv_index_set_min_score(rtv_index *index, float min_score, rtv_error *error) {
    (void)index;
    (void)min_score;
    return to_come(error);
}

int32_t rtv_vectors_open(const char *path, rtv_runtime *runtime, rtv_vectors **vectors, rtv_error *error) {
    (void)path;
    (void)runtime;
    (void)vectors;
    return to_come(error);
}

void rtv_vectors_free(rtv_vectors *vectors) { (void)vectors; }

int32_t rtv_vectors_info_get(const rtv_vectors *vectors, rtv_vectors_info *info, rtv_error *error) {
    (void)vectors;
    (void)info;
    return to_come(error);
}

int32_t rtv_vectors_read(const rtv_vectors *vectors, int64_t first, int64_t count, float *values, int64_t *ids, rtv_error *error) {
    (void)vectors;
    (void)first;
    (void)count;
    (void)values;
    (void)ids;
    return to_come(error);
}

int32_t rtv_vectors_key(const rtv_vectors *vectors, int64_t i, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    (void)vectors;
    (void)i;
    (void)key;
    (void)capacity;
    (void)size_bytes;
    return to_come(error);
}

int32_t rtv_index_import(rtv_index *index, const rtv_vectors *vectors, const int64_t *ids, const int32_t *classes, rtv_error *error) {
    (void)index;
    (void)vectors;
    (void)ids;
    (void)classes;
    return to_come(error);
}

int32_t rtv_index_export(rtv_index *index, const char *path, int32_t kind, int32_t with_ids, rtv_error *error) {
    (void)index;
    (void)path;
    (void)kind;
    (void)with_ids;
    return to_come(error);
}
