/* flat.c - the flat index: its states, its names, and questions about its items. */
#include "index/flat.h"

#include <math.h>
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_state.h"
#include "kernels/kernels_dot.h"

int32_t rtvi_flat_create_with(const rtvi_env *env, int32_t dim, int32_t storage, int32_t normalize, rtvi_flat **out, rtv_error *error) {
    rtvi_flat *flat;
    int32_t status;
    if (dim < 1 || dim > RTVI_FORMAT_MAX_DIM)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: dim: got %d, expected 1 to %d", (int)dim, RTVI_FORMAT_MAX_DIM);
    if (storage < RTV_STORAGE_FLOAT32 || storage > RTV_STORAGE_INT8)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: storage: got %d, expected RTV_STORAGE_FLOAT32, _FLOAT16 or _INT8",
                              (int)storage);
    if (normalize < 0 || normalize > 1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: normalize: got %d, expected 0 or 1", (int)normalize);
    flat = rtvi_alloc_zero(env, 1, sizeof *flat);
    if (!flat) return rtvi_error_out_of_memory(error, "index", sizeof *flat);
    status = rtvi_snapshot_create(env, (size_t)dim, storage, NULL, 0, &flat->current, error);
    if (status != RTV_OK) {
        rtvi_free(env, flat);
        return status;
    }
    flat->env = env;
    flat->dim = dim;
    flat->header = (rtvi_header){dim, storage, normalize, 0};
    flat->io = &rtvi_io_system;
    flat->block_bytes = RTVI_FLAT_BLOCK_BYTES;
    flat->largest_id = -1;
    flat->format = RTVI_FORMAT_VERSION;
    rtvi_meta_init(&flat->meta);
    pthread_mutex_init(&flat->writer, NULL);
    pthread_mutex_init(&flat->lock, NULL);
    pthread_mutex_init(&flat->pool_lock, NULL);
    *out = flat;
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_create(const rtvi_env *env, int32_t dim, rtvi_flat **flat, rtv_error *error) {
    return rtvi_flat_create_with(env, dim, RTV_STORAGE_FLOAT32, 0, flat, error);
}

void rtvi_flat_destroy(rtvi_flat *flat) {
    if (!flat) return;
    rtvi_flat_work_destroy(flat);
    rtvi_snapshot_release(flat->current);
    rtvi_meta_destroy(flat->env, &flat->meta);
    rtvi_reduction_destroy(flat->reduction);
    rtvi_store_close(flat->store);
    pthread_mutex_destroy(&flat->pool_lock);
    pthread_mutex_destroy(&flat->lock);
    pthread_mutex_destroy(&flat->writer);
    rtvi_free(flat->env, flat);
}

void rtvi_flat_use_team(rtvi_flat *flat, rtvi_team *team) { flat->team = team; }
void rtvi_flat_set_block_bytes(rtvi_flat *flat, size_t block_bytes) { flat->block_bytes = block_bytes; }

void rtvi_flat_set_model(rtvi_flat *flat, const char *fingerprint, const char *model_name) {
    rtvi_quoted quoted; /* what goes into the file has to be clean text */
    rtvi_copy_clipped(flat->meta.fingerprint, sizeof flat->meta.fingerprint, rtvi_error_quote_string(&quoted, fingerprint));
    rtvi_copy_clipped(flat->meta.model_name, sizeof flat->meta.model_name, rtvi_error_quote_string(&quoted, model_name));
}

/* ---- states ---- */

rtvi_snapshot *rtvi_flat_take(rtvi_flat *flat) {
    rtvi_snapshot *snapshot;
    pthread_mutex_lock(&flat->lock);
    snapshot = flat->current;
    atomic_fetch_add(&snapshot->references, 1);
    pthread_mutex_unlock(&flat->lock);
    return snapshot;
}

int32_t rtvi_flat_draft(rtvi_flat *flat, rtvi_snapshot **draft, rtv_error *error) {
    const rtvi_snapshot *now = flat->current;
    return rtvi_snapshot_create(flat->env, now->rows.dim, now->rows.storage, now, now->rows.num_chunks, draft, error);
}

void rtvi_flat_show(rtvi_flat *flat, rtvi_snapshot *draft, int64_t largest_id, size_t added) {
    rtvi_snapshot *old;
    rtvi_snapshot_finish(draft);
    pthread_mutex_lock(&flat->lock);
    old = flat->current;
    flat->current = draft;
    flat->largest_id = largest_id;
    flat->uncommitted += (int64_t)added;
    pthread_mutex_unlock(&flat->lock);
    rtvi_snapshot_release(old);
}

const rtvi_rows *rtvi_flat_rows_take(rtvi_flat *flat) { return &rtvi_flat_take(flat)->rows; }

static rtvi_snapshot *snapshot_of(const rtvi_rows *rows) { return (rtvi_snapshot *)(uintptr_t)rows; } /* its first member */

void rtvi_flat_rows_give(rtvi_flat *flat, const rtvi_rows *rows) {
    (void)flat;
    rtvi_snapshot_release(snapshot_of(rows));
}

int rtvi_flat_rows_find(rtvi_flat *flat, const rtvi_rows *rows, int64_t id, size_t *row) {
    size_t chunk;
    (void)flat;
    if (!rtvi_snapshot_find_id(snapshot_of(rows), id, &chunk, row)) return 0;
    *row += rows->chunks[chunk].first_row;
    return 1;
}

int32_t rtvi_flat_view(rtvi_flat *flat, rtvi_flat **out, rtv_error *error) {
    rtvi_flat *view;
    int ok = 1;
    int32_t status = rtvi_flat_create_with(flat->env, flat->dim, flat->header.storage, flat->header.normalize, &view, error);
    if (status != RTV_OK) return status;
    rtvi_snapshot_release(view->current);
    pthread_mutex_lock(&flat->lock);
    view->current = flat->current;
    atomic_fetch_add(&view->current->references, 1);
    memcpy(view->meta.fingerprint, flat->meta.fingerprint, sizeof view->meta.fingerprint);
    memcpy(view->meta.model_name, flat->meta.model_name, sizeof view->meta.model_name);
    for (size_t kind = 0; kind < 2; kind++) ok = ok && rtvi_strings_append(flat->env, &view->meta.names[kind], &flat->meta.names[kind]);
    pthread_mutex_unlock(&flat->lock);
    view->team = flat->team;
    if (ok) {
        *out = view;
        return RTV_OK;
    }
    rtvi_flat_destroy(view);
    return rtvi_error_out_of_memory(error, "index", 0);
}

/* ---- checks ---- */

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

static int32_t check_names(const char *const *names, size_t count, size_t *bytes, rtv_error *error) {
    *bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const size_t length = names[i] ? strlen(names[i]) : 0, at = length ? rtvi_strings_check_text(names[i], length) : 0;
        rtvi_quoted quoted;
        if (at < length)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                                  "index: name of class %zu: got \"%s\" with byte 0x%02x at %zu, expected UTF-8 without control characters",
                                  i, rtvi_error_quote(&quoted, names[i], length), (unsigned char)names[i][at], at);
        if (!rtvi_add(*bytes, length, bytes)) return rtvi_error_out_of_memory(error, "index", 0);
    }
    return RTV_OK;
}

