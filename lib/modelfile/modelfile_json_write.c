/* modelfile_json_write.c - graph and preprocessing to JSON (docs/formats.md). A node goes by its value's name, which is unique. Attributes
 * at their default are left out, so that a later release can add attributes without changing the text, and the fingerprint, of the networks
 * that do without. */
#include <stdio.h>
#include <string.h>

#include <retrieve/model.h>

#include "modelfile/modelfile_json.h"

static const char *const resize_names[] = {
    [RTV_RESIZE_SQUASH] = "squash", [RTV_RESIZE_CENTER_CROP] = "center_crop", [RTV_RESIZE_LETTERBOX] = "letterbox"};
static const char *const role_names[] = {[RTVI_ROLE_DESCRIPTOR] = "descriptor", [RTVI_ROLE_LOGITS] = "logits"};

static const char *name_at(const char *const *names, int count, int32_t i) { return i < 1 || i >= count ? NULL : names[i]; }

static int32_t find_name(const char *const *names, int count, const char *name) {
    for (int32_t i = 1; i < count; i++) {
        if (strcmp(names[i], name) == 0) return i;
    }
    return 0;
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

const char *rtvi_modelfile_resize_name(int32_t resize) { return name_at(resize_names, COUNT(resize_names), resize); }
int32_t rtvi_modelfile_resize_from_name(const char *name) { return find_name(resize_names, COUNT(resize_names), name); }
const char *rtvi_modelfile_role_name(rtvi_role role) { return name_at(role_names, COUNT(role_names), (int32_t)role); }
rtvi_role rtvi_modelfile_role_from_name(const char *name) { return (rtvi_role)find_name(role_names, COUNT(role_names), name); }

static void add_key(rtvi_text *text, const char *separator, const char *key) {
    rtvi_text_add(text, separator);
    rtvi_text_add_string(text, key);
    rtvi_text_add(text, ":");
}

static void add_int(rtvi_text *text, const char *separator, const char *key, int64_t value) {
    add_key(text, separator, key);
    rtvi_text_add_int(text, value);
}

static void add_string(rtvi_text *text, const char *separator, const char *key, const char *value) {
    add_key(text, separator, key);
    rtvi_text_add_string(text, value);
}

static void add_floats(rtvi_text *text, const char *separator, const char *key, const float *values, int count) {
    add_key(text, separator, key);
    for (int i = 0; i < count; i++) {
        rtvi_text_add(text, i ? "," : "[");
        rtvi_text_add_float(text, values[i]);
    }
    rtvi_text_add(text, "]");
}

static size_t field_size(const rtvi_attr_field *field) {
    if (field->kind == RTVI_ATTR_FLOAT) return sizeof(float);
    return (field->kind == RTVI_ATTR_INTS ? (size_t)field->count : 1) * sizeof(int32_t);
}

static void add_attribute(rtvi_text *text, const rtvi_attr_field *field, const char *attr) {
    int32_t integers[RTVI_MAX_RANK];
    float number;
    if (field->kind == RTVI_ATTR_FLOAT) {
        memcpy(&number, attr + field->offset, sizeof number);
        rtvi_text_add_float(text, number);
        return;
    }
    memcpy(integers, attr + field->offset, field_size(field));
    if (field->kind == RTVI_ATTR_INT) {
        rtvi_text_add_int(text, integers[0]);
        return;
    }
    for (int32_t i = 0; i < field->count; i++) {
        rtvi_text_add(text, i ? "," : "[");
        rtvi_text_add_int(text, integers[i]);
    }
    rtvi_text_add(text, "]");
}

static void add_attributes(rtvi_text *text, const rtvi_node *node) {
    const rtvi_attr defaults = rtvi_attr_default();
    int32_t count, written = 0;
    const rtvi_attr_field *fields = rtvi_op_attrs(node->op, &count);
    for (int32_t i = 0; i < count; i++) {
        const char *attr = (const char *)&node->attr;
        if (memcmp(attr + fields[i].offset, (const char *)&defaults + fields[i].offset, field_size(&fields[i])) == 0) continue;
        rtvi_text_add(text, written++ ? "," : ",\"attributes\":{");
        rtvi_text_add_string(text, fields[i].name);
        rtvi_text_add(text, ":");
        add_attribute(text, &fields[i], attr);
    }
    if (written) rtvi_text_add(text, "}");
}

/* Of a value whose type does not follow from others: what its codes mean. */
static void add_codes(rtvi_text *text, const rtvi_value *value) {
    add_string(text, ",\"codes\":{", "dtype", rtvi_dtype_name(value->dtype));
    add_key(text, ",", "scale");
    rtvi_text_add_float(text, value->scale);
    add_int(text, ",", "zero_point", value->zero_point);
    rtvi_text_add(text, "}");
}

static void add_node(rtvi_text *text, const rtvi_graph *graph, const rtvi_node *node) {
    add_string(text, "{", "name", graph->values[node->output].name);
    add_string(text, ",", "op", rtvi_op_name(node->op));
    rtvi_text_add(text, ",\"inputs\":[");
    for (int32_t i = 0; i < node->num_inputs; i++) {
        if (i) rtvi_text_add(text, ",");
        rtvi_text_add_string(text, graph->values[node->inputs[i]].name);
    }
    rtvi_text_add(text, "]");
    if (rtvi_op_has_own_scale(node->op)) add_codes(text, &graph->values[node->output]);
    add_attributes(text, node);
    rtvi_text_add(text, "}");
}

void rtvi_modelfile_graph_to_json(const rtvi_graph *graph, rtvi_text *text) {
    const rtvi_value *input = &graph->values[graph->input];
    char shape[RTVI_MAX_RANK * 22 + 3];
    add_string(text, "{\"input\":{", "name", input->name);
    add_key(text, ",", "shape");
    rtvi_text_add(text, rtvi_shape_text(shape, sizeof shape, input->rank, input->dims));
    if (input->dtype == RTVI_U8) add_codes(text, input);
    rtvi_text_add(text, "},\"nodes\":[");
    for (size_t i = 0; i < graph->num_nodes; i++) {
        if (i) rtvi_text_add(text, ",");
        add_node(text, graph, &graph->nodes[i]);
    }
    rtvi_text_add(text, "],\"outputs\":[");
    for (int32_t i = 0; i < graph->num_outputs; i++) {
        add_string(text, i ? ",{" : "{", "value", graph->values[graph->outputs[i].value].name);
        add_string(text, ",", "role", rtvi_modelfile_role_name(graph->outputs[i].role));
        rtvi_text_add(text, "}");
    }
    rtvi_text_add(text, "]}");
}

void rtvi_modelfile_preprocess_to_json(const rtvi_preprocess *how, rtvi_text *text) {
    const char *resize = rtvi_modelfile_resize_name(how->resize);
    add_int(text, "{", "width", how->width);
    add_int(text, ",", "height", how->height);
    add_string(text, ",", "resize", resize ? resize : "unset");
    if (how->resize == RTV_RESIZE_CENTER_CROP) add_int(text, ",", "resize_shorter", how->resize_shorter);
    if (how->resize == RTV_RESIZE_LETTERBOX) add_int(text, ",", "letterbox_value", how->letterbox_value);
    add_int(text, ",", "apply_exif", how->apply_exif);
    add_int(text, ",", "fast_decode", how->fast_decode);
    add_floats(text, ",", "mean", how->mean, 3);
    add_floats(text, ",", "std", how->std, 3);
    rtvi_text_add(text, "}");
}

void rtvi_modelfile_class_names_to_json(const rtvi_graph *graph, rtvi_text *text) {
    rtvi_text_add(text, "[");
    for (int64_t i = 0; i < graph->num_class_names; i++) {
        if (i) rtvi_text_add(text, ",");
        rtvi_text_add_string(text, graph->class_names[i]);
    }
    rtvi_text_add(text, "]");
}
