/* cmd_eval.c - retrieve eval: how good an index is at finding its own classes. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "calibrated.h"
#include "commands.h"
#include "eval_report.h"
#include "progress.h"
#include "session.h"
#include "text.h"

enum {
    OPT_K,
    OPT_QUERY,
    OPT_PREDICTED,
    OPT_PER_CLASS,
    OPT_HARDEST,
    OPT_HISTOGRAM,
    OPT_FALSE_ACCEPTS,
    OPT_STORE,
    OPT_SCORE_QUERIES,
    OPT_SAMPLES,
    OPT_SEED,
    OPT_JSON,
    OPT_TABLE,
    OPT_FOREIGN,
    OPT_MODEL,
    OPT_THREADS
};
static const option_spec options[] = {
    [OPT_K] = {"k", 'k', "N,N...", "for which recall and precision are measured (default: 1,10,100,1000)", 0},
    [OPT_QUERY] = {"query", 'q', "INDEX", "take the queries from this index; nothing is left out then", 0},
    [OPT_PREDICTED] = {"predicted", 'p', NULL, "a query sees only items that the model takes for the same as the query", 0},
    [OPT_PER_CLASS] = {"per-class", 'c', NULL, "a row for each class too", 0},
    [OPT_HARDEST] = {"hardest", 'n', "N", "name the N queries whose first relevant item comes last", 0},
    [OPT_HISTOGRAM] = {"histogram", 0, NULL, "show how the scores lie", 0},
    [OPT_FALSE_ACCEPTS] = {"false-accepts", 'f', "SHARE",
                           "least score for \"nothing similar\": the share of queries that may still meet another class (default: 0.01)",
                           0},
    [OPT_STORE] = {"store-min-score", 0, NULL, "keep that score in INDEX, for `retrieve search --min-score index`", 0},
    [OPT_SCORE_QUERIES] = {"score-queries", 0, "N", "queries looked at for that, drawn by seed; 0: none, -1: all (default: 2000)", 0},
    [OPT_SAMPLES] = {"samples", 0, "N", "bootstrap samples for the intervals; 0: no intervals (default: 1000)", 0},
    [OPT_SEED] = {"seed", 0, "N", "of every draw (default: 1)", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON, also on a terminal", 0},
    [OPT_TABLE] = {"table", 0, NULL, "print tables, also into a file or pipe", 0},
    [OPT_FOREIGN] = {"allow-foreign", 0, NULL, "the two indexes may be of different models of as many dimensions", 0},
    [OPT_MODEL] = {"model", 'm', "MODEL", "the quantized model of the index: warn when it was calibrated with pictures of the index", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

typedef struct evaluating {
    const arguments *args;
    session session;
    rtv_evaluation_options how;
    int64_t ks[RTV_EVALUATION_KS_MAX];
    progress bar;
    rtv_evaluation *evaluation;
    eval_report report;
} evaluating;

static int read_rates(evaluating *work) {
    const arguments *args = work->args;
    int64_t score_queries = work->how.score_queries, samples = work->how.bootstrap_samples, seed = 1;
    int code = options_integer(args, OPT_SCORE_QUERIES, -1, INT32_MAX, &score_queries);
    if (code == STATUS_OK) code = options_integer(args, OPT_SAMPLES, 0, 100000, &samples);
    if (code == STATUS_OK) code = options_integer(args, OPT_SEED, 0, INT64_MAX, &seed);
    if (code == STATUS_OK) code = options_integer(args, OPT_HARDEST, 0, INT32_MAX, &work->report.hardest);
    if (code == STATUS_OK) code = options_number(args, OPT_FALSE_ACCEPTS, &work->report.false_accept_rate);
    if (code == STATUS_OK && (work->report.false_accept_rate < 0 || work->report.false_accept_rate > 1))
        code = usage_error(args, "--false-accepts: got \"%s\", expected a share from 0 to 1", args->values[OPT_FALSE_ACCEPTS]);
    work->how.score_queries = score_queries;
    work->how.bootstrap_samples = samples;
    work->how.seed = (uint64_t)seed;
    return code;
}

static int read_options(evaluating *work) {
    const arguments *args = work->args;
    int64_t count = 0;
    int code;
    rtv_evaluation_options_init(&work->how);
    work->report.false_accept_rate = 0.01;
    work->report.calibrated = -1;
    code = options_rising(args, OPT_K, work->ks, RTV_EVALUATION_KS_MAX, &count);
    if (code == STATUS_OK) code = read_rates(work);
    if (code == STATUS_OK && args->values[OPT_JSON] && args->values[OPT_TABLE])
        code = usage_error(args, "--json and --table exclude each other");
    if (count > 0) {
        work->how.ks = work->ks;
        work->how.num_ks = count;
    }
    work->how.predicted = args->values[OPT_PREDICTED] != NULL;
    work->how.accept = args->values[OPT_FOREIGN] ? RTV_ACCEPT_ANY : RTV_ACCEPT_OWN;
    work->how.progress = progress_callback;
    work->how.progress_user = &work->bar;
    work->report.per_class = args->values[OPT_PER_CLASS] != NULL;
    work->report.histogram = args->values[OPT_HISTOGRAM] != NULL;
    work->report.gallery_path = args->positional[0];
    work->report.queries_path = args->values[OPT_QUERY];
    return code;
}

static int open_index(const evaluating *work, const char *path, rtv_index **index) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    if (rtv_index_open(path, work->session.runtime, index, &error) != RTV_OK || rtv_index_info_get(*index, &info, &error) != RTV_OK)
        return fail(path, &error);
    if (info.has_classes) return STATUS_OK;
    message("%s: no item has a class; `retrieve index --class-from-folder` gives them one", path);
    return STATUS_ERROR;
}

static int evaluate(evaluating *work) {
    eval_report *report = &work->report;
    rtv_error error;
    int32_t status;
    progress_begin(&work->bar, "evaluating", 0);
    status = rtv_evaluation_create(report->gallery, report->queries_path ? report->queries : NULL, &work->how, &work->evaluation, &error);
    progress_clear();
    if (status == RTV_E_CANCELLED) return STATUS_INTERRUPTED;
    if (status != RTV_OK) return fail(NULL, &error);
    report->evaluation = work->evaluation;
    report->info.struct_size = sizeof report->info;
    return rtv_evaluation_info_get(work->evaluation, &report->info, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

/* A model looks better than it is on the pictures it was calibrated with. */
static int check_calibration(evaluating *work) {
    const char *path = work->args->values[OPT_MODEL];
    rtv_index_info info = {.struct_size = sizeof info};
    int64_t count, unread;
    short_text a, b;
    int code;
    if (!path) return STATUS_OK;
    code = session_load(&work->session, path);
    if (code != STATUS_OK) return code;
    rtv_index_info_get(work->report.queries, &info, NULL);
    if (strcmp(info.fingerprint, work->session.info.fingerprint) != 0) {
        message("%s: did not make the descriptors of the queries", path);
        return STATUS_ERROR;
    }
    code = calibrated_count(&work->session, work->report.queries, &count, &unread);
    if (code != STATUS_OK) return code;
    if (count > 0)
        message("%s was calibrated with %s of the %s pictures: on these it looks better than it is", path, text_count(&a, count),
                text_count(&b, info.count));
    if (unread > 0) note("%s pictures could not be read; whether the model was calibrated with them is not known", text_count(&a, unread));
    work->report.calibrated = count;
    return STATUS_OK;
}

