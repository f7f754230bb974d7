/* cmd_compare.c - retrieve compare: how far a second model is from the first on the same pictures. */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "compare_print.h"
#include "labelled.h"
#include "progress.h"
#include "session.h"

enum { OPT_RECALL, OPT_LAYERS, OPT_JSON, OPT_THREADS };
static const option_spec options[] = {
    [OPT_RECALL] = {"recall", 'k', "K,K,...", "recall at these places (default: 1,2,4,8)", 0},
    [OPT_LAYERS] = {"layers", 'l', "N", "compare the networks layer by layer on N pictures (default: 16; 0 for none)", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

typedef struct comparing {
    const arguments *args;
    session sessions[2]; /* on the threads of the first */
    labelled pictures;
    int64_t k[RTV_DRIFT_KS_MAX];
    progress bar;
    rtv_drift_options how;
} comparing;

/* "1,10,100"; the library checks the numbers. */
static int read_recall(comparing *c) {
    const char *text = c->args->values[OPT_RECALL];
    char *end;
    if (!text) return STATUS_OK;
    c->how.ks = c->k;
    c->how.num_ks = 0;
    for (; c->how.num_ks < RTV_DRIFT_KS_MAX; text = end + 1) {
        c->k[c->how.num_ks++] = strtoll(text, &end, 10);
        if (end == text || (*end && *end != ',')) break;
        if (!*end) return STATUS_OK;
    }
    return usage_error(c->args, "--recall: got \"%s\", expected at most %d rising numbers, such as 1,2,4,8", c->args->values[OPT_RECALL],
                       RTV_DRIFT_KS_MAX);
}

static int read_options(comparing *c) {
    int code;
    rtv_drift_options_init(&c->how);
    code = options_integer(c->args, OPT_LAYERS, 0, 1000000, &c->how.layer_pictures);
    c->how.progress = progress_callback;
    c->how.progress_user = &c->bar;
    return code == STATUS_OK ? read_recall(c) : code;
}

static int open_models(comparing *c) {
    int code = session_open(&c->sessions[0], c->args, c->args->positional[0], OPT_THREADS);
    if (code != STATUS_OK) return code;
    c->sessions[1].runtime = c->sessions[0].runtime;
    return session_load(&c->sessions[1], c->args->positional[1]);
}

static int show(const comparing *c, const rtv_drift *drift) {
    const compare_subject subject = {
        drift, {&c->sessions[0].info, &c->sessions[1].info}, c->args->positional, c->pictures.files.paths, c->how.ks ? c->how.ks[0] : 1};
    const int code = c->args->values[OPT_JSON] ? compare_print_json(&subject) : compare_print_table(&subject);
    files_tell_skipped(&c->pictures.files);
    return code == STATUS_OK && c->pictures.files.num_unreadable > 0 ? STATUS_PARTIAL : code;
}

static int compare(comparing *c) {
    rtv_drift *drift = NULL;
    rtv_error error;
    int code = read_options(c);
    if (code == STATUS_OK) code = open_models(c);
    if (code != STATUS_OK) return code;
    code = labelled_read(&c->pictures, (const char *const *)c->args->positional + 2, c->args->count - 2);
    if (code != STATUS_OK) return code;
    c->how.classes = c->pictures.classes;
    progress_begin(&c->bar, "comparing", 2 * (int64_t)c->pictures.files.count + c->how.layer_pictures);
    code = rtv_drift_measure(c->sessions[0].model, c->sessions[1].model, c->pictures.pictures, (int64_t)c->pictures.files.count, &c->how,
                             &drift, &error) == RTV_OK
               ? STATUS_OK
               : fail(NULL, &error);
    progress_clear();
    if (code == STATUS_OK) code = show(c, drift);
    rtv_drift_free(drift);
    return code;
}

static int run(const arguments *args) {
    comparing c;
    int code;
    memset(&c, 0, sizeof c);
    c.args = args;
    interrupt_watch();
    code = compare(&c);
    if (code == STATUS_INTERRUPTED) message("interrupted");
    labelled_destroy(&c.pictures);
    c.sessions[1].runtime = NULL; /* the first one's */
    session_close(&c.sessions[1]);
    session_close(&c.sessions[0]);
    return code;
}

const command command_compare = {
    .name = "compare",
    .usage = "MODEL_A MODEL_B PICTURE|FOLDER... [options]",
    .summary = "Say how far a model is from another, int8 from float32, on the same pictures.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 3,
    .most = OPTIONS_ANY,
    .details =
        "Each picture is embedded with both models. The cosine is that of its two descriptors. For recall each picture is a query among "
        "all "
        "the others, and right when one of the first K is of its class, which is the name of its folder; \"mixed\" are B's queries among "
        "A's "
        "descriptors. Gained are queries right with B and wrong with A, lost the other way round. The interval is that of Bonett and Price "
        "for B's recall minus A's, 95 %; p is McNemar's exact test. Layers: 10 log10 of A's power over that of the difference, on values "
        "of "
        "one name in both networks.",
    .example =
        "  retrieve compare cgd.rtv cgd-int8.rtv photos\n"
        "  retrieve compare cgd.rtv cgd-int8.rtv photos --json | jq .recall\n",
    .run = run,
};
