/* graph_dump.c - a graph as text for people and golden files. The first line names the model, then one line a value in execution order:
 *   %conv1 f32[1,64,112,112] = conv(%input, conv1.weight f32[64,3,7,7]) stride=[2,2] pad=[3,3,3,3]
 *   %conv2 u8[1,64,56,56] scale=0.0123 zero_point=0 = qconv(%conv1, conv2.weight i8[64,64,3,3], ...) pad=[1,1,1,1]
 * Computed values have a '%', constants their type and shape; attributes at their default are left out; the last line gives the outputs. */
#include "graph/graph.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct dump {
    const rtvi_graph *graph;
    char *text;
    size_t capacity;
    size_t size; /* of the whole text, without NUL, whether it fits or not */
} dump;

static void print(dump *d, const char *format, ...) RTVI_PRINTF(2, 3);
static void print(dump *d, const char *format, ...) {
    char *at = d->size < d->capacity ? d->text + d->size : NULL;
    va_list args;
    int length;
    va_start(args, format);
    length = vsnprintf(at, at ? d->capacity - d->size : 0, format, args);
    va_end(args);
    if (length > 0) d->size += (size_t)length;
}

static void print_name(dump *d, const char *name) {
    rtvi_quoted quoted;
    print(d, "%s", rtvi_error_quote_string(&quoted, name));
}

/* " f32[1,64,112,112]" */
static void print_type(dump *d, const rtvi_value *value) {
    char shape[200];
    print(d, " ");
    for (const char *p = rtvi_dtype_name(value->dtype); *p; p++) print(d, "%c", *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    print(d, "%s", rtvi_shape_text(shape, sizeof shape, value->rank, value->dims));
}

static void print_operand(dump *d, int32_t index) {
    const rtvi_value *value = &d->graph->values[index];
    if (!value->is_constant) print(d, "%%");
    print_name(d, value->name);
    if (value->is_constant) print_type(d, value);
}

/* The fewest digits that read back as the same float: 1e-05. */
static void print_float(dump *d, float value) {
    char text[32];
    int digits = 1;
    do snprintf(text, sizeof text, "%.*g", digits, (double)value);
    while (strtof(text, NULL) != value && ++digits <= 9);
    print(d, "%s", text);
}

/* Of codes: " scale=0.0123 zero_point=0" */
static void print_codes(dump *d, const rtvi_value *value) {
    if (value->dtype != RTVI_U8 && value->dtype != RTVI_I8) return;
    print(d, " scale=");
    print_float(d, value->scale);
    print(d, " zero_point=%d", value->zero_point);
}

static void print_attr(dump *d, const rtvi_attr_field *field, const rtvi_attr *attr) {
    const rtvi_attr defaults = rtvi_attr_default();
    const char *at = (const char *)attr + field->offset;
    size_t size = (size_t)field->count * sizeof(int32_t);
    if (memcmp(at, (const char *)&defaults + field->offset, size) == 0) return;
    print(d, " %s=", field->name);
    if (field->kind == RTVI_ATTR_FLOAT) {
        print_float(d, *(const float *)at);
        return;
    }
    if (field->kind == RTVI_ATTR_INTS) print(d, "[");
    for (int32_t i = 0; i < field->count; i++) print(d, i ? ",%d" : "%d", ((const int32_t *)at)[i]);
    if (field->kind == RTVI_ATTR_INTS) print(d, "]");
}

static void print_node(dump *d, const rtvi_node *node) {
    int32_t num_attrs;
    const rtvi_attr_field *attrs = rtvi_op_attrs(node->op, &num_attrs);
    print_operand(d, node->output);
    print_type(d, &d->graph->values[node->output]);
    print_codes(d, &d->graph->values[node->output]);
    print(d, " = %s(", rtvi_op_name(node->op));
    for (int32_t i = 0; i < node->num_inputs; i++) {
        if (i) print(d, ", ");
        print_operand(d, node->inputs[i]);
    }
    print(d, ")");
    for (int32_t i = 0; i < num_attrs; i++) print_attr(d, &attrs[i], &node->attr);
    print(d, "\n");
}

static void print_outputs(dump *d) {
    for (int32_t i = 0; i < d->graph->num_outputs; i++) {
        print(d, "%s%s ", i ? ", " : "return ", d->graph->outputs[i].role == RTVI_ROLE_DESCRIPTOR ? "descriptor" : "logits");
        print_operand(d, d->graph->outputs[i].value);
    }
    print(d, "\n");
}

static void print_label(dump *d, const char *label, const char *text) {
    if (!text || !text[0]) return;
    print(d, "%s", label);
    print_name(d, text);
}

size_t rtvi_graph_dump(const rtvi_graph *graph, char *text, size_t capacity) {
    dump d = {graph, text, capacity, 0};
    print_label(&d, "model ", graph->name);
    print_label(&d, " architecture=", graph->architecture);
    print_label(&d, " descriptors=", graph->descriptors);
    print(&d, "\n");
    print_operand(&d, graph->input);
    print_type(&d, &graph->values[graph->input]);
    print_codes(&d, &graph->values[graph->input]);
    print(&d, "\n");
    for (size_t i = 0; i < graph->num_nodes; i++) print_node(&d, &graph->nodes[i]);
    print_outputs(&d);
    return d.size + 1;
}
