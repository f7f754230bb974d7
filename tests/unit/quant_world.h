/* quant_world.h - a toy network calibrated and quantized, on the plain-C executor. Include support.h, toy_models.h, toy_graph.h,
 * arch_support.h and quant_support.h first. */
#ifndef TESTS_QUANT_WORLD_H
#define TESTS_QUANT_WORLD_H

#include "exec/exec.h"
#include "quant/quant_bias.h"
#include "quant/quant_graph.h"
#include "quant/quant_stats.h"

#define QUANT_SAMPLES 6
#define QUANT_MAX_NODES 64
#define QUANT_MAX_VALUES 256

typedef struct quant_world {
    arch_world arch;
    rtvi_weights *weights_file; /* or NULL */
    rtvi_graph *unfused;        /* folded */
    rtvi_graph *graph;          /* folded and fused */
    rtvi_quant_stats *stats;
    rtvi_quant_range ranges[QUANT_MAX_VALUES];
    const char *keep_float[QUANT_MAX_NODES];
    rtvi_quant_settings settings;
    rtvi_quant_plan plan;
    rtvi_quant_rounded rounded[QUANT_MAX_NODES];
    rtvi_graph *quantized;
    rtv_error error;
} quant_world;

static inline void quant_fold(quant_world *w, rtvi_graph *graph) {
    assert_non_null(graph);
    w->unfused = graph;
    assert_int_equal(rtvi_pass_fold_batch_norm(w->unfused, &w->error), RTV_OK);
    w->graph = rtvi_graph_copy(w->unfused, &w->error);
    assert_non_null(w->graph);
    assert_int_equal(rtvi_pass_fuse_residual(w->graph, &w->error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(w->graph, &w->error), RTV_OK);
    assert_in_range(w->graph->num_nodes, 1, QUANT_MAX_NODES);
    assert_in_range(w->graph->num_values, 1, QUANT_MAX_VALUES);
}

/* A checkpoint of golden/models, or NULL for the network of toy_graph.h. */
static inline void quant_world_init(quant_world *w, const char *model) {
    const rtv_import_options options = arch_options(model && strncmp(model, "cgd_", 4) == 0 ? "SG" : NULL);
    rtvi_graph *graph;
    memset(w, 0, sizeof *w);
    arch_world_init(&w->arch);
    rtvi_error_clear(&w->error);
    if (model) {
        w->weights_file = arch_open(&w->arch, model);
        assert_int_equal(rtvi_arch_build(&w->arch.env, w->weights_file, &options, &graph, &w->error), RTV_OK);
    } else {
        graph = toy_graph(&w->arch.env, &w->error);
    }
    quant_fold(w, graph);
    w->settings.ranges = w->ranges;
    w->settings.keep_float = w->keep_float;
}

static inline void quant_world_destroy(quant_world *w) {
    rtvi_graph_destroy(w->quantized);
    for (int i = 0; i < QUANT_MAX_NODES; i++) rtvi_quant_weights_destroy(&w->rounded[i]);
    rtvi_quant_plan_destroy(&w->plan);
    rtvi_quant_stats_destroy(w->stats);
    rtvi_graph_destroy(w->graph);
    rtvi_graph_destroy(w->unfused);
    if (w->weights_file) rtvi_weights_close(w->weights_file);
    arch_world_destroy(&w->arch);
}

/* --- running --- */

typedef struct quant_run {
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
} quant_run;

static inline void quant_run_begin(quant_run *run, const rtvi_graph *graph) {
    rtv_error error;
    if (rtvi_exec_compile(graph->env, graph, RTV_EXECUTOR_REFERENCE, &run->exec, &error) != RTV_OK) fail_msg("%s", error.message);
    if (rtvi_exec_context_create(run->exec, 1, &run->context, &error) != RTV_OK) fail_msg("%s", error.message);
}

static inline void quant_run_end(quant_run *run) {
    rtvi_exec_context_destroy(run->context);
    rtvi_exec_destroy(run->exec);
}

/* The picture numbered sample, as a float32 input [1][3][H][W] of values in about -2..2 or as the codes of it. */
static inline void quant_fill_input(const rtvi_graph *graph, int64_t sample, void *input) {
    const rtvi_value *x = &graph->values[graph->input];
    const int64_t area = x->dims[2] * x->dims[3];
    const rtvi_code_type codes = {x->dtype, x->scale, x->zero_point};
    for (int64_t c = 0; c < 3; c++) {
        for (int64_t i = 0; i < area; i++) {
            const float value = 2 * toy_noise_at((uint32_t)(sample * 3 * area + c * area + i)) * (0.4f + 0.1f * (float)(sample % 5));
            if (x->dtype == RTVI_F32)
                ((float *)input)[c * area + i] = value;
            else
                ((uint8_t *)input)[i * 3 + c] = (uint8_t)rtvi_quant_params_encode(codes, value);
        }
    }
}

static inline const float *quant_run_sample(quant_run *run, const rtvi_graph *graph, int64_t sample, rtvi_exec_observer observer,
                                            void *user) {
    rtv_error error;
    quant_fill_input(graph, sample, rtvi_exec_context_input(run->context));
    if (rtvi_exec_run_observed(run->context, run->outputs, observer, user, &error) != RTV_OK) fail_msg("%s", error.message);
    return run->outputs[0];
}

/* --- calibrating --- */

typedef struct quant_collecting {
    quant_world *w;
    int64_t sample;
} quant_collecting;

static inline void quant_collect(void *user, const char *value, const rtvi_tensor *tensor) {
    quant_collecting *c = user;
    if (rtvi_quant_stats_add(c->w->stats, c->sample, value, tensor, &c->w->error) != RTV_OK) fail_msg("%s", c->w->error.message);
}

static inline void quant_collect_input(quant_collecting *c, const quant_run *run) {
    const rtvi_value *x = &c->w->unfused->values[c->w->unfused->input];
    const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, x->rank, x->dims, rtvi_exec_context_input(run->context));
    quant_fill_input(c->w->unfused, c->sample, rtvi_exec_context_input(run->context));
    quant_collect(c, x->name, &tensor);
}

