/* quant_stats.h - what calibration learns about activations. Records are kept by sample number and sums are exact, so any order of the
 * samples, on any number of threads, gives the same statistics to the last bit. Memory does not grow with the pictures' size. */
#ifndef RTVI_QUANT_STATS_H
#define RTVI_QUANT_STATS_H

#include <stdint.h>

#include "base/base_env.h"
#include "quant/quant_params.h"
#include "tensor/tensor.h"

typedef struct rtvi_quant_stats rtvi_quant_stats;

/* What to collect of a value, a set. Minimum and maximum always are. */
enum { RTVI_QUANT_MEANS = 1 /* of each channel */, RTVI_QUANT_QUANTILES = 2 /* of each sample */, RTVI_QUANT_HISTOGRAM = 4 };

typedef enum rtvi_quant_estimator {
    RTVI_QUANT_MEAN_MIN_MAX = 0, /* mean over samples of each one's minimum and maximum: the default of NNCF */
    RTVI_QUANT_MIN_MAX,
    RTVI_QUANT_MEDIAN,        /* of the samples' minima and maxima */
    RTVI_QUANT_QUANTILE,      /* mean of each sample's quantiles, 1e-4 and 1 - 1e-4; needs QUANTILES */
    RTVI_QUANT_NO_OUTLIERS,   /* mean of the minima (maxima) that lie within their own quantiles 1e-4 and 1 - 1e-4 */
    RTVI_QUANT_SQUARED_ERROR, /* the range of least squared error; needs HISTOGRAM */
    RTVI_QUANT_ESTIMATOR_COUNT
} rtvi_quant_estimator;

/* "mean_min_max"; rtvi_quant_stats_find_estimator gives RTVI_QUANT_ESTIMATOR_COUNT for an unknown name. */
const char *rtvi_quant_stats_estimator_name(rtvi_quant_estimator estimator);
rtvi_quant_estimator rtvi_quant_stats_find_estimator(const char *name);
/* What has to be collected for it. */
uint32_t rtvi_quant_stats_needs(rtvi_quant_estimator estimator);

/* For samples numbered 0..max_samples-1. */
int32_t rtvi_quant_stats_create(const rtvi_env *env, int64_t max_samples, rtvi_quant_stats **stats, rtv_error *error);
void rtvi_quant_stats_destroy(rtvi_quant_stats *stats);
/* Asks for a value's statistics (once more: for more of them). channels: its second dimension. Before the first sample. */
int32_t rtvi_quant_stats_track(rtvi_quant_stats *stats, const char *value, int64_t channels, uint32_t what, rtv_error *error);

/* One sample's value: dense float32 [1][C]... Values not asked for are ignored. Any thread. Errors: FORMAT for a number that is not finite,
 * which names the value; INVALID_ARGUMENT for a sample number out of range or one that the value already has. */
int32_t rtvi_quant_stats_add(rtvi_quant_stats *stats, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error);

/* After the last sample. Errors: NOT_FOUND for a value without samples or without what the estimator needs. */
int32_t rtvi_quant_stats_range(const rtvi_quant_stats *stats, const char *value, rtvi_quant_estimator estimator, rtvi_quant_preset preset,
                               rtvi_quant_range *range, rtv_error *error);
/* means[channels]. */
int32_t rtvi_quant_stats_means(const rtvi_quant_stats *stats, const char *value, double *means, rtv_error *error);
/* 1 when all of `what` is collected of the value. */
int rtvi_quant_stats_has(const rtvi_quant_stats *stats, const char *value, uint32_t what);
/* Samples that a value has; 0 for one not asked for. */
int64_t rtvi_quant_stats_count(const rtvi_quant_stats *stats, const char *value);

#endif
