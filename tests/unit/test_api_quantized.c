/* test_api_quantized.c - model.h with a quantized model: loaded, fed with pixels and tensors, profiled, saved. Plain C: the toy's s8
 * activations are no business of oneDNN's. */
#include "support.h"

#include <retrieve/retrieve.h>

#define TOY "modelfile/toy_quantized_v1.safetensors"
#define HEIGHT 9
#define WIDTH 7
#define DIM 6

static rtv_model *load_toy(void) {
    rtv_model_options options;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_model_options_init(&options);
    options.executor = RTV_EXECUTOR_REFERENCE;
    if (rtv_model_load(test_golden(TOY), NULL, &options, &model, &error) != RTV_OK) fail_msg("%s", error.message);
    return model;
}

static void draw(uint8_t *pixels, uint32_t seed) {
    for (int i = 0; i < HEIGHT * WIDTH * 3; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)(seed >> 24);
    }
}

/* A picture and the floats that its preprocessing gives are the same codes to the model, in every mode. */
static void pixels_and_tensors_agree(void **state) {
    enum { COUNT = 5 };
    static uint8_t pixels[COUNT][HEIGHT * WIDTH * 3];
    static float values[COUNT][3 * HEIGHT * WIDTH];
    static const int32_t modes[] = {RTV_MODE_AUTO, RTV_MODE_LATENCY, RTV_MODE_THROUGHPUT};
    float expected[COUNT][DIM], got[COUNT][DIM];
    rtv_model *model = load_toy();
    rtv_picture pictures[COUNT], tensors[COUNT];
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = expected[0]};
    rtv_error error;
    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        draw(pixels[i], i);
        rtv_picture_from_pixels(&pictures[i], pixels[i], RTV_PIXEL_RGB8, WIDTH, HEIGHT, WIDTH * 3);
        assert_int_equal(rtv_model_preprocess(model, &pictures[i], values[i], 3 * HEIGHT * WIDTH, &error), RTV_OK);
        rtv_picture_from_tensor(&tensors[i], values[i], 3 * HEIGHT * WIDTH);
    }
    assert_int_equal(rtv_model_embed(model, pictures, COUNT, NULL, &result, &error), RTV_OK);
    assert_true(memcmp(expected[0], expected[1], sizeof expected[0]) != 0);
    result.descriptors = got[0];
    for (int m = 0; m < 3; m++) {
        rtv_embed_options options;
        rtv_embed_options_init(&options);
        options.mode = modes[m];
        memset(got, 0, sizeof got);
        assert_int_equal(rtv_model_embed(model, tensors, COUNT, &options, &result, &error), RTV_OK);
        assert_memory_equal(got, expected, sizeof got);
    }
    values[2][5] = __builtin_nanf("");
    assert_int_equal(rtv_model_embed(model, tensors, COUNT, NULL, &result, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "image: tensor: value 5: got nan");
    rtv_model_free(model);
}

static void assert_codes(const rtv_layer_info *layer, const char *name, const char *output, float scale, int32_t zero_point) {
    assert_string_equal(layer->name, name);
    assert_string_equal(layer->output, output);
    assert_true(layer->scale == scale);
    assert_int_equal(layer->zero_point, zero_point);
}

static void a_profile_tells_int8(void **state) {
    rtv_layer_info layers[32] = {{.struct_size = sizeof layers[0]}}, older = {.scale = 7};
    rtv_model *model = load_toy();
    int64_t count = 0;
    rtv_error error;
    (void)state;
    assert_int_equal(rtv_model_profile(model, 3, layers, 32, &count, &error), RTV_OK);
    assert_int_equal(count, 19);
    assert_string_equal(layers[0].op, "qconv");
    assert_string_equal(layers[0].precision, "int8");
    assert_true(layers[0].milliseconds > 0 && layers[0].macs == 4 * 10 * 6 * 27);
    assert_string_equal(layers[count - 1].precision, "f32");
    assert_codes(&layers[0], "stem", "u8", 0.031372547f, 0);
    assert_codes(&layers[1], "pool", "u8", 0.031372547f, 0);
    assert_codes(&layers[2], "side", "s8", 0.041234568f, 0);
    assert_codes(&layers[12], "again", "u8", 0.037f, 101);
    assert_string_equal(layers[count - 1].output, "f32");
    assert_true(layers[count - 1].scale == 0 && layers[count - 1].zero_point == 0);
    older.struct_size = offsetof(rtv_layer_info, scale); /* a caller from before there were scales */
    assert_int_equal(rtv_model_profile(model, 0, &older, 1, &count, &error), RTV_OK);
    assert_string_equal(older.precision, "int8");
    assert_true(older.scale == 7);
    rtv_model_free(model);
}

static void saved_it_is_the_same_file(void **state) {
    char folder[64], path[128];
    size_t size, expected_size;
    uint8_t *data, *expected;
    rtv_model *model = load_toy();
    rtv_error error;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(rtv_model_save(model, path, &error), RTV_OK);
    data = test_read_file(path, &size);
    expected = test_read_file(test_golden(TOY), &expected_size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(data, expected, size);
    free(data);
    free(expected);
    rtv_model_free(model);
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_and_tensors_agree),
        cmocka_unit_test(a_profile_tells_int8),
        cmocka_unit_test(saved_it_is_the_same_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
