/* flat_store.c - writing an index file. Bytes of a commit only ever go behind those of the commits before; then everything is synced, then
 * one of the two roots is written and synced. A crash at any moment leaves one root whole, with all that it names. */
#include "index/flat_store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "index/flat_checksum.h"

#define BUFFER_SIZE ((size_t)256 << 10)

struct rtvi_store {
    XXH3_state_t checksum; /* of the block being written */
    const rtvi_env *env;
    const rtvi_io *io;
    rtvi_writer *writer; /* while the file is new */
    char *path;
    int file, broken;
    uint8_t *buffer; /* [BUFFER_SIZE] bytes of the file from buffer_at on */
    size_t buffered;
    uint64_t buffer_at;
    uint64_t block, block_size; /* where the block being written begins, and its bytes so far */
    rtvi_root root;             /* of the last commit */
    rtvi_extent meta;
    uint8_t *manifest; /* one record and the entries of the commit being made */
    size_t manifest_size, manifest_capacity;
    uint64_t listed_live, listed;
};

static int32_t fail(const rtvi_store *store, const char *what, rtv_error *error) {
    return rtvi_error_set_os(error, errno, "index: cannot %s \"%s\"", what, store->path);
}

static rtvi_store *new_store(const rtvi_env *env, const rtvi_io *io, const char *path) {
    rtvi_store *store = rtvi_alloc_zero(env, 1, sizeof *store);
    if (!store) return NULL;
    store->env = env;
    store->io = io;
    store->file = -1;
    store->path = rtvi_copy_string(env, path, strlen(path));
    store->buffer = rtvi_alloc(env, BUFFER_SIZE, 1);
    store->buffer_at = store->root.end = RTVI_FORMAT_BLOCKS;
    if (store->path && store->buffer) return store;
    rtvi_store_close(store);
    return NULL;
}

void rtvi_store_close(rtvi_store *store) {
    if (!store) return;
    if (store->writer)
        rtvi_writer_abort(store->writer);
    else if (store->file >= 0)
        close(store->file);
    rtvi_free(store->env, store->manifest);
    rtvi_free(store->env, store->buffer);
    rtvi_free(store->env, store->path);
    rtvi_free(store->env, store);
}

/* ---- locks ---- */

static int is_same_file(int file, const char *path) {
    struct stat ours, theirs;
    return fstat(file, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

/* Waiting for nobody. A file that was replaced between opening and locking is let go. */
static int32_t open_locked(const char *path, int flags, int *file, rtv_error *error) {
    for (;;) {
        *file = open(path, flags | O_CLOEXEC | O_NONBLOCK);
        if (*file < 0) return rtvi_error_set_os(error, errno, "index: cannot open \"%s\"", path);
        if (flock(*file, LOCK_EX | LOCK_NB) != 0) {
            const int reason = errno;
            close(*file);
            if (reason == EWOULDBLOCK)
                return rtvi_error_set(error, RTV_E_BUSY, "index: \"%s\": is open for writing already, expected one writer", path);
            return rtvi_error_set_os(error, reason, "index: cannot lock \"%s\"", path);
        }
        if (is_same_file(*file, path)) return RTV_OK;
        close(*file);
    }
}

int32_t rtvi_store_lock_path(const char *path, int *lock, rtv_error *error) {
    struct stat info;
    *lock = -1;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode) || access(path, R_OK) != 0) return RTV_OK; /* nothing that a writer could have */
    return open_locked(path, O_RDONLY, lock, error);
}

void rtvi_store_unlock(int lock) {
    if (lock >= 0) close(lock);
}

int rtvi_store_file(const rtvi_store *store) { return store->file; }
const char *rtvi_store_path(const rtvi_store *store) { return store->path; }
int rtvi_store_is_published(const rtvi_store *store) { return !store->writer && store->file >= 0; }
int rtvi_store_is_at(const rtvi_store *store, const char *path) { return is_same_file(store->file, path); }
uint64_t rtvi_store_commits(const rtvi_store *store) { return store->root.sequence; }
uint64_t rtvi_store_size(const rtvi_store *store) { return store->root.end; }

