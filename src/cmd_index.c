/* cmd_index.c - retrieve index: every picture of a folder into an index file, or what has changed into one that is there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "class_list.h"
#include "commands.h"
#include "files.h"
#include "listed.h"
#include "output.h"
#include "progress.h"
#include "session.h"
#include "text.h"
#include "update.h"

enum { OPT_OUTPUT, OPT_CLASS, OPT_REBUILD, OPT_LIST, OPT_FORMAT, OPT_SPLIT, OPT_MODEL, OPT_THREADS };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "INDEX", "index file to write; one that is there is brought up to date", 1},
    [OPT_CLASS] = {"class-from-folder", 'c', NULL, "each picture's class is the name of the folder that holds it", 0},
    [OPT_REBUILD] = {"rebuild", 0, NULL, "make INDEX anew, whatever is there", 0},
    [OPT_LIST] = {"list", 'l', "FILE", "take the pictures and classes of this list, whose paths begin in FOLDER", 0},
    [OPT_FORMAT] = {"format", 0, "sop|cub|cars|inshop|csv",
                    "of the list: Stanford Online Products (Ebay_test.txt), CUB-200-2011 (its folder), Cars-196 (cars_annos.mat), In-shop "
                    "(list_eval_partition.txt), or CSV with the columns path, class, split",
                    0},
    [OPT_SPLIT] = {"split", 0, "train|test|query|gallery", "only this part of the list (default: all)", 0},
    [OPT_MODEL] = OPTION_MODEL,
    [OPT_THREADS] = OPTION_THREADS,
};
static const listed_options list_options = {OPT_LIST, OPT_FORMAT, OPT_SPLIT};

enum { BATCH = 256 };

typedef struct indexing {
    session session;
    file_list files;
    class_list classes;
    int32_t *labels; /* [files.count], NULL for no classes */
    rtv_index *index;
    rtv_searcher *searcher;
    int updates;           /* 1: index is the file that was there, open for writing */
    int64_t kept, removed; /* of its items */
    int64_t failed;
    double seconds;
} indexing;

/* An index holds keys in UTF-8 without control characters; other names are told and left out. */
static void drop_bad_names(indexing *work) {
    size_t kept = 0;
    for (size_t i = 0; i < work->files.count; i++) {
        char *path = work->files.paths[i];
        if (text_is_clean(path)) {
            if (work->labels) work->labels[kept] = work->labels[i];
            work->files.paths[kept++] = path;
            continue;
        }
        message_for_file(path, "the name is not UTF-8 without control characters");
        work->failed++;
        free(path);
    }
    work->files.count = kept;
}

