/* test_api_drift.c - drift.h: every number of a report against loops over the descriptors of both models. */
#include "support.h"

#include <math.h>

#include <retrieve/retrieve.h>

#define COUNT 30
#define SIDE 32
#define DIM 12

enum { BAD = 7, CLASSLESS = 11, LONE = 13 }; /* pictures: no file, no class, the only one of its class */

typedef struct world {
    rtv_runtime *runtime;
    rtv_model *models[2];
    rtv_picture pictures[COUNT];
    int32_t classes[COUNT];
    uint8_t pixels[COUNT][SIDE * SIDE * 3];
    float descriptors[2][COUNT][DIM];
} world;

static rtv_model *import_toy(rtv_runtime *runtime, float mean, int32_t store) {
    rtv_import_options import;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    import.mean[0] = mean;
    import.store = store;
    if (rtv_model_import(test_golden("models/cgd_sg.pth"), &import, runtime, NULL, &model, &error) != RTV_OK) fail_msg("%s", error.message);
    return model;
}

/* Five classes of pictures with noise enough that some are taken for others. */
static void draw(world *w) {
    uint32_t state = 5;
    for (int i = 0; i < COUNT; i++) {
        w->classes[i] = i % 5;
        for (int p = 0; p < SIDE * SIDE * 3; p++) {
            const uint32_t pattern = (uint32_t)(p / 3 / SIDE * (w->classes[i] + 1) * 3 + p % 3 * 40) % 128;
            state = state * 1664525u + 1013904223u;
            w->pixels[i][p] = (uint8_t)(pattern + (state >> 24) / 2);
        }
        rtv_picture_from_pixels(&w->pictures[i], w->pixels[i], RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    }
    rtv_picture_from_path(&w->pictures[BAD], "nowhere.png");
    w->classes[CLASSLESS] = -1;
    w->classes[LONE] = 9;
}

static void open_world(world *w, float mean, int32_t store) {
    rtv_runtime_options options;
    rtv_error error;
    memset(w, 0, sizeof *w);
    rtv_runtime_options_init(&options);
    options.threads = 1; /* every layer waits for all threads, and other tests keep them waiting */
    assert_int_equal(rtv_runtime_create(&options, &w->runtime, &error), RTV_OK);
    w->models[0] = import_toy(w->runtime, 0.485f, RTV_STORE_FLOAT32);
    w->models[1] = import_toy(w->runtime, mean, store);
    draw(w);
    for (int i = 0; i < 2; i++) {
        int32_t statuses[COUNT];
        const rtv_embedding result = {.struct_size = sizeof result, .descriptors = w->descriptors[i][0], .statuses = statuses};
        assert_int_equal(rtv_model_embed(w->models[i], w->pictures, COUNT, NULL, &result, &error), RTV_OK);
    }
}

static void close_world(world *w) {
    rtv_model_free(w->models[0]);
    rtv_model_free(w->models[1]);
    rtv_runtime_free(w->runtime);
}

static rtv_drift *measure(world *w, const rtv_drift_options *options) {
    rtv_drift *drift = NULL;
    rtv_error error;
    if (rtv_drift_measure(w->models[0], w->models[1], w->pictures, COUNT, options, &drift, &error) != RTV_OK) fail_msg("%s", error.message);
    assert_int_equal(error.status, RTV_OK);
    return drift;
}

/* --- the oracle --- */

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (int i = 0; i < DIM; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Best first, then by number: the place of the first of the same class within the first `most`, and who comes first. */
static void rank(const world *w, int queries, int gallery, int query, int most, int32_t *place, int64_t *nearest) {
    int taken[COUNT] = {0};
    *place = 0;
    *nearest = -1;
    taken[query] = taken[BAD] = 1;
    for (int at = 1; at <= COUNT - 2; at++) {
        int best = -1;
        for (int i = 0; i < COUNT; i++) {
            if (taken[i]) continue;
            /* scores are rounded to float32 */
            if (best < 0 || (float)dot(w->descriptors[queries][query], w->descriptors[gallery][i]) >
                                (float)dot(w->descriptors[queries][query], w->descriptors[gallery][best]))
                best = i;
        }
        taken[best] = 1;
        if (at == 1) *nearest = best;
        if (*place == 0 && at <= most && w->classes[best] == w->classes[query] && w->classes[query] >= 0) *place = at;
    }
}

static void check_pictures(const world *w, const rtv_drift *drift, int most) {
    rtv_picture_drift rows[COUNT + 1];
    int64_t count;
    rtv_error error;
    assert_int_equal(rtv_drift_pictures(drift, rows, COUNT + 1, &count, &error), RTV_OK);
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        int32_t places[3];
        int64_t nearest[3];
        assert_int_equal(rows[i].status, i == BAD ? RTV_E_IO : RTV_OK);
        if (i == BAD) {
            assert_contains(rtv_drift_picture_message(drift, i), "nowhere.png");
            continue;
        }
        rank(w, 0, 0, i, most, &places[0], &nearest[0]);
        rank(w, 1, 1, i, most, &places[1], &nearest[1]);
        rank(w, 1, 0, i, most, &places[2], &nearest[2]);
        assert_string_equal(rtv_drift_picture_message(drift, i), "");
        assert_int_equal(rows[i].is_query, i != CLASSLESS);
        assert_int_equal(rows[i].rank_a, places[0]);
        assert_int_equal(rows[i].rank_b, places[1]);
        assert_int_equal(rows[i].rank_mixed, places[2]);
        assert_int_equal(rows[i].nearest_a, nearest[0]);
        assert_int_equal(rows[i].nearest_b, nearest[1]);
        assert_int_equal(rows[i].nearest_mixed, nearest[2]);
        assert_int_equal(rows[i].is_calibrated, 0);
        /* the descriptors are of unit length to within float32's rounding */
        assert_true(fabs(rows[i].cosine - dot(w->descriptors[0][i], w->descriptors[1][i])) < 1e-6);
    }
}

static void check_info(const world *w, const rtv_drift *drift) {
    rtv_drift_info info = {.struct_size = sizeof info};
    rtv_picture_drift rows[COUNT];
    int64_t count, moved = 0;
    double sum = 0, least = 2;
    (void)w;
    assert_int_equal(rtv_drift_pictures(drift, rows, COUNT, &count, NULL), RTV_OK);
    assert_int_equal(rtv_drift_info_get(drift, &info, NULL), RTV_OK);
    for (int i = 0; i < COUNT; i++) {
        if (i == BAD) continue;
        sum += rows[i].cosine;
        least = fmin(least, rows[i].cosine);
        moved += rows[i].nearest_a != rows[i].nearest_b;
    }
    assert_int_equal(info.descriptor_dim, DIM);
    assert_int_equal(info.num_pictures, COUNT);
    assert_int_equal(info.num_compared, COUNT - 1);
    assert_int_equal(info.num_queries, COUNT - 2);
    assert_int_equal(info.num_lone, 1);
    assert_int_equal(info.num_moved, moved);
    assert_int_equal(info.num_calibrated, 0);
    assert_true(fabs(info.cosine_mean - sum / (COUNT - 1)) < 1e-12);
    assert_true(info.cosine_min == least && least <= info.cosine_1_percent && info.cosine_1_percent <= info.cosine_5_percent &&
                info.cosine_5_percent <= info.cosine_median);
}

static void check_recalls(const rtv_drift *drift, const int64_t *k, int64_t num_ks) {
    rtv_recall_drift recalls[RTV_DRIFT_KS_MAX] = {{.struct_size = sizeof recalls[0]}};
    rtv_picture_drift rows[COUNT];
    int64_t count;
    assert_int_equal(rtv_drift_pictures(drift, rows, COUNT, &count, NULL), RTV_OK);
    assert_int_equal(rtv_drift_recalls(drift, recalls, RTV_DRIFT_KS_MAX, &count, NULL), RTV_OK);
    assert_int_equal(count, num_ks);
    for (int64_t n = 0; n < num_ks; n++) {
        int64_t right[3] = {0}, gained[2] = {0}, lost[2] = {0};
        const rtv_recall_drift *r = &recalls[n];
        for (int i = 0; i < COUNT; i++) {
            const int32_t ranks[] = {rows[i].rank_a, rows[i].rank_b, rows[i].rank_mixed};
            int in[3];
            for (int j = 0; j < 3; j++) right[j] += in[j] = ranks[j] >= 1 && ranks[j] <= k[n];
            for (int j = 0; j < 2; j++) gained[j] += in[j + 1] && !in[0];
            for (int j = 0; j < 2; j++) lost[j] += !in[j + 1] && in[0];
        }
        assert_int_equal(r->k, k[n]);
        assert_true(r->recall_a == (double)right[0] / (COUNT - 2) && r->recall_b == (double)right[1] / (COUNT - 2) &&
                    r->recall_mixed == (double)right[2] / (COUNT - 2));
        assert_int_equal(r->gained, gained[0]);
        assert_int_equal(r->lost, lost[0]);
        assert_int_equal(r->mixed_gained, gained[1]);
        assert_int_equal(r->mixed_lost, lost[1]);
        assert_true(r->low <= r->recall_b - r->recall_a && r->recall_b - r->recall_a <= r->high);
        assert_true(r->mixed_low <= r->recall_mixed - r->recall_a && r->recall_mixed - r->recall_a <= r->mixed_high);
        assert_true(r->p_value > 0 && r->p_value <= 1 && r->mixed_p_value > 0 && r->mixed_p_value <= 1);
    }
}

/* --- tests --- */

static void two_models_that_differ(void **state) {
    static const int64_t k[] = {1, 3, 6};
    rtv_drift_options options;
    rtv_recall_drift first = {.struct_size = sizeof first};
    rtv_drift *drift;
    int64_t count;
    world w;
    (void)state;
    open_world(&w, 0.9f, RTV_STORE_FLOAT32);
    rtv_drift_options_init(&options);
    options.classes = w.classes;
    options.ks = k;
    options.num_ks = 3;
    drift = measure(&w, &options);
    check_pictures(&w, drift, 6);
    check_info(&w, drift);
    check_recalls(drift, k, 3);
    assert_int_equal(rtv_drift_recalls(drift, &first, 1, &count, NULL), RTV_OK);
    assert_true(first.gained + first.lost > 0 && first.recall_a < 1); /* or the pictures test nothing */
    rtv_drift_free(drift);
    close_world(&w);
}

static void customary_k_and_small_rounding(void **state) {
    static const int64_t k[] = {1, 2, 4, 8};
    rtv_drift_options options;
    rtv_drift_info info = {.struct_size = sizeof info};
    rtv_drift *drift;
    world w;
    (void)state;
    open_world(&w, 0.485f, RTV_STORE_FLOAT16);
    rtv_drift_options_init(&options);
    options.classes = w.classes;
    drift = measure(&w, &options);
    check_pictures(&w, drift, 8);
    check_recalls(drift, k, 4);
    assert_int_equal(rtv_drift_info_get(drift, &info, NULL), RTV_OK);
    assert_true(info.cosine_min > 0.9999); /* float16 rounds to 11 bits */
    rtv_drift_free(drift);
    close_world(&w);
}

static void layers_one_by_one(void **state) {
    rtv_drift_options options;
    rtv_layer_drift layers[64] = {{.struct_size = sizeof layers[0]}};
    rtv_layer_info steps[64] = {{.struct_size = sizeof steps[0]}};
    rtv_drift *drift;
    int64_t count, num_steps, row = 0;
    world w;
    (void)state;
    open_world(&w, 0.485f, RTV_STORE_FLOAT16);
    rtv_drift_options_init(&options);
    options.layer_pictures = 3;
    drift = measure(&w, &options);
    assert_int_equal(rtv_drift_layers(drift, layers, 64, &count, NULL), RTV_OK);
    assert_int_equal(rtv_model_profile(w.models[0], 0, steps, 64, &num_steps, NULL), RTV_OK);
    for (int64_t i = 0; i < num_steps; i++) {
        if (strcmp(steps[i].op, "reorder") == 0) continue;
        assert_in_range(row, 0, count - 1);
        assert_string_equal(layers[row].name, steps[i].name);
        assert_string_equal(layers[row].op, steps[i].op);
        assert_string_equal(layers[row].precision_a, "f32");
        assert_string_equal(layers[row].precision_b, "f32");
        assert_true(layers[row].signal > 0 && layers[row].noise > 0);
        assert_true(fabs(layers[row].snr_db - 10 * log10(layers[row].signal / layers[row].noise)) < 1e-9);
        assert_true(layers[row].snr_db > 50); /* float16's rounding is 66 dB below, and adds up */
        row++;
    }
    assert_int_equal(row, count);
    rtv_drift_free(drift);
    options.layer_pictures = 0;
    drift = measure(&w, &options);
    assert_int_equal(rtv_drift_layers(drift, layers, 64, &count, NULL), RTV_OK);
    assert_int_equal(count, 0);
    assert_int_equal(rtv_drift_recalls(drift, NULL, 0, &count, NULL), RTV_OK); /* no classes, no recall */
    assert_int_equal(count, 0);
    rtv_drift_free(drift);
    close_world(&w);
}

static void a_model_does_not_differ_from_itself(void **state) {
    rtv_layer_drift layers[64] = {{.struct_size = sizeof layers[0]}};
    rtv_drift_info info = {.struct_size = sizeof info};
    rtv_drift_options options;
    rtv_drift *drift = NULL;
    int64_t count;
    world w;
    (void)state;
    open_world(&w, 0.485f, RTV_STORE_FLOAT32);
    rtv_drift_options_init(&options);
    options.layer_pictures = 1;
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[0], w.pictures, COUNT, &options, &drift, NULL), RTV_OK);
    assert_int_equal(rtv_drift_info_get(drift, &info, NULL), RTV_OK);
    assert_int_equal(info.num_moved, 0);
    assert_true(info.cosine_min > 1 - 1e-12);
    assert_int_equal(rtv_drift_layers(drift, layers, 64, &count, NULL), RTV_OK);
    for (int64_t i = 0; i < count; i++) assert_true(layers[i].noise == 0 && isinf(layers[i].snr_db));
    rtv_drift_free(drift);
    close_world(&w);
}

