/* flat_scan.c - the coarse pass: panels of queries against blocks of rows. */
#include "index/flat_scan.h"

#include <math.h>
#include <string.h>

static size_t width_of(size_t queries) {
    if (queries <= RTVI_COARSE_NARROW) return queries;
    return rtvi_divide_up(queries, RTVI_COARSE_LANES) * RTVI_COARSE_LANES;
}

void rtvi_scan_init(rtvi_scan *s, const rtvi_rows *rows, const rtvi_filter *filter, int32_t isa, size_t max_queries, size_t lanes) {
    *s = (rtvi_scan){.rows = rows,
                     .filter = filter,
                     .kernel = rtvi_coarse_select_scan(isa),
                     .encode = rtvi_coarse_select_encode(isa),
                     .levels = rtvi_coarse_levels(isa),
                     .max_queries = max_queries,
                     .max_width = rtvi_divide_up(max_queries, RTVI_COARSE_LANES) * RTVI_COARSE_LANES,
                     .lanes = lanes};
}

void rtvi_scan_lay_out(rtvi_scan *s, rtvi_arena *arena) {
    const size_t depth = rtvi_codes_dim(s->rows->dim);
    s->codes = rtvi_arena_carve(arena, s->max_width, rtvi_divide_up(depth, 64) * 64, 1);
    s->scale = rtvi_arena_carve(arena, s->max_width, 1, sizeof *s->scale);
    s->length_slope = rtvi_arena_carve(arena, s->max_width, 1, sizeof *s->length_slope);
    s->rest_slope = rtvi_arena_carve(arena, s->max_width, 1, sizeof *s->rest_slope);
    s->record = rtvi_arena_carve(arena, rtvi_codes_size(s->rows->dim), 1, 1);
    s->limits = rtvi_arena_carve(arena, s->lanes, s->max_width, sizeof *s->limits);
    s->lane = rtvi_arena_carve(arena, s->lanes, 1, sizeof *s->lane);
    s->copies =
        rtvi_arena_carve(arena, s->copies_records ? s->lanes * RTVI_SCAN_BLOCKS * RTVI_COARSE_ROWS : 0, rtvi_codes_size(s->rows->dim), 1);
}

/* The panel of the queries from first on; all but the last are RTVI_COARSE_WIDTH wide. */
static rtvi_coarse_panel panel_at(const rtvi_scan *s, size_t first) {
    const size_t depth = rtvi_codes_dim(s->rows->dim);
    return (rtvi_coarse_panel){.width = rtvi_least(width_of(s->num_queries - first), RTVI_COARSE_WIDTH),
                               .depth = depth,
                               .bias = s->levels == 127 ? 128 : s->levels,
                               .codes = s->codes + first * depth,
                               .scale = s->scale + first,
                               .length_slope = s->length_slope + first,
                               .rest_slope = s->rest_slope + first};
}

void rtvi_scan_set_queries(rtvi_scan *s, const float *queries, size_t count, float limit) {
    s->num_queries = count;
    for (size_t first = 0; first < count; first += RTVI_COARSE_WIDTH) {
        rtvi_coarse_panel panel = panel_at(s, first);
        const size_t used = rtvi_least(count - first, panel.width);
        for (size_t q = 0; q < used; q++) {
            s->encode(queries + (first + q) * s->rows->dim, s->rows->dim, s->levels, s->record);
            rtvi_coarse_put(&panel, q, s->record);
        }
        rtvi_coarse_fill(&panel, used);
    }
    for (size_t lane = 0; lane < s->lanes; lane++)
        for (size_t q = 0; q < s->max_width; q++) rtvi_scan_limits(s, lane)[q] = q < count ? limit : INFINITY;
}

/* The rows of a chunk from *at on, all of which pass. */
static void gather_all(const rtvi_scan *s, rtvi_scan_block *block, const rtvi_chunk *chunk, size_t *at, size_t last) {
    const size_t size = rtvi_codes_size(s->rows->dim), count = rtvi_least(last - *at, RTVI_COARSE_ROWS - block->count);
    const size_t number = chunk->first_row + *at;
    for (size_t i = 0; i < count; i++) {
        block->records[block->count + i] = chunk->codes + (*at + i) * size;
        block->numbers[block->count + i] = (uint32_t)(number + i);
    }
    block->count += count;
    *at += count;
}

