/* kernels_coarse.h - scores from 8-bit codes, with a proven bound on their error (docs/search.md). */
#ifndef RTVI_KERNELS_COARSE_H
#define RTVI_KERNELS_COARSE_H

#include <stddef.h>
#include <stdint.h>

/* What is known of a vector x: scale * code[] is near it. The codes, int8 from -127 to 127, follow the head, with zeros up to the next
 * multiple of 16; together they are a record, little-endian. Infinite length and rest say that the codes tell nothing, which is always
 * right. */
typedef struct rtvi_coarse_head {
    float scale;  /* of a code, at least 0 */
    float length; /* at least the length of scale * code[] */
    float rest;   /* at least the length of x - scale * code[] */
    int32_t sum;  /* of the codes */
} rtvi_coarse_head;

/* Codes in a record, and its bytes. */
static inline size_t rtvi_codes_dim(size_t dim) { return (dim + 15) / 16 * 16; }
static inline size_t rtvi_codes_size(size_t dim) { return sizeof(rtvi_coarse_head) + rtvi_codes_dim(dim); }
static inline const int8_t *rtvi_codes_of(const void *record) { return (const int8_t *)record + sizeof(rtvi_coarse_head); }

/* The record of a finite vector x[dim], aligned to 16 bytes. levels: the largest code, at most 127. */
typedef void (*rtvi_coarse_encode_fn)(const float *x, size_t dim, int32_t levels, void *record);
rtvi_coarse_encode_fn rtvi_coarse_select_encode(int32_t isa);

#endif
