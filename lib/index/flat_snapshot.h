/* flat_snapshot.h - one state of the items. It never changes once it is shown: a change makes the next one, which shares the segments, and
 * takes its place. */
#ifndef RTVI_FLAT_SNAPSHOT_H
#define RTVI_FLAT_SNAPSHOT_H

#include "index/flat_segment.h"

/* Which rows of a segment are removed. */
typedef struct rtvi_bits {
    const rtvi_env *env;
    atomic_int references;
    uint64_t offset, checksum; /* of the bytes in the index's file; offset 0: not there */
    size_t num_words, num_set;
    uint64_t words[];
} rtvi_bits;

typedef struct rtvi_piece {
    rtvi_segment *segment;
    rtvi_bits *removed; /* NULL for none */
} rtvi_piece;

typedef struct rtvi_snapshot {
    rtvi_rows rows; /* first: searches get a pointer to it */
    const rtvi_env *env;
    atomic_int references;
    size_t capacity;
    rtvi_chunk *chunks; /* [rows.num_chunks] */
    rtvi_piece *pieces; /* [rows.num_chunks] */
} rtvi_snapshot;

int32_t rtvi_bits_create(const rtvi_env *env, size_t rows, rtvi_bits **bits, rtv_error *error);
void rtvi_bits_release(rtvi_bits *bits);

/* A snapshot with the first num_chunks chunks of another (NULL for an empty one), to be changed until it is shown. */
int32_t rtvi_snapshot_create(const rtvi_env *env, size_t dim, int32_t storage, const rtvi_snapshot *from, size_t num_chunks,
                             rtvi_snapshot **snapshot, rtv_error *error);
void rtvi_snapshot_release(rtvi_snapshot *snapshot);
/* Both references become the snapshot's, also on failure. removed may be NULL. */
int32_t rtvi_snapshot_push(rtvi_snapshot *snapshot, rtvi_segment *segment, size_t rows, rtvi_bits *removed, rtv_error *error);
/* Appends a chunk of another snapshot. */
int32_t rtvi_snapshot_share(rtvi_snapshot *snapshot, const rtvi_snapshot *from, size_t chunk, rtv_error *error);
int32_t rtvi_snapshot_remove(rtvi_snapshot *snapshot, size_t chunk, size_t row, rtv_error *error);
/* Counts rows, and drops the chunks in which nothing is left. */
void rtvi_snapshot_finish(rtvi_snapshot *snapshot);

static inline size_t rtvi_snapshot_live(const rtvi_snapshot *snapshot, size_t chunk) {
    const rtvi_bits *removed = snapshot->pieces[chunk].removed;
    return snapshot->chunks[chunk].num_rows - (removed ? removed->num_set : 0);
}

int rtvi_snapshot_find_id(const rtvi_snapshot *snapshot, int64_t id, size_t *chunk, size_t *row);
int rtvi_snapshot_find_key(const rtvi_snapshot *snapshot, rtv_bytes key, size_t *chunk, size_t *row);

/* Walks over the rows that are not removed, in order, in runs that lie side by side. */
typedef struct rtvi_cursor {
    const rtvi_snapshot *snapshot;
    size_t chunk, end, row; /* chunk.row comes next; chunk end is the first that does not belong */
} rtvi_cursor;

typedef struct rtvi_run {
    const rtvi_segment *segment;
    const rtvi_chunk *chunk;
    size_t first, count;
} rtvi_run;

/* The next run of at most that many rows; 0 at the end. */
int rtvi_cursor_next(rtvi_cursor *cursor, size_t most, rtvi_run *run);

#endif
