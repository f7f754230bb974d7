/* api_evaluate.c - evaluate.h. */
#include <math.h>
#include <string.h>

#include "api/api_handles.h"

int32_t rtv_evaluation_create(rtv_index *gallery, rtv_index *queries, const rtv_evaluate_options *options, rtv_evaluation **evaluation,
                              rtv_error *error) {
    (void)gallery;
    (void)queries;
    (void)options;
    (void)evaluation;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_info_get(const rtv_evaluation *evaluation, rtv_evaluation_info *info, rtv_error *error) {
    (void)evaluation;
    (void)info;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_metric(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, rtv_metric_value *value,
                              rtv_error *error) {
    (void)evaluation;
    (void)metric;
    (void)k;
    (void)rule;
    (void)value;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_classes(const rtv_evaluation *evaluation, rtv_class_count *classes, int64_t capacity, rtv_error *error) {
    (void)evaluation;
    (void)classes;
    (void)capacity;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_class_values(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, double *values,
                                    int64_t capacity, rtv_error *error) {
    (void)evaluation;
    (void)metric;
    (void)k;
    (void)rule;
    (void)values;
    (void)capacity;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_queries(const rtv_evaluation *evaluation, rtv_query_result *results, int64_t capacity, rtv_error *error) {
    (void)evaluation;
    (void)results;
    (void)capacity;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_hardest(const rtv_evaluation *evaluation, int64_t count, rtv_query_result *results, int64_t *found,
                               rtv_error *error) {
    (void)evaluation;
    (void)count;
    (void)results;
    (void)found;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_histogram(const rtv_evaluation *evaluation, int32_t scores, double low, double high, int64_t bins, int64_t *counts,
                                 int64_t *total, rtv_error *error) {
    (void)evaluation;
    (void)scores;
    (void)low;
    (void)high;
    (void)bins;
    (void)counts;
    (void)total;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

int32_t rtv_evaluation_threshold(const rtv_evaluation *evaluation, double false_accept_rate, rtv_threshold *threshold, rtv_error *error) {
    (void)evaluation;
    (void)false_accept_rate;
    (void)threshold;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "evaluate: not there yet");
}

void rtv_evaluate_options_init_sized(rtv_evaluate_options *options, uint32_t struct_size) {
    rtv_evaluate_options d;
    memset(&d, 0, sizeof d);
    rtvi_api_init(options, struct_size, &d, sizeof d);
}

void rtv_evaluation_free(rtv_evaluation *evaluation) { (void)evaluation; }
