/* exec_onednn_codes.c - the operations on codes as oneDNN steps (docs/quantization.md has the arithmetic). Codes lie in nhwc throughout:
 * with u8 sources and no zero point that is the fast path of every instruction set; blocked layouts fall to reference kernels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec_onednn_build.h"

/* A convolution or linear layer on its way to a step. The latter is a convolution over one position: oneDNN's inner product knows no zero
 * points, and there is one path to test. */
typedef struct coded {
    const rtvi_node *node;
    const rtvi_value *x, *y, *weight;
    int64_t dims[RTVI_MAX_RANK]; /* of the weight, for oneDNN */
    int32_t rank;
    rtvi_onednn_codes codes;
    int32_t src, residual, dst; /* tensors; residual -1 for none */
    dnnl_primitive_desc_t descriptor;
} coded;

/* A map's dimensions; a vector's are those of a map of one position. */
static void map_dims(const rtvi_value *value, int64_t dims[4]) {
    for (int32_t i = 0; i < 4; i++) dims[i] = i < value->rank ? value->dims[i] : 1;
}

static dnnl_memory_desc_t map_md(const rtvi_value *value) {
    int64_t dims[4];
    map_dims(value, dims);
    return rtvi_onednn_md_of(value->dtype, 4, dims, dnnl_nhwc);
}

/* --- weights that a processor without VNNI would compute wrongly -----------------------------------------------------------------------
 */

/* Whether the kernel adds pairs of products in saturating 16 bits. Kernels are named after the instruction set they use; where the best one
 * has VNNI, an older kernel may still have been chosen. */
static int saturates(const char *kernel) {
    const int vnni = (dnnl_cpu_isa_avx2_vnni & ~dnnl_cpu_isa_avx2) | (dnnl_cpu_isa_avx512_core_vnni & ~dnnl_cpu_isa_avx512_core);
    const char *isa = strrchr(kernel, ':');
    if (strncmp(kernel, "ref", 3) == 0) return 0;
    if (((int)dnnl_get_effective_cpu_isa() & vnni) == 0) return 1;
    return isa && (strcmp(isa, ":sse41") == 0 || strcmp(isa, ":avx2") == 0 || strcmp(isa, ":avx512_core") == 0);
}

/* The pair-sum rule: the codes of two neighbouring inputs at one kernel position have opposite signs or |a| + |b| <= 128, which is
 * |a + b| <= 128 for any two codes. weights [outputs][inputs][positions] */
static int keeps_pair_rule(const int8_t *weights, int64_t outputs, int64_t inputs, int64_t positions) {
    int broken = 0;
    for (int64_t k = 0; k < outputs; k++)
        for (int64_t c = 0; c + 1 < inputs; c += 2) {
            const int8_t *a = weights + (k * inputs + c) * positions, *b = a + positions;
            for (int64_t p = 0; p < positions; p++) broken |= abs(a[p] + b[p]) > 128;
        }
    return !broken;
}

static int32_t check_exact(const coded *w, const char *kernel, rtv_error *error) {
    const int64_t *dims = w->weight->dims;
    rtvi_quoted name;
    if (!saturates(kernel)) return RTV_OK;
    if (w->x->dtype != RTVI_U8) {
        return rtvi_error_set(
            error, RTV_E_UNSUPPORTED,
            "exec: %s \"%s\" reads s8 codes: inexact without VNNI; use the reference executor, or quantize its input to u8",
            rtvi_op_name(w->node->op), rtvi_error_quote_string(&name, w->node->name));
    }
    if (keeps_pair_rule(w->weight->constant.data, dims[0], dims[1], w->weight->rank == 4 ? dims[2] * dims[3] : 1)) return RTV_OK;
    return rtvi_error_set(
        error, RTV_E_UNSUPPORTED,
        "exec: %s \"%s\" has weights that overflow without VNNI; quantize with pair-safe weights, or use the reference executor",
        rtvi_op_name(w->node->op), rtvi_error_quote_string(&name, w->node->name));
}

/* --- convolution and linear -------------------------------------------------------------------------------------------------------------
 */

