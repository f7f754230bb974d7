/* quant_samples.c - calibration samples. Normalising maps pixels to floats through a table, so a float of the table says which pixel it
 * was. */
#include "quant/quant_samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static size_t plane_of(const rtvi_preprocess *how) { return (size_t)how->width * (size_t)how->height; }

uint64_t rtvi_quant_samples_hash(const rtvi_preprocess *how, const float *values) {
    return XXH3_64bits(values, 3 * plane_of(how) * sizeof *values);
}

static int compare_hashes(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t rtvi_quant_samples_hash_all(uint64_t *hashes, size_t count) {
    qsort(hashes, count, sizeof *hashes, compare_hashes);
    return XXH3_64bits(hashes, count * sizeof *hashes);
}

/* 0 when a value is no pixel's. */
static int to_pixels(const rtvi_preprocess *how, const float *values, uint8_t *pixels) {
    float table[3][256];
    const size_t plane = plane_of(how);
    rtvi_preprocess_table(how, table);
    for (size_t i = 0; i < 3 * plane; i++) {
        const size_t c = i / plane;
        const float guess = rintf((values[i] * how->std[c] + how->mean[c]) * 255);
        const int32_t pixel = guess > 0 ? guess < 255 ? (int32_t)guess : 255 : 0;
        if (memcmp(&table[c][pixel], &values[i], sizeof values[i]) != 0) return 0;
        pixels[i] = (uint8_t)pixel;
    }
    return 1;
}

int32_t rtvi_quant_samples_pack(const rtvi_env *env, const rtvi_preprocess *how, const float *values, rtvi_quant_sample *sample,
                                rtv_error *error) {
    const size_t count = 3 * plane_of(how);
    sample->hash = rtvi_quant_samples_hash(how, values);
    sample->data = rtvi_alloc(env, count, 1);
    sample->is_pixels = sample->data && to_pixels(how, values, sample->data);
    if (sample->is_pixels) return rtvi_error_clear(error);
    rtvi_free(env, sample->data);
    sample->data = rtvi_alloc(env, count, sizeof *values);
    if (!sample->data) return rtvi_error_out_of_memory(error, "quantizer", count * sizeof *values);
    memcpy(sample->data, values, count * sizeof *values);
    return rtvi_error_clear(error);
}

void rtvi_quant_samples_unpack(const rtvi_preprocess *how, const rtvi_quant_sample *sample, float *values) {
    const size_t plane = plane_of(how);
    const uint8_t *pixels = sample->data;
    float table[3][256];
    if (!sample->is_pixels) {
        memcpy(values, sample->data, 3 * plane * sizeof *values);
        return;
    }
    rtvi_preprocess_table(how, table);
    for (size_t i = 0; i < 3 * plane; i++) values[i] = table[i / plane][pixels[i]];
}
