/* quant_bias.h - bias correction: the mean of a layer's output is brought back to what it was before its weights were rounded. */
#ifndef RTVI_QUANT_BIAS_H
#define RTVI_QUANT_BIAS_H

#include <stdint.h>

#include "graph/graph.h"
#include "quant/quant_weights.h"

/* The mean over all places of what the layer computes (before residual and ReLU) when every place of an input channel holds that channel's
 * mean: mean_in[C], mean_out[K]. Padding is 0. With the rounded weights and bias, or (rounded NULL) those of the graph. In double. */
int32_t rtvi_quant_bias_predict(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounded *rounded, const double *mean_in,
                                double *mean_out, rtv_error *error);

/* bias += mean_float - mean_now, the means of the layer's output (before residual and ReLU) with float and with rounded weights. Fast
 * correction predicts mean_now; mean_float is measured (NNCF's way) or, better where padding reaches far into the maps, predicted too: then
 * what a prediction from constant maps gets wrong at the border cancels. Full correction measures both, mean_now on the quantized network
 * so far. Errors: FORMAT for a shift that is not finite. */
int32_t rtvi_quant_bias_correct(const rtvi_node *node, rtvi_quant_rounded *rounded, const double *mean_float, const double *mean_now,
                                rtv_error *error);

#endif
