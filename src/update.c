/* update.c - bringing an index up to date: which pictures are in it as they are, and what else is. */
#include "update.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void update_stamp(const char *path, uint8_t stamp[UPDATE_STAMP]) {
    struct stat file;
    uint64_t numbers[2] = {0, 0};
    if (stat(path, &file) == 0) {
        numbers[0] = (uint64_t)file.st_size;
        numbers[1] = (uint64_t)file.st_mtim.tv_sec * 1000000000u + (uint64_t)file.st_mtim.tv_nsec;
    }
    for (size_t i = 0; i < UPDATE_STAMP; i++) stamp[i] = (uint8_t)(numbers[i / 8] >> (8 * (i % 8)));
}

int update_open(rtv_index **index, const char *path, const session *s, int with_classes) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error;
    const int32_t status = rtv_index_open_writable(path, s->runtime, index, &error);
    if (status == RTV_E_BUSY) return fail(NULL, &error);
    if (status != RTV_OK) {
        *index = NULL; /* nothing is there, or no index */
        return STATUS_OK;
    }
    rtv_index_info_get(*index, &info, NULL);
    if (strcmp(info.fingerprint, s->info.fingerprint) == 0 && (info.num_classes > 0) == (with_classes != 0)) return STATUS_OK;
    rtv_index_free(*index);
    *index = NULL;
    return STATUS_OK;
}

/* ---- classes ---- */

static char *name_of(rtv_index *index, int32_t number) {
    uint64_t size = 0;
    char *name;
    rtv_index_class_name(index, RTV_CLASSES_LABEL, number, NULL, 0, &size, NULL);
    name = allocate((size_t)size + 1, 1);
    if (size > 0) rtv_index_class_name(index, RTV_CLASSES_LABEL, number, name, size, &size, NULL);
    return name;
}

int update_classes(rtv_index *index, const class_list *classes, int32_t *labels, size_t count) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error = {0};
    int32_t *numbers = allocate(classes->count, sizeof *numbers); /* the index's, by the list's */
    size_t have, all;
    char **names;
    rtv_index_info_get(index, &info, NULL);
    have = all = (size_t)info.num_classes;
    names = allocate(have + classes->count, sizeof *names);
    for (size_t i = 0; i < have; i++) names[i] = name_of(index, (int32_t)i);
    for (size_t i = 0; i < classes->count; i++) {
        if (rtv_index_class_id(index, RTV_CLASSES_LABEL, classes->names[i], &numbers[i], NULL) == RTV_OK) continue;
        numbers[i] = (int32_t)all;
        names[all++] = copy_text(classes->names[i]);
    }
    if (all > have) rtv_index_set_class_names(index, RTV_CLASSES_LABEL, (const char *const *)names, (int64_t)all, &error);
    for (size_t i = 0; labels && i < count; i++)
        if (labels[i] >= 0) labels[i] = numbers[labels[i]];
    for (size_t i = 0; i < all; i++) free(names[i]);
    free(names);
    free(numbers);
    return error.status == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

/* ---- items ---- */

static int compare_ids(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The item of a picture that is as it was; -1 when there is none. */
static int64_t find_unchanged(rtv_index *index, const char *path) {
    uint8_t stamp[UPDATE_STAMP], stored[UPDATE_STAMP];
    uint64_t size = 0;
    int64_t id;
    if (rtv_index_find(index, path, &id, NULL) != RTV_OK) return -1;
    if (rtv_index_payload(index, id, stored, UPDATE_STAMP, &size, NULL) != RTV_OK || size != UPDATE_STAMP) return -1;
    update_stamp(path, stamp);
    return memcmp(stamp, stored, UPDATE_STAMP) == 0 ? id : -1;
}

/* ids: [files->count], the items of the pictures that were taken off the list, in order. */
static size_t take_unchanged(rtv_index *index, file_list *files, int32_t *labels, int64_t *ids) {
    size_t left = 0, found = 0;
    for (size_t i = 0; i < files->count; i++) {
        char *path = files->paths[i];
        const int64_t id = find_unchanged(index, path);
        if (id < 0) {
            if (labels) labels[left] = labels[i];
            files->paths[left++] = path;
            continue;
        }
        ids[found++] = id;
        free(path);
    }
    files->count = left;
    if (found > 0) qsort(ids, found, sizeof *ids, compare_ids);
    return found;
}

static int remove_others(rtv_index *index, const int64_t *kept, size_t num_kept, int64_t *removed) {
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_error error = {0};
    int64_t *ids, count = 0, others = 0;
    rtv_index_info_get(index, &info, NULL);
    ids = allocate((size_t)info.count, sizeof *ids);
    rtv_index_ids(index, ids, info.count, &count, &error);
    for (int64_t i = 0; i < count; i++)
        if (num_kept == 0 || !bsearch(&ids[i], kept, num_kept, sizeof *kept, compare_ids)) ids[others++] = ids[i];
    if (error.status == RTV_OK) rtv_index_remove(index, ids, others, removed, &error);
    free(ids);
    return error.status == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

int update_items(rtv_index *index, file_list *files, int32_t *labels, int64_t *kept, int64_t *removed) {
    int64_t *ids = allocate(files->count, sizeof *ids);
    const size_t num_kept = take_unchanged(index, files, labels, ids);
    const int code = remove_others(index, ids, num_kept, removed);
    *kept = (int64_t)num_kept;
    free(ids);
    return code;
}
