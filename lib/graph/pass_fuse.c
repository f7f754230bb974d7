/* pass_fuse.c - what follows a convolution and can be done while its result is at hand: the residual sum, then the ReLU. A convolution
 * takes something over only when nobody else reads its own result. The fused value keeps the convolution's name. */
#include "graph/graph_edit.h"

/* The convolution that computes a value and can take over the one node that reads it; NULL when there is none. */
static rtvi_node *fusable_conv(const rtvi_graph *graph, int32_t value, const int32_t *uses) {
    int32_t producer = graph->values[value].producer;
    rtvi_node *node = producer < 0 ? NULL : &graph->nodes[producer];
    int fusable = node && node->op == RTVI_OP_CONV && uses[value] == 1 && node->attr.activation == RTVI_ACTIVATION_NONE;
    return fusable ? node : NULL;
}

static void fuse_activation(rtvi_graph *graph, rtvi_node *relu, const int32_t *uses) {
    rtvi_node *conv = relu->op == RTVI_OP_RELU ? fusable_conv(graph, relu->inputs[0], uses) : NULL;
    if (!conv) return;
    conv->attr.activation = RTVI_ACTIVATION_RELU;
    rtvi_graph_edit_retire(relu);
    rtvi_graph_edit_redirect(graph, relu->output, conv->output);
}

/* Both summands may come from convolutions: the one executed last takes the sum. It moves to the place of the addition, where the other
 * summand is ready; what lies between does not read it. */
static void fuse_residual(rtvi_graph *graph, rtvi_node *add, const int32_t *uses) {
    rtvi_node *last = NULL;
    int32_t other = 0;
    for (int32_t i = 0; add->op == RTVI_OP_ADD && i < add->num_inputs; i++) {
        rtvi_node *conv = fusable_conv(graph, add->inputs[i], uses);
        if (!conv || conv->attr.residual || (last && conv < last)) continue;
        last = conv;
        other = add->inputs[1 - i];
    }
    if (!last) return;
    last->inputs[last->num_inputs++] = other;
    last->attr.residual = 1;
    rtvi_graph_edit_retire(add);
    rtvi_graph_edit_redirect(graph, add->output, last->output);
    rtvi_graph_edit_swap(graph, last, add);
}

static int32_t fuse(rtvi_graph *graph, void (*fuse_node)(rtvi_graph *, rtvi_node *, const int32_t *), rtv_error *error) {
    int32_t *uses = rtvi_alloc(graph->env, graph->num_values, sizeof *uses);
    if (!uses) return rtvi_error_out_of_memory(error, "graph", 0);
    for (size_t i = 0; i < graph->num_nodes; i++) {
        rtvi_graph_count_uses(graph, uses);
        fuse_node(graph, &graph->nodes[i], uses);
    }
    rtvi_free(graph->env, uses);
    return rtvi_graph_edit_sweep(graph, error);
}

int32_t rtvi_pass_fuse_activation(rtvi_graph *graph, rtv_error *error) { return fuse(graph, fuse_activation, error); }

int32_t rtvi_pass_fuse_residual(rtvi_graph *graph, rtv_error *error) { return fuse(graph, fuse_residual, error); }
