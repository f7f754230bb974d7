/* toy_quantized.h - a small network on codes: U8 pixels, residual sum, pools, a return to floats and back, a linear layer. Include
 * support.h, toy_models.h and toy_graph.h first. */
#ifndef TESTS_TOY_QUANTIZED_H
#define TESTS_TOY_QUANTIZED_H

#include "graph/graph.h"

static inline int32_t toy_weight_codes(rtvi_graph *graph, const char *name, uint32_t first, int32_t rank, const int64_t *dims,
                                       rtv_error *error) {
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_I8, rank, dims, NULL);
    size_t count = (size_t)rtvi_tensor_count(&tensor);
    int8_t *codes = rtvi_alloc(graph->env, count, 1);
    if (!codes) {
        rtvi_error_out_of_memory(error, "test", 0);
        return -1;
    }
    for (size_t i = 0; i < count; i++) codes[i] = (int8_t)(63.5f * toy_noise_at((uint32_t)i + first)); /* the noise lies in -2..2 */
    tensor.data = codes;
    return rtvi_graph_add_owned(graph, name, &tensor, codes, error);
}

/* inputs[4]: x, weight, weight scale, bias of a layer of `outputs` outputs. */
static inline void toy_layer(rtvi_graph *g, const char *name, int32_t x, int32_t n, int32_t rank, const int64_t *dims, int32_t *inputs,
                             rtv_error *e) {
    char constant[64];
    inputs[0] = x;
    snprintf(constant, sizeof constant, "%s.weight", name);
    inputs[1] = toy_weight_codes(g, constant, 10000u * (uint32_t)n, rank, dims, e);
    snprintf(constant, sizeof constant, "%s.weight_scale", name);
    inputs[2] = toy_constant(g, constant, n + 1, 0.0009765625f, 3, 1, dims, e);
    snprintf(constant, sizeof constant, "%s.bias", name);
    inputs[3] = toy_constant(g, constant, n + 2, 0.25f, 0, 1, dims, e);
}

/* NULL on failure. */
static inline rtvi_graph *toy_quantized(const rtvi_env *env, rtv_error *e) {
    const int64_t dims[] = {1, 3, 12, 10};
    rtvi_graph *g = rtvi_graph_create(env, "toy quantized", e);
    rtvi_attr conv = rtvi_attr_default(), sum = conv, pool = conv, l2 = conv;
    int32_t x, y, spoc, gem, in[5];
    if (!g) return NULL;
    for (int i = 0; i < 4; i++) conv.pad[i] = 1;
    conv.stride[0] = 2;
    conv.activation = sum.activation = sum.residual = 1;
    pool.kernel[0] = pool.kernel[1] = 2;
    l2.epsilon = 1e-12f;
    x = rtvi_graph_add_input(g, "input", 4, dims, e);
    rtvi_graph_quantize_input(g, 0.018658448f, 114, e);
    toy_layer(g, "conv", x, 0, TOY_DIMS(8, 3, 3, 3), in, e);
    x = rtvi_graph_add_quantized_node(g, RTVI_OP_QCONV, "conv", in, 4, &conv, RTVI_U8, 0.0123f, 0, e);
    x = rtvi_graph_add_node(g, RTVI_OP_MAX_POOL, "pool", TOY_INPUTS(x), &pool, e);
    toy_layer(g, "side", x, 3, TOY_DIMS(8, 8, 1, 1), in, e);
    y = rtvi_graph_add_quantized_node(g, RTVI_OP_QCONV, "side", in, 4, NULL, RTVI_I8, 0.0625f, 0, e);
    y = rtvi_graph_add_node(g, RTVI_OP_DEQUANTIZE, "floats", TOY_INPUTS(y), NULL, e);
    rtvi_graph_add_quantized_node(g, RTVI_OP_QUANTIZE, "shifted", TOY_INPUTS(y), NULL, RTVI_U8, 0.05f, 100, e);
    y = rtvi_graph_find_value(g, "side");
    toy_layer(g, "sum", x, 6, TOY_DIMS(8, 8, 1, 1), in, e);
    in[4] = y;
    x = rtvi_graph_add_quantized_node(g, RTVI_OP_QCONV, "sum", in, 5, &sum, RTVI_U8, 0.03f, 0, e);
    spoc = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "spoc", TOY_INPUTS(x), NULL, e);
    gem = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_GEM_POOL, "gem", TOY_INPUTS(rtvi_graph_find_value(g, "shifted")), NULL, e);
    x = rtvi_graph_add_quantized_node(g, RTVI_OP_QUANTIZE, "again", TOY_INPUTS(gem), NULL, RTVI_U8, 0.02f, 100, e);
    toy_layer(g, "head", x, 9, TOY_DIMS(5, 8), in, e);
    x = rtvi_graph_add_node(g, RTVI_OP_QLINEAR, "head", in, 4, NULL, e);
    rtvi_graph_add_output(g, rtvi_graph_add_node(g, RTVI_OP_L2_NORMALIZE, "descriptor", TOY_INPUTS(spoc), &l2, e), RTVI_ROLE_DESCRIPTOR, e);
    rtvi_graph_add_output(g, x, RTVI_ROLE_LOGITS, e);
    if (e->status == RTV_OK) return g;
    rtvi_graph_destroy(g);
    return NULL;
}

#endif
