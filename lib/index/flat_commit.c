/* flat_commit.c - an index and its file: commit, compact, save, open. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/flat_codes.h"
#include "index/flat_state.h"

#define GENERATION 8                    /* so many segments of about one size become one */
#define WASTE_BYTES ((uint64_t)1 << 20) /* a file smaller than this is not compacted by itself */

size_t rtvi_flat_block_rows(const rtvi_flat *flat) {
    const size_t rows = flat->block_bytes / rtvi_row_width((size_t)flat->dim, flat->header.storage);
    return rows > 0 ? rows : 1;
}

/* ---- moving rows to the file ---- */

/* The cursor's next rows as a segment of the file, behind the draft's. */
static int32_t write_segment(rtvi_store *store, rtvi_cursor *cursor, size_t rows, rtvi_snapshot *draft, rtv_error *error) {
    const uint64_t mark = rtvi_store_mark(store);
    const rtvi_rows *from = &cursor->snapshot->rows;
    rtvi_mapping *mapping;
    rtvi_segment *segment;
    rtvi_place place;
    int32_t status = rtvi_store_segment(store, cursor, rows, &place, error);
    if (status == RTV_OK) status = rtvi_store_map(store, mark, &mapping, error);
    if (status != RTV_OK) return status;
    status = rtvi_segment_over(mapping, mark, &place, from->dim, from->storage, &segment, error);
    rtvi_mapping_release(mapping);
    return status == RTV_OK ? rtvi_snapshot_push(draft, segment, rows, NULL, error) : status;
}

/* The rows of chunks first on. */
static int32_t write_chunks(rtvi_store *store, const rtvi_snapshot *from, size_t first, size_t block_rows, rtvi_snapshot *draft,
                            rtv_error *error) {
    rtvi_cursor cursor = {from, first, from->rows.num_chunks, 0};
    size_t left = 0;
    int32_t status = RTV_OK;
    for (size_t i = first; i < from->rows.num_chunks; i++) left += rtvi_snapshot_live(from, i);
    while (left > 0 && status == RTV_OK) {
        const size_t rows = left < block_rows ? left : block_rows;
        status = write_segment(store, &cursor, rows, draft, error);
        left -= rows;
    }
    return status;
}

static int generation_of(size_t rows) {
    int generation = 0;
    while (rows >= GENERATION) {
        rows /= GENERATION;
        generation++;
    }
    return generation;
}

/* From which chunk on rows are written anew: those in memory, and when that would make the eighth segment of its generation, the seven
 * before it, and so on. So there are few segments, and a row is rewritten but a few times. */
static size_t first_to_write(const rtvi_flat *flat, const rtvi_snapshot *draft) {
    size_t first = draft->rows.num_chunks, rows = 0, limit = rtvi_flat_block_rows(flat);
    while (first > 0 && !draft->pieces[first - 1].segment->mapping) rows += rtvi_snapshot_live(draft, --first);
    while (rows > 0 && rows < limit) {
        const int generation = generation_of(rows);
        size_t from = first, sum = rows;
        while (from > 0 && generation_of(rtvi_snapshot_live(draft, from - 1)) <= generation) sum += rtvi_snapshot_live(draft, --from);
        if (first - from < GENERATION - 1 || sum > limit) break;
        first = from;
        rows = sum;
    }
    return first;
}

int32_t rtvi_flat_flush(rtvi_flat *flat, rtvi_snapshot **draft, rtv_error *error) {
    rtvi_snapshot *old = *draft, *fresh;
    int32_t status;
    size_t first;
    rtvi_snapshot_finish(old);
    first = first_to_write(flat, old);
    if (first == old->rows.num_chunks) return RTV_OK;
    status = rtvi_snapshot_create(flat->env, old->rows.dim, old->rows.storage, old, first, &fresh, error);
    if (status != RTV_OK) return status;
    status = write_chunks(flat->store, old, first, rtvi_flat_block_rows(flat), fresh, error);
    if (status != RTV_OK) {
        rtvi_snapshot_release(fresh);
        return status;
    }
    rtvi_snapshot_finish(fresh);
    rtvi_snapshot_release(old);
    *draft = fresh;
    return RTV_OK;
}

