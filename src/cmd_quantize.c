/* cmd_quantize.c - retrieve quantize: a float32 model and pictures to a model on 8-bit codes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "commands.h"
#include "control.h"
#include "files.h"
#include "json_text.h"
#include "output.h"
#include "progress.h"
#include "scopes.h"
#include "session.h"
#include "table.h"
#include "text.h"

enum {
    OPT_OUTPUT,
    OPT_SAMPLES,
    OPT_PRESET,
    OPT_ESTIMATOR,
    OPT_WEIGHTS,
    OPT_BIAS,
    OPT_IGNORE,
    OPT_DROP,
    OPT_CONFIG,
    OPT_STATISTICS,
    OPT_SAVE,
    OPT_CONTROL,
    OPT_MAX_DROP,
    OPT_LAYERS,
    OPT_JSON,
    OPT_THREADS
};
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "OUT", "the quantized model", 1},
    [OPT_SAMPLES] = {"samples", 'n', "N", "pictures to look at, evenly from the list (default: 300)", 0},
    [OPT_PRESET] = {"preset", 0, "PRESET", "mixed (default) or performance: activations around 0", 0},
    [OPT_ESTIMATOR] = {"estimator", 0, "NAME",
                       "range of activations: mean_min_max (default), min_max, median, quantile, no_outliers, squared_error", 0},
    [OPT_WEIGHTS] = {"weights", 0, "NAME", "rounding of weights: compensated (default), pair_safe, half_range, nearest", 0},
    [OPT_BIAS] = {"bias", 0, "NAME", "bias correction: none, fast (default), full", 0},
    [OPT_IGNORE] = {"ignore", 'i', "SCOPE,...", "leave layers in float32: NAME, op:OP, regex:EXPRESSION or FROM..TO", 0},
    [OPT_DROP] = {"drop-classes", 0, NULL, "leave the classifier out of the new model", 0},
    [OPT_CONFIG] = {"config", 0, "JSON", "a file with settings (docs/quantization.md); the other options count more", 0},
    [OPT_STATISTICS] = {"statistics", 0, "FILE", "statistics of the same pictures instead of running them", 0},
    [OPT_SAVE] = {"save-statistics", 0, "FILE", "write what was learned about the activations", 0},
    [OPT_CONTROL] = {"accuracy-control", 0, "FOLDER",
                     "return layers to float32 until little enough recall is lost on these labelled pictures", 0},
    [OPT_MAX_DROP] = {"max-drop", 0, "POINTS", "of recall@1, 2, 4, 8 each (default: 0.16)", 0},
    [OPT_LAYERS] = {"layers", 'l', NULL, "list what every layer runs in, and why", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

static const char *const presets[] = {"mixed", "performance", NULL};
static const char *const estimators[] = {"mean_min_max", "min_max", "median", "quantile", "no_outliers", "squared_error", NULL};
static const char *const weights[] = {"compensated", "pair_safe", "half_range", "nearest", NULL};
static const char *const biases[] = {"none", "fast", "full", NULL};

enum { CONFIG_MOST = 1 << 20 };

typedef struct quantizing {
    const arguments *args;
    session session;
    file_list files;
    rtv_quantizer_options how;
    char *json;
    scope_list ignored;
    rtv_quantizer *quantizer;
    rtv_model *result;
    progress bar;
    control control;
    double max_drop;
    int64_t samples, added, failed;
    double seconds;
} quantizing;

/* --- options --- */

/* New: the whole file as a text; NULL after a message. */
static char *read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = allocate(CONFIG_MOST + 1, 1);
    size_t size = file ? fread(text, 1, CONFIG_MOST, file) : 0;
    const char *why = !file || ferror(file)                          ? strerror(errno)
                      : size == CONFIG_MOST || memchr(text, 0, size) ? "no JSON of at most 1 MB"
                                                                     : NULL;
    if (file) fclose(file);
    if (!why) return text;
    message("%s: cannot read settings: %s", path, why);
    free(text);
    return NULL;
}

static void replace(cJSON *settings, const char *name, cJSON *value) {
    cJSON_DeleteItemFromObjectCaseSensitive(settings, name);
    cJSON_AddItemToObject(settings, name, value);
}

