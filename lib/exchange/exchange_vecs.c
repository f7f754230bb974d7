/* exchange_vecs.c - .fvecs and .ivecs: before each vector its dimension as int32. */
#include "base/base_bytes.h"
#include "exchange/exchange.h"

int32_t rtvi_exchange_read_vecs(rtvi_exchange *exchange, rtv_error *error) {
    const rtvi_source *source = &exchange->source;
    uint64_t dim, count;
    if (source->size == 0) return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "vectors: fvecs: is empty, expected a dimension");
    if (source->size < 4)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "vectors: fvecs: got %zu bytes, expected a dimension", source->size);
    dim = rtvi_load_le(source->data, 4);
    if (dim < 1 || dim > 65536)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "vectors: dim: got %lld, expected 1 to 65536", (long long)(int32_t)dim);
    if (source->size % (4 + 4 * dim) != 0)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size,
                                 "vectors: fvecs: got %zu bytes, expected whole vectors of %llu floats", source->size,
                                 (unsigned long long)dim);
    count = source->size / (4 + 4 * dim);
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = i * (4 + 4 * dim);
        if (rtvi_load_le(source->data + at, 4) != dim)
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)at, "vectors: dim of vector %llu: got %llu, expected %llu as before",
                                     (unsigned long long)i, (unsigned long long)rtvi_load_le(source->data + at, 4),
                                     (unsigned long long)dim);
    }
    return rtvi_exchange_set_matrix(exchange, exchange->kind == RTV_VECTORS_IVECS ? RTVI_I32 : RTVI_F32, 4, count, dim, dim + 1, error);
}
