/* test_api_accuracy.c - accuracy.h on a toy network: the way that is reported, and the model at its end. */
#include "support.h"

#include <math.h>

#include <retrieve/retrieve.h>

#define COUNT 20
#define SIDE 32
#define DIM 12

enum { STEPS_MOST = 128 };

typedef struct world {
    rtv_runtime *runtime;
    rtv_model *parent;
    rtv_quantizer *quantizer;
    rtv_picture pictures[COUNT];
    int32_t classes[COUNT];
    uint8_t pixels[COUNT][SIDE * SIDE * 3];
    float reference[COUNT][DIM];
    rtv_accuracy_options options;
    rtv_accuracy_step steps[STEPS_MOST];
    int64_t num_steps, measured, fail_at;
    double wrong_value; /* what the metric gives instead of failing, when it is not 0 */
} world;

static void draw(world *w) {
    uint32_t state = 3;
    for (int i = 0; i < COUNT; i++) {
        w->classes[i] = i % 4;
        for (int p = 0; p < SIDE * SIDE * 3; p++) {
            const uint32_t pattern = (uint32_t)(p / 3 / SIDE * (w->classes[i] + 1) * 3 + p % 3 * 40) % 128;
            state = state * 1664525u + 1013904223u;
            w->pixels[i][p] = (uint8_t)(pattern + (state >> 24) / 2);
        }
        rtv_picture_from_pixels(&w->pictures[i], w->pixels[i], RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    }
}

static double mean_cosine(const world *w, rtv_model *model) {
    float descriptors[COUNT][DIM];
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors[0]};
    double sum = 0;
    assert_int_equal(rtv_model_embed(model, w->pictures, COUNT, NULL, &result, NULL), RTV_OK);
    for (int i = 0; i < COUNT; i++)
        for (int d = 0; d < DIM; d++) sum += (double)descriptors[i][d] * (double)w->reference[i][d];
    return sum / COUNT;
}

/* Two values; the second one does not fall as far. */
static int32_t measure(void *user, rtv_model *model, double *values, int64_t num_values) {
    world *w = user;
    assert_int_equal(num_values, 2);
    values[0] = mean_cosine(w, model);
    values[1] = 5 + values[0] / 2;
    if (++w->measured != w->fail_at) return 0;
    if (w->wrong_value == 0) return 7;
    values[1] = w->wrong_value;
    return 0;
}

static void open_world(world *w) {
    rtv_runtime_options runtime;
    rtv_import_options import;
    rtv_quantizer_options options;
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = w->reference[0]};
    rtv_error error;
    memset(w, 0, sizeof *w);
    rtv_runtime_options_init(&runtime);
    runtime.threads = 1; /* every layer waits for all threads, and other tests keep them waiting */
    assert_int_equal(rtv_runtime_create(&runtime, &w->runtime, &error), RTV_OK);
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    if (rtv_model_import(test_golden("models/cgd_sg.pth"), &import, w->runtime, NULL, &w->parent, &error) != RTV_OK)
        fail_msg("%s", error.message);
    draw(w);
    assert_int_equal(rtv_model_embed(w->parent, w->pictures, COUNT, NULL, &result, &error), RTV_OK);
    rtv_quantizer_options_init(&options);
    options.weights = RTV_WEIGHTS_HALF_RANGE; /* coarse, so that there is something to lose, and quick */
    if (rtv_quantizer_create(w->parent, &options, &w->quantizer, &error) != RTV_OK) fail_msg("%s", error.message);
    if (rtv_quantizer_add(w->quantizer, w->pictures, 4, NULL, NULL, NULL, &error) != RTV_OK) fail_msg("%s", error.message);
    rtv_accuracy_options_init(&w->options);
    w->options.pictures = w->pictures;
    w->options.count = COUNT;
    w->options.ranking_pictures = 3;
    w->options.metric = measure;
    w->options.metric_user = w;
    w->options.num_values = 2;
    w->steps->struct_size = sizeof *w->steps;
}

