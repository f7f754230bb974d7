/* exec_onednn_descriptor.c - oneDNN's descriptors: memory layouts, primitives with their fused tail, and what its answers mean. */
#include <string.h>

#include "exec/exec_onednn_build.h"

dnnl_data_type_t rtvi_onednn_type(rtvi_dtype dtype) {
    return dtype == RTVI_U8 ? dnnl_u8 : dtype == RTVI_I8 ? dnnl_s8 : dtype == RTVI_I32 ? dnnl_s32 : dnnl_f32;
}

static dnnl_memory_desc_t create_md(dnnl_data_type_t type, int32_t rank, const int64_t *dims, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t md = NULL;
    dnnl_dims_t all = {0}; /* oneDNN's prototype asks for DNNL_MAX_NDIMS of them */
    memcpy(all, dims, (size_t)rank * sizeof *dims);
    return dnnl_memory_desc_create_with_tag(&md, rank, all, type, tag) == dnnl_success ? md : NULL;
}

dnnl_memory_desc_t rtvi_onednn_md(int32_t rank, const int64_t *dims, dnnl_format_tag_t tag) { return create_md(dnnl_f32, rank, dims, tag); }

dnnl_memory_desc_t rtvi_onednn_md_of(rtvi_dtype dtype, int32_t rank, const int64_t *dims, dnnl_format_tag_t tag) {
    return create_md(rtvi_onednn_type(dtype), rank, dims, tag);
}

dnnl_memory_desc_t rtvi_onednn_clone_md(const_dnnl_memory_desc_t md) {
    dnnl_memory_desc_t copy = NULL;
    return md && dnnl_memory_desc_clone(&copy, md) == dnnl_success ? copy : NULL;
}

dnnl_format_tag_t rtvi_onednn_plain_tag(int32_t rank) {
    static const dnnl_format_tag_t tags[] = {dnnl_format_tag_undef, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd, dnnl_abcde};
    return rank >= 1 && rank <= 5 ? tags[rank] : dnnl_format_tag_undef;
}

dnnl_data_type_t rtvi_onednn_md_type(const_dnnl_memory_desc_t md) {
    dnnl_data_type_t type = dnnl_data_type_undef;
    dnnl_memory_desc_query(md, dnnl_query_data_type, &type);
    return type;
}

dnnl_memory_desc_t rtvi_onednn_plain_md(const_dnnl_memory_desc_t md) {
    const dnnl_dims_t *dims = NULL;
    int32_t rank = 0;
    dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &rank);
    dnnl_memory_desc_query(md, dnnl_query_dims, &dims);
    return create_md(rtvi_onednn_md_type(md), rank, *dims, rtvi_onednn_plain_tag(rank));
}

dnnl_format_tag_t rtvi_onednn_find_layout(const_dnnl_memory_desc_t md, const int64_t *dims, int64_t *block) {
    static const struct {
        dnnl_format_tag_t tag;
        int64_t block; /* 0: all channels */
    } layouts[] = {{dnnl_nchw, 1}, {dnnl_nhwc, 0}, {dnnl_nChw8c, 8}, {dnnl_nChw16c, 16}};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        dnnl_memory_desc_t candidate = create_md(rtvi_onednn_md_type(md), 4, dims, layouts[i].tag);
        const int equal = candidate && dnnl_memory_desc_equal(md, candidate);
        if (candidate) dnnl_memory_desc_destroy(candidate);
        *block = layouts[i].block ? layouts[i].block : dims[1];
        if (equal) return layouts[i].tag;
    }
    return dnnl_format_tag_undef;
}

const char *rtvi_onednn_step_op(const net_step *step) { return step->kind == STEP_REORDER ? "reorder" : rtvi_op_name(step->op); }

int32_t rtvi_onednn_error(dnnl_status_t answer, const char *what, const char *name, rtv_error *error) {
    rtvi_quoted quoted;
    rtvi_error_quote_string(&quoted, name);
    if (answer == dnnl_success) return RTV_OK;
    if (answer == dnnl_out_of_memory)
        return rtvi_error_set(error, RTV_E_OUT_OF_MEMORY, "exec: %s \"%s\": out of memory in oneDNN", what, quoted.text);
    if (answer == dnnl_unimplemented)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "exec: %s \"%s\": oneDNN has no implementation of it here", what, quoted.text);
    return rtvi_error_set(error, RTV_E_INTERNAL, "exec: %s \"%s\": oneDNN answered status %d", what, quoted.text, (int)answer);
}

/* A zero point is only set where there is one: the attribute alone costs time. */
static dnnl_status_t set_codes(dnnl_primitive_attr_t out, const rtvi_onednn_codes *codes) {
    dnnl_status_t answer = dnnl_primitive_attr_set_scales_mask(out, DNNL_ARG_WEIGHTS, codes->weights_mask);
    if (answer == dnnl_success && codes->has_output_scale) answer = dnnl_primitive_attr_set_scales_mask(out, DNNL_ARG_DST, 0);
    if (answer == dnnl_success && codes->has_zero_point) answer = dnnl_primitive_attr_set_zero_points_mask(out, DNNL_ARG_SRC, 0);
    return answer;
}

