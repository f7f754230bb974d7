/* model_summary.c - a model's facts for people and for programs. */
#include "model_summary.h"

#include <inttypes.h>
#include <stdio.h>

#include "json_text.h"
#include "table.h"
#include "text.h"

const char *model_executor_name(int32_t executor) { return executor == RTV_EXECUTOR_ONEDNN ? "oneDNN" : "plain-C reference"; }

/* What a loaded model may add to a process: its weights, three tenths of them for everything else, one picture at work. */
static double allowed_bytes(const rtv_model_info *info) { return 1.3 * (double)info->resident_bytes + (double)info->activation_bytes; }

void model_summary_print(const rtv_model_info *info, int64_t process_bytes) {
    table t;
    short_text a, b;
    table_begin(&t, "ll");
    table_add_pair(&t, "name", "%s", info->name);
    if (*info->descriptors)
        table_add_pair(&t, "network", "%s, descriptors %s, %" PRId32 " dimensions", info->architecture, info->descriptors,
                       info->descriptor_dim);
    else
        table_add_pair(&t, "network", "%s, %" PRId32 " outputs", info->architecture, info->descriptor_dim);
    if (info->num_classes > 0) table_add_pair(&t, "classifier", "%" PRId64 " classes", info->num_classes);
    table_add_pair(&t, "input", "%s", info->preprocessing);
    table_add_pair(&t, "size", "%s parameters, %s multiply-adds a picture", text_short(&a, (double)info->num_parameters),
                   text_short(&b, info->macs));
    table_add_pair(&t, "memory", "%s weights and %s activations, resident", text_bytes(&a, (double)info->resident_bytes),
                   text_bytes(&b, (double)info->activation_bytes));
    if (process_bytes > 0)
        table_add_pair(&t, "process", "%s resident above the bare process (1.3 x weights + activations: %s)",
                       text_bytes(&a, (double)process_bytes), text_bytes(&b, allowed_bytes(info)));
    table_add_pair(&t, "executor", "%s", model_executor_name(info->executor));
    table_add_pair(&t, "fingerprint", "%s", info->fingerprint);
    if (*info->parent) {
        table_add_pair(&t, "quantized from", "%s", info->parent);
        table_add_pair(&t, "calibration", "%s pictures", text_count(&a, info->calibration_pictures));
    }
    table_print(&t, stdout);
    table_destroy(&t);
}

cJSON *model_summary_json(const rtv_model_info *info, int64_t process_bytes) {
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "name", info->name);
    json_add_text(object, "architecture", info->architecture);
    json_add_text(object, "descriptors", info->descriptors);
    cJSON_AddNumberToObject(object, "dimensions", info->descriptor_dim);
    cJSON_AddNumberToObject(object, "classes", (double)info->num_classes);
    cJSON_AddNumberToObject(object, "input_width", info->input_width);
    cJSON_AddNumberToObject(object, "input_height", info->input_height);
    json_add_text(object, "preprocessing", info->preprocessing);
    cJSON_AddNumberToObject(object, "parameters", (double)info->num_parameters);
    cJSON_AddNumberToObject(object, "macs", info->macs);
    cJSON_AddNumberToObject(object, "weights_bytes", (double)info->weights_bytes);
    cJSON_AddNumberToObject(object, "resident_bytes", (double)info->resident_bytes);
    cJSON_AddNumberToObject(object, "activation_bytes", (double)info->activation_bytes);
    if (process_bytes > 0) cJSON_AddNumberToObject(object, "process_bytes", (double)process_bytes);
    json_add_text(object, "executor", model_executor_name(info->executor));
    json_add_text(object, "fingerprint", info->fingerprint);
    if (*info->parent) {
        json_add_text(object, "parent", info->parent);
        cJSON_AddNumberToObject(object, "calibration_pictures", (double)info->calibration_pictures);
    }
    return object;
}
