/* graph_build.c - making a graph value by value, and asking it simple questions. */
#include "graph/graph.h"

#include <string.h>

/* Once something failed, every later step of a builder is skipped. */
static int failed(const rtv_error *error) { return error && error->status != RTV_OK; }

static int32_t out_of_memory(rtv_error *error) {
    rtvi_error_out_of_memory(error, "graph", 0);
    return -1;
}

/* Puts a copy of text in the place of *field. 0 on failure, when *field stays. */
static int replace_text(const rtvi_env *env, char **field, const char *text) {
    char *copy = rtvi_copy_string(env, text, strlen(text));
    if (!copy) return 0;
    rtvi_free(env, *field);
    *field = copy;
    return 1;
}

static void free_class_names(rtvi_graph *graph) {
    for (int64_t i = 0; i < graph->num_class_names; i++) rtvi_free(graph->env, graph->class_names[i]);
    rtvi_free(graph->env, graph->class_names);
    graph->class_names = NULL;
    graph->num_class_names = 0;
}

rtvi_graph *rtvi_graph_create(const rtvi_env *env, const char *name, rtv_error *error) {
    rtvi_graph *graph = rtvi_alloc_zero(env, 1, sizeof *graph);
    rtvi_error_clear(error);
    if (graph) {
        graph->env = env;
        graph->input = -1;
        if (replace_text(env, &graph->name, name)) return graph;
    }
    rtvi_graph_destroy(graph);
    out_of_memory(error);
    return NULL;
}

void rtvi_graph_destroy(rtvi_graph *graph) {
    const rtvi_env *env;
    if (!graph) return;
    env = graph->env;
    for (size_t i = 0; i < graph->num_values; i++) {
        rtvi_free(env, graph->values[i].name);
        rtvi_free(env, graph->values[i].owned);
        rtvi_free(env, graph->values[i].owned_factor);
    }
    for (size_t i = 0; i < graph->num_nodes; i++) rtvi_free(env, graph->nodes[i].name);
    free_class_names(graph);
    rtvi_free(env, graph->values);
    rtvi_free(env, graph->nodes);
    rtvi_free(env, graph->name);
    rtvi_free(env, graph->architecture);
    rtvi_free(env, graph->descriptors);
    rtvi_free(env, graph->quantization);
    rtvi_free(env, graph);
}

/* --- building --- */

/* A new value with room, name, type and shape; NULL on failure. */
static rtvi_value *add_value(rtvi_graph *graph, const char *name, rtvi_dtype dtype, int32_t rank, const int64_t *dims, rtv_error *error) {
    rtvi_value *value;
    rtvi_quoted quoted;
    if (failed(error)) return NULL;
    if (!rtvi_graph_shape_is_valid(rank, dims)) {
        char shape[200];
        int32_t shown = rank < 0 ? 0 : rank > RTVI_MAX_RANK ? RTVI_MAX_RANK : rank;
        rtvi_error_set(error, RTV_E_FORMAT,
                       "graph: value \"%s\": got rank %d, shape %s, expected dims of 1 or more and at most %d elements",
                       rtvi_error_quote_string(&quoted, name), rank, rtvi_shape_text(shape, sizeof shape, shown, dims), INT32_MAX);
        return NULL;
    }
    if (graph->num_values >= INT32_MAX || !rtvi_grow(graph->env, (void **)&graph->values, &graph->cap_values, graph->num_values,
                                                     graph->num_values + 1, sizeof *graph->values)) {
        out_of_memory(error);
        return NULL;
    }
    value = &graph->values[graph->num_values];
    memset(value, 0, sizeof *value);
    if (!replace_text(graph->env, &value->name, name)) {
        out_of_memory(error);
        return NULL;
    }
    value->dtype = dtype;
    value->rank = rank;
    memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
    value->producer = -1;
    graph->num_values++;
    return value;
}

int32_t rtvi_graph_add_input(rtvi_graph *graph, const char *name, int32_t rank, const int64_t *dims, rtv_error *error) {
    if (!add_value(graph, name, RTVI_F32, rank, dims, error)) return -1;
    graph->input = (int32_t)graph->num_values - 1;
    return graph->input;
}

