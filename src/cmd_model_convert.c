/* cmd_model_convert.c - retrieve model convert: from a trained checkpoint to a model file. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "model_summary.h"
#include "output.h"
#include "session.h"
#include "table.h"
#include "text.h"

enum { OPT_OUTPUT, OPT_DESCRIPTORS, OPT_INPUT, OPT_LAYER3, OPT_RESIZE, OPT_EXIF, OPT_FAST, OPT_HALF, OPT_NAME, OPT_CLASSES, OPT_THREADS };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "MODEL", "model file to write", 1},
    [OPT_DESCRIPTORS] = {"descriptors", 'd', "LETTERS", "branches in order: S (mean), M (maximum), G (GeM) (default: SG)", 0},
    [OPT_INPUT] = {"input", 'i', "N|WxH", "the network's input in pixels (default: 224)", 0},
    [OPT_LAYER3] = {"layer3-stride", 0, "N", "stride of the third stage: 1 or 2 (default: 1 for CGD, 2 for a classifier)", 0},
    [OPT_RESIZE] = {"resize", 0, "HOW", "squash (default), crop, or letterbox", 0},
    [OPT_EXIF] = {"exif", 0, NULL, "turn pictures as their EXIF orientation says", 0},
    [OPT_FAST] = {"fast-decode", 0, NULL, "let the JPEG decoder shrink large pictures first", 0},
    [OPT_HALF] = {"half", 0, NULL, "store weights as float16: half the size, slightly rounded", 0},
    [OPT_NAME] = {"name", 0, "NAME", "the model's name (default: the network's)", 0},
    [OPT_CLASSES] = {"class-names", 0, "FILE", "names of the classifier's classes, one a line", 0},
    [OPT_THREADS] = OPTION_THREADS,
};

static const char *const resize_words[] = {"squash", "crop", "letterbox", NULL};

typedef struct name_lines {
    char **lines; /* [count] */
    size_t count;
} name_lines;

static int read_lines(const char *path, name_lines *names) {
    FILE *file = fopen(path, "r");
    size_t room = 0, capacity = 0;
    char *line = NULL;
    int os_error;
    errno = file ? 0 : errno;
    while (file && getline(&line, &room, file) >= 0) {
        line[strcspn(line, "\r\n")] = 0;
        names->lines = grow(names->lines, &capacity, names->count + 1, sizeof *names->lines);
        names->lines[names->count++] = copy_text(line);
    }
    os_error = file && !ferror(file) ? 0 : errno;
    free(line);
    if (file) fclose(file);
    if (os_error) message_for_file(path, strerror(os_error));
    return os_error ? STATUS_ERROR : STATUS_OK;
}

static int read_input(const arguments *args, rtv_import_options *how) {
    const char *text = args->values[OPT_INPUT];
    int used = 0, width = 0, height = 0;
    if (!text) return STATUS_OK;
    if (sscanf(text, "%5dx%5d%n", &width, &height, &used) != 2 || text[used]) {
        used = 0;
        if (sscanf(text, "%5d%n", &width, &used) != 1 || text[used]) width = 0;
        height = width;
    }
    if (width < 1 || height < 1)
        return usage_error(args, "--input: got \"%s\", expected a size like 224 or 320x240 (width x height)", text);
    how->input_width = width;
    how->input_height = height;
    return STATUS_OK;
}

static int read_options(const arguments *args, rtv_import_options *how, name_lines *names) {
    int resize = 0, code;
    int64_t layer3 = 0;
    rtv_import_options_init(how);
    code = read_input(args, how);
    if (code == STATUS_OK) code = options_integer(args, OPT_LAYER3, 1, 2, &layer3);
    if (code == STATUS_OK) code = options_choice(args, OPT_RESIZE, resize_words, &resize);
    if (code == STATUS_OK && args->values[OPT_CLASSES]) code = read_lines(args->values[OPT_CLASSES], names);
    how->layer3_stride = (int32_t)layer3;
    how->resize = RTV_RESIZE_SQUASH + resize;
    how->apply_exif = args->values[OPT_EXIF] != NULL;
    how->fast_decode = args->values[OPT_FAST] != NULL;
    how->store = args->values[OPT_HALF] ? RTV_STORE_FLOAT16 : RTV_STORE_FLOAT32;
    if (args->values[OPT_DESCRIPTORS]) how->descriptors = args->values[OPT_DESCRIPTORS];
    if (args->values[OPT_NAME]) how->name = args->values[OPT_NAME];
    if (names->count > 0) how->class_names = (const char *const *)names->lines;
    how->num_class_names = (int64_t)names->count;
    return code;
}

