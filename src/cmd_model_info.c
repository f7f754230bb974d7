/* cmd_model_info.c - retrieve model info: what a model is, layer by layer if wanted. */
#include "commands.h"
#include "json_text.h"
#include "layers.h"
#include "measure.h"
#include "model_summary.h"
#include "session.h"

enum { OPT_LAYERS, OPT_PROFILE, OPT_JSON, OPT_THREADS };
static const option_spec options[] = {
    [OPT_LAYERS] = {"layers", 'l', NULL, "list the layers: operation, output, kernel, precision, multiply-adds", 0},
    [OPT_PROFILE] = {"profile", 'p', "RUNS", "list the layers with their median time in RUNS runs of one picture", 0},
    [OPT_JSON] = {"json", 'j', NULL, "print JSON", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

static int print(const session *s, const arguments *args, int64_t runs, int64_t process_bytes) {
    layer_list layers = {.items = NULL};
    int with_layers = args->values[OPT_LAYERS] || runs > 0, code = STATUS_OK;
    if (with_layers) code = layers_read(&layers, s->model, (int32_t)runs);
    if (code == STATUS_OK && args->values[OPT_JSON]) {
        cJSON *object = model_summary_json(&s->info, process_bytes);
        if (with_layers) cJSON_AddItemToObject(object, "layers", layers_json(&layers));
        json_print_object(object);
    } else if (code == STATUS_OK) {
        model_summary_print(&s->info, process_bytes);
        if (with_layers) layers_print(&layers);
    }
    layers_destroy(&layers);
    return code;
}

static int run(const arguments *args) {
    const int64_t before = measure_resident_bytes();
    session s;
    int64_t runs = 0;
    int code = options_integer(args, OPT_PROFILE, 1, 10000, &runs);
    if (code != STATUS_OK) return code;
    code = session_open(&s, args, args->count > 0 ? args->positional[0] : NULL, OPT_THREADS);
    if (code == STATUS_OK) code = print(&s, args, runs, measure_resident_bytes() - before);
    session_close(&s);
    return code;
}

const command command_model_info = {
    .name = "model info",
    .usage = "[MODEL] [options]",
    .summary = "Say what a model is: network, preprocessing, memory, fingerprint, layers.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 0,
    .most = 1,
    .details =
        "Without MODEL: the model that comes with the program. The activations are those of one picture at work: there are as many as "
        "pictures at work at once. The process is measured: what loading added to its resident memory, the libraries' own code included.",
    .example = "  retrieve model info cgd.rtv --layers\n",
    .run = run,
};
