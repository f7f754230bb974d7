/* kernels_fine.h - scores from 16-bit codes: what the 8-bit ones of kernels_coarse.h leave open. The same record and the same bound
 * (docs/search.md), with int16 codes up to the next multiple of 32. No sum of products can overflow, for the code vectors are no longer
 * than 46000 and some roundings, less than the root of 2^31. */
#ifndef RTVI_KERNELS_FINE_H
#define RTVI_KERNELS_FINE_H

#include "kernels/kernels_coarse.h"

#define RTVI_FINE_OTHERS 4 /* of a call: 1 to so many */

static inline size_t rtvi_fine_depth(size_t dim) { return (dim + 31) / 32 * 32; }
/* Bytes of a record: the head on a cache line of its own, so that a load of codes touches only one, and the codes. */
#define RTVI_FINE_HEAD 64
static inline size_t rtvi_fine_size(size_t dim) { return RTVI_FINE_HEAD + rtvi_fine_depth(dim) * 2; }
static inline const int16_t *rtvi_fine_codes(const void *record) {
    return (const int16_t *)(const void *)((const uint8_t *)record + RTVI_FINE_HEAD);
}

/* The record of a finite vector x[dim], aligned to 64 bytes; length is at least the vector's, and infinite when nothing is known. */
typedef void (*rtvi_fine_encode_fn)(const float *x, size_t dim, float length, void *record);
rtvi_fine_encode_fn rtvi_fine_select_encode(int32_t isa);

/* scores[i] of two records each; the same bits in every form. */
typedef void (*rtvi_fine_scores_fn)(const void *record, const void *const *others, size_t count, size_t dim, float *scores);
rtvi_fine_scores_fn rtvi_fine_select_scores(int32_t isa);

#endif
