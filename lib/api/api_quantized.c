/* api_quantized.c - quantizer.h: looking at quantized models, and their simulation in floats. */
#include <stdio.h>
#include <string.h>

#include "api/api_handles.h"
#include "api/api_provenance.h"
#include "graph/graph_edit.h"
#include "quant/quant_graph.h"
#include "quant/quant_samples.h"

/* --- layers ------------------------------------------------------------------------------------------------------------------------ */

/* Conversions between codes and floats belong to no layer of the network that was quantized. */
static int is_layer(const rtvi_node *node) { return node->op != RTVI_OP_QUANTIZE && node->op != RTVI_OP_DEQUANTIZE; }

static void describe(const rtvi_graph *graph, const rtvi_provenance *provenance, const rtvi_node *node, rtv_quantized_layer *out) {
    const rtvi_value *result = &graph->values[node->output];
    const int in_int8 = graph->values[node->inputs[0]].dtype != RTVI_F32;
    const rtvi_provenance_layer known = rtvi_provenance_find_layer(provenance, node->name);
    const char *unknown = graph->quantization ? "" : "the model is float32";
    memset(out, 0, sizeof *out);
    out->pairs_mended = known.pairs_mended;
    out->weight_snr_db = known.weight_snr_db;
    if (result->dtype != RTVI_F32) {
        out->scale = result->scale;
        out->zero_point = result->zero_point;
    }
    rtvi_copy_clipped(out->name, sizeof out->name, node->name);
    rtvi_copy_clipped(out->why, sizeof out->why, known.why[0] ? known.why : unknown);
    snprintf(out->op, sizeof out->op, "%s", rtvi_op_name(node->op));
    snprintf(out->precision, sizeof out->precision, "%s", in_int8 ? "int8" : "f32");
    snprintf(out->output, sizeof out->output, "%s", result->dtype == RTVI_U8 ? "u8" : result->dtype == RTVI_I8 ? "s8" : "f32");
}

int32_t rtv_model_quantized_layers(const rtv_model *model, rtv_quantized_layer *layers, int64_t capacity, int64_t *count,
                                   rtv_error *error) {
    const rtvi_graph *graph;
    rtvi_provenance provenance;
    int64_t found = 0;
    int32_t status = RTV_OK;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(count, error, "count is NULL");
    RTVI_REQUIRE(capacity == 0 || (capacity > 0 && layers), error, "layers is NULL, or capacity negative");
    graph = model->graph;
    rtvi_provenance_open(graph, &provenance);
    for (size_t i = 0; i < graph->num_nodes && status == RTV_OK; i++) {
        rtv_quantized_layer own;
        if (!is_layer(&graph->nodes[i])) continue;
        if (found < capacity) {
            describe(graph, &provenance, &graph->nodes[i], &own);
            status = rtvi_api_row(layers, (size_t)found, &own, sizeof own, "rtv_quantized_layer", error);
        }
        found++;
    }
    rtvi_provenance_close(&provenance);
    if (status == RTV_OK) *count = found;
    return status;
}

/* --- provenance -------------------------------------------------------------------------------------------------------------------- */

int32_t rtv_model_provenance(const rtv_model *model, char *text, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    return rtvi_api_text(model->graph->quantization ? model->graph->quantization : "", text, capacity, size_bytes, error);
}

int32_t rtv_model_picture_hash(rtv_model *model, const rtv_picture *picture, uint64_t *hash, rtv_error *error) {
    const rtvi_env *env;
    const rtvi_preprocess *how;
    float *values;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(picture, error, "picture is NULL");
    RTVI_REQUIRE(hash, error, "hash is NULL");
    env = &model->runtime->env;
    how = &model->graph->preprocess;
    values = rtvi_alloc(env, 3 * (size_t)how->width * (size_t)how->height, sizeof *values);
    if (!values) return rtvi_error_out_of_memory(error, "model", 0);
    status = rtvi_embedder_preprocess(model->embedder, picture, values, error);
    if (status == RTV_OK) *hash = rtvi_quant_samples_hash(how, values);
    rtvi_free(env, values);
    return status;
}

int32_t rtv_model_is_calibrated_with(const rtv_model *model, uint64_t hash) {
    rtvi_provenance provenance;
    int found;
    if (!model) return 0;
    rtvi_provenance_open(model->graph, &provenance);
    found = rtvi_provenance_has_picture(&provenance, hash);
    rtvi_provenance_close(&provenance);
    return found;
}

/* --- simulation -------------------------------------------------------------------------------------------------------------------- */

void rtv_simulate_options_init_sized(rtv_simulate_options *options, uint32_t struct_size) {
    rtv_simulate_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.bits = 8;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

static int32_t check_parent(const rtv_model *quantized, const rtv_model *parent, rtv_error *error) {
    rtvi_provenance provenance;
    int32_t status = RTV_OK;
    rtvi_provenance_open(quantized->graph, &provenance);
    if (strcmp(provenance.parent, parent->file.fingerprint) != 0)
        status = rtvi_error_set(error, RTV_E_MISMATCH, "quantizer: parent: got model \"%.16s\", expected \"%.16s\"",
                                parent->file.fingerprint, provenance.parent);
    rtvi_provenance_close(&provenance);
    return status;
}

static int32_t simulate(const rtv_model *quantized, const rtv_simulate_options *o, rtvi_graph **graph, rtv_error *error) {
    rtvi_graph *parent = NULL;
    int32_t status = RTV_OK;
    if (o->weights != RTV_SIMULATE_CODES) {
        status = check_parent(quantized, o->parent, error);
        if (status == RTV_OK && !(parent = rtvi_graph_copy(o->parent->graph, error))) status = error->status;
        if (status == RTV_OK) status = rtvi_pass_fold_batch_norm(parent, error);
    }
    if (status == RTV_OK) {
        const rtvi_quant_simulation other = {parent, (rtvi_quant_scheme)(o->weights - RTV_SIMULATE_CHANNEL_SYMMETRIC), o->bits};
        status = rtvi_quant_graph_simulate(quantized->graph, parent ? &other : NULL, graph, error);
    }
    if (status == RTV_OK) status = rtvi_graph_edit_own_constants(*graph, error);
    rtvi_graph_destroy(parent);
    return status;
}

int32_t rtv_model_simulate(const rtv_model *quantized, const rtv_simulate_options *given, const rtv_model_options *model_options,
                           rtv_model **model, rtv_error *error) {
    rtv_simulate_options options;
    rtvi_graph *graph = NULL;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(quantized, error, "quantized is NULL");
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(quantized->graph->quantization, error, "quantized: the model is not quantized");
    rtv_simulate_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_simulate_options", error);
    if (status != RTV_OK) return status;
    if (options.weights < RTV_SIMULATE_CODES || options.weights > RTV_SIMULATE_TENSOR_ASYMMETRIC)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: weights: got %d, expected an RTV_SIMULATE_*", options.weights);
    RTVI_REQUIRE(options.weights == RTV_SIMULATE_CODES || options.parent, error, "parent is NULL");
    status = simulate(quantized, &options, &graph, error);
    if (status == RTV_OK) return rtvi_model_adopt(quantized->runtime, graph, model_options, model, error);
    rtvi_graph_destroy(graph);
    return status;
}
