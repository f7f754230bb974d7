/* exec_onednn_emit.c - from graph nodes to oneDNN steps: oneDNN is asked for the layout it likes, and reorders are put where it pays. */
#include <stdio.h>
#include <string.h>

#include "exec/exec_onednn_build.h"

/* Asks for the node's kernel. The source keeps its producer's layout unless only a slow kernel takes it. */
static dnnl_status_t choose_kernel(const net *n, const rtvi_node *node, rtvi_onednn_mds md, const_dnnl_memory_desc_t any_src,
                                   dnnl_primitive_desc_t *descriptor) {
    const step_kind kind = node->op == RTVI_OP_CONV ? STEP_CONV : STEP_LINEAR;
    dnnl_primitive_desc_t alternative = NULL;
    dnnl_status_t answer = rtvi_onednn_descriptor(n->engine, kind, &node->attr, NULL, &md, descriptor);
    if (answer == dnnl_success ? !rtvi_onednn_is_slow(*descriptor) : answer != dnnl_unimplemented) return answer;
    md.src = any_src;
    if (rtvi_onednn_descriptor(n->engine, kind, &node->attr, NULL, &md, &alternative) != dnnl_success) return answer;
    if (*descriptor && rtvi_onednn_is_slow(alternative)) {
        dnnl_primitive_desc_destroy(alternative);
        return dnnl_success;
    }
    if (*descriptor) dnnl_primitive_desc_destroy(*descriptor);
    *descriptor = alternative;
    return dnnl_success;
}

/* A node with weights on its way to a step. */
typedef struct weighted {
    const rtvi_node *node;
    const rtvi_value *weight, *bias; /* bias may be NULL */
    int64_t dims[RTVI_MAX_RANK];     /* of the weight, for oneDNN */
    int32_t rank;
    int32_t src, residual, dst; /* tensors; residual -1 for none */
    dnnl_primitive_desc_t descriptor;
} weighted;

/* A residual decides the output's layout, everything else is oneDNN's choice. */
static int32_t describe_weighted(const net *n, const rtvi_graph *graph, weighted *w, rtv_error *error) {
    const rtvi_value *input = &graph->values[w->node->inputs[0]], *output = &graph->values[w->node->output];
    dnnl_memory_desc_t src = rtvi_onednn_md(input->rank, input->dims, dnnl_format_tag_any);
    dnnl_memory_desc_t weights = rtvi_onednn_md(w->rank, w->dims, dnnl_format_tag_any);
    dnnl_memory_desc_t bias = w->bias ? rtvi_onednn_md(1, w->bias->dims, dnnl_a) : NULL;
    dnnl_memory_desc_t dst = w->residual >= 0 ? rtvi_onednn_clone_md(n->tensors[w->residual].md)
                                              : rtvi_onednn_md(output->rank, output->dims, dnnl_format_tag_any);
    dnnl_status_t answer = dnnl_out_of_memory;
    if (src && weights && dst && (bias || !w->bias)) {
        const rtvi_onednn_mds md = {n->tensors[w->src].md, weights, bias, dst};
        answer = choose_kernel(n, w->node, md, src, &w->descriptor);
    }
    if (src) dnnl_memory_desc_destroy(src);
    if (weights) dnnl_memory_desc_destroy(weights);
    if (bias) dnnl_memory_desc_destroy(bias);
    if (dst) dnnl_memory_desc_destroy(dst);
    return rtvi_onednn_error(answer, rtvi_op_name(w->node->op), w->node->name, error);
}

/* Reorders the source where the kernel wants another layout, and finds the output its buffer: the residual's own when nobody reads that
 * afterwards, else that of a copy. */