static dnnl_status_t make_attr(const rtvi_attr *attr, const rtvi_onednn_codes *codes, dnnl_primitive_attr_t *out) {
    const int on_codes = codes && codes->weights_mask != 0;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t answer = dnnl_primitive_attr_create(out);
    if (answer == dnnl_success) answer = dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user);
    if (answer == dnnl_success && on_codes) answer = set_codes(*out, codes);
    if (answer == dnnl_success) answer = dnnl_post_ops_create(&ops);
    if (answer == dnnl_success && attr->residual)
        answer = dnnl_post_ops_append_sum(ops, on_codes ? codes->residual_scale : 1.0f, 0, on_codes ? codes->residual_type : dnnl_f32);
    if (answer == dnnl_success && attr->activation == RTVI_ACTIVATION_RELU)
        answer = dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0.0f, 0.0f);
    if (answer == dnnl_success) answer = dnnl_primitive_attr_set_post_ops(*out, ops);
    if (ops) dnnl_post_ops_destroy(ops);
    return answer;
}

dnnl_status_t rtvi_onednn_descriptor(dnnl_engine_t engine, step_kind kind, const rtvi_attr *a, const rtvi_onednn_codes *codes,
                                     const rtvi_onednn_mds *md, dnnl_primitive_desc_t *out) {
    const dnnl_dims_t strides = {a->stride[0], a->stride[1]}, dilation = {a->dilation[0] - 1, a->dilation[1] - 1};
    const dnnl_dims_t before = {a->pad[0], a->pad[1]}, after = {a->pad[2], a->pad[3]}, kernel = {a->kernel[0], a->kernel[1]},
                      dense = {0, 0};
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t answer = make_attr(a, codes, &attr);
    *out = NULL;
    if (answer != dnnl_success) goto done;
    switch (kind) {
        case STEP_CONV:
            answer = dnnl_convolution_forward_primitive_desc_create(out, engine, dnnl_forward_inference, dnnl_convolution_direct, md->src,
                                                                    md->weights, md->bias, md->dst, strides, dilation, before, after, attr);
            break;
        case STEP_LINEAR:
            answer = dnnl_inner_product_forward_primitive_desc_create(out, engine, dnnl_forward_inference, md->src, md->weights, md->bias,
                                                                      md->dst, attr);
            break;
        case STEP_RELU:
            answer = dnnl_eltwise_forward_primitive_desc_create(out, engine, dnnl_forward_inference, dnnl_eltwise_relu, md->src, md->dst,
                                                                0.0f, 0.0f, attr);
            break;
        case STEP_ADD:
            answer = dnnl_binary_primitive_desc_create(out, engine, dnnl_binary_add, md->src, md->weights, md->dst, attr);
            break;
        case STEP_MAX_POOL:
            answer = dnnl_pooling_forward_primitive_desc_create(out, engine, dnnl_forward_inference, dnnl_pooling_max, md->src, md->dst,
                                                                strides, kernel, dense, before, after, attr);
            break;
        case STEP_BATCH_NORM:
            answer =
                dnnl_batch_normalization_forward_primitive_desc_create(out, engine, dnnl_forward_inference, md->src, md->dst, a->epsilon,
                                                                       dnnl_use_global_stats | dnnl_use_scale | dnnl_use_shift, attr);
            break;
        case STEP_REORDER:
            answer = dnnl_reorder_primitive_desc_create(out, md->src, engine, md->dst, engine, attr);
            break;
        default:
            answer = dnnl_invalid_arguments;
    }
done:
    if (attr) dnnl_primitive_attr_destroy(attr);
    return answer;
}

dnnl_status_t rtvi_onednn_concat_descriptor(dnnl_engine_t engine, int32_t axis, int32_t count, const_dnnl_memory_desc_t const *srcs,
                                            const_dnnl_memory_desc_t dst, dnnl_primitive_desc_t *out) {
    const rtvi_attr nothing = rtvi_attr_default();
    dnnl_primitive_attr_t attr = NULL;
    dnnl_status_t answer = make_attr(&nothing, NULL, &attr);
    *out = NULL;
    if (answer == dnnl_success) answer = dnnl_concat_primitive_desc_create(out, engine, dst, count, axis, srcs, attr);
    if (attr) dnnl_primitive_attr_destroy(attr);
    return answer;
}

int32_t rtvi_onednn_find_arg(const net_step *step, int id) {
    for (int32_t i = 0; i < step->num_args; i++)
        if (step->ids[i] == id) return i;
    return -1;
}

static const_dnnl_memory_desc_t step_md(const net *n, const net_step *step, int id) {
    const int32_t arg = rtvi_onednn_find_arg(step, id);
    return arg < 0 ? NULL : n->tensors[step->tensors[arg]].md;
}

int32_t rtvi_onednn_step_descriptor(const net *n, const net_step *step, const_dnnl_memory_desc_t weights, dnnl_primitive_desc_t *descriptor,
                                    rtv_error *error) {
    rtvi_onednn_mds md = {step_md(n, step, DNNL_ARG_SRC), weights ? weights : step_md(n, step, DNNL_ARG_WEIGHTS),
                          step_md(n, step, DNNL_ARG_BIAS), step_md(n, step, DNNL_ARG_DST)};
    dnnl_status_t answer;
    if (step->kind == STEP_CONCAT) {
        const_dnnl_memory_desc_t srcs[RTVI_MAX_INPUTS];
        for (int32_t i = 0; i + 1 < step->num_args; i++) srcs[i] = n->tensors[step->tensors[i]].md;
        answer = rtvi_onednn_concat_descriptor(n->engine, step->attr.axis, step->num_args - 1, srcs, md.dst, descriptor);
    } else {
        if (step->kind == STEP_ADD) md.weights = step_md(n, step, DNNL_ARG_SRC_1);
        answer = rtvi_onednn_descriptor(n->engine, step->kind, &step->attr, &step->codes, &md, descriptor);
    }
    return rtvi_onednn_error(answer, rtvi_onednn_step_op(step), step->name, error);
}
