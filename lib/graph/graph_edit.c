/* graph_edit.c - changing a graph in place. */
#include "graph/graph_edit.h"

#include <string.h>

void rtvi_graph_edit_redirect(rtvi_graph *graph, int32_t from, int32_t to) {
    for (size_t i = 0; i < graph->num_nodes; i++)
        for (int32_t j = 0; j < graph->nodes[i].num_inputs; j++)
            if (graph->nodes[i].inputs[j] == from) graph->nodes[i].inputs[j] = to;
    for (int32_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i].value == from) graph->outputs[i].value = to;
}

void rtvi_graph_edit_set_constant(rtvi_graph *graph, int32_t index, int32_t rank, const int64_t *dims, float *block) {
    rtvi_value *value = &graph->values[index];
    rtvi_free(graph->env, value->owned);
    rtvi_free(graph->env, value->owned_factor);
    value->owned = block;
    value->owned_factor = NULL;
    value->factor = NULL;
    value->constant = rtvi_tensor_contiguous(RTVI_F32, rank, dims, block);
    value->dtype = RTVI_F32;
    value->rank = rank;
    memcpy(value->dims, dims, (size_t)rank * sizeof *dims);
}

int32_t rtvi_graph_edit_own_constants(rtvi_graph *graph, rtv_error *error) {
    for (size_t i = 0; i < graph->num_values; i++) {
        rtvi_value *value = &graph->values[i];
        const size_t count = value->is_constant ? (size_t)rtvi_tensor_count(&value->constant) : 0, size = rtvi_dtype_size(value->dtype);
        if (!value->is_constant || value->owned) continue;
        value->owned = rtvi_alloc(graph->env, count, size);
        if (!value->owned) return rtvi_error_out_of_memory(error, "graph", count * size);
        rtvi_tensor_to_bytes(&value->constant, value->owned);
        value->constant = rtvi_tensor_contiguous(value->dtype, value->rank, value->dims, value->owned);
    }
    return rtvi_error_clear(error);
}

void rtvi_graph_edit_retire(rtvi_node *node) { node->num_inputs = 0; }

void rtvi_graph_edit_swap(rtvi_graph *graph, rtvi_node *a, rtvi_node *b) {
    rtvi_node node = *a;
    *a = *b;
    *b = node;
    graph->values[a->output].producer = (int32_t)(a - graph->nodes);
    graph->values[b->output].producer = (int32_t)(b - graph->nodes);
}

/* Nodes stand in execution order, so one walk from the end sees every reader before what it reads. */
static void mark_needed(const rtvi_graph *graph, int32_t *needed) {
    needed[graph->input] = 1;
    for (int32_t i = 0; i < graph->num_outputs; i++) needed[graph->outputs[i].value] = 1;
    for (size_t i = graph->num_nodes; i-- > 0;) {
        const rtvi_node *node = &graph->nodes[i];
        for (int32_t j = 0; j < node->num_inputs && needed[node->output]; j++) needed[node->inputs[j]] = 1;
    }
}

static void drop_nodes(rtvi_graph *graph, const int32_t *needed) {
    size_t kept = 0;
    for (size_t i = 0; i < graph->num_nodes; i++) {
        if (needed[graph->nodes[i].output]) {
            graph->nodes[kept] = graph->nodes[i];
            graph->values[graph->nodes[kept].output].producer = (int32_t)kept;
            kept++;
        } else {
            rtvi_free(graph->env, graph->nodes[i].name);
        }
    }
    graph->num_nodes = kept;
}

/* needed[i] becomes the new number of value i. */
static void drop_values(rtvi_graph *graph, int32_t *needed) {
    size_t kept = 0;
    for (size_t i = 0; i < graph->num_values; i++) {
        if (needed[i]) {
            graph->values[kept] = graph->values[i];
            needed[i] = (int32_t)kept++;
        } else {
            rtvi_free(graph->env, graph->values[i].name);
            rtvi_free(graph->env, graph->values[i].owned);
            rtvi_free(graph->env, graph->values[i].owned_factor);
        }
    }
    graph->num_values = kept;
}

int32_t rtvi_graph_edit_sweep(rtvi_graph *graph, rtv_error *error) {
    int32_t *needed = rtvi_alloc_zero(graph->env, graph->num_values, sizeof *needed);
    if (!needed) return rtvi_error_out_of_memory(error, "graph", 0);
    mark_needed(graph, needed);
    drop_nodes(graph, needed);
    drop_values(graph, needed);
    for (size_t i = 0; i < graph->num_nodes; i++) {
        rtvi_node *node = &graph->nodes[i];
        for (int32_t j = 0; j < node->num_inputs; j++) node->inputs[j] = needed[node->inputs[j]];
        node->output = needed[node->output];
    }
    for (int32_t i = 0; i < graph->num_outputs; i++) graph->outputs[i].value = needed[graph->outputs[i].value];
    graph->input = needed[graph->input];
    rtvi_free(graph->env, needed);
    return rtvi_graph_verify(graph, error);
}
