/* exchange_read.c - tells files of vectors by their first bytes, reads rows of them, and adds them to an index. */
#include <string.h>

#include "base/base_bytes.h"
#include "exchange/exchange.h"

#define BLOCK_FLOATS ((size_t)4 << 20)

static int ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), wanted = strlen(end);
    return length >= wanted && strcmp(name + length - wanted, end) == 0;
}

static int32_t kind_of(const rtvi_source *source, const char *name) {
    const uint8_t *data = source->data;
    if (source->size >= 6 && memcmp(data, "\x93NUMPY", 6) == 0) return RTV_VECTORS_NPY;
    if (ends_with(name, ".fvecs")) return RTV_VECTORS_FVECS;
    if (ends_with(name, ".ivecs")) return RTV_VECTORS_IVECS;
    if (source->size >= 4 && memcmp(data, "PK\3\4", 4) == 0) return RTV_VECTORS_CGD;
    if (source->size >= 2 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5) return RTV_VECTORS_CGD;
    if (source->size >= 2 && memcmp(data, "Ix", 2) == 0) return RTV_VECTORS_FAISS;
    return 0;
}

int32_t rtvi_exchange_set_matrix(rtvi_exchange *exchange, rtvi_dtype dtype, uint64_t offset, uint64_t count, uint64_t dim, uint64_t stride,
                                 rtv_error *error) {
    const uint64_t element = rtvi_dtype_size(dtype);
    uint64_t size;
    if (dim < 1 || dim > 65536)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offset, "vectors: dim: got %llu, expected 1 to 65536",
                                 (unsigned long long)dim);
    if (__builtin_mul_overflow(count, stride * element, &size) || offset > exchange->source.size ||
        size > exchange->source.size - offset + (stride - dim) * element)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)exchange->source.size,
                                 "vectors: file: got %zu bytes, expected %llu vectors of %llu values: it is cut off", exchange->source.size,
                                 (unsigned long long)count, (unsigned long long)dim);
    exchange->matrix = (rtvi_tensor){.dtype = dtype,
                                     .rank = 2,
                                     .dims = {(int64_t)count, (int64_t)dim},
                                     .strides = {(int64_t)stride, 1},
                                     .data = exchange->source.data + offset};
    return RTV_OK;
}

int32_t rtvi_exchange_open(rtvi_source *source, const char *name, rtvi_exchange *exchange, rtv_error *error) {
    memset(exchange, 0, sizeof *exchange);
    exchange->env = source->env;
    exchange->source = *source;
    memset(source, 0, sizeof *source);
    exchange->kind = kind_of(&exchange->source, name);
    switch (exchange->kind) {
        case RTV_VECTORS_NPY:
            return rtvi_exchange_read_npy(exchange, error);
        case RTV_VECTORS_FVECS:
        case RTV_VECTORS_IVECS:
            return rtvi_exchange_read_vecs(exchange, error);
        case RTV_VECTORS_FAISS:
            return rtvi_exchange_read_faiss(exchange, error);
        case RTV_VECTORS_CGD:
            return rtvi_exchange_read_cgd(exchange, error);
        default:
            return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 0,
                                     "vectors: file: is none of .npy, .fvecs, .ivecs, a flat faiss index, a CGD feature database");
    }
}

void rtvi_exchange_close(rtvi_exchange *exchange) {
    rtvi_weights_close(exchange->weights);
    rtvi_source_close(&exchange->source);
    memset(exchange, 0, sizeof *exchange);
}

int32_t rtvi_exchange_read(const rtvi_exchange *exchange, int64_t first, int64_t count, float *values, int64_t *ids, int32_t *classes,
                           rtv_error *error) {
    const rtvi_tensor *matrix = &exchange->matrix;
    rtvi_tensor rows = *matrix;
    if (first < 0 || count < 0 || first > matrix->dims[0] || count > matrix->dims[0] - first)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "vectors: rows: got %lld from %lld on, expected some of %lld",
                              (long long)count, (long long)first, (long long)matrix->dims[0]);
    if (ids && !exchange->ids) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "vectors: ids: the file has none");
    rows.dims[0] = count;
    rows.data = (const uint8_t *)matrix->data + (uint64_t)first * (uint64_t)matrix->strides[0] * rtvi_dtype_size(matrix->dtype);
    if (values && count > 0) rtvi_tensor_to_f32(&rows, values);
    for (int64_t i = 0; ids && i < count; i++) ids[i] = (int64_t)rtvi_load_le(exchange->ids + 8 * (first + i), 8);
    for (int64_t i = 0; classes && i < count; i++) {
        const int64_t number = exchange->classes ? exchange->classes->numbers[first + i] : -1;
        classes[i] = number >= 0 && number <= INT32_MAX ? (int32_t)number : -1;
    }
    return rtvi_error_clear(error);
}

