/* cmd_reduce.c - retrieve reduce: an index with fewer dimensions, and what that costs. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cJSON.h>

#include "commands.h"
#include "files.h"
#include "json_text.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "table.h"
#include "text.h"

enum { OPT_OUTPUT, OPT_DIMS, OPT_METHOD, OPT_WHITEN, OPT_STORAGE, OPT_FIT, OPT_LIKE, OPT_K, OPT_JSON, OPT_TABLE, OPT_THREADS };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "REDUCED", "index file to write; an old one is replaced at the end", 1},
    [OPT_DIMS] = {"dims", 'd', "N", "dimensions to keep (needed without --like)", 0},
    [OPT_METHOD] = {"method", 0, "KIND", "pca (default), or truncate: the first dimensions, for models that were trained for it", 0},
    [OPT_WHITEN] = {"whiten", 0, NULL, "pca: divide each dimension by its standard deviation", 0},
    [OPT_STORAGE] = {"storage", 0, "KIND", "how vectors are kept: float32, float16 or int8 (default: as in INDEX)", 0},
    [OPT_FIT] = {"fit-items", 0, "N", "pca: fit it on at most so many items, evenly spread (default: 100000)", 0},
    [OPT_LIKE] = {"like", 0, "INDEX2", "take the reduction of an index that was reduced before", 0},
    [OPT_K] = {"k", 'k', "K,K...", "recall at which k to measure when the items have classes (default: 1,10,100,1000)", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON, also on a terminal", 0},
    [OPT_TABLE] = {"table", 0, NULL, "print the table, also into a file or pipe", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

typedef struct recalls {
    int64_t num_queries;                  /* 0 when no item has a class */
    double values[RTV_EVALUATION_KS_MAX]; /* [num_ks] of every query */
} recalls;

typedef struct reducing {
    const arguments *args;
    session session;
    rtv_reduce_options how;
    int64_t ks[RTV_EVALUATION_KS_MAX], num_ks;
    rtv_index *index, *like, *reduced;
    rtv_index_info info[2]; /* before, after */
    rtv_reduction_info reduction;
    recalls recall[2];
    progress bar;
} reducing;

static int read_options(reducing *work) {
    static const char *const methods[] = {"pca", "truncate", NULL}, *const kinds[] = {"float32", "float16", "int8", NULL};
    static const int64_t default_ks[] = {1, 10, 100, 1000};
    const arguments *args = work->args;
    int64_t dims = 0;
    int method = 0, storage = -1, code;
    rtv_reduce_options_init(&work->how);
    memcpy(work->ks, default_ks, sizeof default_ks);
    work->num_ks = 4;
    code = options_integer(args, OPT_DIMS, 1, 65536, &dims);
    if (code == STATUS_OK) code = options_choice(args, OPT_METHOD, methods, &method);
    if (code == STATUS_OK) code = options_choice(args, OPT_STORAGE, kinds, &storage);
    if (code == STATUS_OK) code = options_integer(args, OPT_FIT, 1, INT64_MAX, &work->how.fit_items);
    if (code == STATUS_OK) code = options_rising(args, OPT_K, work->ks, RTV_EVALUATION_KS_MAX, &work->num_ks);
    if (code == STATUS_OK && !args->values[OPT_DIMS] == !args->values[OPT_LIKE]) code = usage_error(args, "give --dims or --like");
    if (code == STATUS_OK && args->values[OPT_LIKE] && (args->values[OPT_METHOD] || args->values[OPT_WHITEN] || args->values[OPT_FIT]))
        code = usage_error(args, "--like fits nothing: it takes no --method, --whiten or --fit-items");
    if (code == STATUS_OK && method == 1 && args->values[OPT_WHITEN]) code = usage_error(args, "--whiten is for pca");
    if (code == STATUS_OK && args->values[OPT_JSON] && args->values[OPT_TABLE])
        code = usage_error(args, "--json and --table exclude each other");
    work->how.kept_dim = (int32_t)dims;
    work->how.method = RTV_REDUCE_PCA + method;
    work->how.storage = storage + RTV_STORAGE_FLOAT32;
    work->how.whiten = args->values[OPT_WHITEN] != NULL;
    work->how.progress = progress_callback;
    work->how.progress_user = &work->bar;
    return code;
}

