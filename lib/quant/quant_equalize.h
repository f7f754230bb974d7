/* quant_equalize.h - cross-layer equalization (arXiv 1906.04721): a channel between two convolutions is scaled down by the first and up
 * again by the second, so that the channels' weights reach as far in both. Exact through a ReLU, for relu(s x) = s relu(x) with s > 0. */
#ifndef RTVI_QUANT_EQUALIZE_H
#define RTVI_QUANT_EQUALIZE_H

#include <stdint.h>

#include "graph/graph.h"

/* Changes the weights of a folded and fused graph wherever one convolution alone reads another's result and no residual is on the way.
 * Scales are powers of two, so the network computes the same floats as before, bit for bit (but where they leave float32's normal range).
 * *pairs: pairs of convolutions equalized. */
int32_t rtvi_quant_equalize(rtvi_graph *graph, int32_t *pairs, rtv_error *error);

#endif
