/* lines.h - a text file as its lines. */
#ifndef LINES_H
#define LINES_H

#include <stddef.h>

typedef struct line_list {
    char **lines; /* [count] without line ends */
    size_t count, capacity;
} line_list;

/* STATUS_OK, or STATUS_ERROR after a message. */
int lines_read(line_list *list, const char *path);
void lines_destroy(line_list *list);

#endif
