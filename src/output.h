/* output.h - a file that appears whole or not at all. */
#ifndef OUTPUT_H
#define OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "program.h"

typedef struct output {
    FILE *stream;
    const char *name; /* as the user gave it */
    char *target;     /* after links */
    char *temporary;  /* beside the target; NULL while the target is no regular file: then the bytes go over at commit */
    int error;        /* errno of the first failure */
} output;

/* Whether a file could be written there, asked before long work. The library replaces regular files only; output_open also takes
 * devices and pipes. STATUS_OK, or STATUS_ERROR after a message. */
enum { OUTPUT_REGULAR = 0, OUTPUT_ANY = 1 };
int output_check(const char *path, int kind);
/* Whether it would take the place of what is read to make it, which is refused in the same way. */
int output_check_input(const char *path, const char *input);
/* The same for an index: whatever else is there stays there, a damaged or newer index, too. */
int output_check_index(const char *path);
int output_open(output *out, const char *path);
void output_write(output *out, const void *data, size_t size);
void output_print(output *out, const char *format, ...) PRINTF_LIKE(2, 3);
/* Overwrites bytes at an offset from the start. */
void output_patch(output *out, long offset, const void *data, size_t size);
/* Closes and takes the target's place. Every failure since output_open is told here. */
int output_commit(output *out);
/* Drops what was written; nothing after a commit. */
void output_abort(output *out);

#endif
