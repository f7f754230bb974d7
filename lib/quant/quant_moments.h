/* quant_moments.h - second moments of what a layer reads: sums of products of input codes, which say how rounding errors of its weights add
 * up in its output. Codes are integers and their sums are exact, so the order of the samples leaves no trace. */
#ifndef RTVI_QUANT_MOMENTS_H
#define RTVI_QUANT_MOMENTS_H

#include <stdint.h>

#include "base/base_env.h"
#include "graph/graph.h"
#include "quant/quant_params.h"

/* A layer's weight, [outputs][channels][positions]: a linear layer has one group and one position. */
typedef struct rtvi_quant_shape {
    int64_t outputs; /* of all groups */
    int64_t groups;
    int64_t channels; /* in a group */
    int64_t positions;
} rtvi_quant_shape;

/* Of a CONV or LINEAR node (or their forms on codes). */
rtvi_quant_shape rtvi_quant_moments_shape(const rtvi_graph *graph, const rtvi_node *node);

typedef enum rtvi_quant_moments_kind {
    RTVI_QUANT_MOMENTS_CHANNELS = 0, /* between the channels at one kernel position, the same for every position */
    RTVI_QUANT_MOMENTS_FULL = 1      /* between all inputs of an output: (channels * positions)^2 */
} rtvi_quant_moments_kind;

/* Rows and columns stand in the order [position][channel]. */
typedef struct rtvi_quant_moments {
    const rtvi_env *env;
    rtvi_quant_moments_kind kind;
    rtvi_quant_shape shape;
    int64_t dim;       /* channels, or channels * positions */
    int64_t count;     /* inputs seen */
    int64_t *products; /* [groups][dim * (dim + 1) / 2], lower triangles by rows */
    int64_t *sums;     /* [groups][dim] */
} rtvi_quant_moments;

int32_t rtvi_quant_moments_create(const rtvi_env *env, rtvi_quant_shape shape, rtvi_quant_moments_kind kind, rtvi_quant_moments *moments,
                                  rtv_error *error);
void rtvi_quant_moments_destroy(rtvi_quant_moments *moments);
/* What node reads of one sample: codes, or floats that become codes; at most max_places places of the picture, spread evenly, others for
 * each sample number. One thread at a time. */
int32_t rtvi_quant_moments_add(rtvi_quant_moments *moments, const rtvi_graph *graph, const rtvi_node *node, const rtvi_tensor *input,
                               rtvi_code_type codes, int64_t sample, int64_t max_places, rtv_error *error);
/* Means of the products in matrix[dim][dim] (lower triangle), of one group; centered: less the product of the means, for a layer whose bias
 * is corrected afterwards. */
void rtvi_quant_moments_matrix(const rtvi_quant_moments *moments, int64_t group, int centered, float *matrix);

#endif
