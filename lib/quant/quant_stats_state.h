/* quant_stats_state.h - what statistics consist of, for those who collect them and for their file. */
#ifndef RTVI_QUANT_STATS_STATE_H
#define RTVI_QUANT_STATS_STATE_H

#include <pthread.h>

#include "quant/quant_histogram.h"
#include "quant/quant_stats.h"

#define RTVI_QUANT_MAX_SAMPLES 32768

/* Of one sample. */
typedef struct rtvi_stats_record {
    float lo, hi; /* lo > hi: no such sample */
    float low_quantile, high_quantile;
} rtvi_stats_record;

/* A sum of the samples' means in fixed point: high * 2^-16 + low * 2^-48, exact for 2^15 samples up to 2^32 and any order. */
typedef struct rtvi_stats_sum {
    int64_t high, low;
} rtvi_stats_sum;

typedef struct rtvi_stats_value {
    char *name;
    uint32_t what;
    int64_t channels;
    int64_t count;                   /* samples entered */
    rtvi_stats_record *records;      /* [max_samples] */
    rtvi_stats_sum *sums;            /* [channels]; NULL unless MEANS */
    rtvi_quant_histogram *histogram; /* NULL unless HISTOGRAM */
} rtvi_stats_value;

struct rtvi_quant_stats {
    const rtvi_env *env;
    pthread_mutex_t mutex;
    int64_t max_samples;
    rtvi_stats_value *values;
    size_t num_values, cap_values;
};

rtvi_stats_value *rtvi_quant_stats_find(const rtvi_quant_stats *stats, const char *value); /* or NULL */

#endif
