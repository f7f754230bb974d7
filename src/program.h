/* program.h - what every command shares: exit codes, messages, memory, interruption. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/retrieve.h>

/* Exit codes, as `retrieve --help` documents them. */
enum {
    STATUS_OK = 0,
    STATUS_ERROR = 1,        /* nothing useful came out */
    STATUS_USAGE = 2,        /* the command line is wrong */
    STATUS_PARTIAL = 3,      /* finished, but some pictures failed; they were named */
    STATUS_INTERRUPTED = 130 /* Ctrl-C; old files are untouched */
};

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))

/* One line on standard error, "retrieve: …", after taking a progress line off the screen. */
void message(const char *format, ...) PRINTF_LIKE(1, 2);
/* A line on standard error that is no complaint: no prefix. */
void note(const char *format, ...) PRINTF_LIKE(1, 2);
/* Prints a library error, "subject: message" (subject may be NULL), and gives the exit code for it. */
int fail(const char *subject, const rtv_error *error);
/* "retrieve: path: why" for a picture that could not be used. */
void message_for_file(const char *path, const char *why);

/* Zeroed memory, or the end of the program with a message. */
void *allocate(size_t count, size_t size);
/* block with room for at least count elements, doubling; *capacity follows. */
void *grow(void *block, size_t *capacity, size_t count, size_t size);
char *copy_text(const char *text);
char *format_text(const char *format, ...) PRINTF_LIKE(1, 2);

/* From now on Ctrl-C (and SIGTERM) sets a flag; another one, a second later, ends the program at once. */
void interrupt_watch(void);
int interrupted(void);
/* Ctrl-C from now on ends the program at once, with 130, and removes this file, which nobody else knows; NULL: no longer. */
void interrupt_removes(const char *path);

double clock_seconds(void);

#endif