static inline void quant_set_range(quant_world *w, size_t value, int32_t source) {
    w->ranges[value] = (rtvi_quant_range){1, 0};
    if (source >= 0 && rtvi_quant_stats_count(w->stats, w->unfused->values[source].name) > 0)
        assert_int_equal(rtvi_quant_stats_range(w->stats, w->unfused->values[source].name, RTVI_QUANT_MIN_MAX, RTVI_QUANT_MIXED,
                                                &w->ranges[value], &w->error),
                         RTV_OK);
}

/* The output of the node of this op that reads value, or -1. */
static inline int32_t quant_read_by(const rtvi_graph *graph, int32_t value, rtvi_op op) {
    for (size_t i = 0; i < graph->num_nodes; i++)
        for (int32_t j = 0; j < graph->nodes[i].num_inputs; j++)
            if (graph->nodes[i].op == op && graph->nodes[i].inputs[j] == value) return graph->nodes[i].output;
    return -1;
}

/* The value of the unfused graph that holds what `node` of the fused one computes, before_sum 1: convolution and bias only; 0: after the
 * residual sum and the ReLU too. Passes keep the convolution's name. -1 when there is none. */
static inline int32_t quant_bias_source(const rtvi_graph *unfused, const rtvi_graph *fused, const rtvi_node *node, int before_sum) {
    int32_t value = rtvi_graph_find_value(unfused, fused->values[node->output].name);
    if (before_sum || value < 0) return value;
    if (node->attr.residual) value = quant_read_by(unfused, value, RTVI_OP_ADD);
    if (node->attr.activation == RTVI_ACTIVATION_RELU && value >= 0) value = quant_read_by(unfused, value, RTVI_OP_RELU);
    return value;
}

static inline void quant_calibrate(quant_world *w) {
    quant_run run;
    assert_int_equal(rtvi_quant_stats_create(&w->arch.env, QUANT_SAMPLES, &w->stats, &w->error), RTV_OK);
    for (size_t i = 0; i < w->unfused->num_values; i++) {
        const rtvi_value *v = &w->unfused->values[i];
        if (!v->is_constant && v->rank >= 2)
            assert_int_equal(rtvi_quant_stats_track(w->stats, v->name, v->dims[1], RTVI_QUANT_MEANS, &w->error), RTV_OK);
    }
    quant_run_begin(&run, w->unfused);
    for (int64_t s = 0; s < QUANT_SAMPLES; s++) {
        quant_collecting c = {w, s};
        quant_collect_input(&c, &run);
        quant_run_sample(&run, w->unfused, s, quant_collect, &c);
    }
    quant_run_end(&run);
    for (size_t i = 0; i < w->graph->num_values; i++) {
        const int32_t producer = w->graph->values[i].producer;
        const char *name = w->graph->values[i].name;
        quant_set_range(w, i,
                        producer < 0 ? rtvi_graph_find_value(w->unfused, name)
                                     : quant_bias_source(w->unfused, w->graph, &w->graph->nodes[producer], 0));
    }
}

/* --- quantizing, after calibrating --- */

static inline void quant_correct_bias(quant_world *w, size_t node) {
    const rtvi_node *n = &w->graph->nodes[node];
    const rtvi_value *in = &w->graph->values[n->inputs[0]];
    const int32_t source = in->producer < 0 ? rtvi_graph_find_value(w->unfused, in->name)
                                            : quant_bias_source(w->unfused, w->graph, &w->graph->nodes[in->producer], 0);
    double mean_in[512], mean_float[512], mean_now[512];
    assert_in_range(in->dims[1], 1, 512);
    assert_in_range(w->rounded[node].shape.outputs, 1, 512);
    assert_int_equal(rtvi_quant_stats_means(w->stats, w->unfused->values[source].name, mean_in, &w->error), RTV_OK);
    assert_int_equal(rtvi_quant_bias_predict(w->graph, n, NULL, mean_in, mean_float, &w->error), RTV_OK);
    assert_int_equal(rtvi_quant_bias_predict(w->graph, n, &w->rounded[node], mean_in, mean_now, &w->error), RTV_OK);
    assert_int_equal(rtvi_quant_bias_correct(n, &w->rounded[node], mean_float, mean_now, &w->error), RTV_OK);
}

static inline void quant_round_all(quant_world *w, const rtvi_quant_rounding *how) {
    for (size_t i = 0; i < w->graph->num_nodes; i++) {
        if (w->plan.nodes[i].form != RTVI_QUANT_INT8) continue;
        if (rtvi_quant_weights_round(w->graph, &w->graph->nodes[i], how, NULL, &w->rounded[i], &w->error) != RTV_OK)
            fail_msg("%s", w->error.message);
    }
}

static inline void quant_finish(quant_world *w) {
    const rtvi_quant_rounding how = rtvi_quant_weights_default();
    if (rtvi_quant_plan_make(w->graph, &w->settings, &w->plan, &w->error) != RTV_OK) fail_msg("%s", w->error.message);
    quant_round_all(w, &how);
    if (rtvi_quant_graph_rewrite(w->graph, &w->plan, w->rounded, &w->quantized, &w->error) != RTV_OK) fail_msg("%s", w->error.message);
}

static inline double quant_cosine(const float *a, const float *b, int64_t count) {
    double ab = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < count; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

#endif
