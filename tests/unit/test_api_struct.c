/* test_api_struct.c - structs that begin with their size, of callers older and newer than the library (docs/abi.md). */
#include "support.h"

#include <retrieve/retrieve.h>

enum { LARGE = 1024, GUARD = 0xa5, SIDE = 32 };

typedef struct world {
    rtv_runtime *runtime;
    rtv_model *model, *quantized;
    rtv_index *index, *labelled; /* without items; with two, of one class */
    rtv_quantizer *quantizer;
    rtv_evaluation *evaluation;
    rtv_drift *drift;
    rtv_dataset *dataset;
    rtv_vectors *vectors;
} world;

static const int32_t classes[2] = {0, 0};
static const uint8_t gray[2] = {0, 200};

static void fill_pictures(rtv_picture pictures[2]) {
    for (int i = 0; i < 2; i++) rtv_picture_from_pixels(&pictures[i], &gray[i], RTV_PIXEL_GRAY8, 1, 1, 1);
}

static int make_reports(world *w) {
    const float vectors[2] = {1.0f, 0.5f};
    const rtv_items items = {.struct_size = sizeof items, .vectors = vectors, .classes = classes};
    rtv_drift_options drift;
    rtv_picture pictures[2];
    fill_pictures(pictures);
    rtv_drift_options_init(&drift);
    drift.classes = classes;
    return rtv_index_create(1, w->runtime, &w->labelled, NULL) == RTV_OK && rtv_index_add(w->labelled, &items, 2, NULL) == RTV_OK &&
           rtv_evaluation_create(w->labelled, NULL, NULL, &w->evaluation, NULL) == RTV_OK &&
           rtv_quantizer_create(w->model, NULL, &w->quantizer, NULL) == RTV_OK &&
           rtv_quantizer_add(w->quantizer, pictures, 2, NULL, NULL, NULL, NULL) == RTV_OK &&
           rtv_quantizer_finish(w->quantizer, NULL, &w->quantized, NULL) == RTV_OK &&
           rtv_drift_measure(w->model, w->quantized, pictures, 2, &drift, &w->drift, NULL) == RTV_OK &&
           rtv_dataset_read(test_golden("dataset/cars_plain.mat"), RTV_DATASET_CARS, w->runtime, &w->dataset, NULL) == RTV_OK &&
           rtv_vectors_open(test_golden("exchange/float32.npy"), w->runtime, &w->vectors, NULL) == RTV_OK;
}

static int setup(void **state) {
    static world w;
    rtv_runtime_options options;
    rtv_import_options import;
    rtv_runtime_options_init(&options);
    options.threads = 1;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    *state = &w;
    return rtv_runtime_create(&options, &w.runtime, NULL) == RTV_OK &&
                   rtv_model_import(test_golden("models/cgd_sg.pth"), &import, w.runtime, NULL, &w.model, NULL) == RTV_OK &&
                   rtv_index_create_for_model(w.model, w.runtime, &w.index, NULL) == RTV_OK && make_reports(&w)
               ? 0
               : -1;
}

static int teardown(void **state) {
    world *w = *state;
    rtv_vectors_free(w->vectors);
    rtv_dataset_free(w->dataset);
    rtv_drift_free(w->drift);
    rtv_evaluation_free(w->evaluation);
    rtv_quantizer_free(w->quantizer);
    rtv_index_free(w->labelled);
    rtv_index_free(w->index);
    rtv_model_free(w->quantized);
    rtv_model_free(w->model);
    rtv_runtime_free(w->runtime);
    return 0;
}

/* --- options and inputs -------------------------------------------------------------------------------------------------------------- */

static int32_t use_runtime_options(world *w, const void *options, rtv_error *error) {
    rtv_runtime *runtime = NULL;
    int32_t status = rtv_runtime_create(options, &runtime, error);
    (void)w;
    rtv_runtime_free(runtime);
    return status;
}

