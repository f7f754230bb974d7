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
#include "output.h"
#include "progress.h"
#include "session.h"
#include "text.h"

enum { OPT_OUTPUT, OPT_CLASS, OPT_REBUILD, OPT_MODEL, OPT_THREADS };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "INDEX", "index file to write; one that is there is brought up to date", 1},
    [OPT_CLASS] = {"class-from-folder", 'c', NULL, "each picture's class is the name of the folder that holds it", 0},
    [OPT_REBUILD] = {"rebuild", 0, NULL, "make INDEX anew, whatever is there", 0},
    [OPT_MODEL] = OPTION_MODEL,
    [OPT_THREADS] = OPTION_THREADS,
};

enum { BATCH = 256, STAMP = 16 };

typedef struct indexing {
    session session;
    file_list files;
    class_list classes;
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
            work->files.paths[kept++] = path;
            continue;
        }
        message_for_file(path, "the name is not UTF-8 without control characters");
        work->failed++;
        free(path);
    }
    work->files.count = kept;
}

/* What tells whether a picture has changed: its size and when it was written. It is the payload of its item. */
static void stamp_of(const char *path, uint8_t stamp[STAMP]) {
    struct stat file;
    uint64_t numbers[2] = {0, 0};
    if (stat(path, &file) == 0) {
        numbers[0] = (uint64_t)file.st_size;
        numbers[1] = (uint64_t)file.st_mtim.tv_sec * 1000000000u + (uint64_t)file.st_mtim.tv_nsec;
    }
    for (size_t i = 0; i < STAMP; i++) stamp[i] = (uint8_t)(numbers[i / 8] >> (8 * (i % 8)));
}

static int compare_ids(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The item of a picture that is as it was; -1 when there is none. */
static int64_t find_unchanged(rtv_index *index, const char *path) {
    uint8_t stamp[STAMP], stored[STAMP];
    uint64_t size = 0;
    int64_t id;
    if (rtv_index_find(index, path, &id, NULL) != RTV_OK || rtv_index_payload(index, id, stored, STAMP, &size, NULL) != RTV_OK) return -1;
    stamp_of(path, stamp);
    return size == STAMP && memcmp(stamp, stored, STAMP) == 0 ? id : -1;
}

/* Takes the pictures that are in the index off the list; kept[] gets their items. */
static void keep_unchanged(indexing *work, int64_t *kept) {
    size_t left = 0;
    for (size_t i = 0; i < work->files.count; i++) {
        char *path = work->files.paths[i];
        const int64_t id = find_unchanged(work->index, path);
        if (id < 0) {
            work->files.paths[left++] = path;
            continue;
        }
        kept[work->kept++] = id;
        free(path);
    }
    work->files.count = left;
    if (work->kept > 0) qsort(kept, (size_t)work->kept, sizeof *kept, compare_ids);
}

/* Removes all items but those that are kept. */
static int remove_others(indexing *work, const int64_t *kept) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    int64_t *ids, count = 0, others = 0;
    int code = STATUS_OK;
    if (rtv_index_info_get(work->index, &info, &error) != RTV_OK) return fail(NULL, &error);
    ids = allocate((size_t)info.count, sizeof *ids);
    if (rtv_index_ids(work->index, ids, info.count, &count, &error) != RTV_OK) code = fail(NULL, &error);
    for (int64_t i = 0; i < count && code == STATUS_OK; i++)
        if (work->kept == 0 || !bsearch(&ids[i], kept, (size_t)work->kept, sizeof *kept, compare_ids)) ids[others++] = ids[i];
    if (code == STATUS_OK && rtv_index_remove(work->index, ids, others, &work->removed, &error) != RTV_OK) code = fail(NULL, &error);
    free(ids);
    return code;
}

static int take_what_is_there(indexing *work) {
    int64_t *kept = allocate(work->files.count, sizeof *kept);
    int code;
    keep_unchanged(work, kept);
    code = remove_others(work, kept);
    free(kept);
    return code;
}

