/* image_resize_avx2.c - the passes of image_resize.c with AVX2, the same bits.
 *
 * A 22-bit weight times an 8-bit pixel needs 32-bit products. Each weight is split into its low 11 bits and the rest, so that one 16-bit
 * multiply-add takes two neighbouring source pixels; both sums are exact and are joined at the end. */
#include "image/image_resize.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i two_coefs(const int16_t *pair) {
    int32_t both;
    memcpy(&both, pair, sizeof both);
    return _mm256_set1_epi32(both);
}

/* Sums to 0..255 in 32 bits each; the unsigned packing that follows clips. */
static inline AVX2 __m256i join_sums(__m256i low, __m256i high) {
    __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, RTVI_RESIZE_LOW_BITS), low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << (RTVI_RESIZE_BITS - 1))), RTVI_RESIZE_BITS);
}

/* One output pixel of two rows, one row in each half of the register; 4 source pixels (16 bytes read, 12 used) a step. Returns
 * r g b ? in the low 4 bytes of each half. */
static inline AVX2 __m256i two_pixels(const uint8_t *a, const uint8_t *b, const int16_t *split, int32_t used) {
    const __m256i first = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
    const __m256i second = _mm256_broadcastsi128_si256(_mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
    __m256i low = _mm256_setzero_si256(), high = low, value;
    for (int32_t i = 0; i < used; i += 4, a += 12, b += 12, split += 8) {
        __m256i bytes =
            _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)), _mm_loadu_si128((const __m128i *)b), 1);
        __m256i p = _mm256_shuffle_epi8(bytes, first), q = _mm256_shuffle_epi8(bytes, second);
        low = _mm256_add_epi32(low, _mm256_madd_epi16(p, two_coefs(split)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(p, two_coefs(split + 2)));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(q, two_coefs(split + 4)));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(q, two_coefs(split + 6)));
    }
    value = join_sums(low, high);
    value = _mm256_packus_epi32(value, value);
    return _mm256_packus_epi16(value, value);
}

static AVX2 void two_rows(const rtvi_resize_axis *axis, const uint8_t *a, const uint8_t *b, uint8_t *to_a, uint8_t *to_b) {
    for (size_t x = 0; x < (size_t)axis->count; x++) {
        size_t from = 3 * (size_t)axis->first[x];
        __m256i value = two_pixels(a + from, b + from, axis->split + x * (size_t)axis->taps * 2, axis->used[x]);
        int32_t of_a = _mm_cvtsi128_si32(_mm256_castsi256_si128(value)), of_b = _mm_cvtsi128_si32(_mm256_extracti128_si256(value, 1));
        memcpy(to_a + 3 * x, &of_a, 3);
        memcpy(to_b + 3 * x, &of_b, 3);
    }
}

/* Bytes past the last pixel of a row that a step may read: 3 pixels without weight and the 4 unused bytes. */
#define OVERREAD 13

AVX2 void rtvi_resize_horizontal_avx2(const rtvi_resize_axis *axis, const rtvi_resize_rows *in, uint8_t *out, size_t out_stride) {
    size_t height = (size_t)in->height, row_bytes = 3 * (size_t)in->width, y = 0;
    rtvi_resize_rows rest = *in;
    while (y < height) {
        size_t next = y + 1 < height ? y + 1 : y; /* an odd last row goes through both halves */
        if (next * in->stride + row_bytes + OVERREAD > in->readable) break;
        two_rows(axis, in->pixels + y * in->stride, in->pixels + next * in->stride, out + y * out_stride, out + next * out_stride);
        y = next + 1;
    }
    rest.pixels += y * in->stride; /* the last rows, where reading further would leave the buffer */
    rest.height = (int32_t)(height - y);
    rtvi_resize_horizontal_c(axis, &rest, out + y * out_stride, out_stride);
}

/* 8 bytes of two rows, in 16-bit pairs, times two weights. */
#define MULTIPLY_ADD(k, pairs)                                              \
    low[k] = _mm256_add_epi32(low[k], _mm256_madd_epi16(pairs, coefs_low)); \
    high[k] = _mm256_add_epi32(high[k], _mm256_madd_epi16(pairs, coefs_high))

static inline AVX2 __m256i column_of_32(const uint8_t *rows, size_t stride, const int16_t *split, int32_t used) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i low[4] = {zero, zero, zero, zero}, high[4] = {zero, zero, zero, zero};
    for (int32_t i = 0; i < used; i += 2, rows += 2 * stride, split += 4) {
        __m256i coefs_low = two_coefs(split), coefs_high = two_coefs(split + 2);
        __m256i a = _mm256_loadu_si256((const __m256i *)rows);
        __m256i b = i + 1 < used ? _mm256_loadu_si256((const __m256i *)(rows + stride)) : zero;
        __m256i left = _mm256_unpacklo_epi8(a, b), right = _mm256_unpackhi_epi8(a, b);
        MULTIPLY_ADD(0, _mm256_unpacklo_epi8(left, zero));
        MULTIPLY_ADD(1, _mm256_unpackhi_epi8(left, zero));
        MULTIPLY_ADD(2, _mm256_unpacklo_epi8(right, zero));
        MULTIPLY_ADD(3, _mm256_unpackhi_epi8(right, zero));
    }
    return _mm256_packus_epi16(_mm256_packus_epi32(join_sums(low[0], high[0]), join_sums(low[1], high[1])),
                               _mm256_packus_epi32(join_sums(low[2], high[2]), join_sums(low[3], high[3])));
}

AVX2 void rtvi_resize_vertical_avx2(const rtvi_resize_axis *axis, int32_t position, const uint8_t *rows, size_t stride, uint8_t *out,
                                    size_t row_bytes) {
    const int16_t *split = axis->split + (size_t)position * (size_t)axis->taps * 2;
    size_t x = 0;
    for (; x + 32 <= row_bytes; x += 32)
        _mm256_storeu_si256((__m256i *)(out + x), column_of_32(rows + x, stride, split, axis->used[position]));
    rtvi_resize_vertical_c(axis, position, rows + x, stride, out + x, row_bytes - x);
}
#endif
