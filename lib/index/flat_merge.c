/* flat_merge.c - the items of another index, a block at a time into one draft; where this index is reduced and the other is not, through
 * the reduction. */
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_state.h"

#define BLOCK_FLOATS ((size_t)1 << 20)

typedef struct merging {
    rtvi_flat *flat;
    const rtvi_snapshot *from;
    int32_t *maps[2]; /* [num_names[kind]] this index's number of each named class of the other; -1: it keeps its own */
    size_t num_names[2];
    rtvi_strings names[2]; /* this index's, with the new ones */
    int reduces;           /* 1: vectors go through the reduction */
    size_t block_rows, from_dim;
    float *from_vectors; /* [block_rows][from_dim] */
    int64_t *ids;        /* [block_rows], as what follows */
    int32_t *classes, *predicted;
    rtv_bytes *keys, *payloads;
    const rtvi_report *report; /* NULL for none */
} merging;

static void release(merging *m) {
    const rtvi_env *env = m->flat->env;
    for (size_t kind = 0; kind < 2; kind++) {
        rtvi_free(env, m->maps[kind]);
        rtvi_strings_destroy(env, &m->names[kind]);
    }
    rtvi_free(env, m->from_vectors);
    rtvi_free(env, m->ids);
    rtvi_free(env, m->classes);
    rtvi_free(env, m->predicted);
    rtvi_free(env, m->keys);
    rtvi_free(env, m->payloads);
}

static int allocate(merging *m) {
    const rtvi_env *env = m->flat->env;
    const size_t rows = m->block_rows;
    m->from_vectors = rtvi_alloc(env, rows, m->from_dim * sizeof *m->from_vectors);
    m->ids = rtvi_alloc(env, rows, sizeof *m->ids);
    m->classes = rtvi_alloc(env, rows, sizeof *m->classes);
    m->predicted = rtvi_alloc(env, rows, sizeof *m->predicted);
    m->keys = rtvi_alloc(env, rows, sizeof *m->keys);
    m->payloads = rtvi_alloc(env, rows, sizeof *m->payloads);
    return m->from_vectors && m->ids && m->classes && m->predicted && m->keys && m->payloads;
}

/* Both indexes' locks are held. */
static int map_names(merging *m, const rtvi_strings *own, const rtvi_strings *other, size_t kind) {
    const rtvi_env *env = m->flat->env;
    rtvi_strings *names = &m->names[kind];
    m->num_names[kind] = other->count;
    m->maps[kind] = rtvi_alloc(env, other->count, sizeof *m->maps[kind]);
    if (!m->maps[kind] || !rtvi_strings_append(env, names, own)) return 0;
    for (size_t i = 0; i < other->count; i++) {
        size_t length, at;
        const char *name = rtvi_strings_at(other, i, &length);
        m->maps[kind][i] = -1;
        if (length == 0) continue;
        at = rtvi_strings_find(names, name, length);
        if (at == names->count) {
            if (at >= INT32_MAX || !rtvi_strings_reserve(env, names, 1, length)) return 0;
            rtvi_strings_push(names, name, length);
        }
        m->maps[kind][i] = (int32_t)at;
    }
    return 1;
}

static size_t length_of_name(const rtvi_strings *names, int32_t class_id) {
    size_t length = 0;
    if (class_id >= 0 && (size_t)class_id < names->count) rtvi_strings_at(names, (size_t)class_id, &length);
    return length;
}

/* A class without a name keeps its number, which must not become that of a name: the items would be of another class. */
static int32_t check_numbers(const merging *m, const rtvi_rows *rows, const rtvi_strings *names, size_t kind, const char *whose,
                             rtv_error *error) {
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        const int32_t *classes = kind ? chunk->predicted : chunk->classes;
        for (size_t i = 0; i < chunk->num_rows; i++)
            if (length_of_name(names, classes[i]) == 0 && length_of_name(&m->names[kind], classes[i]) > 0 &&
                !rtvi_chunk_is_removed(chunk, i))
                return rtvi_error_set(error, RTV_E_MISMATCH,
                                      "index: merge: %s %d of %s index has no name, expected one, for others have the number",
                                      kind ? "predicted class" : "class", (int)classes[i], whose);
    }
    return RTV_OK;
}

