/* cmd_search.c - retrieve search: the most similar pictures of an index. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "files.h"
#include "found.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "sheet.h"
#include "text.h"

enum {
    OPT_K,
    OPT_CLASS,
    OPT_MIN_SCORE,
    OPT_EXCLUDE,
    OPT_FROM_FOLDER,
    OPT_JSON,
    OPT_TABLE,
    OPT_HTML,
    OPT_ROOT,
    OPT_FOREIGN,
    OPT_PARENT,
    OPT_MODEL,
    OPT_THREADS
};
static const option_spec options[] = {
    [OPT_K] = {"top", 'k', "N", "hits for each picture (default: 10)", 0},
    [OPT_CLASS] = {"class", 0, "NAME|predicted",
                   "only items of this class; \"predicted\": only items that the model takes for the same as the query", 0},
    [OPT_MIN_SCORE] = {"min-score", 's', "X|index", "only hits with at least this score; \"index\": the one that `retrieve eval` stored",
                       0},
    [OPT_EXCLUDE] = {"exclude-self", 'x', NULL, "leave out the query's own file", 0},
    [OPT_FROM_FOLDER] = {"class-from-folder", 'c', NULL,
                         "a query's class is the name of its folder: mark hits of the same class and print recall@1 and recall@k", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON lines, also on a terminal", 0},
    [OPT_TABLE] = {"table", 0, NULL, "print the table, also into a file or pipe", 0},
    [OPT_HTML] = {"html", 0, "SHEET", "write a contact sheet as well, one HTML file with the pictures in it", 0},
    [OPT_ROOT] = {"root", 0, "FOLDER", "for the contact sheet: where relative keys begin (default: the current folder)", 0},
    [OPT_FOREIGN] = {"allow-foreign", 0, NULL, "search an index that another model of as many dimensions made", 0},
    [OPT_PARENT] = {"allow-parent", 0, NULL, "search an index of the float32 model that MODEL was quantized from", 0},
    [OPT_MODEL] = OPTION_MODEL,
    [OPT_THREADS] = OPTION_THREADS,
};

enum { BATCH = 64, HITS_MOST = 1 << 22 };

typedef struct searching {
    const arguments *args;
    session session;
    file_list files;
    rtv_index *index;
    rtv_index_info info;
    rtv_searcher *searcher;
    rtv_search_options how;
    progress bar;
    int64_t k;
    int is_json, from_folder, skip_self, keep, use_stored;
    found_query *found; /* of the pictures so far; of the batch only unless they are kept for the sheet */
    size_t num_found, capacity;
    found_recall recall;
    int64_t done, failed;
    double seconds;
} searching;

/* Names of one kind in the index, for suggestions. */
static char *suggest_class(searching *work, const char *name) {
    size_t count = (size_t)(work->info.num_classes + work->info.num_predicted), found = 0;
    char(*names)[128] = allocate(count, sizeof *names);
    const char **list = allocate(count, sizeof *list);
    uint64_t size;
    char *text;
    for (int kind = RTV_CLASSES_LABEL; kind <= RTV_CLASSES_PREDICTED; kind++) {
        int64_t of_kind = kind == RTV_CLASSES_LABEL ? work->info.num_classes : work->info.num_predicted;
        for (int32_t i = 0; i < of_kind; i++) {
            if (rtv_index_class_name(work->index, kind, i, names[found], sizeof *names, &size, NULL) != RTV_OK) continue;
            list[found] = names[found];
            found++;
        }
    }
    text = text_suggest(name, list, found);
    free(names);
    free(list);
    return text;
}

