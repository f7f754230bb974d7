/* quant_layers.c - the weights of all layers as codes. Moments are collected in one more run of the float network over some samples; layers
 * are rounded side by side on the team's threads. */
#include <stdlib.h>
#include <string.h>

#include "quant/quant_work.h"

#define FULL_DIM 640   /* inputs of an output up to which moments between all of them are collected; beyond, between channels */
#define MAX_PLACES 256 /* of one sample's map that moments look at */

static rtvi_quant_rounding rounding_of(const rtvi_quant_choice *choice) {
    rtvi_quant_rounding how = rtvi_quant_weights_default();
    how.compensate = choice->weights == RTV_WEIGHTS_COMPENSATED;
    how.pair_safe = choice->weights != RTV_WEIGHTS_NEAREST;
    how.centered = choice->bias_correction != RTV_BIAS_NONE;
    if (choice->weights == RTV_WEIGHTS_HALF_RANGE) how.max_code = RTVI_QUANT_HALF_RANGE;
    return how;
}

/* What the layer's weights depend on, as the settings are now. */
static rtvi_quant_layer wanted(const rtvi_quant_work *work, size_t node) {
    const rtvi_quant_choice *choice = &work->choices->nodes[node];
    const rtvi_quant_rounding how = rounding_of(choice);
    rtvi_quant_layer layer = {1, work->plan->nodes[node].reads, choice->weights, 0, 0, NULL};
    if (!how.compensate) return layer;
    layer.centered = how.centered;
    layer.moment_samples = work->num_moments;
    return layer;
}

static int is_good(const rtvi_quant_work *work, size_t node) {
    const rtvi_quant_layer *have = &work->layers[node], want = wanted(work, node);
    if (work->plan->nodes[node].form != RTVI_QUANT_INT8) return 1;
    return have->is_rounded && have->weights == want.weights && have->centered == want.centered &&
           have->moment_samples == want.moment_samples &&
           (want.weights != RTV_WEIGHTS_COMPENSATED || (have->reads.scale == want.reads.scale && have->reads.dtype == want.reads.dtype &&
                                                        have->reads.zero_point == want.reads.zero_point));
}

static void drop(const rtvi_env *env, rtvi_quant_rounded *rounded, rtvi_quant_layer *layer) {
    rtvi_quant_weights_destroy(rounded);
    rtvi_free(env, layer->bias);
    memset(layer, 0, sizeof *layer);
}

void rtvi_quant_layers_destroy(const rtvi_env *env, rtvi_quant_rounded *rounded, rtvi_quant_layer *layers, size_t count) {
    for (size_t i = 0; rounded && layers && i < count; i++) drop(env, &rounded[i], &layers[i]);
    rtvi_free(env, rounded);
    rtvi_free(env, layers);
}

/* --- moments --- */

typedef struct rounding {
    rtvi_quant_work *work;
    rtvi_quant_moments *moments; /* [num_nodes], zeroed where none are collected */
    pthread_mutex_t *mutexes;    /* [num_nodes] */
    size_t *order;               /* [count] nodes to round, the longest work first */
    size_t count;
    rtv_error *errors; /* [count] */
} rounding;

static int32_t create_moments(const rounding *r, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t i = 0; i < r->count && status == RTV_OK; i++) {
        const size_t node = r->order[i];
        const rtvi_quant_shape shape = rtvi_quant_moments_shape(r->work->graph, &r->work->graph->nodes[node]);
        const int full = shape.channels * shape.positions <= FULL_DIM;
        if (wanted(r->work, node).moment_samples > 0)
            status = rtvi_quant_moments_create(r->work->env, shape, full ? RTVI_QUANT_MOMENTS_FULL : RTVI_QUANT_MOMENTS_CHANNELS,
                                               &r->moments[node], error);
    }
    return status;
}

static int32_t add_moments(void *user, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error) {
    const rounding *r = user;
    const rtvi_graph *graph = r->work->graph;
    int32_t status = RTV_OK;
    for (size_t i = 0; i < r->count && status == RTV_OK; i++) {
        const size_t node = r->order[i];
        if (!r->moments[node].env || strcmp(graph->values[graph->nodes[node].inputs[0]].name, value) != 0) continue;
        pthread_mutex_lock(&r->mutexes[node]);
        status = rtvi_quant_moments_add(&r->moments[node], graph, &graph->nodes[node], tensor, r->work->plan->nodes[node].reads, sample,
                                        MAX_PLACES, error);
        pthread_mutex_unlock(&r->mutexes[node]);
    }
    return status;
}

static int need_moments(const rtvi_quant_work *work) {
    for (size_t i = 0; i < work->graph->num_nodes; i++)
        if (!is_good(work, i) && work->choices->nodes[i].weights == RTV_WEIGHTS_COMPENSATED) return 1;
    return 0;
}

