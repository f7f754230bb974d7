/* quant_correct.c - biases. Fast: both means of a layer's output are predicted from the float32 means of its input. Full: what rounding
 * left is predicted from the means that the quantized network feeds the layer, whose earlier layers are corrected by then. */
#include <stdlib.h>
#include <string.h>

#include "graph/graph_edit.h"
#include "quant/quant_bias.h"
#include "quant/quant_graph.h"
#include "quant/quant_work.h"

/* Means of one layer's input and output, in float and now. */
typedef struct means {
    double *in_float, *in_now;   /* [channels of the input] */
    double *out_float, *out_now; /* [outputs] */
} means;

static int32_t create_means(const rtvi_quant_work *work, size_t node, means *m, rtv_error *error) {
    const rtvi_graph *graph = work->graph;
    const size_t in = (size_t)graph->values[graph->nodes[node].inputs[0]].dims[1], out = (size_t)work->rounded[node].shape.outputs;
    double *block = rtvi_alloc_zero(work->env, 2 * (in + out), sizeof *block);
    *m = (means){block, block + in, block + 2 * in, block + 2 * in + out};
    return block ? RTV_OK : rtvi_error_out_of_memory(error, "quantizer", 0);
}

static int32_t predict_and_correct(const rtvi_quant_work *work, size_t node, const means *m, rtv_error *error) {
    const rtvi_node *n = &work->graph->nodes[node];
    int32_t status = rtvi_quant_bias_predict(work->graph, n, NULL, m->in_float, m->out_float, error);
    if (status == RTV_OK) status = rtvi_quant_bias_predict(work->graph, n, &work->rounded[node], m->in_now, m->out_now, error);
    if (status == RTV_OK) status = rtvi_quant_bias_correct(n, &work->rounded[node], m->out_float, m->out_now, error);
    return status;
}

static const char *input_name(const rtvi_quant_work *work, size_t node) {
    return work->graph->values[work->graph->nodes[node].inputs[0]].name;
}

static int32_t correct_fast(const rtvi_quant_work *work, size_t node, rtv_error *error) {
    means m;
    int32_t status = create_means(work, node, &m, error);
    if (status != RTV_OK) return status;
    status = rtvi_quant_stats_means(work->stats, input_name(work, node), m.in_float, error);
    m.in_now = m.in_float;
    if (status == RTV_OK) status = predict_and_correct(work, node, &m, error);
    rtvi_free(work->env, m.in_float);
    return status;
}

/* --- full --- */

/* Means of one value over the passes' samples; rows are kept by sample, so that their sum has one order. */
typedef struct watching {
    const rtvi_quant_work *work;
    const char *value;
    int64_t channels;
    double *rows; /* [num_samples][channels] */
} watching;

static int32_t watch(void *user, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error) {
    const watching *w = user;
    const int64_t area = rtvi_tensor_count(tensor) / w->channels;
    if (strcmp(value, w->value) != 0) return RTV_OK;
    for (int64_t c = 0; c < w->channels; c++) {
        double sum = 0;
        for (int64_t i = 0; i < area; i++) sum += (double)((const float *)tensor->data)[c * area + i];
        w->rows[sample * w->channels + c] = sum / (double)area;
    }
    return rtvi_error_clear(error);
}

static int32_t measure(rtvi_quant_work *work, rtvi_quant_runner *runner, const char *value, int64_t channels, double *into,
                       rtv_error *error) {
    watching w = {work, value, channels, rtvi_alloc_zero(work->env, (size_t)(work->num_samples * channels), sizeof *w.rows)};
    int32_t status;
    if (!w.rows) return rtvi_error_out_of_memory(error, "quantizer", 0);
    status = rtvi_quant_runner_run(runner, work->samples, work->moment_numbers, work->num_moments, watch, &w, &work->progress, error);
    memset(into, 0, (size_t)channels * sizeof *into);
    for (int64_t i = 0; i < work->num_moments; i++)
        for (int64_t c = 0; c < channels; c++) into[c] += w.rows[work->moment_numbers[i] * channels + c] / (double)work->num_moments;
    rtvi_free(work->env, w.rows);
    return status;
}