typedef struct stopping {
    int64_t calls, stop_at, last, total;
} stopping;

static int32_t count_calls(void *user, int64_t done, int64_t total) {
    stopping *s = user;
    assert_true(done >= s->last && done <= total);
    s->last = done;
    s->total = total;
    return ++s->calls == s->stop_at;
}

static void progress_and_cancelling(void **state) {
    stopping s = {0};
    rtv_drift_options options;
    rtv_drift *drift;
    rtv_error error;
    world w;
    int64_t calls;
    (void)state;
    open_world(&w, 0.9f, RTV_STORE_FLOAT32);
    rtv_drift_options_init(&options);
    options.mode = RTV_MODE_LATENCY; /* a call for each picture */
    options.layer_pictures = 2;
    options.progress = count_calls;
    options.progress_user = &s;
    drift = measure(&w, &options);
    assert_int_equal(s.total, 2 * COUNT + 2);
    assert_int_equal(s.last, s.total);
    rtv_drift_free(drift);
    drift = NULL;
    calls = s.calls;
    for (int64_t stop_at = 1; stop_at <= calls; stop_at += stop_at < calls - 2 ? 29 : 1) {
        s = (stopping){.stop_at = stop_at};
        assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, COUNT, &options, &drift, &error), RTV_E_CANCELLED);
        assert_null(drift);
    }
    close_world(&w);
}