/* Leave-one-out. */
static int measure(reducing *work, rtv_index *index, const char *label, recalls *recall) {
    rtv_evaluation_options how;
    rtv_evaluation_info info = {.struct_size = sizeof info};
    rtv_evaluation *evaluation = NULL;
    rtv_error error;
    int32_t status;
    rtv_evaluation_options_init(&how);
    how.ks = work->ks;
    how.num_ks = work->num_ks;
    how.bootstrap_samples = how.score_queries = 0;
    how.progress = progress_callback;
    how.progress_user = &work->bar;
    progress_begin(&work->bar, label, 0);
    status = rtv_evaluation_create(index, NULL, &how, &evaluation, &error);
    progress_clear();
    if (status == RTV_E_CANCELLED) return STATUS_INTERRUPTED;
    if (status != RTV_OK) return fail(NULL, &error);
    rtv_evaluation_info_get(evaluation, &info, NULL);
    recall->num_queries = info.num_queries;
    for (int64_t i = 0; i < work->num_ks; i++) {
        rtv_metric_value value = {0};
        rtv_evaluation_metric(evaluation, RTV_METRIC_RECALL, work->ks[i], RTV_RULE_MISS, &value, NULL);
        recall->values[i] = value.value;
    }
    rtv_evaluation_free(evaluation);
    return STATUS_OK;
}

