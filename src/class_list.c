/* class_list.c - sorted class names and their numbers. */
#include "class_list.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "program.h"

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Sorted, each once; the list takes over the names in names. */
static void sort_out(class_list *list) {
    size_t unique = 0;
    if (list->count > 0) qsort(list->names, list->count, sizeof *list->names, compare);
    for (size_t i = 0; i < list->count; i++) {
        if (unique > 0 && strcmp(list->names[unique - 1], list->names[i]) == 0)
            free(list->names[i]);
        else
            list->names[unique++] = list->names[i];
    }
    list->count = unique;
}

void class_list_from_folders(class_list *list, char *const *paths, size_t count) {
    size_t capacity = 0;
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        char *name = files_folder_name(paths[i]);
        if (!name) continue;
        list->names = grow(list->names, &capacity, list->count + 1, sizeof *list->names);
        list->names[list->count++] = name;
    }
    sort_out(list);
}

void class_list_from_names(class_list *list, char *const *names, size_t count) {
    size_t capacity = 0;
    memset(list, 0, sizeof *list);
    for (size_t i = 0; i < count; i++) {
        if (!*names[i]) continue;
        list->names = grow(list->names, &capacity, list->count + 1, sizeof *list->names);
        list->names[list->count++] = copy_text(names[i]);
    }
    sort_out(list);
}

int32_t class_list_find(const class_list *list, const char *name) {
    char **found = name && list->count > 0 ? bsearch(&name, list->names, list->count, sizeof *list->names, compare) : NULL;
    return found ? (int32_t)(found - list->names) : -1;
}

void class_list_destroy(class_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
    memset(list, 0, sizeof *list);
}
