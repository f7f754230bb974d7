/* cmd_embed.c - retrieve embed: descriptors of pictures, as .npy or JSON lines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "files.h"
#include "json_text.h"
#include "npy.h"
#include "progress.h"
#include "session.h"
#include "text.h"

enum { OPT_OUTPUT, OPT_KEYS, OPT_MODEL, OPT_THREADS };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "OUT.npy", "write float32 [pictures][dimensions] as .npy (default: JSON lines on standard output)", 0},
    [OPT_KEYS] = {"keys", 0, "FILE", "write the pictures' paths, one a line, in the rows' order", 0},
    [OPT_MODEL] = OPTION_MODEL,
    [OPT_THREADS] = OPTION_THREADS,
};

enum { BATCH = 64 };

/* Where the results go: npy and keys are open when their options are given. */
typedef struct sink {
    npy matrix;
    output keys;
    int64_t rows;
} sink;

static int open_sink(sink *to, const arguments *args, const session *s) {
    const char *matrix = args->values[OPT_OUTPUT], *keys = args->values[OPT_KEYS];
    memset(to, 0, sizeof *to);
    if (matrix && npy_open(&to->matrix, matrix, s->info.descriptor_dim) != STATUS_OK) return STATUS_ERROR;
    return keys ? output_open(&to->keys, keys) : STATUS_OK;
}

static void print_json(const session *s, const batch *b, int64_t i) {
    cJSON *line = cJSON_CreateObject();
    json_add_text(line, "key", b->paths[i]);
    json_add_class(line, "class", b->classes[i], session_class_name(s, b->classes[i]));
    if (b->classes[i] >= 0) json_add_float(line, "class_score", b->class_scores[i]);
    json_add_floats(line, "descriptor", b->descriptors + i * s->info.descriptor_dim, s->info.descriptor_dim);
    json_print_line(line);
}

static void write_batch(sink *to, const session *s, const batch *b) {
    for (int64_t i = 0; i < b->count; i++) {
        if (!batch_is_good(b, i)) continue;
        if (to->keys.stream) {
            char *key = text_printable(b->paths[i]);
            output_print(&to->keys, "%s\n", key);
            free(key);
        }
        if (to->matrix.out.stream)
            npy_add(&to->matrix, b->descriptors + i * s->info.descriptor_dim);
        else
            print_json(s, b, i);
        to->rows++;
    }
}

static int embed_all(const session *s, const file_list *list, sink *to) {
    batch b;
    progress bar;
    rtv_embed_options how;
    rtv_error error;
    int64_t failed = list->num_unreadable;
    int code = STATUS_OK;
    batch_create(&b, BATCH, s->info.descriptor_dim);
    rtv_embed_options_init(&how);
    how.progress = progress_callback;
    how.progress_user = &bar;
    progress_begin(&bar, "embedding", (int64_t)list->count);
    for (size_t at = 0; at < list->count && code == STATUS_OK && !interrupted(); at += (size_t)b.count) {
        batch_fill(&b, (const char *const *)list->paths + at, (int64_t)(list->count - at));
        if (rtv_model_embed(s->model, b.pictures, b.count, &how, &b.result, &error) != RTV_OK) {
            code = fail(NULL, &error);
            break;
        }
        progress_advance(&bar, b.count);
        if (!to->matrix.out.stream) progress_clear();
        write_batch(to, s, &b);
        failed += batch_tell_failures(&b);
    }
    if (code == STATUS_OK && interrupted()) code = STATUS_INTERRUPTED; /* perhaps already while the folders were read */
    progress_clear();
    batch_destroy(&b);
    if (code == STATUS_OK && failed > 0) code = STATUS_PARTIAL;
    return code;
}

static int commit(sink *to, const arguments *args, const session *s) {
    short_text number;
    if (to->keys.stream && output_commit(&to->keys) != STATUS_OK) return STATUS_ERROR;
    if (!to->matrix.out.stream) return STATUS_OK;
    if (npy_commit(&to->matrix) != STATUS_OK) return STATUS_ERROR;
    note("%s descriptors of %" PRId32 " floats in %s", text_count(&number, to->rows), s->info.descriptor_dim, args->values[OPT_OUTPUT]);
    return STATUS_OK;
}

static int run(const arguments *args) {
    session s;
    sink to;
    file_list list;
    int code;
    memset(&to, 0, sizeof to);
    memset(&list, 0, sizeof list);
    interrupt_watch();
    code = session_open(&s, args, args->values[OPT_MODEL], OPT_THREADS);
    if (code == STATUS_OK) code = open_sink(&to, args, &s);
    if (code == STATUS_OK) {
        for (int i = 0; i < args->count; i++) files_add(&list, args->positional[i]);
        code = embed_all(&s, &list, &to);
        files_tell_skipped(&list);
    }
    if ((code == STATUS_OK || code == STATUS_PARTIAL) && commit(&to, args, &s) != STATUS_OK) code = STATUS_ERROR;
    if (code == STATUS_INTERRUPTED) message("interrupted; nothing more was written");
    npy_abort(&to.matrix);
    output_abort(&to.keys);
    files_destroy(&list);
    session_close(&s);
    return code;
}

const command command_embed = {
    .name = "embed",
    .usage = "PICTURE|FOLDER... [options]",
    .summary = "Turn pictures into descriptors: a .npy matrix or JSON lines.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = OPTIONS_ANY,
    .details =
        "JSON lines have the members key, class and class_score (as the model predicts them) and descriptor. Folders are searched with the "
        "folders below them, sorted by name. A picture that cannot be read is named on standard error and left out; the exit code is then "
        "3.",
    .example =
        "  retrieve embed photos -o photos.npy --keys photos.txt\n"
        "  retrieve embed a.jpg b.png | jq .class\n",
    .run = run,
};
