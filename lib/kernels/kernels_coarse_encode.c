/* kernels_coarse_encode.c - 8-bit codes of a vector and the bounds that go with them. Everything is float32 in a fixed order, written once
 * and compiled for several instruction sets, so a record is the same bytes everywhere. */
#include <math.h>
#include <string.h>

#include <retrieve/runtime.h>

#include "kernels/kernels_coarse.h"

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

/* Adding it to a float below 2^22 leaves the nearest integer, ties to even, in the low bits. */
#define ROUNDING 12582912.0F
#define SMALLEST 0x1p-60F /* covers what underflows below it: docs/search.md */
#define LARGEST 0x1p60F   /* beyond it products of bounds might overflow */

INLINE float largest_magnitude(const float *x, size_t dim) {
    float lane[LANES] = {0}, largest = 0;
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        for (size_t j = 0; j < LANES; j++) {
            const float magnitude = fabsf(x[i + j]);
            lane[j] = lane[j] < magnitude ? magnitude : lane[j];
        }
    }
    for (size_t j = 0; i + j < dim; j++) lane[j] = lane[j] < fabsf(x[i + j]) ? fabsf(x[i + j]) : lane[j];
    for (size_t j = 0; j < LANES; j++) largest = largest < lane[j] ? lane[j] : largest;
    return largest;
}

/* Sums of one vector, lane by lane. */
typedef struct sums {
    float rest[LANES];     /* of squares of x - scale * code */
    int32_t square[LANES]; /* of codes */
    int32_t code[LANES];
} sums;

INLINE void encode_lanes(const float *x, float scale, float inverse, int8_t *code, sums *s) {
    for (size_t j = 0; j < LANES; j++) {
        const float wanted = x[j] * inverse, least = wanted > -128.0F ? wanted : -128.0F; /* a damaged file has NaN and infinities */
        const float nearest = ((least < 128.0F ? least : 128.0F) + ROUNDING) - ROUNDING, off = x[j] - nearest * scale;
        const int32_t value = (int32_t)nearest;
        code[j] = (int8_t)value;
        s->rest[j] += off * off;
        s->square[j] += value * value;
        s->code[j] += value;
    }
}

INLINE void bound(const sums *s, size_t dim, rtvi_coarse_head *head) {
    double rest = 0, square = 0;
    int32_t sum = 0;
    for (size_t j = 0; j < LANES; j++) {
        rest += (double)s->rest[j];
        square += (double)s->square[j];
        sum += s->code[j];
    }
    (void)dim;
    head->sum = sum;
    head->length = (float)(sqrt(square) * (double)head->scale * (1 + 0x1p-20) + SMALLEST);
    head->rest = (float)(sqrt(rest) * (1 + 0x1p-10) + (double)head->length * 0x1p-22 + SMALLEST);
    if (!(head->length <= LARGEST && head->rest <= LARGEST)) head->length = head->rest = INFINITY;
}

INLINE void encode(const float *x, size_t dim, int32_t levels, void *record) {
    rtvi_coarse_head *head = record;
    int8_t *code = (int8_t *)(head + 1);
    const float largest = largest_magnitude(x, dim), inverse = (float)levels / largest;
    const int tiny = !(largest > 0x1p-100F);
    sums s;
    size_t i = 0;
    memset(&s, 0, sizeof s);
    head->scale = tiny ? 0 : largest / (float)levels;
    if (isinf(head->scale * (float)levels)) head->scale *= 1 - 0x1p-22F; /* the largest floats: what is decoded stays finite */
    for (; i + LANES <= dim; i += LANES) encode_lanes(x + i, head->scale, tiny ? 0 : inverse, code + i, &s);
    if (i < dim) {
        float tail[LANES] = {0};
        memcpy(tail, x + i, (dim - i) * sizeof *x);
        encode_lanes(tail, head->scale, tiny ? 0 : inverse, code + i, &s);
    }
    bound(&s, dim, head);
}

static void encode_c(const float *x, size_t dim, int32_t levels, void *record) { encode(x, dim, levels, record); }

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void encode_avx2(const float *x, size_t dim, int32_t levels, void *record) {
    encode(x, dim, levels, record);
}

#if defined(__clang__)
#define WIDE
#else
#define WIDE ",prefer-vector-width=512" /* clang does not know it, and would leave out the whole attribute */
#endif
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq" WIDE))) static void encode_avx512(const float *x, size_t dim, int32_t levels,
                                                                                             void *record) {
    encode(x, dim, levels, record);
}
#endif

rtvi_coarse_encode_fn rtvi_coarse_select_encode(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return encode_avx512;
    if (isa >= RTV_ISA_AVX2) return encode_avx2;
#endif
    (void)isa;
    return encode_c;
}
