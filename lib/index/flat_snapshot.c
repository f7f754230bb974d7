/* flat_snapshot.c - one state of the items. */
#include "index/flat_snapshot.h"

#include <string.h>

static int32_t no_memory(rtv_error *error, size_t size) { return rtvi_error_out_of_memory(error, "index", size); }

int32_t rtvi_bits_create(const rtvi_env *env, size_t rows, rtvi_bits **out, rtv_error *error) {
    const size_t words = rows / 64 + (rows % 64 != 0), size = sizeof(rtvi_bits) + words * sizeof(uint64_t);
    rtvi_bits *bits = rtvi_alloc_zero(env, size, 1);
    if (!bits) return no_memory(error, size);
    bits->env = env;
    bits->num_words = words;
    atomic_init(&bits->references, 1);
    *out = bits;
    return RTV_OK;
}

void rtvi_bits_release(rtvi_bits *bits) {
    if (bits && atomic_fetch_sub(&bits->references, 1) == 1) rtvi_free(bits->env, bits);
}

int32_t rtvi_snapshot_create(const rtvi_env *env, size_t dim, int32_t storage, const rtvi_snapshot *from, size_t num_chunks,
                             rtvi_snapshot **out, rtv_error *error) {
    rtvi_snapshot *snapshot = rtvi_alloc_zero(env, 1, sizeof *snapshot);
    int32_t status = RTV_OK;
    if (!snapshot) return no_memory(error, sizeof *snapshot);
    snapshot->env = env;
    snapshot->rows.dim = dim;
    snapshot->rows.storage = storage;
    atomic_init(&snapshot->references, 1);
    for (size_t i = 0; i < num_chunks && status == RTV_OK; i++) status = rtvi_snapshot_share(snapshot, from, i, error);
    if (status == RTV_OK)
        *out = snapshot;
    else
        rtvi_snapshot_release(snapshot);
    return status;
}

static void drop_piece(rtvi_piece *piece) {
    rtvi_segment_release(piece->segment);
    rtvi_bits_release(piece->removed);
}

void rtvi_snapshot_release(rtvi_snapshot *snapshot) {
    if (!snapshot || atomic_fetch_sub(&snapshot->references, 1) != 1) return;
    for (size_t i = 0; i < snapshot->rows.num_chunks; i++) drop_piece(&snapshot->pieces[i]);
    rtvi_free(snapshot->env, snapshot->pieces);
    rtvi_free(snapshot->env, snapshot->chunks);
    rtvi_free(snapshot->env, snapshot);
}

static int reserve(rtvi_snapshot *s) {
    size_t pieces = s->capacity, chunks = s->capacity;
    const size_t have = s->rows.num_chunks;
    if (!rtvi_grow(s->env, (void **)&s->pieces, &pieces, have, have + 1, sizeof *s->pieces)) return 0;
    if (!rtvi_grow(s->env, (void **)&s->chunks, &chunks, have, have + 1, sizeof *s->chunks)) return 0;
    s->capacity = chunks; /* both grew alike */
    s->rows.chunks = s->chunks;
    return 1;
}

int32_t rtvi_snapshot_push(rtvi_snapshot *snapshot, rtvi_segment *segment, size_t rows, rtvi_bits *removed, rtv_error *error) {
    const size_t at = snapshot->rows.num_chunks;
    rtvi_piece piece = {segment, removed};
    if (!reserve(snapshot)) {
        drop_piece(&piece);
        return no_memory(error, (at + 1) * sizeof(rtvi_chunk));
    }
    snapshot->pieces[at] = piece;
    snapshot->chunks[at] = rtvi_segment_chunk(segment, rows);
    snapshot->chunks[at].removed = removed ? removed->words : NULL;
    snapshot->rows.num_chunks++;
    return RTV_OK;
}

int32_t rtvi_snapshot_share(rtvi_snapshot *snapshot, const rtvi_snapshot *from, size_t chunk, rtv_error *error) {
    const rtvi_piece *piece = &from->pieces[chunk];
    rtvi_segment_retain(piece->segment);
    if (piece->removed) atomic_fetch_add(&piece->removed->references, 1);
    return rtvi_snapshot_push(snapshot, piece->segment, from->chunks[chunk].num_rows, piece->removed, error);
}

