/* cmd_export.c - retrieve export: the vectors of an index for another program. */
#include <string.h>

#include "commands.h"
#include "output.h"
#include "text.h"

enum { OPT_IDS };
static const option_spec options[] = {[OPT_IDS] = {"with-ids", 0, NULL, ".faiss: an IndexIDMap with the items' ids", 0}};

static int32_t kind_of(const char *path) {
    static const struct {
        const char *end;
        int32_t kind;
    } kinds[] = {{".npy", RTV_VECTORS_NPY}, {".fvecs", RTV_VECTORS_FVECS}, {".faiss", RTV_VECTORS_FAISS}};
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (length > strlen(kinds[i].end) && strcmp(path + length - strlen(kinds[i].end), kinds[i].end) == 0) return kinds[i].kind;
    return 0;
}

static int run(const arguments *args) {
    const char *from = args->positional[0], *to = args->positional[1];
    const int32_t kind = kind_of(to);
    rtv_index *index = NULL;
    rtv_error error;
    int code = STATUS_OK;
    if (kind == 0) return usage_error(args, "OUTPUT: got \"%s\", expected a name that ends in .npy, .fvecs or .faiss", to);
    if (args->values[OPT_IDS] && kind != RTV_VECTORS_FAISS) return usage_error(args, "--with-ids is for .faiss");
    if (output_check(to, OUTPUT_REGULAR) != STATUS_OK || output_check_input(to, from) != STATUS_OK) return STATUS_ERROR;
    if (rtv_index_open(from, NULL, &index, &error) != RTV_OK) return fail(NULL, &error);
    if (rtv_index_export(index, to, kind, args->values[OPT_IDS] != NULL, &error) != RTV_OK) code = fail(NULL, &error);
    rtv_index_free(index);
    return code;
}

const command command_export = {
    .name = "export",
    .usage = "INDEX OUTPUT [options]",
    .summary = "Write the vectors of an index for another program.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 2,
    .most = 2,
    .details =
        "The end of OUTPUT's name says what it will be: .npy (NumPy), .fvecs, or .faiss (a flat index of inner products). Vectors come "
        "in the order in which they were added.",
    .example = "  retrieve export photos.idx descriptors.npy\n",
    .run = run,
};
