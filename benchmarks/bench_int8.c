/* bench_int8.c - the network of a checkpoint in float32 and on codes, in turns, on oneDNN: a pass of each, and every layer's best time in
 * both. The scales are guesses, so the results mean nothing; the time does not depend on them.
 *
 *     bench_int8 CHECKPOINT [SIDE [THREADS [ROUNDS]]]      ONEDNN_MAX_CPU_ISA caps the instruction set */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/base_team.h"
#include "exec/exec_backend.h"

enum { MAX_ROUNDS = 1000, MAX_STEPS = 400 };

typedef struct network {
    rtvi_graph *graph;
    rtvi_exec *exec;
    rtvi_exec_context *context;
    double whole[MAX_ROUNDS], best[MAX_STEPS];
    double compile_ms;
} network;

typedef struct bench {
    rtvi_env env;
    rtvi_team *team;
    network f32, int8;
    int rounds;
    rtv_error error;
} bench;

static void fail(const char *what) {
    fprintf(stderr, "bench_int8: %s\n", what);
    exit(1);
}

/* --- the quantized graph: every convolution and linear on codes
 * --------------------------------------------------------------------------- */

typedef struct building {
    bench *b;
    const rtvi_graph *from;
    rtvi_graph *to;
    int32_t values[4000]; /* of `from` in `to` */
} building;

static int32_t add_owned(building *g, const char *node, const char *what, rtvi_dtype dtype, int32_t rank, const int64_t *dims,
                         void *block) {
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, block);
    char name[256];
    snprintf(name, sizeof name, "%s.%s", node, what);
    return rtvi_graph_add_owned(g->to, name, &tensor, block, &g->b->error);
}

/* Codes of one output channel: rounded, then made to keep the pair-sum rule. Returns the scale. */
static float quantize_row(const float *w, int64_t inputs, int64_t positions, int8_t *codes) {
    float largest = 1e-6f;
    for (int64_t i = 0; i < inputs * positions; i++) largest = fmaxf(largest, fabsf(w[i]));
    for (int64_t i = 0; i < inputs * positions; i++) {
        const int code = (int)lrintf(w[i] / largest * 127);
        const int before = i / positions % 2 == 1 ? codes[i - positions] : 0;
        codes[i] = (int8_t)(before + code > 128 ? 128 - before : before + code < -128 ? -128 - before : code);
    }
    return largest / 127;
}

/* Inputs 1 to 3 of a node on codes; returns a plausible scale for its result. */
static float add_constants(building *g, const rtvi_node *node, int32_t x, int32_t inputs[4]) {
    const rtvi_value *weight = &g->from->values[node->inputs[1]];
    const int64_t *dims = weight->dims, positions = weight->rank == 4 ? dims[2] * dims[3] : 1, row = dims[1] * positions;
    const int has_bias = node->num_inputs - node->attr.residual > 2;
    float *floats = rtvi_alloc(&g->b->env, (size_t)(dims[0] * row), sizeof *floats);
    int8_t *codes = rtvi_alloc(&g->b->env, (size_t)(dims[0] * row), 1);
    float *scales = rtvi_alloc(&g->b->env, (size_t)dims[0], sizeof *scales),
          *bias = rtvi_alloc_zero(&g->b->env, (size_t)dims[0], sizeof *bias);
    double squares = 0;
    if (!floats || !codes || !scales || !bias) fail("out of memory");
    rtvi_tensor_to_f32(&weight->constant, floats);
    for (int64_t k = 0; k < dims[0]; k++) scales[k] = quantize_row(floats + k * row, dims[1], positions, codes + k * row);
    for (int64_t i = 0; i < dims[0] * row; i++) squares += (double)floats[i] * (double)floats[i];
    if (has_bias) rtvi_tensor_to_f32(&g->from->values[node->inputs[2]].constant, bias);
    rtvi_free(&g->b->env, floats);
    inputs[0] = x;
    inputs[1] = add_owned(g, node->name, "weight", RTVI_I8, weight->rank, dims, codes);
    inputs[2] = add_owned(g, node->name, "weight_scale", RTVI_F32, 1, dims, scales);
    inputs[3] = add_owned(g, node->name, "bias", RTVI_F32, 1, dims, bias);
    return (float)sqrt(squares / (double)dims[0]) * g->to->values[x].scale * 1.5f;
}

