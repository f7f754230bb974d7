/* graph_verify.c - everything an executor relies on, checked: a graph from a file, or after a pass, may hold anything. */
#include "graph/graph.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct checking {
    const rtvi_graph *graph;
    uint8_t *written; /* [num_values] 1 once a value has its data */
    int32_t *slots;   /* [num_slots] hash table of values by name, -1 for none */
    size_t num_slots; /* a power of two, at least twice the values */
    rtv_error *error;
} checking;

static int32_t wrong(const checking *c, const char *what, const char *name, const char *reason) {
    rtvi_quoted quoted;
    return rtvi_error_set(c->error, RTV_E_FORMAT, "graph: %s \"%s\": %s", what, rtvi_error_quote_string(&quoted, name ? name : ""), reason);
}

static int is_value(const rtvi_graph *graph, int32_t value) { return value >= 0 && (size_t)value < graph->num_values; }

/* --- values --- */

static int32_t check_constant(const checking *c, const rtvi_value *value) {
    const rtvi_tensor *tensor = &value->constant;
    if (value->dtype != RTVI_F32 && value->dtype != RTVI_F16 && value->dtype != RTVI_I8)
        return wrong(c, "constant", value->name, "type is none of F32, F16 and I8");
    if (tensor->dtype != value->dtype || tensor->rank != value->rank ||
        memcmp(tensor->dims, value->dims, (size_t)value->rank * sizeof *value->dims) != 0)
        return wrong(c, "constant", value->name, "its tensor has another type or shape");
    if (!tensor->data || !rtvi_tensor_is_contiguous(tensor)) return wrong(c, "constant", value->name, "its tensor has no contiguous data");
    return RTV_OK;
}

/* FNV-1a; enters a value's name, which must be new. */
static int32_t enter_name(checking *c, int32_t index) {
    const char *name = c->graph->values[index].name;
    uint64_t hash = 14695981039346656037u;
    size_t slot;
    for (const char *p = name; *p; p++) hash = (hash ^ (uint8_t)*p) * 1099511628211u;
    for (slot = hash & (c->num_slots - 1); c->slots[slot] >= 0; slot = (slot + 1) & (c->num_slots - 1))
        if (strcmp(c->graph->values[c->slots[slot]].name, name) == 0) return wrong(c, "value", name, "another value has the same name");
    c->slots[slot] = index;
    return RTV_OK;
}

static int32_t check_value(checking *c, int32_t index) {
    const rtvi_graph *graph = c->graph;
    const rtvi_value *value = &graph->values[index];
    if (!value->name || !value->name[0]) return wrong(c, "value", value->name, "has no name");
    if (!rtvi_graph_shape_is_valid(value->rank, value->dims)) return wrong(c, "value", value->name, "its shape is empty or too large");
    if (value->is_constant || index == graph->input) {
        if (value->producer != -1) return wrong(c, "value", value->name, "is no node's output, yet names a producer");
        c->written[index] = 1;
    } else if (value->producer < 0 || (size_t)value->producer >= graph->num_nodes || graph->nodes[value->producer].output != index) {
        return wrong(c, "value", value->name, "no node produces it");
    }
    if (value->is_constant && check_constant(c, value) != RTV_OK) return RTV_E_FORMAT;
    return enter_name(c, index);
}

static int32_t check_values(checking *c) {
    memset(c->slots, 0xff, c->num_slots * sizeof *c->slots);
    for (size_t i = 0; i < c->graph->num_values; i++)
        if (check_value(c, (int32_t)i) != RTV_OK) return RTV_E_FORMAT;
    return RTV_OK;
}

/* --- nodes --- */

/* One float of a constant, which may stand anywhere in a file. */
static float float_at(const rtvi_value *value, int64_t i) {
    float number;
    memcpy(&number, (const uint8_t *)value->constant.data + (size_t)i * sizeof number, sizeof number);
    return number;
}

/* Of an op on codes: what its arithmetic relies on, so that no intermediate result can become NaN. */
static int32_t check_weights(const checking *c, const rtvi_node *node) {
    const rtvi_value *x = &c->graph->values[node->inputs[0]], *weight = &c->graph->values[node->inputs[1]];
    const rtvi_value *scale = &c->graph->values[node->inputs[2]], *bias = &c->graph->values[node->inputs[3]];
    rtvi_quoted name;
    if (memchr(weight->constant.data, 0x80, (size_t)rtvi_tensor_count(&weight->constant)))
        return wrong(c, "weight", weight->name, "got a code of -128, expected -127..127");
    for (int64_t k = 0; k < scale->dims[0]; k++) {
        float s = float_at(scale, k), b = float_at(bias, k);
        if (!(s >= 0) || !isfinite(s * x->scale))
            return rtvi_error_set(c->error, RTV_E_FORMAT, "graph: weight scale \"%s\", channel %lld: got %.9g, expected 0..%.9g",
                                  rtvi_error_quote_string(&name, scale->name), (long long)k, (double)s,
                                  (double)(FLT_MAX / fmaxf(x->scale, 1)));
        if (!isfinite(b))
            return rtvi_error_set(c->error, RTV_E_FORMAT, "graph: bias \"%s\", channel %lld: got %.9g, expected a finite number",
                                  rtvi_error_quote_string(&name, bias->name), (long long)k, (double)b);
    }
    return RTV_OK;
}

