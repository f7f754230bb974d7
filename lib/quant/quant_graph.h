/* quant_graph.h - from a float graph, a plan and weights as codes to a graph on codes, and from that to its float simulation. */
#ifndef RTVI_QUANT_GRAPH_H
#define RTVI_QUANT_GRAPH_H

#include "graph/graph.h"
#include "quant/quant_plan.h"
#include "quant/quant_weights.h"

/* weights[num_nodes]: of every node whose form is INT8. Values keep their names; a conversion is named after its value, ".float" or
 * ".codes" added, and stands once however many read it. Constants of layers that stay float are shared with the graph's memory, which must
 * outlive the result; codes are copied. */
int32_t rtvi_quant_graph_rewrite(const rtvi_graph *graph, const rtvi_quant_plan *plan, const rtvi_quant_rounded *weights,
                                 rtvi_graph **quantized, rtv_error *error);

/* Other weights for a simulation than those of the model: the parent's, fake-quantized. */
typedef struct rtvi_quant_simulation {
    const rtvi_graph *parent; /* the float graph the model was made of */
    rtvi_quant_scheme scheme;
    int32_t bits; /* 2..8 */
} rtvi_quant_simulation;

/* The fake-quantize run of a quantized graph: layers in float32 on what the codes stand for, their results quantized again under the same
 * names. simulation NULL: with the weights' own codes. */
int32_t rtvi_quant_graph_simulate(const rtvi_graph *quantized, const rtvi_quant_simulation *simulation, rtvi_graph **simulated,
                                  rtv_error *error);

/* --- the report: one row a node of the float graph, read off the plan --- */
typedef struct rtvi_quant_report_row {
    const char *name;
    const char *op;
    const char *runs_in; /* "int8" or "float32" */
    const char *why;
    rtvi_code_type codes; /* of the result; dtype F32 and zeros when it is floats */
    int64_t pairs_mended;
    double weight_snr_db; /* of the weights' rounding; 0 for a float layer */
} rtvi_quant_report_row;
rtvi_quant_report_row rtvi_quant_graph_report(const rtvi_graph *graph, const rtvi_quant_plan *plan, const rtvi_quant_rounded *weights,
                                              size_t node);

#endif
