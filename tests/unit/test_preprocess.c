/* test_preprocess.c - the network's input against Pillow and torchvision, to the bit. */
#include "unit/image_support.h"

#include <math.h>

#include <retrieve/model.h>

#include "image/preprocess.h"

static const rtvi_picture_limits limits = {178956970, 1 << 28, NULL, NULL};

static rtvi_preprocess preprocess_of(int32_t resize, int32_t width, int32_t height, int32_t shorter) {
    rtvi_preprocess how = {width, height, resize, shorter, 114, 0, 0, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}};
    return how;
}

static int32_t kind_of(const char *name) {
    return strcmp(name, "crop") == 0 ? RTV_RESIZE_CENTER_CROP : strcmp(name, "letterbox") == 0 ? RTV_RESIZE_LETTERBOX : RTV_RESIZE_SQUASH;
}

/* [height][width][3] codes of values [3][height][width], by way of the C library in double: a quotient of two floats that is rounded to
 * double and then to float is rounded right. */
static void check_codes(const rtvi_env *env, const rtvi_preprocess *how, const rtv_picture *picture, const float *values) {
    static const struct {
        float scale;
        int32_t zero_point;
    } types[] = {{0.018658448f, 114}, {0.0078125f, 128}, {0.5f, 0}, {0.001f, 255}};
    size_t plane = (size_t)how->width * (size_t)how->height;
    uint8_t *codes = malloc(3 * plane);
    rtv_error error;
    assert_non_null(codes);
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        assert_int_equal(rtvi_preprocess_codes(env, how, &limits, picture, types[t].scale, types[t].zero_point, codes, &error), RTV_OK);
        for (size_t i = 0; i < 3 * plane; i++) {
            double value = (double)values[i % 3 * plane + i / 3], code;
            code = nearbyint((double)(float)(value / (double)types[t].scale)) + types[t].zero_point;
            if (codes[i] != fmax(0, fmin(255, code))) fail_msg("byte %zu: code %d, expected %g", i, codes[i], code);
        }
    }
    free(codes);
}

static void check_input(const rtvi_env *env, const rtvi_preprocess *how, const rtv_picture *picture, unsigned long pixels_crc,
                        unsigned long values_crc) {
    size_t count = 3 * (size_t)how->width * (size_t)how->height;
    float *values = malloc(count * sizeof *values);
    rtvi_image image;
    rtv_error error;
    assert_non_null(values);
    assert_int_equal(rtvi_preprocess_pixels(env, how, &limits, picture, &image, &error), RTV_OK);
    assert_int_equal(image.width, how->width);
    assert_int_equal(image.height, how->height);
    if (test_crc_image(&image) != pixels_crc)
        fail_msg("pixels of %d x %d to %d x %d, kind %d, shorter %d", picture->width_px, picture->height_px, how->width, how->height,
                 how->resize, how->resize_shorter);
    assert_int_equal(rtvi_preprocess_run(env, how, &limits, picture, values, &error), RTV_OK);
    if (crc32(0, (const uint8_t *)values, (unsigned)(count * sizeof *values)) != values_crc)
        fail_msg("values of %d x %d, kind %d", picture->width_px, picture->height_px, how->resize);
    check_codes(env, how, picture, values);
    rtvi_image_release(env, &image);
    free(values);
}

static void makes_the_reference_input(void **state) {
    int in_width, in_height, shorter, width, height, lines = 0;
    unsigned long pixels_crc, values_crc;
    char kind[16];
    FILE *list = fopen(test_golden("images/input.txt"), "r");
    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%d %d %15s %d %d %d %lu %lu", &in_width, &in_height, kind, &shorter, &width, &height, &pixels_crc, &values_crc) ==
           8) {
        uint8_t *pixels = test_pattern(in_width, in_height);
        rtv_picture picture = test_rgb(pixels, in_width, in_height);
        rtvi_preprocess how = preprocess_of(kind_of(kind), width, height, shorter);
        for (int32_t isa = RTV_ISA_SCALAR; isa <= RTV_ISA_AVX2; isa++) {
            test_heap heap;
            rtvi_env env;
            test_env_init(&env, &heap);
            if (env.isa > isa) env.isa = isa;
            check_input(&env, &how, &picture, pixels_crc, values_crc);
            assert_int_equal(heap.live, 0);
            rtvi_env_destroy(&env);
        }
        free(pixels);
        lines++;
    }
    fclose(list);
    assert_int_equal(lines, 130);
}

static void letterbox_keeps_a_pixel(void **state) {
    uint8_t pixels[3 * 2000] = {0};
    rtv_picture picture = test_rgb(pixels, 1, 2000);
    rtvi_preprocess how = preprocess_of(RTV_RESIZE_LETTERBOX, 16, 16, 0);
    rtvi_image image;
    rtvi_env env;
    (void)state;
    memset(pixels, 7, sizeof pixels);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, NULL), RTV_OK);
    for (int x = 0; x < 16; x++) assert_int_equal(image.pixels[3 * x], x == 8 ? 7 : 114); /* round(15 / 2) = 8 */
    rtvi_image_release(&env, &image);
    rtvi_env_destroy(&env);
}