static int32_t describe(const net *n, const rtvi_graph *graph, coded *w, rtv_error *error) {
    const int64_t grouped = w->rank == 5;
    rtvi_attr attr = w->node->attr;
    dnnl_memory_desc_t src = map_md(w->x), dst = map_md(w->y), bias = rtvi_onednn_md(1, w->weight->dims, dnnl_a);
    dnnl_memory_desc_t weights = rtvi_onednn_md_of(RTVI_I8, w->rank, w->dims, dnnl_format_tag_any);
    const rtvi_onednn_mds md = {src, weights, bias, dst};
    dnnl_status_t answer = dnnl_out_of_memory;
    w->codes.weights_mask = grouped ? 3 : 1;
    w->codes.has_zero_point = w->x->zero_point != 0;
    w->codes.has_output_scale = w->y->dtype != RTVI_F32;
    if (w->residual >= 0) {
        const rtvi_value *residual = &graph->values[w->node->inputs[w->node->num_inputs - 1]];
        w->codes.residual_scale = residual->scale;
        w->codes.residual_type = rtvi_onednn_type(residual->dtype);
    }
    if (src && dst && bias && weights) answer = rtvi_onednn_descriptor(n->engine, STEP_CONV, &attr, &w->codes, &md, &w->descriptor);
    if (src) dnnl_memory_desc_destroy(src);
    if (dst) dnnl_memory_desc_destroy(dst);
    if (bias) dnnl_memory_desc_destroy(bias);
    if (weights) dnnl_memory_desc_destroy(weights);
    return rtvi_onednn_error(answer, rtvi_op_name(w->node->op), w->node->name, error);
}

/* The output lies where the residual was, whose codes it replaces one by one, or where a copy of it is when somebody else reads it still.
 */
static int32_t place(net *n, coded *w, int residual_lives_on, rtv_error *error) {
    if (w->x->rank != 4) w->src = rtvi_onednn_add_tensor(n, map_md(w->x), NULL, n->tensors[w->src].buffer, error);
    if (w->src < 0) return error->status;
    if (residual_lives_on)
        w->residual = rtvi_onednn_emit_reorder(n, w->residual, rtvi_onednn_clone_md(n->tensors[w->residual].md), w->node->name, error);
    if (residual_lives_on && w->residual < 0) return error->status;
    if (w->residual >= 0)
        w->dst = rtvi_onednn_add_tensor(n, map_md(w->y), NULL, n->tensors[w->residual].buffer, error);
    else
        w->dst = rtvi_onednn_add_activation(n, map_md(w->y), error);
    return w->dst < 0 ? error->status : RTV_OK;
}

/* One rounded product for each output, so that it does not depend on where oneDNN multiplies them. */
static int32_t add_scales(net *n, const rtvi_graph *graph, const coded *w, rtv_error *error) {
    const rtvi_value *scales = &graph->values[w->node->inputs[2]];
    const int64_t count = scales->dims[0];
    float *products = rtvi_alloc(n->env, (size_t)count, sizeof *products);
    int32_t added;
    if (products) rtvi_tensor_to_f32(&scales->constant, products);
    for (int64_t k = 0; products && k < count; k++) products[k] = w->x->scale * products[k];
    added = rtvi_onednn_add_vector_of(n, RTVI_F32, count, products, error);
    rtvi_free(n->env, products);
    return added;
}

/* A constant of one value as an argument. */
static int32_t add_scalar_arg(net *n, net_step *step, int id, rtvi_dtype dtype, const void *value, rtv_error *error) {
    const int32_t added = rtvi_onednn_add_vector_of(n, dtype, 1, value, error);
    if (added < 0) return error->status;
    rtvi_onednn_add_arg(step, id, added);
    return RTV_OK;
}

static int32_t add_constants(net *n, const rtvi_graph *graph, const coded *w, net_step *step, rtv_error *error) {
    const_dnnl_memory_desc_t packed = dnnl_primitive_desc_query_md(w->descriptor, dnnl_query_weights_md, 0);
    const int32_t weight = rtvi_onednn_add_constant(n, w->weight, w->rank, w->dims, rtvi_onednn_clone_md(packed), error);
    const int32_t scales = weight < 0 ? -1 : add_scales(n, graph, w, error);
    const int32_t bias = scales < 0 ? -1 : rtvi_onednn_add_vector(n, &graph->values[w->node->inputs[3]], error);
    int32_t status = bias < 0 ? error->status : RTV_OK;
    if (status != RTV_OK) return status;
    rtvi_onednn_add_arg(step, DNNL_ARG_WEIGHTS, weight);
    rtvi_onednn_add_arg(step, DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, scales);
    rtvi_onednn_add_arg(step, DNNL_ARG_BIAS, bias);
    if (w->codes.has_output_scale) status = add_scalar_arg(n, step, DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST, RTVI_F32, &w->y->scale, error);
    if (status == RTV_OK && w->codes.has_zero_point)
        status = add_scalar_arg(n, step, DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, RTVI_I32, &w->x->zero_point, error);
    return status;
}

static int32_t add_coded_step(net *n, const rtvi_graph *graph, const coded *w, rtv_error *error) {
    net_step *step = rtvi_onednn_add_step(n, STEP_CONV, graph, w->node, error);
    char kernel[sizeof step->kernel]; /* of one thread */
    int32_t status;
    if (!step) return error->status;
    step->codes = w->codes;
    rtvi_onednn_name_kernel(n, step, w->descriptor);
    rtvi_onednn_add_arg(step, DNNL_ARG_SRC, w->src);
    rtvi_onednn_add_arg(step, DNNL_ARG_DST, w->dst);
    status = check_exact(w, step->kernel, error);
    if (status == RTV_OK) status = add_constants(n, graph, w, step, error);
    if (status == RTV_OK) status = rtvi_onednn_suit_one_thread(n, step, w->weight, w->rank, w->dims, kernel, error);
    return status == RTV_OK ? check_exact(w, kernel, error) : status;
}