int32_t rtvi_exchange_key(const rtvi_exchange *exchange, int64_t i, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    const rtvi_weights_text *text;
    if (!exchange->keys) return rtvi_error_set(error, RTV_E_NOT_FOUND, "vectors: keys: the file has none");
    if (i < 0 || i >= exchange->matrix.dims[0])
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "vectors: key: got %lld, expected one of %lld", (long long)i,
                              (long long)exchange->matrix.dims[0]);
    text = &exchange->keys->texts[i];
    if (size_bytes) *size_bytes = text->size + 1;
    if (capacity < text->size + 1)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "vectors: buffer: got %llu bytes, expected at least %zu",
                              (unsigned long long)capacity, text->size + 1);
    memcpy(key, text->text, text->size);
    key[text->size] = 0;
    return rtvi_error_clear(error);
}

/* ---- into an index ---- */

typedef struct block {
    size_t rows;
    float *vectors;
    int64_t *ids;
    int32_t *classes;
    char **keys;
} block;

static void free_keys(const rtvi_env *env, block *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        rtvi_free(env, b->keys[i]);
        b->keys[i] = NULL;
    }
}

static int32_t add_block(const rtvi_exchange *exchange, rtvi_flat *flat, block *b, int64_t first, size_t count, const int64_t *ids,
                         const int32_t *classes, rtv_error *error) {
    rtv_items items = {.struct_size = sizeof items, .vectors = b->vectors, .ids = ids ? ids + first : exchange->ids ? b->ids : NULL};
    int32_t status =
        rtvi_exchange_read(exchange, first, (int64_t)count, b->vectors, !ids && exchange->ids ? b->ids : NULL, b->classes, error);
    items.classes = classes ? classes + first : b->classes;
    for (size_t i = 0; exchange->keys && i < count && status == RTV_OK; i++) {
        const rtvi_weights_text *text = &exchange->keys->texts[(size_t)first + i];
        b->keys[i] = rtvi_copy_string(exchange->env, text->text, text->size);
        if (!b->keys[i]) status = rtvi_error_out_of_memory(error, "vectors", text->size);
    }
    if (exchange->keys) items.keys = (const char *const *)b->keys;
    if (status == RTV_OK) status = rtvi_flat_add(flat, &items, (int64_t)count, error);
    free_keys(exchange->env, b, count);
    return status;
}

int32_t rtvi_exchange_import(const rtvi_exchange *exchange, rtvi_flat *flat, const int64_t *ids, const int32_t *classes, rtv_error *error) {
    const rtvi_env *env = exchange->env;
    const int64_t total = exchange->matrix.dims[0], dim = exchange->matrix.dims[1];
    block b = {.rows = BLOCK_FLOATS / (size_t)dim};
    rtv_index_info info;
    int32_t status = RTV_OK;
    rtvi_flat_info(flat, &info);
    if (dim != info.dim)
        return rtvi_error_set(error, RTV_E_MISMATCH, "vectors: got %lld dimensions, expected the index's %d", (long long)dim,
                              (int)info.dim);
    if ((int64_t)b.rows > total) b.rows = (size_t)total;
    b.vectors = rtvi_alloc(env, b.rows, (size_t)dim * sizeof *b.vectors);
    b.ids = rtvi_alloc(env, b.rows, sizeof *b.ids);
    b.classes = rtvi_alloc(env, b.rows, sizeof *b.classes);
    b.keys = rtvi_alloc_zero(env, b.rows, sizeof *b.keys);
    if (!b.vectors || !b.ids || !b.classes || !b.keys) status = rtvi_error_out_of_memory(error, "vectors", b.rows * (size_t)dim * 4);
    for (int64_t first = 0; first < total && status == RTV_OK; first += (int64_t)b.rows) {
        const size_t count = (int64_t)b.rows < total - first ? b.rows : (size_t)(total - first);
        status = add_block(exchange, flat, &b, first, count, ids, classes, error);
    }
    rtvi_free(env, b.vectors);
    rtvi_free(env, b.ids);
    rtvi_free(env, b.classes);
    rtvi_free(env, b.keys);
    return status;
}
