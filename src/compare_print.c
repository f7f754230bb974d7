/* compare_print.c - a drift report as tables and as JSON. */
#include "compare_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "table.h"
#include "text.h"

/* The whole report, fetched once. */
typedef struct report {
    const compare_subject *subject;
    rtv_drift_info info;
    rtv_picture_drift *pictures; /* [info.num_pictures] */
    rtv_recall_drift *recalls;   /* [num_recalls] */
    rtv_layer_drift *layers;     /* [num_layers] */
    int64_t num_pictures, num_recalls, num_layers;
} report;

static void fetch(report *r, const compare_subject *subject) {
    memset(r, 0, sizeof *r);
    r->subject = subject;
    r->info.struct_size = sizeof r->info;
    rtv_drift_info_get(subject->drift, &r->info, NULL); /* nothing of these can fail */
    rtv_drift_recalls(subject->drift, NULL, 0, &r->num_recalls, NULL);
    rtv_drift_layers(subject->drift, NULL, 0, &r->num_layers, NULL);
    r->pictures = allocate((size_t)r->info.num_pictures, sizeof *r->pictures);
    r->recalls = allocate((size_t)r->num_recalls, sizeof *r->recalls);
    r->layers = allocate((size_t)r->num_layers, sizeof *r->layers);
    r->recalls->struct_size = sizeof *r->recalls;
    r->layers->struct_size = sizeof *r->layers;
    rtv_drift_pictures(subject->drift, r->pictures, r->info.num_pictures, &r->num_pictures, NULL);
    rtv_drift_recalls(subject->drift, r->recalls, r->num_recalls, &r->num_recalls, NULL);
    rtv_drift_layers(subject->drift, r->layers, r->num_layers, &r->num_layers, NULL);
}

static void release(report *r) {
    free(r->pictures);
    free(r->recalls);
    free(r->layers);
}

/* What deserves a word on standard error. */
static int tell_troubles(const report *r) {
    short_text a, b;
    int code = STATUS_OK;
    for (int64_t i = 0; i < r->num_pictures; i++) {
        if (r->pictures[i].status == RTV_OK) continue;
        message_for_file(r->subject->paths[i], rtv_drift_picture_message(r->subject->drift, i));
        code = STATUS_PARTIAL;
    }
    if (r->info.num_calibrated > 0)
        message("%s of the %s pictures were used to calibrate a model here: on other pictures it is worse than this report says",
                text_count(&a, r->info.num_calibrated), text_count(&b, r->info.num_compared));
    return code;
}

/* --- tables ----------------------------------------------------------------------------------------------------------------------- */

static void add_heads(table *t, const char *const *heads) {
    for (size_t i = 0; i < t->num_columns; i++) table_add(t, CELL_BOLD, heads[i]);
}

static void finish_table(table *t) {
    table_print(t, stdout);
    table_destroy(t);
}

static void print_summary(const report *r) {
    const rtv_drift_info *info = &r->info;
    short_text a, b, c;
    table t;
    table_begin(&t, "ll");
    for (int i = 0; i < 2; i++) table_add_pair(&t, i == 0 ? "A" : "B", "%s, %s", r->subject->infos[i]->name, r->subject->model_paths[i]);
    table_add_pair(&t, "pictures", "%s compared; %s queries, %s of them the only one of their class", text_count(&a, info->num_compared),
                   text_count(&b, info->num_queries), text_count(&c, info->num_lone));
    table_add_pair(&t, "cosine", "mean %.4f, median %.4f, 5 %% quantile %.4f, 1 %% quantile %.4f, least %.4f", info->cosine_mean,
                   info->cosine_median, info->cosine_5_percent, info->cosine_1_percent, info->cosine_min);
    table_add_pair(&t, "nearest", "%s pictures have another nearest one", text_count(&a, info->num_moved));
    finish_table(&t);
}

static void add_change(table *t, double before, double after, double low, double high, double p_value) {
    table_add_text(t, "%+.2f", 100 * (after - before));
    table_add_text(t, "%+.2f to %+.2f", 100 * low, 100 * high);
    table_add_text(t, "%.3f", p_value);
}

