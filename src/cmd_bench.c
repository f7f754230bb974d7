/* cmd_bench.c - retrieve bench: how fast a model is here, alone or against another.
 * Everything that is compared takes turns, round by round, so that what disturbs the machine disturbs all of it alike. A turn begins with
 * an untimed lap, since the turn before it left other data in the caches. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json_text.h"
#include "layers_compare.h"
#include "loading.h"
#include "measure.h"
#include "model_summary.h"
#include "progress.h"
#include "session.h"
#include "text.h"

enum { OPT_MODEL, OPT_AGAINST, OPT_RUNS, OPT_LATENCY, OPT_STREAMS, OPT_PROFILE, OPT_JSON, OPT_THREADS };
static const option_spec options[] = {
    [OPT_MODEL] = OPTION_MODEL,
    [OPT_AGAINST] = {"against", 'a', "MODEL", "measure a second model in turns with the first, and compare them layer by layer", 0},
    [OPT_RUNS] = {"runs", 'n', "N", "timed runs of everything that is measured (default: 30)", 0},
    [OPT_LATENCY] = {"latency", 0, NULL, "only one picture at a time, on all threads", 0},
    [OPT_STREAMS] = {"streams", 0, NULL, "only one picture a thread", 0},
    [OPT_PROFILE] = {"profile", 'p', NULL, "list the layers: time, share, kernel, precision, GMAC/s; and sums", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

enum {
    NUM_KINDS = 4,
    SUBJECTS_MOST = 2,
    STREAM_PICTURES = 4, /* of each thread in a timed lap: one alone would let the threads wait for the slowest most of the time */
    WARM_UP_ROUNDS = 2,
    PROFILE_RUNS = 3 /* a turn's profile is the median of so many runs: the warm ones outvote the first, whose caches are cold */
};

static const struct kind {
    int32_t mode;
    int from_file;
    const char *label, *json_mode, *json_input;
} kinds[NUM_KINDS] = {
    {RTV_MODE_LATENCY, 0, "one at a time, network", "latency", "network"},
    {RTV_MODE_LATENCY, 1, "one at a time, with decoding", "latency", "picture"},
    {RTV_MODE_THROUGHPUT, 0, "one a thread, network", "streams", "network"},
    {RTV_MODE_THROUGHPUT, 1, "one a thread, with decoding", "streams", "picture"},
};

/* A model under test. */
typedef struct subject {
    const char *path; /* NULL: the model that comes with the program */
    session session;
    loading loading;
    float *input;              /* [3][height][width] */
    float *descriptors;        /* [lap's pictures][descriptor_dim] */
    rtv_picture *pictures[2];  /* [lap's pictures], all the same: a tensor, a file */
    double *times[NUM_KINDS];  /* [runs], milliseconds a picture */
    spread spreads[NUM_KINDS]; /* of times */
    layer_list layers;         /* with medians at the end */
    double *layer_times;       /* [layers][runs] */
} subject;

typedef struct bench {
    const arguments *args;
    const char *picture; /* or NULL */
    subject subjects[SUBJECTS_MOST];
    int num_subjects, is_wanted[NUM_KINDS], with_layers;
    int64_t runs;
} bench;

/* --- preparation ------------------------------------------------------------------------------------------------------------------ */

static int read_options(bench *b) {
    const arguments *args = b->args;
    int code = options_integer(args, OPT_RUNS, 1, 10000, &b->runs);
    if (code == STATUS_OK && args->values[OPT_LATENCY] && args->values[OPT_STREAMS])
        code = usage_error(args, "--latency and --streams exclude each other; without them both are measured");
    b->picture = args->count > 0 ? args->positional[0] : NULL;
    b->subjects[0].path = args->values[OPT_MODEL];
    b->subjects[1].path = args->values[OPT_AGAINST];
    b->num_subjects = args->values[OPT_AGAINST] ? 2 : 1;
    b->with_layers = args->values[OPT_PROFILE] || b->num_subjects > 1;
    for (int k = 0; k < NUM_KINDS; k++)
        b->is_wanted[k] =
            !args->values[kinds[k].mode == RTV_MODE_LATENCY ? OPT_STREAMS : OPT_LATENCY] && (b->picture || !kinds[k].from_file);
    return code;
}

