/* eval_metrics.h - a query's metrics from the ranks of its relevant items alone. */
#ifndef RTVI_EVAL_METRICS_H
#define RTVI_EVAL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/evaluate.h>

/* A row of metrics: recall@k for each of ks, precision@k for each of ks, then R-precision, AP@R, AP, 1 / first rank. */
static inline size_t rtvi_eval_columns(size_t num_ks) { return 2 * num_ks + 4; }
/* The column of a metric RTV_METRIC_*; 0 when ks lacks k or there is no such metric. */
int rtvi_eval_column(const int64_t *ks, size_t num_ks, int32_t metric, int64_t k, size_t *column);

/* ranks[found] ascending, from 1: of those of the query's relevant items that were found; relevant >= found. Without any all is 0. */
void rtvi_eval_row(const int64_t *ranks, size_t found, int64_t relevant, const int64_t *ks, size_t num_ks, double *row);

#endif