static int32_t import_with(world *w, const rtv_import_options *import, const rtv_model_options *options, rtv_error *error) {
    rtv_model *model = NULL;
    int32_t status = rtv_model_import(test_golden("models/cgd_sg.pth"), import, w->runtime, options, &model, error);
    rtv_model_free(model);
    return status;
}

static int32_t use_import_options(world *w, const void *options, rtv_error *error) { return import_with(w, options, NULL, error); }

static int32_t use_model_options(world *w, const void *options, rtv_error *error) { return import_with(w, NULL, options, error); }

static int32_t use_embed_options(world *w, const void *options, rtv_error *error) {
    return rtv_model_embed(w->model, NULL, 0, options, NULL, error);
}

static int32_t use_embedding(world *w, const void *embedding, rtv_error *error) {
    return rtv_model_embed(w->model, NULL, 0, NULL, embedding, error);
}

static int32_t use_items(world *w, const void *items, rtv_error *error) { return rtv_index_add(w->index, items, 0, error); }

static int32_t use_drift_options(world *w, const void *options, rtv_error *error) {
    rtv_picture pictures[2];
    rtv_drift *drift = NULL;
    int32_t status;
    fill_pictures(pictures);
    status = rtv_drift_measure(w->model, w->model, pictures, 1, options, &drift, error);
    rtv_drift_free(drift);
    return status;
}

static int32_t use_search_options(world *w, const void *options, rtv_error *error) {
    return rtv_index_search(w->index, NULL, 0, 1, options, NULL, NULL, error);
}

static int32_t use_index_options(world *w, const void *given, rtv_error *error) {
    const int32_t dim = 4;
    rtv_index *index = NULL;
    uint8_t options[LARGE];
    int32_t status;
    memcpy(options, given, sizeof options);
    memcpy(options + offsetof(rtv_index_options, dim), &dim, sizeof dim); /* the one field that has no default */
    status = rtv_index_create_with((const rtv_index_options *)(const void *)options, w->runtime, &index, error);
    rtv_index_free(index);
    return status;
}

static int32_t use_evaluation_options(world *w, const void *options, rtv_error *error) {
    rtv_evaluation *evaluation = NULL;
    int32_t status = rtv_evaluation_create(w->labelled, NULL, options, &evaluation, error);
    rtv_evaluation_free(evaluation);
    return status;
}

static int32_t use_quantizer_options(world *w, const void *options, rtv_error *error) {
    rtv_quantizer *quantizer = NULL;
    int32_t status = rtv_quantizer_create(w->model, options, &quantizer, error);
    rtv_quantizer_free(quantizer);
    return status;
}

static int32_t use_simulate_options(world *w, const void *options, rtv_error *error) {
    rtv_model *model = NULL;
    int32_t status = rtv_model_simulate(w->quantized, options, NULL, &model, error);
    rtv_model_free(model);
    return status;
}

/* Structs that cannot be without some field: that it is missing is what was wanted. */
static int32_t unless(const char *missing, int32_t status, const rtv_error *error) {
    return status == RTV_E_INVALID_ARGUMENT && strstr(error->message, missing) ? RTV_OK : status;
}

static int32_t use_accuracy_options(world *w, const void *options, rtv_error *error) {
    rtv_model *model = NULL;
    int64_t count;
    int32_t status = rtv_quantizer_finish_within(w->quantizer, options, NULL, &model, NULL, 0, &count, error);
    return unless("pictures: got none", status, error);
}

static int32_t use_reduce_options(world *w, const void *options, rtv_error *error) {
    rtv_index *reduced = NULL;
    return unless("kept_dim", rtv_index_reduce(w->labelled, options, NULL, &reduced, error), error);
}

static int32_t use_blend(world *w, const void *blend, rtv_error *error) {
    int64_t num_hits;
    rtv_hit hit;
    return unless("at least one", rtv_index_search_blend(w->labelled, blend, 1, NULL, &hit, &num_hits, error), error);
}

