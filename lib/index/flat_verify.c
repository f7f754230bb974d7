/* flat_verify.c - reads every byte of an index file: each block against its checksum, the gaps for zeros, the columns for what they may
 * hold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/flat_codes.h"
#include "index/flat_load.h"
#include "index/flat_score.h"
#include "index/flat_state.h"

static int32_t damaged(rtv_error *error, uint64_t offset, const char *what) {
    return rtvi_error_set_at(error, RTV_E_CHECKSUM, (int64_t)offset, "index: %s at %llu: is damaged", what, (unsigned long long)offset);
}

static int32_t check_zeros(const rtvi_source *source, uint64_t begin, uint64_t end, rtv_error *error) {
    for (; begin < end; begin++)
        if (source->data[begin] != 0) return damaged(error, begin, "a byte that must be zero");
    return RTV_OK;
}

/* A root is whole, or has never been written. */
static int32_t check_roots(const rtvi_source *source, rtv_error *error) {
    int32_t status = check_zeros(source, RTVI_FORMAT_RECORD, RTVI_FORMAT_PAGE, error);
    for (uint64_t slot = 0; slot < 2 && status == RTV_OK; slot++) {
        const uint64_t at = rtvi_root_offset(slot);
        rtvi_root root;
        if (!rtvi_root_get(source->data + at, &root) && check_zeros(source, at, at + RTVI_FORMAT_RECORD, NULL) != RTV_OK)
            return rtvi_error_set_at(
                error, RTV_E_CHECKSUM, (int64_t)at,
                "index: root at %llu: is damaged; the other one is in use (an interrupted commit leaves it so, and the "
                "next one mends it)",
                (unsigned long long)at);
        status = check_zeros(source, at + RTVI_FORMAT_RECORD, at + RTVI_FORMAT_PAGE, error);
    }
    return status;
}

static int32_t tell(rtv_progress_fn progress, void *user, uint64_t done, uint64_t total, rtv_error *error) {
    if (!progress || progress(user, (int64_t)done, (int64_t)total) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
}

/* Blocks stand side by side up to the end, those that no longer count among them. */
static int32_t check_blocks(const rtvi_source *source, uint64_t end, rtv_progress_fn progress, void *user, rtv_error *error) {
    uint64_t at = RTVI_FORMAT_BLOCKS;
    int32_t status = RTV_OK;
    while (at < end && status == RTV_OK) {
        uint64_t kind, next;
        rtvi_extent extent;
        if (!rtvi_block_get(source->data + at, &kind, &extent)) return damaged(error, at, "header of a block");
        if (extent.offset != at + RTVI_FORMAT_RECORD || extent.size > end - extent.offset) return damaged(error, at, "header of a block");
        next = rtvi_format_align(extent.offset + extent.size);
        status = rtvi_load_check(source, &extent, rtvi_block_name(kind), error);
        if (status == RTV_OK) status = check_zeros(source, extent.offset + extent.size, next, error);
        if (status == RTV_OK) status = tell(progress, user, next, end, error);
        at = next;
    }
    return status;
}

/* ---- what columns hold ---- */

static int32_t wrong(rtv_error *error, const rtvi_place *place, int column, size_t row, const char *what) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)place->columns[column], "index: %s at %llu: row %zu: %s",
                             rtvi_block_name((uint64_t)column + 1), (unsigned long long)place->columns[column], row, what);
}

static int32_t check_headers(const rtvi_source *source, const rtvi_header *header, const rtvi_place *place, rtv_error *error) {
    for (int column = 0; column < RTVI_NUM_COLUMNS; column++) {
        const uint64_t size = rtvi_column_size(column, place, (size_t)header->dim, header->storage), at = place->columns[column];
        uint64_t kind;
        rtvi_extent extent;
        if (at == 0) continue;
        if (!rtvi_block_get(source->data + at - RTVI_FORMAT_RECORD, &kind, &extent) || kind != (uint64_t)column + 1 ||
            extent.offset != at || extent.size != size)
            return wrong(error, place, column, 0, "the manifest expects another block");
    }
    return RTV_OK;
}

static int32_t check_row(const rtvi_chunk *chunk, const rtvi_place *place, size_t dim, size_t row, rtv_error *error) {
    if (chunk->ids[row] < place->min_id || chunk->ids[row] > place->max_id)
        return wrong(error, place, RTVI_COLUMN_IDS, row, "the id is not between the segment's smallest and largest");
    if ((place->flags & RTVI_SEGMENT_ASCENDING) && row > 0 && chunk->ids[row] <= chunk->ids[row - 1])
        return wrong(error, place, RTVI_COLUMN_IDS, row, "the id does not rise");
    if (chunk->classes[row] < -1) return wrong(error, place, RTVI_COLUMN_CLASSES, row, "the class is less than -1");
    if (chunk->predicted[row] < -1) return wrong(error, place, RTVI_COLUMN_PREDICTED, row, "the class is less than -1");
    if (!rtvi_codes_check(chunk->codes + row * rtvi_codes_size(dim), dim))
        return wrong(error, place, RTVI_COLUMN_CODES, row, "it is no record of codes");
    return RTV_OK;
}

