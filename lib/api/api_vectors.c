/* api_vectors.c - vectors.h. */
#include <string.h>

#include "api/api_handles.h"
#include "exchange/exchange.h"

struct rtv_vectors {
    rtv_runtime *runtime;
    rtvi_exchange exchange;
};

int32_t rtv_vectors_open(const char *path, rtv_runtime *given, rtv_vectors **out, rtv_error *error) {
    rtv_runtime *runtime;
    rtv_vectors *vectors;
    rtvi_source source;
    rtvi_quoted quoted;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    RTVI_REQUIRE(out, error, "vectors is NULL");
    status = rtvi_runtime_take(given, &runtime, error);
    if (status != RTV_OK) return status;
    vectors = rtvi_alloc_zero(&runtime->env, 1, sizeof *vectors);
    if (!vectors) {
        rtv_runtime_free(runtime);
        return rtvi_error_out_of_memory(error, "vectors", sizeof *vectors);
    }
    vectors->runtime = runtime;
    status = rtvi_source_open(&runtime->env, "vectors", path, &source, error);
    if (status == RTV_OK) {
        status = rtvi_exchange_open(&source, path, &vectors->exchange, error);
        if (status != RTV_OK) rtvi_error_prefix(error, rtvi_error_quote_string(&quoted, path));
    }
    if (status == RTV_OK)
        *out = vectors;
    else
        rtv_vectors_free(vectors);
    return status;
}

void rtv_vectors_free(rtv_vectors *vectors) {
    rtv_runtime *runtime;
    if (!vectors) return;
    runtime = vectors->runtime;
    if (vectors->exchange.env) rtvi_exchange_close(&vectors->exchange);
    rtvi_free(&runtime->env, vectors);
    rtv_runtime_free(runtime);
}

int32_t rtv_vectors_info_get(const rtv_vectors *vectors, rtv_vectors_info *info, rtv_error *error) {
    rtv_vectors_info own;
    RTVI_ENTER(error);
    RTVI_REQUIRE(vectors, error, "vectors is NULL");
    RTVI_REQUIRE(info, error, "info is NULL");
    memset(&own, 0, sizeof own);
    own.kind = vectors->exchange.kind;
    own.dim = vectors->exchange.matrix.dims[1];
    own.count = vectors->exchange.matrix.dims[0];
    own.has_ids = vectors->exchange.ids != NULL;
    own.has_keys = vectors->exchange.keys != NULL;
    own.has_classes = vectors->exchange.classes != NULL;
    return rtvi_api_info(info, &own, sizeof own, "rtv_vectors_info", error);
}

int32_t rtv_vectors_read(const rtv_vectors *vectors, int64_t first, int64_t count, float *values, int64_t *ids, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(vectors, error, "vectors is NULL");
    return rtvi_exchange_read(&vectors->exchange, first, count, values, ids, NULL, error);
}

int32_t rtv_vectors_key(const rtv_vectors *vectors, int64_t i, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(vectors, error, "vectors is NULL");
    RTVI_REQUIRE(key || capacity == 0, error, "key is NULL");
    return rtvi_exchange_key(&vectors->exchange, i, key, capacity, size_bytes, error);
}

int32_t rtv_index_import(rtv_index *index, const rtv_vectors *vectors, const int64_t *ids, const int32_t *classes, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    status = rtvi_index_check(index, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(vectors, error, "vectors is NULL");
    return rtvi_exchange_import(&vectors->exchange, index->flat, ids, classes, error);
}

int32_t rtv_index_export(rtv_index *index, const char *path, int32_t kind, int32_t with_ids, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    status = rtvi_index_check(index, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(path, error, "path is NULL");
    return rtvi_exchange_export(index->flat, &index->runtime->env, path, kind, with_ids, error);
}