static int make(reducing *work, const char *path) {
    rtv_error error;
    int32_t status;
    progress_begin(&work->bar, "reducing", 0);
    status = rtv_index_reduce(work->index, &work->how, path, &work->reduced, &error);
    progress_clear();
    if (status == RTV_E_CANCELLED) return STATUS_INTERRUPTED;
    return status == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

/* Into a file beside the target, which takes its place when all is known. */
static int reduce(reducing *work, const char *target) {
    char *path = files_beside(target);
    int code = make(work, path);
    if (code == STATUS_OK) {
        rtv_index_info_get(work->reduced, &work->info[1], NULL);
        rtv_reduction_info_get(work->reduced, &work->reduction, NULL);
        if (work->info[0].has_classes) code = measure(work, work->reduced, "evaluating after", &work->recall[1]);
        rtv_index_free(work->reduced);
    }
    code = files_take_place(path, target, code);
    free(path);
    return code;
}

/* --- what came out ----------------------------------------------------------------------------------------------------------------------
 */

static void print_text(const reducing *work) {
    const rtv_reduction_info *r = &work->reduction;
    short_text a, b;
    char name[32];
    table t;
    printf("%s: %s items, %" PRId32 " of %" PRId32 " dimensions", work->args->values[OPT_OUTPUT], text_count(&a, work->info[1].count),
           r->kept_dim, r->dim);
    if (r->method == RTV_REDUCE_PCA) printf(", %.1f %% of the variance%s", 100 * r->variance, r->whiten ? ", whitened" : "");
    printf("\n\n");
    table_begin(&t, "lrr");
    table_add(&t, CELL_PLAIN, "");
    table_add(&t, CELL_DIM, "before");
    table_add(&t, CELL_DIM, "after");
    for (int64_t i = 0; i < work->num_ks && work->recall[0].num_queries > 0; i++) {
        snprintf(name, sizeof name, "recall@%" PRId64, work->ks[i]);
        table_add(&t, CELL_PLAIN, name);
        for (int when = 0; when < 2; when++) table_add_text(&t, "%.2f %%", 100 * work->recall[when].values[i]);
    }
    table_add(&t, CELL_PLAIN, "file");
    table_add_text(&t, "%s", text_bytes(&a, (double)work->info[0].file_bytes));
    table_add_text(&t, "%s", text_bytes(&b, (double)work->info[1].file_bytes));
    table_print(&t, stdout);
    table_destroy(&t);
}

static void print_json(const reducing *work) {
    const rtv_reduction_info *r = &work->reduction;
    cJSON *object = cJSON_CreateObject(), *list;
    cJSON_AddNumberToObject(object, "items", (double)work->info[1].count);
    cJSON_AddNumberToObject(object, "dimensions_before", r->dim);
    cJSON_AddNumberToObject(object, "dimensions", r->kept_dim);
    cJSON_AddStringToObject(object, "method", r->method == RTV_REDUCE_PCA ? "pca" : "truncate");
    cJSON_AddBoolToObject(object, "whiten", r->whiten);
    if (r->method == RTV_REDUCE_PCA) cJSON_AddNumberToObject(object, "variance", r->variance);
    cJSON_AddNumberToObject(object, "bytes_before", (double)work->info[0].file_bytes);
    cJSON_AddNumberToObject(object, "bytes", (double)work->info[1].file_bytes);
    list = work->recall[0].num_queries > 0 ? cJSON_AddArrayToObject(object, "recall") : NULL;
    for (int64_t i = 0; list && i < work->num_ks; i++) {
        cJSON *row = cJSON_CreateObject();
        cJSON_AddNumberToObject(row, "k", (double)work->ks[i]);
        cJSON_AddNumberToObject(row, "before", work->recall[0].values[i]);
        cJSON_AddNumberToObject(row, "after", work->recall[1].values[i]);
        cJSON_AddItemToArray(list, row);
    }
    json_print_object(object);
}

static int open_index(const reducing *work, const char *path, rtv_index **index) {
    rtv_error error;
    return rtv_index_open(path, work->session.runtime, index, &error) == RTV_OK ? STATUS_OK : fail(path, &error);
}

static int reduce_all(reducing *work) {
    const arguments *args = work->args;
    int code = read_options(work);
    if (code == STATUS_OK) code = output_check(args->values[OPT_OUTPUT], OUTPUT_REGULAR);
    if (code == STATUS_OK) code = output_check_input(args->values[OPT_OUTPUT], args->positional[0]);
    if (code == STATUS_OK) code = output_check_index(args->values[OPT_OUTPUT]);
    if (code == STATUS_OK) code = session_open_runtime(&work->session, args, OPT_THREADS);
    if (code == STATUS_OK) code = open_index(work, args->positional[0], &work->index);
    if (code == STATUS_OK && args->values[OPT_LIKE]) code = open_index(work, args->values[OPT_LIKE], &work->like);
    if (code != STATUS_OK) return code;
    work->how.like = work->like;
    rtv_index_info_get(work->index, &work->info[0], NULL);
    if (work->info[0].has_classes) code = measure(work, work->index, "evaluating before", &work->recall[0]);
    if (code == STATUS_OK) code = reduce(work, args->values[OPT_OUTPUT]);
    if (code == STATUS_INTERRUPTED) message("interrupted");
    if (code != STATUS_OK) return code;
    if (!args->values[OPT_TABLE] && (args->values[OPT_JSON] || !isatty(STDOUT_FILENO)))
        print_json(work);
    else
        print_text(work);
    return STATUS_OK;
}

static int run(const arguments *args) {
    reducing work;
    int code;
    memset(&work, 0, sizeof work);
    work.args = args;
    work.info[0].struct_size = work.info[1].struct_size = sizeof work.info[0];
    work.reduction.struct_size = sizeof work.reduction;
    interrupt_watch();
    code = reduce_all(&work);
    rtv_index_free(work.index);
    rtv_index_free(work.like);
    session_close(&work.session);
    return code;
}

const command command_reduce = {
    .name = "reduce",
    .usage = "INDEX -o REDUCED --dims N [options]",
    .summary = "Make an index with fewer dimensions, and measure what that costs.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details =
        "REDUCED takes less space and time and is used like any other index, with the same model: the reduction is kept in the file. When "
        "the items have classes, recall before and after is measured, leave-one-out. On a terminal: a table. Into a file or pipe: one JSON "
        "object.",
    .example = "  retrieve reduce photos.idx -o photos256.idx --dims 256\n",
    .run = run,
};
