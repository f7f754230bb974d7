/* kernels_coarse.c - scores from 8-bit codes: panels of queries, the plain-C form, and the choice among the forms. Sums of codes are exact
 * and what follows is rounded the same way in every form, so all give the same events. */
#include "kernels/kernels_coarse.h"

#include <math.h>
#include <string.h>

#include <retrieve/runtime.h>

size_t rtvi_coarse_codes_size(size_t width, size_t depth) {
    return width <= RTVI_COARSE_NARROW ? width * ((depth + 63) / 64 * 64) : width * depth;
}

/* With VNNI sums of four products are exact; AVX2 adds two in 16 bits, and 128 * 127 * 2 fits. */
int32_t rtvi_coarse_levels(int32_t isa) { return isa >= RTV_ISA_AVX512_VNNI || isa < RTV_ISA_AVX2 ? 127 : 64; }

static void put_codes(rtvi_coarse_panel *panel, size_t place, const int8_t *codes) {
    const size_t depth = panel->depth, width = panel->width, stride = (depth + 63) / 64 * 64;
    if (width <= RTVI_COARSE_NARROW) {
        uint8_t *to = panel->codes + place * stride;
        for (size_t i = 0; i < depth; i++) to[i] = (uint8_t)(codes[i] + panel->bias);
        memset(to + depth, 0, stride - depth);
        return;
    }
    for (size_t i = 0; i < depth; i += 4) {
        uint8_t *to = panel->codes + (i / 4 * width + place) * 4;
        for (size_t j = 0; j < 4; j++) to[j] = (uint8_t)(codes[i + j] + panel->bias);
    }
}

void rtvi_coarse_put(rtvi_coarse_panel *panel, size_t place, const void *record) {
    const rtvi_coarse_head *head = record;
    put_codes(panel, place, rtvi_codes_of(record));
    panel->scale[place] = head->scale;
    rtvi_coarse_slopes(head, &panel->length_slope[place], &panel->rest_slope[place]);
}

void rtvi_coarse_fill(rtvi_coarse_panel *panel, size_t first) {
    for (size_t place = first; place < panel->width; place++) {
        panel->scale[place] = panel->length_slope[place] = panel->rest_slope[place] = 0;
        for (size_t i = 0; i < panel->depth; i += 4) memset(panel->codes + (i / 4 * panel->width + place) * 4, 0, 4);
    }
}

static int32_t sum_of(const rtvi_coarse_panel *panel, size_t place, const int8_t *codes) {
    const size_t depth = panel->depth;
    int32_t sum = 0;
    if (panel->width <= RTVI_COARSE_NARROW) {
        const uint8_t *query = panel->codes + place * ((depth + 63) / 64 * 64);
        for (size_t i = 0; i < depth; i++) sum += (int32_t)query[i] * codes[i];
    } else {
        const uint8_t *query = panel->codes + place * 4;
        for (size_t i = 0; i < depth; i += 4, query += panel->width * 4)
            for (size_t j = 0; j < 4; j++) sum += (int32_t)query[j] * codes[i + j];
    }
    return sum;
}

size_t rtvi_coarse_scan_c(const rtvi_coarse_panel *panel, const float *limits, const uint8_t *const *records, size_t num_rows,
                          const float *row_limits, rtvi_coarse_event *events) {
    size_t count = 0;
    for (size_t r = 0; r < num_rows; r++) {
        const rtvi_coarse_head *head = (const rtvi_coarse_head *)(const void *)records[r];
        for (size_t q = 0; q < panel->width; q++) {
            const int32_t sum = rtvi_coarse_unbias(sum_of(panel, q, rtvi_codes_of(records[r])), panel->bias, head->sum);
            const float score = (float)sum * head->scale * panel->scale[q];
            const float highest = score + rtvi_coarse_slack(head, panel->length_slope[q], panel->rest_slope[q]);
            if (highest < limits[q] && (!row_limits || highest < row_limits[r])) continue; /* a NaN goes on */
            events[count++] = (rtvi_coarse_event){(uint16_t)q, (uint16_t)r, score};
        }
    }
    return count;
}

/* A tile is loaded from rows that are the same distance apart. */
int rtvi_coarse_wants_side_by_side(int32_t isa) { return isa >= RTV_ISA_AMX; }

rtvi_coarse_scan_fn rtvi_coarse_select_scan(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AMX) return rtvi_coarse_scan_amx;
    if (isa >= RTV_ISA_AVX512_VNNI) return rtvi_coarse_scan_vnni;
    if (isa >= RTV_ISA_AVX2) return rtvi_coarse_scan_avx2;
#endif
    (void)isa;
    return rtvi_coarse_scan_c;
}
