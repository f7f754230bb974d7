/* labelled.c - pictures whose classes are the names of the folders that hold them. */
#include "labelled.h"

#include <stdlib.h>
#include <string.h>

int labelled_read(labelled *l, const char *const *paths, int count) {
    memset(l, 0, sizeof *l);
    for (int i = 0; i < count; i++) files_add(&l->files, paths[i]);
    class_list_from_folders(&l->names, l->files.paths, l->files.count);
    l->pictures = allocate(l->files.count, sizeof *l->pictures);
    l->classes = allocate(l->files.count, sizeof *l->classes);
    for (size_t i = 0; i < l->files.count; i++) {
        char *name = files_folder_name(l->files.paths[i]);
        rtv_picture_from_path(&l->pictures[i], l->files.paths[i]);
        l->classes[i] = class_list_find(&l->names, name);
        free(name);
    }
    if (interrupted()) return STATUS_INTERRUPTED; /* perhaps not all folders were read */
    if (l->files.count > 0) return STATUS_OK;
    message("no pictures in %s", paths[0]);
    return STATUS_ERROR;
}

void labelled_destroy(labelled *l) {
    free(l->pictures);
    free(l->classes);
    class_list_destroy(&l->names);
    files_destroy(&l->files);
}