static int choose_class(searching *work, const char *name) {
    char *clean, *near;
    if (!name) return STATUS_OK;
    if (strcmp(name, "predicted") == 0) {
        if (work->info.has_predicted) {
            work->how.predicted_class = RTV_PREDICTED_OWN;
            return STATUS_OK;
        }
        message("--class predicted: this index has no predicted classes");
        return STATUS_ERROR;
    }
    if (rtv_index_class_id(work->index, RTV_CLASSES_LABEL, name, &work->how.class_id, NULL) == RTV_OK) return STATUS_OK;
    work->how.class_id = -1;
    if (rtv_index_class_id(work->index, RTV_CLASSES_PREDICTED, name, &work->how.predicted_class, NULL) == RTV_OK) return STATUS_OK;
    clean = text_printable(name);
    near = suggest_class(work, name);
    message("the index has no class \"%s\"%s%s%s", clean, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    free(clean);
    free(near);
    return STATUS_ERROR;
}

static int read_options(searching *work) {
    const arguments *args = work->args;
    const char *least = args->values[OPT_MIN_SCORE];
    double min_score = 0;
    int code = options_integer(args, OPT_K, 1, 1000000, &work->k);
    work->use_stored = least && strcmp(least, "index") == 0;
    if (code == STATUS_OK && !work->use_stored) code = options_number(args, OPT_MIN_SCORE, &min_score);
    if (code == STATUS_OK && args->values[OPT_JSON] && args->values[OPT_TABLE])
        code = usage_error(args, "--json and --table exclude each other");
    if (code == STATUS_OK && args->values[OPT_HTML]) code = output_check(args->values[OPT_HTML], OUTPUT_ANY);
    rtv_search_options_init(&work->how);
    if (least) work->how.min_score = (float)min_score;
    work->how.progress = progress_callback;
    work->how.progress_user = &work->bar;
    work->is_json = !args->values[OPT_TABLE] && (args->values[OPT_JSON] || !isatty(STDOUT_FILENO));
    work->from_folder = args->values[OPT_FROM_FOLDER] != NULL;
    work->skip_self = args->values[OPT_EXCLUDE] != NULL;
    work->keep = args->values[OPT_HTML] != NULL;
    return code;
}

static int32_t whose_index(const arguments *args) {
    if (args->values[OPT_FOREIGN]) return RTV_ACCEPT_ANY;
    return args->values[OPT_PARENT] ? RTV_ACCEPT_PARENTS : RTV_ACCEPT_OWN;
}

static int open_all(searching *work) {
    const char *path = work->args->positional[0];
    rtv_error error;
    int code = session_open(&work->session, work->args, work->args->values[OPT_MODEL], OPT_THREADS);
    if (code != STATUS_OK) return code;
    work->info.struct_size = sizeof work->info;
    if (rtv_index_open(path, work->session.runtime, &work->index, &error) != RTV_OK ||
        rtv_index_info_get(work->index, &work->info, &error) != RTV_OK)
        return fail(path, &error);
    if (work->use_stored) work->how.min_score = work->info.min_score;
    if (work->use_stored && !(work->info.min_score > -INFINITY)) {
        message("%s: stores no least score; `retrieve eval --store-min-score` finds one", path);
        return STATUS_ERROR;
    }
    if (rtv_searcher_create(work->session.model, work->index, whose_index(work->args), &work->searcher, &error) != RTV_OK)
        return fail(path, &error);
    return choose_class(work, work->args->values[OPT_CLASS]);
}

static void show(searching *work, const found_query *query) {
    if (work->is_json)
        found_print_json(query);
    else
        found_print_table(query, work->info.has_classes);
}

static void take_batch(searching *work, const batch *b, const rtv_hit *hits, const int64_t *num_hits, int64_t wanted) {
    for (int64_t i = 0; i < b->count; i++) {
        found_query *query;
        if (!batch_is_good(b, i)) continue;
        work->found = grow(work->found, &work->capacity, work->num_found + 1, sizeof *work->found);
        query = &work->found[work->num_found];
        memset(query, 0, sizeof *query);
        query->path = b->paths[i];
        if (b->class_scores[i] >= 0.5F || work->how.predicted_class == RTV_PREDICTED_OWN) /* a guess is worth showing when it counts */
            query->predicted = session_class_name(&work->session, b->classes[i]);
        query->predicted_score = b->class_scores[i];
        if (work->from_folder) query->class_name = files_folder_name(query->path);
        found_fill(query, work->index, hits + i * wanted, num_hits[i], work->k, work->skip_self);
        found_count(&work->recall, query);
        show(work, query);
        work->done++;
        if (work->keep)
            work->num_found++;
        else
            found_release(query);
    }
}

static int search_all(searching *work) {
    const char *const *paths = (const char *const *)work->files.paths;
    int64_t wanted = work->k + work->skip_self, size = HITS_MOST / wanted;
    rtv_hit *hits;
    int64_t *num_hits;
    rtv_error error;
    batch b;
    int code = STATUS_OK;
    size = size < 1 ? 1 : size < BATCH ? size : BATCH;
    hits = allocate((size_t)(size * wanted), sizeof *hits);
    num_hits = allocate((size_t)size, sizeof *num_hits);
    batch_create(&b, size, 0);
    progress_begin(&work->bar, "searching", (int64_t)work->files.count);
    for (size_t at = 0; at < work->files.count && code == STATUS_OK && !interrupted(); at += (size_t)b.count) {
        double started = clock_seconds();
        batch_fill(&b, paths + at, (int64_t)(work->files.count - at));
        if (rtv_searcher_search(work->searcher, b.pictures, b.count, wanted, &work->how, hits, num_hits, &b.result, &error) != RTV_OK) {
            code = fail(NULL, &error);
            break;
        }
        work->seconds += clock_seconds() - started;
        progress_advance(&work->bar, b.count);
        progress_clear();
        take_batch(work, &b, hits, num_hits, wanted);
        work->failed += batch_tell_failures(&b);
    }
    if (code == STATUS_OK && interrupted()) code = STATUS_INTERRUPTED; /* perhaps already while the folders were read */
    progress_clear();
    batch_destroy(&b);
    free(hits);
    free(num_hits);
    return code;
}

static int write_sheet(const searching *work) {
    const char *path = work->args->values[OPT_HTML];
    sheet_facts facts = {.index_path = work->args->positional[0],
                         .root = work->args->values[OPT_ROOT],
                         .index = &work->info,
                         .k = work->k,
                         .seconds = work->seconds,
                         .recall = &work->recall};
    int code = sheet_write(path, &facts, work->found, work->num_found);
    if (code == STATUS_OK) note("contact sheet: %s", path);
    return code;
}

static void tell_summary(const searching *work) {
    const found_recall *recall = &work->recall;
    short_text a, b, c;
    note("%s %s among %s pictures, %s each", text_count(&a, work->done), work->done == 1 ? "query" : "queries",
         text_count(&b, work->info.count), text_duration(&c, work->done > 0 ? work->seconds / (double)work->done : 0));
    if (!work->from_folder) return;
    note("recall@1 %.2f %%, recall@%" PRId64 " %.2f %%, of %s with a class", found_percent(recall->at_1, recall->queries), work->k,
         found_percent(recall->at_k, recall->queries), text_count(&a, recall->queries));
    if (recall->without_items > 0) note("%s of them of classes that the index does not have", text_count(&a, recall->without_items));
}

static int search(searching *work) {
    int code = read_options(work);
    if (code == STATUS_OK) code = open_all(work);
    if (code != STATUS_OK) return code;
    for (int i = 1; i < work->args->count; i++) files_add(&work->files, work->args->positional[i]);
    work->failed = work->files.num_unreadable;
    code = search_all(work);
    if (code == STATUS_INTERRUPTED) message("interrupted");
    if (code != STATUS_OK) return code;
    if (work->is_json && work->from_folder) found_print_recall_json(&work->recall, work->k);
    files_tell_skipped(&work->files);
    tell_summary(work);
    if (work->keep) code = write_sheet(work);
    return code == STATUS_OK && work->failed > 0 ? STATUS_PARTIAL : code;
}

static int run(const arguments *args) {
    searching work;
    int code;
    memset(&work, 0, sizeof work);
    work.args = args;
    work.k = 10;
    interrupt_watch();
    code = search(&work);
    for (size_t i = 0; i < work.num_found; i++) found_release(&work.found[i]);
    free(work.found);
    files_destroy(&work.files);
    rtv_searcher_free(work.searcher);
    rtv_index_free(work.index);
    session_close(&work.session);
    return code;
}

const command command_search = {
    .name = "search",
    .usage = "INDEX PICTURE|FOLDER... [options]",
    .summary = "Find the pictures of an index that are most similar to others.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 2,
    .most = OPTIONS_ANY,
    .details =
        "On a terminal: a table. Into a file or pipe: JSON lines, one a hit, with query, rank, id, key, class and score; with "
        "--class-from-folder a last line with a summary. The score is the inner product of unit descriptors, 1 for the same picture. "
        "Recall counts a query as right when a hit is of its class; a class that the index lacks counts as wrong.",
    .example =
        "  retrieve search photos.idx holiday.jpg -k 5\n"
        "  retrieve search photos.idx photos --exclude-self --class-from-folder --html sheet.html\n",
    .run = run,
};
