/* arch_builder.c - tensors taken by name, layers made of them. */
#include "arch/arch_builder.h"

#include <stdio.h>
#include <string.h>

static const rtvi_arch_flow nowhere = {-1, 0};

/* --- tensors --- */

int rtvi_arch_has(const rtvi_arch_builder *b, const char *name) { return rtvi_weights_find(b->weights, name) != NULL; }

int rtvi_arch_has_prefix(const rtvi_arch_builder *b, const char *prefix) {
    size_t length = strlen(prefix);
    for (size_t i = 0; i < rtvi_weights_count(b->weights); i++)
        if (strncmp(rtvi_weights_at(b->weights, i)->name, prefix, length) == 0) return 1;
    return 0;
}

int64_t rtvi_arch_peek_channels(const rtvi_arch_builder *b, const char *name) {
    const rtvi_weight *weight = rtvi_weights_find(b->weights, name);
    return weight && weight->tensor.rank > 0 ? weight->tensor.dims[0] : 0;
}

/* Zero in expected fits every size that a graph may have. */
static int shape_fits(const rtvi_tensor *tensor, int32_t rank, const int64_t *expected) {
    if (tensor->rank != rank || !rtvi_graph_shape_is_valid(rank, tensor->dims)) return 0;
    for (int32_t i = 0; i < rank; i++)
        if (expected[i] != 0 && tensor->dims[i] != expected[i]) return 0;
    return 1;
}

static int is_floating(rtvi_dtype dtype) { return dtype == RTVI_F32 || dtype == RTVI_F16 || dtype == RTVI_BF16 || dtype == RTVI_F64; }

/* The tensor prefix + suffix, marked as used; NULL when it is missing or wrong, which is noted. */
static const rtvi_weight *take(rtvi_arch_builder *b, const char *prefix, const char *suffix, int32_t rank, const int64_t *expected) {
    char name[RTVI_ARCH_NAME_CHARS];
    rtvi_weight *weight;
    snprintf(name, sizeof name, "%s%s", prefix, suffix);
    weight = rtvi_weights_find(b->weights, name);
    if (weight) weight->used = 1;
    if (!weight)
        rtvi_arch_problems_add(&b->problems, RTVI_PROBLEM_MISSING, name, NULL, rank, expected);
    else if (!shape_fits(&weight->tensor, rank, expected))
        rtvi_arch_problems_add(&b->problems, RTVI_PROBLEM_SHAPE, name, &weight->tensor, rank, expected);
    else if (!is_floating(weight->tensor.dtype))
        rtvi_arch_problems_add(&b->problems, RTVI_PROBLEM_TYPE, name, &weight->tensor, rank, expected);
    else
        return weight;
    return NULL;
}

/* A constant of the graph: where the tensor lies when it is dense float32 or float16, else a float32 copy. -1 for NULL. */
static int32_t constant(rtvi_arch_builder *b, const rtvi_weight *weight) {
    const rtvi_tensor *tensor;
    rtvi_tensor dense;
    float *block;
    if (!weight || b->error->status != RTV_OK) return -1;
    tensor = &weight->tensor;
    if (rtvi_tensor_is_contiguous(tensor) && (tensor->dtype == RTVI_F32 || tensor->dtype == RTVI_F16)) {
        dense = rtvi_tensor_contiguous(tensor->dtype, tensor->rank, tensor->dims, tensor->data); /* strides of dims of 1 may be odd */
        return rtvi_graph_add_constant(b->graph, weight->name, &dense, b->error);
    }
    block = rtvi_alloc(b->env, (size_t)rtvi_tensor_count(tensor), sizeof *block);
    if (!block) {
        rtvi_error_out_of_memory(b->error, "weights", 0);
        return -1;
    }
    rtvi_tensor_to_f32(tensor, block);
    dense = rtvi_tensor_contiguous(RTVI_F32, tensor->rank, tensor->dims, block);
    return rtvi_graph_add_owned(b->graph, weight->name, &dense, block, b->error);
}

/* --- layers --- */

/* inputs of which one is -1 give -1: what is missing was noted when it was looked for. */
static int32_t add_node(rtvi_arch_builder *b, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs,
                        const rtvi_attr *attr) {
    for (int32_t i = 0; i < num_inputs; i++)
        if (inputs[i] < 0) return -1;
    return rtvi_graph_add_node(b->graph, op, name, inputs, num_inputs, attr, b->error);
}

