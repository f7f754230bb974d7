/* eval_rows.h - what an evaluation says, row by row, with names: for the table and for JSON. */
#ifndef EVAL_ROWS_H
#define EVAL_ROWS_H

#include "eval_report.h"

/* A metric under both rules. */
typedef struct eval_metric {
    char name[32]; /* "recall@10", "mAP@R" */
    int32_t metric;
    int64_t k;
    rtv_metric_value every, answerable;
} eval_metric;

/* New: metrics[*count], in the order they are shown. */
eval_metric *eval_metrics(const eval_report *report, size_t *count);

/* A class with its metrics, shown ones only: recall at the first k, R-precision, mAP@R. */
typedef struct eval_class {
    char *name; /* NULL when it has none */
    rtv_class_count count;
    double recall, r_precision, map_at_r; /* over every query */
} eval_class;

/* New: classes[info.num_classes]; eval_classes_free. NULL after a message. */
eval_class *eval_classes(const eval_report *report);
void eval_classes_free(const eval_report *report, eval_class *classes);

/* A hard query and what came first in place of its own class. */
typedef struct eval_hard {
    rtv_query_result result;
    char *key, *class_name;
    int has_first; /* 1: the rest is there */
    rtv_hit first;
    char *first_key, *first_class;
} eval_hard;

/* New: queries[*count]; eval_hardest_free. NULL after a message. */
eval_hard *eval_hardest(const eval_report *report, int64_t *count);
void eval_hardest_free(eval_hard *queries, int64_t count);

/* Bins of RTV_SCORES_*, from -1 to 1. */
enum { EVAL_BINS = 40 };
typedef struct eval_histogram {
    int64_t counts[EVAL_BINS], total;
} eval_histogram;
eval_histogram eval_histogram_of(const eval_report *report, int32_t scores);

#endif
