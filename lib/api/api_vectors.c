/* api_vectors.c - vectors.h, and what of index.h is still to come. */
#include <string.h>

#include "api/api_handles.h"

static int32_t to_come(rtv_error *error) { return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: this function is not there yet"); }

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
