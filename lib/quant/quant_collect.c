/* quant_collect.c - statistics of the float network's values, and the ranges that follow. Of the fused graph: what a layer's ReLU lets
 * through is what becomes codes, and biases need the means of what layers read, no more (quant_bias.h). */
#include "quant/quant_work.h"

static int is_tracked(const rtvi_value *value) { return !value->is_constant && value->rank >= 2; }

static const rtvi_quant_choice *choice_of(const rtvi_quant_choices *choices, const rtvi_value *value) {
    return value->producer < 0 ? &choices->all : &choices->nodes[value->producer];
}

static uint32_t needs_of(const rtvi_quant_choices *choices, const rtvi_value *value) {
    return RTVI_QUANT_MEANS | rtvi_quant_stats_needs(choice_of(choices, value)->estimator);
}

int rtvi_quant_collect_is_complete(const rtvi_graph *graph, const rtvi_quant_choices *choices, const rtvi_quant_stats *stats) {
    for (size_t i = 0; i < graph->num_values; i++) {
        const rtvi_value *value = &graph->values[i];
        if (is_tracked(value) && !(stats && rtvi_quant_stats_has(stats, value->name, needs_of(choices, value)))) return 0;
    }
    return 1;
}

int32_t rtvi_quant_work_runner(rtvi_quant_work *work, rtv_error *error) {
    if (work->runner->env) return RTV_OK;
    return rtvi_quant_runner_create(work->env, work->team, work->graph, work->executor, work->runner, error);
}

static int32_t track(const rtvi_quant_work *work, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t i = 0; i < work->graph->num_values && status == RTV_OK; i++) {
        const rtvi_value *value = &work->graph->values[i];
        if (is_tracked(value))
            status = rtvi_quant_stats_track(work->stats, value->name, value->dims[1], needs_of(work->choices, value), error);
    }
    return status;
}

static int32_t collect(void *user, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error) {
    return rtvi_quant_stats_add(user, sample, value, tensor, error);
}

int32_t rtvi_quant_collect_run(rtvi_quant_work *work, const int64_t *numbers, rtv_error *error) {
    int32_t status = rtvi_quant_stats_create(work->env, work->num_samples, &work->stats, error);
    if (status != RTV_OK) return status;
    status = track(work, error);
    if (status == RTV_OK) status = rtvi_quant_work_runner(work, error);
    if (status == RTV_OK)
        status =
            rtvi_quant_runner_run(work->runner, work->samples, numbers, work->num_samples, collect, work->stats, &work->progress, error);
    if (status == RTV_OK) return RTV_OK;
    rtvi_quant_stats_destroy(work->stats);
    work->stats = NULL;
    return status;
}

int32_t rtvi_quant_collect_ranges(const rtvi_quant_work *work, rtvi_quant_range *ranges, rtvi_quant_preset *presets, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t i = 0; i < work->graph->num_values && status == RTV_OK; i++) {
        const rtvi_value *value = &work->graph->values[i];
        const rtvi_quant_choice *choice = choice_of(work->choices, value);
        ranges[i] = (rtvi_quant_range){1, 0};
        presets[i] = choice->preset;
        if (is_tracked(value))
            status = rtvi_quant_stats_range(work->stats, value->name, choice->estimator, choice->preset, &ranges[i], error);
    }
    return status;
}