static void close_world(world *w) {
    rtv_quantizer_free(w->quantizer);
    rtv_model_free(w->parent);
    rtv_runtime_free(w->runtime);
}

static rtv_model *finish(world *w) {
    rtv_model *model = NULL;
    rtv_error error;
    if (rtv_quantizer_finish_within(w->quantizer, &w->options, NULL, &model, w->steps, STEPS_MOST, &w->num_steps, &error) != RTV_OK)
        fail_msg("%s", error.message);
    assert_int_equal(error.status, RTV_OK);
    assert_in_range(w->num_steps, 2, STEPS_MOST);
    return model;
}

static int32_t finish_badly(world *w, rtv_error *error) {
    rtv_model *model = NULL;
    const int32_t status = rtv_quantizer_finish_within(w->quantizer, &w->options, NULL, &model, w->steps, STEPS_MOST, &w->num_steps, error);
    assert_int_equal(status, error->status);
    assert_null(model);
    return status;
}

static void read_settings(world *w, char *text, size_t capacity) {
    uint64_t size;
    assert_int_equal(rtv_quantizer_settings(w->quantizer, text, capacity, &size, NULL), RTV_OK);
}

/* 1 when the model has this convolution or linear layer, it computes on this, and in float32 because accuracy control said so. */
static int count_layers(const rtv_model *model, const char *precision, const char *name) {
    rtv_quantized_layer layers[64] = {{.struct_size = sizeof layers[0]}};
    int64_t count;
    int found = 0;
    assert_int_equal(rtv_model_quantized_layers(model, layers, 64, &count, NULL), RTV_OK);
    for (int64_t i = 0; i < count; i++)
        found += layers[i].weight_snr_db >= 0 && strcmp(layers[i].precision, precision) == 0 && strcmp(layers[i].name, name) == 0 &&
                 (strcmp(precision, "int8") == 0 || strcmp(layers[i].why, "accuracy control") == 0);
    return found;
}

/* --- tests --- */

/* The way: float32, int8, layers by falling gain until the drop is small enough, then the same backwards; the model is what it says. */
static void layers_go_back_until_it_is_enough(void **state) {
    char before[4096], after[4096];
    rtv_model *model, *plain = NULL;
    double drop, share, previous = INFINITY;
    int64_t at, reverted = 0;
    world w;
    (void)state;
    open_world(&w);
    read_settings(&w, before, sizeof before);
    assert_int_equal(rtv_quantizer_finish(w.quantizer, NULL, &plain, NULL), RTV_OK);
    drop = 1 - mean_cosine(&w, plain);
    assert_true(drop > 1e-5);
    w.options.max_drop = drop / 4;
    model = finish(&w);
    assert_int_equal(w.steps[0].action, RTV_ACCURACY_FLOAT);
    assert_true(w.steps[0].drop == 0 && w.steps[0].float_share == 1 && w.steps[0].layer[0] == 0);
    assert_int_equal(w.steps[1].action, RTV_ACCURACY_INT8);
    assert_true(fabs(w.steps[1].drop - drop) < 1e-6); /* descriptors are of unit length to float32's rounding */
    assert_true(w.steps[1].float_share < 0.1);        /* the classifier alone */
    share = w.steps[1].float_share;
    for (at = 2; at < w.num_steps && w.steps[at].action == RTV_ACCURACY_REVERT; at++, reverted++) {
        assert_true(w.steps[at - 1].drop > w.options.max_drop);
        assert_true(w.steps[at].gain <= previous);
        assert_true(w.steps[at].layer_macs > 0 && w.steps[at].float_share > share);
        previous = w.steps[at].gain;
        share = w.steps[at].float_share;
    }
    assert_true(reverted > 0 && w.steps[at - 1].drop <= w.options.max_drop);
    assert_int_equal(w.num_steps - at, reverted - 1);
    for (int64_t i = at; i < w.num_steps; i++) {
        assert_int_equal(w.steps[i].action, w.steps[i].drop <= w.options.max_drop ? RTV_ACCURACY_RESTORE : RTV_ACCURACY_KEEP);
        assert_string_equal(w.steps[i].layer, w.steps[2 * at - 2 - i].layer); /* backwards */
    }
    for (int64_t i = 2; i < at; i++) {
        const int is_restored = i < at - 1 && w.steps[2 * at - 2 - i].action == RTV_ACCURACY_RESTORE;
        assert_int_equal(count_layers(model, is_restored ? "int8" : "f32", w.steps[i].layer), 1);
        assert_int_equal(count_layers(plain, "int8", w.steps[i].layer), 1);
    }
    for (int64_t i = 0; i < w.num_steps; i++)
        assert_true(w.steps[i].drop == fmax(w.steps[0].values[0] - w.steps[i].values[0], w.steps[0].values[1] - w.steps[i].values[1]));
    assert_true(1 - mean_cosine(&w, model) <= w.options.max_drop + 1e-6);
    read_settings(&w, after, sizeof after);
    assert_string_equal(before, after);
    rtv_model_free(model);
    rtv_model_free(plain);
    close_world(&w);
}