int32_t rtvi_graph_add_constant(rtvi_graph *graph, const char *name, const rtvi_tensor *tensor, rtv_error *error) {
    rtvi_value *value = add_value(graph, name, tensor->dtype, tensor->rank, tensor->dims, error);
    if (!value) return -1;
    value->is_constant = 1;
    value->constant = *tensor;
    return (int32_t)graph->num_values - 1;
}

int32_t rtvi_graph_add_owned(rtvi_graph *graph, const char *name, const rtvi_tensor *tensor, void *block, rtv_error *error) {
    int32_t value = rtvi_graph_add_constant(graph, name, tensor, error);
    if (value >= 0)
        graph->values[value].owned = block;
    else
        rtvi_free(graph->env, block);
    return value;
}

rtvi_attr rtvi_attr_default(void) {
    rtvi_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.stride[0] = attr.stride[1] = 1;
    attr.dilation[0] = attr.dilation[1] = 1;
    attr.groups = 1;
    attr.axis = 1;
    return attr;
}

/* A complete, nameless node, or an error. */
static int32_t fill_node(rtvi_node *node, rtvi_op op, const int32_t *inputs, int32_t num_inputs, const rtvi_attr *attr, rtv_error *error) {
    memset(node, 0, sizeof *node);
    if (num_inputs < 1 || num_inputs > RTVI_MAX_INPUTS)
        return rtvi_error_set(error, RTV_E_FORMAT, "graph: a node's inputs: got %d, expected 1..%d", num_inputs, RTVI_MAX_INPUTS);
    node->op = op;
    node->num_inputs = num_inputs;
    memcpy(node->inputs, inputs, (size_t)num_inputs * sizeof *inputs);
    node->attr = attr ? *attr : rtvi_attr_default();
    return RTV_OK;
}

/* type: dtype, scale and zero point of codes, for an op whose output has its own. */
static int32_t add_node(rtvi_graph *graph, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs, const rtvi_attr *attr,
                        rtvi_value type, rtv_error *error) {
    rtvi_node node;
    rtvi_value *output;
    if (failed(error) || fill_node(&node, op, inputs, num_inputs, attr, error) != RTV_OK) return -1;
    node.name = (char *)name; /* for messages; the copy comes below */
    if (rtvi_op_infer(graph, &node, &type, error) != RTV_OK) return -1;
    if (!rtvi_grow(graph->env, (void **)&graph->nodes, &graph->cap_nodes, graph->num_nodes, graph->num_nodes + 1, sizeof *graph->nodes))
        return out_of_memory(error);
    node.name = rtvi_copy_string(graph->env, name, strlen(name));
    if (!node.name) return out_of_memory(error);
    output = add_value(graph, name, type.dtype, type.rank, type.dims, error);
    if (!output) {
        rtvi_free(graph->env, node.name);
        return -1;
    }
    output->scale = type.scale;
    output->zero_point = type.zero_point;
    output->producer = (int32_t)graph->num_nodes;
    node.output = (int32_t)graph->num_values - 1;
    graph->nodes[graph->num_nodes++] = node;
    return node.output;
}

int32_t rtvi_graph_add_node(rtvi_graph *graph, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs,
                            const rtvi_attr *attr, rtv_error *error) {
    return add_node(graph, op, name, inputs, num_inputs, attr, (rtvi_value){.dtype = RTVI_F32}, error);
}

int32_t rtvi_graph_add_quantized_node(rtvi_graph *graph, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs,
                                      const rtvi_attr *attr, rtvi_dtype dtype, float scale, int32_t zero_point, rtv_error *error) {
    rtvi_quoted quoted;
    if (failed(error)) return -1;
    if (!rtvi_op_has_own_scale(op)) {
        rtvi_error_set(error, RTV_E_FORMAT, "graph: %s \"%s\": got a scale for its result, expected none", rtvi_op_name(op),
                       rtvi_error_quote_string(&quoted, name));
        return -1;
    }
    return add_node(graph, op, name, inputs, num_inputs, attr, (rtvi_value){.dtype = dtype, .scale = scale, .zero_point = zero_point},
                    error);
}

