/* modelfile_assemble.c - a graph out of the parts of a model file. */
#include <string.h>

#include "modelfile/modelfile_field.h"
#include "modelfile/modelfile_json.h"

/* Short labels; empty is allowed where the network has none. */
static int32_t check_label(const char *what, const char *text, int may_be_empty, rtv_error *error) {
    if (text && ((may_be_empty && !*text) || rtvi_text_is_name(text))) return RTV_OK;
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got %s, expected 1..%d bytes of UTF-8 without control characters", what,
                          text ? "another text" : "none", RTVI_MODELFILE_MAX_NAME);
}

/* Where the codes come from is kept as it stands: an object of JSON, not read here. */
static int32_t take_quantization(rtvi_graph *graph, const char *json, rtv_error *error) {
    cJSON *root;
    int32_t status = rtvi_field_parse("quantization", json, &root, error);
    if (status == RTV_OK && !cJSON_IsObject(root))
        status = rtvi_error_set(error, RTV_E_FORMAT, "model: quantization: got something else, expected a JSON object");
    cJSON_Delete(root);
    return status == RTV_OK ? rtvi_graph_set_quantization(graph, json, error) : status;
}

static int32_t fill(rtvi_graph *graph, const rtvi_modelfile_texts *texts, const rtvi_safetensors_entry *entries, size_t num_entries,
                    rtv_error *error) {
    int32_t status = rtvi_graph_set_architecture(graph, texts->architecture, texts->descriptors, error);
    if (status == RTV_OK) status = rtvi_modelfile_preprocess_from_json(texts->preprocess, &graph->preprocess, error);
    if (status == RTV_OK) status = rtvi_modelfile_graph_from_json(texts->graph, entries, num_entries, graph, error);
    if (status == RTV_OK && texts->class_names) status = rtvi_modelfile_class_names_from_json(texts->class_names, graph, error);
    if (status == RTV_OK && texts->quantization) status = take_quantization(graph, texts->quantization, error);
    return status == RTV_OK ? rtvi_graph_verify(graph, error) : status;
}

int32_t rtvi_modelfile_assemble(const rtvi_env *env, const rtvi_modelfile_texts *texts, const rtvi_safetensors_entry *entries,
                                size_t num_entries, rtvi_graph **graph, rtv_error *error) {
    int32_t status = check_label("name", texts->name, 0, error);
    *graph = NULL;
    if (status == RTV_OK) status = check_label("architecture", texts->architecture, 1, error);
    if (status == RTV_OK) status = check_label("descriptors", texts->descriptors, 1, error);
    if (status == RTV_OK && !texts->graph)
        status = rtvi_error_set(error, RTV_E_FORMAT, "model: metadata \"graph\": got none, expected JSON");
    if (status == RTV_OK && !texts->preprocess) {
        status = rtvi_error_set(error, RTV_E_FORMAT, "model: metadata \"preprocess\": got none, expected JSON");
    }
    if (status != RTV_OK) return status;
    *graph = rtvi_graph_create(env, texts->name, error);
    if (!*graph) return error->status;
    status = fill(*graph, texts, entries, num_entries, error);
    if (status != RTV_OK) {
        rtvi_graph_destroy(*graph);
        *graph = NULL;
    }
    return status;
}