static void nothing_goes_back_where_little_is_lost(void **state) {
    rtv_model *model;
    world w;
    (void)state;
    open_world(&w);
    w.options.max_drop = 1;
    model = finish(&w);
    assert_int_equal(w.num_steps, 2);
    assert_int_equal(w.measured, 2);
    rtv_model_free(model);
    w.options.max_drop = 0; /* more than there is; but no layer may go back */
    w.options.max_layers = 0;
    model = finish(&w);
    assert_int_equal(w.num_steps, 2);
    assert_true(w.steps[1].drop > 0);
    rtv_model_free(model);
    w.options.max_layers = 1;
    model = finish(&w);
    assert_int_equal(w.num_steps, 3);
    assert_int_equal(count_layers(model, "f32", w.steps[2].layer), 1);
    rtv_model_free(model);
    close_world(&w);
}

/* Recall as a drift report has it; a picture that cannot be read is left out of it. */
static void the_default_metric_is_recall(void **state) {
    static const int64_t k[] = {1, 3};
    rtv_recall_drift recalls[2] = {{.struct_size = sizeof recalls[0]}};
    rtv_drift_options how;
    rtv_drift *drift = NULL;
    rtv_model *model;
    rtv_error error;
    int64_t count;
    world w;
    (void)state;
    open_world(&w);
    rtv_picture_from_path(&w.pictures[6], "nowhere.png");
    w.options.metric = NULL;
    w.options.classes = w.classes;
    w.options.ks = k;
    w.options.num_ks = 2;
    w.options.max_drop = 1;
    model = finish(&w);
    rtv_drift_options_init(&how);
    how.classes = w.classes;
    how.ks = k;
    how.num_ks = 2;
    how.layer_pictures = 0;
    assert_int_equal(rtv_drift_measure(w.parent, model, w.pictures, COUNT, &how, &drift, &error), RTV_OK);
    assert_int_equal(rtv_drift_recalls(drift, recalls, 2, &count, NULL), RTV_OK);
    for (int i = 0; i < 2; i++) {
        assert_true(w.steps[0].values[i] == recalls[i].recall_a && recalls[i].recall_a > 0);
        assert_true(w.steps[1].values[i] == recalls[i].recall_b);
    }
    rtv_drift_free(drift);
    rtv_model_free(model);
    for (int i = 0; i < COUNT; i++) rtv_picture_from_path(&w.pictures[i], "nowhere.png");
    assert_int_equal(finish_badly(&w, &error), RTV_E_IO);
    assert_contains(error.message, "nowhere.png");
    close_world(&w);
}