static void print_recalls(const report *r) {
    static const char *const heads[] = {"recall at", "A", "B", "B - A", "95 %", "p", "gained", "lost"};
    table t;
    if (r->info.num_queries == 0) return;
    table_begin(&t, "lrrrrrrr");
    add_heads(&t, heads);
    for (int64_t i = 0; i < 2 * r->num_recalls; i++) {
        const rtv_recall_drift *row = &r->recalls[i / 2];
        const int is_mixed = i % 2 == 1;
        const double after = is_mixed ? row->recall_mixed : row->recall_b;
        table_add_text(&t, "%" PRId64 "%s", row->k, is_mixed ? ", B among A's" : "");
        table_add_text(&t, "%.2f %%", 100 * row->recall_a);
        table_add_text(&t, "%.2f %%", 100 * after);
        if (is_mixed)
            add_change(&t, row->recall_a, after, row->mixed_low, row->mixed_high, row->mixed_p_value);
        else
            add_change(&t, row->recall_a, after, row->low, row->high, row->p_value);
        table_add_text(&t, "%" PRId64, is_mixed ? row->mixed_gained : row->gained);
        table_add_text(&t, "%" PRId64, is_mixed ? row->mixed_lost : row->lost);
    }
    printf("\n");
    finish_table(&t);
}

static void print_layers(const report *r) {
    static const char *const heads[] = {"layer", "op", "precision A", "precision B", "signal/noise"};
    table t;
    if (r->num_layers == 0) return;
    table_begin(&t, "llllr");
    add_heads(&t, heads);
    for (int64_t i = 0; i < r->num_layers; i++) {
        const rtv_layer_drift *row = &r->layers[i];
        table_add(&t, CELL_PLAIN, row->name);
        table_add(&t, CELL_PLAIN, row->op);
        table_add(&t, CELL_PLAIN, row->precision_a);
        table_add(&t, CELL_PLAIN, row->precision_b);
        if (isinf(row->snr_db))
            table_add(&t, CELL_PLAIN, "equal");
        else
            table_add_text(&t, "%.1f dB", row->snr_db);
    }
    printf("\n");
    finish_table(&t);
}

static int is_right(int32_t rank, int64_t k) { return rank >= 1 && rank <= k; }

static void add_rank(table *t, int32_t rank) {
    if (rank > 0)
        table_add_text(t, "%" PRId32, rank);
    else
        table_add(t, CELL_PLAIN, "-");
}

/* The queries whose answer changed at the least k, those lost first. */
static void print_changes(const report *r) {
    static const char *const heads[] = {"query", "", "place in A", "in B", "cosine"};
    const int64_t k = r->subject->least_k;
    int64_t rows = 0;
    table t;
    table_begin(&t, "llrrr");
    add_heads(&t, heads);
    for (int64_t i = 0; i < 2 * r->num_pictures; i++) {
        const int lost = i < r->num_pictures;
        const rtv_picture_drift *picture = &r->pictures[lost ? i : i - r->num_pictures];
        if (picture->status != RTV_OK || is_right(picture->rank_a, k) != lost || is_right(picture->rank_b, k) == lost) continue;
        table_add(&t, CELL_PLAIN, r->subject->paths[picture - r->pictures]);
        table_add(&t, lost ? CELL_RED : CELL_GREEN, lost ? "lost" : "gained");
        add_rank(&t, picture->rank_a);
        add_rank(&t, picture->rank_b);
        table_add_text(&t, "%.4f", picture->cosine);
        rows++;
    }
    if (rows > 0) {
        printf("\nanswers that changed at recall@%" PRId64 "\n", k);
        table_print(&t, stdout);
    }
    table_destroy(&t);
}

int compare_print_table(const compare_subject *subject) {
    report r;
    int code;
    fetch(&r, subject);
    code = tell_troubles(&r);
    print_summary(&r);
    print_recalls(&r);
    print_layers(&r);
    print_changes(&r);
    release(&r);
    return code;
}

/* --- JSON ------------------------------------------------------------------------------------------------------------------------- */

static void add_model_json(cJSON *object, const report *r, int i) {
    cJSON *model = cJSON_AddObjectToObject(object, i == 0 ? "a" : "b");
    json_add_text(model, "name", r->subject->infos[i]->name);
    json_add_text(model, "file", r->subject->model_paths[i]);
    json_add_text(model, "fingerprint", r->subject->infos[i]->fingerprint);
}

static void add_change_json(cJSON *object, const char *name, double recall, int64_t gained, int64_t lost, const double *interval,
                            double p_value) {
    cJSON *change = cJSON_AddObjectToObject(object, name);
    cJSON_AddNumberToObject(change, "recall", recall);
    cJSON_AddNumberToObject(change, "gained", (double)gained);
    cJSON_AddNumberToObject(change, "lost", (double)lost);
    cJSON_AddItemToObject(change, "interval", cJSON_CreateDoubleArray(interval, 2));
    cJSON_AddNumberToObject(change, "p", p_value);
}