static int store_min_score(const evaluating *work) {
    const eval_report *report = &work->report;
    rtv_index *index = NULL;
    rtv_threshold threshold;
    rtv_error error;
    int code = STATUS_OK;
    if (!work->args->values[OPT_STORE]) return STATUS_OK;
    if (rtv_evaluation_threshold(report->evaluation, report->false_accept_rate, &threshold, &error) != RTV_OK ||
        rtv_index_open_writable(report->gallery_path, work->session.runtime, &index, &error) != RTV_OK ||
        rtv_index_set_min_score(index, threshold.min_score, &error) != RTV_OK || rtv_index_commit(index, &error) != RTV_OK)
        code = fail(NULL, &error);
    rtv_index_free(index);
    return code;
}

static int eval(evaluating *work) {
    eval_report *report = &work->report;
    const char *const *values = work->args->values;
    short_text a;
    int code = read_options(work);
    if (code == STATUS_OK) code = session_open_runtime(&work->session, work->args, OPT_THREADS);
    if (code == STATUS_OK) code = open_index(work, report->gallery_path, &report->gallery);
    report->queries = report->gallery;
    if (code == STATUS_OK && report->queries_path) {
        report->queries = NULL;
        code = open_index(work, report->queries_path, &report->queries);
    }
    if (code == STATUS_OK) code = check_calibration(work);
    if (code == STATUS_OK) code = evaluate(work);
    if (code == STATUS_OK) code = store_min_score(work);
    if (code == STATUS_INTERRUPTED) message("interrupted");
    if (code != STATUS_OK) return code;
    code = !values[OPT_TABLE] && (values[OPT_JSON] || !isatty(STDOUT_FILENO)) ? eval_report_print_json(report) : eval_report_print(report);
    note("evaluated in %s", text_duration(&a, clock_seconds() - work->bar.started));
    return code;
}

static int run(const arguments *args) {
    evaluating work;
    int code;
    memset(&work, 0, sizeof work);
    work.args = args;
    interrupt_watch();
    code = eval(&work);
    rtv_evaluation_free(work.evaluation);
    if (work.report.queries != work.report.gallery) rtv_index_free(work.report.queries);
    rtv_index_free(work.report.gallery);
    session_close(&work.session);
    return code;
}

const command command_eval = {
    .name = "eval",
    .usage = "INDEX [options]",
    .summary = "Measure how well an index finds its own classes.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details =
        "Leave-one-out: every item with a class is a query among all the others. With --query, items of another index are the queries and "
        "nothing is left out. recall@k: the share of queries that find their class among the first k. Queries of which the index has no "
        "other item count as misses; the second pair of columns leaves them out. Intervals are a bootstrap over classes. On a terminal: "
        "tables. Into a file or pipe: one JSON object.",
    .example =
        "  retrieve index photos -o photos.rtvx --class-from-folder\n"
        "  retrieve eval photos.rtvx --k 1,2,4,8 --hardest 10\n",
    .run = run,
};