int32_t rtvi_graph_quantize_input(rtvi_graph *graph, float scale, int32_t zero_point, rtv_error *error) {
    rtvi_value *input;
    if (failed(error)) return error->status;
    if (graph->input < 0) return rtvi_error_set(error, RTV_E_FORMAT, "graph: codes for the input: got no input, expected one");
    input = &graph->values[graph->input];
    if (rtvi_op_check_codes(input->name, RTVI_U8, scale, zero_point, error) != RTV_OK) return RTV_E_FORMAT;
    input->dtype = RTVI_U8;
    input->scale = scale;
    input->zero_point = zero_point;
    return RTV_OK;
}

int32_t rtvi_graph_set_quantization(rtvi_graph *graph, const char *json, rtv_error *error) {
    if (failed(error)) return error->status;
    return replace_text(graph->env, &graph->quantization, json) ? RTV_OK : rtvi_error_out_of_memory(error, "graph", 0);
}

int32_t rtvi_graph_add_output(rtvi_graph *graph, int32_t value, rtvi_role role, rtv_error *error) {
    if (failed(error)) return error->status;
    if (value < 0 || (size_t)value >= graph->num_values || graph->num_outputs >= RTVI_MAX_OUTPUTS)
        return rtvi_error_set(error, RTV_E_FORMAT,
                              "graph: output %d: got value %d of %zu, expected one of the graph and at most %d outputs", graph->num_outputs,
                              value, graph->num_values, RTVI_MAX_OUTPUTS);
    graph->outputs[graph->num_outputs].value = value;
    graph->outputs[graph->num_outputs++].role = role;
    return RTV_OK;
}

int32_t rtvi_graph_set_architecture(rtvi_graph *graph, const char *architecture, const char *descriptors, rtv_error *error) {
    if (failed(error)) return error->status;
    if (!replace_text(graph->env, &graph->architecture, architecture) || !replace_text(graph->env, &graph->descriptors, descriptors))
        return rtvi_error_out_of_memory(error, "graph", 0);
    return RTV_OK;
}

int32_t rtvi_graph_set_class_names(rtvi_graph *graph, const char *const *names, int64_t count, rtv_error *error) {
    if (failed(error)) return error->status;
    free_class_names(graph);
    if (count <= 0) return RTV_OK;
    graph->class_names = rtvi_alloc_zero(graph->env, (size_t)count, sizeof *graph->class_names);
    if (!graph->class_names) return rtvi_error_out_of_memory(error, "graph", 0);
    for (graph->num_class_names = 0; graph->num_class_names < count; graph->num_class_names++) {
        if (!replace_text(graph->env, &graph->class_names[graph->num_class_names], names[graph->num_class_names]))
            return rtvi_error_out_of_memory(error, "graph", 0);
    }
    return RTV_OK;
}

/* --- copying --- */

static int32_t copy_texts(rtvi_graph *copy, const rtvi_graph *graph, rtv_error *error) {
    if ((graph->architecture && !replace_text(copy->env, &copy->architecture, graph->architecture)) ||
        (graph->descriptors && !replace_text(copy->env, &copy->descriptors, graph->descriptors)) ||
        (graph->quantization && !replace_text(copy->env, &copy->quantization, graph->quantization)))
        return rtvi_error_out_of_memory(error, "graph", 0);
    return rtvi_graph_set_class_names(copy, (const char *const *)graph->class_names, graph->num_class_names, error);
}

static int32_t copy_values(rtvi_graph *copy, const rtvi_graph *graph, rtv_error *error) {
    for (size_t i = 0; i < graph->num_values; i++) {
        const rtvi_value *from = &graph->values[i];
        rtvi_value *to = add_value(copy, from->name, from->dtype, from->rank, from->dims, error);
        if (!to) return RTV_E_OUT_OF_MEMORY;
        to->scale = from->scale;
        to->zero_point = from->zero_point;
        to->producer = from->producer;
        to->is_constant = from->is_constant;
        to->constant = from->constant;
        to->factor = from->factor;
    }
    return RTV_OK;
}