/* The words of the command line take the places of those in the file. What is no object stays as it is: the library says so. */
static int make_json(quantizing *q) {
    static const struct {
        const char *name;
        size_t option;
        const char *const *words;
    } fields[] = {{"preset", OPT_PRESET, presets},
                  {"estimator", OPT_ESTIMATOR, estimators},
                  {"weights", OPT_WEIGHTS, weights},
                  {"bias_correction", OPT_BIAS, biases}};
    const arguments *args = q->args;
    cJSON *settings;
    int choice, code = STATUS_OK;
    q->json = args->values[OPT_CONFIG] ? read_text(args->values[OPT_CONFIG]) : copy_text("{}");
    if (!q->json) return STATUS_ERROR;
    settings = cJSON_Parse(q->json);
    if (!cJSON_IsObject(settings)) {
        cJSON_Delete(settings);
        return STATUS_OK;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields && code == STATUS_OK; i++) {
        if (!args->values[fields[i].option]) continue;
        code = options_choice(args, fields[i].option, fields[i].words, &choice);
        if (code == STATUS_OK) replace(settings, fields[i].name, cJSON_CreateString(fields[i].words[choice]));
    }
    if (args->values[OPT_DROP]) replace(settings, "drop_auxiliary", cJSON_CreateTrue());
    replace(settings, "max_samples", cJSON_CreateNumber((double)q->samples));
    free(q->json);
    q->json = cJSON_PrintUnformatted(settings);
    cJSON_Delete(settings);
    return code;
}

/* Reading and quantizing count differently. */
static int32_t follow(void *user, int64_t done, int64_t total) {
    progress *bar = user;
    bar->total = total;
    return progress_callback(bar, done, total);
}

static int read_options(quantizing *q) {
    const arguments *args = q->args;
    int code;
    q->samples = 300;
    code = options_integer(args, OPT_SAMPLES, 1, 32768, &q->samples);
    q->max_drop = 0.16;
    if (code == STATUS_OK) code = options_number(args, OPT_MAX_DROP, &q->max_drop);
    if (code == STATUS_OK && args->values[OPT_MAX_DROP] && !args->values[OPT_CONTROL])
        code = usage_error(args, "--max-drop goes with --accuracy-control");
    if (code == STATUS_OK && args->values[OPT_STATISTICS] && args->values[OPT_SAVE])
        code = usage_error(args, "--statistics and --save-statistics exclude each other");
    if (code == STATUS_OK) code = make_json(q);
    if (code == STATUS_OK) code = output_check(args->values[OPT_OUTPUT], OUTPUT_REGULAR);
    if (code == STATUS_OK) code = output_check_input(args->values[OPT_OUTPUT], args->positional[0]);
    if (code == STATUS_OK && args->values[OPT_SAVE]) code = output_check(args->values[OPT_SAVE], OUTPUT_REGULAR);
    rtv_quantizer_options_init(&q->how);
    scopes_parse(&q->ignored, args->values[OPT_IGNORE]);
    q->how.ignored = q->ignored.scopes;
    q->how.num_ignored = q->ignored.count;
    q->how.json = q->json;
    q->how.progress = follow;
    q->how.progress_user = &q->bar;
    return code;
}

/* --- work --- */

static int begin(quantizing *q) {
    const char *config = q->args->values[OPT_CONFIG], *statistics = q->args->values[OPT_STATISTICS];
    rtv_error error;
    int code = session_open(&q->session, q->args, q->args->positional[0], OPT_THREADS);
    if (code != STATUS_OK) return code;
    if (rtv_quantizer_create(q->session.model, &q->how, &q->quantizer, &error) != RTV_OK) return fail(config, &error);
    if (!statistics || rtv_quantizer_load_statistics(q->quantizer, statistics, &error) == RTV_OK) return STATUS_OK;
    return fail(statistics, &error);
}

/* Every so many of the list, the same ones whenever the list is the same. */
static void choose(quantizing *q, rtv_picture *pictures, const char **paths, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        paths[i] = q->files.paths[(size_t)i * q->files.count / (size_t)count];
        rtv_picture_from_path(&pictures[i], paths[i]);
    }
}

