/* options.c - a command as a table; the table drives getopt_long, the help text and the usage errors. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_CODE = 1000, HELP_COLUMN = 30, WIDTH = 79 };

int usage_error(const arguments *args, const char *format, ...) {
    const command *cmd = args->command;
    char text[400];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    message("%s: %s", cmd->name, text);
    note("Usage: retrieve %s %s\nMore: retrieve %s --help", cmd->name, cmd->usage, cmd->name);
    return STATUS_USAGE;
}

/* Words in lines of at most WIDTH columns; lines after the first are indented. A line feed begins a new line. */
static void print_wrapped(const char *text, size_t indent) {
    size_t column = indent;
    while (*text) {
        size_t length = strcspn(text, " \n");
        if (column > indent && column + 1 + length > WIDTH) {
            printf("\n%*s", (int)indent, "");
            column = indent;
        }
        column += (size_t)printf("%s%.*s", column > indent ? " " : "", (int)length, text);
        text += length;
        if (*text == '\n') {
            printf("\n%*s", text[1] ? (int)indent : 0, "");
            column = indent;
        }
        if (*text) text++;
    }
    printf("\n");
}

static void print_option(char letter, const char *name, const char *argument, const char *help) {
    char left[80], letters[8] = "    ";
    if (letter) snprintf(letters, sizeof letters, "-%c, ", letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letters, name, argument ? " " : "", argument ? argument : "");
    printf("%-*s", HELP_COLUMN, left);
    if (strlen(left) >= HELP_COLUMN) printf("\n%*s", HELP_COLUMN, "");
    print_wrapped(help, HELP_COLUMN);
}

void options_help(const command *cmd) {
    printf("%s\n\nUsage: retrieve %s %s\n\nOptions:\n", cmd->summary, cmd->name, cmd->usage);
    for (size_t i = 0; i < cmd->num_options; i++) {
        const option_spec *option = &cmd->options[i];
        print_option(option->letter, option->name, option->argument, option->help);
    }
    print_option('h', "help", NULL, "print this text");
    if (*cmd->details) printf("\n");
    if (*cmd->details) print_wrapped(cmd->details, 0);
    printf("\nExample:\n%s", cmd->example);
}

/* getopt_long's two forms of the table; returned values are places in the table. */
static void make_getopt(const command *cmd, char *letters, struct option *longs) {
    size_t at = 0;
    letters[at++] = ':';
    for (size_t i = 0; i < cmd->num_options; i++) {
        const option_spec *option = &cmd->options[i];
        longs[i] = (struct option){option->name, option->argument ? required_argument : no_argument, NULL, (int)i};
        if (!option->letter) continue;
        letters[at++] = option->letter;
        if (option->argument) letters[at++] = ':';
    }
    letters[at++] = 'h';
    letters[at] = 0;
    longs[cmd->num_options] = (struct option){"help", no_argument, NULL, HELP_CODE};
    longs[cmd->num_options + 1] = (struct option){NULL, 0, NULL, 0};
}

/* The place in the table of what getopt_long returned: a place, or a letter. */
static size_t place_of(const command *cmd, int code) {
    size_t place = 0;
    if (code < OPTIONS_MOST) return (size_t)code;
    while (place + 1 < cmd->num_options && code != cmd->options[place].letter) place++;
    return place;
}

static int is_long_flag(const command *cmd, const char *word) {
    for (size_t i = 0; i < cmd->num_options; i++)
        if (strlen(cmd->options[i].name) == strcspn(word, "=") && strncmp(cmd->options[i].name, word, strcspn(word, "=")) == 0) return 1;
    return 0;
}

