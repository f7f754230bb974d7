/* quantizer_support.h - a toy network, pictures and the public quantizer. Include support.h first. */
#ifndef TESTS_QUANTIZER_SUPPORT_H
#define TESTS_QUANTIZER_SUPPORT_H

#include <math.h>

#include <retrieve/retrieve.h>

enum { SIDE = 32, VALUES = 3 * SIDE * SIDE, PICTURES = 10, DIM = 12 };

typedef struct fixture {
    rtv_runtime *runtime;
    rtv_model *model;
    rtv_quantizer *quantizer;
    uint8_t pixels[PICTURES][VALUES];
    rtv_picture pictures[PICTURES];
    rtv_error error;
} fixture;

#define assert_ok(call, error)                                                      \
    do {                                                                            \
        const int32_t assert_ok_status = (call);                                    \
        if (assert_ok_status != RTV_OK) fail_msg("%s: %s", #call, (error).message); \
    } while (0)

static inline void draw(uint8_t *pixels, uint32_t seed) {
    for (int i = 0; i < VALUES; i++) {
        seed = seed * 1664525u + 1013904223u;
        pixels[i] = (uint8_t)((seed >> 26) + (uint32_t)(i / 3 % SIDE * 4) + (uint32_t)(i / 96) * (i % 3 == 0));
    }
}

static inline rtv_model *import_toy(rtv_runtime *runtime, int32_t executor) {
    rtv_import_options import;
    rtv_model_options options;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_import_options_init(&import);
    rtv_model_options_init(&options);
    options.executor = executor;
    import.input_width = import.input_height = SIDE;
    assert_ok(rtv_model_import(test_golden("models/cgd_sg.pth"), &import, runtime, &options, &model, &error), error);
    return model;
}

static inline rtv_runtime *make_runtime(int32_t threads, const rtv_allocator *allocator) {
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_error error;
    rtv_runtime_options_init(&options);
    options.threads = threads;
    options.allocator = allocator;
    assert_ok(rtv_runtime_create(&options, &runtime, &error), error);
    return runtime;
}

static inline void fixture_init(fixture *f, int32_t threads, int32_t executor) {
    memset(f, 0, sizeof *f);
    f->runtime = make_runtime(threads, NULL);
    f->model = import_toy(f->runtime, executor);
    for (uint32_t i = 0; i < PICTURES; i++) {
        draw(f->pixels[i], 7 + i);
        rtv_picture_from_pixels(&f->pictures[i], f->pixels[i], RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    }
}

static inline void fixture_destroy(fixture *f) {
    rtv_quantizer_free(f->quantizer);
    rtv_model_free(f->model);
    rtv_runtime_free(f->runtime);
}

static inline int setup(void **state) {
    fixture *f = malloc(sizeof *f);
    fixture_init(f, 2, RTV_EXECUTOR_REFERENCE);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    fixture_destroy(*state);
    free(*state);
    return 0;
}

/* A quantizer with all the pictures; settings may be NULL. */
static inline void begin(fixture *f, const char *settings) {
    rtv_quantizer_options options;
    int64_t added = 0;
    rtv_quantizer_options_init(&options);
    options.json = settings;
    rtv_quantizer_free(f->quantizer);
    f->quantizer = NULL;
    assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, PICTURES, NULL, NULL, &added, &f->error), f->error);
    assert_int_equal(added, PICTURES);
}

static inline rtv_model *finish(fixture *f, int32_t executor) {
    rtv_model_options options;
    rtv_model *model = NULL;
    rtv_model_options_init(&options);
    options.executor = executor;
    assert_ok(rtv_quantizer_finish(f->quantizer, &options, &model, &f->error), f->error);
    return model;
}

static inline void configure(fixture *f, const char *settings) {
    rtv_quantizer_options options;
    rtv_quantizer_options_init(&options);
    options.json = settings;
    assert_ok(rtv_quantizer_configure(f->quantizer, &options, &f->error), f->error);
}

static inline rtv_model *quantize(fixture *f, const char *settings) {
    begin(f, settings);
    return finish(f, RTV_EXECUTOR_REFERENCE);
}

static inline rtv_model_info info_of(const rtv_model *model) {
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_error error;
    assert_ok(rtv_model_info_get(model, &info, &error), error);
    return info;
}

static inline void assert_same_model(const rtv_model *a, const rtv_model *b) {
    const rtv_model_info x = info_of(a), y = info_of(b);
    assert_string_equal(x.fingerprint, y.fingerprint);
}

/* descriptors[PICTURES][DIM] */
static inline void embed(fixture *f, rtv_model *model, float *descriptors) {
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors};
    assert_int_equal(info_of(model).descriptor_dim, DIM);
    assert_ok(rtv_model_embed(model, f->pictures, PICTURES, NULL, &result, &f->error), f->error);
}

/* Mean over the pictures. */
static inline double cosine_to(fixture *f, rtv_model *a, rtv_model *b) {
    float x[PICTURES * DIM], y[PICTURES * DIM];
    double sum = 0;
    embed(f, a, x);
    embed(f, b, y);
    for (int i = 0; i < PICTURES * DIM; i++) sum += (double)x[i] * (double)y[i];
    return sum / PICTURES;
}

/* The layer of that name; fails the test when there is none. */
static inline rtv_quantized_layer find_layer(const rtv_model *model, const char *name) {
    enum { MOST = 128 };
    static rtv_quantized_layer layers[MOST];
    int64_t count = 0;
    rtv_error error;
    layers[0].struct_size = sizeof layers[0];
    assert_ok(rtv_model_quantized_layers(model, layers, MOST, &count, &error), error);
    assert_in_range(count, 1, MOST);
    for (int64_t i = 0; i < count; i++)
        if (strcmp(layers[i].name, name) == 0) return layers[i];
    fail_msg("no layer %s", name);
    return layers[0];
}

#endif
