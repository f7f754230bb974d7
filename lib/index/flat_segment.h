/* flat_segment.h - rows side by side, in memory or in a mapped file. Rows are only ever appended; which of them count is told by the
 * snapshots (flat_snapshot.h), so that who reads a snapshot is not disturbed by who appends. */
#ifndef RTVI_FLAT_SEGMENT_H
#define RTVI_FLAT_SEGMENT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/base_file.h"
#include "index/flat_rows.h"

/* Bytes under segments; the last one that lets go unmaps them. */
typedef struct rtvi_mapping {
    atomic_int references;
    rtvi_source source;
} rtvi_mapping;

/* Takes the source over, also on failure; one reference is the caller's. */
int32_t rtvi_mapping_create(rtvi_source *source, rtvi_mapping **mapping, rtv_error *error);
void rtvi_mapping_release(rtvi_mapping *mapping);

enum {
    RTVI_COLUMN_VECTORS,
    RTVI_COLUMN_CODES,
    RTVI_COLUMN_IDS,
    RTVI_COLUMN_CLASSES,
    RTVI_COLUMN_PREDICTED,
    RTVI_COLUMN_KEY_OFFSETS,
    RTVI_COLUMN_KEYS,
    RTVI_COLUMN_PAYLOAD_OFFSETS,
    RTVI_COLUMN_PAYLOADS,
    RTVI_NUM_COLUMNS
};

/* Bytes of a row in a column of fixed width; 0 for the others. */
size_t rtvi_column_width(int column, size_t dim, int32_t storage);
/* What a row takes in all, keys and payloads left out. */
size_t rtvi_row_width(size_t dim, int32_t storage);

enum { RTVI_SEGMENT_ASCENDING = 1 }; /* ids rise from row to row */

/* Where a segment's columns lie in a file. */
typedef struct rtvi_place {
    uint64_t rows;
    uint64_t columns[RTVI_NUM_COLUMNS]; /* offsets of their bytes; 0 for none */
    uint64_t key_bytes, payload_bytes;
    int64_t min_id, max_id;
    uint32_t flags;
} rtvi_place;

/* Rows by the hash of something of theirs: a chain for each hash, the last row first. */
typedef struct rtvi_row_table {
    uint32_t *heads; /* [size] row + 1, or 0 */
    uint32_t *next;  /* [capacity of the segment] row + 1, or 0 */
    size_t size, filled;
} rtvi_row_table;

typedef struct rtvi_segment {
    const rtvi_env *env;
    atomic_int references;
    rtvi_mapping *mapping; /* NULL: the columns are the segment's own */
    rtvi_place place;      /* in the mapping's file */
    size_t dim, capacity;
    int32_t storage;
    void *columns[RTVI_NUM_COLUMNS]; /* NULL: vectors of int8 indexes, texts when there are none */
    void *made_codes;                /* the codes of a mapped file that has none */
    size_t key_capacity, payload_capacity;
    pthread_mutex_t lock; /* of the tables, which are made when they are first needed */
    rtvi_row_table by_id, by_key;
} rtvi_segment;

/* An empty segment in memory with room for rows, keys and payloads. */
int32_t rtvi_segment_create(const rtvi_env *env, size_t dim, int32_t storage, size_t rows, size_t key_bytes, size_t payload_bytes,
                            rtvi_segment **segment, rtv_error *error);
/* Over bytes that begin at an offset of the file; the place has been checked. */
int32_t rtvi_segment_over(rtvi_mapping *mapping, uint64_t offset, const rtvi_place *place, size_t dim, int32_t storage,
                          rtvi_segment **segment, rtv_error *error);
void rtvi_segment_retain(rtvi_segment *segment);
void rtvi_segment_release(rtvi_segment *segment);
size_t rtvi_segment_memory(rtvi_segment *segment);

/* The chunk of its first rows. */
rtvi_chunk rtvi_segment_chunk(const rtvi_segment *segment, size_t rows);
/* Never beyond the column's bytes, whatever a damaged file says. */
rtv_bytes rtvi_segment_key(const rtvi_segment *segment, size_t row);
rtv_bytes rtvi_segment_payload(const rtvi_segment *segment, size_t row);
/* Whether the texts fit behind those of rows. */
int rtvi_segment_fits(const rtvi_segment *segment, size_t rows, size_t more, size_t key_bytes, size_t payload_bytes);
void rtvi_segment_put_key(rtvi_segment *segment, size_t row, rtv_bytes key);
void rtvi_segment_put_payload(rtvi_segment *segment, size_t row, rtv_bytes payload);

/* The row of the chunk of this segment with this id that is not removed; 0 when there is none. */
int rtvi_segment_find_id(rtvi_segment *segment, const rtvi_chunk *chunk, int64_t id, size_t *row);
/* The one with this key, and of several the one with the smallest id. */
int rtvi_segment_find_key(rtvi_segment *segment, const rtvi_chunk *chunk, rtv_bytes key, size_t *row);

#endif