/* What a weight [outputs, inputs / groups, ...] of a convolution says about groups; 1 when it fits nothing. */
static int64_t groups_of(const rtvi_weight *weight, int64_t channels) {
    const int64_t *dims = weight->tensor.dims;
    int64_t groups = dims[1] != 0 && channels % dims[1] == 0 ? channels / dims[1] : 1;
    return groups > 1 && dims[0] % groups == 0 ? groups : 1;
}

rtvi_arch_flow rtvi_arch_conv(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name, rtvi_arch_conv_spec spec) {
    int64_t shape[4] = {spec.channels, x.channels, spec.kernel, spec.kernel};
    char weight_name[RTVI_ARCH_NAME_CHARS];
    rtvi_attr attr = rtvi_attr_default();
    const rtvi_weight *weight;
    rtvi_arch_flow y = nowhere;
    int32_t inputs[2];
    snprintf(weight_name, sizeof weight_name, "%s.weight", weights);
    weight = rtvi_weights_find(b->weights, weight_name);
    if (spec.grouped && weight && weight->tensor.rank == 4) {
        attr.groups = (int32_t)groups_of(weight, x.channels);
        shape[1] = x.channels / attr.groups;
    }
    weight = take(b, weights, ".weight", 4, shape);
    if (!weight) return y;
    attr.stride[0] = attr.stride[1] = spec.stride;
    for (int32_t i = 0; i < 4; i++) attr.pad[i] = spec.kernel / 2;
    inputs[0] = x.value;
    inputs[1] = constant(b, weight);
    y.value = add_node(b, RTVI_OP_CONV, name, inputs, 2, &attr);
    y.channels = weight->tensor.dims[0];
    return y;
}

rtvi_arch_flow rtvi_arch_batch_norm(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name) {
    static const char *const suffixes[4] = {".weight", ".bias", ".running_mean", ".running_var"};
    char name_text[RTVI_ARCH_NAME_CHARS];
    rtvi_attr attr = rtvi_attr_default();
    rtvi_weight *tracked;
    int32_t inputs[5] = {x.value};
    snprintf(name_text, sizeof name_text, "%s.weight", weights);
    if (x.channels == 0) x.channels = rtvi_arch_peek_channels(b, name_text); /* one bad convolution shall not hide what follows */
    for (int32_t i = 0; i < 4; i++) inputs[i + 1] = constant(b, take(b, weights, suffixes[i], 1, &x.channels));
    snprintf(name_text, sizeof name_text, "%s.num_batches_tracked", weights);
    tracked = rtvi_weights_find(b->weights, name_text);
    if (tracked) tracked->used = 1; /* a counter of training */
    attr.epsilon = RTVI_ARCH_EPSILON_BATCH_NORM;
    x.value = add_node(b, RTVI_OP_BATCH_NORM, name, inputs, 5, &attr);
    return x;
}

rtvi_arch_flow rtvi_arch_linear(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name, int has_bias) {
    const int64_t shape[2] = {0, x.channels};
    const rtvi_weight *weight = take(b, weights, ".weight", 2, shape);
    rtvi_arch_flow y = nowhere;
    int32_t inputs[3] = {x.value, constant(b, weight), 0};
    if (weight) y.channels = weight->tensor.dims[0];
    if (has_bias) inputs[2] = constant(b, take(b, weights, ".bias", 1, &y.channels));
    y.value = add_node(b, RTVI_OP_LINEAR, name, inputs, has_bias ? 3 : 2, NULL);
    return y;
}

rtvi_arch_flow rtvi_arch_l2(rtvi_arch_builder *b, rtvi_arch_flow x, const char *name) {
    rtvi_attr attr = rtvi_attr_default();
    attr.epsilon = RTVI_ARCH_EPSILON_L2;
    return rtvi_arch_node(b, RTVI_OP_L2_NORMALIZE, name, &x, 1, &attr);
}

rtvi_arch_flow rtvi_arch_node(rtvi_arch_builder *b, rtvi_op op, const char *name, const rtvi_arch_flow *inputs, int32_t num_inputs,
                              const rtvi_attr *attr) {
    int32_t values[RTVI_MAX_INPUTS];
    rtvi_arch_flow y = inputs[0];
    for (int32_t i = 0; i < num_inputs; i++) values[i] = inputs[i].value;
    y.value = add_node(b, op, name, values, num_inputs, attr);
    return y;
}

void rtvi_arch_output(rtvi_arch_builder *b, rtvi_arch_flow x, rtvi_role role) {
    if (x.value >= 0) rtvi_graph_add_output(b->graph, x.value, role, b->error);
}