/* ---- committing ---- */

static int32_t list_all(rtvi_store *store, const rtvi_snapshot *snapshot, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t i = 0; i < snapshot->rows.num_chunks && status == RTV_OK; i++)
        status = rtvi_store_list(store, &snapshot->pieces[i].segment->place, snapshot->pieces[i].removed, error);
    return status;
}

/* What a failed commit wrote is not there. */
static void forget_bits(const rtvi_snapshot *snapshot, uint64_t mark) {
    for (size_t i = 0; i < snapshot->rows.num_chunks; i++) {
        rtvi_bits *bits = snapshot->pieces[i].removed;
        if (bits && bits->offset >= mark) bits->offset = 0;
    }
}

/* What is committed to a store, which becomes the index's. */
static void committed(rtvi_flat *flat, rtvi_store *store) {
    flat->dirty = flat->meta_dirty = 0;
    pthread_mutex_lock(&flat->lock);
    flat->store = store;
    flat->uncommitted = 0;
    flat->commits = rtvi_store_commits(store);
    flat->file_bytes = rtvi_store_size(store);
    flat->format = RTVI_FORMAT_VERSION;
    pthread_mutex_unlock(&flat->lock);
}

static int32_t append_commit(rtvi_flat *flat, rtv_error *error) {
    const uint64_t mark = rtvi_store_mark(flat->store);
    rtvi_commit commit = {NULL, 0, flat->largest_id};
    uint8_t *meta = NULL;
    rtvi_snapshot *draft;
    int unsure = 0;
    int32_t status = rtvi_flat_draft(flat, &draft, error);
    if (status != RTV_OK) return status;
    if (flat->meta_dirty) status = rtvi_meta_write(flat->env, &flat->meta, &meta, &commit.meta_size, error);
    commit.meta = meta;
    if (status == RTV_OK) status = rtvi_flat_flush(flat, &draft, error);
    rtvi_snapshot_finish(draft);
    if (status == RTV_OK) status = list_all(flat->store, draft, error);
    if (status == RTV_OK) status = rtvi_store_commit(flat->store, &commit, &unsure, error);
    rtvi_free(flat->env, meta);
    if (status == RTV_OK) {
        rtvi_flat_show(flat, draft, flat->largest_id, 0);
        committed(flat, flat->store);
        return RTV_OK;
    }
    forget_bits(draft, mark);
    rtvi_snapshot_release(draft);
    rtvi_store_rewind(flat->store, unsure ? rtvi_store_mark(flat->store) : mark); /* a root may name what was written */
    return status;
}

/* A new file with what is left; *fresh, if wanted, becomes the same items over it. */
static int32_t write_file(rtvi_flat *flat, const char *path, const rtvi_snapshot *from, const rtvi_commit *commit, uint64_t commits,
                          rtvi_snapshot **fresh, rtvi_store **out, rtv_error *error) {
    rtvi_snapshot *over;
    rtvi_store *store = NULL;
    int32_t status = rtvi_snapshot_create(flat->env, from->rows.dim, from->rows.storage, NULL, 0, &over, error);
    if (status != RTV_OK) return status;
    status = rtvi_store_create(flat->env, flat->io, path, &flat->header, flat->reduction, &store, error);
    if (status == RTV_OK) status = write_chunks(store, from, 0, rtvi_flat_block_rows(flat), over, error);
    rtvi_snapshot_finish(over);
    if (status == RTV_OK) status = list_all(store, over, error);
    if (status == RTV_OK) status = rtvi_store_publish(store, commit, commits, fresh != NULL, error);
    if (fresh && store && rtvi_store_is_published(store)) { /* at its place, even if the folder could not be synced */
        *fresh = over;
        *out = store;
        return status;
    }
    rtvi_snapshot_release(over);
    rtvi_store_close(store);
    return status;
}