static int bad_option(const arguments *args, int code, const char *word) {
    const command *cmd = args->command;
    if (code == ':') {
        const option_spec *option = &cmd->options[place_of(cmd, optopt)];
        return usage_error(args, "--%s needs %s", option->name, option->argument);
    }
    if (strncmp(word, "--", 2) != 0) return usage_error(args, "unknown option -%c", optopt);
    if (is_long_flag(cmd, word + 2)) return usage_error(args, "%.*s takes no value", (int)strcspn(word, "="), word);
    return usage_error(args, "unknown or ambiguous option %s", word);
}

static int check_counts(const arguments *args) {
    const command *cmd = args->command;
    for (size_t i = 0; i < cmd->num_options; i++)
        if (cmd->options[i].required && !args->values[i])
            return usage_error(args, "-%c %s is missing", cmd->options[i].letter, cmd->options[i].argument);
    if (args->count < cmd->least) return usage_error(args, "an argument is missing");
    if (args->count > cmd->most) return usage_error(args, "surplus argument \"%s\"", args->positional[cmd->most]);
    return STATUS_OK;
}

int options_parse(const command *cmd, int argc, char **argv, arguments *out, int *code) {
    char letters[2 * OPTIONS_MOST + 4];
    struct option longs[OPTIONS_MOST + 2];
    int found;
    memset(out, 0, sizeof *out);
    out->command = cmd;
    make_getopt(cmd, letters, longs);
    opterr = 0;
    optind = 1;
    while ((found = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        if (found == '?' || found == ':') {
            *code = bad_option(out, found, argv[optind - 1]);
            return 1;
        }
        if (found == HELP_CODE || found == 'h') {
            options_help(cmd);
            *code = STATUS_OK;
            return 1;
        }
        out->values[place_of(cmd, found)] = optarg ? optarg : "";
    }
    out->positional = argv + optind;
    out->count = argc - optind;
    *code = check_counts(out);
    return *code != STATUS_OK;
}

int options_integer(const arguments *args, size_t option, int64_t least, int64_t most, int64_t *value) {
    const char *text = args->values[option];
    char *end = NULL;
    long long number;
    if (!text) return STATUS_OK;
    errno = 0;
    number = strtoll(text, &end, 10);
    if (end == text || *end || errno || number < least || number > most)
        return usage_error(args, "--%s: got \"%s\", expected a whole number from %lld to %lld", args->command->options[option].name, text,
                           (long long)least, (long long)most);
    *value = number;
    return STATUS_OK;
}

int options_number(const arguments *args, size_t option, double *value) {
    const char *text = args->values[option];
    char *end = NULL;
    double number;
    if (!text) return STATUS_OK;
    number = strtod(text, &end);
    if (end == text || *end || !isfinite(number))
        return usage_error(args, "--%s: got \"%s\", expected a number", args->command->options[option].name, text);
    *value = number;
    return STATUS_OK;
}

int options_rising(const arguments *args, size_t option, int64_t *values, int64_t capacity, int64_t *count) {
    const char *text = args->values[option];
    int64_t found = 0;
    if (!text) return STATUS_OK;
    for (const char *at = text;; at++) {
        char *end = NULL;
        const long long value = *at >= '0' && *at <= '9' ? strtoll(at, &end, 10) : 0;
        if (value < 1 || value > 1000000000 || (*end && *end != ',') || found == capacity || (found > 0 && value <= values[found - 1]))
            return usage_error(args, "--%s: got \"%s\", expected up to %d ascending numbers, as in 1,10,100",
                               args->command->options[option].name, text, (int)capacity);
        values[found++] = value;
        at = end;
        if (!*at) break;
    }
    *count = found;
    return STATUS_OK;
}

int options_choice(const arguments *args, size_t option, const char *const *words, int *choice) {
    const char *text = args->values[option];
    char expected[200] = "";
    size_t used = 0;
    if (!text) return STATUS_OK;
    for (int i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *choice = i;
            return STATUS_OK;
        }
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", i ? ", " : "", words[i]);
    }
    return usage_error(args, "--%s: got \"%s\", expected one of %s", args->command->options[option].name, text, expected);
}
