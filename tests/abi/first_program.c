/* first_program.c - compiled against the first headers of this ABI (headers/) and run with the library of today, as old programs are. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <string.h>

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            return 1;                                                       \
        }                                                                   \
    } while (0)

enum { SIDE = 32, GUARD = 0x5a };

/* A struct of the first headers with what follows it in memory: today's library must leave that alone. */
#define GUARDED(type)            \
    struct {                     \
        type value;              \
        unsigned char after[64]; \
    }
#define GUARD_INIT(object) memset(&(object), GUARD, sizeof(object))

static int is_untouched(const unsigned char *after) {
    for (int i = 0; i < 64; i++)
        if (after[i] != GUARD) return 0;
    return 1;
}

static int versions(void) {
    GUARDED(rtv_cpu_info) cpu;
    GUARDED(rtv_error) error;
    GUARD_INIT(cpu);
    GUARD_INIT(error);
    cpu.value.struct_size = sizeof cpu.value;
    CHECK(rtv_version() >= RTV_VERSION && rtv_abi_version() == RTV_ABI_VERSION);
    CHECK(sizeof(rtv_error) == 512 && sizeof(rtv_hit) == 16);
    CHECK(rtv_cpu_info_get(&cpu.value, &error.value) == RTV_OK && is_untouched(cpu.after));
    CHECK(rtv_cpu_info_get(NULL, &error.value) == RTV_E_INVALID_ARGUMENT && is_untouched(error.after));
    CHECK(strcmp(rtv_status_name(RTV_E_FORKED), "RTV_E_FORKED") == 0);
    return 0;
}

static int indexes(rtv_runtime *runtime) {
    const float vectors[3][2] = {{1.0f, 0.0f}, {0.0f, 1.0f}, {0.6f, 0.8f}};
    const char *const keys[3] = {"a", "b", "c"};
    rtv_index *index = NULL;
    rtv_items items;
    GUARDED(rtv_search_options) options;
    GUARDED(rtv_index_info) info;
    rtv_hit hits[3];
    int64_t num_hits = 0;
    uint64_t size;
    char key[8];
    memset(&items, 0, sizeof items);
    items.struct_size = sizeof items;
    items.vectors = vectors[0];
    items.keys = keys;
    GUARD_INIT(options);
    GUARD_INIT(info);
    info.value.struct_size = sizeof info.value;
    rtv_search_options_init(&options.value);
    CHECK(is_untouched(options.after));
    CHECK(rtv_index_create(2, runtime, &index, NULL) == RTV_OK && rtv_index_add(index, &items, 3, NULL) == RTV_OK);
    CHECK(rtv_index_search(index, vectors[2], 1, 3, &options.value, hits, &num_hits, NULL) == RTV_OK);
    CHECK(num_hits == 3 && hits[0].id == 2 && hits[1].id == 1 && hits[2].id == 0 && hits[0].class_id == -1);
    CHECK(rtv_index_info_get(index, &info.value, NULL) == RTV_OK && info.value.count == 3 && is_untouched(info.after));
    CHECK(rtv_index_key(index, 2, key, sizeof key, &size, NULL) == RTV_OK && strcmp(key, "c") == 0);
    rtv_index_free(index);
    return 0;
}