static int32_t check_meta(const rtvi_meta *own, const rtvi_meta *other, rtv_error *error) {
    if (!*own->fingerprint || !*other->fingerprint || strcmp(own->fingerprint, other->fingerprint) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_MISMATCH, "index: merge: got items of model %.16s, expected model %.16s", other->fingerprint,
                          own->fingerprint);
}

static int32_t prepare(merging *m, rtvi_flat *other, rtv_error *error) {
    rtvi_meta meta; /* of the other, copied, so that never both locks are held */
    int ok = 1;
    int32_t status;
    rtvi_meta_init(&meta);
    pthread_mutex_lock(&other->lock);
    m->from = other->current;
    atomic_fetch_add(&other->current->references, 1);
    memcpy(meta.fingerprint, other->meta.fingerprint, sizeof meta.fingerprint);
    for (size_t kind = 0; kind < 2; kind++) ok = ok && rtvi_strings_append(m->flat->env, &meta.names[kind], &other->meta.names[kind]);
    pthread_mutex_unlock(&other->lock);
    /* Only changes write the names, and we are the one that is on. */
    status = check_meta(&m->flat->meta, &meta, error);
    for (size_t kind = 0; kind < 2 && status == RTV_OK; kind++)
        ok = ok && map_names(m, &m->flat->meta.names[kind], &meta.names[kind], kind);
    for (size_t kind = 0; kind < 2 && status == RTV_OK && ok; kind++) {
        const rtvi_strings *own = &m->flat->meta.names[kind];
        if (m->names[kind].count > own->count) status = check_numbers(m, &m->flat->current->rows, own, kind, "this", error);
        if (status == RTV_OK) status = check_numbers(m, &m->from->rows, &meta.names[kind], kind, "the other", error);
    }
    rtvi_meta_destroy(m->flat->env, &meta);
    return status == RTV_OK && (!ok || !allocate(m)) ? rtvi_error_out_of_memory(error, "index", 0) : status;
}

static int32_t map_class(const merging *m, size_t kind, int32_t class_id) {
    if (class_id < 0 || (size_t)class_id >= m->num_names[kind] || m->maps[kind][class_id] < 0) return class_id;
    return m->maps[kind][class_id];
}

static void gather(const merging *m, const rtvi_run *run, size_t at) {
    for (size_t i = 0; i < run->count; i++) {
        const size_t row = run->first + i, to = at + i;
        rtvi_score_vector(&m->from->rows, run->chunk->first_row + row, m->from_vectors + to * m->from_dim);
        m->ids[to] = run->chunk->ids[row];
        m->classes[to] = map_class(m, 0, run->chunk->classes[row]);
        m->predicted[to] = map_class(m, 1, run->chunk->predicted[row]);
        m->keys[to] = rtvi_segment_key(run->segment, row);
        m->payloads[to] = rtvi_segment_payload(run->segment, row);
    }
}

/* What is in a file may have been damaged since it was checked. */
static int32_t check_block(merging *m, const rtvi_batch *batch, rtv_error *error) {
    int32_t status = rtvi_flat_check_storable(m->flat, batch->vectors, batch->count, error);
    if (status == RTV_OK) status = rtvi_flat_check_classes(batch->classes, batch->count, "class", error);
    return status == RTV_OK ? rtvi_flat_check_classes(batch->predicted, batch->count, "predicted class", error) : status;
}

static int32_t append_block(merging *m, rtvi_snapshot **draft, rtvi_batch *batch, int64_t *largest, rtv_error *error) {
    float *owned = NULL;
    int32_t status = RTV_OK;
    batch->vectors = m->from_vectors;
    if (m->reduces) {
        status = rtvi_flat_check_vectors(m->from_vectors, batch->count, m->from_dim, "item", error);
        if (status == RTV_OK)
            status = rtvi_flat_take_in(m->flat, m->flat->team, m->from_vectors, batch->count, "item", &batch->vectors, &owned, error);
    }
    if (status == RTV_OK) status = check_block(m, batch, error);
    if (status == RTV_OK) status = rtvi_flat_check_ids(m->flat->env, *draft, batch, *largest, 0, error);
    if (status == RTV_OK) status = rtvi_flat_append(m->flat, draft, batch, largest, error);
    rtvi_free(m->flat->env, owned);
    return status;
}