static int32_t place_weighted(net *n, weighted *w, int residual_lives_on, rtv_error *error) {
    const_dnnl_memory_desc_t src = dnnl_primitive_desc_query_md(w->descriptor, dnnl_query_src_md, 0);
    const_dnnl_memory_desc_t dst = dnnl_primitive_desc_query_md(w->descriptor, dnnl_query_dst_md, 0);
    if (!dnnl_memory_desc_equal(n->tensors[w->src].md, src))
        w->src = rtvi_onednn_emit_reorder(n, w->src, rtvi_onednn_clone_md(src), w->node->name, error);
    if (w->src < 0) return error->status;
    if (residual_lives_on) {
        w->residual = rtvi_onednn_emit_reorder(n, w->residual, rtvi_onednn_clone_md(n->tensors[w->residual].md), w->node->name, error);
        if (w->residual < 0) return error->status;
    }
    if (w->residual >= 0)
        w->dst = rtvi_onednn_add_tensor(n, rtvi_onednn_clone_md(dst), NULL, n->tensors[w->residual].buffer, error);
    else
        w->dst = rtvi_onednn_add_activation(n, rtvi_onednn_clone_md(dst), error);
    return w->dst < 0 ? error->status : RTV_OK;
}

static int32_t add_weighted_step(net *n, const rtvi_graph *graph, const weighted *w, rtv_error *error) {
    const_dnnl_memory_desc_t packed = dnnl_primitive_desc_query_md(w->descriptor, dnnl_query_weights_md, 0);
    net_step *step = rtvi_onednn_add_step(n, w->node->op == RTVI_OP_CONV ? STEP_CONV : STEP_LINEAR, graph, w->node, error);
    int32_t weight, bias = -1;
    if (!step) return error->status;
    rtvi_onednn_name_kernel(n, step, w->descriptor);
    weight = rtvi_onednn_add_constant(n, w->weight, w->rank, w->dims, rtvi_onednn_clone_md(packed), error);
    if (weight >= 0 && w->bias) bias = rtvi_onednn_add_vector(n, w->bias, error);
    if (weight < 0 || (w->bias && bias < 0)) return error->status;
    rtvi_onednn_add_arg(step, DNNL_ARG_SRC, w->src);
    rtvi_onednn_add_arg(step, DNNL_ARG_DST, w->dst);
    rtvi_onednn_add_arg(step, DNNL_ARG_WEIGHTS, weight);
    if (bias >= 0) rtvi_onednn_add_arg(step, DNNL_ARG_BIAS, bias);
    return RTV_OK;
}

/* Convolution and linear. */
static int32_t emit_weighted(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, const int32_t *uses,
                             rtv_error *error) {
    const int32_t last = node->inputs[node->num_inputs - 1], has_bias = node->num_inputs - node->attr.residual > 2;
    weighted w = {.node = node, .src = values[node->inputs[0]], .residual = node->attr.residual ? values[last] : -1};
    int32_t status;
    w.weight = &graph->values[node->inputs[1]];
    w.bias = has_bias ? &graph->values[node->inputs[2]] : NULL;
    w.rank = rtvi_onednn_weight_shape(node, w.weight, w.dims);
    status = describe_weighted(n, graph, &w, error);
    if (status == RTV_OK) status = place_weighted(n, &w, node->attr.residual && uses[last] > 1, error);
    if (status == RTV_OK) status = add_weighted_step(n, graph, &w, error);
    if (status == RTV_OK) values[node->output] = w.dst;
    if (w.descriptor) dnnl_primitive_desc_destroy(w.descriptor);
    return status;
}

