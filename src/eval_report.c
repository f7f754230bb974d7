/* eval_report.c - an evaluation as tables or as JSON. */
#include "eval_report.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval_rows.h"
#include "json_text.h"
#include "table.h"
#include "text.h"

enum { BAR = 30 };

/* --- for people --------------------------------------------------------------------------------------------------------------------- */

static void add_percent(table *t, double value) {
    if (isnan(value))
        table_add(t, CELL_DIM, "-");
    else
        table_add_text(t, "%.2f %%", 100 * value);
}

static void add_interval(table *t, const rtv_metric_value *value) {
    char text[64];
    snprintf(text, sizeof text, "%.2f .. %.2f", 100 * value->low, 100 * value->high);
    table_add(t, CELL_DIM, isnan(value->low) ? "" : text);
}

static void print_head(const eval_report *report) {
    const rtv_evaluation_info *info = &report->info;
    short_text a, b, c;
    table_print_styled(stdout, CELL_BOLD, report->gallery_path);
    if (report->queries_path)
        printf(": %s queries of %s in %s items", text_count(&a, info->num_queries), report->queries_path,
               text_count(&b, info->num_gallery));
    else
        printf(": leave-one-out, %s queries", text_count(&a, info->num_queries));
    printf(", %s %s%s\n", text_count(&c, info->num_classes), info->num_classes == 1 ? "class" : "classes",
           info->predicted ? ", among the items predicted alike" : "");
    if (info->num_answerable < info->num_queries)
        printf("%s have nothing to find: misses on the left, left out on the right\n",
               text_count(&a, info->num_queries - info->num_answerable));
    if (info->num_unlabelled > 0) printf("%s items have no class and are no queries\n", text_count(&a, info->num_unlabelled));
    putchar('\n');
}

static void print_metrics(const eval_report *report) {
    const int is_split = report->info.num_answerable < report->info.num_queries;
    size_t count;
    eval_metric *metrics = eval_metrics(report, &count);
    char label[32];
    table t;
    table_begin(&t, is_split ? "lrrrr" : "lrr");
    snprintf(label, sizeof label, "%g %% interval", 100 * report->info.confidence);
    for (int i = 0; i <= is_split; i++) {
        if (i == 0) table_add(&t, CELL_PLAIN, "");
        table_add(&t, CELL_DIM, i ? "answerable" : "all queries");
        table_add(&t, CELL_DIM, isnan(metrics[0].every.low) ? "" : label);
    }
    for (size_t i = 0; i < count; i++) {
        table_add(&t, CELL_PLAIN, metrics[i].name);
        add_percent(&t, metrics[i].every.value);
        add_interval(&t, &metrics[i].every);
        if (!is_split) continue;
        add_percent(&t, metrics[i].answerable.value);
        add_interval(&t, &metrics[i].answerable);
    }
    table_print(&t, stdout);
    table_destroy(&t);
    free(metrics);
}

static void print_threshold(const eval_report *report) {
    rtv_threshold found;
    short_text a, b;
    if (rtv_evaluation_threshold(report->evaluation, report->false_accept_rate, &found, NULL) != RTV_OK) return;
    if (!(found.min_score > -INFINITY)) return; /* so many may be accepted that all are */
    printf("\n\"Nothing similar\" below a score of %s: %.2f %% of %s queries meet another class above it, %.2f %% lose their best hit\n",
           text_float(&a, found.min_score), 100 * found.false_accept_rate, text_count(&b, report->info.num_score_queries),
           100 * found.false_reject_rate);
}

/* shares[bin] of the queries; returns the largest. */
static double take_shares(const eval_report *report, int32_t scores, double *shares) {
    const eval_histogram h = eval_histogram_of(report, scores);
    double largest = 0;
    for (int i = 0; i < EVAL_BINS; i++) {
        shares[i] = h.total > 0 ? (double)h.counts[i] / (double)h.total : 0;
        if (shares[i] > largest) largest = shares[i];
    }
    return largest;
}

static void print_bar(const char *label, double share, double largest) {
    const char *cell = text_has_utf8() ? "\u2588" : "#";
    printf("%s %5.1f %% ", label, 100 * share);
    for (int i = 0; i < (int)(BAR * share / largest + 0.5); i++) fputs(cell, stdout);
    putchar('\n');
}

/* Bars side by side: the best relevant item's score, and the best other's. */
static void print_histogram(const eval_report *report) {
    double same[EVAL_BINS], other[EVAL_BINS];
    const double most_same = take_shares(report, RTV_SCORES_NEAREST_SAME, same);
    const double most_other = take_shares(report, RTV_SCORES_NEAREST_OTHER, other);
    const double largest = most_same > most_other ? most_same : most_other;
    int first = 0, last = EVAL_BINS - 1;
    if (largest <= 0) return;
    while (same[first] + other[first] <= 0) first++;
    while (same[last] + other[last] <= 0) last--;
    printf("\nscores of the best relevant (+) and of the best other item (-), share of the queries\n");
    for (int i = first; i <= last; i++) {
        printf("%5.2f ", 2.0 * i / EVAL_BINS - 1);
        print_bar("+", same[i], largest);
        print_bar("      -", other[i], largest);
    }
}