/* A zeroed struct, for those without an init function. */
static void init_zeroed(void *given, uint32_t size) {
    memset(given, 0, size);
    memcpy(given, &size, sizeof size);
}

typedef void (*init_fn)(void *options, uint32_t size);

static void init_runtime(void *o, uint32_t size) { rtv_runtime_options_init_sized(o, size); }
static void init_import(void *o, uint32_t size) { rtv_import_options_init_sized(o, size); }
static void init_model(void *o, uint32_t size) { rtv_model_options_init_sized(o, size); }
static void init_embed(void *o, uint32_t size) { rtv_embed_options_init_sized(o, size); }
static void init_drift(void *o, uint32_t size) { rtv_drift_options_init_sized(o, size); }
static void init_index(void *o, uint32_t size) { rtv_index_options_init_sized(o, size); }
static void init_search(void *o, uint32_t size) { rtv_search_options_init_sized(o, size); }
static void init_evaluation(void *o, uint32_t size) { rtv_evaluation_options_init_sized(o, size); }
static void init_quantizer(void *o, uint32_t size) { rtv_quantizer_options_init_sized(o, size); }
static void init_simulate(void *o, uint32_t size) { rtv_simulate_options_init_sized(o, size); }
static void init_reduce(void *o, uint32_t size) { rtv_reduce_options_init_sized(o, size); }
static void init_accuracy(void *o, uint32_t size) { rtv_accuracy_options_init_sized(o, size); }

#define INPUT(type, init, use) \
    { #type, sizeof(type), init, use }
static const struct {
    const char *type;
    uint32_t size;
    init_fn init;
    int32_t (*use)(world *w, const void *options, rtv_error *error);
} inputs[] = {
    INPUT(rtv_runtime_options, init_runtime, use_runtime_options),
    INPUT(rtv_import_options, init_import, use_import_options),
    INPUT(rtv_model_options, init_model, use_model_options),
    INPUT(rtv_embed_options, init_embed, use_embed_options),
    INPUT(rtv_embedding, init_zeroed, use_embedding),
    INPUT(rtv_items, init_zeroed, use_items),
    INPUT(rtv_drift_options, init_drift, use_drift_options),
    INPUT(rtv_index_options, init_index, use_index_options),
    INPUT(rtv_search_options, init_search, use_search_options),
    INPUT(rtv_blend, init_zeroed, use_blend),
    INPUT(rtv_evaluation_options, init_evaluation, use_evaluation_options),
    INPUT(rtv_quantizer_options, init_quantizer, use_quantizer_options),
    INPUT(rtv_simulate_options, init_simulate, use_simulate_options),
    INPUT(rtv_accuracy_options, init_accuracy, use_accuracy_options),
    INPUT(rtv_reduce_options, init_reduce, use_reduce_options),
};
enum { NUM_INPUTS = sizeof inputs / sizeof *inputs };

static void init_keeps_to_the_size(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_INPUTS; i++) {
        for (uint32_t size = 8; size <= inputs[i].size + 64; size += 8) {
            union {
                uint8_t bytes[LARGE];
                uint32_t struct_size;
                uint64_t aligned;
            } some, whole;
            memset(&some, GUARD, sizeof some);
            memset(&whole, 0, sizeof whole);
            inputs[i].init(&some, size);
            inputs[i].init(&whole, inputs[i].size);
            assert_int_equal(some.struct_size, size);
            whole.struct_size = size;
            assert_memory_equal(&some, &whole, size); /* the same defaults, zeros behind them */
            for (size_t j = size; j < LARGE; j++) assert_int_equal(some.bytes[j], GUARD);
        }
    }
}