/* The quantized network up to what the layer reads, whose means are its only output: the last node. */
static rtvi_graph *make_prefix(const rtvi_quant_work *work, size_t node, rtv_error *error) {
    const char *layer = work->graph->nodes[node].name;
    rtvi_graph *graph;
    int32_t value = -1, output;
    if (rtvi_quant_graph_rewrite(work->graph, work->plan, work->rounded, &graph, error) != RTV_OK) return NULL;
    for (size_t i = 0; i < graph->num_nodes; i++)
        if (strcmp(graph->nodes[i].name, layer) == 0) value = graph->nodes[i].inputs[0];
    output = rtvi_graph_add_node(graph, graph->values[value].rank == 4 ? RTVI_OP_GLOBAL_AVG_POOL : RTVI_OP_DEQUANTIZE,
                                 "what the layer reads", &value, 1, NULL, error);
    graph->num_outputs = 0;
    rtvi_graph_add_output(graph, output, RTVI_ROLE_DESCRIPTOR, error);
    if (error->status == RTV_OK && rtvi_graph_edit_sweep(graph, error) == RTV_OK) return graph;
    rtvi_graph_destroy(graph);
    return NULL;
}

static int32_t measure_quantized(rtvi_quant_work *work, size_t node, double *into, rtv_error *error) {
    rtvi_quant_runner runner;
    rtvi_graph *prefix = make_prefix(work, node, error);
    int32_t status = prefix ? rtvi_quant_runner_create(work->env, work->team, prefix, work->executor, &runner, error) : error->status;
    if (status == RTV_OK) {
        status = measure(work, &runner, prefix->nodes[prefix->num_nodes - 1].name,
                         work->graph->values[work->graph->nodes[node].inputs[0]].dims[1], into, error);
        rtvi_quant_runner_destroy(&runner);
    }
    rtvi_graph_destroy(prefix);
    return status;
}

/* float_means: of the values of the graph on the same samples. */
static int32_t correct_full(rtvi_quant_work *work, size_t node, const rtvi_quant_stats *float_means, rtv_error *error) {
    means m;
    int32_t status = create_means(work, node, &m, error);
    if (status != RTV_OK) return status;
    status = rtvi_quant_stats_means(float_means, input_name(work, node), m.in_float, error);
    if (status == RTV_OK) status = measure_quantized(work, node, m.in_now, error);
    if (status == RTV_OK) status = predict_and_correct(work, node, &m, error);
    rtvi_free(work->env, m.in_float);
    return status;
}

static int32_t collect_means(void *user, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error) {
    return rtvi_quant_stats_add(user, sample, value, tensor, error);
}

/* The float network's means on the samples of the passes, for every value that a layer reads. */
static int32_t collect_float(rtvi_quant_work *work, rtvi_quant_stats **stats, rtv_error *error) {
    const rtvi_graph *graph = work->graph;
    int32_t status = rtvi_quant_stats_create(work->env, work->num_samples, stats, error);
    for (size_t i = 0; i < graph->num_nodes && status == RTV_OK; i++) {
        const rtvi_value *input = &graph->values[graph->nodes[i].inputs[0]];
        if (work->plan->nodes[i].form == RTVI_QUANT_INT8)
            status = rtvi_quant_stats_track(*stats, input->name, input->dims[1], RTVI_QUANT_MEANS, error);
    }
    if (status == RTV_OK) status = rtvi_quant_work_runner(work, error);
    if (status == RTV_OK)
        status = rtvi_quant_runner_run(work->runner, work->samples, work->moment_numbers, work->num_moments, collect_means, *stats,
                                       &work->progress, error);
    return status;
}

int32_t rtvi_quant_correct_run(rtvi_quant_work *work, rtv_error *error) {
    rtvi_quant_stats *float_means = NULL;
    int32_t status = RTV_OK;
    if (work->choices->all.bias_correction == RTV_BIAS_FULL) status = collect_float(work, &float_means, error);
    for (size_t i = 0; i < work->graph->num_nodes && status == RTV_OK; i++) {
        const int32_t how = work->choices->nodes[i].bias_correction;
        rtvi_quant_rounded *rounded = &work->rounded[i];
        if (work->plan->nodes[i].form != RTVI_QUANT_INT8) continue;
        memcpy(rounded->bias, work->layers[i].bias, (size_t)rounded->shape.outputs * sizeof *rounded->bias);
        if (how == RTV_BIAS_FAST) status = correct_fast(work, i, error);
        if (how == RTV_BIAS_FULL) status = correct_full(work, i, float_means, error);
    }
    rtvi_quant_stats_destroy(float_means);
    return status;
}
