/* listed.c - which pictures and classes the list of a data set means. */
#include "listed.h"

#include <stdlib.h>

#include "text.h"

static const char *const formats[] = {"sop", "cub", "cars", "inshop", "csv", NULL};     /* RTV_DATASET_* - 1 */
static const char *const splits[] = {"all", "train", "test", "query", "gallery", NULL}; /* RTV_SPLIT_*, all for NONE */

int listed_check(const arguments *args, const listed_options *places) {
    const char *const *values = args->values;
    int choice;
    int code = options_choice(args, places->format, formats, &choice);
    if (code == STATUS_OK) code = options_choice(args, places->split, splits, &choice);
    if (code == STATUS_OK && !values[places->list] != !values[places->format]) code = usage_error(args, "--list and --format go together");
    if (code == STATUS_OK && values[places->split] && !values[places->list]) code = usage_error(args, "--split needs --list");
    return code;
}

/* The classes of the pictures that were taken, not all of the list's: the others would be empty in the index. */
static void take_classes(const rtv_dataset *dataset, int64_t num_classes, class_list *classes, int32_t *labels, size_t count) {
    int32_t *numbers = allocate((size_t)num_classes, sizeof *numbers); /* 1 where it is taken, then its number */
    for (size_t i = 0; i < count; i++)
        if (labels[i] >= 0) numbers[labels[i]] = 1;
    classes->names = allocate((size_t)num_classes, sizeof *classes->names);
    for (int32_t c = 0; c < num_classes; c++) {
        if (!numbers[c]) continue;
        numbers[c] = (int32_t)classes->count;
        classes->names[classes->count++] = copy_text(rtv_dataset_class_name(dataset, c));
    }
    for (size_t i = 0; i < count; i++)
        if (labels[i] >= 0) labels[i] = numbers[labels[i]];
    free(numbers);
}

static void take_pictures(const rtv_dataset *dataset, int64_t count, int split, const char *folder, file_list *files, int32_t *labels) {
    for (int64_t i = 0; i < count; i++) {
        rtv_dataset_entry entry = {.struct_size = sizeof entry};
        if (rtv_dataset_entry_get(dataset, i, &entry, NULL) != RTV_OK || (split != RTV_SPLIT_NONE && entry.split != split)) continue;
        labels[files->count] = entry.class_id;
        files_add_file(files, entry.path[0] == '/' ? copy_text(entry.path) : text_join(folder, entry.path));
    }
}

int listed_read(const arguments *args, const listed_options *places, const char *folder, file_list *files, class_list *classes,
                int32_t **labels) {
    rtv_dataset_info info = {.struct_size = sizeof info};
    rtv_dataset *dataset = NULL;
    rtv_error error;
    char *start;
    int format = 0, split = RTV_SPLIT_NONE;
    options_choice(args, places->format, formats, &format);
    options_choice(args, places->split, splits, &split);
    if (rtv_dataset_read(args->values[places->list], format + 1, NULL, &dataset, &error) != RTV_OK ||
        rtv_dataset_info_get(dataset, &info, &error) != RTV_OK) {
        rtv_dataset_free(dataset);
        return fail(NULL, &error);
    }
    *labels = allocate((size_t)info.count, sizeof **labels);
    start = files_clean_folder(folder);
    take_pictures(dataset, info.count, split, start, files, *labels);
    free(start);
    take_classes(dataset, info.num_classes, classes, *labels, files->count);
    rtv_dataset_free(dataset);
    return STATUS_OK;
}