static int32_t check_kind(int32_t kind, rtv_error *error) {
    if (kind == RTV_CLASSES_LABEL || kind == RTV_CLASSES_PREDICTED) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: kind of class names: got %d, expected RTV_CLASSES_LABEL or _PREDICTED",
                          (int)kind);
}

/* ---- vectors as they are given ---- */

int32_t rtvi_flat_take_in(const rtvi_flat *flat, rtvi_team *team, const float *vectors, size_t count, const char *what, const float **kept,
                          float **owned, rtv_error *error) {
    const size_t kept_dim = (size_t)flat->dim;
    int32_t status;
    *kept = vectors;
    *owned = NULL;
    if (!flat->reduction || count == 0) return RTV_OK;
    *owned = rtvi_alloc(flat->env, count, kept_dim * sizeof **owned);
    if (!*owned) return rtvi_error_out_of_memory(error, "index", count * kept_dim * sizeof **owned);
    *kept = *owned;
    status = rtvi_reduction_apply(flat->reduction, team, vectors, count, what, *owned, error);
    if (status == RTV_OK) return RTV_OK;
    rtvi_free(flat->env, *owned);
    *owned = NULL;
    return status;
}

/* ---- names ---- */

/* Only changes write the names, each under both locks. */
static void begin_meta(rtvi_flat *flat) {
    pthread_mutex_lock(&flat->writer);
    pthread_mutex_lock(&flat->lock);
    flat->dirty = flat->meta_dirty = 1;
}