static void inputs_of_every_size(void **state) {
    for (size_t i = 0; i < NUM_INPUTS; i++) {
        uint64_t given[LARGE / 8];
        rtv_error error;
        char text[64];
        for (uint32_t size = 8; size <= inputs[i].size + 64; size += 8) { /* what lies behind the size is not looked at */
            memset(given, GUARD, sizeof given);
            inputs[i].init(given, size);
            if (inputs[i].use(*state, given, &error) != RTV_OK) fail_msg("%s of %u bytes: %s", inputs[i].type, size, error.message);
        }
        ((uint8_t *)given)[inputs[i].size + 63] = 1; /* a wish that this library does not know */
        assert_int_equal(inputs[i].use(*state, given, &error), RTV_E_UNSUPPORTED);
        snprintf(text, sizeof text, "%s: byte %u is set", inputs[i].type, inputs[i].size + 63);
        assert_contains(error.message, text);
        for (size_t k = 0; k < 3; k++) {
            const uint32_t wrong[] = {0, 7, 65537};
            memcpy(given, &wrong[k], sizeof wrong[k]);
            assert_int_equal(inputs[i].use(*state, given, &error), RTV_E_INVALID_ARGUMENT);
            assert_contains(error.message, inputs[i].type);
        }
    }
}

/* Of a struct that ends early the fields that are missing have their defaults, not zero. */
static void missing_fields_have_defaults(void **state) {
    world *w = *state;
    struct {
        uint32_t struct_size;
        int32_t class_id; /* predicted_class and min_score are missing */
    } old = {8, -1};
    const float vectors[2] = {1.0f, -1.0f};
    const int32_t predicted[2] = {4, -1};
    rtv_items items = {.struct_size = sizeof items, .vectors = vectors, .predicted = predicted};
    rtv_index *index = NULL;
    rtv_hit hits[2];
    int64_t num_hits = 0;
    assert_int_equal(rtv_index_create(1, w->runtime, &index, NULL), RTV_OK);
    assert_int_equal(rtv_index_add(index, &items, 2, NULL), RTV_OK);
    assert_int_equal(rtv_index_search(index, vectors, 1, 2, (const rtv_search_options *)(const void *)&old, hits, &num_hits, NULL), RTV_OK);
    assert_int_equal(num_hits, 2);
    rtv_index_free(index);
}

/* --- answers ------------------------------------------------------------------------------------------------------------------------- */

static int32_t ask_cpu(world *w, void *info, rtv_error *error) {
    (void)w;
    return rtv_cpu_info_get(info, error);
}

static int32_t ask_model(world *w, void *info, rtv_error *error) { return rtv_model_info_get(w->model, info, error); }

static int32_t ask_index(world *w, void *info, rtv_error *error) { return rtv_index_info_get(w->index, info, error); }

static int32_t ask_layer(world *w, void *info, rtv_error *error) {
    int64_t count;
    return rtv_model_profile(w->model, 0, info, 1, &count, error);
}

static int32_t ask_evaluation(world *w, void *info, rtv_error *error) { return rtv_evaluation_info_get(w->evaluation, info, error); }

static int32_t ask_reduction(world *w, void *info, rtv_error *error) { return rtv_reduction_info_get(w->labelled, info, error); }

static int32_t ask_drift(world *w, void *info, rtv_error *error) { return rtv_drift_info_get(w->drift, info, error); }

static int32_t ask_dataset(world *w, void *info, rtv_error *error) { return rtv_dataset_info_get(w->dataset, info, error); }

static int32_t ask_entry(world *w, void *entry, rtv_error *error) { return rtv_dataset_entry_get(w->dataset, 0, entry, error); }

static int32_t ask_vectors(world *w, void *info, rtv_error *error) { return rtv_vectors_info_get(w->vectors, info, error); }

static int32_t ask_recall(world *w, void *row, rtv_error *error) {
    int64_t count;
    return rtv_drift_recalls(w->drift, row, 1, &count, error);
}

static int32_t ask_layer_drift(world *w, void *row, rtv_error *error) {
    int64_t count;
    return rtv_drift_layers(w->drift, row, 1, &count, error);
}

static int32_t ask_quantized(world *w, void *row, rtv_error *error) {
    int64_t count;
    return rtv_model_quantized_layers(w->quantized, row, 1, &count, error);
}