static cJSON *recalls_json(const report *r) {
    cJSON *array = cJSON_CreateArray();
    for (int64_t i = 0; i < r->num_recalls; i++) {
        const rtv_recall_drift *row = &r->recalls[i];
        const double own[] = {row->low, row->high}, mixed[] = {row->mixed_low, row->mixed_high};
        cJSON *object = cJSON_CreateObject();
        cJSON_AddNumberToObject(object, "k", (double)row->k);
        cJSON_AddNumberToObject(object, "a", row->recall_a);
        add_change_json(object, "b", row->recall_b, row->gained, row->lost, own, row->p_value);
        add_change_json(object, "mixed", row->recall_mixed, row->mixed_gained, row->mixed_lost, mixed, row->mixed_p_value);
        cJSON_AddItemToArray(array, object);
    }
    return array;
}

static cJSON *layers_json_of(const report *r) {
    cJSON *array = cJSON_CreateArray();
    for (int64_t i = 0; i < r->num_layers; i++) {
        const rtv_layer_drift *row = &r->layers[i];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "name", row->name);
        json_add_text(object, "op", row->op);
        json_add_text(object, "precision_a", row->precision_a);
        json_add_text(object, "precision_b", row->precision_b);
        cJSON_AddNumberToObject(object, "signal", row->signal);
        cJSON_AddNumberToObject(object, "noise", row->noise);
        cJSON_AddNumberToObject(object, "snr_db", row->snr_db); /* null where it is infinite */
        cJSON_AddItemToArray(array, object);
    }
    return array;
}

/* 0 when the query is right or wrong in both, at every k. */
static int is_changed(const report *r, const rtv_picture_drift *picture) {
    for (int64_t i = 0; i < r->num_recalls; i++) {
        const int in_a = is_right(picture->rank_a, r->recalls[i].k);
        if (in_a != is_right(picture->rank_b, r->recalls[i].k) || in_a != is_right(picture->rank_mixed, r->recalls[i].k)) return 1;
    }
    return 0;
}

static void add_rank_json(cJSON *object, const char *name, int32_t rank) {
    if (rank > 0)
        cJSON_AddNumberToObject(object, name, rank);
    else
        cJSON_AddNullToObject(object, name);
}

static cJSON *changes_json(const report *r) {
    cJSON *array = cJSON_CreateArray();
    for (int64_t i = 0; i < r->num_pictures; i++) {
        const rtv_picture_drift *picture = &r->pictures[i];
        cJSON *object;
        if (picture->status != RTV_OK || !is_changed(r, picture)) continue;
        object = cJSON_CreateObject();
        json_add_text(object, "key", r->subject->paths[i]);
        add_rank_json(object, "rank_a", picture->rank_a);
        add_rank_json(object, "rank_b", picture->rank_b);
        add_rank_json(object, "rank_mixed", picture->rank_mixed);
        cJSON_AddNumberToObject(object, "cosine", picture->cosine);
        cJSON_AddItemToArray(array, object);
    }
    return array;
}

static void add_cosine_json(cJSON *object, const rtv_drift_info *info) {
    cJSON *cosine = cJSON_AddObjectToObject(object, "cosine");
    cJSON_AddNumberToObject(cosine, "mean", info->cosine_mean);
    cJSON_AddNumberToObject(cosine, "median", info->cosine_median);
    cJSON_AddNumberToObject(cosine, "percent_5", info->cosine_5_percent);
    cJSON_AddNumberToObject(cosine, "percent_1", info->cosine_1_percent);
    cJSON_AddNumberToObject(cosine, "min", info->cosine_min);
}

int compare_print_json(const compare_subject *subject) {
    cJSON *object = cJSON_CreateObject();
    report r;
    int code;
    fetch(&r, subject);
    code = tell_troubles(&r);
    for (int i = 0; i < 2; i++) add_model_json(object, &r, i);
    cJSON_AddNumberToObject(object, "pictures", (double)r.info.num_pictures);
    cJSON_AddNumberToObject(object, "compared", (double)r.info.num_compared);
    cJSON_AddNumberToObject(object, "queries", (double)r.info.num_queries);
    cJSON_AddNumberToObject(object, "lone", (double)r.info.num_lone);
    cJSON_AddNumberToObject(object, "calibrated", (double)r.info.num_calibrated);
    cJSON_AddNumberToObject(object, "moved", (double)r.info.num_moved);
    add_cosine_json(object, &r.info);
    cJSON_AddItemToObject(object, "recall", recalls_json(&r));
    cJSON_AddItemToObject(object, "layers", layers_json_of(&r));
    cJSON_AddItemToObject(object, "changes", changes_json(&r));
    json_print_object(object);
    release(&r);
    return code;
}
