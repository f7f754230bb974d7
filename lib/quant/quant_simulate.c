/* quant_simulate.c - a graph on codes as its fake-quantize run: QCONV becomes convolution, quantize and dequantize; QLINEAR a linear layer
 * on dequantized codes. What else reads codes stays as it is, for it computes on what they stand for already. */
#include <string.h>

#include "quant/quant_build.h"
#include "quant/quant_graph.h"

typedef struct simulating {
    rtvi_quant_build build;
    const rtvi_quant_simulation *other; /* or NULL */
    int32_t *values;                    /* [num_values] of the quantized graph: the same value in the new one, -1 while absent */
    int32_t *floats;                    /* [num_values]: what its codes stand for, -1 while absent */
} simulating;

static int32_t get_floats(simulating *s, int32_t value) {
    char name[256];
    if (s->floats[value] < 0)
        s->floats[value] = rtvi_quant_build_dequantize(&s->build, s->values[value],
                                                       rtvi_quant_build_name(&s->build, s->build.from->values[value].name, ".float", name));
    return s->floats[value];
}

/* What the codes stand for, in float32. */
static void decode_weights(const rtvi_graph *from, const rtvi_node *node, float *weights) {
    const rtvi_tensor *codes = &from->values[node->inputs[1]].constant;
    const float *scales = from->values[node->inputs[2]].constant.data;
    const int64_t outputs = codes->dims[0], row = rtvi_tensor_count(codes) / outputs;
    for (int64_t i = 0; i < outputs * row; i++) weights[i] = (float)((const int8_t *)codes->data)[i] * scales[i / row];
}

/* The parent's, by the node's name; what the parent lacks keeps its codes. */
static void other_weights(const simulating *s, const rtvi_node *node, float *weights, float *high) {
    const rtvi_graph *parent = s->other->parent;
    const rtvi_value *codes = &s->build.from->values[node->inputs[1]];
    for (size_t i = 0; i < parent->num_nodes; i++) {
        const rtvi_value *weight;
        if (strcmp(parent->nodes[i].name, node->name) != 0 || parent->nodes[i].num_inputs < 2) continue;
        weight = &parent->values[parent->nodes[i].inputs[1]];
        if (!weight->is_constant || weight->rank != codes->rank ||
            memcmp(weight->dims, codes->dims, (size_t)weight->rank * sizeof *weight->dims) != 0)
            continue;
        rtvi_tensor_to_f32(&weight->constant, weights);
        rtvi_quant_params_fake_weights(weights, codes->dims[0], rtvi_tensor_count(&codes->constant) / codes->dims[0], s->other->scheme,
                                       s->other->bits, high);
    }
}

static int32_t add_weights(const simulating *s, const rtvi_node *node) {
    const rtvi_value *codes = &s->build.from->values[node->inputs[1]];
    const rtvi_env *env = s->build.from->env;
    float *weights = rtvi_alloc(env, (size_t)rtvi_tensor_count(&codes->constant), sizeof *weights);
    float *high = rtvi_alloc(env, (size_t)codes->dims[0], sizeof *high);
    int32_t value = -1;
    if (weights && high) {
        const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, codes->rank, codes->dims, weights);
        decode_weights(s->build.from, node, weights);
        if (s->other) other_weights(s, node, weights, high);
        value = rtvi_graph_add_owned(s->build.to, codes->name, &tensor, weights, s->build.error);
    } else {
        rtvi_error_out_of_memory(s->build.error, "quantizer", 0);
        rtvi_free(env, weights);
    }
    rtvi_free(env, high);
    return value;
}

