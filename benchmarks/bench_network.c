/* bench_network.c - the network of a model on oneDNN against the sum of its bare convolutions and linears, each alone in the layout oneDNN
 * likes best, in turns: what the executor itself costs.
 *
 *     bench_network MODEL [THREADS [ROUNDS]] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dnnl.h>

#include "base/base_team.h"
#include "exec/exec_onednn_net.h"
#include "modelfile/modelfile.h"
#include "search/embedder.h"

enum { MAX_ROUNDS = 1000, MAX_LAYERS = 400 };

typedef struct bare {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[8];
    int num_args;
} bare;

typedef struct bench {
    rtvi_env env;
    rtvi_team *team;
    rtvi_graph *graph;
    rtvi_exec *exec;
    rtvi_exec_context *context;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    bare layers[MAX_LAYERS];
    int num_layers;
    int rounds;
    double whole[MAX_ROUNDS], sum[MAX_ROUNDS];
    double best[MAX_LAYERS]; /* of each bare layer */
    rtv_error error;
} bench;

static void fail(const char *what) {
    fprintf(stderr, "bench_network: %s\n", what);
    exit(1);
}

static void need(dnnl_status_t answer) {
    if (answer != dnnl_success) fail("oneDNN refused a bare layer");
}

static dnnl_memory_t memory_of(const bench *b, const_dnnl_memory_desc_t md) {
    dnnl_memory_t memory;
    void *data;
    need(dnnl_memory_create(&memory, md, b->engine, DNNL_MEMORY_ALLOCATE));
    need(dnnl_memory_get_data_handle(memory, &data));
    for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / sizeof(float); i++)
        ((float *)data)[i] = (float)((i * 2654435761u >> 8) & 1023) / 1024;
    return memory;
}

static void add_arg(bench *b, bare *layer, int id, const_dnnl_memory_desc_t md) {
    if (!md || dnnl_memory_desc_get_size(md) == 0) return;
    layer->args[layer->num_args++] = (dnnl_exec_arg_t){id, memory_of(b, md)};
}

/* The layer with every layout free. */
static void add_layer(bench *b, const rtvi_node *node) {
    const rtvi_value *x = &b->graph->values[node->inputs[0]], *w = &b->graph->values[node->inputs[1]], *y = &b->graph->values[node->output];
    const int has_bias = node->num_inputs - node->attr.residual > 2;
    bare *layer = &b->layers[b->num_layers++];
    int64_t dims[RTVI_MAX_RANK];
    int32_t rank = w->rank;
    dnnl_primitive_desc_t descriptor;
    rtvi_onednn_mds md;
    memcpy(dims, w->dims, sizeof dims);
    if (node->op == RTVI_OP_CONV && node->attr.groups > 1) {
        memmove(dims + 1, dims, 4 * sizeof *dims);
        dims[0] = node->attr.groups;
        dims[1] /= node->attr.groups;
        rank = 5;
    }
    md.src = rtvi_onednn_md(x->rank, x->dims, b->num_layers == 1 ? dnnl_nchw : dnnl_format_tag_any);
    md.weights = rtvi_onednn_md(rank, dims, dnnl_format_tag_any);
    md.bias = has_bias ? rtvi_onednn_md(1, w->dims, dnnl_a) : NULL;
    md.dst = rtvi_onednn_md(y->rank, y->dims, dnnl_format_tag_any);
    need(rtvi_onednn_descriptor(b->engine, node->op == RTVI_OP_CONV ? STEP_CONV : STEP_LINEAR, &node->attr, NULL, &md, &descriptor));
    need(dnnl_primitive_create(&layer->primitive, descriptor));
    add_arg(b, layer, DNNL_ARG_SRC, dnnl_primitive_desc_query_md(descriptor, dnnl_query_src_md, 0));
    add_arg(b, layer, DNNL_ARG_WEIGHTS, dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 0));
    if (has_bias) add_arg(b, layer, DNNL_ARG_BIAS, dnnl_primitive_desc_query_md(descriptor, dnnl_query_weights_md, 1));
    add_arg(b, layer, DNNL_ARG_DST, dnnl_primitive_desc_query_md(descriptor, dnnl_query_dst_md, 0));
    add_arg(b, layer, DNNL_ARG_SCRATCHPAD, dnnl_primitive_desc_query_md(descriptor, dnnl_query_scratchpad_md, 0));
    dnnl_primitive_desc_destroy(descriptor);
}

