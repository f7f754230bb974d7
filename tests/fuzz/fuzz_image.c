/* fuzz_image.c - fuzzing the picture decoders: whatever the bytes are, a named error or a network input comes out. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <retrieve/model.h>
#include <zlib.h>

#include "image/preprocess.h"

enum { SIDE = 24 };

static size_t load_be(const uint8_t *at) { return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]; }

/* Makes the checksums of a PNG right, or no mutation would come further than to them. */
static void seal(uint8_t *data, size_t size) {
    if (size < 8 || data[0] != 0x89) return;
    for (size_t at = 8; at + 12 <= size && load_be(data + at) <= size - at - 12; at += load_be(data + at) + 12) {
        const size_t length = load_be(data + at);
        const unsigned long crc = crc32(0, data + at + 4, (unsigned)length + 4);
        for (size_t i = 0; i < 4; i++) data[at + 8 + length + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
}

static void run(const rtvi_env *env, const uint8_t *data, size_t size, int32_t resize) {
    const rtvi_picture_limits limits = {1 << 20, 1 << 24, NULL, NULL};
    const rtvi_preprocess how = {
        SIDE, SIDE, resize, SIDE + 4, 114, 1, resize == RTV_RESIZE_LETTERBOX, {0.5f, 0.5f, 0.5f}, {0.2f, 0.2f, 0.2f}};
    const rtv_picture picture = {.kind = RTV_PICTURE_ENCODED, .data = data, .size_bytes = size};
    float values[3 * SIDE * SIDE];
    rtv_error error;
    const int32_t status = rtvi_preprocess_run(env, &how, &limits, &picture, values, &error);
    if (status != error.status || (status != RTV_OK) != (error.message[0] != 0)) abort();
    for (size_t i = 0; status == RTV_OK && i < sizeof values / sizeof *values; i++)
        if (!isfinite(values[i])) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rtvi_env env;
    uint8_t *copy = malloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    run(&env, data, size, RTV_RESIZE_SQUASH);
    seal(copy, size);
    for (int32_t resize = RTV_RESIZE_SQUASH; resize <= RTV_RESIZE_LETTERBOX; resize++) run(&env, copy, size, resize);
    rtvi_env_destroy(&env);
    free(copy);
    return 0;
}