static int32_t add_conv(building *g, const rtvi_node *node) {
    const rtvi_dtype dtype = node->attr.activation == RTVI_ACTIVATION_RELU ? RTVI_U8 : RTVI_I8;
    int32_t inputs[5];
    const float scale = add_constants(g, node, g->values[node->inputs[0]], inputs);
    if (node->attr.residual) inputs[4] = g->values[node->inputs[node->num_inputs - 1]];
    return rtvi_graph_add_quantized_node(g->to, RTVI_OP_QCONV, node->name, inputs, 4 + node->attr.residual, &node->attr, dtype, scale, 0,
                                         &g->b->error);
}

static int32_t add_linear(building *g, const rtvi_node *node) {
    char name[256];
    int32_t inputs[4], x = g->values[node->inputs[0]];
    const rtvi_attr attr = rtvi_attr_default();
    snprintf(name, sizeof name, "%s.codes", node->name);
    x = rtvi_graph_add_quantized_node(g->to, RTVI_OP_QUANTIZE, name, &x, 1, &attr, RTVI_U8, 0.02f, 0, &g->b->error);
    add_constants(g, node, x, inputs);
    return rtvi_graph_add_node(g->to, RTVI_OP_QLINEAR, node->name, inputs, 4, &attr, &g->b->error);
}

static int32_t add_other(building *g, const rtvi_node *node) {
    int32_t inputs[RTVI_MAX_INPUTS];
    for (int32_t i = 0; i < node->num_inputs; i++) inputs[i] = g->values[node->inputs[i]];
    return rtvi_graph_add_node(g->to, node->op, node->name, inputs, node->num_inputs, &node->attr, &g->b->error);
}

static rtvi_graph *quantized(bench *b, const rtvi_graph *from) {
    static building g;
    const rtvi_value *input = &from->values[from->input];
    g = (building){.b = b, .from = from, .to = rtvi_graph_create(&b->env, "int8", &b->error)};
    if (!g.to || from->num_values > sizeof g.values / sizeof *g.values) fail("the graph is too large");
    g.values[from->input] = rtvi_graph_add_input(g.to, input->name, input->rank, input->dims, &b->error);
    rtvi_graph_quantize_input(g.to, 0.0187f, 114, &b->error);
    for (size_t i = 0; i < from->num_nodes && b->error.status == RTV_OK; i++) {
        const rtvi_node *node = &from->nodes[i];
        g.values[node->output] = node->op == RTVI_OP_CONV     ? add_conv(&g, node)
                                 : node->op == RTVI_OP_LINEAR ? add_linear(&g, node)
                                                              : add_other(&g, node);
    }
    for (int32_t i = 0; i < from->num_outputs && b->error.status == RTV_OK; i++)
        rtvi_graph_add_output(g.to, g.values[from->outputs[i].value], from->outputs[i].role, &b->error);
    if (b->error.status != RTV_OK) fail(b->error.message);
    return g.to;
}

/* --- measuring
 * ---------------------------------------------------------------------------------------------------------------------------- */

static void prepare(bench *b, network *n) {
    const double before = rtvi_exec_clock_ms();
    if (rtvi_exec_compile(&b->env, n->graph, RTV_EXECUTOR_ONEDNN, &n->exec, &b->error) ||
        rtvi_exec_context_create(n->exec, rtvi_team_threads(b->team), &n->context, &b->error))
        fail(b->error.message);
    n->compile_ms = rtvi_exec_clock_ms() - before;
    for (int s = 0; s < MAX_STEPS; s++) n->best[s] = 1e9;
    if (rtvi_exec_num_steps(n->exec) > MAX_STEPS) fail("too many steps");
}

static void run(bench *b, network *n, int round) {
    const float *outputs[RTVI_MAX_OUTPUTS];
    double steps[MAX_STEPS], before = rtvi_exec_clock_ms();
    if (rtvi_exec_run(n->context, outputs, NULL, &b->error)) fail(b->error.message);
    if (round >= 0) n->whole[round] = rtvi_exec_clock_ms() - before;
    if (rtvi_exec_run(n->context, outputs, steps, &b->error)) fail(b->error.message);
    for (size_t s = 0; s < rtvi_exec_num_steps(n->exec); s++)
        if (steps[s] < n->best[s]) n->best[s] = steps[s];
}

