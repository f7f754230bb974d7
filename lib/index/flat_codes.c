/* flat_codes.c - records of vectors: encode, decode, check. */
#include "index/flat_codes.h"

#include <math.h>

#include "base/base_arithmetic.h"

#define LEVELS 127

void rtvi_codes_encode(int32_t isa, const float *vectors, size_t count, size_t dim, void *records) {
    const rtvi_coarse_encode_fn encode = rtvi_coarse_select_encode(isa);
    const size_t size = rtvi_codes_size(dim);
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before); /* the caller may round otherwise */
    for (size_t i = 0; i < count; i++) encode(vectors + i * dim, dim, LEVELS, (uint8_t *)records + i * size);
    rtvi_arithmetic_restore(&before);
}

void rtvi_codes_encode_alone(int32_t isa, const float *vectors, size_t count, size_t dim, void *records) {
    const size_t size = rtvi_codes_size(dim);
    rtvi_codes_encode(isa, vectors, count, dim, records);
    /* What is left of a vector is what decoding rounds: 2^-24 of each value, and what underflows. */
    for (size_t i = 0; i < count; i++) {
        rtvi_coarse_head *head = (rtvi_coarse_head *)((uint8_t *)records + i * size);
        if (isfinite(head->length)) head->rest = (float)((double)head->length * 0x1p-22 + 0x1p-60);
    }
}

void rtvi_codes_decode(const void *record, size_t dim, float *vector) {
    const rtvi_coarse_head *head = record;
    const int8_t *code = rtvi_codes_of(record);
    for (size_t i = 0; i < dim; i++) vector[i] = head->scale * (float)code[i];
}

int rtvi_codes_check(const void *record, size_t dim) {
    const rtvi_coarse_head *head = record;
    const int32_t most = 127 * (int32_t)dim;
    return head->scale >= 0 && isfinite(head->scale) && head->length >= 0 && head->rest >= 0 && head->sum >= -most && head->sum <= most;
}
