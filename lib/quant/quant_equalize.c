/* quant_equalize.c - cross-layer equalization. With r1, r2 the largest magnitudes of a channel's weights in the first and the second layer,
 * dividing by s = sqrt(r1 / r2) in the first and multiplying in the second makes both sqrt(r1 r2). */
#include "quant/quant_equalize.h"

#include <math.h>
#include <string.h>

#include "graph/graph_edit.h"

#define ROUNDS 4 /* in a chain of layers a pair disturbs its neighbours; little changes after a few rounds */

typedef struct pair {
    rtvi_graph *graph;
    const rtvi_node *first, *second;
    float *first_weights, *first_bias, *second_weights; /* in the graph, ours to change */
    int64_t channels;                                   /* between the two */
    int64_t first_row;                                  /* weights of an output of the first */
    int32_t out_of_memory;
} pair;

/* The convolution that alone reads the result of node, as its input; NULL else. */
static const rtvi_node *only_reader(const rtvi_graph *graph, const rtvi_node *node, const int32_t *uses) {
    if (uses[node->output] != 1) return NULL;
    for (size_t i = 0; i < graph->num_nodes; i++)
        if (graph->nodes[i].inputs[0] == node->output) return graph->nodes[i].op == RTVI_OP_CONV ? &graph->nodes[i] : NULL;
    return NULL;
}

/* A constant as float32 of the graph's own; NULL when memory is short. */
static float *own_constant(pair *p, int32_t index) {
    const rtvi_value value = p->graph->values[index];
    float *values;
    if (value.owned && value.dtype == RTVI_F32) return value.owned;
    values = rtvi_alloc(p->graph->env, (size_t)rtvi_tensor_count(&value.constant), sizeof *values);
    p->out_of_memory |= values == NULL;
    if (!values) return NULL;
    rtvi_tensor_to_f32(&value.constant, values);
    rtvi_graph_edit_set_constant(p->graph, index, value.rank, value.dims, values);
    return values;
}

/* Constants that another layer reads too must stay. */
static int is_shared(const rtvi_node *node, const int32_t *uses) {
    for (int32_t i = 1; i < node->num_inputs - node->attr.residual; i++)
        if (uses[node->inputs[i]] != 1) return 1;
    return 0;
}

static int find_pair(rtvi_graph *graph, const rtvi_node *first, const int32_t *uses, pair *p) {
    const rtvi_node *second = first->op == RTVI_OP_CONV && !first->attr.residual ? only_reader(graph, first, uses) : NULL;
    const rtvi_tensor *weight;
    memset(p, 0, sizeof *p);
    if (!second || is_shared(first, uses) || is_shared(second, uses)) return 0;
    weight = &graph->values[first->inputs[1]].constant;
    *p = (pair){.graph = graph, .first = first, .second = second, .channels = weight->dims[0]};
    p->first_row = rtvi_tensor_count(weight) / weight->dims[0];
    p->first_weights = own_constant(p, first->inputs[1]);
    p->second_weights = own_constant(p, second->inputs[1]);
    if (first->num_inputs == 3) p->first_bias = own_constant(p, first->inputs[2]);
    return 1;
}

static float magnitude(const float *values, int64_t count) {
    float largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmaxf(largest, fabsf(values[i]));
    return largest;
}

/* Multiplies the second layer's weights of channel c, which stand in each output of a group, `positions` at a time; the largest magnitude.
 */
static float scale_second(const pair *p, int64_t c, float scale) {
    const rtvi_value *weight = &p->graph->values[p->second->inputs[1]];
    const int64_t outputs = weight->dims[0] / p->second->attr.groups, channels = weight->dims[1];
    const int64_t positions = weight->dims[2] * weight->dims[3], group = c / channels;
    float largest = 0;
    for (int64_t k = group * outputs; k < (group + 1) * outputs; k++) {
        float *at = p->second_weights + (k * channels + c % channels) * positions;
        for (int64_t i = 0; i < positions; i++) at[i] *= scale;
        largest = fmaxf(largest, magnitude(at, positions));
    }
    return largest;
}

/* 1 when the channel changed. */
static int equalize_channel(const pair *p, int64_t c) {
    float *row = p->first_weights + c * p->first_row;
    const float r1 = magnitude(row, p->first_row), r2 = scale_second(p, c, 1);
    int32_t power;
    if (!(r1 > 0 && r2 > 0 && isfinite(r1) && isfinite(r2))) return 0;
    power = (int32_t)rint(0.5 * (log2((double)r1) - log2((double)r2)));
    if (power == 0 || power < -20 || power > 20) return 0; /* so far apart, one of them is as good as dead */
    for (int64_t i = 0; i < p->first_row; i++) row[i] = ldexpf(row[i], -power);
    if (p->first_bias) p->first_bias[c] = ldexpf(p->first_bias[c], -power);
    scale_second(p, c, ldexpf(1, power));
    return 1;
}

static int32_t equalize_round(rtvi_graph *graph, const int32_t *uses, int32_t *pairs, int *changed, rtv_error *error) {
    *pairs = *changed = 0;
    for (size_t i = 0; i < graph->num_nodes; i++) {
        pair p;
        if (!find_pair(graph, &graph->nodes[i], uses, &p)) continue;
        if (p.out_of_memory) return rtvi_error_out_of_memory(error, "quantizer", 0);
        ++*pairs;
        for (int64_t c = 0; c < p.channels; c++) *changed |= equalize_channel(&p, c);
    }
    return RTV_OK;
}

int32_t rtvi_quant_equalize(rtvi_graph *graph, int32_t *pairs, rtv_error *error) {
    int32_t *uses = rtvi_alloc(graph->env, graph->num_values, sizeof *uses);
    int32_t status = RTV_OK;
    int changed = 1;
    if (!uses) return rtvi_error_out_of_memory(error, "quantizer", 0);
    rtvi_graph_count_uses(graph, uses);
    for (int32_t round = 0; round < ROUNDS && changed && status == RTV_OK; round++)
        status = equalize_round(graph, uses, pairs, &changed, error);
    rtvi_free(graph->env, uses);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