static int32_t check_texts(const rtvi_segment *segment, int column, uint64_t size, rtv_error *error) {
    const rtvi_place *place = &segment->place;
    const char *bytes = column == RTVI_COLUMN_KEY_OFFSETS ? segment->columns[column + 1] : NULL; /* payloads may hold anything */
    if (!segment->columns[column]) return RTV_OK;
    return rtvi_meta_check_texts(segment->columns[column], (size_t)place->rows, bytes, (size_t)size, place->columns[column],
                                 place->columns[column + 1], error);
}

static int32_t check_vectors(const rtvi_loaded *loaded, size_t chunk, float *vector, rtv_error *error) {
    const rtvi_rows *rows = &loaded->snapshot->rows;
    const rtvi_place *place = &loaded->snapshot->pieces[chunk].segment->place;
    const int column = rows->storage == RTV_STORAGE_INT8 ? RTVI_COLUMN_CODES : RTVI_COLUMN_VECTORS;
    for (size_t row = 0; row < rows->chunks[chunk].num_rows; row++) {
        rtvi_score_vector(rows, rows->chunks[chunk].first_row + row, vector);
        if (rtvi_flat_check_vectors(vector, 1, rows->dim, "vector", NULL) != RTV_OK)
            return wrong(error, place, column, row, "the vector is not finite");
    }
    return RTV_OK;
}

static int32_t check_segment(const rtvi_source *source, const rtvi_loaded *loaded, size_t chunk, float *vector, rtv_error *error) {
    const rtvi_segment *segment = loaded->snapshot->pieces[chunk].segment;
    const rtvi_chunk *rows = &loaded->snapshot->chunks[chunk];
    int32_t status = check_headers(source, &loaded->header, &segment->place, error);
    for (size_t row = 0; row < rows->num_rows && status == RTV_OK; row++)
        status = check_row(rows, &segment->place, segment->dim, row, error);
    if (status == RTV_OK) status = check_texts(segment, RTVI_COLUMN_KEY_OFFSETS, segment->place.key_bytes, error);
    if (status == RTV_OK) status = check_texts(segment, RTVI_COLUMN_PAYLOAD_OFFSETS, segment->place.payload_bytes, error);
    return status == RTV_OK ? check_vectors(loaded, chunk, vector, error) : status;
}

static int compare_ids(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int32_t check_ids(const rtvi_env *env, const rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_snapshot *snapshot = loaded->snapshot;
    rtvi_cursor cursor = {snapshot, 0, snapshot->rows.num_chunks, 0};
    int64_t *ids = rtvi_alloc(env, snapshot->rows.num_live, sizeof *ids);
    size_t count = 0;
    int32_t status = RTV_OK;
    rtvi_run run;
    if (!ids) return rtvi_error_out_of_memory(error, "index", snapshot->rows.num_live * sizeof *ids);
    for (; rtvi_cursor_next(&cursor, SIZE_MAX, &run); count += run.count)
        memcpy(ids + count, run.chunk->ids + run.first, run.count * sizeof *ids);
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < count && status == RTV_OK; i++)
        if (ids[i] == ids[i - 1]) status = rtvi_error_set(error, RTV_E_FORMAT, "index: id %lld: is there twice", (long long)ids[i]);
    if (status == RTV_OK && count > 0 && ids[count - 1] > loaded->largest_id)
        status = rtvi_error_set(error, RTV_E_FORMAT, "index: id %lld: is larger than the largest, %lld", (long long)ids[count - 1],
                                (long long)loaded->largest_id);
    rtvi_free(env, ids);
    return status;
}

int32_t rtvi_verify(const rtvi_loaded *loaded, rtv_progress_fn progress, void *user, rtv_error *error) {
    const rtvi_source *source = &loaded->mapping->source;
    const rtvi_env *env = source->env;
    float *vector = rtvi_alloc(env, (size_t)loaded->header.dim, sizeof *vector);
    int32_t status = RTV_OK;
    if (!vector) return rtvi_error_out_of_memory(error, "index", (size_t)loaded->header.dim * sizeof *vector);
    if (loaded->format != 0) status = check_roots(source, error);
    if (loaded->format != 0 && status == RTV_OK) status = check_blocks(source, loaded->root.end, progress, user, error);
    for (size_t i = 0; loaded->format != 0 && i < loaded->snapshot->rows.num_chunks && status == RTV_OK; i++)
        status = check_segment(source, loaded, i, vector, error);
    if (status == RTV_OK) status = check_ids(env, loaded, error);
    rtvi_free(env, vector);
    return status;
}