int rtvi_quant_layers_need_pictures(const rtvi_quant_work *work) {
    return work->choices->all.bias_correction == RTV_BIAS_FULL || need_moments(work);
}

static int32_t collect_moments(rounding *r, rtv_error *error) {
    rtvi_quant_work *work = r->work;
    int32_t status;
    if (!need_moments(work)) return RTV_OK;
    status = create_moments(r, error);
    if (status == RTV_OK) status = rtvi_quant_work_runner(work, error);
    if (status != RTV_OK) return status;
    return rtvi_quant_runner_run(work->runner, work->samples, work->moment_numbers, work->num_moments, add_moments, r, &work->progress,
                                 error);
}

/* --- rounding --- */

static void round_item(void *arg, int64_t item, int32_t lane) {
    rounding *r = arg;
    rtvi_quant_work *work = r->work;
    const size_t node = r->order[item];
    const rtvi_quant_rounding how = rounding_of(&work->choices->nodes[node]);
    rtvi_quant_rounded *rounded = &work->rounded[node];
    rtvi_quant_layer layer = wanted(work, node);
    rtvi_quant_moments *moments = r->moments[node].env ? &r->moments[node] : NULL;
    rtv_error *error = &r->errors[item];
    (void)lane;
    drop(work->env, rounded, &work->layers[node]);
    if (rtvi_quant_weights_round(work->graph, &work->graph->nodes[node], &how, moments, rounded, error) != RTV_OK) return;
    if (moments) rtvi_quant_moments_destroy(moments);
    layer.bias = rtvi_alloc(work->env, (size_t)rounded->shape.outputs, sizeof *layer.bias);
    if (!layer.bias) {
        rtvi_quant_weights_destroy(rounded);
        rtvi_error_out_of_memory(error, "quantizer", 0);
        return;
    }
    memcpy(layer.bias, rounded->bias, (size_t)rounded->shape.outputs * sizeof *layer.bias);
    work->layers[node] = layer;
}

/* The factor of the moments costs most. */
static double cost_of(const rtvi_quant_work *work, size_t node) {
    const rtvi_quant_shape s = rtvi_quant_moments_shape(work->graph, &work->graph->nodes[node]);
    const double dim = (double)s.channels;
    return dim * dim * (dim + (double)(s.outputs * s.positions));
}

static void put_in_order(rounding *r) {
    for (size_t i = 0; i < r->work->graph->num_nodes; i++) {
        size_t at = r->count;
        if (is_good(r->work, i)) continue;
        for (; at > 0 && cost_of(r->work, r->order[at - 1]) < cost_of(r->work, i); at--) r->order[at] = r->order[at - 1];
        r->order[at] = i;
        r->count++;
    }
}

static int32_t round_all(rounding *r, rtv_error *error) {
    rtvi_quant_progress *progress = &r->work->progress;
    const rtv_error *first = NULL;
    size_t first_node = SIZE_MAX;
    int32_t status = rtvi_team_run_many(r->work->team, round_item, r, (int64_t)r->count, rtvi_quant_progress_pass, progress, error);
    progress->done += (int64_t)r->count;
    if (status != RTV_OK) return status;
    for (size_t i = 0; i < r->count; i++) {
        if (r->errors[i].status == RTV_OK || r->order[i] > first_node) continue;
        first = &r->errors[i];
        first_node = r->order[i];
    }
    if (first) *error = *first;
    return first ? first->status : RTV_OK;
}

static void release(rounding *r) {
    const rtvi_env *env = r->work->env;
    for (size_t i = 0; r->moments && i < r->work->graph->num_nodes; i++) rtvi_quant_moments_destroy(&r->moments[i]);
    for (size_t i = 0; r->mutexes && i < r->work->graph->num_nodes; i++) pthread_mutex_destroy(&r->mutexes[i]);
    rtvi_free(env, r->moments);
    rtvi_free(env, r->mutexes);
    rtvi_free(env, r->order);
    rtvi_free(env, r->errors);
}

int32_t rtvi_quant_layers_round(rtvi_quant_work *work, rtv_error *error) {
    const size_t nodes = work->graph->num_nodes;
    rounding r = {.work = work};
    int32_t status = RTV_OK;
    r.moments = rtvi_alloc_zero(work->env, nodes, sizeof *r.moments);
    r.mutexes = rtvi_alloc(work->env, nodes, sizeof *r.mutexes);
    r.order = rtvi_alloc(work->env, nodes, sizeof *r.order);
    r.errors = rtvi_alloc_zero(work->env, nodes, sizeof *r.errors);
    for (size_t i = 0; r.mutexes && i < nodes; i++) pthread_mutex_init(&r.mutexes[i], NULL);
    if (r.moments && r.mutexes && r.order && r.errors) {
        put_in_order(&r);
        status = collect_moments(&r, error);
        if (status == RTV_OK) status = round_all(&r, error);
    } else {
        status = rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    release(&r);
    return status;
}