/* What a checkpoint does not say and the command line did not either: the user should know what was guessed. */
static void tell_assumptions(const arguments *args, const rtv_model_info *info) {
    int is_cgd = *info->descriptors != 0;
    table t;
    table_begin(&t, "ll");
    if (is_cgd && !args->values[OPT_DESCRIPTORS]) table_add_pair(&t, "  --descriptors", "%s", info->descriptors);
    if (!args->values[OPT_INPUT]) table_add_pair(&t, "  --input", "%" PRId32 "x%" PRId32, info->input_width, info->input_height);
    if (!args->values[OPT_LAYER3]) table_add_pair(&t, "  --layer3-stride", "%d", is_cgd ? 1 : 2);
    if (!args->values[OPT_RESIZE]) table_add_pair(&t, "  --resize", "squash (the aspect ratio is not kept)");
    if (!args->values[OPT_EXIF]) table_add_pair(&t, "  no --exif", "EXIF orientation is ignored");
    if (t.count > 0) note("A checkpoint does not say these; assumed:");
    table_print(&t, stderr);
    table_destroy(&t);
}

/* Writes the model, and reads it again: what is printed is what a later command will find. */
static int save(const arguments *args, session *s) {
    const char *path = args->values[OPT_OUTPUT];
    rtv_error error;
    if (rtv_model_save(s->model, path, &error) != RTV_OK) return fail(path, &error);
    rtv_model_free(s->model);
    s->model = NULL;
    if (session_load(s, path) != STATUS_OK) return STATUS_ERROR;
    model_summary_print(&s->info, 0);
    return STATUS_OK;
}

static int convert(const arguments *args, session *s, const rtv_import_options *how) {
    const char *checkpoint = args->positional[0];
    rtv_error error;
    int code = output_check(args->values[OPT_OUTPUT], OUTPUT_REGULAR);
    if (code == STATUS_OK) code = output_check_input(args->values[OPT_OUTPUT], args->positional[0]);
    if (code == STATUS_OK) code = session_open_runtime(s, args, OPT_THREADS);
    if (code != STATUS_OK) return code;
    s->info.struct_size = sizeof s->info;
    if (rtv_model_import(checkpoint, how, s->runtime, NULL, &s->model, &error) != RTV_OK ||
        rtv_model_info_get(s->model, &s->info, &error) != RTV_OK)
        return fail(checkpoint, &error);
    tell_assumptions(args, &s->info);
    return save(args, s);
}

static int run(const arguments *args) {
    session s;
    name_lines names = {NULL, 0};
    rtv_import_options how;
    int code = read_options(args, &how, &names);
    memset(&s, 0, sizeof s);
    if (code == STATUS_OK) code = convert(args, &s, &how);
    session_close(&s);
    for (size_t i = 0; i < names.count; i++) free(names.lines[i]);
    free(names.lines);
    return code;
}

const command command_model_convert = {
    .name = "model convert",
    .usage = "CHECKPOINT -o MODEL [options]",
    .summary = "Make a model file from trained weights (PyTorch .pth or safetensors).",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details =
        "CHECKPOINT is a state_dict of a CGD ResNet or of a ResNet classifier; no code in it is ever run. What it does not say is assumed "
        "and printed, and becomes part of the model and its fingerprint.",
    .example = "  retrieve model convert cgd_sg.pth -o cgd.rtv --descriptors SG --input 224 --half\n",
    .run = run,
};
