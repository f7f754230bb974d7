/* flat.c - the flat index: its items and names. */
#include "index/flat.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "index/flat_codes.h"
#include "index/flat_state.h"
#include "kernels/kernels_dot.h"

static int init_lock(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    int failed;
    pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    /* Else a stream of searches keeps a change waiting for ever. */
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    failed = pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return !failed;
}

int32_t rtvi_flat_create(const rtvi_env *env, int32_t dim, rtvi_flat **out, rtv_error *error) {
    rtvi_flat *flat;
    if (dim < 1 || dim > RTVI_FLAT_MAX_DIM)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: dim: got %d, expected 1 to %d", (int)dim, RTVI_FLAT_MAX_DIM);
    flat = rtvi_alloc_zero(env, 1, sizeof *flat);
    if (!flat) return rtvi_error_out_of_memory(error, "index", sizeof *flat);
    flat->env = env;
    flat->dim = dim;
    flat->rows = (rtvi_rows){.dim = (size_t)dim, .storage = RTV_STORAGE_FLOAT32, .chunks = &flat->chunk};
    if (!init_lock(&flat->lock)) {
        rtvi_free(env, flat);
        return rtvi_error_out_of_memory(error, "index", 0);
    }
    pthread_mutex_init(&flat->pool_lock, NULL);
    *out = flat;
    return rtvi_error_clear(error);
}

void rtvi_flat_destroy(rtvi_flat *flat) {
    if (!flat) return;
    rtvi_flat_work_destroy(flat);
    rtvi_free(flat->env, flat->vectors);
    rtvi_free(flat->env, flat->codes);
    rtvi_free(flat->env, flat->classes);
    rtvi_free(flat->env, flat->predicted);
    rtvi_ids_destroy(flat->env, &flat->ids);
    rtvi_strings_destroy(flat->env, &flat->keys);
    rtvi_strings_destroy(flat->env, &flat->names[0]);
    rtvi_strings_destroy(flat->env, &flat->names[1]);
    pthread_mutex_destroy(&flat->pool_lock);
    pthread_rwlock_destroy(&flat->lock);
    rtvi_free(flat->env, flat);
}

void rtvi_flat_set_model(rtvi_flat *flat, const char *fingerprint, const char *model_name) {
    rtvi_quoted quoted; /* what goes into the file has to be clean text */
    pthread_rwlock_wrlock(&flat->lock);
    rtvi_copy_clipped(flat->fingerprint, sizeof flat->fingerprint, rtvi_error_quote_string(&quoted, fingerprint));
    rtvi_copy_clipped(flat->model_name, sizeof flat->model_name, rtvi_error_quote_string(&quoted, model_name));
    pthread_rwlock_unlock(&flat->lock);
}

const rtvi_rows *rtvi_flat_rows_take(rtvi_flat *flat) {
    pthread_rwlock_rdlock(&flat->lock);
    return &flat->rows;
}

void rtvi_flat_rows_give(rtvi_flat *flat, const rtvi_rows *rows) {
    (void)rows;
    pthread_rwlock_unlock(&flat->lock);
}

int rtvi_flat_rows_find(rtvi_flat *flat, const rtvi_rows *rows, int64_t id, size_t *row) {
    (void)rows;
    return rtvi_ids_find(&flat->ids, id, row);
}

void rtvi_flat_show_rows(rtvi_flat *flat) {
    const size_t count = flat->ids.count;
    flat->chunk = (rtvi_chunk){.num_rows = count,
                               .vectors = flat->vectors,
                               .codes = flat->codes,
                               .ids = flat->ids.ids,
                               .classes = flat->classes,
                               .predicted = flat->predicted};
    flat->rows.num_rows = flat->rows.num_live = count;
    flat->rows.num_chunks = count > 0;
}

int32_t rtvi_flat_check_vectors(const float *vectors, size_t count, size_t dim, const char *what, rtv_error *error) {
    for (size_t i = 0; i < count; i++) {
        size_t at = rtvi_dot_first_nonfinite(vectors + i * dim, dim);
        if (at < dim)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s %zu: got %f at position %zu, expected finite values", what, i,
                                  (double)vectors[i * dim + at], at);
    }
    return RTV_OK;
}

int32_t rtvi_flat_check_classes(const int32_t *classes, size_t count, const char *what, rtv_error *error) {
    for (size_t i = 0; i < count; i++)
        if (classes[i] < -1)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s of item %zu: got %d, expected at least 0, or -1 for none", what,
                                  i, (int)classes[i]);
    return RTV_OK;
}

