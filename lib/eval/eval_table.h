/* eval_table.h - metrics of many queries by class: sums, means, confidence intervals. */
#ifndef RTVI_EVAL_TABLE_H
#define RTVI_EVAL_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/evaluate.h>

#include "base/base_env.h"

/* A row without relevant items holds zeros, so that one sum serves both rules. */
typedef struct rtvi_eval_table {
    size_t num_classes, columns;
    rtv_class_count *classes; /* [num_classes], class_id ascending */
    double *sums;             /* [num_classes][columns] over the queries of a class, in their order */
    double *bounds;           /* [columns][2 rules][low, high] */
} rtvi_eval_table;

/* classes[count] may be any numbers; relevant[count]; rows[count][columns]. */
int32_t rtvi_eval_table_build(const rtvi_env *env, const int32_t *classes, const int64_t *relevant, const double *rows, size_t count,
                              size_t columns, rtvi_eval_table *table, rtv_error *error);
void rtvi_eval_table_destroy(const rtvi_env *env, rtvi_eval_table *table);

/* Confidence intervals by percentile bootstrap over classes: as many classes are drawn with putting back as there are, each brings all its
 * queries; samples times. Percentiles are interpolated linearly (as NumPy's). Without it, or with fewer than two classes, bounds are NaN.
 */
int32_t rtvi_eval_table_bootstrap(const rtvi_env *env, rtvi_eval_table *table, int64_t samples, double confidence, uint64_t seed,
                                  rtv_error *error);

/* The mean over all queries; rule is RTV_RULE_*. */
rtv_metric_value rtvi_eval_table_mean(const rtvi_eval_table *table, size_t column, int32_t rule);
/* The mean over the queries of one class, by its place in classes. */
double rtvi_eval_table_class_mean(const rtvi_eval_table *table, size_t place, size_t column, int32_t rule);

#endif
