/* exchange_write.c - the vectors of an index in the files of others. */
#include <string.h>

#include "base/base_bytes.h"
#include "exchange/exchange.h"

#define BUFFER_SIZE ((size_t)256 << 10)

typedef struct writing {
    const rtvi_env *env;
    rtvi_writer *writer;
    rtv_error *error;
    int32_t status, kind;
    int64_t dim;
    uint8_t *buffer; /* [BUFFER_SIZE] */
    size_t buffered;
    uint8_t *ids; /* [count] little-endian int64 */
    size_t count, capacity;
} writing;

static void put(writing *w, const void *data, size_t size) {
    if (w->status == RTV_OK && size > BUFFER_SIZE - w->buffered) {
        w->status = rtvi_writer_write(w->writer, w->buffer, w->buffered, w->error);
        w->buffered = 0;
    }
    if (w->status != RTV_OK) return;
    if (size > BUFFER_SIZE) {
        w->status = rtvi_writer_write(w->writer, data, size, w->error);
        return;
    }
    memcpy(w->buffer + w->buffered, data, size);
    w->buffered += size;
}

static int32_t put_item(void *user, const rtv_item *item) {
    writing *w = user;
    uint8_t number[8];
    rtvi_store_le(number, (uint64_t)w->dim, 4);
    if (w->kind == RTV_VECTORS_FVECS) put(w, number, 4);
    put(w, item->vector, (size_t)w->dim * sizeof(float));
    if (w->status == RTV_OK && !rtvi_grow(w->env, (void **)&w->ids, &w->capacity, w->count, w->count + 1, 8))
        w->status = rtvi_error_out_of_memory(w->error, "vectors", w->count * 8);
    if (w->status != RTV_OK) return 1;
    rtvi_store_le(w->ids + 8 * w->count++, (uint64_t)item->id, 8);
    return 0;
}

static size_t header(const writing *w, uint8_t *bytes, int with_ids) {
    if (w->kind == RTV_VECTORS_NPY) return rtvi_exchange_npy_header(bytes, (int64_t)w->count, w->dim);
    return w->kind == RTV_VECTORS_FAISS ? rtvi_exchange_faiss_header(bytes, (int64_t)w->count, w->dim, with_ids) : 0;
}

/* The number of vectors is known at the end: the header is written again then, as long as before. */
static void write_all(writing *w, rtvi_flat *flat, int with_ids) {
    uint8_t bytes[RTVI_EXCHANGE_HEADER], number[8];
    rtv_error stopped;
    put(w, bytes, header(w, bytes, with_ids));
    if (w->status == RTV_OK && rtvi_flat_visit(flat, put_item, w, &stopped) != RTV_OK && w->status == RTV_OK) {
        *w->error = stopped;
        w->status = stopped.status;
    }
    rtvi_store_le(number, w->count, 8);
    if (w->kind == RTV_VECTORS_FAISS && with_ids) {
        put(w, number, 8);
        if (w->count > 0) put(w, w->ids, w->count * 8);
    }
    if (w->status == RTV_OK) w->status = rtvi_writer_write(w->writer, w->buffer, w->buffered, w->error);
    if (w->status == RTV_OK) w->status = rtvi_writer_patch(w->writer, 0, bytes, header(w, bytes, with_ids), w->error);
}

static int32_t check_kind(int32_t kind, int32_t with_ids, rtv_error *error) {
    if (kind != RTV_VECTORS_NPY && kind != RTV_VECTORS_FVECS && kind != RTV_VECTORS_FAISS)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "vectors: kind: got %d, expected RTV_VECTORS_NPY, _FVECS or _FAISS",
                              (int)kind);
    if (with_ids && kind != RTV_VECTORS_FAISS)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "vectors: with_ids: got 1, expected 0 for all but RTV_VECTORS_FAISS");
    return RTV_OK;
}

int32_t rtvi_exchange_export(rtvi_flat *flat, const rtvi_env *env, const char *path, int32_t kind, int32_t with_ids, rtv_error *error) {
    writing w = {.env = env, .error = error, .kind = kind};
    rtv_index_info info;
    int32_t status = check_kind(kind, with_ids, error);
    if (status != RTV_OK) return status;
    rtvi_flat_info(flat, &info);
    w.dim = info.kept_dim;
    w.buffer = rtvi_alloc(env, BUFFER_SIZE, 1);
    if (!w.buffer) return rtvi_error_out_of_memory(error, "vectors", BUFFER_SIZE);
    w.status = rtvi_writer_open(env, "vectors", path, &w.writer, error);
    if (w.status == RTV_OK) write_all(&w, flat, with_ids);
    if (w.status == RTV_OK)
        w.status = rtvi_writer_commit(w.writer, error);
    else
        rtvi_writer_abort(w.writer);
    rtvi_free(env, w.buffer);
    rtvi_free(env, w.ids);
    return w.status == RTV_OK ? rtvi_error_clear(error) : w.status;
}