/* Texts of the caller: their bytes in all. An element may be NULL. */
static int32_t check_texts(const char *const *texts, size_t count, const char *what, size_t *bytes, rtv_error *error) {
    *bytes = 0;
    for (size_t i = 0; texts && i < count; i++) {
        size_t length = texts[i] ? strlen(texts[i]) : 0, at = length ? rtvi_strings_check_text(texts[i], length) : 0;
        rtvi_quoted quoted;
        if (at < length)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                                  "index: %s %zu: got \"%s\" with byte 0x%02x at %zu, expected UTF-8 without control characters", what, i,
                                  rtvi_error_quote(&quoted, texts[i], length), (unsigned char)texts[i][at], at);
        if (!rtvi_add(*bytes, length, bytes)) return rtvi_error_out_of_memory(error, "index", 0);
    }
    return RTV_OK;
}

static void push_texts(rtvi_strings *strings, const char *const *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const char *text = texts && texts[i] ? texts[i] : "";
        rtvi_strings_push(strings, text, strlen(text));
    }
}

/* Room for everything but the ids. */
static int reserve_items(rtvi_flat *flat, size_t more, size_t key_bytes) {
    const rtvi_env *env = flat->env;
    const size_t have = flat->ids.count;
    size_t needed;
    return rtvi_add(have, more, &needed) &&
           rtvi_grow(env, (void **)&flat->vectors, &flat->vectors_capacity, have, needed, (size_t)flat->dim * sizeof *flat->vectors) &&
           rtvi_grow(env, (void **)&flat->codes, &flat->codes_capacity, have, needed, rtvi_codes_size((size_t)flat->dim)) &&
           rtvi_grow(env, (void **)&flat->classes, &flat->classes_capacity, have, needed, sizeof *flat->classes) &&
           rtvi_grow(env, (void **)&flat->predicted, &flat->predicted_capacity, have, needed, sizeof *flat->predicted) &&
           rtvi_strings_reserve(env, &flat->keys, more, key_bytes);
}

static void copy_classes(int32_t *to, const int32_t *from, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = from ? from[i] : -1;
}

static int32_t add_checked(rtvi_flat *flat, const rtv_items *items, size_t count, size_t key_bytes, rtv_error *error) {
    const size_t at = flat->ids.count, dim = (size_t)flat->dim;
    int32_t status;
    if (!reserve_items(flat, count, key_bytes)) return rtvi_error_out_of_memory(error, "index", 0);
    status = rtvi_ids_append(flat->env, &flat->ids, items->ids, count, error);
    if (status != RTV_OK) return status;
    memcpy(flat->vectors + at * dim, items->vectors, count * dim * sizeof(float));
    rtvi_codes_encode(flat->env->isa, items->vectors, count, dim, flat->codes + at * rtvi_codes_size(dim));
    copy_classes(flat->classes + at, items->classes, count);
    copy_classes(flat->predicted + at, items->predicted, count);
    push_texts(&flat->keys, items->keys, count);
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_add(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error) {
    const size_t n = (size_t)count;
    size_t key_bytes, floats;
    int32_t status;
    if (count < 0) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
    if (count == 0) return rtvi_error_clear(error);
    if (!items->vectors)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: vectors: got NULL, expected %lld of them", (long long)count);
    if (!rtvi_mul(n, (size_t)flat->dim * sizeof(float), &floats)) return rtvi_error_out_of_memory(error, "index", 0);
    /* What does not depend on the state is looked at before searches have to wait. */
    status = rtvi_flat_check_vectors(items->vectors, n, (size_t)flat->dim, "item", error);
    if (status == RTV_OK && items->classes) status = rtvi_flat_check_classes(items->classes, n, "class", error);
    if (status == RTV_OK && items->predicted) status = rtvi_flat_check_classes(items->predicted, n, "predicted class", error);
    if (status == RTV_OK) status = check_texts(items->keys, n, "key of item", &key_bytes, error);
    if (status != RTV_OK) return status;
    pthread_rwlock_wrlock(&flat->lock);
    status = add_checked(flat, items, n, key_bytes, error);
    rtvi_flat_show_rows(flat); /* also after a failure: the arrays may have moved */
    pthread_rwlock_unlock(&flat->lock);
    return status;
}

static int32_t check_kind(int32_t kind, rtv_error *error) {
    if (kind == RTV_CLASSES_LABEL || kind == RTV_CLASSES_PREDICTED) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: kind of class names: got %d, expected RTV_CLASSES_LABEL or _PREDICTED",
                          (int)kind);
}

