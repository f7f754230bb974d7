/* quant_samples.h - calibration samples, kept for every pass over them: as bytes where the network's input came from pixels. */
#ifndef RTVI_QUANT_SAMPLES_H
#define RTVI_QUANT_SAMPLES_H

#include <stdint.h>

#include "base/base_env.h"
#include "tensor/tensor_preprocess.h"

typedef struct rtvi_quant_sample {
    void *data;        /* [3][height][width]: uint8_t pixels or float values; NULL when only the hash is known */
    int32_t is_pixels; /* 1: the values are those of pixels, normalised */
    uint64_t hash;     /* XXH3 of the values */
} rtvi_quant_sample;

/* Of a network's input, float32 [3][height][width]. */
uint64_t rtvi_quant_samples_hash(const rtvi_preprocess *how, const float *values);
/* Of a whole set, by the hashes of its samples, which are sorted in place. */
uint64_t rtvi_quant_samples_hash_all(uint64_t *hashes, size_t count);
/* sample->data becomes a block of env. */
int32_t rtvi_quant_samples_pack(const rtvi_env *env, const rtvi_preprocess *how, const float *values, rtvi_quant_sample *sample,
                                rtv_error *error);
/* The same values, bit for bit. */
void rtvi_quant_samples_unpack(const rtvi_preprocess *how, const rtvi_quant_sample *sample, float *values);

#endif
