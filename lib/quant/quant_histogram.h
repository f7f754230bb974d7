/* quant_histogram.h - how often which values occur. Each sign has 2048 bins from 0 on, whose width is the power of two that fits the
 * largest magnitude; they merge in twos as that grows, so that the order of the values leaves no trace. */
#ifndef RTVI_QUANT_HISTOGRAM_H
#define RTVI_QUANT_HISTOGRAM_H

#include <stdint.h>

#include "quant/quant_params.h"

#define RTVI_QUANT_BINS 2048

/* Zero it to begin. Zeros are not counted: a ReLU makes many, and no quantizer errs there. */
typedef struct rtvi_quant_histogram {
    uint64_t total;
    int32_t exponent;                  /* a bin is 2^exponent wide */
    uint64_t bins[2][RTVI_QUANT_BINS]; /* of values above, below zero: bin i holds i <= |x| * 2^-exponent < i + 1 */
} rtvi_quant_histogram;

/* values: finite, of at most so large a magnitude. */
void rtvi_quant_histogram_add(rtvi_quant_histogram *histogram, const float *values, int64_t count, float magnitude);
void rtvi_quant_histogram_merge(rtvi_quant_histogram *histogram, const rtvi_quant_histogram *other);

/* The range within seen whose codes (of rtvi_quant_params_activation) have the least squared error. */
rtvi_quant_range rtvi_quant_histogram_search(const rtvi_quant_histogram *histogram, rtvi_quant_range seen, rtvi_quant_preset preset);

#endif
