/* toy_graph.h - a network of twelve nodes that is no ResNet: grouped and dilated convolution, oblong kernels, a concat of maps, GeM of
 * values of both signs, two outputs. golden/models/toy_graph.json has its input size and PyTorch's results. Include support.h and
 * toy_models.h first. */
#ifndef TESTS_TOY_GRAPH_H
#define TESTS_TOY_GRAPH_H

#include "graph/graph.h"

#define TOY_GRAPH_HEIGHT 20
#define TOY_GRAPH_WIDTH 24

/* The constant numbered n takes its values from the noise from element 10000 * n on: scale * (noise + shift), in float32. */
static inline int32_t toy_constant(rtvi_graph *graph, const char *name, int32_t n, float scale, float shift, int32_t rank,
                                   const int64_t *dims, rtv_error *error) {
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, rank, dims, NULL);
    size_t count = (size_t)rtvi_tensor_count(&tensor);
    float *values = rtvi_alloc(graph->env, count, sizeof *values);
    if (!values) {
        rtvi_error_out_of_memory(error, "test", 0);
        return -1;
    }
    for (size_t i = 0; i < count; i++) values[i] = scale * (toy_noise_at((uint32_t)i + 10000u * (uint32_t)n) + shift);
    tensor.data = values;
    return rtvi_graph_add_owned(graph, name, &tensor, values, error);
}

#define TOY_DIMS(...) \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) { __VA_ARGS__ }
#define TOY_INPUTS(...) (const int32_t[]){__VA_ARGS__}, (int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static inline int32_t toy_norm(rtvi_graph *g, int32_t x, rtv_error *e) {
    rtvi_attr norm = rtvi_attr_default();
    int32_t gamma = toy_constant(g, "norm.weight", 2, 0.5f, 0, TOY_DIMS(8), e);
    int32_t beta = toy_constant(g, "norm.bias", 3, 0.25f, 0, TOY_DIMS(8), e);
    int32_t mean = toy_constant(g, "norm.running_mean", 4, 0.25f, 0, TOY_DIMS(8), e);
    int32_t variance = toy_constant(g, "norm.running_var", 5, 0.5f, 2.5f, TOY_DIMS(8), e);
    norm.epsilon = 1e-5f;
    return rtvi_graph_add_node(g, RTVI_OP_BATCH_NORM, "norm", TOY_INPUTS(x, gamma, beta, mean, variance), &norm, e);
}

/* The maps: a convolution with padding and stride, then two branches that meet in a concat. */
static inline int32_t toy_trunk(rtvi_graph *g, int32_t x, rtv_error *e) {
    rtvi_attr stem = rtvi_attr_default(), grouped = stem, wide = stem;
    int32_t w0 = toy_constant(g, "stem.weight", 0, 0.25f, 0, TOY_DIMS(8, 3, 3, 3), e);
    int32_t b0 = toy_constant(g, "stem.bias", 1, 0.25f, 0, TOY_DIMS(8), e);
    int32_t w1 = toy_constant(g, "grouped.weight", 6, 0.25f, 0, TOY_DIMS(12, 2, 3, 3), e);
    int32_t w2 = toy_constant(g, "wide.weight", 7, 0.125f, 0, TOY_DIMS(8, 8, 1, 5), e);
    int32_t y, z;
    stem.stride[0] = stem.stride[1] = 2;
    for (int i = 0; i < 4; i++) stem.pad[i] = 1;
    grouped.groups = 4;
    grouped.dilation[0] = grouped.pad[0] = grouped.pad[2] = 2;
    grouped.pad[1] = grouped.pad[3] = 1;
    wide.pad[1] = wide.pad[3] = 2;
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "stem", TOY_INPUTS(x, w0, b0), &stem, e);
    x = rtvi_graph_add_node(g, RTVI_OP_RELU, "relu", TOY_INPUTS(toy_norm(g, x, e)), NULL, e);
    y = rtvi_graph_add_node(g, RTVI_OP_CONV, "grouped", TOY_INPUTS(x, w1), &grouped, e);
    z = rtvi_graph_add_node(g, RTVI_OP_CONV, "wide", TOY_INPUTS(x, w2), &wide, e);
    z = rtvi_graph_add_node(g, RTVI_OP_ADD, "sum", TOY_INPUTS(z, x), NULL, e);
    return rtvi_graph_add_node(g, RTVI_OP_CONCAT, "joined", TOY_INPUTS(y, z), NULL, e);
}

/* NULL on failure. */
static inline rtvi_graph *toy_graph(const rtvi_env *env, rtv_error *e) {
    const int64_t dims[] = {1, 3, TOY_GRAPH_HEIGHT, TOY_GRAPH_WIDTH};
    rtvi_graph *g = rtvi_graph_create(env, "toy", e);
    rtvi_attr pool = rtvi_attr_default(), l2 = pool;
    int32_t x, peak, gem, weight, bias;
    if (!g) return NULL;
    x = toy_trunk(g, rtvi_graph_add_input(g, "input", 4, dims, e), e);
    weight = toy_constant(g, "head.weight", 8, 0.25f, 0, TOY_DIMS(5, 20), e);
    bias = toy_constant(g, "head.bias", 9, 0.25f, 0, TOY_DIMS(5), e);
    pool.kernel[0] = 3;
    pool.kernel[1] = pool.stride[0] = pool.stride[1] = 2;
    pool.pad[0] = pool.pad[2] = 1;
    l2.epsilon = 1e-12f;
    x = rtvi_graph_add_node(g, RTVI_OP_MAX_POOL, "pool", TOY_INPUTS(x), &pool, e);
    peak = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_MAX_POOL, "peak", TOY_INPUTS(x), NULL, e);
    gem = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_GEM_POOL, "gem", TOY_INPUTS(x), NULL, e);
    rtvi_graph_add_output(g, rtvi_graph_add_node(g, RTVI_OP_L2_NORMALIZE, "descriptor", TOY_INPUTS(peak), &l2, e), RTVI_ROLE_DESCRIPTOR, e);
    rtvi_graph_add_output(g, rtvi_graph_add_node(g, RTVI_OP_LINEAR, "logits", TOY_INPUTS(gem, weight, bias), NULL, e), RTVI_ROLE_LOGITS, e);
    if (e->status == RTV_OK) return g;
    rtvi_graph_destroy(g);
    return NULL;
}

/* Compares the dump with golden/graphs/<name>.txt; what came out is left as <name>.actual.txt in the working folder. */
static inline void toy_assert_dump(const rtvi_graph *graph, const char *name) {
    char file[128];
    size_t size = rtvi_graph_dump(graph, NULL, 0), expected_size;
    char *text = malloc(size), *expected;
    assert_non_null(text);
    assert_int_equal(rtvi_graph_dump(graph, text, size), size);
    snprintf(file, sizeof file, "%s.actual.txt", name);
    test_write_file(file, text, size - 1);
    snprintf(file, sizeof file, "graphs/%s.txt", name);
    expected = (char *)test_read_file(test_golden(file), &expected_size);
    assert_string_equal(text, expected);
    snprintf(file, sizeof file, "%s.actual.txt", name);
    remove(file);
    free(expected);
    free(text);
}

#endif
