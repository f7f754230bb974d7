/* graph_edit.h - what passes need to change a graph: redirect readers, replace constants, sweep up. */
#ifndef RTVI_GRAPH_EDIT_H
#define RTVI_GRAPH_EDIT_H

#include "graph/graph.h"

/* Every node and graph output that reads value `from` reads `to` instead. */
void rtvi_graph_edit_redirect(rtvi_graph *graph, int32_t from, int32_t to);

/* Makes the constant float32 of the given shape with the values in block, which the graph takes over. */
void rtvi_graph_edit_set_constant(rtvi_graph *graph, int32_t value, int32_t rank, const int64_t *dims, float *block);

/* Copies the constants that lie in memory of others into the graph's own. */
int32_t rtvi_graph_edit_own_constants(rtvi_graph *graph, rtv_error *error);

/* A node as a pass leaves it behind: it reads nothing, nothing reads it, and the sweep drops it. */
void rtvi_graph_edit_retire(rtvi_node *node);

/* Exchanges the places of two nodes in the order of execution. */
void rtvi_graph_edit_swap(rtvi_graph *graph, rtvi_node *a, rtvi_node *b);

/* Drops nodes and values that no output needs and renumbers the rest; the input stays. Then verifies. */
int32_t rtvi_graph_edit_sweep(rtvi_graph *graph, rtv_error *error);

#endif