static int32_t compact_file(rtvi_flat *flat, rtv_error *error) {
    rtvi_commit commit = {NULL, 0, flat->largest_id};
    rtvi_snapshot *fresh = NULL;
    rtvi_store *store = NULL;
    uint8_t *meta;
    int32_t status = rtvi_meta_write(flat->env, &flat->meta, &meta, &commit.meta_size, error);
    if (status != RTV_OK) return status;
    commit.meta = meta;
    status = write_file(flat, rtvi_store_path(flat->store), flat->current, &commit, flat->commits, &fresh, &store, error);
    rtvi_free(flat->env, meta);
    if (!store) return status;
    rtvi_store_close(flat->store);
    flat->converts = 0;
    rtvi_flat_show(flat, fresh, flat->largest_id, 0);
    committed(flat, store);
    return status;
}

static uint64_t bytes_in_use(const rtvi_flat *flat, const rtvi_snapshot *snapshot) {
    uint64_t sum = RTVI_FORMAT_BLOCKS + (flat->reduction ? rtvi_reduction_array_bytes(flat->reduction) : 0);
    for (size_t i = 0; i < snapshot->rows.num_chunks; i++) {
        const rtvi_place *place = &snapshot->pieces[i].segment->place;
        const uint64_t live = rtvi_snapshot_live(snapshot, i);
        if (!snapshot->pieces[i].segment->mapping) continue;
        sum += live * rtvi_row_width(snapshot->rows.dim, snapshot->rows.storage) + RTVI_NUM_COLUMNS * 2 * RTVI_FORMAT_RECORD;
        sum += (uint64_t)((double)(place->key_bytes + place->payload_bytes + 16 * place->rows) * (double)live / (double)place->rows);
    }
    return sum;
}

uint64_t rtvi_flat_waste(const rtvi_flat *flat, const rtvi_snapshot *snapshot, uint64_t file_bytes) {
    const uint64_t used = bytes_in_use(flat, snapshot);
    return used < file_bytes ? file_bytes - used : 0;
}

/* When three quarters of the file are waste, writing what is left costs less than what made the waste. */
static void compact_when_wasteful(rtvi_flat *flat) {
    const uint64_t waste = rtvi_flat_waste(flat, flat->current, flat->file_bytes);
    rtv_error error;
    if (waste < WASTE_BYTES || waste < flat->file_bytes / 4 * 3) return;
    if (compact_file(flat, &error) != RTV_OK) rtvi_log(flat->env, RTV_LOG_WARNING, "%s", error.message); /* the commit stands */
}

static int32_t check_writable(const rtvi_flat *flat, rtv_error *error) {
    if (flat->store) return RTV_OK;
    return rtvi_error_set(error, RTV_E_STATE, "index: commit: got an index in memory, expected one that is open for writing");
}