static int32_t append_all(merging *m, rtvi_snapshot **draft, int new_ids, int64_t *largest, rtv_error *error) {
    rtvi_cursor cursor = {m->from, 0, m->from->rows.num_chunks, 0};
    int32_t status = RTV_OK;
    size_t count, done = 0;
    do {
        rtvi_batch batch = {NULL, new_ids ? NULL : m->ids, NULL, m->keys, m->classes, m->predicted, m->payloads, 0};
        rtvi_run run;
        for (count = 0; count < m->block_rows && rtvi_cursor_next(&cursor, m->block_rows - count, &run); count += run.count)
            gather(m, &run, count);
        batch.count = count;
        if (count > 0) status = append_block(m, draft, &batch, largest, error);
        done += count;
        if (count > 0 && status == RTV_OK && m->report) status = rtvi_report_tell(m->report, (int64_t)done, error);
    } while (count > 0 && status == RTV_OK);
    return status;
}

static void take_names(merging *m) {
    rtvi_flat *flat = m->flat;
    pthread_mutex_lock(&flat->lock);
    for (size_t kind = 0; kind < 2; kind++) {
        const rtvi_strings old = flat->meta.names[kind];
        flat->meta.names[kind] = m->names[kind];
        m->names[kind] = old;
    }
    pthread_mutex_unlock(&flat->lock);
    flat->meta_dirty = flat->dirty = 1;
}

static int32_t append_rows(merging *m, int new_ids, rtv_error *error) {
    rtvi_flat *flat = m->flat;
    const uint64_t mark = flat->store ? rtvi_store_mark(flat->store) : 0;
    int64_t largest = flat->largest_id;
    rtvi_snapshot *draft = NULL;
    int32_t status = rtvi_flat_draft(flat, &draft, error);
    if (status == RTV_OK) status = append_all(m, &draft, new_ids, &largest, error);
    if (status != RTV_OK) {
        if (flat->store) rtvi_store_rewind(flat->store, mark);
        rtvi_snapshot_release(draft);
        return status;
    }
    if (m->maps[0]) take_names(m);
    flat->dirty = 1;
    rtvi_flat_show(flat, draft, largest, m->from->rows.num_live);
    return RTV_OK;
}

static int32_t finish(merging *m, int32_t status, rtv_error *error) {
    rtvi_snapshot_release((rtvi_snapshot *)(uintptr_t)m->from);
    release(m);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* What is given to this index, or what is kept in both. */
static int32_t check_dims(const rtvi_flat *flat, const rtvi_flat *other, rtv_error *error) {
    const size_t expected = other->reduction ? (size_t)flat->dim : rtvi_flat_given_dim(flat);
    const int32_t status = rtvi_flat_check_reduction(flat, other, "index: merge", error);
    if (status != RTV_OK || (size_t)other->dim == expected) return status;
    return rtvi_error_set(error, RTV_E_MISMATCH, "index: merge: got %d dimensions, expected %zu", (int)other->dim, expected);
}

static merging begin(rtvi_flat *flat, const rtvi_flat *other) {
    return (merging){.flat = flat,
                     .reduces = rtvi_flat_would_reduce(flat, other),
                     .from_dim = (size_t)other->dim,
                     .block_rows = BLOCK_FLOATS / (size_t)other->dim + 1};
}

int32_t rtvi_flat_merge(rtvi_flat *flat, rtvi_flat *other, int32_t new_ids, rtv_error *error) {
    merging m = begin(flat, other);
    int32_t status = check_dims(flat, other, error);
    if (status != RTV_OK) return status;
    pthread_mutex_lock(&flat->writer);
    status = prepare(&m, other, error);
    if (status == RTV_OK) status = append_rows(&m, new_ids != 0, error);
    pthread_mutex_unlock(&flat->writer);
    return finish(&m, status, error);
}

int32_t rtvi_flat_fill(rtvi_flat *flat, rtvi_flat *from, const rtvi_report *report, rtv_error *error) {
    merging m = begin(flat, from);
    int32_t status;
    m.report = report;
    m.from = rtvi_flat_take(from);
    status = allocate(&m) ? RTV_OK : rtvi_error_out_of_memory(error, "index", m.block_rows * m.from_dim * sizeof *m.from_vectors);
    if (status == RTV_OK) {
        pthread_mutex_lock(&flat->writer);
        status = append_rows(&m, 0, error);
        pthread_mutex_unlock(&flat->writer);
    }
    return finish(&m, status, error);
}
