/* api_evaluation.c - evaluate.h: what an evaluation says. */
#include "api/api_evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/eval_metrics.h"
#include "eval/eval_scores.h"

int32_t rtv_evaluation_info_get(const rtv_evaluation *evaluation, rtv_evaluation_info *info, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    RTVI_REQUIRE(info, error, "info is NULL");
    return rtvi_api_info(info, &evaluation->info, sizeof evaluation->info, "rtv_evaluation_info", error);
}

static int32_t find_column(const rtv_evaluation *e, int32_t metric, int64_t k, int32_t rule, size_t *column, rtv_error *error) {
    if (metric < RTV_METRIC_RECALL || metric > RTV_METRIC_MRR)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: metric: got %d, expected RTV_METRIC_*", (int)metric);
    if (rule != RTV_RULE_MISS && rule != RTV_RULE_LEFT_OUT)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: rule: got %d, expected RTV_RULE_*", (int)rule);
    if (rtvi_eval_column(e->info.ks, (size_t)e->info.num_ks, metric, k, column)) return RTV_OK;
    return rtvi_error_set(error, RTV_E_NOT_FOUND, "evaluate: k: got %lld, expected one of the options' ks", (long long)k);
}

int32_t rtv_evaluation_metric(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, rtv_metric_value *value,
                              rtv_error *error) {
    size_t column;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    RTVI_REQUIRE(value, error, "value is NULL");
    status = find_column(evaluation, metric, k, rule, &column, error);
    if (status == RTV_OK) *value = rtvi_eval_table_mean(&evaluation->table, column, rule);
    return status;
}

int32_t rtv_evaluation_classes(const rtv_evaluation *evaluation, rtv_class_count *classes, int64_t capacity, int64_t *count,
                               rtv_error *error) {
    size_t written;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    status = rtvi_api_room(classes, capacity, evaluation->info.num_classes, count, &written, error);
    if (status == RTV_OK && written > 0) memcpy(classes, evaluation->table.classes, written * sizeof *classes);
    return status;
}

int32_t rtv_evaluation_class_values(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, double *values,
                                    int64_t capacity, int64_t *count, rtv_error *error) {
    size_t column, written;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    status = find_column(evaluation, metric, k, rule, &column, error);
    if (status == RTV_OK) status = rtvi_api_room(values, capacity, evaluation->info.num_classes, count, &written, error);
    for (size_t i = 0; status == RTV_OK && i < written; i++) values[i] = rtvi_eval_table_class_mean(&evaluation->table, i, column, rule);
    return status;
}

int32_t rtv_evaluation_queries(const rtv_evaluation *evaluation, rtv_query_result *results, int64_t capacity, int64_t *count,
                               rtv_error *error) {
    size_t written;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    status = rtvi_api_room(results, capacity, evaluation->info.num_queries, count, &written, error);
    if (status == RTV_OK && written > 0) memcpy(results, evaluation->queries, written * sizeof *results);
    return status;
}

static int by_hardness(const void *a, const void *b) {
    const rtv_query_result *x = a, *y = b;
    const uint64_t first_x = (uint64_t)x->first_rank - 1, first_y = (uint64_t)y->first_rank - 1; /* 0, not found, becomes the largest */
    if (first_x != first_y) return first_x > first_y ? -1 : 1;
    if (x->average_precision != y->average_precision) return x->average_precision < y->average_precision ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

int32_t rtv_evaluation_hardest(const rtv_evaluation *evaluation, rtv_query_result *results, int64_t capacity, int64_t *count,
                               rtv_error *error) {
    const rtvi_env *env;
    rtv_query_result *sorted;
    size_t total = 0, written;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    status = rtvi_api_room(results, capacity, evaluation->info.num_answerable, count, &written, error);
    if (status != RTV_OK || written == 0) return status;
    env = &evaluation->runtime->env;
    sorted = rtvi_alloc(env, (size_t)evaluation->info.num_queries, sizeof *sorted);
    if (!sorted) return rtvi_error_out_of_memory(error, "evaluate", (size_t)evaluation->info.num_queries * sizeof *sorted);
    for (int64_t i = 0; i < evaluation->info.num_queries; i++)
        if (evaluation->queries[i].num_relevant > 0) sorted[total++] = evaluation->queries[i];
    qsort(sorted, total, sizeof *sorted, by_hardness);
    memcpy(results, sorted, written * sizeof *results);
    rtvi_free(env, sorted);
    return RTV_OK;
}

int32_t rtv_evaluation_histogram(const rtv_evaluation *evaluation, int32_t scores, double low, double high, int64_t bins, int64_t *counts,
                                 int64_t *total, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    RTVI_REQUIRE(counts, error, "counts is NULL");
    if (scores < RTV_SCORES_NEAREST_SAME || scores > RTV_SCORES_PAIRS_OTHER)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: scores: got %d, expected RTV_SCORES_*", (int)scores);
    if (!(low < high) || !isfinite(low) || !isfinite(high))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: bins: got %g..%g, expected a range", low, high);
    RTVI_REQUIRE(bins > 0, error, "bins is not positive");
    rtvi_eval_histogram(evaluation->scores[scores], evaluation->num_scores[scores], low, high, (size_t)bins, counts);
    if (total) *total = (int64_t)evaluation->num_scores[scores];
    return RTV_OK;
}

int32_t rtv_evaluation_threshold(const rtv_evaluation *evaluation, double false_accept_rate, rtv_threshold *threshold, rtv_error *error) {
    rtvi_eval_nearest nearest;
    RTVI_ENTER(error);
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    RTVI_REQUIRE(threshold, error, "threshold is NULL");
    if (!(false_accept_rate >= 0) || !(false_accept_rate <= 1))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: false_accept_rate: got %g, expected 0..1", false_accept_rate);
    nearest = (rtvi_eval_nearest){.others = evaluation->scores[RTV_SCORES_NEAREST_OTHER],
                                  .sames = evaluation->scores[RTV_SCORES_NEAREST_SAME],
                                  .num_others = evaluation->num_scores[RTV_SCORES_NEAREST_OTHER],
                                  .num_sames = evaluation->num_scores[RTV_SCORES_NEAREST_SAME],
                                  .queries = (size_t)evaluation->info.num_score_queries,
                                  .answerable = evaluation->score_answerable};
    if (nearest.num_others == 0)
        return rtvi_error_set(error, RTV_E_STATE, "evaluate: got no score of an item of another class, expected score_queries not 0");
    *threshold = rtvi_eval_threshold(&nearest, false_accept_rate);
    return RTV_OK;
}