static int print_classes(const eval_report *report) {
    eval_class *classes = eval_classes(report);
    table t;
    if (!classes) return STATUS_ERROR;
    table_begin(&t, "lrrrrr");
    table_add(&t, CELL_DIM, "class");
    table_add(&t, CELL_DIM, "queries");
    table_add(&t, CELL_DIM, "answerable");
    table_add_text(&t, "recall@%" PRId64, report->info.ks[0]);
    table_add(&t, CELL_DIM, "R-precision");
    table_add(&t, CELL_DIM, "mAP@R");
    for (int64_t i = 0; i < report->info.num_classes; i++) {
        const eval_class *c = &classes[i];
        if (c->name)
            table_add(&t, CELL_PLAIN, c->name);
        else
            table_add_text(&t, "%d", (int)(c->count.class_id >= 0 ? c->count.class_id : -2 - c->count.class_id));
        table_add_text(&t, "%" PRId64, c->count.num_queries);
        table_add_text(&t, "%" PRId64, c->count.num_answerable);
        add_percent(&t, c->recall);
        add_percent(&t, c->r_precision);
        add_percent(&t, c->map_at_r);
    }
    putchar('\n');
    table_print(&t, stdout);
    table_destroy(&t);
    eval_classes_free(report, classes);
    return STATUS_OK;
}

static int print_hardest(const eval_report *report) {
    int64_t count;
    eval_hard *queries = eval_hardest(report, &count);
    table t;
    if (!queries) return STATUS_ERROR;
    table_begin(&t, "rllrl");
    table_add(&t, CELL_DIM, "first");
    table_add(&t, CELL_DIM, "class");
    table_add(&t, CELL_DIM, "query");
    table_add(&t, CELL_DIM, "score");
    table_add(&t, CELL_DIM, "instead");
    for (int64_t i = 0; i < count; i++) {
        const eval_hard *q = &queries[i];
        if (q->result.first_rank > 0)
            table_add_text(&t, "%" PRId64, q->result.first_rank);
        else
            table_add(&t, CELL_PLAIN, "never");
        table_add(&t, CELL_PLAIN, q->class_name ? q->class_name : "-");
        if (*q->key)
            table_add(&t, CELL_PLAIN, q->key);
        else
            table_add_text(&t, "id %" PRId64, q->result.id);
        if (q->has_first)
            table_add_text(&t, "%.4f", (double)q->first.score);
        else
            table_add(&t, CELL_PLAIN, "");
        table_add(&t, CELL_PLAIN, q->has_first ? q->first_key : "");
    }
    printf("\nthe hardest queries: the rank of the first relevant item, and what came first\n");
    table_print(&t, stdout);
    table_destroy(&t);
    eval_hardest_free(queries, count);
    return STATUS_OK;
}

int eval_report_print(const eval_report *report) {
    int code = STATUS_OK;
    print_head(report);
    print_metrics(report);
    print_threshold(report);
    if (report->histogram) print_histogram(report);
    if (report->per_class) code = print_classes(report);
    if (code == STATUS_OK && report->hardest > 0) code = print_hardest(report);
    return code;
}

/* --- for programs ------------------------------------------------------------------------------------------------------------------- */

static void add_number(cJSON *object, const char *name, double value) {
    if (isfinite(value))
        cJSON_AddNumberToObject(object, name, value);
    else
        cJSON_AddNullToObject(object, name);
}

static void add_value(cJSON *object, const rtv_metric_value *value) {
    add_number(object, "value", value->value);
    add_number(object, "low", value->low);
    add_number(object, "high", value->high);
}

static void add_metrics(const eval_report *report, cJSON *object) {
    cJSON *list = cJSON_AddObjectToObject(object, "metrics");
    size_t count;
    eval_metric *metrics = eval_metrics(report, &count);
    for (size_t i = 0; i < count; i++) {
        cJSON *metric = cJSON_AddObjectToObject(list, metrics[i].name);
        add_value(metric, &metrics[i].every);
        add_value(cJSON_AddObjectToObject(metric, "answerable"), &metrics[i].answerable);
    }
    free(metrics);
}

static void add_threshold(const eval_report *report, cJSON *object) {
    rtv_threshold found;
    cJSON *threshold;
    if (rtv_evaluation_threshold(report->evaluation, report->false_accept_rate, &found, NULL) != RTV_OK) {
        cJSON_AddNullToObject(object, "threshold");
        return;
    }
    threshold = cJSON_AddObjectToObject(object, "threshold");
    json_add_float(threshold, "min_score", found.min_score);
    add_number(threshold, "false_accept_rate", found.false_accept_rate);
    add_number(threshold, "false_reject_rate", found.false_reject_rate);
    cJSON_AddNumberToObject(threshold, "queries", (double)report->info.num_score_queries);
}

