/* image_support.h - what the tests of pictures share: patterns, checksums, limits, and what damage must not do. */
#ifndef TESTS_IMAGE_SUPPORT_H
#define TESTS_IMAGE_SUPPORT_H

#include "unit/support.h"

#include <zlib.h>

#include "image/picture.h"

static inline rtvi_decode_options test_decode_options(void) {
    rtvi_decode_options options = {.max_pixels = 178956970, .max_bytes = 1 << 28};
    return options;
}

/* The same as pattern() of golden/images/make_images.py: malloc'ed [height][width][3]. */
static inline uint8_t *test_pattern(int64_t width, int64_t height) {
    uint8_t *pixels = malloc((size_t)(width * height * 3)), *to = pixels;
    assert_non_null(pixels);
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++)
            for (int64_t c = 0; c < 3; c++) *to++ = (uint8_t)(x * x * 3 + y * 7 + x * y / 5 + c * 85 + (x / 9 + y / 7) % 2 * 90);
    return pixels;
}

static inline unsigned long test_crc_image(const rtvi_image *image) {
    unsigned long crc = crc32(0, NULL, 0);
    for (size_t y = 0; y < (size_t)image->height; y++) crc = crc32(crc, image->pixels + y * image->stride, (unsigned)image->width * 3);
    return crc;
}

static inline rtv_picture test_encoded(const void *data, size_t size) {
    rtv_picture picture = {.kind = RTV_PICTURE_ENCODED, .data = data, .size_bytes = size};
    return picture;
}

static inline rtv_picture test_rgb(const uint8_t *pixels, int32_t width, int32_t height) {
    rtv_picture picture = {.kind = RTV_PICTURE_PIXELS,
                           .pixel_format = RTV_PIXEL_RGB8,
                           .width_px = width,
                           .height_px = height,
                           .stride_bytes = 3 * (int64_t)width,
                           .data = pixels};
    return picture;
}

/* A malloc'ed copy of exactly this size, so that a sanitizer sees every read past it. */
static inline uint8_t *test_exact_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    return copy;
}

/* Decodes bytes that may be damaged: a picture or a named error, nothing in between, nothing left behind. Returns the status. */
static inline int32_t test_decode_damaged(const uint8_t *data, size_t size, rtv_error *error) {
    test_heap heap;
    rtvi_env env;
    rtvi_image image;
    rtvi_decode_options options = test_decode_options();
    uint8_t *copy = test_exact_copy(data, size);
    rtv_picture picture = test_encoded(copy, size);
    int32_t status;
    options.max_pixels = 1 << 20; /* a flipped size must not cost gigabytes */
    options.apply_exif = 1;
    test_env_init(&env, &heap);
    status = rtvi_image_decode(&env, &picture, &options, &image, error);
    assert_int_equal(error->status, status);
    if (status != RTV_OK) {
        assert_int_equal(strncmp(error->message, "image: memory: ", 15), 0);
        assert_true(strlen(error->message) < 220);
        assert_null(image.owned);
        assert_null(image.pixels);
    }
    rtvi_image_release(&env, &image);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(copy);
    return status;
}

/* Fails the n-th allocation for every n: OUT_OF_MEMORY each time and no leak, until none is left to fail. */
static inline void test_decode_without_memory(const uint8_t *data, size_t size) {
    rtvi_decode_options options = test_decode_options();
    rtv_picture picture = test_encoded(data, size);
    int32_t status = RTV_E_OUT_OF_MEMORY;
    options.apply_exif = 1;
    for (long n = 1; status != RTV_OK; n++) {
        test_heap heap;
        rtvi_env env;
        rtvi_image image;
        rtv_error error;
        test_env_init(&env, &heap);
        heap.fail_at = n;
        status = rtvi_image_decode(&env, &picture, &options, &image, &error);
        if (status != RTV_OK) {
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_int_equal(error.status, RTV_E_OUT_OF_MEMORY);
        } else {
            assert_true(heap.calls < n); /* it succeeded because nothing failed */
            assert_true(n > 2);
        }
        rtvi_image_release(&env, &image);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
    }
}

/* Every line of images.txt or upright.txt whose name ends so. */
static inline void test_golden_images(const char *list_name, const char *ending, int32_t apply_exif, int expected_lines) {
    char name[64], path[96];
    int width, height, lines = 0;
    unsigned long crc;
    FILE *list = fopen(test_golden(list_name), "r");
    assert_non_null(list);
    while (fscanf(list, "%63s %d %d %lu", name, &width, &height, &crc) == 4) {
        test_heap heap;
        rtvi_env env;
        rtvi_image image;
        rtv_error error;
        rtv_picture picture = {.kind = RTV_PICTURE_PATH};
        rtvi_decode_options options = test_decode_options();
        if (strcmp(name + strlen(name) - strlen(ending), ending) != 0) continue;
        snprintf(path, sizeof path, "images/%s", name);
        picture.path = test_golden(path);
        options.apply_exif = apply_exif;
        test_env_init(&env, &heap);
        if (rtvi_image_decode(&env, &picture, &options, &image, &error) != RTV_OK) fail_msg("%s: %s", name, error.message);
        if (image.width != width || image.height != height || test_crc_image(&image) != crc)
            fail_msg("%s differs from Pillow's pixels", name);
        rtvi_image_release(&env, &image);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
        lines++;
    }
    fclose(list);
    assert_int_equal(lines, expected_lines);
}

/* Standard output and error, watched: decoders must not print. */
typedef struct test_silence {
    int out, err, file;
} test_silence;

static inline test_silence test_silence_begin(void) {
    test_silence silence;
    FILE *file = tmpfile();
    assert_non_null(file);
    fflush(stdout);
    fflush(stderr);
    silence.out = dup(1);
    silence.err = dup(2);
    silence.file = dup(fileno(file));
    fclose(file);
    dup2(silence.file, 1);
    dup2(silence.file, 2);
    return silence;
}

static inline void test_silence_end(test_silence silence) {
    long printed;
    fflush(stdout);
    fflush(stderr);
    printed = (long)lseek(silence.file, 0, SEEK_END);
    dup2(silence.out, 1);
    dup2(silence.err, 2);
    close(silence.out);
    close(silence.err);
    close(silence.file);
    assert_int_equal(printed, 0);
}

#endif
