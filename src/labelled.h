/* labelled.h - pictures whose classes are the names of the folders that hold them. */
#ifndef LABELLED_H
#define LABELLED_H

#include "class_list.h"
#include "files.h"
#include "program.h"

typedef struct labelled {
    file_list files;
    class_list names;
    rtv_picture *pictures; /* [files.count] */
    int32_t *classes;      /* [files.count] numbers in names; -1 where the path does not say it */
} labelled;

/* All pictures of count paths, as files_add takes them. STATUS_OK; STATUS_INTERRUPTED; STATUS_ERROR after a message when there are none. */
int labelled_read(labelled *l, const char *const *paths, int count);
void labelled_destroy(labelled *l);

#endif