static void wrong_arguments(void **state) {
    static const int64_t falling[] = {4, 2}, none[] = {0}, large[] = {1001};
    static const struct {
        const int64_t *k;
        int64_t num_ks;
        const char *text;
    } bad_k[] = {{falling, 2, "ks[1]: got 2, expected 5..1000"},
                 {none, 1, "ks[0]: got 0, expected 1..1000"},
                 {large, 1, "ks[0]: got 1001"},
                 {falling, 0, "num_ks: got 0, expected 1..16"},
                 {falling, 17, "num_ks: got 17"},
                 {NULL, 2, "ks is NULL"}};
    rtv_drift_options options;
    rtv_drift *drift = NULL;
    rtv_drift_info info = {.struct_size = 3};
    rtv_layer_drift layer = {.struct_size = 3};
    int64_t count = -1;
    rtv_error error;
    world w;
    (void)state;
    open_world(&w, 0.9f, RTV_STORE_FLOAT32);
    assert_int_equal(rtv_drift_measure(NULL, w.models[1], w.pictures, 1, NULL, &drift, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_measure(w.models[0], NULL, w.pictures, 1, NULL, &drift, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], NULL, 1, NULL, &drift, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 0, NULL, &drift, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 1, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof bad_k / sizeof *bad_k; i++) {
        rtv_drift_options_init(&options);
        options.ks = bad_k[i].k;
        options.num_ks = bad_k[i].num_ks;
        assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 1, &options, &drift, &error), RTV_E_INVALID_ARGUMENT);
        assert_contains(error.message, bad_k[i].text);
    }
    rtv_drift_options_init(&options);
    options.layer_pictures = -1;
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 1, &options, &drift, &error), RTV_E_INVALID_ARGUMENT);
    rtv_drift_options_init(&options);
    options.mode = 99;
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 1, &options, &drift, &error), RTV_E_INVALID_ARGUMENT);
    rtv_drift_options_init(&options);
    w.classes[2] = -2;
    options.classes = w.classes;
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, COUNT, &options, &drift, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "classes[2]: got -2");
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], &w.pictures[BAD], 1, NULL, &drift, &error), RTV_E_IO);
    assert_contains(error.message, "nowhere.png");
    assert_null(drift);
    assert_int_equal(rtv_drift_measure(w.models[0], w.models[1], w.pictures, 1, NULL, &drift, &error),
                     RTV_OK); /* one alone has no neighbour */
    assert_int_equal(rtv_drift_info_get(drift, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_info_get(NULL, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_info_get(drift, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_layers(drift, &layer, 1, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_layers(drift, NULL, 1, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_layers(drift, NULL, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_layers(NULL, NULL, 0, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_recalls(NULL, NULL, 0, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_pictures(NULL, NULL, 0, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_pictures(drift, NULL, 1, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_drift_pictures(drift, NULL, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(count, -1);
    assert_string_equal(rtv_drift_picture_message(drift, -1), "");
    assert_string_equal(rtv_drift_picture_message(drift, 1), "");
    rtv_drift_free(drift);
    rtv_drift_free(NULL);
    close_world(&w);
}

static void other_dimensions(void **state) {
    rtv_drift *drift = NULL;
    rtv_model *other = NULL;
    rtv_model_options options;
    rtv_error error;
    world w;
    (void)state;
    open_world(&w, 0.485f, RTV_STORE_FLOAT32);
    rtv_model_options_init(&options);
    options.executor = RTV_EXECUTOR_REFERENCE; /* its s8 activations are no business of oneDNN's */
    assert_int_equal(rtv_model_load(test_golden("modelfile/toy_quantized_v1.safetensors"), w.runtime, &options, &other, &error), RTV_OK);
    assert_int_equal(rtv_drift_measure(w.models[0], other, w.pictures, 1, NULL, &drift, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "model B: got descriptors of 6 floats, expected A's 12");
    rtv_model_free(other);
    close_world(&w);
}

/* Whatever allocation fails, everything is given back and the report is not there. */
static void memory_that_is_not_there(void **state) {
    test_heap heap = {0};
    const rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_drift_options how;
    rtv_drift *drift = NULL;
    rtv_runtime *runtime;
    rtv_model *model;
    rtv_error error;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    world w;
    (void)state;
    memset(&w, 0, sizeof w);
    draw(&w);
    rtv_runtime_options_init(&options);
    options.threads = 1;
    options.allocator = &allocator;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_OK);
    model = import_toy(runtime, 0.485f, RTV_STORE_FLOAT32);
    rtv_drift_options_init(&how);
    how.classes = w.classes;
    how.layer_pictures = 1;
    how.mode = RTV_MODE_LATENCY;
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        const long live = heap.live;
        heap.calls = 0;
        heap.fail_at = fail_at;
        status = rtv_drift_measure(model, model, w.pictures, 3, &how, &drift, &error);
        heap.fail_at = 0;
        if (status == RTV_OK) { /* a picture may have failed alone */
            rtv_picture_drift rows[3];
            int64_t count, bad = 0;
            rtv_drift_pictures(drift, rows, 3, &count, NULL);
            for (int i = 0; i < 3; i++) bad += rows[i].status == RTV_E_OUT_OF_MEMORY;
            rtv_drift_free(drift);
            drift = NULL;
            if (bad > 0) status = RTV_E_OUT_OF_MEMORY;
        }
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_null(drift);
        assert_true(heap.live <= live + 1); /* the model may have made a context of its own, once */
    }
    rtv_model_free(model);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_models_that_differ),  cmocka_unit_test(customary_k_and_small_rounding),
        cmocka_unit_test(layers_one_by_one),       cmocka_unit_test(a_model_does_not_differ_from_itself),
        cmocka_unit_test(progress_and_cancelling), cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(other_dimensions),        cmocka_unit_test(memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