static int32_t copy_nodes(rtvi_graph *copy, const rtvi_graph *graph, rtv_error *error) {
    if (!rtvi_grow(copy->env, (void **)&copy->nodes, &copy->cap_nodes, 0, graph->num_nodes, sizeof *copy->nodes))
        return rtvi_error_out_of_memory(error, "graph", 0);
    for (size_t i = 0; i < graph->num_nodes; i++) {
        rtvi_node *to = &copy->nodes[i];
        *to = graph->nodes[i];
        to->name = rtvi_copy_string(copy->env, graph->nodes[i].name, strlen(graph->nodes[i].name));
        if (!to->name) return rtvi_error_out_of_memory(error, "graph", 0);
        copy->num_nodes++;
    }
    return RTV_OK;
}

rtvi_graph *rtvi_graph_copy(const rtvi_graph *graph, rtv_error *error) {
    rtvi_graph *copy = rtvi_graph_create(graph->env, graph->name, error);
    if (!copy) return NULL;
    copy->input = graph->input;
    copy->num_outputs = graph->num_outputs;
    memcpy(copy->outputs, graph->outputs, sizeof copy->outputs);
    copy->preprocess = graph->preprocess;
    if (copy_texts(copy, graph, error) == RTV_OK && copy_values(copy, graph, error) == RTV_OK && copy_nodes(copy, graph, error) == RTV_OK)
        return copy;
    rtvi_graph_destroy(copy);
    return NULL;
}

/* --- asking --- */

int rtvi_graph_shape_is_valid(int32_t rank, const int64_t *dims) {
    int64_t count = 1;
    if (rank < 1 || rank > RTVI_MAX_RANK) return 0;
    for (int32_t i = 0; i < rank; i++) {
        if (dims[i] < 1 || dims[i] > INT32_MAX / count) return 0;
        count *= dims[i];
    }
    return 1;
}

int32_t rtvi_graph_find_value(const rtvi_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->num_values; i++)
        if (strcmp(graph->values[i].name, name) == 0) return (int32_t)i;
    return -1;
}

int32_t rtvi_graph_output(const rtvi_graph *graph, rtvi_role role) {
    for (int32_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i].role == role) return graph->outputs[i].value;
    return -1;
}

void rtvi_constant_to_f32(const rtvi_value *value, float *numbers) {
    const int64_t rows = value->dims[0], row = rtvi_tensor_count(&value->constant) / rows;
    if (!value->factor) {
        rtvi_tensor_to_f32(&value->constant, numbers);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel for
#endif
    for (int64_t i = 0; i < rows; i++) {
        const uint8_t *from = (const uint8_t *)value->constant.data + (size_t)(i * row) * rtvi_dtype_size(value->dtype);
        const rtvi_tensor one = rtvi_tensor_contiguous(value->dtype, 1, &row, from);
        float *to = numbers + i * row;
        rtvi_tensor_to_f32(&one, to);
        for (int64_t j = 0; j < row; j++) to[j] = (float)((double)to[j] * value->factor[i]);
    }
}

void rtvi_graph_count_uses(const rtvi_graph *graph, int32_t *uses) {
    memset(uses, 0, graph->num_values * sizeof *uses);
    for (size_t i = 0; i < graph->num_nodes; i++)
        for (int32_t j = 0; j < graph->nodes[i].num_inputs; j++) uses[graph->nodes[i].inputs[j]]++;
    for (int32_t i = 0; i < graph->num_outputs; i++) uses[graph->outputs[i].value]++;
}

static double num_elements(const rtvi_value *value) {
    double count = 1;
    for (int32_t i = 0; i < value->rank; i++) count *= (double)value->dims[i];
    return count;
}

/* Each output element of a convolution or linear layer sums over one row of the weight. */
double rtvi_graph_node_macs(const rtvi_graph *graph, const rtvi_node *node) {
    const rtvi_value *weight;
    if (node->op != RTVI_OP_CONV && node->op != RTVI_OP_LINEAR && node->op != RTVI_OP_QCONV && node->op != RTVI_OP_QLINEAR) return 0;
    weight = &graph->values[node->inputs[1]];
    return num_elements(&graph->values[node->output]) * num_elements(weight) / (double)weight->dims[0];
}

int64_t rtvi_graph_num_parameters(const rtvi_graph *graph) {
    int64_t count = 0;
    for (size_t i = 0; i < graph->num_values; i++)
        if (graph->values[i].is_constant) count += (int64_t)num_elements(&graph->values[i]);
    return count;
}