int32_t rtvi_store_open(const rtvi_env *env, const rtvi_io *io, const char *path, rtvi_store **out, rtv_error *error) {
    rtvi_store *store = new_store(env, io, path);
    int32_t status;
    if (!store) return rtvi_error_out_of_memory(error, "index", BUFFER_SIZE);
    status = open_locked(path, O_RDWR, &store->file, error);
    if (status != RTV_OK) {
        store->file = -1;
        rtvi_store_close(store);
        return status;
    }
    *out = store;
    return RTV_OK;
}

void rtvi_store_resume(rtvi_store *store, const rtvi_root *root, const rtvi_extent *meta) {
    store->root = *root;
    store->meta = *meta;
    store->buffer_at = root->end;
}

/* ---- bytes ---- */

uint64_t rtvi_store_mark(const rtvi_store *store) { return store->buffer_at + store->buffered; }

void rtvi_store_rewind(rtvi_store *store, uint64_t mark) {
    store->buffer_at = mark;
    store->buffered = 0;
    store->listed = store->listed_live = 0;
}

static int32_t write_at(rtvi_store *store, const void *data, size_t size, uint64_t offset, rtv_error *error) {
    return rtvi_io_write_all(store->io, store->file, data, size, offset) ? RTV_OK : fail(store, "write", error);
}

static int32_t flush(rtvi_store *store, rtv_error *error) {
    int32_t status = store->buffered ? write_at(store, store->buffer, store->buffered, store->buffer_at, error) : RTV_OK;
    if (status != RTV_OK) return status;
    store->buffer_at += store->buffered;
    store->buffered = 0;
    return RTV_OK;
}

static int32_t put(rtvi_store *store, const void *data, size_t size, rtv_error *error) {
    if (size > BUFFER_SIZE - store->buffered) {
        int32_t status = flush(store, error);
        if (status != RTV_OK) return status;
    }
    if (size > BUFFER_SIZE) {
        int32_t status = write_at(store, data, size, store->buffer_at, error);
        if (status == RTV_OK) store->buffer_at += size;
        return status;
    }
    if (size) memcpy(store->buffer + store->buffered, data, size);
    store->buffered += size;
    return RTV_OK;
}

/* Bytes that stand already; a record lies in the buffer or in the file, whole. */
static int32_t patch(rtvi_store *store, const void *data, size_t size, uint64_t offset, rtv_error *error) {
    if (offset < store->buffer_at) return write_at(store, data, size, offset, error);
    memcpy(store->buffer + (offset - store->buffer_at), data, size);
    return RTV_OK;
}

static const uint8_t zeros[RTVI_FORMAT_PAGE];

static int32_t begin_block(rtvi_store *store, rtv_error *error) {
    store->block = rtvi_store_mark(store);
    store->block_size = 0;
    XXH3_64bits_reset(&store->checksum);
    return put(store, zeros, RTVI_FORMAT_RECORD, error);
}

static int32_t put_bytes(rtvi_store *store, const void *data, size_t size, rtv_error *error) {
    XXH3_64bits_update(&store->checksum, data, size);
    store->block_size += size;
    return put(store, data, size, error);
}

static int32_t end_block(rtvi_store *store, uint64_t kind, rtvi_extent *extent, rtv_error *error) {
    uint8_t record[RTVI_FORMAT_RECORD];
    int32_t status;
    *extent = (rtvi_extent){store->block + RTVI_FORMAT_RECORD, store->block_size, XXH3_64bits_digest(&store->checksum)};
    rtvi_block_put(kind, extent, record);
    status = put(store, zeros, (size_t)(rtvi_format_align(store->block_size) - store->block_size), error);
    return status == RTV_OK ? patch(store, record, sizeof record, store->block, error) : status;
}

