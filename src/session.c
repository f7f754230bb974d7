/* session.c - what a command works with: threads, a model, one batch of pictures after the other. */
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

/* The model that comes with the program, in the folder models/ of its share folder. */
static const char default_model[] = "models/cgd-resnet50-sg.safetensors";

/* New: the share folder beside the program's own (PREFIX/bin/retrieve -> PREFIX/share/retrieve), NULL when the system does not say. The
 * build tree has the same two folders. */
static char *share_beside_program(void) {
    char *program = realpath("/proc/self/exe", NULL), *folder, *prefix, *share;
    if (!program) return NULL;
    folder = text_folder(program);
    prefix = text_folder(folder);
    share = text_join(prefix, "share/retrieve");
    free(program);
    free(folder);
    free(prefix);
    return share;
}

/* New: the path of the default model, NULL after a message. */
static char *find_default_model(void) {
    char *beside = share_beside_program();
    char *first = beside ? text_join(beside, default_model) : NULL;
    char *second = text_join(RTV_SHARE_DIR, default_model);
    char *found = NULL;
    if (first && access(first, F_OK) == 0)
        found = copy_text(first);
    else if (access(second, F_OK) == 0)
        found = copy_text(second);
    else if (first && strcmp(first, second) != 0)
        message("no model here: looked for %s and %s; name one with --model", first, second);
    else
        message("no model here: looked for %s; name one with --model", second);
    free(beside);
    free(first);
    free(second);
    return found;
}

int session_open_runtime(session *s, const arguments *args, size_t threads_option) {
    rtv_runtime_options options;
    rtv_error error;
    int64_t threads = -1;
    int code = options_integer(args, threads_option, 1, 1024, &threads);
    memset(s, 0, sizeof *s);
    if (code != STATUS_OK) return code;
    rtv_runtime_options_init(&options);
    if (threads > 0) options.threads = (int32_t)threads;
    s->threads = options.threads;
    return rtv_runtime_create(&options, &s->runtime, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

int session_load(session *s, const char *model_path) {
    rtv_error error;
    int code = STATUS_OK;
    char *path = model_path ? copy_text(model_path) : find_default_model();
    if (!path) return STATUS_ERROR;
    s->info.struct_size = sizeof s->info;
    if (rtv_model_load(path, s->runtime, NULL, &s->model, &error) != RTV_OK || rtv_model_info_get(s->model, &s->info, &error) != RTV_OK)
        code = fail(path, &error);
    free(path);
    return code;
}

int session_open(session *s, const arguments *args, const char *model_path, size_t threads_option) {
    int code = session_open_runtime(s, args, threads_option);
    return code == STATUS_OK ? session_load(s, model_path) : code;
}

void session_close(session *s) {
    rtv_model_free(s->model);
    rtv_runtime_free(s->runtime);
    memset(s, 0, sizeof *s);
}

const char *session_class_name(const session *s, int32_t class_id) {
    return class_id < 0 ? NULL : rtv_model_class_name(s->model, class_id);
}

void batch_create(batch *b, int64_t capacity, int32_t descriptor_dim) {
    size_t count = (size_t)capacity;
    memset(b, 0, sizeof *b);
    b->capacity = capacity;
    b->pictures = allocate(count, sizeof *b->pictures);
    b->errors = allocate(count, sizeof *b->errors);
    b->classes = allocate(count, sizeof *b->classes);
    b->class_scores = allocate(count, sizeof *b->class_scores);
    if (descriptor_dim > 0) b->descriptors = allocate(count, (size_t)descriptor_dim * sizeof *b->descriptors);
    b->result.struct_size = sizeof b->result;
    b->result.descriptors = b->descriptors;
    b->result.errors = b->errors;
    b->result.classes = b->classes;
    b->result.class_scores = b->class_scores;
}

void batch_fill(batch *b, const char *const *paths, int64_t count) {
    b->paths = paths;
    b->count = count < b->capacity ? count : b->capacity;
    for (int64_t i = 0; i < b->count; i++) rtv_picture_from_path(&b->pictures[i], paths[i]);
}

int batch_is_good(const batch *b, int64_t item) { return b->errors[item].status == RTV_OK; }

int64_t batch_tell_failures(const batch *b) {
    int64_t failed = 0;
    for (int64_t i = 0; i < b->count; i++) {
        if (batch_is_good(b, i)) continue;
        message_for_file(b->paths[i], b->errors[i].message);
        failed++;
    }
    return failed;
}

void batch_destroy(batch *b) {
    free(b->pictures);
    free(b->errors);
    free(b->classes);
    free(b->class_scores);
    free(b->descriptors);
    memset(b, 0, sizeof *b);
}
