/* options.h - a command as a table; the table drives getopt_long, the help text and the usage errors. */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "program.h"

typedef struct option_spec {
    const char *name;     /* long, without dashes */
    char letter;          /* 0 for none */
    const char *argument; /* its name in the help; NULL for a flag */
    const char *help;
    int required;
} option_spec;

enum { OPTIONS_MOST = 24, OPTIONS_ANY = 1000000000 };

struct arguments;
typedef struct command {
    const char *name;    /* "search", "model convert" */
    const char *usage;   /* what stands for the positional arguments: "INDEX PICTURE..." */
    const char *summary; /* one line */
    const option_spec *options;
    size_t num_options;
    int least, most;     /* positional arguments */
    const char *details; /* lines for the help; "" for none */
    const char *example;
    int (*run)(const struct arguments *args);
} command;

typedef struct arguments {
    const command *command;
    const char *values[OPTIONS_MOST]; /* by the option's place in the table: NULL when not given, "" for a flag */
    char **positional;
    int count;
} arguments;

#define OPTION_MODEL \
    { "model", 'm', "MODEL", "model file (default: the model that comes with the program)", 0 }
#define OPTION_THREADS \
    { "threads", 't', "N", "threads to use (default: one for each processor)", 0 }

/* argv[0] is the last word of the command. STATUS_OK to go on; else the program's exit code is in *code. 1: stop (help, or an error that
 * was told). */
int options_parse(const command *cmd, int argc, char **argv, arguments *out, int *code);
/* Reads a whole number or a number; untouched when the option was not given. Returns STATUS_OK or STATUS_USAGE after a message. */
int options_integer(const arguments *args, size_t option, int64_t least, int64_t most, int64_t *value);
int options_number(const arguments *args, size_t option, double *value);
/* "1,10,100" into values[*count], at most capacity of them; untouched when the option was not given. */
int options_rising(const arguments *args, size_t option, int64_t *values, int64_t capacity, int64_t *count);
/* The place of the value among NULL-terminated words, in *choice. */
int options_choice(const arguments *args, size_t option, const char *const *words, int *choice);
int usage_error(const arguments *args, const char *format, ...) PRINTF_LIKE(2, 3);
void options_help(const command *cmd);

#endif
