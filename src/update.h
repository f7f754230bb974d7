/* update.h - bringing an index up to date: which pictures are in it as they are, and what else is. */
#ifndef UPDATE_H
#define UPDATE_H

#include "class_list.h"
#include "files.h"
#include "session.h"

enum { UPDATE_STAMP = 16 };

/* What tells whether a picture has changed, its size and when it was written: the payload of its item. */
void update_stamp(const char *path, uint8_t stamp[UPDATE_STAMP]);

/* The index that is there, open for writing; NULL when there is none that can be brought up to date: of this model, and with or without
 * classes. Returns an exit code, after a message. */
int update_open(rtv_index **index, const char *path, const session *s, int with_classes);
/* The classes get the index's numbers: names that are there keep theirs, new ones follow. labels[count] are numbers of the list; may be
 * NULL. */
int update_classes(rtv_index *index, const class_list *classes, int32_t *labels, size_t count);
/* Takes the pictures that are in the index as they are off the list, and every other item out of the index. */
int update_items(rtv_index *index, file_list *files, int32_t *labels, int64_t *kept, int64_t *removed);

#endif