/* Like normalised pixels, -2..2; a constant input could take short cuts. */
static void fill_noise(float *values, size_t count) {
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        values[i] = (float)(state >> 8) * 0x1p-22f - 2.0f;
    }
}

static void make_arrays(const bench *b, subject *s) {
    const rtv_model_info *info = &s->session.info;
    const size_t inputs = 3 * (size_t)info->input_height * (size_t)info->input_width;
    const size_t most = (size_t)s->session.threads * STREAM_PICTURES;
    s->input = allocate(inputs, sizeof *s->input);
    fill_noise(s->input, inputs);
    s->descriptors = allocate(most, (size_t)info->descriptor_dim * sizeof *s->descriptors);
    for (int from_file = 0; from_file < 2; from_file++) s->pictures[from_file] = allocate(most, sizeof **s->pictures);
    for (size_t i = 0; i < most; i++) {
        rtv_picture_from_tensor(&s->pictures[0][i], s->input, inputs);
        rtv_picture_from_path(&s->pictures[1][i], b->picture);
    }
    for (int k = 0; k < NUM_KINDS; k++)
        if (b->is_wanted[k]) s->times[k] = allocate((size_t)b->runs, sizeof **s->times);
}

/* The models share one set of threads: two would fight. */
static int open_subjects(bench *b) {
    int code = STATUS_OK;
    for (int i = 0; i < b->num_subjects && code == STATUS_OK; i++)
        code = loading_measure(&b->subjects[i].loading, b->args, b->subjects[i].path, OPT_THREADS);
    if (code == STATUS_OK) code = session_open_runtime(&b->subjects[0].session, b->args, OPT_THREADS);
    for (int i = 0; i < b->num_subjects && code == STATUS_OK; i++) {
        subject *s = &b->subjects[i];
        s->session.runtime = b->subjects[0].session.runtime;
        s->session.threads = b->subjects[0].session.threads;
        code = session_load(&s->session, s->path);
        if (code == STATUS_OK) make_arrays(b, s);
        if (code != STATUS_OK || !b->with_layers) continue;
        code = layers_read(&s->layers, s->session.model, 0);
        s->layer_times = allocate((size_t)s->layers.count * (size_t)b->runs, sizeof *s->layer_times);
    }
    return code;
}

static void close_subjects(bench *b) {
    for (int i = b->num_subjects - 1; i >= 0; i--) {
        subject *s = &b->subjects[i];
        for (int k = 0; k < NUM_KINDS; k++) free(s->times[k]);
        for (int k = 0; k < 2; k++) free(s->pictures[k]);
        free(s->input);
        free(s->descriptors);
        free(s->layer_times);
        layers_destroy(&s->layers);
        if (i > 0) s->session.runtime = NULL; /* the first one's */
        session_close(&s->session);
    }
}

/* --- measuring -------------------------------------------------------------------------------------------------------------------- */

static int run_lap(subject *s, const struct kind *kind, int64_t count, double *milliseconds) {
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = s->descriptors};
    rtv_embed_options how;
    rtv_error error;
    double start;
    rtv_embed_options_init(&how);
    how.mode = kind->mode;
    start = clock_seconds();
    if (rtv_model_embed(s->session.model, s->pictures[kind->from_file], count, &how, &result, &error) != RTV_OK)
        return fail(kind->from_file ? s->pictures[1]->path : NULL, &error);
    *milliseconds = (clock_seconds() - start) * 1e3;
    return STATUS_OK;
}

/* round < 0: the times are dropped. */
static int take_turn(subject *s, int k, int64_t round) {
    const struct kind *kind = &kinds[k];
    const int64_t at_once = kind->mode == RTV_MODE_LATENCY ? 1 : s->session.threads;
    const int64_t count = kind->mode == RTV_MODE_LATENCY ? 1 : at_once * STREAM_PICTURES;
    double milliseconds = 0;
    int code = run_lap(s, kind, at_once, &milliseconds);
    if (code == STATUS_OK) code = run_lap(s, kind, count, &milliseconds);
    if (round >= 0) s->times[k][round] = milliseconds / (double)count;
    return code;
}

static int profile(const bench *b, subject *s, int64_t round) {
    int code = layers_time(&s->layers, s->session.model, PROFILE_RUNS);
    for (int64_t i = 0; i < s->layers.count && round >= 0; i++) s->layer_times[i * b->runs + round] = s->layers.items[i].milliseconds;
    return code;
}