static void add_histograms(const eval_report *report, cJSON *object) {
    static const char *const names[] = {"nearest_same", "nearest_other", "pairs_same", "pairs_other"};
    cJSON *histogram = cJSON_AddObjectToObject(object, "histogram");
    cJSON_AddNumberToObject(histogram, "low", -1);
    cJSON_AddNumberToObject(histogram, "high", 1);
    for (int32_t kind = RTV_SCORES_NEAREST_SAME; kind <= RTV_SCORES_PAIRS_OTHER; kind++) {
        const eval_histogram h = eval_histogram_of(report, kind);
        cJSON *counts = cJSON_AddArrayToObject(histogram, names[kind - 1]);
        for (int i = 0; i < EVAL_BINS; i++) cJSON_AddItemToArray(counts, cJSON_CreateNumber((double)h.counts[i]));
    }
}

static int add_classes(const eval_report *report, cJSON *object) {
    char recall[32];
    eval_class *classes = eval_classes(report);
    cJSON *list;
    if (!classes) return STATUS_ERROR;
    snprintf(recall, sizeof recall, "recall@%" PRId64, report->info.ks[0]);
    list = cJSON_AddArrayToObject(object, "per_class");
    for (int64_t i = 0; i < report->info.num_classes; i++) {
        const eval_class *c = &classes[i];
        cJSON *item = cJSON_CreateObject();
        json_add_class(item, "class", c->count.class_id >= 0 ? c->count.class_id : -2 - c->count.class_id, c->name);
        cJSON_AddNumberToObject(item, "queries", (double)c->count.num_queries);
        cJSON_AddNumberToObject(item, "answerable", (double)c->count.num_answerable);
        add_number(item, recall, c->recall);
        add_number(item, "R-precision", c->r_precision);
        add_number(item, "mAP@R", c->map_at_r);
        cJSON_AddItemToArray(list, item);
    }
    eval_classes_free(report, classes);
    return STATUS_OK;
}

static void add_first(cJSON *item, const eval_hard *query) {
    cJSON *first;
    if (!query->has_first) {
        cJSON_AddNullToObject(item, "first");
        return;
    }
    first = cJSON_AddObjectToObject(item, "first");
    cJSON_AddNumberToObject(first, "id", (double)query->first.id);
    json_add_text(first, "key", query->first_key);
    json_add_class(first, "class", query->first.class_id, query->first_class);
    json_add_float(first, "score", query->first.score);
}

static int add_hardest(const eval_report *report, cJSON *object) {
    int64_t count;
    eval_hard *queries = eval_hardest(report, &count);
    cJSON *list;
    if (!queries) return STATUS_ERROR;
    list = cJSON_AddArrayToObject(object, "hardest");
    for (int64_t i = 0; i < count; i++) {
        const eval_hard *q = &queries[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddNumberToObject(item, "id", (double)q->result.id);
        json_add_text(item, "key", q->key);
        json_add_class(item, "class", q->result.class_id, q->class_name);
        cJSON_AddNumberToObject(item, "relevant", (double)q->result.num_relevant);
        cJSON_AddNumberToObject(item, "first_rank", (double)q->result.first_rank);
        add_number(item, "average_precision", q->result.average_precision);
        add_first(item, q);
        cJSON_AddItemToArray(list, item);
    }
    eval_hardest_free(queries, count);
    return STATUS_OK;
}

int eval_report_print_json(const eval_report *report) {
    const rtv_evaluation_info *info = &report->info;
    cJSON *object = cJSON_CreateObject();
    int code = STATUS_OK;
    json_add_text(object, "index", report->gallery_path);
    json_add_text(object, "queries_index", report->queries_path);
    json_add_text(object, "protocol", info->leave_one_out ? "leave-one-out" : "query-gallery");
    cJSON_AddBoolToObject(object, "predicted", info->predicted);
    cJSON_AddNumberToObject(object, "gallery", (double)info->num_gallery);
    cJSON_AddNumberToObject(object, "queries", (double)info->num_queries);
    cJSON_AddNumberToObject(object, "answerable", (double)info->num_answerable);
    cJSON_AddNumberToObject(object, "unlabelled", (double)info->num_unlabelled);
    cJSON_AddNumberToObject(object, "classes", (double)info->num_classes);
    cJSON_AddNumberToObject(object, "confidence", info->confidence);
    cJSON_AddNumberToObject(object, "bootstrap_samples", (double)info->bootstrap_samples);
    cJSON_AddNumberToObject(object, "seed", (double)info->seed);
    if (report->calibrated >= 0) cJSON_AddNumberToObject(object, "calibrated", (double)report->calibrated);
    add_metrics(report, object);
    add_threshold(report, object);
    if (report->histogram) add_histograms(report, object);
    if (report->per_class) code = add_classes(report, object);
    if (code == STATUS_OK && report->hardest > 0) code = add_hardest(report, object);
    if (code == STATUS_OK)
        json_print_object(object);
    else
        cJSON_Delete(object);
    return code;
}
