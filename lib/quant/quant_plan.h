/* quant_plan.h - what runs in int8 and why, and which codes every value gets. Of a graph that went through all passes: folded and fused. */
#ifndef RTVI_QUANT_PLAN_H
#define RTVI_QUANT_PLAN_H

#include <stdint.h>

#include "graph/graph.h"
#include "quant/quant_params.h"

typedef struct rtvi_quant_settings {
    rtvi_quant_preset preset;
    const rtvi_quant_preset *presets; /* [num_values] of the values' codes; NULL: preset everywhere */
    int32_t quantize_auxiliary;       /* 1: also what the class scores alone need; 0: that stays in float32 */
    const char *const *keep_float;    /* [num_nodes]: NULL, or why the node stays in float32 (a scope); NULL for none */
    const rtvi_quant_range *ranges;   /* [num_values], lo > hi where nothing is known */
} rtvi_quant_settings;

typedef enum rtvi_quant_form {
    RTVI_QUANT_FLOAT = 0, /* float32 in and out */
    RTVI_QUANT_INT8,      /* a convolution or linear layer on codes */
    RTVI_QUANT_ON_CODES   /* a pool that reads the codes its input has anyway */
} rtvi_quant_form;

typedef struct rtvi_quant_node_plan {
    rtvi_quant_form form;
    const char *why;      /* lives as long as the settings */
    rtvi_code_type reads; /* INT8: what the first input's codes stand for */
} rtvi_quant_node_plan;

/* How a value comes from the node that makes it. */
typedef struct rtvi_quant_value_plan {
    int32_t is_codes;
    rtvi_code_type codes; /* when is_codes */
} rtvi_quant_value_plan;

typedef struct rtvi_quant_plan {
    const rtvi_env *env;
    rtvi_quant_settings settings;
    rtvi_quant_node_plan *nodes;   /* [num_nodes] */
    rtvi_quant_value_plan *values; /* [num_values] */
} rtvi_quant_plan;

/* INVALID_ARGUMENT for a graph that is quantized already. */
int32_t rtvi_quant_plan_check(const rtvi_graph *graph, rtv_error *error);
/* The settings' arrays must outlive the plan. Errors: INVALID_ARGUMENT for a graph that is quantized already; NOT_FOUND for a value without
 * a range; FORMAT for one that is constant or not finite. */
int32_t rtvi_quant_plan_make(const rtvi_graph *graph, const rtvi_quant_settings *settings, rtvi_quant_plan *plan, rtv_error *error);
void rtvi_quant_plan_destroy(rtvi_quant_plan *plan);

/* Codes that a float value gets where it is read: by a layer, or as a residual (zero point 0). */
int32_t rtvi_quant_plan_read(const rtvi_graph *graph, const rtvi_quant_plan *plan, int32_t value, int as_residual, rtvi_code_type *codes,
                             rtv_error *error);
/* The range of the network's input, exact when the graph knows how pictures are normalised. */
rtvi_quant_range rtvi_quant_plan_input_range(const rtvi_graph *graph, const rtvi_quant_settings *settings);

#endif