static int32_t emit_coded(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, const int32_t *uses, rtv_error *error) {
    const int32_t last = node->inputs[node->num_inputs - 1];
    coded w = {.node = node, .src = values[node->inputs[0]], .residual = node->attr.residual ? values[last] : -1};
    int32_t status;
    w.x = &graph->values[node->inputs[0]];
    w.y = &graph->values[node->output];
    w.weight = &graph->values[node->inputs[1]];
    w.rank = rtvi_onednn_weight_shape(node, w.weight, w.dims);
    if (w.rank == 2) w.dims[2] = w.dims[3] = 1, w.rank = 4;
    status = describe(n, graph, &w, error);
    if (status == RTV_OK) status = place(n, &w, node->attr.residual && uses[last] > 1, error);
    if (status == RTV_OK) status = add_coded_step(n, graph, &w, error);
    if (w.descriptor) dnnl_primitive_desc_destroy(w.descriptor);
    if (status != RTV_OK) return status;
    values[node->output] = w.dst;
    if (w.y->rank == 4) return RTV_OK;
    values[node->output] = rtvi_onednn_add_tensor(n, rtvi_onednn_md(w.y->rank, w.y->dims, rtvi_onednn_plain_tag(w.y->rank)), NULL,
                                                  n->tensors[w.dst].buffer, error);
    return values[node->output] < 0 ? error->status : RTV_OK;
}

/* --- quantize and dequantize ------------------------------------------------------------------------------------------------------------
 */

/* Element by element in the layout that is there; a map in a layout that only oneDNN knows is made nhwc first. */
static int32_t find_tag(net *n, const rtvi_value *x, const char *name, int32_t *src, dnnl_format_tag_t *tag, rtv_error *error) {
    int64_t block;
    *tag = rtvi_onednn_plain_tag(x->rank);
    if (x->rank != 4) return rtvi_onednn_emit_plain(n, *src, name, src, error);
    *tag = rtvi_onednn_find_layout(n->tensors[*src].md, x->dims, &block);
    if (*tag != dnnl_format_tag_undef) return RTV_OK;
    *tag = dnnl_nhwc;
    *src = rtvi_onednn_emit_reorder(n, *src, rtvi_onednn_md_of(x->dtype, 4, x->dims, dnnl_nhwc), name, error);
    return *src < 0 ? error->status : RTV_OK;
}

static int32_t emit_conversion(net *n, const rtvi_graph *graph, const rtvi_node *node, step_kind kind, int32_t *values, rtv_error *error) {
    const rtvi_value *x = &graph->values[node->inputs[0]], *y = &graph->values[node->output], *codes = kind == STEP_QUANTIZE ? y : x;
    int32_t src = values[node->inputs[0]], dst;
    dnnl_format_tag_t tag;
    net_step *step;
    if (find_tag(n, x, node->name, &src, &tag, error) != RTV_OK) return error->status;
    dst = rtvi_onednn_add_activation(n, rtvi_onednn_md_of(y->dtype, y->rank, y->dims, tag), error);
    step = dst < 0 ? NULL : rtvi_onednn_add_step(n, kind, graph, node, error);
    if (!step) return error->status;
    step->type = (rtvi_code_type){codes->dtype, codes->scale, codes->zero_point};
    rtvi_onednn_add_arg(step, DNNL_ARG_SRC, src);
    rtvi_onednn_add_arg(step, DNNL_ARG_DST, dst);
    snprintf(step->kernel, sizeof step->kernel, "own:%s", rtvi_op_name(node->op));
    if (y->rank == 4 && tag != dnnl_nhwc && kind == STEP_QUANTIZE)
        dst = rtvi_onednn_emit_reorder(n, dst, rtvi_onednn_md_of(y->dtype, 4, y->dims, dnnl_nhwc), node->name, error);
    values[node->output] = dst;
    return dst < 0 ? error->status : RTV_OK;
}

int32_t rtvi_onednn_emit_codes(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, const int32_t *uses,
                               rtv_error *error) {
    if (node->op == RTVI_OP_QUANTIZE) return emit_conversion(n, graph, node, STEP_QUANTIZE, values, error);
    if (node->op == RTVI_OP_DEQUANTIZE) return emit_conversion(n, graph, node, STEP_DEQUANTIZE, values, error);
    return emit_coded(n, graph, node, values, uses, error);
}
