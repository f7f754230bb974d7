/* flat_rows.h - what a search sees of an index: one consistent state of its rows, in chunks. */
#ifndef RTVI_FLAT_ROWS_H
#define RTVI_FLAT_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "index/flat.h"

/* Rows that lie side by side; all arrays are [num_rows]. */
typedef struct rtvi_chunk {
    size_t first_row; /* of all rows */
    size_t num_rows;
    const void *vectors;      /* [num_rows][dim] in the storage type, row-major; NULL for RTV_STORAGE_INT8 */
    const uint8_t *codes;     /* records of rtvi_codes_size(dim) bytes (flat_codes.h), aligned to 16 bytes */
    const int64_t *ids;       /* at least 0; unique among the rows that are not removed */
    const int32_t *classes;   /* -1 for none */
    const int32_t *predicted; /* -1 for none */
    const uint64_t *removed;  /* row r is gone when bit r % 64 of word r / 64 is set; NULL: none is */
} rtvi_chunk;

/* Rows are numbered through the chunks: those of the first, then those of the second ... */
typedef struct rtvi_rows {
    size_t dim;
    int32_t storage; /* RTV_STORAGE_* */
    size_t num_rows; /* of all chunks, removed ones included */
    size_t num_live;
    size_t num_chunks;
    const rtvi_chunk *chunks; /* [num_chunks], none of them empty */
} rtvi_rows;

/* The chunk of a row, which becomes its number in the chunk. */
static inline const rtvi_chunk *rtvi_rows_locate(const rtvi_rows *rows, size_t *row) {
    size_t low = 0, high = rows->num_chunks;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (rows->chunks[middle].first_row <= *row)
            low = middle;
        else
            high = middle;
    }
    *row -= rows->chunks[low].first_row;
    return &rows->chunks[low];
}

static inline int rtvi_chunk_is_removed(const rtvi_chunk *chunk, size_t row) {
    return chunk->removed && (chunk->removed[row / 64] >> (row % 64) & 1) != 0;
}

/* One consistent state of the index, which stays as it is until it is given back. A change may have to wait for that. */
const rtvi_rows *rtvi_flat_rows_take(rtvi_flat *flat);
void rtvi_flat_rows_give(rtvi_flat *flat, const rtvi_rows *rows);
/* The number of the live row with this id; 0 when there is none. */
int rtvi_flat_rows_find(rtvi_flat *flat, const rtvi_rows *rows, int64_t id, size_t *row);

#endif
