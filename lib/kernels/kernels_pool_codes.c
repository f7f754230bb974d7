/* kernels_pool_codes.c - mean, maximum and generalised mean over the positions of a map of codes. */
#include "kernels/kernels_codes.h"

#include "kernels/kernels.h"

/* Channels reduced side by side, and positions added in int32 before they go to int64: |q - z| <= 255, and 128 * 255^3 fits. */
#define GROUP 64
#define SPAN 128
_Static_assert((int64_t)SPAN * 255 * 255 * 255 <= INT32_MAX, "partial sums fit");

enum { REDUCE_SUM, REDUCE_CUBES, REDUCE_MAX };

/* s8 as u8: a code's byte with the sign bit flipped is the code plus 128. */
typedef struct reading {
    uint8_t flip;
    int32_t zero;
} reading;

static reading reading_of(const rtvi_code_type *type) {
    return type->dtype == RTVI_U8 ? (reading){0, type->zero_point} : (reading){0x80, type->zero_point + 128};
}

/* part[c] over a span of positions of one group. Inlined with constants so that the compiler can vectorise over channels. */
static inline __attribute__((always_inline)) void reduce_span(const uint8_t *x, int64_t channel_step, int64_t position_step,
                                                              int64_t channels, int64_t positions, reading r, int how,
                                                              int32_t part[GROUP]) {
    for (int64_t c = 0; c < channels; c++) part[c] = how == REDUCE_MAX ? INT32_MIN : 0;
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t c = 0; c < channels; c++) {
            int32_t q = (x[p * position_step + c * channel_step] ^ r.flip) - r.zero;
            if (how == REDUCE_SUM) part[c] += q;
            if (how == REDUCE_CUBES) part[c] += (int32_t)((float)q * (float)q * (float)q); /* 255^3 < 2^24: exact */
            if (how == REDUCE_MAX) part[c] = q > part[c] ? q : part[c];
        }
    }
}

/* acc[c] over all positions. */
static inline __attribute__((always_inline)) void reduce(const uint8_t *x, int64_t channel_step, int64_t position_step, int64_t channels,
                                                         int64_t positions, reading r, int how, int64_t acc[GROUP]) {
    int32_t part[GROUP];
    for (int64_t c = 0; c < channels; c++) acc[c] = how == REDUCE_MAX ? INT32_MIN : 0;
    for (int64_t p = 0; p < positions; p += SPAN) {
        int64_t span = positions - p < SPAN ? positions - p : SPAN;
        reduce_span(x + p * position_step, channel_step, position_step, channels, span, r, how, part);
        for (int64_t c = 0; c < channels; c++) acc[c] = how == REDUCE_MAX ? (part[c] > acc[c] ? part[c] : acc[c]) : acc[c] + part[c];
    }
}

/* The next group of channels of x [channels/block][positions][block]; returns how many. */
static inline __attribute__((always_inline)) int64_t reduce_group(const void *x, const rtvi_code_type *type, int64_t channels,
                                                                  int64_t positions, int64_t block, int64_t channel, int how,
                                                                  int64_t acc[GROUP]) {
    int64_t row = block == 1 ? channels : block; /* channels a constant step apart, beginning at a multiple of it */
    int64_t left = row - channel % row, span = left < GROUP ? left : GROUP;
    const uint8_t *from = (const uint8_t *)x + (channel - channel % block) * positions + channel % block;
    if (block == 1) {
        reduce(from, positions, 1, span, positions, reading_of(type), how, acc);
    } else if (span == GROUP) {
        reduce(from, 1, block, GROUP, positions, reading_of(type), how, acc);
    } else {
        reduce(from, 1, block, span, positions, reading_of(type), how, acc);
    }
    return span;
}

void rtvi_pool_codes_avg(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out) {
    int64_t acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, type, channels, positions, block, channel, REDUCE_SUM, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = (float)((double)acc[c] * (double)type->scale / (double)positions);
    }
}

void rtvi_pool_codes_max(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out) {
    int64_t acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, type, channels, positions, block, channel, REDUCE_MAX, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = (float)acc[c] * type->scale;
    }
}

void rtvi_pool_codes_gem(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out) {
    double scale = (double)type->scale, cube = scale * scale * scale;
    int64_t acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, type, channels, positions, block, channel, REDUCE_CUBES, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = rtvi_cube_root((float)((double)acc[c] * cube / (double)positions));
    }
}
