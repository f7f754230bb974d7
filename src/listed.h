/* listed.h - which pictures and classes the list of a data set means. */
#ifndef LISTED_H
#define LISTED_H

#include "class_list.h"
#include "files.h"
#include "options.h"

/* The places of these options in a command's table. */
typedef struct listed_options {
    size_t list, format, split;
} listed_options;

/* Checks that the options go together. STATUS_OK, or STATUS_USAGE after a message. */
int listed_check(const arguments *args, const listed_options *places);
/* Adds the list's pictures, which lie below folder, and its classes; *labels is new, [files->count], -1 for none. Returns an exit code,
 * after a message. */
int listed_read(const arguments *args, const listed_options *places, const char *folder, file_list *files, class_list *classes,
                int32_t **labels);

#endif
