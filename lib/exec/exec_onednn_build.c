/* exec_onednn_build.c - what steps are built from: tensors, packed constants, reorders. */
#include "exec/exec_onednn_build.h"

#include <stdio.h>
#include <string.h>

#define WEIGHTS_BLOCK ((size_t)8 << 20)

int32_t rtvi_onednn_add_tensor(net *n, dnnl_memory_desc_t md, void *constant, int32_t buffer, rtv_error *error) {
    if (!md || !rtvi_grow(n->env, (void **)&n->tensors, &n->cap_tensors, n->num_tensors, n->num_tensors + 1, sizeof *n->tensors)) {
        if (md) dnnl_memory_desc_destroy(md);
        rtvi_error_out_of_memory(error, "exec", 0);
        return -1;
    }
    n->tensors[n->num_tensors] = (net_tensor){md, constant, buffer};
    return (int32_t)n->num_tensors++;
}

int32_t rtvi_onednn_add_activation(net *n, dnnl_memory_desc_t md, rtv_error *error) {
    if (md && rtvi_grow(n->env, (void **)&n->buffers, &n->cap_buffers, n->num_buffers, n->num_buffers + 1, sizeof *n->buffers)) {
        n->buffers[n->num_buffers] = (rtvi_plan_buffer){dnnl_memory_desc_get_size(md), 0, 0, 0};
        return rtvi_onednn_add_tensor(n, md, NULL, (int32_t)n->num_buffers++, error);
    }
    if (md) dnnl_memory_desc_destroy(md);
    rtvi_error_out_of_memory(error, "exec", 0);
    return -1;
}

/* A step without arguments. */
static net_step *new_step(net *n, step_kind kind, rtvi_op op, const rtvi_attr *attr, const char *name, rtv_error *error) {
    net_step *step = NULL;
    if (rtvi_grow(n->env, (void **)&n->steps, &n->cap_steps, n->num_steps, n->num_steps + 1, sizeof *n->steps)) {
        step = &n->steps[n->num_steps];
        memset(step, 0, sizeof *step);
        step->kind = kind;
        step->op = op;
        step->attr = *attr;
        step->name = rtvi_copy_string(n->env, name, strlen(name));
    }
    if (!step || !step->name) {
        rtvi_error_out_of_memory(error, "exec", 0);
        return NULL;
    }
    n->num_steps++;
    return step;
}

/* The step of a node, with its output's shape. */
net_step *rtvi_onednn_add_step(net *n, step_kind kind, const rtvi_graph *graph, const rtvi_node *node, rtv_error *error) {
    const rtvi_value *output = &graph->values[node->output];
    net_step *step = new_step(n, kind, node->op, &node->attr, node->name, error);
    if (!step) return NULL;
    step->rank = output->rank;
    memcpy(step->dims, output->dims, sizeof step->dims);
    step->scale = output->scale;
    step->zero_point = output->zero_point;
    step->macs = rtvi_graph_node_macs(graph, node);
    return step;
}

void rtvi_onednn_add_arg(net_step *step, int id, int32_t tensor) {
    step->ids[step->num_args] = id;
    step->tensors[step->num_args++] = tensor;
}

int rtvi_onednn_is_slow(const_dnnl_primitive_desc_t descriptor) {
    const char *text = NULL;
    dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &text);
    return !text || strncmp(text, "ref", 3) == 0 || strncmp(text, "gemm", 4) == 0;
}

/* Notes which implementation oneDNN chose; a slow one is worth a line in the log. */
void rtvi_onednn_name_kernel(const net *n, net_step *step, const_dnnl_primitive_desc_t descriptor) {
    const char *text = NULL;
    dnnl_primitive_desc_query(descriptor, dnnl_query_impl_info_str, 0, &text);
    snprintf(step->kernel, sizeof step->kernel, "%s", text ? text : "?");
    if (rtvi_onednn_is_slow(descriptor))
        rtvi_log(n->env, RTV_LOG_WARNING, "exec: %s \"%s\" runs on a slow kernel, %s", rtvi_onednn_step_op(step), step->name, step->kernel);
}

/* A copy in another layout; takes it over. Returns the copy, or -1. */
int32_t rtvi_onednn_emit_reorder(net *n, int32_t tensor, dnnl_memory_desc_t to, const char *name, rtv_error *error) {
    const rtvi_attr plain = rtvi_attr_default();
    dnnl_primitive_desc_t descriptor = NULL;
    int32_t out = rtvi_onednn_add_activation(n, to, error);
    net_step *step = out < 0 ? NULL : new_step(n, STEP_REORDER, RTVI_OP_COUNT, &plain, name, error);
    if (!step) return -1;
    rtvi_onednn_add_arg(step, DNNL_ARG_FROM, tensor);
    rtvi_onednn_add_arg(step, DNNL_ARG_TO, out);
    if (rtvi_onednn_step_descriptor(n, step, NULL, &descriptor, error) != RTV_OK) return -1;
    rtvi_onednn_name_kernel(n, step, descriptor);
    dnnl_primitive_desc_destroy(descriptor);
    return out;
}

