/* exec_onednn_answer.c - the known-answer test: does this oneDNN round as docs/quantization.md has it? Three small convolutions, with a
 * zero point, with a residual and a ReLU, run by oneDNN and by the plain-C reference. Their scales are multiples of one another, so that
 * half of the results lie within a rounding error of the middle between two codes: another order of operations, a division for a product, a
 * fused multiply-add, a scale off by one unit in the last place change many codes. */
#include <stdio.h>
#include <string.h>

#include <retrieve/model.h>

#include "exec/exec_onednn_build.h"

enum { SIDE = 6, CHANNELS = 16, CONVS = 3, MAX_CODES = CONVS * CHANNELS * SIDE * SIDE, INPUT_ZERO_POINT = 9 };

typedef struct answers {
    uint8_t codes[MAX_CODES]; /* of all convolutions, one after the other */
    size_t count;
} answers;

static uint32_t next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* What is needed to add one convolution. */
typedef struct recipe {
    const char *name;
    int32_t x, residual, kernel; /* residual -1 for none */
    float weight_scale;          /* of the first output; the next ones have 2, 3 and 4 times as much */
    rtvi_dtype dtype;
    float scale; /* of the output */
} recipe;

static int32_t add_owned(rtvi_graph *graph, const recipe *r, const char *what, rtvi_dtype dtype, int32_t rank, const int64_t *dims,
                         void *block, rtv_error *error) {
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, block);
    char name[32];
    if (!block) return rtvi_error_out_of_memory(error, "exec", 0), -1;
    snprintf(name, sizeof name, "%s.%s", r->name, what);
    return rtvi_graph_add_owned(graph, name, &tensor, block, error);
}

/* Weights -1, 0 and 1; a bias that keeps the results on the grid of half codes. */
static int32_t add_conv(rtvi_graph *graph, const recipe *r, uint32_t *seed, rtv_error *error) {
    const rtvi_value *x = &graph->values[r->x];
    const int64_t dims[] = {CHANNELS, x->dims[1], r->kernel, r->kernel};
    const size_t size = (size_t)(dims[0] * dims[1] * dims[2] * dims[3]);
    const float base = x->scale * r->weight_scale;
    int8_t *weights = rtvi_alloc(graph->env, size, sizeof *weights);
    float *scales = rtvi_alloc(graph->env, CHANNELS, sizeof *scales), *bias = rtvi_alloc(graph->env, CHANNELS, sizeof *bias);
    int32_t inputs[5] = {r->x, 0, 0, 0, r->residual};
    rtvi_attr attr = rtvi_attr_default();
    for (size_t i = 0; weights && i < size; i++) weights[i] = (int8_t)((int32_t)(next(seed) % 3) - 1);
    for (int32_t k = 0; scales && bias && k < CHANNELS; k++) {
        scales[k] = r->weight_scale * (float)(1 + k % 4);
        bias[k] = base * (float)(k % 7 * 3);
    }
    inputs[1] = add_owned(graph, r, "weight", RTVI_I8, 4, dims, weights, error);
    inputs[2] = add_owned(graph, r, "weight_scale", RTVI_F32, 1, dims, scales, error);
    inputs[3] = add_owned(graph, r, "bias", RTVI_F32, 1, dims, bias, error);
    for (int32_t i = 0; i < 4; i++) attr.pad[i] = r->kernel / 2;
    attr.residual = r->residual >= 0;
    attr.activation = r->dtype == RTVI_U8 ? RTVI_ACTIVATION_RELU : RTVI_ACTIVATION_NONE;
    return rtvi_graph_add_quantized_node(graph, RTVI_OP_QCONV, r->name, inputs, 4 + attr.residual, &attr, r->dtype, r->scale, 0, error);
}