/* The names of the model's own classes go along, so that hits can be shown without the model. */
static int set_class_names(indexing *work) {
    int64_t count = work->session.info.num_classes;
    const char **predicted = allocate((size_t)count, sizeof *predicted);
    rtv_error error = {0};
    int has_all = count > 0;
    for (int32_t i = 0; i < count; i++) {
        predicted[i] = session_class_name(&work->session, i);
        if (!predicted[i]) has_all = 0;
    }
    if (has_all) rtv_index_set_class_names(work->index, RTV_CLASSES_PREDICTED, predicted, count, &error);
    if (error.status == RTV_OK && work->classes.count > 0)
        rtv_index_set_class_names(work->index, RTV_CLASSES_LABEL, (const char *const *)work->classes.names, (int64_t)work->classes.count,
                                  &error);
    free(predicted);
    return error.status == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

static int add_all(indexing *work) {
    const char *const *paths = (const char *const *)work->files.paths;
    uint8_t(*stamps)[UPDATE_STAMP] = allocate(BATCH, sizeof *stamps);
    rtv_bytes *payloads = allocate(BATCH, sizeof *payloads);
    batch b;
    progress bar;
    rtv_embed_options how;
    rtv_error error;
    int code = STATUS_OK;
    batch_create(&b, BATCH, 0);
    rtv_embed_options_init(&how);
    how.mode = RTV_MODE_THROUGHPUT;
    how.progress = progress_callback;
    how.progress_user = &bar;
    progress_begin(&bar, "indexing", (int64_t)work->files.count);
    for (size_t at = 0; at < work->files.count && code == STATUS_OK; at += (size_t)b.count) {
        rtv_items items = {.struct_size = sizeof items, .keys = paths + at, .payloads = payloads};
        if (work->labels) items.classes = work->labels + at;
        batch_fill(&b, paths + at, (int64_t)(work->files.count - at));
        for (int64_t i = 0; i < b.count; i++) {
            update_stamp(b.paths[i], stamps[i]);
            payloads[i] = (rtv_bytes){stamps[i], UPDATE_STAMP};
        }
        if (rtv_searcher_add(work->searcher, b.pictures, b.count, &items, &how, &b.result, &error) != RTV_OK) code = fail(NULL, &error);
        if (code != STATUS_OK) break;
        progress_advance(&bar, b.count);
        work->failed += batch_tell_failures(&b);
        if (interrupted()) code = STATUS_INTERRUPTED;
    }
    progress_clear();
    work->seconds = clock_seconds() - bar.started;
    batch_destroy(&b);
    free(stamps);
    free(payloads);
    return code;
}

/* A list may give a picture another class without changing it, so with a list everything is made anew. */
static int open_index(indexing *work, const arguments *args) {
    rtv_error error;
    int code = STATUS_OK;
    if (!args->values[OPT_REBUILD] && !args->values[OPT_LIST])
        code = update_open(&work->index, args->values[OPT_OUTPUT], &work->session, work->labels != NULL);
    if (code != STATUS_OK) return code;
    work->updates = work->index != NULL;
    if ((!work->updates && rtv_index_create_for_model(work->session.model, work->session.runtime, &work->index, &error) != RTV_OK) ||
        rtv_searcher_create(work->session.model, work->index, 0, &work->searcher, &error) != RTV_OK)
        return fail(NULL, &error);
    return STATUS_OK;
}

/* Names of classes; and for an index that was there, what need not be done. */
static int prepare_index(indexing *work) {
    int code;
    if (!work->updates) return set_class_names(work);
    code = update_classes(work->index, &work->classes, work->labels, work->files.count);
    return code == STATUS_OK ? update_items(work->index, &work->files, work->labels, &work->kept, &work->removed) : code;
}

static void tell_result(const indexing *work, const char *folder, const char *path) {
    struct stat file;
    short_text a, b, c, d;
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_index_info_get(work->index, &info, NULL);
    files_tell_skipped(&work->files);
    if (work->failed > 0) note("%s could not be read, named above", text_count(&a, work->failed));
    if (work->files.count == 0 && work->kept == 0) note("no pictures in %s", folder);
    if (stat(path, &file) != 0) memset(&file, 0, sizeof file);
    note("%s: %s %s, %s, made in %s", path, text_count(&a, info.count), info.count == 1 ? "picture" : "pictures",
         text_bytes(&b, (double)file.st_size), text_duration(&c, work->seconds));
    if (work->updates)
        note("%s as they were, %s embedded, %s taken out", text_count(&a, work->kept), text_count(&b, info.count - work->kept),
             text_count(&d, work->removed));
    if (work->classes.count > 0) note("%s classes", text_count(&a, (int64_t)work->classes.count));
}

static void label_from_folders(indexing *work) {
    class_list_from_folders(&work->classes, work->files.paths, work->files.count);
    work->labels = allocate(work->files.count, sizeof *work->labels);
    for (size_t i = 0; i < work->files.count; i++) {
        char *name = files_folder_name(work->files.paths[i]);
        work->labels[i] = class_list_find(&work->classes, name);
        free(name);
    }
}

/* The pictures and, where they are wanted, their classes. */
static int choose_pictures(indexing *work, const arguments *args) {
    const char *folder = args->positional[0];
    int code = STATUS_OK;
    if (args->values[OPT_LIST])
        code = listed_read(args, &list_options, folder, &work->files, &work->classes, &work->labels);
    else
        files_add(&work->files, folder);
    work->failed = work->files.num_unreadable;
    drop_bad_names(work);
    if (args->values[OPT_CLASS]) label_from_folders(work);
    return code;
}

static int build(indexing *work, const arguments *args) {
    const char *path = args->values[OPT_OUTPUT];
    rtv_error error;
    int code = session_open(&work->session, args, args->values[OPT_MODEL], OPT_THREADS);
    if (code == STATUS_OK) code = choose_pictures(work, args);
    if (code == STATUS_OK) code = open_index(work, args);
    if (code == STATUS_OK) code = prepare_index(work);
    if (code == STATUS_OK) code = add_all(work);
    if (code == STATUS_OK && interrupted()) code = STATUS_INTERRUPTED;
    if (code == STATUS_INTERRUPTED) message("interrupted; %s is as it was", path);
    if (code != STATUS_OK) return code;
    if ((work->updates ? rtv_index_commit(work->index, &error) : rtv_index_save(work->index, path, &error)) != RTV_OK)
        return fail(path, &error);
    tell_result(work, args->positional[0], path);
    return work->failed > 0 ? STATUS_PARTIAL : STATUS_OK;
}

/* 0, or why the folder itself cannot be read: then an old index must stay, unlike where only a part of the pictures is missing. */
static int why_unreadable(const char *path) {
    struct stat folder;
    if (stat(path, &folder) != 0) return errno;
    if (!S_ISDIR(folder.st_mode)) return ENOTDIR;
    return access(path, R_OK | X_OK) != 0 ? errno : 0;
}

static int run(const arguments *args) {
    indexing work;
    int code, os_error = why_unreadable(args->positional[0]);
    memset(&work, 0, sizeof work);
    if (os_error) {
        message_for_file(args->positional[0], strerror(os_error));
        return STATUS_ERROR;
    }
    code = listed_check(args, &list_options);
    if (code == STATUS_OK && args->values[OPT_LIST] && args->values[OPT_CLASS])
        code = usage_error(args, "--list and --class-from-folder exclude each other");
    if (code != STATUS_OK) return code;
    if (output_check(args->values[OPT_OUTPUT], OUTPUT_REGULAR) != STATUS_OK) return STATUS_ERROR;
    if (!args->values[OPT_REBUILD] && output_check_index(args->values[OPT_OUTPUT]) != STATUS_OK) return STATUS_ERROR;
    interrupt_watch();
    code = build(&work, args);
    rtv_searcher_free(work.searcher);
    rtv_index_free(work.index);
    class_list_destroy(&work.classes);
    free(work.labels);
    files_destroy(&work.files);
    session_close(&work.session);
    return code;
}

const command command_index = {
    .name = "index",
    .usage = "FOLDER -o INDEX [options]",
    .summary = "Put every picture of a folder into an index file.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details =
        "Pictures are the files named .jpg .jpeg .jpe .jfif .png in FOLDER and below; hidden ones are left out, links to folders are not "
        "followed. They are added in sorted order, so the same folder gives the same index. A picture's key is its path as `find FOLDER` "
        "prints it: search from the same place and hits open as they stand. When INDEX is there and was made by the same model, only "
        "pictures that are new or have changed (another size or time) are read, and those that are gone are taken out. A picture that "
        "cannot be read is named on standard error and left out; the exit code is then 3. With --list, only the pictures that it names, "
        "in its order. Ctrl-C leaves an old INDEX as it is.",
    .example =
        "  retrieve index photos -o photos.idx --class-from-folder\n"
        "  retrieve index CUB_200_2011 -o cub.idx --list CUB_200_2011 --format cub --split test\n",
    .run = run,
};
