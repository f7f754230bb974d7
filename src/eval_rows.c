/* eval_rows.c - what an evaluation says, row by row, with names. */
#include "eval_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "found.h"
#include "program.h"

static void add_metric(const eval_report *report, eval_metric *metrics, size_t *count, const char *name, int32_t metric, int64_t k) {
    eval_metric *m = &metrics[(*count)++];
    if (k > 0)
        snprintf(m->name, sizeof m->name, "%s@%" PRId64, name, k);
    else
        snprintf(m->name, sizeof m->name, "%s", name);
    m->metric = metric;
    m->k = k;
    rtv_evaluation_metric(report->evaluation, metric, k, RTV_RULE_MISS, &m->every, NULL);
    rtv_evaluation_metric(report->evaluation, metric, k, RTV_RULE_LEFT_OUT, &m->answerable, NULL);
}

eval_metric *eval_metrics(const eval_report *report, size_t *count) {
    eval_metric *metrics = allocate(2 * (size_t)report->info.num_ks + 4, sizeof *metrics);
    *count = 0;
    for (int64_t i = 0; i < report->info.num_ks; i++) add_metric(report, metrics, count, "recall", RTV_METRIC_RECALL, report->info.ks[i]);
    for (int64_t i = 0; i < report->info.num_ks; i++)
        add_metric(report, metrics, count, "precision", RTV_METRIC_PRECISION, report->info.ks[i]);
    add_metric(report, metrics, count, "R-precision", RTV_METRIC_R_PRECISION, 0);
    add_metric(report, metrics, count, "mAP@R", RTV_METRIC_MAP_AT_R, 0);
    add_metric(report, metrics, count, "mAP", RTV_METRIC_MAP, 0);
    add_metric(report, metrics, count, "MRR", RTV_METRIC_MRR, 0);
    return metrics;
}

/* A class in the gallery's numbers, or -2 - a number of the queries. */
static char *name_of(const eval_report *report, int32_t class_id) {
    return class_id >= 0 ? found_class_name(report->gallery, class_id) : found_class_name(report->queries, -2 - class_id);
}

static int read_values(const eval_report *report, int32_t metric, int64_t k, double *values, rtv_error *error) {
    int64_t count = report->info.num_classes;
    return rtv_evaluation_class_values(report->evaluation, metric, k, RTV_RULE_MISS, values, count, &count, error) == RTV_OK;
}

eval_class *eval_classes(const eval_report *report) {
    int64_t num_classes = report->info.num_classes;
    const size_t count = (size_t)num_classes;
    eval_class *classes = allocate(count, sizeof *classes);
    rtv_class_count *counts = allocate(count, sizeof *counts);
    double *values = allocate(3 * count, sizeof *values);
    rtv_error error;
    const int has_all = rtv_evaluation_classes(report->evaluation, counts, num_classes, &num_classes, &error) == RTV_OK &&
                        read_values(report, RTV_METRIC_RECALL, report->info.ks[0], values, &error) &&
                        read_values(report, RTV_METRIC_R_PRECISION, 0, values + count, &error) &&
                        read_values(report, RTV_METRIC_MAP_AT_R, 0, values + 2 * count, &error);
    for (size_t i = 0; has_all && i < count; i++)
        classes[i] = (eval_class){name_of(report, counts[i].class_id), counts[i], values[i], values[count + i], values[2 * count + i]};
    free(counts);
    free(values);
    if (has_all) return classes;
    fail(NULL, &error);
    free(classes);
    return NULL;
}

void eval_classes_free(const eval_report *report, eval_class *classes) {
    for (int64_t i = 0; classes && i < report->info.num_classes; i++) free(classes[i].name);
    free(classes);
}

/* Leave-one-out only: there the query is an item that the gallery can look for. The filter by predicted classes is not asked for again. */
static void find_first(const eval_report *report, eval_hard *query) {
    int64_t found = 0;
    if (!report->info.leave_one_out || report->info.predicted) return;
    if (rtv_index_search_ids(report->gallery, &query->result.id, 1, 1, NULL, &query->first, &found, NULL) != RTV_OK || found == 0) return;
    query->has_first = 1;
    query->first_key = found_key(report->gallery, query->first.id);
    query->first_class = found_class_name(report->gallery, query->first.class_id);
}

eval_hard *eval_hardest(const eval_report *report, int64_t *count) {
    const int64_t most = report->hardest < report->info.num_answerable ? report->hardest : report->info.num_answerable;
    rtv_query_result *results = allocate((size_t)most, sizeof *results);
    eval_hard *queries = allocate((size_t)most, sizeof *queries);
    rtv_error error;
    const int done = rtv_evaluation_hardest(report->evaluation, results, most, count, &error) == RTV_OK;
    *count = most;
    for (int64_t i = 0; done && i < most; i++) {
        queries[i].result = results[i];
        queries[i].key = found_key(report->queries, results[i].id);
        queries[i].class_name = name_of(report, results[i].class_id);
        find_first(report, &queries[i]);
    }
    free(results);
    if (done) return queries;
    fail(NULL, &error);
    free(queries);
    return NULL;
}

void eval_hardest_free(eval_hard *queries, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        free(queries[i].key);
        free(queries[i].class_name);
        free(queries[i].first_key);
        free(queries[i].first_class);
    }
    free(queries);
}

eval_histogram eval_histogram_of(const eval_report *report, int32_t scores) {
    eval_histogram h = {.total = 0};
    rtv_evaluation_histogram(report->evaluation, scores, -1, 1, EVAL_BINS, h.counts, &h.total, NULL);
    return h;
}