static int models(rtv_runtime *runtime, const char *checkpoint) {
    static unsigned char pixels[SIDE * SIDE * 4];
    GUARDED(rtv_import_options) import;
    GUARDED(rtv_model_options) options;
    GUARDED(rtv_embed_options) embed;
    GUARDED(rtv_model_info) info;
    struct {
        rtv_layer_info layers[2];
        unsigned char after[64];
    } profile;
    float descriptors[64];
    int32_t status = 7;
    int64_t count = 0;
    rtv_model *model = NULL;
    rtv_picture picture;
    rtv_embedding result;
    GUARD_INIT(import);
    GUARD_INIT(options);
    GUARD_INIT(embed);
    GUARD_INIT(info);
    GUARD_INIT(profile);
    rtv_import_options_init(&import.value);
    rtv_model_options_init(&options.value);
    rtv_embed_options_init(&embed.value);
    CHECK(is_untouched(import.after) && is_untouched(options.after) && is_untouched(embed.after));
    import.value.input_width = import.value.input_height = SIDE;
    CHECK(rtv_model_import(checkpoint, &import.value, runtime, &options.value, &model, NULL) == RTV_OK);
    info.value.struct_size = sizeof info.value;
    profile.layers[0].struct_size = sizeof profile.layers[0];
    CHECK(rtv_model_info_get(model, &info.value, NULL) == RTV_OK && info.value.descriptor_dim <= 64 && is_untouched(info.after));
    CHECK(rtv_model_profile(model, 0, profile.layers, 2, &count, NULL) == RTV_OK && count > 2 && is_untouched(profile.after));
    CHECK(profile.layers[1].struct_size == sizeof profile.layers[1] && strlen(profile.layers[1].op) < sizeof profile.layers[1].op);
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    result.descriptors = descriptors;
    result.statuses = &status;
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGBA8, SIDE, SIDE, SIDE * 4);
    CHECK(rtv_model_embed(model, &picture, 1, &embed.value, &result, NULL) == RTV_OK && status == RTV_OK);
    rtv_model_free(model);
    return 0;
}

static int evaluations(rtv_runtime *runtime) {
    const float vectors[4] = {1.0f, 0.9f, 0.5f, 0.4f};
    const int32_t classes[4] = {0, 0, 1, 0};
    rtv_index *index = NULL, *reduced = NULL;
    rtv_evaluation *evaluation = NULL;
    rtv_items items;
    rtv_class_count counts[2];
    int64_t count = 0;
    GUARDED(rtv_evaluation_options) options;
    GUARDED(rtv_evaluation_info) info;
    GUARDED(rtv_metric_value) value;
    GUARDED(rtv_threshold) threshold;
    GUARDED(rtv_query_result) hardest;
    GUARDED(rtv_reduce_options) reduce;
    GUARDED(rtv_reduction_info) reduction;
    memset(&items, 0, sizeof items);
    items.struct_size = sizeof items;
    items.vectors = vectors;
    items.classes = classes;
    GUARD_INIT(options);
    GUARD_INIT(info);
    GUARD_INIT(value);
    GUARD_INIT(threshold);
    GUARD_INIT(hardest);
    GUARD_INIT(reduce);
    GUARD_INIT(reduction);
    info.value.struct_size = sizeof info.value;
    reduction.value.struct_size = sizeof reduction.value;
    rtv_evaluation_options_init(&options.value);
    rtv_reduce_options_init(&reduce.value);
    CHECK(is_untouched(options.after) && is_untouched(reduce.after));
    CHECK(rtv_index_create(1, runtime, &index, NULL) == RTV_OK && rtv_index_add(index, &items, 4, NULL) == RTV_OK);
    CHECK(rtv_evaluation_create(index, NULL, &options.value, &evaluation, NULL) == RTV_OK);
    CHECK(rtv_evaluation_info_get(evaluation, &info.value, NULL) == RTV_OK && info.value.num_queries == 4 && is_untouched(info.after));
    CHECK(rtv_evaluation_metric(evaluation, RTV_METRIC_RECALL, 1, RTV_RULE_MISS, &value.value, NULL) == RTV_OK &&
          is_untouched(value.after));
    CHECK(value.value.value == 0.75 && info.value.num_ks == 4 && info.value.ks[3] == 1000);
    CHECK(rtv_evaluation_classes(evaluation, counts, 2, &count, NULL) == RTV_OK && count == 2 && counts[1].num_answerable == 0);
    CHECK(rtv_evaluation_threshold(evaluation, 0.5, &threshold.value, NULL) == RTV_OK && is_untouched(threshold.after));
    CHECK(rtv_evaluation_hardest(evaluation, &hardest.value, 1, &count, NULL) == RTV_OK && count == 3 && is_untouched(hardest.after));
    rtv_evaluation_free(evaluation);
    reduce.value.method = RTV_REDUCE_TRUNCATE;
    reduce.value.kept_dim = 1;
    CHECK(rtv_index_reduce(index, &reduce.value, NULL, &reduced, NULL) == RTV_OK);
    CHECK(rtv_reduction_info_get(reduced, &reduction.value, NULL) == RTV_OK && reduction.value.kept_dim == 1 &&
          is_untouched(reduction.after));
    rtv_index_free(reduced);
    rtv_index_free(index);
    return 0;
}