static int run_round(bench *b, int64_t round) {
    int code = STATUS_OK;
    for (int k = 0; k < NUM_KINDS; k++)
        for (int i = 0; i < b->num_subjects && code == STATUS_OK; i++)
            if (b->is_wanted[k]) code = take_turn(&b->subjects[i], k, round);
    for (int i = 0; i < b->num_subjects && code == STATUS_OK; i++)
        if (b->with_layers) code = profile(b, &b->subjects[i], round);
    return code;
}

static int run_rounds(bench *b) {
    progress bar;
    int code = STATUS_OK;
    progress_begin(&bar, "measuring", WARM_UP_ROUNDS + b->runs);
    for (int64_t round = -WARM_UP_ROUNDS; round < b->runs && code == STATUS_OK; round++) {
        if (progress_callback(&bar, 0, 0)) {
            message("interrupted");
            return STATUS_INTERRUPTED;
        }
        code = run_round(b, round);
        progress_advance(&bar, 1);
    }
    progress_clear();
    return code;
}

static void summarise(bench *b) {
    for (int i = 0; i < b->num_subjects; i++) {
        subject *s = &b->subjects[i];
        for (int k = 0; k < NUM_KINDS; k++)
            if (b->is_wanted[k]) s->spreads[k] = measure_spread(s->times[k], (size_t)b->runs);
        for (int64_t l = 0; l < s->layers.count; l++)
            s->layers.items[l].milliseconds = measure_spread(s->layer_times + l * b->runs, (size_t)b->runs).median;
    }
}

/* How many times faster the second model is. */
static double ratio(const bench *b, int k) { return measure_ratio(b->subjects[0].times[k], b->subjects[1].times[k], (size_t)b->runs); }

/* --- telling ---------------------------------------------------------------------------------------------------------------------- */

static const char *letter(int i) { return i == 0 ? "A" : "B"; }

static void print_subjects(const bench *b, const rtv_cpu_info *cpu) {
    short_text text;
    table t;
    table_begin(&t, "ll");
    for (int i = 0; i < b->num_subjects; i++) {
        const subject *s = &b->subjects[i];
        if (b->num_subjects > 1) table_add_pair(&t, "model", "%s: %s", letter(i), s->session.info.name);
        if (b->num_subjects == 1) table_add_pair(&t, "model", "%s", s->session.info.name);
        if (s->path) table_add_pair(&t, "file", "%s", s->path);
        table_add_pair(&t, "load", "%.0f ms from the file to the first descriptor", s->loading.milliseconds);
        if (s->loading.bytes > 0)
            table_add_pair(&t, "memory", "%s resident above the bare process, with the first descriptor",
                           text_bytes(&text, (double)s->loading.bytes));
        table_add_pair(&t, "executor", "%s", model_executor_name(s->session.info.executor));
    }
    table_add_pair(&t, "processor", "%s, %s", cpu->name, rtv_isa_name(cpu->isa));
    table_add_pair(&t, "threads", "%" PRId32, b->subjects[0].session.threads);
    table_print(&t, stdout);
    table_destroy(&t);
}

static void add_times(table *t, const spread *found) {
    const double values[] = {found->median, found->mean, found->least, found->most};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) layers_add_number(t, "%.2f", values[i]);
    layers_add_number(t, "%.1f", 1e3 / found->median);
}

static void print_times(const bench *b) {
    static const char *const heads[] = {"ms a picture", "median", "mean", "min", "max", "pictures/s", "A/B"};
    table t;
    table_begin(&t, b->num_subjects > 1 ? "lrrrrrr" : "lrrrrr");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (int k = 0; k < NUM_KINDS; k++) {
        for (int i = 0; i < b->num_subjects && b->is_wanted[k]; i++) {
            char label[80];
            snprintf(label, sizeof label, "%s%s%s", b->num_subjects > 1 ? letter(i) : "", b->num_subjects > 1 ? "  " : "", kinds[k].label);
            table_add(&t, CELL_PLAIN, label);
            add_times(&t, &b->subjects[i].spreads[k]);
            if (b->num_subjects > 1) layers_add_number(&t, "%.2f", i == 1 ? ratio(b, k) : 0);
        }
    }
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
}