static void end_meta(rtvi_flat *flat) {
    pthread_mutex_unlock(&flat->lock);
    pthread_mutex_unlock(&flat->writer);
}

int32_t rtvi_flat_set_class_names(rtvi_flat *flat, int32_t kind, const char *const *names, int64_t count, rtv_error *error) {
    rtvi_strings fresh, old;
    size_t bytes;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    if (count < 0 || count > INT32_MAX || (count > 0 && !names))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: class names: got %s %lld, expected 0 to %d names",
                              names ? "count" : "NULL, count", (long long)count, INT32_MAX);
    status = check_names(names, (size_t)count, &bytes, error);
    if (status != RTV_OK) return status;
    memset(&fresh, 0, sizeof fresh);
    if (!rtvi_strings_reserve(flat->env, &fresh, (size_t)count, bytes)) {
        rtvi_strings_destroy(flat->env, &fresh);
        return rtvi_error_out_of_memory(error, "index", bytes);
    }
    for (size_t i = 0; i < (size_t)count; i++) rtvi_strings_push(&fresh, names[i], names[i] ? strlen(names[i]) : 0);
    begin_meta(flat);
    old = flat->meta.names[kind - 1];
    flat->meta.names[kind - 1] = fresh;
    end_meta(flat);
    rtvi_strings_destroy(flat->env, &old);
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_class_name(rtvi_flat *flat, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                             rtv_error *error) {
    const rtvi_strings *names;
    const char *text = "";
    size_t length = 0;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    pthread_mutex_lock(&flat->lock);
    names = &flat->meta.names[kind - 1];
    if (class_id >= 0 && (size_t)class_id < names->count) text = rtvi_strings_at(names, (size_t)class_id, &length);
    if (length > 0)
        status = rtvi_strings_copy_out(text, length, name, capacity, size_bytes, error);
    else
        status = rtvi_error_set(error, RTV_E_NOT_FOUND, "index: class %d: has no name, expected one of the %zu names", (int)class_id,
                                names->count);
    pthread_mutex_unlock(&flat->lock);
    return status;
}