static void measure(void *arg) {
    bench *b = arg;
    prepare(b, &b->f32);
    prepare(b, &b->int8);
    for (int round = -3; round < b->rounds; round++) { /* three to warm up */
        run(b, &b->f32, round);
        run(b, &b->int8, round);
    }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double find_best(const network *n, const char *name) {
    for (size_t s = 0; s < rtvi_exec_num_steps(n->exec); s++) {
        const rtvi_exec_step step = rtvi_exec_step_at(n->exec, s);
        if (strcmp(step.name, name) == 0 && strcmp(step.op, "reorder") != 0) return n->best[s];
    }
    return 0;
}

static void report(bench *b) {
    double best = 0;
    for (size_t s = 0; s < rtvi_exec_num_steps(b->int8.exec); s++) {
        const rtvi_exec_step step = rtvi_exec_step_at(b->int8.exec, s);
        const double ms = b->int8.best[s];
        printf("%-32s %-10s %-28s %-4s %7.3f ms %7.1f GMAC/s  f32 %7.3f ms\n", step.name, step.op, step.kernel, step.precision, ms,
               step.macs / ms * 1e-6, find_best(&b->f32, step.name));
        best += ms;
    }
    qsort(b->f32.whole, (size_t)b->rounds, sizeof(double), compare);
    qsort(b->int8.whole, (size_t)b->rounds, sizeof(double), compare);
    printf(
        "%d threads, %d rounds in turns: f32 median %.2f best %.2f ms; int8 median %.2f best %.2f ms (sum of each step's best %.2f); "
        "%.2fx\n",
        rtvi_team_threads(b->team), b->rounds, b->f32.whole[b->rounds / 2], b->f32.whole[0], b->int8.whole[b->rounds / 2], b->int8.whole[0],
        best, b->f32.whole[b->rounds / 2] / b->int8.whole[b->rounds / 2]);
    printf("compile and context: f32 %.0f ms, int8 %.0f ms; packed weights %.1f and %.1f MB, activations %.1f and %.1f MB\n",
           b->f32.compile_ms, b->int8.compile_ms, (double)rtvi_exec_weights_bytes(b->f32.exec) * 1e-6,
           (double)rtvi_exec_weights_bytes(b->int8.exec) * 1e-6, (double)rtvi_exec_activation_bytes(b->f32.context) * 1e-6,
           (double)rtvi_exec_activation_bytes(b->int8.context) * 1e-6);
}

int main(int argc, char **argv) {
    static bench b;
    rtv_import_options options;
    rtvi_weights *weights = NULL;
    rtvi_source source;
    const int threads = argc > 3 ? atoi(argv[3]) : 2;
    rtv_import_options_init(&options);
    options.input_width = options.input_height = argc > 2 ? atoi(argv[2]) : 224;
    b.rounds = argc > 4 ? atoi(argv[4]) : 20;
    if (argc < 2 || threads < 1 || b.rounds < 1 || b.rounds > MAX_ROUNDS) fail("usage: bench_int8 CHECKPOINT [SIDE [THREADS [ROUNDS]]]");
    rtvi_env_init(&b.env, NULL, RTV_ISA_ANY);
    if (rtvi_source_open(&b.env, "checkpoint", argv[1], &source, &b.error) || rtvi_weights_read(&source, &weights, &b.error) ||
        rtvi_arch_build(&b.env, weights, &options, &b.f32.graph, &b.error) || rtvi_pass_fold_batch_norm(b.f32.graph, &b.error) ||
        rtvi_pass_fuse_residual(b.f32.graph, &b.error) || rtvi_pass_fuse_activation(b.f32.graph, &b.error))
        fail(b.error.message);
    b.int8.graph = quantized(&b, b.f32.graph);
    if (rtvi_team_create(&b.env, threads, &b.team, &b.error) || rtvi_team_run(b.team, measure, &b, &b.error)) fail(b.error.message);
    report(&b);
    return 0;
}