static int32_t put_block(rtvi_store *store, uint64_t kind, const void *data, size_t size, rtvi_extent *extent, rtv_error *error) {
    int32_t status = begin_block(store, error);
    if (status == RTV_OK) status = put_bytes(store, data, size, error);
    return status == RTV_OK ? end_block(store, kind, extent, error) : status;
}

/* ---- segments ---- */

static int32_t put_fixed(rtvi_store *store, rtvi_cursor cursor, size_t rows, int column, rtv_error *error) {
    int32_t status = RTV_OK;
    rtvi_run run;
    while (status == RTV_OK && rtvi_cursor_next(&cursor, rows, &run)) {
        const size_t width = rtvi_column_width(column, run.segment->dim, run.segment->storage);
        status = put_bytes(store, (const uint8_t *)run.segment->columns[column] + run.first * width, run.count * width, error);
        rows -= run.count;
    }
    return status;
}

static rtv_bytes text_of(const rtvi_run *run, size_t i, int column) {
    const int is_key = column == RTVI_COLUMN_KEY_OFFSETS || column == RTVI_COLUMN_KEYS;
    return is_key ? rtvi_segment_key(run->segment, run->first + i) : rtvi_segment_payload(run->segment, run->first + i);
}

static uint64_t count_text(rtvi_cursor cursor, size_t rows, int column) {
    uint64_t sum = 0;
    rtvi_run run;
    for (; rtvi_cursor_next(&cursor, rows, &run); rows -= run.count)
        for (size_t i = 0; i < run.count; i++) sum += text_of(&run, i, column).size_bytes;
    return sum;
}

static int32_t put_text(rtvi_store *store, rtvi_cursor cursor, size_t rows, int column, rtv_error *error) {
    const int is_offsets = column == RTVI_COLUMN_KEY_OFFSETS || column == RTVI_COLUMN_PAYLOAD_OFFSETS;
    uint64_t offset = 0;
    int32_t status = is_offsets ? put_bytes(store, &offset, sizeof offset, error) : RTV_OK;
    rtvi_run run;
    for (; status == RTV_OK && rtvi_cursor_next(&cursor, rows, &run); rows -= run.count) {
        for (size_t i = 0; i < run.count && status == RTV_OK; i++) {
            const rtv_bytes text = text_of(&run, i, column);
            offset += text.size_bytes;
            status =
                is_offsets ? put_bytes(store, &offset, sizeof offset, error) : put_bytes(store, text.data, (size_t)text.size_bytes, error);
        }
    }
    return status;
}

static void measure_ids(rtvi_cursor cursor, size_t rows, rtvi_place *place) {
    int64_t last = -1;
    rtvi_run run;
    place->min_id = INT64_MAX;
    place->max_id = 0;
    place->flags = RTVI_SEGMENT_ASCENDING;
    for (; rtvi_cursor_next(&cursor, rows, &run); rows -= run.count) {
        for (size_t i = run.first; i < run.first + run.count; i++) {
            const int64_t id = run.chunk->ids[i];
            if (id <= last) place->flags = 0;
            if (id < place->min_id) place->min_id = id;
            if (id > place->max_id) place->max_id = id;
            last = id;
        }
    }
}

static void skip(rtvi_cursor *cursor, size_t rows) {
    rtvi_run run;
    while (rows > 0 && rtvi_cursor_next(cursor, rows, &run)) rows -= run.count;
}