int32_t rtvi_flat_class_id(rtvi_flat *flat, int32_t kind, const char *name, int32_t *class_id, rtv_error *error) {
    const size_t length = strlen(name);
    size_t at, count;
    rtvi_quoted quoted;
    int32_t status = check_kind(kind, error);
    if (status != RTV_OK) return status;
    pthread_mutex_lock(&flat->lock);
    count = flat->meta.names[kind - 1].count;
    at = length > 0 ? rtvi_strings_find(&flat->meta.names[kind - 1], name, length) : count;
    pthread_mutex_unlock(&flat->lock);
    if (at == count)
        return rtvi_error_set(error, RTV_E_NOT_FOUND, "index: class \"%s\": is none of the %zu named classes",
                              rtvi_error_quote(&quoted, name, length), count);
    *class_id = (int32_t)at;
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_set_min_score(rtvi_flat *flat, float min_score, rtv_error *error) {
    if (isnan(min_score)) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: min_score: got NaN, expected a number");
    begin_meta(flat);
    flat->meta.min_score = min_score;
    end_meta(flat);
    return rtvi_error_clear(error);
}

/* ---- items ---- */

static int32_t not_found(int64_t id, rtv_error *error) {
    return rtvi_error_set(error, RTV_E_NOT_FOUND, "index: id %lld: is not in the index", (long long)id);
}

int32_t rtvi_flat_key(rtvi_flat *flat, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    rtvi_snapshot *snapshot = rtvi_flat_take(flat);
    size_t chunk, row;
    int32_t status;
    if (rtvi_snapshot_find_id(snapshot, id, &chunk, &row)) {
        const rtv_bytes text = rtvi_segment_key(snapshot->pieces[chunk].segment, row);
        status = rtvi_strings_copy_out(text.data, (size_t)text.size_bytes, key, capacity, size_bytes, error);
    } else {
        status = not_found(id, error);
    }
    rtvi_snapshot_release(snapshot);
    return status;
}

static int32_t copy_payload(rtv_bytes from, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    if (size_bytes) *size_bytes = from.size_bytes;
    if (capacity < from.size_bytes)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "index: buffer: got %llu bytes, expected at least %llu",
                              (unsigned long long)capacity, (unsigned long long)from.size_bytes);
    if (from.size_bytes) memcpy(payload, from.data, (size_t)from.size_bytes);
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_payload(rtvi_flat *flat, int64_t id, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    rtvi_snapshot *snapshot = rtvi_flat_take(flat);
    size_t chunk, row;
    int32_t status;
    if (rtvi_snapshot_find_id(snapshot, id, &chunk, &row))
        status = copy_payload(rtvi_segment_payload(snapshot->pieces[chunk].segment, row), payload, capacity, size_bytes, error);
    else
        status = not_found(id, error);
    rtvi_snapshot_release(snapshot);
    return status;
}

int32_t rtvi_flat_find(rtvi_flat *flat, const char *key, int64_t *id, rtv_error *error) {
    const rtv_bytes text = {key, strlen(key)};
    rtvi_snapshot *snapshot = rtvi_flat_take(flat);
    size_t chunk, row;
    const int found = text.size_bytes > 0 && rtvi_snapshot_find_key(snapshot, text, &chunk, &row);
    rtvi_quoted quoted;
    if (found) *id = snapshot->chunks[chunk].ids[row];
    rtvi_snapshot_release(snapshot);
    if (found) return rtvi_error_clear(error);
    return rtvi_error_set(error, RTV_E_NOT_FOUND, "index: key \"%s\": is not in the index", rtvi_error_quote_string(&quoted, key));
}

int32_t rtvi_flat_vectors(rtvi_flat *flat, const int64_t *ids, int64_t count, float *vectors, rtv_error *error) {
    rtvi_snapshot *snapshot;
    int32_t status = RTV_OK;
    if (count < 0) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
    snapshot = rtvi_flat_take(flat);
    for (int64_t i = 0; i < count && status == RTV_OK; i++) {
        size_t row;
        if (!rtvi_flat_rows_find(flat, &snapshot->rows, ids[i], &row)) status = not_found(ids[i], error);
        if (status == RTV_OK) rtvi_score_vector(&snapshot->rows, row, vectors + i * flat->dim);
    }
    rtvi_snapshot_release(snapshot);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_flat_ids(rtvi_flat *flat, int64_t *ids, int64_t capacity, int64_t *count, rtv_error *error) {
    rtvi_snapshot *snapshot = rtvi_flat_take(flat);
    rtvi_cursor cursor = {snapshot, 0, snapshot->rows.num_chunks, 0};
    const int64_t have = (int64_t)snapshot->rows.num_live;
    size_t at = 0;
    rtvi_run run;
    *count = have;
    for (; have <= capacity && rtvi_cursor_next(&cursor, SIZE_MAX, &run); at += run.count)
        memcpy(ids + at, run.chunk->ids + run.first, run.count * sizeof *ids);
    rtvi_snapshot_release(snapshot);
    if (have <= capacity) return rtvi_error_clear(error);
    return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "index: ids: got room for %lld, expected at least %lld", (long long)capacity,
                          (long long)have);
}

/* scratch[dim] is for vectors that are not kept as floats. */
static int visit_run(const rtvi_snapshot *snapshot, const rtvi_run *run, float *scratch, rtv_visit_fn visit, void *user) {
    for (size_t row = run->first; row < run->first + run->count; row++) {
        const rtv_bytes key = rtvi_segment_key(run->segment, row);
        const rtv_item item = {(uint32_t)sizeof item,
                               run->chunk->classes[row],
                               run->chunk->predicted[row],
                               0,
                               run->chunk->ids[row],
                               key.data,
                               key.size_bytes,
                               rtvi_segment_payload(run->segment, row),
                               scratch};
        rtvi_score_vector(&snapshot->rows, run->chunk->first_row + row, scratch);
        if (visit(user, &item) != 0) return 0;
    }
    return 1;
}

int32_t rtvi_flat_visit(rtvi_flat *flat, rtv_visit_fn visit, void *user, rtv_error *error) {
    float *scratch = rtvi_alloc(flat->env, (size_t)flat->dim, sizeof *scratch);
    rtvi_snapshot *snapshot;
    rtvi_cursor cursor;
    rtvi_run run;
    int goes_on = 1;
    if (!scratch) return rtvi_error_out_of_memory(error, "index", (size_t)flat->dim * sizeof *scratch);
    snapshot = rtvi_flat_take(flat);
    cursor = (rtvi_cursor){snapshot, 0, snapshot->rows.num_chunks, 0};
    while (goes_on && rtvi_cursor_next(&cursor, SIZE_MAX, &run)) goes_on = visit_run(snapshot, &run, scratch, visit, user);
    rtvi_snapshot_release(snapshot);
    rtvi_free(flat->env, scratch);
    if (goes_on) return rtvi_error_clear(error);
    return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the visitor");
}

/* ---- about the whole ---- */

static int has_any(const rtvi_snapshot *snapshot, int is_predicted) {
    rtvi_cursor cursor = {snapshot, 0, snapshot->rows.num_chunks, 0};
    rtvi_run run;
    while (rtvi_cursor_next(&cursor, SIZE_MAX, &run)) {
        const int32_t *classes = is_predicted ? run.chunk->predicted : run.chunk->classes;
        for (size_t i = run.first; i < run.first + run.count; i++)
            if (classes[i] >= 0) return 1;
    }
    return 0;
}

static size_t memory_bytes(rtvi_flat *flat, const rtvi_snapshot *snapshot) {
    size_t sum = sizeof *flat + sizeof *snapshot + snapshot->capacity * (sizeof *snapshot->chunks + sizeof *snapshot->pieces);
    if (flat->reduction) sum += sizeof *flat->reduction + rtvi_reduction_array_bytes(flat->reduction);
    for (size_t i = 0; i < snapshot->rows.num_chunks; i++) {
        sum += rtvi_segment_memory(snapshot->pieces[i].segment);
        if (snapshot->pieces[i].removed) sum += sizeof(rtvi_bits) + snapshot->pieces[i].removed->num_words * sizeof(uint64_t);
    }
    pthread_mutex_lock(&flat->pool_lock);
    sum += flat->pool_bytes + flat->pool_count * sizeof(rtvi_flat_work);
    pthread_mutex_unlock(&flat->pool_lock);
    return sum;
}

void rtvi_flat_info(rtvi_flat *flat, rtv_index_info *info) {
    rtvi_snapshot *snapshot;
    memset(info, 0, sizeof *info);
    info->struct_size = (uint32_t)sizeof *info;
    pthread_mutex_lock(&flat->lock);
    snapshot = flat->current;
    atomic_fetch_add(&snapshot->references, 1);
    info->memory_bytes = (int64_t)(rtvi_strings_memory(&flat->meta.names[0]) + rtvi_strings_memory(&flat->meta.names[1]));
    info->num_classes = (int64_t)flat->meta.names[0].count;
    info->num_predicted = (int64_t)flat->meta.names[1].count;
    info->format = flat->format;
    info->commits = (int64_t)flat->commits;
    info->file_bytes = (int64_t)flat->file_bytes;
    info->min_score = flat->meta.min_score;
    info->writable = flat->store != NULL;
    info->uncommitted = flat->uncommitted;
    memcpy(info->fingerprint, flat->meta.fingerprint, sizeof flat->meta.fingerprint);
    memcpy(info->model_name, flat->meta.model_name, sizeof flat->meta.model_name);
    pthread_mutex_unlock(&flat->lock);
    info->dim = (int32_t)rtvi_flat_given_dim(flat);
    info->kept_dim = flat->dim;
    info->storage = flat->header.storage;
    info->normalize = flat->header.normalize;
    info->count = (int64_t)snapshot->rows.num_live;
    info->num_removed = (int64_t)(snapshot->rows.num_rows - snapshot->rows.num_live);
    info->num_segments = (int64_t)snapshot->rows.num_chunks;
    info->memory_bytes += (int64_t)memory_bytes(flat, snapshot);
    info->has_classes = has_any(snapshot, 0);
    info->has_predicted = has_any(snapshot, 1);
    if (info->file_bytes > 0) info->reclaim_bytes = (int64_t)rtvi_flat_waste(flat, snapshot, (uint64_t)info->file_bytes);
    rtvi_snapshot_release(snapshot);
}