static int32_t ask_step(world *w, void *row, rtv_error *error) {
    rtv_accuracy_options options;
    rtv_model *model = NULL;
    rtv_picture pictures[2];
    int64_t count;
    int32_t status;
    fill_pictures(pictures);
    rtv_accuracy_options_init(&options);
    options.pictures = pictures;
    options.classes = classes;
    options.count = 2;
    options.max_drop = 1;
    status = rtv_quantizer_finish_within(w->quantizer, &options, NULL, &model, row, 1, &count, error);
    rtv_model_free(model);
    return status;
}

#define ANSWER(type, ask) \
    { #type, sizeof(type), ask }
static const struct {
    const char *type;
    uint32_t size;
    int32_t (*ask)(world *w, void *info, rtv_error *error);
} answers[] = {
    ANSWER(rtv_cpu_info, ask_cpu),         ANSWER(rtv_model_info, ask_model),           ANSWER(rtv_index_info, ask_index),
    ANSWER(rtv_layer_info, ask_layer),     ANSWER(rtv_evaluation_info, ask_evaluation), ANSWER(rtv_drift_info, ask_drift),
    ANSWER(rtv_dataset_info, ask_dataset), ANSWER(rtv_dataset_entry, ask_entry),        ANSWER(rtv_vectors_info, ask_vectors),
    ANSWER(rtv_recall_drift, ask_recall),  ANSWER(rtv_layer_drift, ask_layer_drift),    ANSWER(rtv_quantized_layer, ask_quantized),
    ANSWER(rtv_accuracy_step, ask_step),   ANSWER(rtv_reduction_info, ask_reduction)};

static void answers_of_every_size(void **state) {
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        union {
            uint8_t bytes[LARGE];
            uint32_t struct_size;
            uint64_t aligned;
        } whole, some;
        rtv_error error;
        assert_true(answers[i].size + 64 <= LARGE);
        memset(&whole, 0, sizeof whole);
        whole.struct_size = answers[i].size;
        assert_int_equal(answers[i].ask(*state, &whole, &error), RTV_OK);
        for (uint32_t size = 8; size <= answers[i].size + 64; size += 8) {
            memset(&some, GUARD, sizeof some);
            some.struct_size = whole.struct_size = size;
            assert_int_equal(answers[i].ask(*state, &some, &error), RTV_OK);
            assert_memory_equal(&some, &whole, size); /* zeros behind what the library knows */
            for (size_t j = size; j < LARGE; j++) assert_int_equal(some.bytes[j], GUARD);
        }
        some.struct_size = 4;
        assert_int_equal(answers[i].ask(*state, &some, &error), RTV_E_INVALID_ARGUMENT);
        assert_contains(error.message, answers[i].type);
    }
}

/* --- layout -------------------------------------------------------------------------------------------------------------------------- */

static void frozen_sizes(void **state) {
    (void)state;
    assert_int_equal(sizeof(rtv_error), 512);
    assert_int_equal(sizeof(rtv_hit), 16);
    assert_int_equal(sizeof(rtv_picture), 48 + 4 * sizeof(uint64_t));
    assert_int_equal(sizeof(rtv_scope), 8 + 2 * sizeof(char *) + 16);
    assert_int_equal(sizeof(rtv_scope_settings), sizeof(rtv_scope) + 32);
    assert_int_equal(sizeof(rtv_pair), 24);
    assert_int_equal(sizeof(rtv_metric_value), 24);
    assert_int_equal(sizeof(rtv_class_count), 24);
    assert_int_equal(sizeof(rtv_query_result), 40);
    assert_int_equal(sizeof(rtv_threshold), 24);
    assert_int_equal(sizeof(rtv_picture_drift), 56);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_keeps_to_the_size), cmocka_unit_test(inputs_of_every_size), cmocka_unit_test(missing_fields_have_defaults),
        cmocka_unit_test(answers_of_every_size),  cmocka_unit_test(frozen_sizes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