static int add_pictures(quantizing *q) {
    const int64_t all = (int64_t)q->files.count, count = all < q->samples ? all : q->samples;
    rtv_picture *pictures = allocate((size_t)count, sizeof *pictures);
    const char **paths = allocate((size_t)count, sizeof *paths);
    rtv_error *errors = allocate((size_t)count, sizeof *errors), error;
    int code = STATUS_OK;
    choose(q, pictures, paths, count);
    progress_begin(&q->bar, "reading", count);
    if (rtv_quantizer_add(q->quantizer, pictures, count, NULL, errors, &q->added, &error) != RTV_OK) code = fail(NULL, &error);
    progress_clear();
    for (int64_t i = 0; i < count && code == STATUS_OK; i++) {
        if (errors[i].status == RTV_OK) continue;
        message_for_file(paths[i], errors[i].message);
        q->failed++;
    }
    free(pictures);
    free(paths);
    free(errors);
    return code;
}

static int make_model(quantizing *q) {
    const char *folder = q->args->values[OPT_CONTROL];
    rtv_error error;
    if (folder) return control_finish(&q->control, q->quantizer, folder, q->max_drop, &q->result);
    return rtv_quantizer_finish(q->quantizer, NULL, &q->result, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

static int finish(quantizing *q) {
    const arguments *args = q->args;
    const char *save = args->values[OPT_SAVE];
    rtv_error error;
    int code = STATUS_OK;
    progress_begin(&q->bar, "quantizing", 1);
    if (save && rtv_quantizer_save_statistics(q->quantizer, save, &error) != RTV_OK) code = fail(save, &error);
    if (code == STATUS_OK) code = make_model(q);
    if (code == STATUS_OK && rtv_model_save(q->result, args->values[OPT_OUTPUT], &error) != RTV_OK)
        code = fail(args->values[OPT_OUTPUT], &error);
    progress_clear();
    return code;
}

/* --- telling --- */

typedef struct layer_counts {
    rtv_quantized_layer *layers; /* [count] */
    int64_t count, int8, pairs;
} layer_counts;

static int count_layers(const rtv_model *model, layer_counts *l) {
    rtv_error error;
    memset(l, 0, sizeof *l);
    if (rtv_model_quantized_layers(model, NULL, 0, &l->count, &error) != RTV_OK) return fail(NULL, &error);
    l->layers = allocate((size_t)l->count + 1, sizeof *l->layers);
    l->layers[0].struct_size = sizeof *l->layers;
    if (rtv_model_quantized_layers(model, l->layers, l->count, &l->count, &error) != RTV_OK) return fail(NULL, &error);
    for (int64_t i = 0; i < l->count; i++) {
        l->int8 += strcmp(l->layers[i].precision, "int8") == 0;
        l->pairs += l->layers[i].pairs_mended;
    }
    return STATUS_OK;
}

static double file_bytes(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (double)info.st_size : 0;
}

static void print_table(const quantizing *q, const rtv_model_info *info, const layer_counts *l) {
    table t;
    short_text a, b, c;
    table_begin(&t, "ll");
    table_add_pair(&t, "pictures", "%s, %s", text_count(&a, q->added), text_duration(&b, q->seconds));
    table_add_pair(&t, "layers", "%s in int8, %s in float32", text_count(&a, l->int8), text_count(&b, l->count - l->int8));
    table_add_pair(&t, "pairs", "%s of weights gave way to the pair-sum rule", text_count(&a, l->pairs));
    table_add_pair(&t, "file", "%s, was %s", text_bytes(&a, file_bytes(q->args->values[OPT_OUTPUT])),
                   text_bytes(&c, file_bytes(q->args->positional[0])));
    table_add_pair(&t, "fingerprint", "%s", info->fingerprint);
    table_add_pair(&t, "parent", "%s", info->parent);
    table_print(&t, stdout);
    table_destroy(&t);
}

static void print_layers(const layer_counts *l) {
    table t;
    table_begin(&t, "lllrrrl");
    for (int64_t i = 0; i < l->count; i++) {
        const rtv_quantized_layer *layer = &l->layers[i];
        table_add(&t, CELL_PLAIN, layer->name);
        table_add(&t, CELL_PLAIN, layer->precision);
        table_add(&t, CELL_PLAIN, layer->output);
        table_add_text(&t, layer->scale > 0 ? "%.6g" : "", (double)layer->scale);
        table_add_text(&t, layer->scale > 0 ? "%d" : "", layer->zero_point);
        table_add_text(&t, layer->weight_snr_db > 0 ? "%.1f dB" : "", layer->weight_snr_db);
        table_add(&t, CELL_DIM, layer->why);
    }
    table_print(&t, stdout);
    table_destroy(&t);
}

static cJSON *layer_json(const rtv_quantized_layer *layer) {
    cJSON *object = cJSON_CreateObject();
    json_add_text(object, "name", layer->name);
    json_add_text(object, "op", layer->op);
    json_add_text(object, "precision", layer->precision);
    json_add_text(object, "why", layer->why);
    json_add_text(object, "output", layer->output);
    if (layer->scale > 0) {
        json_add_float(object, "scale", layer->scale);
        cJSON_AddNumberToObject(object, "zero_point", layer->zero_point);
    }
    cJSON_AddNumberToObject(object, "pairs_mended", (double)layer->pairs_mended);
    cJSON_AddNumberToObject(object, "weight_snr_db", layer->weight_snr_db);
    return object;
}

static void print_json(const quantizing *q, const rtv_model_info *info, const layer_counts *l) {
    cJSON *object = cJSON_CreateObject(), *layers = cJSON_CreateArray();
    cJSON_AddNumberToObject(object, "pictures", (double)q->added);
    cJSON_AddNumberToObject(object, "failed", (double)q->failed);
    cJSON_AddNumberToObject(object, "seconds", q->seconds);
    cJSON_AddNumberToObject(object, "file_bytes", file_bytes(q->args->values[OPT_OUTPUT]));
    json_add_text(object, "fingerprint", info->fingerprint);
    json_add_text(object, "parent", info->parent);
    for (int64_t i = 0; i < l->count; i++) cJSON_AddItemToArray(layers, layer_json(&l->layers[i]));
    if (q->control.num_steps > 0) cJSON_AddItemToObject(object, "accuracy", control_json(&q->control));
    cJSON_AddItemToObject(object, "layers", layers);
    json_print_object(object);
}

static int tell(const quantizing *q) {
    rtv_model_info info = {.struct_size = sizeof info};
    layer_counts layers;
    rtv_error error;
    int code = count_layers(q->result, &layers);
    if (code == STATUS_OK && rtv_model_info_get(q->result, &info, &error) != RTV_OK) code = fail(NULL, &error);
    if (code == STATUS_OK && q->args->values[OPT_JSON])
        print_json(q, &info, &layers);
    else if (code == STATUS_OK) {
        if (q->control.num_steps > 0) control_print(&q->control);
        if (q->args->values[OPT_LAYERS]) print_layers(&layers);
        print_table(q, &info, &layers);
    }
    free(layers.layers);
    files_tell_skipped(&q->files);
    if (code == STATUS_OK && (q->failed > 0 || q->files.num_unreadable > 0)) return STATUS_PARTIAL;
    return code;
}

static int quantize(quantizing *q) {
    double started;
    int code = read_options(q);
    if (code != STATUS_OK) return code;
    for (int i = 1; i < q->args->count; i++) files_add(&q->files, q->args->positional[i]);
    if (interrupted()) return STATUS_INTERRUPTED;
    if (q->files.count == 0) {
        message("no pictures in %s", q->args->positional[1]);
        return STATUS_ERROR;
    }
    code = begin(q);
    started = clock_seconds();
    if (code == STATUS_OK) code = add_pictures(q);
    if (code == STATUS_OK) code = finish(q);
    q->seconds = clock_seconds() - started;
    return code == STATUS_OK ? tell(q) : code;
}

static int run(const arguments *args) {
    quantizing q;
    int code;
    memset(&q, 0, sizeof q);
    q.args = args;
    interrupt_watch();
    code = quantize(&q);
    if (code == STATUS_INTERRUPTED) message("interrupted; nothing was written");
    rtv_quantizer_free(q.quantizer);
    rtv_model_free(q.result);
    control_destroy(&q.control);
    scopes_destroy(&q.ignored);
    files_destroy(&q.files);
    free(q.json);
    session_close(&q.session);
    return code;
}

const command command_quantize = {
    .name = "quantize",
    .usage = "MODEL PICTURE|FOLDER... -o OUT [options]",
    .summary = "Make a model that computes on 8-bit codes: about four times faster.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 2,
    .most = OPTIONS_ANY,
    .details =
        "Looks at some hundred of the pictures, which should be such as the model will see, and none that it is measured with. An index of "
        "MODEL can be searched with OUT (search --allow-parent). Statistics are of one model and one choice of pictures; give the same "
        "pictures with --statistics.",
    .example =
        "  retrieve quantize cgd.rtv photos -o cgd-int8.rtv\n"
        "  retrieve compare cgd.rtv cgd-int8.rtv other-photos\n",
    .run = run,
};