static double run_layer(const bench *b, const bare *layer) {
    double before = rtvi_exec_clock_ms();
    need(dnnl_primitive_execute(layer->primitive, b->stream, layer->num_args, layer->args));
    need(dnnl_stream_wait(b->stream));
    return rtvi_exec_clock_ms() - before;
}

static void measure(void *arg) {
    bench *b = arg;
    const float *outputs[RTVI_MAX_OUTPUTS];
    need(dnnl_engine_create(&b->engine, dnnl_cpu, 0));
    need(dnnl_stream_create(&b->stream, b->engine, dnnl_stream_default_flags));
    if (rtvi_pass_fold_batch_norm(b->graph, &b->error) || rtvi_pass_fuse_residual(b->graph, &b->error) ||
        rtvi_pass_fuse_activation(b->graph, &b->error) || rtvi_exec_compile(&b->env, b->graph, RTV_EXECUTOR_ONEDNN, &b->exec, &b->error) ||
        rtvi_exec_context_create(b->exec, rtvi_team_threads(b->team), &b->context, &b->error))
        fail(b->error.message);
    for (size_t i = 0; i < b->graph->num_nodes; i++)
        if (b->graph->nodes[i].op == RTVI_OP_CONV || b->graph->nodes[i].op == RTVI_OP_LINEAR) add_layer(b, &b->graph->nodes[i]);
    for (int i = 0; i < b->num_layers; i++) b->best[i] = 1e9;
    for (int round = -3; round < b->rounds; round++) { /* three to warm up */
        double before = rtvi_exec_clock_ms(), sum = 0;
        if (rtvi_exec_run(b->context, outputs, NULL, &b->error)) fail(b->error.message);
        if (round >= 0) b->whole[round] = rtvi_exec_clock_ms() - before;
        for (int i = 0; i < b->num_layers; i++) {
            const double ms = run_layer(b, &b->layers[i]);
            sum += ms;
            if (ms < b->best[i]) b->best[i] = ms;
        }
        if (round >= 0) b->sum[round] = sum;
    }
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

int main(int argc, char **argv) {
    static bench b;
    rtvi_modelfile_info info;
    rtvi_source source;
    double ratios[MAX_ROUNDS], best = 0;
    const int threads = argc > 2 ? atoi(argv[2]) : 2;
    b.rounds = argc > 3 ? atoi(argv[3]) : 30;
    if (argc < 2 || threads < 1 || b.rounds < 1 || b.rounds > MAX_ROUNDS) fail("usage: bench_network MODEL [THREADS [ROUNDS]]");
    rtvi_env_init(&b.env, NULL, RTV_ISA_ANY);
    if (rtvi_source_open(&b.env, "model", argv[1], &source, &b.error) || rtvi_modelfile_read(&b.env, &source, &b.graph, &info, &b.error) ||
        rtvi_team_create(&b.env, threads, &b.team, &b.error) || rtvi_team_run(b.team, measure, &b, &b.error))
        fail(b.error.message);
    for (int i = 0; i < b.rounds; i++) ratios[i] = b.whole[i] / b.sum[i];
    for (int i = 0; i < b.num_layers; i++) best += b.best[i];
    printf("%d threads, %d rounds: network %.2f ms, bare layers one after the other %.2f ms (sum of each one's best %.2f), ratio %.3f\n",
           threads, b.rounds, median(b.whole, b.rounds), median(b.sum, b.rounds), best, median(ratios, b.rounds));
    return 0;
}