static int quantizers(rtv_runtime *runtime, const char *checkpoint) {
    static unsigned char pixels[SIDE * SIDE * 3];
    rtv_import_options import;
    rtv_model *model = NULL, *quantized = NULL;
    rtv_quantizer *quantizer = NULL;
    rtv_drift *drift = NULL;
    rtv_picture picture;
    rtv_scope ignored;
    int64_t count = 0;
    GUARDED(rtv_quantizer_options) options;
    GUARDED(rtv_accuracy_options) accuracy;
    GUARDED(rtv_drift_options) compare;
    GUARDED(rtv_drift_info) info;
    GUARDED(rtv_quantized_layer) layer;
    for (int i = 0; i < SIDE * SIDE * 3; i++) pixels[i] = (unsigned char)(i * 7);
    GUARD_INIT(options);
    GUARD_INIT(accuracy);
    GUARD_INIT(compare);
    GUARD_INIT(info);
    GUARD_INIT(layer);
    memset(&ignored, 0, sizeof ignored);
    ignored.kind = RTV_SCOPE_OP;
    ignored.text = "linear";
    rtv_picture_from_pixels(&picture, pixels, RTV_PIXEL_RGB8, SIDE, SIDE, SIDE * 3);
    rtv_import_options_init(&import);
    rtv_quantizer_options_init(&options.value);
    rtv_accuracy_options_init(&accuracy.value);
    rtv_drift_options_init(&compare.value);
    CHECK(is_untouched(options.after) && is_untouched(accuracy.after) && is_untouched(compare.after));
    import.input_width = import.input_height = SIDE;
    options.value.ignored = &ignored;
    options.value.num_ignored = 1;
    info.value.struct_size = sizeof info.value;
    layer.value.struct_size = sizeof layer.value;
    CHECK(rtv_model_import(checkpoint, &import, runtime, NULL, &model, NULL) == RTV_OK);
    CHECK(rtv_quantizer_create(model, &options.value, &quantizer, NULL) == RTV_OK);
    CHECK(rtv_quantizer_add(quantizer, &picture, 1, NULL, NULL, NULL, NULL) == RTV_OK);
    CHECK(rtv_quantizer_finish(quantizer, NULL, &quantized, NULL) == RTV_OK);
    CHECK(rtv_model_quantized_layers(quantized, &layer.value, 1, &count, NULL) == RTV_OK && count > 1 && is_untouched(layer.after));
    CHECK(strcmp(layer.value.precision, "int8") == 0 && strcmp(layer.value.output, "u8") == 0);
    CHECK(rtv_drift_measure(model, quantized, &picture, 1, &compare.value, &drift, NULL) == RTV_OK);
    CHECK(rtv_drift_info_get(drift, &info.value, NULL) == RTV_OK && info.value.num_calibrated == 1 && is_untouched(info.after));
    rtv_drift_free(drift);
    rtv_quantizer_free(quantizer);
    rtv_model_free(quantized);
    rtv_model_free(model);
    return 0;
}

int main(int argc, char **argv) { /* CHECKPOINT */
    rtv_runtime *runtime = NULL;
    GUARDED(rtv_runtime_options) options;
    int failed;
    if (argc != 2) return 2;
    GUARD_INIT(options);
    rtv_runtime_options_init(&options.value);
    CHECK(is_untouched(options.after));
    options.value.threads = 2;
    CHECK(rtv_runtime_create(&options.value, &runtime, NULL) == RTV_OK);
    failed = versions() || indexes(runtime) || models(runtime, argv[1]) || evaluations(runtime) || quantizers(runtime, argv[1]);
    rtv_runtime_free(runtime);
    return failed;
}
