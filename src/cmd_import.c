/* cmd_import.c - retrieve import: vectors of another program into an index file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "class_list.h"
#include "commands.h"
#include "files.h"
#include "lines.h"
#include "output.h"
#include "text.h"

enum { OPT_OUTPUT, OPT_IDS, OPT_CLASSES, OPT_STORAGE, OPT_NORMALIZE };
static const option_spec options[] = {
    [OPT_OUTPUT] = {"output", 'o', "INDEX", "index file to write; an old one is replaced at the end", 1},
    [OPT_IDS] = {"ids", 0, "FILE", "text file with a number for each vector (default: those of the file, or 0, 1, 2 ...)", 0},
    [OPT_CLASSES] = {"classes", 0, "FILE", "text file with the name of a class for each vector; an empty line for none", 0},
    [OPT_STORAGE] = {"storage", 0, "KIND", "how vectors are kept: float32 (default), float16 or int8", 0},
    [OPT_NORMALIZE] = {"normalize", 'n', NULL, "divide each vector by its length", 0},
};

typedef struct importing {
    const arguments *args;
    rtv_vectors *vectors;
    rtv_vectors_info info;
    int64_t *ids;     /* [info.count] or NULL */
    int32_t *classes; /* [info.count] or NULL */
    class_list names;
    rtv_index *index;
} importing;

static int count_is_right(const importing *work, const char *path, size_t count) {
    if ((int64_t)count == work->info.count) return 1;
    message("%s: got %zu lines, expected %" PRId64 ", one for each vector", path, count, work->info.count);
    return 0;
}

static int read_ids(importing *work, const char *path) {
    line_list list;
    int code = lines_read(&list, path);
    if (code == STATUS_OK && !count_is_right(work, path, list.count)) code = STATUS_ERROR;
    if (code == STATUS_OK) work->ids = allocate(list.count, sizeof *work->ids);
    for (size_t i = 0; i < list.count && code == STATUS_OK; i++) {
        char *end = NULL;
        errno = 0;
        work->ids[i] = strtoll(list.lines[i], &end, 10);
        if (end != list.lines[i] && *end == 0 && errno == 0) continue;
        message("%s: line %zu is no whole number", path, i + 1);
        code = STATUS_ERROR;
    }
    lines_destroy(&list);
    return code;
}

static int read_classes(importing *work, const char *path) {
    line_list list;
    int code = lines_read(&list, path);
    if (code == STATUS_OK && !count_is_right(work, path, list.count)) code = STATUS_ERROR;
    if (code == STATUS_OK) {
        class_list_from_names(&work->names, list.lines, list.count);
        work->classes = allocate(list.count, sizeof *work->classes);
        for (size_t i = 0; i < list.count; i++) work->classes[i] = class_list_find(&work->names, *list.lines[i] ? list.lines[i] : NULL);
    }
    lines_destroy(&list);
    return code;
}

static int make_index(importing *work, const char *path) {
    static const char *const kinds[] = {"float32", "float16", "int8", NULL};
    int storage = 0, code = options_choice(work->args, OPT_STORAGE, kinds, &storage);
    rtv_index_options how;
    rtv_error error;
    if (code != STATUS_OK) return code;
    rtv_index_options_init(&how);
    how.dim = (int32_t)work->info.dim;
    how.storage = RTV_STORAGE_FLOAT32 + storage;
    how.normalize = work->args->values[OPT_NORMALIZE] != NULL;
    return rtv_index_create_file(path, &how, NULL, &work->index, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

static int fill_index(importing *work) {
    rtv_error error;
    if (rtv_index_import(work->index, work->vectors, work->ids, work->classes, &error) != RTV_OK)
        return fail(work->args->positional[0], &error);
    if (work->names.count > 0 && rtv_index_set_class_names(work->index, RTV_CLASSES_LABEL, (const char *const *)work->names.names,
                                                           (int64_t)work->names.count, &error) != RTV_OK)
        return fail(work->args->values[OPT_CLASSES], &error);
    return rtv_index_commit(work->index, &error) == RTV_OK ? STATUS_OK : fail(work->args->values[OPT_OUTPUT], &error);
}

/* Into a file beside the target, which takes its place when it is complete. */
static int build(importing *work, const char *target) {
    char *path = files_beside(target);
    int code;
    interrupt_watch();
    code = make_index(work, path);
    if (code == STATUS_OK) {
        code = fill_index(work);
        rtv_index_free(work->index);
    }
    code = files_take_place(path, target, code);
    free(path);
    return code;
}

static int run(const arguments *args) {
    const char *target = args->values[OPT_OUTPUT];
    importing work;
    rtv_error error;
    int code = STATUS_OK;
    memset(&work, 0, sizeof work);
    work.args = args;
    work.info.struct_size = sizeof work.info;
    if (output_check(target, OUTPUT_REGULAR) != STATUS_OK || output_check_index(target) != STATUS_OK) return STATUS_ERROR;
    if (rtv_vectors_open(args->positional[0], NULL, &work.vectors, &error) != RTV_OK) return fail(NULL, &error);
    rtv_vectors_info_get(work.vectors, &work.info, NULL);
    if (args->values[OPT_IDS]) code = read_ids(&work, args->values[OPT_IDS]);
    if (code == STATUS_OK && args->values[OPT_CLASSES]) code = read_classes(&work, args->values[OPT_CLASSES]);
    if (code == STATUS_OK) code = build(&work, target);
    if (code == STATUS_OK) {
        short_text count;
        note("%s: %s vectors of %" PRId64 " dimensions", target, text_count(&count, work.info.count), work.info.dim);
    }
    rtv_vectors_free(work.vectors);
    class_list_destroy(&work.names);
    free(work.ids);
    free(work.classes);
    return code;
}

const command command_import = {
    .name = "import",
    .usage = "VECTORS -o INDEX [options]",
    .summary = "Put the vectors of another program into an index file.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details =
        "VECTORS is a NumPy file (.npy), .fvecs or .ivecs, a flat faiss index of inner products, or the feature database that the "
        "public CGD code saves. The kind is told by the first bytes, and .fvecs and .ivecs by the name.",
    .example = "  retrieve import descriptors.npy -o photos.idx --classes classes.txt\n",
    .run = run,
};