int32_t rtvi_store_segment(rtvi_store *store, rtvi_cursor *cursor, size_t rows, rtvi_place *place, rtv_error *error) {
    int32_t status = RTV_OK;
    memset(place, 0, sizeof *place);
    place->rows = rows;
    place->key_bytes = count_text(*cursor, rows, RTVI_COLUMN_KEYS);
    place->payload_bytes = count_text(*cursor, rows, RTVI_COLUMN_PAYLOADS);
    measure_ids(*cursor, rows, place);
    for (int column = 0; column < RTVI_NUM_COLUMNS && status == RTV_OK; column++) {
        const uint64_t texts = column < RTVI_COLUMN_PAYLOAD_OFFSETS ? place->key_bytes : place->payload_bytes;
        const int is_fixed = column < RTVI_COLUMN_KEY_OFFSETS;
        rtvi_extent extent;
        if (is_fixed ? rtvi_column_width(column, cursor->snapshot->rows.dim, cursor->snapshot->rows.storage) == 0 : texts == 0) continue;
        status = begin_block(store, error);
        if (status == RTV_OK)
            status = is_fixed ? put_fixed(store, *cursor, rows, column, error) : put_text(store, *cursor, rows, column, error);
        if (status == RTV_OK) status = end_block(store, (uint64_t)column + 1, &extent, error);
        if (status == RTV_OK) place->columns[column] = extent.offset;
    }
    skip(cursor, rows);
    return status;
}

int32_t rtvi_store_map(rtvi_store *store, uint64_t mark, rtvi_mapping **mapping, rtv_error *error) {
    rtvi_source source;
    int32_t status = flush(store, error);
    if (status == RTV_OK)
        status = rtvi_source_map(store->env, "index", store->file, mark, (size_t)(rtvi_store_mark(store) - mark), &source, error);
    return status == RTV_OK ? rtvi_mapping_create(&source, mapping, error) : status;
}

/* ---- commits ---- */

int32_t rtvi_store_list(rtvi_store *store, const rtvi_place *place, rtvi_bits *removed, rtv_error *error) {
    rtvi_entry entry = {.place = *place};
    const size_t used = store->listed ? store->manifest_size : RTVI_FORMAT_RECORD;
    int32_t status = RTV_OK;
    if (removed && removed->offset == 0) {
        const size_t words = (size_t)((place->rows + 63) / 64);
        rtvi_extent extent;
        status = put_block(store, RTVI_BLOCK_REMOVED, removed->words, words * sizeof *removed->words, &extent, error);
        if (status != RTV_OK) return status;
        removed->offset = extent.offset;
        removed->checksum = extent.checksum;
    }
    if (removed) {
        entry.num_removed = removed->num_set;
        entry.removed = (rtvi_extent){removed->offset, 0, removed->checksum};
    }
    if (!rtvi_grow(store->env, (void **)&store->manifest, &store->manifest_capacity, store->listed ? used : 0, used + RTVI_FORMAT_ENTRY, 1))
        return rtvi_error_out_of_memory(error, "index", used + RTVI_FORMAT_ENTRY);
    rtvi_entry_put(&entry, store->manifest + used);
    store->manifest_size = used + RTVI_FORMAT_ENTRY;
    store->listed++;
    store->listed_live += place->rows - entry.num_removed;
    return status;
}

static int32_t put_manifest(rtvi_store *store, const rtvi_commit *commit, rtvi_extent *meta, rtvi_extent *manifest, rtv_error *error) {
    uint8_t alone[RTVI_FORMAT_RECORD], *bytes = store->listed ? store->manifest : alone;
    rtvi_manifest head = {store->listed, store->listed_live, commit->largest_id, store->meta};
    int32_t status = RTV_OK;
    if (commit->meta) status = put_block(store, RTVI_BLOCK_META, commit->meta, commit->meta_size, &head.meta, error);
    if (status != RTV_OK) return status;
    *meta = head.meta;
    rtvi_manifest_put(&head, bytes);
    return put_block(store, RTVI_BLOCK_MANIFEST, bytes, store->listed ? store->manifest_size : RTVI_FORMAT_RECORD, manifest, error);
}

/* What was listed is written; the root that would make it count is returned. */
static int32_t prepare(rtvi_store *store, const rtvi_commit *commit, rtvi_root *root, rtvi_extent *meta, rtv_error *error) {
    int32_t status;
    root->sequence = store->root.sequence + 1;
    status = put_manifest(store, commit, meta, &root->manifest, error);
    store->listed = store->listed_live = 0;
    if (status == RTV_OK) status = flush(store, error);
    root->end = rtvi_store_mark(store);
    return status;
}

