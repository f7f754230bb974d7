/* api_provenance.c - where a quantized model comes from. */
#include "api/api_provenance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <retrieve/version.h>

#include "modelfile/modelfile_field.h"
#include "quant/quant_weights.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
#define VERSION_TEXT TEXT(RTV_VERSION_MAJOR) "." TEXT(RTV_VERSION_MINOR) "." TEXT(RTV_VERSION_PATCH)

/* --- writing --- */

static void write_hash(rtvi_text *text, uint64_t hash) {
    char digits[24];
    snprintf(digits, sizeof digits, "\"%016" PRIx64 "\"", hash);
    rtvi_text_add(text, digits);
}

/* Sorted: the order in which pictures came is nobody's business. */
static void write_calibration(rtvi_text *text, const rtvi_quant_maker *maker) {
    const size_t count = maker->num_samples;
    uint64_t all, *hashes = rtvi_alloc(maker->env, count, sizeof *hashes);
    text->failed |= !hashes;
    if (!hashes) return;
    for (size_t i = 0; i < count; i++) hashes[i] = maker->samples[i].hash;
    all = rtvi_quant_samples_hash_all(hashes, count);
    rtvi_text_add(text, "{\"samples\":");
    rtvi_text_add_int(text, (int64_t)count);
    rtvi_text_add(text, ",\"hash\":");
    write_hash(text, all);
    rtvi_text_add(text, ",\"pictures\":[");
    for (size_t i = 0; i < count; i++) {
        rtvi_text_add(text, i > 0 ? "," : "");
        write_hash(text, hashes[i]);
    }
    rtvi_text_add(text, "]}");
    rtvi_free(maker->env, hashes);
}

static void write_layer(rtvi_text *text, const rtvi_quant_report_row *row) {
    rtvi_text_add(text, "{\"name\":");
    rtvi_text_add_string(text, row->name);
    rtvi_text_add(text, ",\"runs_in\":");
    rtvi_text_add_string(text, row->runs_in);
    rtvi_text_add(text, ",\"why\":");
    rtvi_text_add_string(text, row->why);
    rtvi_text_add(text, ",\"pairs_mended\":");
    rtvi_text_add_int(text, row->pairs_mended);
    rtvi_text_add(text, ",\"weight_snr_db\":");
    rtvi_text_add_float(text, (float)row->weight_snr_db);
    rtvi_text_add(text, "}");
}

/* Whether all weights keep the pair-sum rule. */
static int is_pair_safe(const rtvi_graph *graph) {
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const rtvi_node *node = &graph->nodes[i];
        if (!rtvi_op_has_quantized_weight(node->op)) continue;
        if (rtvi_quant_weights_count_unsafe(graph->values[node->inputs[1]].constant.data, rtvi_quant_moments_shape(graph, node)) > 0)
            return 0;
    }
    return 1;
}

int32_t rtvi_provenance_write(const rtvi_quant_maker *maker, const char *parent, const rtvi_quant_report_row *rows, rtvi_graph *quantized,
                              rtv_error *error) {
    rtvi_text text = {.env = maker->env};
    int32_t status;
    rtvi_text_add(&text, "{\"parent\":{\"name\":");
    rtvi_text_add_string(&text, maker->source->name);
    rtvi_text_add(&text, ",\"fingerprint\":");
    rtvi_text_add_string(&text, parent);
    rtvi_text_add(&text, "},\"library\":\"" VERSION_TEXT "\",\"exact_on\":");
    rtvi_text_add_string(&text, is_pair_safe(quantized) ? "every processor" : "processors with VNNI");
    rtvi_text_add(&text, ",\"calibration\":");
    write_calibration(&text, maker);
    rtvi_text_add(&text, ",\"settings\":");
    rtvi_settings_to_json(&maker->options, &text);
    rtvi_text_add(&text, ",\"layers\":[");
    for (size_t i = 0; i < maker->graph->num_nodes; i++) {
        rtvi_text_add(&text, i > 0 ? "," : "");
        write_layer(&text, &rows[i]);
    }
    rtvi_text_add(&text, "]}");
    status =
        text.failed ? rtvi_error_out_of_memory(error, "quantizer", text.size) : rtvi_graph_set_quantization(quantized, text.data, error);
    rtvi_text_destroy(&text);
    return status;
}

/* --- reading: the text was checked to be JSON when the file was read, but for nothing in particular --- */

void rtvi_provenance_open(const rtvi_graph *graph, rtvi_provenance *p) {
    const cJSON *calibration;
    *p = (rtvi_provenance){NULL, "", 0};
    if (!graph->quantization || rtvi_field_parse("quantization", graph->quantization, (cJSON **)&p->root, NULL) != RTV_OK) return;
    p->parent = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(p->root, "parent"), "fingerprint"));
    if (!p->parent) p->parent = "";
    calibration = cJSON_GetObjectItemCaseSensitive(p->root, "calibration");
    p->samples = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(calibration, "pictures"));
}

void rtvi_provenance_close(rtvi_provenance *p) { cJSON_Delete(p->root); }

int rtvi_provenance_has_picture(const rtvi_provenance *p, uint64_t hash) {
    const cJSON *picture;
    char digits[24];
    snprintf(digits, sizeof digits, "%016" PRIx64, hash);
    cJSON_ArrayForEach(picture, cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(p->root, "calibration"), "pictures")) {
        if (cJSON_IsString(picture) && strcmp(picture->valuestring, digits) == 0) return 1;
    }
    return 0;
}

static double number_of(const cJSON *object, const char *name) {
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(value) && value->valuedouble >= -1e15 && value->valuedouble <= 1e15 ? value->valuedouble : 0;
}

rtvi_provenance_layer rtvi_provenance_find_layer(const rtvi_provenance *p, const char *name) {
    const cJSON *layer;
    cJSON_ArrayForEach(layer, cJSON_GetObjectItemCaseSensitive(p->root, "layers")) {
        const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(layer, "name"));
        const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(layer, "why"));
        if (own && strcmp(own, name) == 0)
            return (rtvi_provenance_layer){why ? why : "", (int64_t)number_of(layer, "pairs_mended"), number_of(layer, "weight_snr_db")};
    }
    return (rtvi_provenance_layer){"", 0, 0};
}
