/* quant_weights.h - rounding of weights to codes with one scale for each output channel.
 *
 * What counts is the error of the layer's output: with H the second moments of its inputs and e the rounding errors of one output's
 * weights, the mean square of that error is e' H e. Compensated rounding goes through the weights in order and moves each to absorb what
 * the errors before it do to the output (GPTQ, arXiv 2210.17323, in the equivalent form of Babai's nearest plane: H = L' L with L lower
 * triangular, and every term of |L e|^2 is made as small as its own code can make it). Pair-safe rounding keeps the pair-sum rule of
 * docs/quantization.md: where two neighbours would break it, the two codes of least error that keep it are taken together. */
#ifndef RTVI_QUANT_WEIGHTS_H
#define RTVI_QUANT_WEIGHTS_H

#include <stdint.h>

#include "quant/quant_moments.h"

#define RTVI_QUANT_HALF_RANGE 64 /* the largest code whose pairs cannot break the rule */
#define RTVI_QUANT_PAIR_SUM 128

typedef struct rtvi_quant_rounding {
    int32_t max_code;   /* 127, or RTVI_QUANT_HALF_RANGE */
    int32_t pair_safe;  /* 1: keep the pair-sum rule */
    int32_t compensate; /* 1: as GPTQ, where there are moments */
    int32_t centered;   /* 1: the bias will be corrected: only the errors' deviation from their mean counts */
    float damping;      /* added to the diagonal of H, as a share of its mean */
} rtvi_quant_rounding;

rtvi_quant_rounding rtvi_quant_weights_default(void); /* 127, pair-safe, compensated, centered, 0.01 */

/* A layer's weights as codes, with what became of them. */
typedef struct rtvi_quant_rounded {
    const rtvi_env *env;
    rtvi_quant_shape shape;
    int8_t *codes;        /* [outputs][channels][positions], as the weight has them */
    float *scales;        /* [outputs] */
    float *bias;          /* [outputs]; zeros where the layer has none */
    int64_t pairs_mended; /* that the pair-sum rule changed */
    double signal;        /* sum of squares of the weights, and of their errors */
    double noise;
} rtvi_quant_rounded;

/* The weights of a CONV or LINEAR node. moments may be NULL: every input counts the same then, and nothing is compensated. Errors: FORMAT
 * for a weight or bias that is not finite. */
int32_t rtvi_quant_weights_round(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounding *how,
                                 const rtvi_quant_moments *moments, rtvi_quant_rounded *rounded, rtv_error *error);
void rtvi_quant_weights_destroy(rtvi_quant_rounded *rounded);

/* Pairs that break the rule. */
int64_t rtvi_quant_weights_count_unsafe(const int8_t *codes, rtvi_quant_shape shape);

#endif