int32_t rtvi_store_commit(rtvi_store *store, const rtvi_commit *commit, int *unsure, rtv_error *error) {
    uint8_t record[RTVI_FORMAT_RECORD];
    rtvi_extent meta;
    rtvi_root root;
    int32_t status;
    *unsure = 0;
    if (store->broken)
        return rtvi_error_set(error, RTV_E_STATE, "index: \"%s\": an earlier sync failed, expected the file to be opened anew",
                              store->path);
    status = prepare(store, commit, &root, &meta, error);
    if (status != RTV_OK) return status;
    if (!rtvi_io_sync(store->io, store->file)) {
        /* The system forgets what it could not write: nothing since the last commit can be relied upon. */
        store->broken = 1;
        return fail(store, "sync", error);
    }
    rtvi_root_put(&root, record);
    status = write_at(store, record, sizeof record, rtvi_root_offset(root.sequence), error);
    if (status == RTV_OK && !rtvi_io_sync(store->io, store->file)) {
        store->broken = 1;
        status = fail(store, "sync", error);
    }
    *unsure = status != RTV_OK;
    if (status != RTV_OK) return status;
    store->root = root;
    store->meta = meta;
    return RTV_OK;
}

static int32_t put_reduction(rtvi_store *store, const rtvi_reduction *reduction, rtv_error *error) {
    uint8_t head[RTVI_REDUCTION_HEAD];
    rtvi_extent extent;
    int32_t status = begin_block(store, error);
    rtvi_reduction_put_head(reduction, head);
    if (status == RTV_OK) status = put_bytes(store, head, sizeof head, error);
    if (status == RTV_OK) status = put_bytes(store, reduction->mean, rtvi_reduction_array_bytes(reduction), error);
    return status == RTV_OK ? end_block(store, RTVI_BLOCK_REDUCTION, &extent, error) : status;
}

int32_t rtvi_store_create(const rtvi_env *env, const rtvi_io *io, const char *path, const rtvi_header *header,
                          const rtvi_reduction *reduction, rtvi_store **out, rtv_error *error) {
    uint8_t record[RTVI_FORMAT_RECORD];
    rtvi_store *store = new_store(env, io, path);
    int32_t status;
    if (!store) return rtvi_error_out_of_memory(error, "index", BUFFER_SIZE);
    status = rtvi_writer_open_io(env, io, "index", path, &store->writer, error);
    if (status == RTV_OK) {
        store->file = rtvi_writer_file(store->writer);
        store->buffer_at = 0;
        for (int page = 0; page < 3 && status == RTV_OK; page++) status = put(store, zeros, sizeof zeros, error);
        rtvi_header_put(header, record);
        if (status == RTV_OK) status = patch(store, record, sizeof record, 0, error);
        if (status == RTV_OK && reduction) status = put_reduction(store, reduction, error);
    }
    if (status == RTV_OK)
        *out = store;
    else
        rtvi_store_close(store);
    return status;
}

int32_t rtvi_store_publish(rtvi_store *store, const rtvi_commit *commit, uint64_t commits, int keep, rtv_error *error) {
    uint8_t record[RTVI_FORMAT_RECORD];
    rtvi_extent meta;
    rtvi_root root;
    int32_t status;
    store->root.sequence = commits;
    status = prepare(store, commit, &root, &meta, error);
    if (status != RTV_OK) return status;
    rtvi_root_put(&root, record);
    status = write_at(store, record, sizeof record, rtvi_root_offset(root.sequence), error);
    if (status != RTV_OK) return status;
    if (keep) flock(store->file, LOCK_EX | LOCK_NB); /* nobody else knows the file yet */
    status = rtvi_writer_commit_keep(store->writer, &store->file, error);
    store->writer = NULL;
    store->root = root;
    store->meta = meta;
    return status;
}