/* Ops that take their source's layout as it is and may have constants: relu, add, max pool, batch norm. */
static int32_t emit_layoutless(net *n, const rtvi_graph *graph, const rtvi_node *node, step_kind kind, int32_t *values, rtv_error *error) {
    static const int norm_ids[] = {0, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE};
    const rtvi_value *output = &graph->values[node->output];
    const int32_t src = values[node->inputs[0]];
    dnnl_primitive_desc_t descriptor = NULL;
    int32_t dst, other = -1;
    net_step *step;
    if (kind == STEP_ADD) {
        other = values[node->inputs[1]];
        if (!dnnl_memory_desc_equal(n->tensors[src].md, n->tensors[other].md))
            other = rtvi_onednn_emit_reorder(n, other, rtvi_onednn_clone_md(n->tensors[src].md), node->name, error);
        if (other < 0) return error->status;
    }
    if (kind == STEP_MAX_POOL) { /* oneDNN keeps the source's layout when it may choose */
        dnnl_memory_desc_t any = rtvi_onednn_md_of(output->dtype, output->rank, output->dims, dnnl_format_tag_any);
        rtvi_onednn_mds md = {n->tensors[src].md, NULL, NULL, any};
        dnnl_status_t answer = any ? rtvi_onednn_descriptor(n->engine, kind, &node->attr, NULL, &md, &descriptor) : dnnl_out_of_memory;
        if (any) dnnl_memory_desc_destroy(any);
        if (answer != dnnl_success) return rtvi_onednn_error(answer, rtvi_op_name(node->op), node->name, error);
        dst = rtvi_onednn_add_activation(n, rtvi_onednn_clone_md(dnnl_primitive_desc_query_md(descriptor, dnnl_query_dst_md, 0)), error);
        dnnl_primitive_desc_destroy(descriptor);
    } else {
        dst = rtvi_onednn_add_activation(n, rtvi_onednn_clone_md(n->tensors[src].md), error);
    }
    if (dst < 0 || !(step = rtvi_onednn_add_step(n, kind, graph, node, error))) return error->status;
    rtvi_onednn_add_arg(step, DNNL_ARG_SRC, src);
    rtvi_onednn_add_arg(step, DNNL_ARG_DST, dst);
    if (other >= 0) rtvi_onednn_add_arg(step, DNNL_ARG_SRC_1, other);
    for (int32_t i = 1; kind == STEP_BATCH_NORM && i < 5; i++) {
        int32_t tensor = rtvi_onednn_add_vector(n, &graph->values[node->inputs[i]], error);
        if (tensor < 0) return error->status;
        rtvi_onednn_add_arg(step, norm_ids[i], tensor);
    }
    values[node->output] = dst;
    if (rtvi_onednn_step_descriptor(n, step, NULL, &descriptor, error) != RTV_OK) return error->status;
    rtvi_onednn_name_kernel(n, step, descriptor);
    dnnl_primitive_desc_destroy(descriptor);
    return RTV_OK;
}

/* The channels of a map that lie together, as kernels.h reads them; 0 when it has to be made plain first. */
static int64_t pool_block(const net *n, int32_t tensor, const int64_t *dims) {
    int64_t block;
    const dnnl_format_tag_t tag = rtvi_onednn_find_layout(n->tensors[tensor].md, dims, &block);
    return tag != dnnl_format_tag_undef && dims[1] % block == 0 ? block : 0;
}

/* Global pools, L2 normalisation, and concatenation of vectors run in kernels of our own. */
static int32_t emit_own(net *n, const rtvi_graph *graph, const rtvi_node *node, step_kind kind, int32_t *values, rtv_error *error) {
    const rtvi_value *input = &graph->values[node->inputs[0]], *output = &graph->values[node->output];
    int32_t srcs[RTVI_MAX_INPUTS], dst;
    int64_t block = 0;
    net_step *step;
    for (int32_t i = 0; i < node->num_inputs; i++) {
        srcs[i] = values[node->inputs[i]];
        if (kind == STEP_GLOBAL_POOL) block = pool_block(n, srcs[i], graph->values[node->inputs[i]].dims);
        if (block == 0 && rtvi_onednn_emit_plain(n, srcs[i], node->name, &srcs[i], error) != RTV_OK) return error->status;
    }
    dst = rtvi_onednn_add_activation(n, rtvi_onednn_md(output->rank, output->dims, rtvi_onednn_plain_tag(output->rank)), error);
    if (dst < 0 || !(step = rtvi_onednn_add_step(n, kind, graph, node, error))) return error->status;
    step->block = block ? block : 1;
    step->type = (rtvi_code_type){input->dtype, input->scale, input->zero_point};
    for (int32_t i = 0; i < node->num_inputs; i++) rtvi_onednn_add_arg(step, DNNL_ARG_MULTIPLE_SRC + i, srcs[i]);
    rtvi_onednn_add_arg(step, DNNL_ARG_DST, dst);
    snprintf(step->kernel, sizeof step->kernel, "own:%s", rtvi_op_name(node->op));
    values[node->output] = dst;
    return RTV_OK;
}

