/* kernels_coarse_encode.c - 8-bit and 16-bit codes of a vector and the bounds that go with them. Everything is float32 in a fixed order,
 * written once and compiled for several instruction sets, so a record is the same bytes everywhere. */
#include <math.h>
#include <string.h>

#include <retrieve/runtime.h>

#include "kernels/kernels_coarse.h"
#include "kernels/kernels_fine.h"

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

/* Adding it to a float below 2^22 leaves the nearest integer, ties to even, in the low bits. */
#define ROUNDING 12582912.0F
#define SMALLEST 0x1p-60F /* covers what underflows below it: docs/search.md */
#define LARGEST 0x1p60F   /* beyond it products of bounds might overflow */
#define TINY 0x1p-100F    /* up to it all codes are zero */

/* Of 16-bit codes: the length that keeps sums of products below 2^31. 2^16 roundings of 0.5 add at most 128 to it, and the root
 * of 2^31 is 46340. */
#define FINE_LENGTH 46000.0F
#define FINE_LEVELS 32767.0F

/* Half of the lanes: a register of AVX2, which compilers split or leave as it is but do not join. */
#define HALF (LANES / 2)
typedef float floats __attribute__((vector_size(HALF * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef int32_t ints __attribute__((vector_size(HALF * sizeof(int32_t)), aligned(sizeof(int32_t)), may_alias));
typedef int16_t shorts __attribute__((vector_size(HALF * sizeof(int16_t)), aligned(sizeof(int16_t)), may_alias));
typedef int8_t bytes __attribute__((vector_size(HALF), aligned(1), may_alias));

INLINE void larger(ints *largest, const float *x) {
    const ints bits = *(const ints *)(const void *)x & 0x7fffffff, is_larger = bits > *largest;
    *largest = (bits & is_larger) | (*largest & ~is_larger);
}

/* Magnitudes are in the order of their bits. */
INLINE float largest_magnitude(const float *x, size_t dim) {
    ints low = {0}, high = {0};
    int32_t bits = 0;
    float largest, tail[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        larger(&low, x + i);
        larger(&high, x + i + HALF);
    }
    if (i < dim) memcpy(tail, x + i, (dim - i) * sizeof *x);
    larger(&low, tail);
    larger(&high, tail + HALF);
    for (size_t j = 0; j < HALF; j++) {
        bits = bits < low[j] ? low[j] : bits;
        bits = bits < high[j] ? high[j] : bits;
    }
    memcpy(&largest, &bits, sizeof largest);
    return largest;
}

/* Sums of one vector, lane by lane. */
typedef struct sums {
    floats rest; /* of squares of x - scale * code */
    ints square; /* of codes */
    ints code;
} sums;

INLINE void encode_lanes(const float *x, float scale, float inverse, ints *code, sums *s) {
    const floats value = *(const floats *)(const void *)x, wanted = value * inverse;
    const floats number = (floats)((ints)wanted & (wanted == wanted)); /* a damaged file has NaN */
    const floats nearest = (number + ROUNDING) - ROUNDING;
    const floats off = value - nearest * scale;
    *code = __builtin_convertvector(nearest, ints);
    s->rest += off * off;
    s->square += *code * *code;
    s->code += *code;
}

/* Half of the lanes, into codes[at]. */
INLINE void encode_8(const float *x, float scale, float inverse, void *codes, size_t at, sums *s) {
    ints code;
    encode_lanes(x, scale, inverse, &code, s);
    *(bytes *)((int8_t *)codes + at) = __builtin_convertvector(code, bytes);
}

INLINE void encode_16(const float *x, float scale, float inverse, void *codes, size_t at, sums *s) {
    ints code;
    encode_lanes(x, scale, inverse, &code, s);
    *(shorts *)((int16_t *)codes + at) = __builtin_convertvector(code, shorts);
}

INLINE void bound(const sums *low, const sums *high, rtvi_coarse_head *head) {
    double rest = 0, square = 0;
    int32_t sum = 0;
    for (size_t j = 0; j < LANES; j++) {
        const sums *s = j < HALF ? low : high;
        rest += (double)s->rest[j % HALF];
        square += (double)s->square[j % HALF];
        sum += s->code[j % HALF];
    }
    head->sum = sum;
    head->length = (float)(sqrt(square) * (double)head->scale * (1 + 0x1p-20) + SMALLEST);
    head->rest = (float)(sqrt(rest) * (1 + 0x1p-10) + (double)head->length * 0x1p-22 + SMALLEST);
    if (!(head->length <= LARGEST && head->rest <= LARGEST)) head->length = head->rest = INFINITY;
}

typedef void (*encode_fn)(const float *x, float scale, float inverse, void *codes, size_t at, sums *s);

/* The scale is in the head; some is known when this is inlined. */
INLINE void encode_all(const float *x, size_t dim, float inverse, encode_fn some, rtvi_coarse_head *head, void *codes) {
    sums low = {{0}, {0}, {0}}, high = low;
    size_t i = 0;
    for (; i + LANES <= dim; i += LANES) {
        some(x + i, head->scale, inverse, codes, i, &low);
        some(x + i + HALF, head->scale, inverse, codes, i + HALF, &high);
    }
    if (i < dim) {
        float tail[LANES] = {0};
        memcpy(tail, x + i, (dim - i) * sizeof *x);
        some(tail, head->scale, inverse, codes, i, &low);
        some(tail + HALF, head->scale, inverse, codes, i + HALF, &high);
    }
    bound(&low, &high, head);
}

INLINE void encode(const float *x, size_t dim, int32_t levels, void *record) {
    rtvi_coarse_head *head = record;
    const float largest = largest_magnitude(x, dim), inverse = (float)levels / largest;
    const int tiny = !(largest > TINY);
    head->scale = tiny ? 0 : largest / (float)levels;
    if (isinf(head->scale * (float)levels)) head->scale *= 1 - 0x1p-22F; /* the largest floats: what is decoded stays finite */
    encode_all(x, dim, tiny ? 0 : inverse, encode_8, head, head + 1);
}

INLINE void encode_fine(const float *x, size_t dim, float length, void *record) {
    rtvi_coarse_head *head = record;
    int16_t *codes = (int16_t *)(void *)((uint8_t *)record + RTVI_FINE_HEAD);
    const float largest = largest_magnitude(x, dim);
    const int tiny = !(largest > TINY) || !(length <= 2 * LARGEST);
    const float by_length = length / FINE_LENGTH, by_value = largest / FINE_LEVELS;
    head->scale = tiny ? 0 : by_length > by_value ? by_length : by_value;
    encode_all(x, dim, tiny ? 0 : 1 / head->scale, encode_16, head, codes);
    memset(codes + rtvi_codes_dim(dim), 0, (rtvi_fine_depth(dim) - rtvi_codes_dim(dim)) * sizeof *codes);
}

static void encode_c(const float *x, size_t dim, int32_t levels, void *record) { encode(x, dim, levels, record); }
static void encode_fine_c(const float *x, size_t dim, float length, void *record) { encode_fine(x, dim, length, record); }

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq" RTVI_WIDE)))

AVX2 static void encode_avx2(const float *x, size_t dim, int32_t levels, void *record) { encode(x, dim, levels, record); }
AVX2 static void encode_fine_avx2(const float *x, size_t dim, float length, void *record) { encode_fine(x, dim, length, record); }
AVX512 static void encode_avx512(const float *x, size_t dim, int32_t levels, void *record) { encode(x, dim, levels, record); }
AVX512 static void encode_fine_avx512(const float *x, size_t dim, float length, void *record) { encode_fine(x, dim, length, record); }
#endif

rtvi_coarse_encode_fn rtvi_coarse_select_encode(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return encode_avx512;
    if (isa >= RTV_ISA_AVX2) return encode_avx2;
#endif
    (void)isa;
    return encode_c;
}

rtvi_fine_encode_fn rtvi_fine_select_encode(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return encode_fine_avx512;
    if (isa >= RTV_ISA_AVX2) return encode_fine_avx2;
#endif
    (void)isa;
    return encode_fine_c;
}