static void add_layer(simulating *s, const rtvi_node *node) {
    const rtvi_value *output = &s->build.from->values[node->output];
    const int is_conv = node->op == RTVI_OP_QCONV;
    const rtvi_op op = is_conv ? RTVI_OP_CONV : RTVI_OP_LINEAR;
    char name[256];
    int32_t inputs[4], count = 3, value;
    inputs[0] = get_floats(s, node->inputs[0]);
    inputs[1] = add_weights(s, node);
    inputs[2] = rtvi_quant_build_share(&s->build, node->inputs[3]);
    if (node->attr.residual) inputs[count++] = get_floats(s, node->inputs[4]);
    value = rtvi_graph_add_node(s->build.to, op, is_conv ? rtvi_quant_build_name(&s->build, node->name, ".exact", name) : node->name,
                                inputs, count, &node->attr, s->build.error);
    if (is_conv)
        value = rtvi_quant_build_quantize(&s->build, value, node->name, (rtvi_code_type){output->dtype, output->scale, output->zero_point});
    s->values[node->output] = value;
}

static void add_other(simulating *s, const rtvi_node *node) {
    const rtvi_value *output = &s->build.from->values[node->output];
    int32_t inputs[RTVI_MAX_INPUTS], *to = &s->values[node->output];
    for (int32_t i = 0; i < node->num_inputs; i++)
        inputs[i] = s->build.from->values[node->inputs[i]].is_constant ? rtvi_quant_build_share(&s->build, node->inputs[i])
                                                                       : s->values[node->inputs[i]];
    if (node->op == RTVI_OP_QUANTIZE)
        *to =
            rtvi_quant_build_quantize(&s->build, inputs[0], node->name, (rtvi_code_type){output->dtype, output->scale, output->zero_point});
    else if (node->op == RTVI_OP_DEQUANTIZE && s->floats[node->inputs[0]] >= 0)
        *to = s->floats[node->inputs[0]];
    else
        *to = rtvi_graph_add_node(s->build.to, node->op, node->name, inputs, node->num_inputs, &node->attr, s->build.error);
    if (node->op == RTVI_OP_DEQUANTIZE) s->floats[node->inputs[0]] = *to;
}

static rtvi_graph *simulate(simulating *s) {
    const rtvi_graph *from = s->build.from;
    const rtvi_value *input = &from->values[from->input];
    int32_t outputs[RTVI_MAX_OUTPUTS] = {0};
    memset(s->values, 0xff, from->num_values * sizeof *s->values);
    memset(s->floats, 0xff, from->num_values * sizeof *s->floats);
    if (input->dtype == RTVI_U8) rtvi_graph_quantize_input(s->build.to, input->scale, input->zero_point, s->build.error);
    s->values[from->input] = s->build.to->input;
    for (size_t i = 0; i < from->num_nodes && s->build.error->status == RTV_OK; i++) {
        const rtvi_node *node = &from->nodes[i];
        (node->op == RTVI_OP_QCONV || node->op == RTVI_OP_QLINEAR ? add_layer : add_other)(s, node);
    }
    for (int32_t i = 0; i < from->num_outputs; i++) outputs[i] = s->values[from->outputs[i].value];
    return rtvi_quant_build_end(&s->build, outputs);
}

int32_t rtvi_quant_graph_simulate(const rtvi_graph *quantized, const rtvi_quant_simulation *simulation, rtvi_graph **simulated,
                                  rtv_error *error) {
    simulating s = {.other = simulation};
    const rtvi_env *env = quantized->env;
    rtv_error own;
    if (!error) error = &own;
    *simulated = NULL;
    if (simulation && (simulation->bits < 2 || simulation->bits > 8))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: weight bits: got %d, expected 2..8", simulation->bits);
    if (!rtvi_quant_build_begin(&s.build, quantized, error)) return error->status;
    s.values = rtvi_alloc(env, quantized->num_values, sizeof *s.values);
    s.floats = rtvi_alloc(env, quantized->num_values, sizeof *s.floats);
    if (s.values && s.floats) {
        *simulated = simulate(&s);
    } else {
        rtvi_graph_destroy(s.build.to);
        rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    rtvi_free(env, s.values);
    rtvi_free(env, s.floats);
    return error->status;
}
