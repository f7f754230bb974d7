/* cmd_maintain.c - retrieve verify, compact, remove: looking after an index file. */
#include <string.h>

#include "commands.h"
#include "progress.h"
#include "text.h"

static void read_info(rtv_index *index, rtv_index_info *info) {
    memset(info, 0, sizeof *info);
    info->struct_size = sizeof *info;
    rtv_index_info_get(index, info, NULL);
}

static int run_verify(const arguments *args) {
    const char *path = args->positional[0];
    rtv_index *index = NULL;
    rtv_index_info info;
    rtv_error error;
    progress bar;
    int32_t status;
    short_text count, size;
    interrupt_watch();
    progress_begin(&bar, "verifying", 0);
    status = rtv_index_verify(path, NULL, progress_callback, &bar, &error);
    progress_clear();
    if (status == RTV_E_CANCELLED) message("interrupted");
    if (status != RTV_OK || rtv_index_open(path, NULL, &index, &error) != RTV_OK) return fail(NULL, &error);
    read_info(index, &info);
    rtv_index_free(index);
    note("%s: whole; %s %s, %s", path, text_count(&count, info.count), info.count == 1 ? "item" : "items",
         text_bytes(&size, (double)info.file_bytes));
    return STATUS_OK;
}

const command command_verify = {
    .name = "verify",
    .usage = "INDEX",
    .summary = "Read a whole index file and check every byte of it.",
    .least = 1,
    .most = 1,
    .details = "Says which block is damaged, and where. The exit code is 0 for a file that is whole.",
    .example = "  retrieve verify photos.idx\n",
    .run = run_verify,
};

/* A job on an index file that is open for writing. */
static int change(const arguments *args, int (*job)(rtv_index *index, const arguments *args)) {
    rtv_index *index = NULL;
    rtv_error error;
    int code;
    if (rtv_index_open_writable(args->positional[0], NULL, &index, &error) != RTV_OK) return fail(NULL, &error);
    code = job(index, args);
    rtv_index_free(index);
    return code;
}

static int compact(rtv_index *index, const arguments *args) {
    rtv_index_info before, after;
    rtv_error error;
    short_text a, b;
    read_info(index, &before);
    if (rtv_index_compact(index, &error) != RTV_OK) return fail(NULL, &error);
    read_info(index, &after);
    note("%s: %s, before %s", args->positional[0], text_bytes(&a, (double)after.file_bytes), text_bytes(&b, (double)before.file_bytes));
    return STATUS_OK;
}

static int run_compact(const arguments *args) { return change(args, compact); }

const command command_compact = {
    .name = "compact",
    .usage = "INDEX",
    .summary = "Give the space of removed and replaced items back.",
    .least = 1,
    .most = 1,
    .details = "Writes what is left to a new file, which then replaces the old one; whoever reads the old one keeps it.",
    .example = "  retrieve compact photos.idx\n",
    .run = run_compact,
};

/* All items with a key. *found: whether there was one. */
static int remove_key(rtv_index *index, const char *key, int *found) {
    rtv_error error;
    int64_t id;
    int32_t status;
    *found = 0;
    while ((status = rtv_index_find(index, key, &id, &error)) == RTV_OK) {
        *found = 1;
        if (rtv_index_remove(index, &id, 1, NULL, &error) != RTV_OK) return fail(NULL, &error);
    }
    return status == RTV_E_NOT_FOUND ? STATUS_OK : fail(NULL, &error);
}

static int remove_keys(rtv_index *index, const arguments *args) {
    rtv_error error;
    int missing = 0;
    for (int i = 1; i < args->count; i++) {
        int found;
        const int code = remove_key(index, args->positional[i], &found);
        if (code != STATUS_OK) return code;
        if (!found) message_for_file(args->positional[i], "is not in the index");
        missing += !found;
    }
    if (rtv_index_commit(index, &error) != RTV_OK) return fail(NULL, &error);
    return missing > 0 ? STATUS_PARTIAL : STATUS_OK;
}

static int run_remove(const arguments *args) { return change(args, remove_keys); }

const command command_remove = {
    .name = "remove",
    .usage = "INDEX KEY...",
    .summary = "Take pictures out of an index.",
    .least = 2,
    .most = OPTIONS_ANY,
    .details =
        "A KEY is the path under which a picture was added. All are removed at once, or none; a key that is not there is named, and the "
        "exit code is then 3. retrieve compact gives the space back.",
    .example = "  retrieve remove photos.idx photos/blurred.jpg\n",
    .run = run_remove,
};