/* The bits of a chunk, the snapshot's own. */
static int32_t own_bits(rtvi_snapshot *snapshot, size_t chunk, rtv_error *error) {
    rtvi_piece *piece = &snapshot->pieces[chunk];
    rtvi_bits *bits = NULL;
    int32_t status;
    if (piece->removed && atomic_load(&piece->removed->references) == 1) return RTV_OK;
    status = rtvi_bits_create(snapshot->env, piece->segment->capacity, &bits, error);
    if (status != RTV_OK) return status;
    if (piece->removed) {
        memcpy(bits->words, piece->removed->words, piece->removed->num_words * sizeof *bits->words);
        bits->num_set = piece->removed->num_set;
        rtvi_bits_release(piece->removed);
    }
    piece->removed = bits;
    snapshot->chunks[chunk].removed = bits->words;
    return RTV_OK;
}

int32_t rtvi_snapshot_remove(rtvi_snapshot *snapshot, size_t chunk, size_t row, rtv_error *error) {
    const int32_t status = own_bits(snapshot, chunk, error);
    rtvi_bits *bits = snapshot->pieces[chunk].removed;
    if (status != RTV_OK) return status;
    bits->words[row / 64] |= UINT64_C(1) << (row % 64);
    bits->num_set++;
    bits->offset = 0;
    return RTV_OK;
}

void rtvi_snapshot_finish(rtvi_snapshot *s) {
    size_t kept = 0;
    s->rows.num_rows = s->rows.num_live = 0;
    for (size_t i = 0; i < s->rows.num_chunks; i++) {
        const size_t live = rtvi_snapshot_live(s, i);
        if (live == 0) {
            drop_piece(&s->pieces[i]);
            continue;
        }
        s->pieces[kept] = s->pieces[i];
        s->chunks[kept] = s->chunks[i];
        s->chunks[kept++].first_row = s->rows.num_rows;
        s->rows.num_rows += s->chunks[i].num_rows;
        s->rows.num_live += live;
    }
    s->rows.num_chunks = kept;
}

int rtvi_snapshot_find_id(const rtvi_snapshot *snapshot, int64_t id, size_t *chunk, size_t *row) {
    for (*chunk = snapshot->rows.num_chunks; (*chunk)-- > 0;)
        if (rtvi_segment_find_id(snapshot->pieces[*chunk].segment, &snapshot->chunks[*chunk], id, row)) return 1;
    return 0;
}

int rtvi_snapshot_find_key(const rtvi_snapshot *snapshot, rtv_bytes key, size_t *chunk, size_t *row) {
    int found = 0;
    for (size_t i = 0; i < snapshot->rows.num_chunks; i++) {
        size_t at;
        if (!rtvi_segment_find_key(snapshot->pieces[i].segment, &snapshot->chunks[i], key, &at)) continue;
        if (found && snapshot->chunks[i].ids[at] > snapshot->chunks[*chunk].ids[*row]) continue;
        *chunk = i;
        *row = at;
        found = 1;
    }
    return found;
}

int rtvi_cursor_next(rtvi_cursor *cursor, size_t most, rtvi_run *run) {
    for (; cursor->chunk < cursor->end && most > 0; cursor->chunk++, cursor->row = 0) {
        const rtvi_chunk *chunk = &cursor->snapshot->chunks[cursor->chunk];
        size_t first = cursor->row, end;
        while (first < chunk->num_rows && rtvi_chunk_is_removed(chunk, first)) first++;
        if (first == chunk->num_rows) continue;
        end = most < chunk->num_rows - first ? first + most : chunk->num_rows;
        if (chunk->removed)
            for (size_t i = first + 1; i < end; i++)
                if (rtvi_chunk_is_removed(chunk, i)) end = i;
        *run = (rtvi_run){cursor->snapshot->pieces[cursor->chunk].segment, chunk, first, end - first};
        cursor->row = end;
        return 1;
    }
    return 0;
}