/* The output's type and shape must be those that follow from the inputs. */
static int32_t check_inferred(const checking *c, const rtvi_node *node) {
    const rtvi_value *output = &c->graph->values[node->output];
    rtvi_value inferred = *output;
    if (rtvi_op_infer(c->graph, node, &inferred, c->error) != RTV_OK) return RTV_E_FORMAT;
    if (output->rank != inferred.rank || memcmp(output->dims, inferred.dims, (size_t)inferred.rank * sizeof *inferred.dims) != 0)
        return wrong(c, "node", node->name, "its output does not have the shape that follows from its inputs");
    if (output->dtype != inferred.dtype || output->zero_point != inferred.zero_point || !(output->scale == inferred.scale))
        return wrong(c, "node", node->name, "its output does not have the type, scale and zero point that follow from its inputs");
    return rtvi_op_has_quantized_weight(node->op) ? check_weights(c, node) : RTV_OK;
}

static int32_t check_node(checking *c, const rtvi_node *node) {
    if (!node->name) return wrong(c, "node", node->name, "has no name");
    if (node->num_inputs < 1 || node->num_inputs > RTVI_MAX_INPUTS) return wrong(c, "node", node->name, "number of inputs is out of range");
    for (int32_t i = 0; i < node->num_inputs; i++) {
        if (!is_value(c->graph, node->inputs[i])) return wrong(c, "node", node->name, "an input is no value of the graph");
        if (!c->written[node->inputs[i]]) return wrong(c, "node", node->name, "reads a value that is not yet written");
    }
    if (!is_value(c->graph, node->output)) return wrong(c, "node", node->name, "its output is no value of the graph");
    if (c->written[node->output]) return wrong(c, "node", node->name, "writes a value that is already written");
    c->written[node->output] = 1;
    return check_inferred(c, node);
}

static int32_t check_nodes(checking *c) {
    for (size_t i = 0; i < c->graph->num_nodes; i++)
        if (check_node(c, &c->graph->nodes[i]) != RTV_OK) return RTV_E_FORMAT;
    return RTV_OK;
}

/* --- input and outputs --- */

static int32_t check_input(const checking *c) {
    const rtvi_graph *graph = c->graph;
    const rtvi_value *input;
    if (!is_value(graph, graph->input)) return wrong(c, "model", graph->name, "has no input");
    input = &graph->values[graph->input];
    if (input->is_constant || input->rank != 4 || input->dims[0] != 1 || input->dims[1] != 3)
        return wrong(c, "input", input->name, "is not of shape [1,3,height,width]");
    if (input->dtype != RTVI_F32 && input->dtype != RTVI_U8) return wrong(c, "input", input->name, "type is neither F32 nor U8");
    if (input->dtype == RTVI_U8 && rtvi_op_check_codes(input->name, RTVI_U8, input->scale, input->zero_point, c->error) != RTV_OK)
        return RTV_E_FORMAT;
    if (graph->preprocess.width != 0 && (graph->preprocess.width != input->dims[3] || graph->preprocess.height != input->dims[2]))
        return wrong(c, "input", input->name, "the preprocessing makes another size");
    return RTV_OK;
}

static int32_t check_output(const checking *c, int32_t index) {
    const rtvi_output *output = &c->graph->outputs[index];
    const rtvi_value *value;
    if (!is_value(c->graph, output->value)) return wrong(c, "model", c->graph->name, "an output is no value of the graph");
    value = &c->graph->values[output->value];
    if (value->is_constant || value->dtype != RTVI_F32 || value->rank != 2 || value->dims[0] != 1)
        return wrong(c, "output", value->name, "is not computed, F32, of shape [1,n]");
    if (output->role != RTVI_ROLE_DESCRIPTOR && output->role != RTVI_ROLE_LOGITS)
        return wrong(c, "output", value->name, "has an unknown role");
    for (int32_t i = 0; i < index; i++)
        if (c->graph->outputs[i].role == output->role) return wrong(c, "output", value->name, "another output has the same role");
    return RTV_OK;
}

static int32_t check_outputs(const checking *c) {
    const rtvi_graph *graph = c->graph;
    int32_t logits;
    if (graph->num_outputs < 1 || graph->num_outputs > RTVI_MAX_OUTPUTS)
        return wrong(c, "model", graph->name, "has no outputs, or too many");
    for (int32_t i = 0; i < graph->num_outputs; i++)
        if (check_output(c, i) != RTV_OK) return RTV_E_FORMAT;
    logits = rtvi_graph_output(graph, RTVI_ROLE_LOGITS);
    if (graph->num_class_names != 0 && (logits < 0 || graph->values[logits].dims[1] != graph->num_class_names))
        return wrong(c, "model", graph->name, "has class names, but not one for each value of the logits");
    return RTV_OK;
}

int32_t rtvi_graph_verify(const rtvi_graph *graph, rtv_error *error) {
    checking c = {graph, NULL, NULL, 2, error};
    int32_t status;
    while (c.num_slots < 2 * graph->num_values) c.num_slots *= 2;
    c.written = rtvi_alloc_zero(graph->env, graph->num_values, 1);
    c.slots = rtvi_alloc(graph->env, c.num_slots, sizeof *c.slots);
    status = c.written && c.slots ? check_values(&c) : rtvi_error_out_of_memory(error, "graph", 0);
    if (status == RTV_OK) status = check_input(&c);
    if (status == RTV_OK) status = check_nodes(&c);
    if (status == RTV_OK) status = check_outputs(&c);
    rtvi_free(graph->env, c.slots);
    rtvi_free(graph->env, c.written);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
