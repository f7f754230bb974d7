/* exchange.h - vectors in the files of others: a matrix where it lies, with ids, keys and classes where there are any; and writing them. */
#ifndef RTVI_EXCHANGE_H
#define RTVI_EXCHANGE_H

#include <retrieve/vectors.h>

#include "base/base_file.h"
#include "index/flat.h"
#include "weights/weights.h"

typedef struct rtvi_exchange {
    const rtvi_env *env;
    rtvi_source source;
    rtvi_weights *weights; /* CGD: holds the source */
    int32_t kind;          /* RTV_VECTORS_* */
    rtvi_tensor matrix;    /* [count][dim] */
    const uint8_t *ids;    /* [count] little-endian int64; NULL for none */
    const rtvi_weights_list *keys, *classes;
} rtvi_exchange;

/* Takes the source over, also on failure; name tells .fvecs from .ivecs. Close it also after a failure. */
int32_t rtvi_exchange_open(rtvi_source *source, const char *name, rtvi_exchange *exchange, rtv_error *error);
void rtvi_exchange_close(rtvi_exchange *exchange);

/* As the public functions. classes (may be NULL): [count]. */
int32_t rtvi_exchange_read(const rtvi_exchange *exchange, int64_t first, int64_t count, float *values, int64_t *ids, int32_t *classes,
                           rtv_error *error);
int32_t rtvi_exchange_key(const rtvi_exchange *exchange, int64_t i, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);
int32_t rtvi_exchange_import(const rtvi_exchange *exchange, rtvi_flat *flat, const int64_t *ids, const int32_t *classes, rtv_error *error);
int32_t rtvi_exchange_export(rtvi_flat *flat, const rtvi_env *env, const char *path, int32_t kind, int32_t with_ids, rtv_error *error);

/* The readers of the kinds: from exchange->source. */
int32_t rtvi_exchange_read_npy(rtvi_exchange *exchange, rtv_error *error);
int32_t rtvi_exchange_read_vecs(rtvi_exchange *exchange, rtv_error *error);
int32_t rtvi_exchange_read_faiss(rtvi_exchange *exchange, rtv_error *error);
int32_t rtvi_exchange_read_cgd(rtvi_exchange *exchange, rtv_error *error);

/* Puts count x dim elements at an offset of the source, in checked arithmetic; stride: elements from row to row. */
int32_t rtvi_exchange_set_matrix(rtvi_exchange *exchange, rtvi_dtype dtype, uint64_t offset, uint64_t count, uint64_t dim, uint64_t stride,
                                 rtv_error *error);

/* Headers of files that are written: bytes for count vectors; returns their number, at most RTVI_EXCHANGE_HEADER. */
#define RTVI_EXCHANGE_HEADER 256
size_t rtvi_exchange_npy_header(uint8_t *bytes, int64_t count, int64_t dim);
size_t rtvi_exchange_faiss_header(uint8_t *bytes, int64_t count, int64_t dim, int with_ids);

#endif