static void print_text(const bench *b, const rtv_cpu_info *cpu) {
    print_subjects(b, cpu);
    print_times(b);
    for (int i = 0; i < b->num_subjects && b->args->values[OPT_PROFILE]; i++) {
        if (b->num_subjects > 1) printf("\n%s: %s\n", letter(i), b->subjects[i].session.info.name);
        layers_print(&b->subjects[i].layers);
    }
    if (b->num_subjects > 1) layers_compare_print(&b->subjects[0].layers, &b->subjects[1].layers);
}

static cJSON *times_json(const spread *found) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "median_milliseconds", found->median);
    cJSON_AddNumberToObject(object, "mean_milliseconds", found->mean);
    cJSON_AddNumberToObject(object, "min_milliseconds", found->least);
    cJSON_AddNumberToObject(object, "max_milliseconds", found->most);
    cJSON_AddNumberToObject(object, "pictures_per_second", 1e3 / found->median);
    return object;
}

static cJSON *subject_json(const bench *b, int i) {
    const subject *s = &b->subjects[i];
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "name", s->session.info.name);
    json_add_text(object, "fingerprint", s->session.info.fingerprint);
    json_add_text(object, "executor", model_executor_name(s->session.info.executor));
    cJSON_AddNumberToObject(object, "load_milliseconds", s->loading.milliseconds);
    if (s->loading.bytes > 0) cJSON_AddNumberToObject(object, "process_bytes", (double)s->loading.bytes);
    for (int k = 0; k < NUM_KINDS; k++) {
        cJSON *mode = cJSON_GetObjectItem(object, kinds[k].json_mode), *times;
        if (!b->is_wanted[k]) continue;
        if (!mode) mode = cJSON_AddObjectToObject(object, kinds[k].json_mode);
        times = times_json(&s->spreads[k]);
        if (i == 1) cJSON_AddNumberToObject(times, "ratio", ratio(b, k));
        cJSON_AddItemToObject(mode, kinds[k].json_input, times);
    }
    if (b->args->values[OPT_PROFILE]) layers_add_profile(cJSON_AddObjectToObject(object, "profile"), &s->layers);
    return object;
}

static void print_json(const bench *b, const rtv_cpu_info *cpu) {
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "processor", cpu->name);
    json_add_text(object, "isa", rtv_isa_name(cpu->isa));
    cJSON_AddNumberToObject(object, "threads", b->subjects[0].session.threads);
    cJSON_AddNumberToObject(object, "runs", (double)b->runs);
    cJSON_AddItemToObject(object, "model", subject_json(b, 0));
    if (b->num_subjects > 1) {
        cJSON_AddItemToObject(object, "against", subject_json(b, 1));
        cJSON_AddItemToObject(object, "layers", layers_compare_json(&b->subjects[0].layers, &b->subjects[1].layers));
    }
    json_print_object(object);
}

static int run(const arguments *args) {
    bench b = {.args = args, .runs = 30};
    rtv_cpu_info cpu = {.struct_size = sizeof cpu};
    int code = read_options(&b);
    if (code != STATUS_OK) return code;
    interrupt_watch();
    code = open_subjects(&b);
    if (code == STATUS_OK) code = run_rounds(&b);
    if (code == STATUS_OK) {
        rtv_cpu_info_get(&cpu, NULL);
        summarise(&b);
        if (args->values[OPT_JSON])
            print_json(&b, &cpu);
        else
            print_text(&b, &cpu);
    }
    close_subjects(&b);
    return code;
}

const command command_bench = {
    .name = "bench",
    .usage = "[PICTURE] [options]",
    .summary = "Measure how fast a model is here, alone or against another.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 0,
    .most = 1,
    .details =
        "\"network\" starts from a finished tensor. With PICTURE the same is measured from its file too: read, decoded, resized. \"One a "
        "thread\" is the time of a batch divided by its pictures. Pictures a second are those of the median. Everything takes turns, after "
        "two rounds of warming up; each model is loaded once more in a process of its own for load time and memory. Measure while the "
        "machine is idle: a median far above the minimum says that it was not.\n"
        "With --against: A is the first model, B the second, A/B how many times faster B is, the median of the rounds' ratios.",
    .example =
        "  retrieve bench holiday.jpg\n"
        "  retrieve bench --model cgd.rtv --latency --profile\n"
        "  retrieve bench --model cgd.rtv --against cgd-int8.rtv --threads 1\n",
    .run = run,
};
