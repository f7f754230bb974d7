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
    if (s->row_limits) memcpy(block->limits + block->count, s->row_limits + number, count * sizeof *block->limits);
    block->count += count;
    *at += count;
}

static void gather_some(const rtvi_scan *s, rtvi_scan_block *block, const rtvi_chunk *chunk, size_t *at, size_t last) {
    const size_t size = rtvi_codes_size(s->rows->dim);
    for (; *at < last && block->count < RTVI_COARSE_ROWS; ++*at) {
        const size_t number = chunk->first_row + *at;
        if (!rtvi_filter_takes(s->filter, chunk, *at)) continue;
        if (s->row_limits) block->limits[block->count] = s->row_limits[number];
        block->records[block->count] = chunk->codes + *at * size;
        block->numbers[block->count++] = (uint32_t)number;
    }
}

/* The next rows from *row on that pass the filter. */
static void gather(const rtvi_scan *s, rtvi_scan_block *block, size_t *row, size_t end) {
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
}

void rtvi_scan_run(const rtvi_scan *s, size_t lane, size_t first, size_t last, rtvi_scan_fn take, void *arg) {
    rtvi_scan_lane *own = &s->lane[lane];
    for (size_t row = first; row < last;) {
        gather(s, &own->block, &row, last);
        for (size_t q = 0; q < s->num_queries && own->block.count > 0; q += RTVI_COARSE_WIDTH) {
            const rtvi_coarse_panel panel = panel_at(s, q);
            const size_t count = s->kernel(&panel, rtvi_scan_limits(s, lane) + q, own->block.records, own->block.count,
                                           s->row_limits ? own->block.limits : NULL, own->events);
            if (count) take(arg, lane, q, own->events, count, &own->block);
        }
    }
}
