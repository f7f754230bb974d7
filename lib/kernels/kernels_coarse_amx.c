/* kernels_coarse_amx.c - scores from 8-bit codes, AMX: tiles of 16 rows and 16 queries. The panel is as for VNNI, and sums are exact, so
 * events are the same. What does not fill tiles (few queries, single rows, other depths) is VNNI's. */
#include "kernels/kernels_coarse_x86.h"

#if defined(__x86_64__)

#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,popcnt,amx-tile,amx-int8")))
#define TILE 16 /* rows, and queries */
#define STEP 64 /* codes */

/* Tiles 0 to 5 are sums of two times 16 rows and 48 queries, 6 are codes of rows, 7 of queries: all of 16 lines of 64 bytes. */
typedef struct config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t lines[16];
} config;

static TARGET void load_config(void) {
    _Alignas(64) config c = {.palette = 1};
    for (size_t i = 0; i < 8; i++) {
        c.bytes[i] = 64;
        c.lines[i] = TILE;
    }
    _tile_loadconfig(&c);
}

/* Sums of 32 rows, from codes on, one every stride bytes, and nv times 16 queries: [2][nv][TILE][TILE]. */
static inline __attribute__((always_inline)) TARGET void add_up(const rtvi_coarse_panel *panel, size_t nv, const int8_t *codes,
                                                                size_t stride, int32_t *sums) {
    const uint8_t *query = panel->codes;
    const size_t width = nv * 64;
    const int8_t *low = codes, *high = codes + TILE * stride;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (size_t i = 0; i < panel->depth; i += STEP, query += STEP / 4 * width) {
        _tile_loadd(7, query, width);
        _tile_loadd(6, low + i, stride);
        _tile_dpbsud(0, 6, 7);
        _tile_loadd(6, high + i, stride);
        _tile_dpbsud(3, 6, 7);
        if (nv > 1) {
            _tile_loadd(7, query + 64, width);
            _tile_dpbsud(4, 6, 7);
            _tile_loadd(6, low + i, stride);
            _tile_dpbsud(1, 6, 7);
        }
        if (nv > 2) {
            _tile_loadd(7, query + 128, width);
            _tile_dpbsud(2, 6, 7);
            _tile_loadd(6, high + i, stride);
            _tile_dpbsud(5, 6, 7);
        }
    }
    _tile_stored(0, sums, 64);
    if (nv > 1) _tile_stored(1, sums + TILE * TILE, 64);
    if (nv > 2) _tile_stored(2, sums + 2 * TILE * TILE, 64);
    sums += nv * TILE * TILE;
    _tile_stored(3, sums, 64);
    if (nv > 1) _tile_stored(4, sums + TILE * TILE, 64);
    if (nv > 2) _tile_stored(5, sums + 2 * TILE * TILE, 64);
}

static inline __attribute__((always_inline)) TARGET size_t block(const rtvi_coarse_panel *panel, size_t nv, const float *limits,
                                                                 const uint8_t *const *records, size_t row, const float *row_limits,
                                                                 rtvi_coarse_event *events) {
    _Alignas(64) int32_t sums[2 * 3 * TILE * TILE];
    size_t count = 0;
    add_up(panel, nv, rtvi_codes_of(records[row]), (size_t)(records[row + 1] - records[row]), sums);
    for (size_t r = 0; r < 2 * TILE; r++, row++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)records[row];
        const __m512i bias = _mm512_set1_epi32(rtvi_coarse_unbias(0, panel->bias, head->sum));
        for (size_t v = 0; v < nv; v++) {
            const int32_t *at = sums + ((r / TILE * nv + v) * TILE + r % TILE) * TILE;
            count += rtvi_coarse_judge_lanes(panel, v * TILE, limits, records[row], row, row_limits,
                                             _mm512_add_epi32(_mm512_load_si512(at), bias), events + count);
        }
    }
    return count;
}

/* Whether the records lie one after the other. */
static int side_by_side(const uint8_t *const *records, size_t count, size_t depth) {
    const size_t size = sizeof(rtvi_coarse_head) + depth;
    for (size_t i = 1; i < count; i++)
        if ((uintptr_t)records[i] != (uintptr_t)records[i - 1] + size) return 0;
    return 1;
}

static TARGET size_t blocks(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t row,
                            const float *row_limits, rtvi_coarse_event *events) {
    switch (panel->width) {
        case TILE:
            return block(panel, 1, limits, records, row, row_limits, events);
        case 2 * TILE:
            return block(panel, 2, limits, records, row, row_limits, events);
        default:
            return block(panel, 3, limits, records, row, row_limits, events);
    }
}

TARGET size_t rtvi_coarse_scan_amx(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                                   const float *row_limits, rtvi_coarse_event *events) {
    size_t count = 0, before, row = 0;
    if (panel->width < TILE || panel->depth % STEP || num_rows < 2 * TILE || !side_by_side(records, num_rows, panel->depth))
        return rtvi_coarse_scan_vnni(panel, limits, records, num_rows, row_limits, events);
    load_config();
    for (; row + 2 * TILE <= num_rows; row += 2 * TILE) count += blocks(panel, limits, records, row, row_limits, events + count);
    _tile_release();
    before = count;
    if (row < num_rows)
        count += rtvi_coarse_scan_vnni(panel, limits, records + row, num_rows - row, row_limits ? row_limits + row : NULL, events + count);
    for (size_t i = before; i < count; i++) events[i].row = (uint16_t)(events[i].row + row);
    return count;
}

#endif