/* The names that are there keep their numbers; new ones follow. */
static int add_class_names(indexing *work) {
    rtv_index_info info = {.struct_size = sizeof info};
    char **names;
    size_t count;
    rtv_error error = {0};
    rtv_index_info_get(work->index, &info, NULL);
    count = (size_t)info.num_classes;
    names = allocate(count + work->classes.count, sizeof *names);
    for (size_t i = 0; i < count; i++) {
        uint64_t size = 0;
        rtv_index_class_name(work->index, RTV_CLASSES_LABEL, (int32_t)i, NULL, 0, &size, NULL);
        names[i] = allocate((size_t)size + 1, 1);
        if (size > 0) rtv_index_class_name(work->index, RTV_CLASSES_LABEL, (int32_t)i, names[i], size, &size, NULL);
    }
    for (size_t i = 0; i < work->classes.count; i++) {
        int32_t number;
        if (rtv_index_class_id(work->index, RTV_CLASSES_LABEL, work->classes.names[i], &number, NULL) != RTV_OK)
            names[count++] = copy_text(work->classes.names[i]);
    }
    if (count > (size_t)info.num_classes)
        rtv_index_set_class_names(work->index, RTV_CLASSES_LABEL, (const char *const *)names, (int64_t)count, &error);
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
    return error.status == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

static int32_t label_of(const indexing *work, const char *path) {
    char *name = files_folder_name(path);
    int32_t number = -1;
    if (!work->updates)
        number = class_list_find(&work->classes, name);
    else if (name)
        rtv_index_class_id(work->index, RTV_CLASSES_LABEL, name, &number, NULL);
    free(name);
    return number;
}

/* The names of the model's own classes go along, so that hits can be shown without the model. */
static int set_class_names(indexing *work, int from_folder) {
    int64_t count = work->session.info.num_classes;
    const char **predicted = allocate((size_t)count, sizeof *predicted);
    rtv_error error = {0};
    int has_all = count > 0 && !work->updates;
    for (int32_t i = 0; i < count; i++) {
        predicted[i] = session_class_name(&work->session, i);
        if (!predicted[i]) has_all = 0;
    }
    if (has_all) rtv_index_set_class_names(work->index, RTV_CLASSES_PREDICTED, predicted, count, &error);
    if (error.status == RTV_OK && from_folder && work->classes.count > 0 && !work->updates)
        rtv_index_set_class_names(work->index, RTV_CLASSES_LABEL, (const char *const *)work->classes.names, (int64_t)work->classes.count,
                                  &error);
    free(predicted);
    if (error.status != RTV_OK) return fail(NULL, &error);
    return from_folder && work->updates ? add_class_names(work) : STATUS_OK;
}

static int add_all(indexing *work, int from_folder) {
    const char *const *paths = (const char *const *)work->files.paths;
    int32_t *labels = allocate(BATCH, sizeof *labels);
    uint8_t(*stamps)[STAMP] = allocate(BATCH, sizeof *stamps);
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
        rtv_items items = {.struct_size = sizeof items, .keys = paths + at, .classes = from_folder ? labels : NULL, .payloads = payloads};
        batch_fill(&b, paths + at, (int64_t)(work->files.count - at));
        for (int64_t i = 0; i < b.count; i++) {
            stamp_of(b.paths[i], stamps[i]);
            payloads[i] = (rtv_bytes){stamps[i], STAMP};
            if (from_folder) labels[i] = label_of(work, b.paths[i]);
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
    free(labels);
    free(stamps);
    free(payloads);
    return code;
}

/* The index that is there, if it can be brought up to date: of this model, with or without classes as is asked for. */
static int open_old_index(indexing *work, const char *path, int from_folder) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    const int32_t status = rtv_index_open_writable(path, work->session.runtime, &work->index, &error);
    if (status == RTV_E_BUSY) return fail(NULL, &error);
    if (status != RTV_OK) return STATUS_OK; /* nothing, or no index */
    rtv_index_info_get(work->index, &info, NULL);
    work->updates = strcmp(info.fingerprint, work->session.info.fingerprint) == 0 && (info.num_classes > 0) == (from_folder != 0);
    if (work->updates) return STATUS_OK;
    rtv_index_free(work->index);
    work->index = NULL;
    return STATUS_OK;
}

static int open_index(indexing *work, const arguments *args) {
    rtv_error error;
    if (!args->values[OPT_REBUILD]) {
        const int code = open_old_index(work, args->values[OPT_OUTPUT], args->values[OPT_CLASS] != NULL);
        if (code != STATUS_OK) return code;
    }
    if (work->index)
        return rtv_searcher_create(work->session.model, work->index, 0, &work->searcher, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
    if (rtv_index_create_for_model(work->session.model, work->session.runtime, &work->index, &error) != RTV_OK ||
        rtv_searcher_create(work->session.model, work->index, 0, &work->searcher, &error) != RTV_OK)
        return fail(NULL, &error);
    return STATUS_OK;
}

static void tell_result(const indexing *work, const char *folder, const char *path) {
    struct stat file;
    short_text a, b, c;
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
             text_count(&c, work->removed));
    if (work->classes.count > 0) note("%s classes from folder names", text_count(&a, (int64_t)work->classes.count));
}

static int build(indexing *work, const arguments *args) {
    const char *folder = args->positional[0], *path = args->values[OPT_OUTPUT];
    int from_folder = args->values[OPT_CLASS] != NULL;
    rtv_error error;
    int code = session_open(&work->session, args, args->values[OPT_MODEL], OPT_THREADS);
    if (code == STATUS_OK) code = open_index(work, args);
    if (code != STATUS_OK) return code;
    files_add(&work->files, folder);
    work->failed = work->files.num_unreadable;
    drop_bad_names(work);
    if (from_folder) class_list_from_folders(&work->classes, work->files.paths, work->files.count);
    code = set_class_names(work, from_folder);
    if (code == STATUS_OK && work->updates) code = take_what_is_there(work);
    if (code == STATUS_OK) code = add_all(work, from_folder);
    if (code == STATUS_OK && interrupted()) code = STATUS_INTERRUPTED;
    if (code == STATUS_INTERRUPTED) message("interrupted; %s is as it was", path);
    if (code != STATUS_OK) return code;
    if ((work->updates ? rtv_index_commit(work->index, &error) : rtv_index_save(work->index, path, &error)) != RTV_OK)
        return fail(path, &error);
    tell_result(work, folder, path);
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
    if (output_check(args->values[OPT_OUTPUT], OUTPUT_REGULAR) != STATUS_OK) return STATUS_ERROR;
    interrupt_watch();
    code = build(&work, args);
    rtv_searcher_free(work.searcher);
    rtv_index_free(work.index);
    class_list_destroy(&work.classes);
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
        "pictures "
        "that are new or have changed (another size or time) are read, and those that are gone are taken out. A picture that cannot be "
        "read is named on standard error and "
        "left out; the exit code is then 3. Ctrl-C leaves an old INDEX as it is.",
    .example = "  retrieve index photos -o photos.idx --class-from-folder\n",
    .run = run,
};