/* Concatenation of maps. The first input's layout is everybody's. */
static int32_t emit_concat(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, rtv_error *error) {
    const rtvi_value *output = &graph->values[node->output];
    const_dnnl_memory_desc_t srcs[RTVI_MAX_INPUTS];
    dnnl_memory_desc_t any = rtvi_onednn_md(output->rank, output->dims, dnnl_format_tag_any);
    dnnl_primitive_desc_t descriptor = NULL;
    dnnl_status_t answer;
    net_step *step;
    int32_t dst;
    for (int32_t i = 0; i < node->num_inputs; i++) srcs[i] = n->tensors[values[node->inputs[i]]].md;
    answer = any ? rtvi_onednn_concat_descriptor(n->engine, node->attr.axis, node->num_inputs, srcs, any, &descriptor) : dnnl_out_of_memory;
    if (any) dnnl_memory_desc_destroy(any);
    if (answer != dnnl_success) return rtvi_onednn_error(answer, rtvi_op_name(node->op), node->name, error);
    dst = rtvi_onednn_add_activation(n, rtvi_onednn_clone_md(dnnl_primitive_desc_query_md(descriptor, dnnl_query_dst_md, 0)), error);
    step = dst < 0 ? NULL : rtvi_onednn_add_step(n, STEP_CONCAT, graph, node, error);
    if (step) {
        rtvi_onednn_name_kernel(n, step, descriptor);
        for (int32_t i = 0; i < node->num_inputs; i++) rtvi_onednn_add_arg(step, DNNL_ARG_MULTIPLE_SRC + i, values[node->inputs[i]]);
        rtvi_onednn_add_arg(step, DNNL_ARG_DST, dst);
        values[node->output] = dst;
    }
    dnnl_primitive_desc_destroy(descriptor);
    return step ? RTV_OK : error->status;
}

int32_t rtvi_onednn_emit_node(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, int32_t *uses, rtv_error *error) {
    int32_t status;
    switch (node->op) {
        case RTVI_OP_CONV:
        case RTVI_OP_LINEAR:
            status = emit_weighted(n, graph, node, values, uses, error);
            break;
        case RTVI_OP_BATCH_NORM:
            status = emit_layoutless(n, graph, node, STEP_BATCH_NORM, values, error);
            break;
        case RTVI_OP_RELU:
            status = emit_layoutless(n, graph, node, STEP_RELU, values, error);
            break;
        case RTVI_OP_ADD:
            status = emit_layoutless(n, graph, node, STEP_ADD, values, error);
            break;
        case RTVI_OP_MAX_POOL:
            status = emit_layoutless(n, graph, node, STEP_MAX_POOL, values, error);
            break;
        case RTVI_OP_GLOBAL_AVG_POOL:
        case RTVI_OP_GLOBAL_MAX_POOL:
        case RTVI_OP_GLOBAL_GEM_POOL:
            status = emit_own(n, graph, node, STEP_GLOBAL_POOL, values, error);
            break;
        case RTVI_OP_L2_NORMALIZE:
            status = emit_own(n, graph, node, STEP_L2_NORMALIZE, values, error);
            break;
        case RTVI_OP_CONCAT:
            status = graph->values[node->output].rank == 2 ? emit_own(n, graph, node, STEP_JOIN, values, error)
                                                           : emit_concat(n, graph, node, values, error);
            break;
        case RTVI_OP_QUANTIZE:
        case RTVI_OP_DEQUANTIZE:
        case RTVI_OP_QCONV:
        case RTVI_OP_QLINEAR:
            status = rtvi_onednn_emit_codes(n, graph, node, values, uses, error);
            break;
        default:
            return rtvi_error_set(error, RTV_E_UNSUPPORTED, "exec: %s is not an operation of the oneDNN executor", rtvi_op_name(node->op));
    }
    for (int32_t i = 0; i < node->num_inputs; i++) uses[node->inputs[i]]--;
    return status;
}