static void gather_some(const rtvi_scan *s, rtvi_scan_block *block, const rtvi_chunk *chunk, size_t *at, size_t last) {
    const size_t size = rtvi_codes_size(s->rows->dim);
    for (; *at < last && block->count < RTVI_COARSE_ROWS; ++*at) {
        const size_t number = chunk->first_row + *at;
        if (!rtvi_filter_takes(s->filter, chunk, *at)) continue;
        block->records[block->count] = chunk->codes + *at * size;
        block->numbers[block->count++] = (uint32_t)number;
    }
}

/* The rows at the places from *place on. */
static void gather_ordered(const rtvi_scan *s, size_t lane, rtvi_scan_block *block, size_t *place, size_t end) {
    const size_t size = rtvi_codes_size(s->rows->dim);
    uint8_t *copy = s->copies_records ? s->copies + (lane * RTVI_SCAN_BLOCKS + block->index) * RTVI_COARSE_ROWS * size : NULL;
    block->place = *place;
    block->count = rtvi_least(end - *place, RTVI_COARSE_ROWS);
    for (size_t i = 0; i < block->count; i++) {
        size_t row = s->order[*place + i];
        const rtvi_chunk *chunk;
        block->numbers[i] = (uint32_t)row;
        chunk = rtvi_rows_locate(s->rows, &row);
        block->records[i] = chunk->codes + row * size;
        if (copy) block->records[i] = memcpy(copy + i * size, block->records[i], size);
    }
    *place += block->count;
}

/* The rows from *row on that pass the filter. */
static void gather_filtered(const rtvi_scan *s, rtvi_scan_block *block, size_t *row, size_t end) {
    block->count = 0;
    while (*row < end && block->count < RTVI_COARSE_ROWS) {
        size_t at = *row, last;
        const rtvi_chunk *chunk = rtvi_rows_locate(s->rows, &at);
        last = rtvi_least(chunk->num_rows, end - chunk->first_row);
        if (rtvi_filter_takes_all(s->filter, chunk))
            gather_all(s, block, chunk, &at, last);
        else
            gather_some(s, block, chunk, &at, last);
        *row = chunk->first_row + at;
    }
    block->place = block->count > 0 ? block->numbers[0] : end;
}

/* The next rows, as many blocks as there may be; how many there are. */
static size_t gather(const rtvi_scan *s, size_t lane, size_t *row, size_t end) {
    rtvi_scan_block *blocks = s->lane[lane].blocks;
    size_t count = 0;
    while (*row < end && count < RTVI_SCAN_BLOCKS) {
        blocks[count].index = count;
        if (s->order)
            gather_ordered(s, lane, &blocks[count], row, end);
        else
            gather_filtered(s, &blocks[count], row, end);
        count += blocks[count].count > 0;
    }
    return count;
}

void rtvi_scan_run(const rtvi_scan *s, size_t lane, size_t first, size_t last, rtvi_scan_fn take, void *arg) {
    rtvi_scan_lane *own = &s->lane[lane];
    for (size_t row = first; row < last;) {
        const size_t num_blocks = gather(s, lane, &row, last);
        for (size_t q = 0; q < s->num_queries && num_blocks > 0; q += RTVI_COARSE_WIDTH) {
            const rtvi_coarse_panel panel = panel_at(s, q);
            for (size_t b = 0; b < num_blocks; b++) {
                const rtvi_scan_block *block = &own->blocks[b];
                size_t count;
                if (s->instead && s->instead(arg, lane, q, block)) continue;
                count = s->kernel(&panel, rtvi_scan_limits(s, lane) + q, block->records, block->count,
                                  s->row_limits ? s->row_limits + block->place : NULL, own->events);
                if (count) take(arg, lane, q, own->events, count, block);
            }
        }
    }
}