int32_t rtvi_flat_set_class_names(rtvi_flat *flat, int32_t kind, const char *const *names, int64_t count, rtv_error *error) {
    rtvi_strings fresh, old;
    size_t bytes;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    if (count < 0 || count > INT32_MAX || (count > 0 && !names))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: class names: got %s %lld, expected 0 to %d names",
                              names ? "count" : "NULL, count", (long long)count, INT32_MAX);
    status = check_texts(names, (size_t)count, "name of class", &bytes, error);
    if (status != RTV_OK) return status;
    memset(&fresh, 0, sizeof fresh);
    if (!rtvi_strings_reserve(flat->env, &fresh, (size_t)count, bytes)) {
        rtvi_strings_destroy(flat->env, &fresh);
        return rtvi_error_out_of_memory(error, "index", bytes);
    }
    push_texts(&fresh, names, (size_t)count);
    pthread_rwlock_wrlock(&flat->lock);
    old = flat->names[kind - 1];
    flat->names[kind - 1] = fresh;
    pthread_rwlock_unlock(&flat->lock);
    rtvi_strings_destroy(flat->env, &old);
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_class_name(rtvi_flat *flat, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                             rtv_error *error) {
    const char *text = "";
    size_t length = 0;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    pthread_rwlock_rdlock(&flat->lock);
    if (class_id >= 0 && (size_t)class_id < flat->names[kind - 1].count)
        text = rtvi_strings_at(&flat->names[kind - 1], (size_t)class_id, &length);
    if (length > 0)
        status = rtvi_strings_copy_out(text, length, name, capacity, size_bytes, error);
    else
        status = rtvi_error_set(error, RTV_E_NOT_FOUND, "index: class %d: has no name, expected one of the %zu names", (int)class_id,
                                flat->names[kind - 1].count);
    pthread_rwlock_unlock(&flat->lock);
    return status;
}

int32_t rtvi_flat_class_id(rtvi_flat *flat, int32_t kind, const char *name, int32_t *class_id, rtv_error *error) {
    const size_t length = strlen(name);
    size_t at, count;
    rtvi_quoted quoted;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    pthread_rwlock_rdlock(&flat->lock);
    count = flat->names[kind - 1].count;
    at = length > 0 ? rtvi_strings_find(&flat->names[kind - 1], name, length) : count;
    pthread_rwlock_unlock(&flat->lock);
    if (at == count)
        return rtvi_error_set(error, RTV_E_NOT_FOUND, "index: class \"%s\": is none of the %zu named classes",
                              rtvi_error_quote(&quoted, name, length), count);
    *class_id = (int32_t)at;
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_key(rtvi_flat *flat, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    size_t row, length;
    int32_t status;
    pthread_rwlock_rdlock(&flat->lock);
    if (rtvi_ids_find(&flat->ids, id, &row)) {
        const char *text = rtvi_strings_at(&flat->keys, row, &length);
        status = rtvi_strings_copy_out(text, length, key, capacity, size_bytes, error);
    } else {
        status = rtvi_error_set(error, RTV_E_NOT_FOUND, "index: id %lld: is not in the index", (long long)id);
    }
    pthread_rwlock_unlock(&flat->lock);
    return status;
}

static int32_t has_any(const int32_t *classes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (classes[i] >= 0) return 1;
    }
    return 0;
}

static size_t memory_bytes(rtvi_flat *flat) {
    size_t sum = sizeof *flat + flat->vectors_capacity * (size_t)flat->dim * sizeof(float) +
                 flat->codes_capacity * rtvi_codes_size((size_t)flat->dim) + rtvi_ids_memory(&flat->ids) +
                 (flat->classes_capacity + flat->predicted_capacity) * sizeof(int32_t) + rtvi_strings_memory(&flat->keys) +
                 rtvi_strings_memory(&flat->names[0]) + rtvi_strings_memory(&flat->names[1]);
    pthread_mutex_lock(&flat->pool_lock);
    sum += flat->pool_bytes + flat->pool_count * sizeof(rtvi_flat_work);
    pthread_mutex_unlock(&flat->pool_lock);
    return sum;
}

void rtvi_flat_info(rtvi_flat *flat, rtv_index_info *info) {
    memset(info, 0, sizeof *info);
    info->struct_size = (uint32_t)sizeof *info;
    pthread_rwlock_rdlock(&flat->lock);
    info->dim = flat->dim;
    info->storage = RTV_STORAGE_FLOAT32;
    info->min_score = -INFINITY;
    info->count = (int64_t)flat->ids.count;
    info->memory_bytes = (int64_t)memory_bytes(flat);
    info->num_classes = (int64_t)flat->names[0].count;
    info->num_predicted = (int64_t)flat->names[1].count;
    info->has_classes = has_any(flat->classes, flat->ids.count);
    info->has_predicted = has_any(flat->predicted, flat->ids.count);
    memcpy(info->fingerprint, flat->fingerprint, sizeof flat->fingerprint);
    memcpy(info->model_name, flat->model_name, sizeof flat->model_name);
    pthread_rwlock_unlock(&flat->lock);
}
