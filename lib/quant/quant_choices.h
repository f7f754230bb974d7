/* quant_choices.h - a quantizer's options, layer by layer: scopes and overrides are looked up once. */
#ifndef RTVI_QUANT_CHOICES_H
#define RTVI_QUANT_CHOICES_H

#include <retrieve/quantizer.h>

#include "graph/graph.h"
#include "quant/quant_params.h"
#include "quant/quant_stats.h"

/* Of one layer. */
typedef struct rtvi_quant_choice {
    rtvi_quant_preset preset; /* of its result */
    rtvi_quant_estimator estimator;
    int32_t weights;         /* RTV_WEIGHTS_* */
    int32_t bias_correction; /* RTV_BIAS_* */
} rtvi_quant_choice;

typedef struct rtvi_quant_choices {
    const rtvi_env *env;
    rtvi_quant_choice all;    /* of layers without overrides, and of the network's input */
    rtvi_quant_choice *nodes; /* [num_nodes] */
    const char **keep_float;  /* [num_nodes]: NULL, or why the node stays in float32 */
    char (*texts)[136];       /* [num_ignored] behind keep_float */
} rtvi_quant_choices;

/* INVALID_ARGUMENT for a setting out of range. */
int32_t rtvi_quant_choices_check(const rtv_quantizer_options *options, rtv_error *error);
/* Of checked options and a graph as it is planned. Errors: as rtvi_quant_scope_match. */
int32_t rtvi_quant_choices_make(const rtvi_graph *graph, const rtv_quantizer_options *options, rtvi_quant_choices *choices,
                                rtv_error *error);
void rtvi_quant_choices_destroy(rtvi_quant_choices *choices);

#endif
