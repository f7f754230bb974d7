/* flat_filter.h - which rows take part in a search. */
#ifndef RTVI_FLAT_FILTER_H
#define RTVI_FLAT_FILTER_H

#include "index/flat_rows.h"

typedef struct rtvi_filter {
    int32_t class_id, predicted; /* -1 for all */
    const uint8_t *bits;         /* by id, the caller's; NULL for all */
    int64_t num_bits;
    uint64_t *set; /* by row, of a list of ids; NULL for all */
} rtvi_filter;

/* What the options say, but for what differs from query to query. without[num_without] rows are left out. Errors: INVALID_ARGUMENT,
 * OUT_OF_MEMORY. */
int32_t rtvi_filter_init(rtvi_flat *flat, const rtvi_rows *rows, const rtv_search_options *options, const size_t *without,
                         size_t num_without, rtvi_filter *filter, rtv_error *error);
void rtvi_filter_destroy(const rtvi_flat *flat, rtvi_filter *filter);

/* Whether all of a chunk's rows take part. */
static inline int rtvi_filter_takes_all(const rtvi_filter *filter, const rtvi_chunk *chunk) {
    return !chunk->removed && filter->class_id < 0 && filter->predicted < 0 && !filter->set && !filter->bits;
}

/* Whether a chunk's row takes part. */
static inline int rtvi_filter_takes(const rtvi_filter *filter, const rtvi_chunk *chunk, size_t row) {
    const size_t number = chunk->first_row + row;
    if (rtvi_chunk_is_removed(chunk, row)) return 0;
    if (filter->class_id >= 0 && chunk->classes[row] != filter->class_id) return 0;
    if (filter->predicted >= 0 && chunk->predicted[row] != filter->predicted) return 0;
    if (filter->set && !(filter->set[number / 64] >> (number % 64) & 1)) return 0;
    if (!filter->bits) return 1;
    /* In a damaged file an id may be negative. */
    return (uint64_t)chunk->ids[row] < (uint64_t)filter->num_bits && (filter->bits[chunk->ids[row] / 8] >> (chunk->ids[row] % 8) & 1);
}

#endif