/* A drift report counts the pictures that a model was calibrated with. */
static void calibration_pictures_are_told(void **state) {
    rtv_picture_drift rows[COUNT];
    rtv_drift_info info = {.struct_size = sizeof info};
    rtv_drift *drift = NULL;
    rtv_model *model = NULL;
    int64_t count;
    world w;
    (void)state;
    open_world(&w);
    assert_int_equal(rtv_quantizer_finish(w.quantizer, NULL, &model, NULL), RTV_OK);
    assert_int_equal(rtv_drift_measure(w.parent, model, w.pictures, COUNT, NULL, &drift, NULL), RTV_OK);
    assert_int_equal(rtv_drift_info_get(drift, &info, NULL), RTV_OK);
    assert_int_equal(rtv_drift_pictures(drift, rows, COUNT, &count, NULL), RTV_OK);
    assert_int_equal(info.num_calibrated, 4);
    for (int i = 0; i < COUNT; i++) assert_int_equal(rows[i].is_calibrated, i < 4);
    rtv_drift_free(drift);
    rtv_model_free(model);
    close_world(&w);
}

typedef struct stopping {
    int64_t calls, stop_at;
} stopping;

static int32_t count_calls(void *user, int64_t done, int64_t total) {
    stopping *s = user;
    assert_int_equal(done, s->calls);
    assert_int_equal(total, -1);
    return ++s->calls == s->stop_at;
}

static void progress_and_failures(void **state) {
    stopping s = {0, 0};
    char before[4096], after[4096];
    rtv_error error;
    rtv_model *model;
    world w;
    int64_t models, measured;
    (void)state;
    open_world(&w);
    read_settings(&w, before, sizeof before);
    w.options.max_drop = 1e-4;
    w.options.max_layers = 2;
    w.options.progress = count_calls;
    w.options.progress_user = &s;
    model = finish(&w);
    models = s.calls;
    measured = w.measured;
    assert_true(models > measured);
    rtv_model_free(model);
    for (int64_t stop_at = 1; stop_at <= models; stop_at += stop_at == 1 ? models - 2 : 1) {
        s = (stopping){0, stop_at};
        assert_int_equal(finish_badly(&w, &error), RTV_E_CANCELLED);
    }
    w.options.progress = NULL;
    for (w.fail_at = 1; w.fail_at <= measured; w.fail_at++) {
        w.measured = 0;
        assert_int_equal(finish_badly(&w, &error), RTV_E_CALLBACK);
        assert_contains(error.message, "the metric: got 7, expected 0");
    }
    w.measured = 0;
    w.fail_at = 1;
    w.wrong_value = NAN;
    assert_int_equal(finish_badly(&w, &error), RTV_E_CALLBACK);
    assert_contains(error.message, "value 1: got nan");
    read_settings(&w, after, sizeof after);
    assert_string_equal(before, after);
    close_world(&w);
}