static void crops_extreme_shapes(void **state) {
    static const uint8_t pixels[3 * 20000] = {0};
    rtv_picture picture = test_rgb(pixels, 1, 20000);
    rtvi_preprocess how = preprocess_of(RTV_RESIZE_CENTER_CROP, 224, 224, 256);
    rtvi_image image;
    rtvi_env env;
    rtv_error error;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, &error), RTV_OK); /* of 256 x 5,120,000 */
    rtvi_image_release(&env, &image);
    how.resize_shorter = 200000; /* 200000 x 4e9 */
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, &error), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "image: centre crop: got 1 x 20000 pixels, expected a less extreme shape");
    rtvi_env_destroy(&env);
}

static void refuses_wrong_descriptions(void **state) {
    static const uint8_t pixels[12] = {0};
    rtv_picture picture = test_rgb(pixels, 2, 2);
    rtvi_preprocess how = preprocess_of(9, 4, 4, 0);
    rtvi_image image;
    rtvi_env env;
    rtv_error error;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "image: resize: got 9");
    how = preprocess_of(RTV_RESIZE_CENTER_CROP, 4, 4, 0);
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, &error), RTV_E_INVALID_ARGUMENT);
    how = preprocess_of(RTV_RESIZE_SQUASH, 0, 4, 0);
    assert_int_equal(rtvi_preprocess_pixels(&env, &how, &limits, &picture, &image, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "image: target: got 0 x 4");
    rtvi_env_destroy(&env);
}

static void copies_tensors(void **state) {
    float values[3 * 2 * 3], out[18];
    uint8_t shifted[sizeof values + 1];
    rtvi_preprocess how = preprocess_of(RTV_RESIZE_SQUASH, 3, 2, 0);
    rtv_picture picture = {.kind = RTV_PICTURE_TENSOR, .size_bytes = sizeof values, .data = values};
    rtvi_env env;
    rtv_error error;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    for (int i = 0; i < 18; i++) values[i] = (float)i - 8.5f;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_OK);
    assert_memory_equal(out, values, sizeof values);
    memcpy(shifted + 1, values, sizeof values);
    memset(out, 0, sizeof out);
    picture.data = shifted + 1;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_OK);
    assert_memory_equal(out, values, sizeof values);
    check_codes(&env, &how, &picture, values);
    picture.data = values;
    check_codes(&env, &how, &picture, values);
    picture.size_bytes = 17 * sizeof(float);
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_MISMATCH);
    assert_string_equal(error.message, "image: tensor: got 17 values (68 bytes), expected 18 (3 x 2 x 3)");
    picture.size_bytes = 18 * sizeof(float) + 1;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_MISMATCH);
    picture.size_bytes = sizeof values;
    picture.data = NULL;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_INVALID_ARGUMENT);
    picture.data = values;
    picture.reserved[0] = 1;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_UNSUPPORTED);
    picture.reserved[0] = 0;
    values[5] = NAN;
    out[0] = 77;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "image: tensor: value 5: got ");
    assert_true(out[0] == 77); /* untouched */
    memset(shifted, 77, 18);
    assert_int_equal(rtvi_preprocess_codes(&env, &how, &limits, &picture, 1.0f, 0, shifted, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "image: tensor: value 5: got ");
    assert_int_equal(shifted[0], 77);
    values[5] = -INFINITY;
    assert_int_equal(rtvi_preprocess_run(&env, &how, &limits, &picture, out, &error), RTV_E_INVALID_ARGUMENT);
    rtvi_env_destroy(&env);
}

static void survives_failing_memory(void **state) {
    const int32_t kinds[] = {RTV_RESIZE_SQUASH, RTV_RESIZE_CENTER_CROP, RTV_RESIZE_LETTERBOX};
    size_t size;
    uint8_t *data = test_read_file(test_golden("images/exif_6.jpg"), &size);
    rtv_picture picture = test_encoded(data, size);
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        rtvi_preprocess how = preprocess_of(kinds[i], 16, 24, 8);
        int32_t status = RTV_E_OUT_OF_MEMORY;
        how.apply_exif = how.fast_decode = 1;
        for (long n = 1; status != RTV_OK; n++) {
            float values[3 * 16 * 24] = {5};
            test_heap heap;
            rtvi_env env;
            rtv_error error;
            test_env_init(&env, &heap);
            heap.fail_at = n;
            status = n % 2 ? rtvi_preprocess_run(&env, &how, &limits, &picture, values, &error)
                           : rtvi_preprocess_codes(&env, &how, &limits, &picture, 1.0f, 0, (uint8_t *)values, &error);
            if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            if (status != RTV_OK) assert_true(values[0] == 5);
            if (status == RTV_OK) assert_true(heap.calls < n && n > 5);
            assert_int_equal(heap.live, 0);
            rtvi_env_destroy(&env);
        }
    }
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_the_reference_input),  cmocka_unit_test(letterbox_keeps_a_pixel), cmocka_unit_test(crops_extreme_shapes),
        cmocka_unit_test(refuses_wrong_descriptions), cmocka_unit_test(copies_tensors),          cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