int32_t rtvi_flat_commit(rtvi_flat *flat, rtv_error *error) {
    int32_t status;
    pthread_mutex_lock(&flat->writer);
    status = check_writable(flat, error);
    if (status == RTV_OK && flat->converts) status = compact_file(flat, error);
    if (status == RTV_OK && flat->dirty) {
        status = append_commit(flat, error);
        if (status == RTV_OK) compact_when_wasteful(flat);
    }
    pthread_mutex_unlock(&flat->writer);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* ---- in memory ---- */

static void copy_run(rtvi_segment *to, size_t row, const rtvi_run *run) {
    for (int column = 0; column < RTVI_COLUMN_KEY_OFFSETS; column++) {
        const size_t width = rtvi_column_width(column, to->dim, to->storage);
        if (width > 0)
            memcpy((uint8_t *)to->columns[column] + row * width, (const uint8_t *)run->segment->columns[column] + run->first * width,
                   run->count * width);
    }
    for (size_t i = 0; i < run->count; i++) {
        rtvi_segment_put_key(to, row + i, rtvi_segment_key(run->segment, run->first + i));
        rtvi_segment_put_payload(to, row + i, rtvi_segment_payload(run->segment, run->first + i));
    }
}

static int32_t compact_memory(rtvi_flat *flat, rtv_error *error) {
    const rtvi_snapshot *from = flat->current;
    const size_t rows = from->rows.num_live;
    rtvi_cursor cursor = {from, 0, from->rows.num_chunks, 0};
    size_t keys = 0, payloads = 0, row = 0;
    rtvi_segment *segment;
    rtvi_snapshot *draft;
    rtvi_run run;
    int32_t status = rtvi_snapshot_create(flat->env, from->rows.dim, from->rows.storage, NULL, 0, &draft, error);
    if (status != RTV_OK) return status;
    while (rtvi_cursor_next(&cursor, SIZE_MAX, &run)) {
        for (size_t i = run.first; i < run.first + run.count; i++) {
            keys += (size_t)rtvi_segment_key(run.segment, i).size_bytes;
            payloads += (size_t)rtvi_segment_payload(run.segment, i).size_bytes;
        }
    }
    if (rows > 0) status = rtvi_segment_create(flat->env, from->rows.dim, from->rows.storage, rows, keys, payloads, &segment, error);
    if (rows > 0 && status == RTV_OK) {
        cursor = (rtvi_cursor){from, 0, from->rows.num_chunks, 0};
        for (; rtvi_cursor_next(&cursor, SIZE_MAX, &run); row += run.count) copy_run(segment, row, &run);
        status = rtvi_snapshot_push(draft, segment, rows, NULL, error);
    }
    if (status == RTV_OK)
        rtvi_flat_show(flat, draft, flat->largest_id, 0);
    else
        rtvi_snapshot_release(draft);
    return status;
}

int32_t rtvi_flat_compact(rtvi_flat *flat, rtv_error *error) {
    int32_t status;
    pthread_mutex_lock(&flat->writer);
    status = flat->store ? compact_file(flat, error) : compact_memory(flat, error);
    pthread_mutex_unlock(&flat->writer);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* ---- a file of its own ---- */

static int is_own_file(rtvi_flat *flat, const char *path) {
    int is_own;
    pthread_mutex_lock(&flat->writer);
    is_own = flat->store && rtvi_store_is_at(flat->store, path);
    pthread_mutex_unlock(&flat->writer);
    return is_own;
}

static int32_t save_locked(rtvi_flat *flat, const char *path, rtv_error *error) {
    rtvi_snapshot *snapshot;
    rtvi_commit commit = {NULL, 0, 0};
    uint8_t *meta;
    int32_t status;
    pthread_mutex_lock(&flat->lock);
    snapshot = flat->current;
    atomic_fetch_add(&snapshot->references, 1);
    commit.largest_id = flat->largest_id;
    status = rtvi_meta_write(flat->env, &flat->meta, &meta, &commit.meta_size, error);
    pthread_mutex_unlock(&flat->lock);
    if (status == RTV_OK) {
        commit.meta = meta;
        status = write_file(flat, path, snapshot, &commit, 0, NULL, NULL, error);
        rtvi_free(flat->env, meta);
    }
    rtvi_snapshot_release(snapshot);
    return status;
}

int32_t rtvi_flat_write(rtvi_flat *flat, const char *path, rtv_error *error) {
    int lock;
    int32_t status;
    if (is_own_file(flat, path)) return rtvi_flat_compact(flat, error);
    status = rtvi_store_lock_path(path, &lock, error);
    if (status != RTV_OK) return status;
    status = save_locked(flat, path, error);
    rtvi_store_unlock(lock);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* ---- opening ---- */

/* The loaded state becomes the index's. */
static int32_t adopt(const rtvi_env *env, rtvi_loaded *loaded, rtvi_flat **out, rtv_error *error) {
    rtvi_flat *flat;
    int32_t status = rtvi_flat_create_with(env, loaded->header.dim, loaded->header.storage, loaded->header.normalize, &flat, error);
    if (status != RTV_OK) return status;
    rtvi_snapshot_release(flat->current);
    flat->current = loaded->snapshot;
    flat->header.given_dim = loaded->header.given_dim;
    flat->reduction = loaded->reduction;
    flat->meta = loaded->meta;
    flat->largest_id = loaded->largest_id;
    flat->format = (int32_t)loaded->format;
    flat->commits = loaded->root.sequence;
    flat->file_bytes = loaded->format ? loaded->root.end : loaded->mapping->source.size;
    loaded->snapshot = NULL;
    loaded->reduction = NULL;
    rtvi_meta_init(&loaded->meta);
    *out = flat;
    return RTV_OK;
}

int32_t rtvi_flat_read(const rtvi_env *env, rtvi_source *source, rtvi_flat **flat, rtv_error *error) {
    rtvi_quoted quoted;
    char path[RTVI_QUOTE_MAX] = "";
    rtvi_loaded loaded;
    int32_t status;
    if (source->path) rtvi_copy_clipped(path, sizeof path, rtvi_error_quote_string(&quoted, source->path));
    status = rtvi_load(source, &loaded, error);
    if (status == RTV_OK) status = adopt(env, &loaded, flat, error);
    rtvi_loaded_destroy(env, &loaded);
    if (status == RTV_OK) return rtvi_error_clear(error);
    if (*path) rtvi_error_prefix(error, path);
    return status;
}

static int32_t load_store(rtvi_store *store, const rtvi_env *env, rtvi_flat **flat, rtv_error *error) {
    struct stat info;
    rtvi_loaded loaded;
    rtvi_source source;
    int32_t status;
    if (fstat(rtvi_store_file(store), &info) != 0) return rtvi_error_set_os(error, errno, "index: cannot read the file");
    if (info.st_size == 0) return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "index: file: is empty, expected an index file");
    status = rtvi_source_map(env, "index", rtvi_store_file(store), 0, (size_t)info.st_size, &source, error);
    if (status != RTV_OK) return status;
    status = rtvi_load(&source, &loaded, error);
    if (status == RTV_OK) status = adopt(env, &loaded, flat, error);
    if (status == RTV_OK) {
        (*flat)->store = store;
        (*flat)->converts = loaded.format == 0;
        if (loaded.format != 0) rtvi_store_resume(store, &loaded.root, &loaded.meta_place);
    }
    rtvi_loaded_destroy(env, &loaded);
    return status;
}

int32_t rtvi_flat_open(const rtvi_env *env, const rtvi_io *io, const char *path, rtvi_flat **flat, rtv_error *error) {
    rtvi_quoted quoted;
    rtvi_store *store;
    int32_t status = rtvi_store_open(env, io, path, &store, error);
    if (status != RTV_OK) return status;
    status = load_store(store, env, flat, error);
    if (status != RTV_OK) {
        rtvi_store_close(store);
        rtvi_error_prefix(error, rtvi_error_quote_string(&quoted, path));
        return status;
    }
    (*flat)->io = io;
    return rtvi_error_clear(error);
}

int32_t rtvi_flat_attach(rtvi_flat *flat, const rtvi_io *io, const char *path, rtv_error *error) {
    rtvi_commit commit = {NULL, 0, flat->largest_id};
    rtvi_snapshot *fresh = NULL;
    rtvi_store *store = NULL;
    uint8_t *meta;
    int32_t status;
    if (access(path, F_OK) == 0)
        return rtvi_error_set(error, RTV_E_EXISTS, "index: \"%s\": is there already, expected the path of a new file", path);
    status = rtvi_meta_write(flat->env, &flat->meta, &meta, &commit.meta_size, error);
    if (status != RTV_OK) return status;
    commit.meta = meta;
    flat->io = io;
    status = write_file(flat, path, flat->current, &commit, 0, &fresh, &store, error);
    rtvi_free(flat->env, meta);
    if (!store) return status;
    rtvi_flat_show(flat, fresh, flat->largest_id, 0);
    committed(flat, store);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_flat_verify(const rtvi_env *env, const char *path, rtv_progress_fn progress, void *user, rtv_error *error) {
    rtvi_quoted quoted;
    rtvi_source source;
    rtvi_loaded loaded;
    int32_t status = rtvi_source_open(env, "index", path, &source, error);
    if (status != RTV_OK) return status;
    status = rtvi_load(&source, &loaded, error);
    if (status == RTV_OK) status = rtvi_verify(&loaded, progress, user, error);
    rtvi_loaded_destroy(env, &loaded);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_error_prefix(error, rtvi_error_quote_string(&quoted, path));
    return status;
}
