/* lines.c - a text file as its lines. */
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

int lines_read(line_list *list, const char *path) {
    FILE *file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int failed;
    memset(list, 0, sizeof *list);
    if (!file) {
        message_for_file(path, strerror(errno));
        return STATUS_ERROR;
    }
    while ((length = getline(&line, &room, file)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) line[--length] = 0;
        list->lines = grow(list->lines, &list->capacity, list->count + 1, sizeof *list->lines);
        list->lines[list->count++] = copy_text(line);
    }
    failed = ferror(file);
    if (failed) message_for_file(path, strerror(errno));
    free(line);
    fclose(file);
    return failed ? STATUS_ERROR : STATUS_OK;
}

void lines_destroy(line_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->lines[i]);
    free(list->lines);
    memset(list, 0, sizeof *list);
}