int32_t rtvi_onednn_emit_plain(net *n, int32_t tensor, const char *name, int32_t *plain, rtv_error *error) {
    dnnl_memory_desc_t wanted = rtvi_onednn_plain_md(n->tensors[tensor].md);
    if (!wanted) return rtvi_error_out_of_memory(error, "exec", 0);
    *plain = tensor;
    if (dnnl_memory_desc_equal(n->tensors[tensor].md, wanted)) {
        dnnl_memory_desc_destroy(wanted);
        return RTV_OK;
    }
    *plain = rtvi_onednn_emit_reorder(n, tensor, wanted, name, error);
    return *plain < 0 ? error->status : RTV_OK;
}

/* Room for packed weights: they live and die together, so they lie in a few large blocks. NULL when there is no memory. */
static void *weights_room(net *n, size_t size) {
    const size_t needed = (size + RTVI_CACHE_LINE - 1) / RTVI_CACHE_LINE * RTVI_CACHE_LINE;
    void *room;
    if (n->num_blocks == 0 || n->block_left < needed) {
        const size_t block_size = needed > WEIGHTS_BLOCK ? needed : WEIGHTS_BLOCK;
        if (!rtvi_grow(n->env, (void **)&n->blocks, &n->cap_blocks, n->num_blocks, n->num_blocks + 1, sizeof *n->blocks)) return NULL;
        n->blocks[n->num_blocks] = rtvi_alloc(n->env, block_size, 1);
        if (!n->blocks[n->num_blocks]) return NULL;
        n->block_next = n->blocks[n->num_blocks++];
        n->block_left = block_size;
    }
    room = n->block_next;
    n->block_next += needed;
    n->block_left -= needed;
    return room;
}

int32_t rtvi_onednn_add_array(net *n, const void *values, int32_t rank, const int64_t *dims, dnnl_memory_desc_t wanted, rtvi_dtype dtype,
                              rtv_error *error) {
    dnnl_memory_desc_t plain = rtvi_onednn_md_of(dtype, rank, dims, rtvi_onednn_plain_tag(rank));
    const size_t size = wanted ? dnnl_memory_desc_get_size(wanted) : 0;
    void *packed = wanted ? weights_room(n, size) : NULL;
    int32_t status = RTV_OK;
    if (!plain || !wanted || !packed || !values)
        status = rtvi_error_out_of_memory(error, "exec", size);
    else if (dnnl_memory_desc_equal(plain, wanted))
        memcpy(packed, values, size);
    else
        status = rtvi_onednn_reorder_now(n->engine, plain, values, wanted, packed, error);
    if (plain) dnnl_memory_desc_destroy(plain);
    if (status != RTV_OK) {
        if (wanted) dnnl_memory_desc_destroy(wanted);
        return -1;
    }
    n->weights_bytes += size;
    return rtvi_onednn_add_tensor(n, wanted, packed, -1, error);
}

int32_t rtvi_onednn_add_vector_of(net *n, rtvi_dtype dtype, int64_t count, const void *values, rtv_error *error) {
    return rtvi_onednn_add_array(n, values, 1, &count, rtvi_onednn_md_of(dtype, 1, &count, dnnl_a), dtype, error);
}

/* The plain float32 values of a constant: its own bytes when they are that already, else in the scratch, which the next call overwrites.
 * NULL when there is no memory. */
static const float *plain_floats(net *n, const rtvi_value *constant) {
    const size_t count = (size_t)rtvi_tensor_count(&constant->constant);
    if (constant->dtype == RTVI_F32 && !constant->factor && (uintptr_t)constant->constant.data % sizeof(float) == 0)
        return constant->constant.data;
    if (!rtvi_grow(n->env, (void **)&n->scratch, &n->cap_scratch, 0, count, sizeof *n->scratch)) return NULL;
    rtvi_constant_to_f32(constant, n->scratch);
    return n->scratch;
}

int32_t rtvi_onednn_add_constant(net *n, const rtvi_value *constant, int32_t rank, const int64_t *dims, dnnl_memory_desc_t wanted,
                                 rtv_error *error) {
    const int codes = constant->dtype == RTVI_I8;
    const void *values = codes ? constant->constant.data : plain_floats(n, constant);
    return rtvi_onednn_add_array(n, values, rank, dims, wanted, codes ? RTVI_I8 : RTVI_F32, error);
}

int32_t rtvi_onednn_add_vector(net *n, const rtvi_value *constant, rtv_error *error) {
    return rtvi_onednn_add_constant(n, constant, 1, constant->dims, rtvi_onednn_md(1, constant->dims, dnnl_a), error);
}

int32_t rtvi_onednn_weight_shape(const rtvi_node *node, const rtvi_value *weight, int64_t dims[RTVI_MAX_RANK]) {
    const int64_t groups = node->attr.groups;
    memcpy(dims, weight->dims, sizeof weight->dims);
    if (weight->rank != 4 || groups == 1) return weight->rank;
    memmove(dims + 1, dims, 4 * sizeof *dims);
    dims[0] = groups;
    dims[1] /= groups;
    return 5;
}
