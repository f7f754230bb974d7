/* api_model.c - model.h: life of a model, and what it does with pictures. */
#include <stdio.h>
#include <string.h>

#include "api/api_handles.h"
#include "api/api_provenance.h"
#include "arch/arch.h"
#include "modelfile/modelfile_json.h"

/* --- options ----------------------------------------------------------------------------------------------------------------------- */

void rtv_model_options_init_sized(rtv_model_options *options, uint32_t struct_size) {
    rtv_model_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.executor = RTV_EXECUTOR_AUTO;
    defaults.max_pixels = 178956970; /* where Pillow refuses: twice its MAX_IMAGE_PIXELS */
    defaults.max_picture_bytes = 1u << 28;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

void rtv_import_options_init_sized(rtv_import_options *options, uint32_t struct_size) {
    rtv_import_options defaults = {
        .input_width = 224,
        .input_height = 224,
        .resize = RTV_RESIZE_SQUASH,
        .letterbox_value = 114,
        .mean = {0.485f, 0.456f, 0.406f},
        .std = {0.229f, 0.224f, 0.225f},
        .store = RTV_STORE_FLOAT32,
    };
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

void rtv_embed_options_init_sized(rtv_embed_options *options, uint32_t struct_size) {
    rtv_embed_options defaults;
    memset(&defaults, 0, sizeof defaults);
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

/* --- loading ----------------------------------------------------------------------------------------------------------------------- */

void rtvi_model_retain(rtv_model *model) { atomic_fetch_add(&model->references, 1); }

void rtv_model_free(rtv_model *model) {
    rtv_runtime *runtime;
    if (!model || atomic_fetch_sub(&model->references, 1) != 1) return;
    runtime = model->runtime;
    rtvi_embedder_destroy(model->embedder);
    rtvi_graph_destroy(model->graph);
    rtvi_weights_close(model->weights);
    rtvi_source_close(&model->source);
    rtvi_free(&runtime->env, model);
    rtv_runtime_free(runtime);
}

/* An empty model; what the caller gave is checked. */
static int32_t begin(rtv_runtime *given, const rtv_model_options *given_options, rtv_model_options *options, rtv_model **out,
                     rtv_error *error) {
    rtv_runtime *runtime;
    rtv_model *model = NULL;
    int32_t status;
    rtv_model_options_init(options);
    status = rtvi_api_options(options, sizeof *options, given_options, "rtv_model_options", error);
    if (status != RTV_OK) return status;
    if (options->executor < RTV_EXECUTOR_AUTO || options->executor > RTV_EXECUTOR_ONEDNN)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: executor: got %d, expected an RTV_EXECUTOR_*", options->executor);
    if (options->borrow_bytes < 0 || options->borrow_bytes > 1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: borrow_bytes: got %d, expected 0 or 1", options->borrow_bytes);
    status = rtvi_runtime_take(given, &runtime, error);
    if (status != RTV_OK) return status;
    model = rtvi_alloc_zero(&runtime->env, 1, sizeof *model);
    if (!model) {
        rtv_runtime_free(runtime);
        return rtvi_error_out_of_memory(error, "model", sizeof *model);
    }
    atomic_init(&model->references, 1);
    model->runtime = runtime;
    *out = model;
    return RTV_OK;
}

/* The graph is there: compiles it, and lets go of the file's pages, which now lie packed in memory. */
static int32_t finish(rtv_model *model, const rtv_model_options *options, rtv_error *error) {
    const rtvi_picture_limits limits = {options->max_pixels, options->max_picture_bytes, options->decode, options->decode_user};
    int32_t status;
    model->executor = options->executor;
    if (model->executor == RTV_EXECUTOR_AUTO) model->executor = rtvi_exec_has_onednn() ? RTV_EXECUTOR_ONEDNN : RTV_EXECUTOR_REFERENCE;
    status =
        rtvi_embedder_create(&model->runtime->env, model->runtime->team, model->graph, model->executor, &limits, &model->embedder, error);
    if (status == RTV_OK)
        rtvi_log(&model->runtime->env, RTV_LOG_INFO, "model: \"%s\" (%.16s): %zu steps, %zu bytes of weights", model->graph->name,
                 model->file.fingerprint, rtvi_exec_num_steps(rtvi_embedder_exec(model->embedder)),
                 rtvi_exec_weights_bytes(rtvi_embedder_exec(model->embedder)));
    rtvi_source_drop_pages(model->weights ? rtvi_weights_source(model->weights) : &model->source);
    return status;
}

/* Hands the model out, or takes it apart. */
static int32_t end(rtv_model *model, int32_t status, rtv_model **out) {
    if (status == RTV_OK)
        *out = model;
    else
        rtv_model_free(model);
    return status;
}

/* A model whose half-precision weights were stored as such is stored so again. */
static int32_t stored_as(const rtvi_graph *graph) {
    for (size_t i = 0; i < graph->num_values; i++)
        if (graph->values[i].is_constant && graph->values[i].constant.dtype == RTVI_F16) return RTV_STORE_FLOAT16;
    return RTV_STORE_FLOAT32;
}

static int32_t load_source(rtv_model *model, const rtv_model_options *options, rtv_error *error) {
    int32_t status = rtvi_modelfile_read(&model->runtime->env, &model->source, &model->graph, &model->file, error);
    if (status != RTV_OK) return status;
    model->store = stored_as(model->graph);
    return finish(model, options, error);
}

/* Where a model comes from: a path, or else bytes. */
typedef struct origin {
    const char *path;
    const void *data;
    uint64_t size_bytes;
} origin;

static int32_t open_origin(const rtvi_env *env, const char *module, const origin *from, const rtv_model_options *options,
                           rtvi_source *source, rtv_error *error) {
    if (from->path) return rtvi_source_open(env, module, from->path, source, error);
    return rtvi_source_from_memory(env, module, from->data, from->size_bytes, !options->borrow_bytes, source, error);
}

static int32_t load(const origin *from, rtv_runtime *runtime, const rtv_model_options *given, rtv_model **out, rtv_error *error) {
    rtv_model_options options;
    rtv_model *model = NULL;
    int32_t status;
    RTVI_REQUIRE(out, error, "model is NULL");
    status = begin(runtime, given, &options, &model, error);
    if (status != RTV_OK) return status;
    status = open_origin(&model->runtime->env, "model", from, &options, &model->source, error);
    if (status == RTV_OK) status = load_source(model, &options, error);
    return end(model, status, out);
}

int32_t rtv_model_load(const char *path, rtv_runtime *runtime, const rtv_model_options *given, rtv_model **out, rtv_error *error) {
    const origin from = {path, NULL, 0};
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    return load(&from, runtime, given, out, error);
}

int32_t rtv_model_load_bytes(const void *data, uint64_t size_bytes, rtv_runtime *runtime, const rtv_model_options *given, rtv_model **out,
                             rtv_error *error) {
    const origin from = {NULL, data, size_bytes};
    RTVI_ENTER(error);
    RTVI_REQUIRE(data, error, "data is NULL");
    return load(&from, runtime, given, out, error);
}

static int32_t check_name(const char *name, const char *what, long long number, rtv_error *error) {
    rtvi_quoted quoted;
    if (!name || rtvi_text_is_name(name)) return RTV_OK;
    rtvi_error_quote_string(&quoted, name);
    if (number < 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                              "import: %s: got \"%s\", expected 1..512 bytes of UTF-8 without control characters", what, quoted.text);
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                          "import: %s[%lld]: got \"%s\", expected 1..512 bytes of UTF-8 without control characters", what, number,
                          quoted.text);
}

/* What a model file could not hold. */
static int32_t check_import(const rtv_import_options *import, rtv_error *error) {
    int32_t status = check_name(import->name, "name", -1, error);
    if (import->store != RTV_STORE_FLOAT32 && import->store != RTV_STORE_FLOAT16)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: store: got %d, expected an RTV_STORE_*", import->store);
    for (int64_t i = 0; import->class_names && i < import->num_class_names && status == RTV_OK; i++)
        status = check_name(import->class_names[i], "class_names", (long long)i, error);
    return status;
}

/* Rounds the weights as the file will have them: one fingerprint must not stand for two networks. */
static int32_t round_weights(rtvi_graph *graph, rtv_error *error) {
    for (size_t i = 0; i < graph->num_values; i++) {
        rtvi_value *value = &graph->values[i];
        const size_t count = value->is_constant ? (size_t)rtvi_tensor_count(&value->constant) : 0;
        const uint8_t *from = value->constant.data;
        uint16_t *halves;
        if (!value->is_constant || value->constant.dtype != RTVI_F32) continue;
        halves = rtvi_alloc(graph->env, count, sizeof *halves);
        if (!halves) return rtvi_error_out_of_memory(error, "model", count * sizeof *halves);
        for (size_t j = 0; j < count; j++) {
            float number;
            memcpy(&number, from + j * sizeof number, sizeof number); /* a mapped file's tensors have any alignment */
            halves[j] = rtvi_f32_to_f16(number);
        }
        rtvi_free(graph->env, value->owned);
        value->owned = halves;
        value->dtype = RTVI_F16;
        value->constant = rtvi_tensor_contiguous(RTVI_F16, value->rank, value->dims, halves);
    }
    return RTV_OK;
}

/* source is taken over. */
static int32_t import_source(rtv_model *model, rtvi_source *source, const rtv_import_options *given, const rtv_model_options *options,
                             rtv_error *error) {
    const rtvi_env *env = &model->runtime->env;
    rtv_import_options import;
    int32_t status;
    rtv_import_options_init(&import);
    status = rtvi_api_options(&import, sizeof import, given, "rtv_import_options", error);
    if (status == RTV_OK) status = check_import(&import, error);
    if (status != RTV_OK) {
        rtvi_source_close(source);
        return status;
    }
    model->store = import.store;
    if (rtvi_modelfile_recognizes(env, source)) {
        status = rtvi_error_set(error, RTV_E_UNSUPPORTED,
                                "weights: %s: got a model file, expected a checkpoint; a model file is loaded as it is",
                                rtvi_source_name(source));
        rtvi_source_close(source);
        return status;
    }
    status = rtvi_weights_read(source, &model->weights, error);
    if (status == RTV_OK) {
        status = rtvi_arch_build(env, model->weights, &import, &model->graph, error);
        if (status == RTV_E_MISMATCH) rtvi_error_prefix(error, rtvi_weights_file(model->weights));
    }
    if (status == RTV_OK) status = rtvi_modelfile_fingerprint(env, model->graph, model->store, &model->file, error);
    if (status == RTV_OK && model->store == RTV_STORE_FLOAT16) status = round_weights(model->graph, error);
    return status == RTV_OK ? finish(model, options, error) : status;
}

static int32_t import_from(const origin *from, const rtv_import_options *import, rtv_runtime *runtime, const rtv_model_options *given,
                           rtv_model **out, rtv_error *error) {
    rtv_model_options options;
    rtvi_source source;
    rtv_model *model = NULL;
    int32_t status;
    RTVI_REQUIRE(out, error, "model is NULL");
    status = begin(runtime, given, &options, &model, error);
    if (status != RTV_OK) return status;
    status = open_origin(&model->runtime->env, "weights", from, &options, &source, error);
    if (status == RTV_OK) status = import_source(model, &source, import, &options, error);
    return end(model, status, out);
}

int32_t rtv_model_import(const char *path, const rtv_import_options *import, rtv_runtime *runtime, const rtv_model_options *given,
                         rtv_model **out, rtv_error *error) {
    const origin from = {path, NULL, 0};
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    return import_from(&from, import, runtime, given, out, error);
}

int32_t rtv_model_import_bytes(const void *data, uint64_t size_bytes, const rtv_import_options *import, rtv_runtime *runtime,
                               const rtv_model_options *given, rtv_model **out, rtv_error *error) {
    const origin from = {NULL, data, size_bytes};
    RTVI_ENTER(error);
    RTVI_REQUIRE(data, error, "data is NULL");
    return import_from(&from, import, runtime, given, out, error);
}

int32_t rtvi_model_adopt(rtv_runtime *runtime, rtvi_graph *graph, const rtv_model_options *given, rtv_model **out, rtv_error *error) {
    rtv_model_options options;
    rtv_model *model = NULL;
    int32_t status = begin(runtime, given, &options, &model, error);
    if (status != RTV_OK) {
        rtvi_graph_destroy(graph);
        return status;
    }
    model->graph = graph;
    model->store = RTV_STORE_FLOAT32;
    status = rtvi_modelfile_fingerprint(&runtime->env, graph, model->store, &model->file, error);
    if (status == RTV_OK) status = finish(model, &options, error);
    return end(model, status, out);
}

int32_t rtv_model_save(const rtv_model *model, const char *path, rtv_error *error) {
    rtvi_modelfile_info written;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(path, error, "path is NULL");
    return rtvi_modelfile_write(&model->runtime->env, model->graph, model->store, path, &written, error);
}

/* --- asking ------------------------------------------------------------------------------------------------------------------------ */

static void describe_preprocessing(const rtvi_preprocess *p, char *text, size_t capacity) {
    char how[48];
    if (p->resize == RTV_RESIZE_CENTER_CROP)
        snprintf(how, sizeof how, "shorter side to %d, centre crop", p->resize_shorter);
    else if (p->resize == RTV_RESIZE_LETTERBOX)
        snprintf(how, sizeof how, "letterbox on %d", p->letterbox_value);
    else
        snprintf(how, sizeof how, "squash");
    snprintf(text, capacity, "RGB %dx%d, %s, mean %.3g %.3g %.3g, std %.3g %.3g %.3g, EXIF orientation %s%s", p->width, p->height, how,
             (double)p->mean[0], (double)p->mean[1], (double)p->mean[2], (double)p->std[0], (double)p->std[1], (double)p->std[2],
             p->apply_exif ? "applied" : "ignored", p->fast_decode ? ", fast decode" : "");
}

static int64_t columns_of(const rtvi_graph *graph, rtvi_role role) {
    int32_t value = rtvi_graph_output(graph, role);
    return value < 0 ? 0 : graph->values[value].dims[1];
}

int32_t rtv_model_info_get(const rtv_model *model, rtv_model_info *info, rtv_error *error) {
    const rtvi_graph *graph;
    rtv_model_info own;
    rtvi_provenance provenance;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(info, error, "info is NULL");
    graph = model->graph;
    memset(&own, 0, sizeof own);
    own.descriptor_dim = (int32_t)columns_of(graph, RTVI_ROLE_DESCRIPTOR);
    own.num_classes = columns_of(graph, RTVI_ROLE_LOGITS);
    own.input_width = graph->preprocess.width;
    own.input_height = graph->preprocess.height;
    own.executor = model->executor;
    own.num_parameters = rtvi_graph_num_parameters(graph);
    own.weights_bytes = own.num_parameters * (int64_t)sizeof(float);
    own.resident_bytes = (int64_t)rtvi_exec_weights_bytes(rtvi_embedder_exec(model->embedder));
    own.activation_bytes = (int64_t)rtvi_embedder_activation_bytes(model->embedder);
    for (size_t i = 0; i < graph->num_nodes; i++) own.macs += rtvi_graph_node_macs(graph, &graph->nodes[i]);
    rtvi_copy_clipped(own.name, sizeof own.name, graph->name);
    snprintf(own.architecture, sizeof own.architecture, "%s", graph->architecture);
    snprintf(own.descriptors, sizeof own.descriptors, "%s", graph->descriptors);
    describe_preprocessing(&graph->preprocess, own.preprocessing, sizeof own.preprocessing);
    snprintf(own.fingerprint, sizeof own.fingerprint, "%s", model->file.fingerprint);
    rtvi_provenance_open(graph, &provenance);
    rtvi_copy_clipped(own.parent, sizeof own.parent, provenance.parent);
    own.calibration_pictures = provenance.samples;
    rtvi_provenance_close(&provenance);
    return rtvi_api_info(info, &own, sizeof own, "rtv_model_info", error);
}

const char *rtv_model_class_name(const rtv_model *model, int32_t class_id) {
    if (!model || !model->graph->class_names || class_id < 0 || class_id >= model->graph->num_class_names) return NULL;
    return model->graph->class_names[class_id];
}

int32_t rtv_model_dump(const rtv_model *model, char *text, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    size_t size;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(text || capacity == 0, error, "text is NULL");
    size = rtvi_graph_dump(model->graph, text, (size_t)capacity);
    if (size_bytes) *size_bytes = size;
    if (size > capacity)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "api: capacity: got %llu bytes, expected %zu", (unsigned long long)capacity,
                              size);
    return RTV_OK;
}

/* --- working ----------------------------------------------------------------------------------------------------------------------- */

int32_t rtv_model_embed(rtv_model *model, const rtv_picture *pictures, int64_t count, const rtv_embed_options *given,
                        const rtv_embedding *given_result, rtv_error *error) {
    rtv_embed_options options;
    rtv_embedding result;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(count >= 0, error, "count is negative");
    RTVI_REQUIRE(pictures || count == 0, error, "pictures is NULL");
    rtv_embed_options_init(&options);
    memset(&result, 0, sizeof result);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_embed_options", error);
    if (status == RTV_OK) status = rtvi_api_options(&result, sizeof result, given_result, "rtv_embedding", error);
    if (status != RTV_OK) return status;
    return rtvi_embedder_run(model->embedder, pictures, count, options.mode, options.progress, options.progress_user, &result,
                             !result.statuses && !result.errors, error);
}

int32_t rtv_model_preprocess(rtv_model *model, const rtv_picture *picture, float *values, uint64_t capacity, rtv_error *error) {
    uint64_t needed;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(picture, error, "picture is NULL");
    RTVI_REQUIRE(values, error, "values is NULL");
    needed = 3 * (uint64_t)model->graph->preprocess.width * (uint64_t)model->graph->preprocess.height;
    if (capacity < needed)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "api: capacity: got %llu floats, expected %llu", (unsigned long long)capacity,
                              (unsigned long long)needed);
    return rtvi_embedder_preprocess(model->embedder, picture, values, error);
}