static void build(rtvi_graph *graph, rtv_error *error) {
    const int64_t dims[] = {1, 3, SIDE, SIDE};
    const float scale = 0.1f, zero_scale = 2 * (scale * 0.03f), plain_scale = 2 * (scale * 0.07f);
    const rtvi_attr attr = rtvi_attr_default();
    recipe zero = {"zero_point", 0, -1, 3, 0.03f, RTVI_I8, zero_scale}, plain = {"plain", 0, -1, 1, 0.07f, RTVI_U8, plain_scale};
    recipe sum = {"residual", 0, 0, 1, zero_scale / (3 * plain_scale), RTVI_U8, zero_scale * 2 / 3};
    uint32_t seed = 1;
    int32_t last;
    zero.x = plain.x = rtvi_graph_add_input(graph, "input", 4, dims, error);
    rtvi_graph_quantize_input(graph, scale, INPUT_ZERO_POINT, error);
    if (error->status != RTV_OK) return;
    sum.residual = add_conv(graph, &zero, &seed, error);
    sum.x = sum.residual < 0 ? -1 : add_conv(graph, &plain, &seed, error);
    last = sum.x < 0 ? -1 : add_conv(graph, &sum, &seed, error);
    last = last < 0 ? -1 : rtvi_graph_add_node(graph, RTVI_OP_GLOBAL_AVG_POOL, "pool", &last, 1, &attr, error);
    if (last >= 0) rtvi_graph_add_output(graph, last, RTVI_ROLE_DESCRIPTOR, error);
}

static void collect(void *user, const char *value, const rtvi_tensor *tensor) {
    answers *a = user;
    const size_t size = (size_t)rtvi_tensor_count(tensor);
    (void)value;
    if (tensor->dtype == RTVI_F32 || size > sizeof a->codes - a->count) return;
    rtvi_tensor_to_bytes(tensor, a->codes + a->count);
    a->count += size;
}

/* Takes the network over. */
static int32_t ask(rtvi_exec *exec, answers *a, rtv_error *error) {
    rtvi_exec_context *context = NULL;
    const float *outputs[RTVI_MAX_OUTPUTS];
    uint32_t seed = 2;
    int32_t status = rtvi_exec_context_create(exec, 1, &context, error);
    a->count = 0;
    if (status == RTV_OK) {
        uint8_t *input = rtvi_exec_context_input(context);
        for (size_t i = 0; i < 3 * SIDE * SIDE; i++) input[i] = (uint8_t)(next(&seed) % 32);
        status = rtvi_exec_run_observed(context, outputs, collect, a, error);
    }
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
    return status;
}

static int32_t compare(const rtvi_env *env, const rtvi_graph *graph, answers *expected, answers *got, rtv_error *error) {
    rtvi_exec *exec = NULL;
    int32_t status = rtvi_exec_compile(env, graph, RTV_EXECUTOR_REFERENCE, &exec, error);
    if (status == RTV_OK) status = ask(exec, expected, error);
    if (status == RTV_OK) status = rtvi_onednn_compile(env, graph, &exec, error);
    if (status != RTV_OK) return status;
    exec->env = env;
    exec->backend = rtvi_exec_onednn();
    status = ask(exec, got, error);
    if (status != RTV_OK) return status;
    if (expected->count == MAX_CODES && got->count == MAX_CODES && memcmp(expected->codes, got->codes, MAX_CODES) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED,
                          "exec: oneDNN %d.%d.%d rounds int8 results otherwise than the model expects; use the reference executor",
                          dnnl_version()->major, dnnl_version()->minor, dnnl_version()->patch);
}

int32_t rtvi_onednn_check_answer(const rtvi_env *env, rtv_error *error) {
    answers *both = rtvi_alloc(env, 2, sizeof *both);
    rtvi_graph *graph = both ? rtvi_graph_create(env, "known answer", error) : NULL;
    int32_t status = both ? error->status : rtvi_error_out_of_memory(error, "exec", 2 * sizeof *both);
    if (graph) build(graph, error), status = error->status;
    if (status == RTV_OK) status = compare(env, graph, &both[0], &both[1], error);
    rtvi_graph_destroy(graph);
    rtvi_free(env, both);
    return status;
}