static void refuse(world *w, const rtv_accuracy_options *options, const char *text) {
    rtv_model *model = NULL;
    rtv_error error;
    assert_int_equal(rtv_quantizer_finish_within(w->quantizer, options, NULL, &model, NULL, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, text);
    assert_null(model);
}

static void wrong_arguments(void **state) {
    static const int64_t falling[] = {2, 1};
    static const int32_t bad_class[COUNT] = {0, -2};
    rtv_accuracy_options o;
    rtv_quantizer *empty = NULL;
    rtv_model *model = NULL;
    rtv_accuracy_step step = {.struct_size = 3};
    int64_t count = -1;
    rtv_error error;
    world w;
    (void)state;
    open_world(&w);
    refuse(&w, NULL, "options is NULL");
    assert_int_equal(rtv_quantizer_finish_within(NULL, &w.options, NULL, &model, NULL, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_finish_within(w.quantizer, &w.options, NULL, NULL, NULL, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
#define REFUSE(change, text) \
    o = w.options;           \
    change;                  \
    refuse(&w, &o, text)
    REFUSE(o.pictures = NULL, "pictures: got none");
    REFUSE(o.count = 0, "pictures: got none");
    REFUSE(o.ranking_pictures = 0, "ranking_pictures");
    REFUSE(o.max_layers = -1, "max_layers is negative");
    REFUSE(o.max_drop = NAN, "max_drop is not a number");
    REFUSE(o.num_values = 0, "num_values: got 0, expected 1..16");
    REFUSE(o.num_values = 17, "num_values: got 17");
    REFUSE(o.metric = NULL, "classes: got NULL");
    w.options.metric = NULL;
    w.options.classes = w.classes;
    REFUSE(o.num_ks = 3, "ks is NULL");
    REFUSE((o.ks = falling, o.num_ks = 2), "ks[1]: got 1, expected 3..1000");
    REFUSE(o.classes = bad_class, "classes[1]: got -2");
    REFUSE(o.struct_size = 3, "struct_size");
    w.options.max_drop = 1;
    assert_int_equal(rtv_quantizer_finish_within(w.quantizer, &w.options, NULL, &model, &step, 1, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_finish_within(w.quantizer, &w.options, NULL, &model, NULL, 1, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_true(count == -1 && !model);
    assert_int_equal(rtv_quantizer_create(w.parent, NULL, &empty, &error), RTV_OK);
    assert_int_equal(rtv_quantizer_finish_within(empty, &w.options, NULL, &model, NULL, 0, NULL, &error), RTV_E_STATE);
    rtv_quantizer_free(empty);
    close_world(&w);
}

/* Whatever allocation fails: everything is given back, and the quantizer goes on with its settings. */
static void memory_that_is_not_there(void **state) {
    test_heap heap = {0};
    const rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options runtime_options;
    rtv_import_options import;
    rtv_quantizer_options settings;
    rtv_accuracy_options options;
    rtv_runtime *runtime;
    rtv_model *parent = NULL;
    rtv_quantizer *quantizer = NULL;
    rtv_error error;
    world w;
    long calls;
    (void)state;
    memset(&w, 0, sizeof w);
    draw(&w);
    rtv_runtime_options_init(&runtime_options);
    runtime_options.threads = 1;
    runtime_options.allocator = &allocator;
    assert_int_equal(rtv_runtime_create(&runtime_options, &runtime, &error), RTV_OK);
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    assert_int_equal(rtv_model_import(test_golden("models/cgd_sg.pth"), &import, runtime, NULL, &parent, &error), RTV_OK);
    rtv_quantizer_options_init(&settings);
    settings.weights = RTV_WEIGHTS_HALF_RANGE;
    assert_int_equal(rtv_quantizer_create(parent, &settings, &quantizer, &error), RTV_OK);
    assert_int_equal(rtv_quantizer_add(quantizer, w.pictures, 2, NULL, NULL, NULL, &error), RTV_OK);
    rtv_accuracy_options_init(&options);
    options.pictures = w.pictures;
    options.classes = w.classes;
    options.count = 3;
    options.max_drop = -1; /* not to be had, so that layers are ranked */
    options.max_layers = 1;
    options.ranking_pictures = 1;
    for (long fail_at = 1, status = RTV_E_OUT_OF_MEMORY; status != RTV_OK; fail_at += 1 + fail_at / 16) {
        rtv_model *model = NULL;
        heap.calls = 0;
        heap.fail_at = fail_at;
        status = rtv_quantizer_finish_within(quantizer, &options, NULL, &model, NULL, 0, NULL, &error);
        calls = heap.calls;
        heap.fail_at = 0;
        if (status != RTV_OK && status != RTV_E_OUT_OF_MEMORY) fail_msg("allocation %ld: %s", fail_at, error.message);
        assert_int_equal(status == RTV_OK, model != NULL);
        rtv_model_free(model);
        if (calls < fail_at) break; /* a single picture may have failed alone, in the ranking or the metric */
        status = RTV_E_OUT_OF_MEMORY;
    }
    rtv_quantizer_free(quantizer);
    rtv_model_free(parent);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_go_back_until_it_is_enough),
        cmocka_unit_test(nothing_goes_back_where_little_is_lost),
        cmocka_unit_test(the_default_metric_is_recall),
        cmocka_unit_test(calibration_pictures_are_told),
        cmocka_unit_test(progress_and_failures),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
