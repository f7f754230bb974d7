/* kernels_dot.c - canonical inner products: packing, the plain-C form, and the choice among the forms. */
#include "kernels/kernels_dot.h"

#include <string.h>

#include <retrieve/runtime.h>

void rtvi_dot_pack(const float *queries, size_t num_queries, size_t dim, double *panel) {
    for (size_t base = 0; base < dim; base += RTVI_DOT_LANES) {
        for (size_t q = 0; q < num_queries; q++) {
            for (size_t j = 0; j < RTVI_DOT_LANES; j++) *panel++ = base + j < dim ? (double)queries[q * dim + base + j] : 0.0;
        }
    }
}

static float join_lanes(const double l[RTVI_DOT_LANES]) {
    return (float)(((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7])));
}

static float dot(const double *query, size_t step, size_t dim, const float *row) {
    double lanes[RTVI_DOT_LANES] = {0};
    for (size_t base = 0; base + RTVI_DOT_LANES <= dim; base += RTVI_DOT_LANES, query += step) {
        for (size_t j = 0; j < RTVI_DOT_LANES; j++) lanes[j] += query[j] * (double)row[base + j];
    }
    for (size_t j = 0; j < dim % RTVI_DOT_LANES; j++) lanes[j] += query[j] * (double)row[dim - dim % RTVI_DOT_LANES + j];
    return join_lanes(lanes);
}

void rtvi_dot_panel_c(const double *panel, size_t num_queries, size_t dim, const float *const *rows, size_t num_rows, float *scores,
                      size_t stride) {
    for (size_t r = 0; r < num_rows; r++) {
        for (size_t q = 0; q < num_queries; q++) {
            scores[q * stride + r] = dot(panel + q * RTVI_DOT_LANES, num_queries * RTVI_DOT_LANES, dim, rows[r]);
        }
    }
}

rtvi_dot_panel_fn rtvi_dot_select(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return rtvi_dot_panel_avx512;
    if (isa >= RTV_ISA_AVX2) return rtvi_dot_panel_avx2;
#endif
    (void)isa;
    return rtvi_dot_panel_c;
}

static int is_nonfinite(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7f800000u) == 0x7f800000u;
}

size_t rtvi_dot_first_nonfinite(const float *x, size_t count) {
    size_t at = 0;
    /* Whole groups without a branch inside, so that compilers vectorise the test. */
    for (; at + 64 <= count; at += 64) {
        int any = 0;
        for (size_t i = 0; i < 64; i++) any |= is_nonfinite(x[at + i]);
        if (any) break;
    }
    while (at < count && !is_nonfinite(x[at])) at++;
    return at;
}
