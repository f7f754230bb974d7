/* exchange_faiss.c - faiss's flat index of inner products (faiss/impl/index_write.cpp): four characters, the header that all its indexes
 * have, the number of floats, the floats; and the same inside an IndexIDMap, with the ids behind. */
#include <string.h>

#include "base/base_bytes.h"
#include "exchange/exchange.h"

enum { INNER_PRODUCT = 0, HEADER = 4 + 4 + 8 + 8 + 8 + 1 + 4 };

static int32_t cut_off(const rtvi_exchange *exchange, rtv_error *error) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)exchange->source.size,
                             "vectors: faiss: got %zu bytes, expected more: it is cut off", exchange->source.size);
}

static int32_t unknown(const char what[4], rtv_error *error) {
    rtvi_quoted quoted;
    return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 0, "vectors: faiss: got an index \"%s\", expected a flat one of inner products",
                             rtvi_error_quote(&quoted, what, 4));
}

/* Behind the four characters. */
static int32_t read_header(rtvi_bytes *in, const rtvi_exchange *exchange, uint64_t *dim, uint64_t *count, rtv_error *error) {
    uint64_t metric;
    *dim = rtvi_bytes_u32(in);
    *count = rtvi_bytes_u64(in);
    rtvi_bytes_take(in, 17); /* two dummies, is_trained */
    metric = rtvi_bytes_u32(in);
    if (in->failed) return cut_off(exchange, error);
    if (metric != INNER_PRODUCT)
        return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, (int64_t)in->pos - 4,
                                 "vectors: faiss: got metric %llu, expected inner products (0)", (unsigned long long)metric);
    return RTV_OK;
}

static int32_t read_flat(rtvi_bytes *in, rtvi_exchange *exchange, rtv_error *error) {
    uint64_t dim, count, floats, expected;
    int32_t status = read_header(in, exchange, &dim, &count, error);
    if (status != RTV_OK) return status;
    floats = rtvi_bytes_u64(in);
    if (in->failed) return cut_off(exchange, error);
    if (__builtin_mul_overflow(dim, count, &expected) || floats != expected)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)in->pos - 8,
                                 "vectors: faiss: got %llu floats, expected %llu vectors of %llu", (unsigned long long)floats,
                                 (unsigned long long)count, (unsigned long long)dim);
    status = rtvi_exchange_set_matrix(exchange, RTVI_F32, in->pos, count, dim, dim, error);
    if (status == RTV_OK) rtvi_bytes_take(in, (size_t)floats * 4);
    return status;
}

static int32_t read_ids(rtvi_bytes *in, rtvi_exchange *exchange, rtv_error *error) {
    const uint64_t count = (uint64_t)exchange->matrix.dims[0], have = rtvi_bytes_u64(in);
    if (!in->failed && have != count)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)in->pos - 8, "vectors: faiss: got %llu ids, expected %llu",
                                 (unsigned long long)have, (unsigned long long)count);
    exchange->ids = in->failed ? NULL : rtvi_bytes_take(in, (size_t)count * 8);
    return in->failed ? cut_off(exchange, error) : RTV_OK;
}

int32_t rtvi_exchange_read_faiss(rtvi_exchange *exchange, rtv_error *error) {
    rtvi_bytes in = rtvi_bytes_over(exchange->source.data, exchange->source.size);
    const char *what = (const char *)rtvi_bytes_take(&in, 4);
    const int has_ids = what && (memcmp(what, "IxMp", 4) == 0 || memcmp(what, "IxM2", 4) == 0);
    uint64_t dim, count;
    int32_t status = what ? RTV_OK : cut_off(exchange, error);
    if (status == RTV_OK && has_ids) status = read_header(&in, exchange, &dim, &count, error);
    if (status == RTV_OK && has_ids) what = (const char *)rtvi_bytes_take(&in, 4);
    if (status != RTV_OK) return status;
    if (!what) return cut_off(exchange, error);
    if (memcmp(what, "IxFI", 4) != 0) return unknown(what, error);
    status = read_flat(&in, exchange, error);
    if (status == RTV_OK && has_ids) status = read_ids(&in, exchange, error);
    if (status == RTV_OK && rtvi_bytes_left(&in) != 0)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)in.pos, "vectors: faiss: got %zu bytes behind the index",
                                 rtvi_bytes_left(&in));
    return status;
}

static uint8_t *put(uint8_t *at, uint64_t value, size_t size) {
    rtvi_store_le(at, value, size);
    return at + size;
}

static uint8_t *put_header(uint8_t *at, const char what[4], int64_t count, int64_t dim) {
    memcpy(at, what, 4);
    at = put(at + 4, (uint64_t)dim, 4);
    at = put(at, (uint64_t)count, 8);
    at = put(at, 1 << 20, 8);
    at = put(at, 1 << 20, 8);
    at = put(at, 1, 1);
    return put(at, INNER_PRODUCT, 4);
}

size_t rtvi_exchange_faiss_header(uint8_t *bytes, int64_t count, int64_t dim, int with_ids) {
    uint8_t *at = bytes;
    if (with_ids) at = put_header(at, "IxMp", count, dim);
    at = put_header(at, "IxFI", count, dim);
    return (size_t)(put(at, (uint64_t)count * (uint64_t)dim, 8) - bytes);
}
