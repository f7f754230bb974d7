/* main.c - the program retrieve: picks the command. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "text.h"

static const command *const commands[] = {&command_index,      &command_search, &command_eval,    &command_info,
                                          &command_import,     &command_export, &command_verify,  &command_compact,
                                          &command_remove,     &command_reduce, &command_embed,   &command_model_convert,
                                          &command_model_info, &command_bench,  &command_compare, &command_quantize};
enum { NUM_COMMANDS = sizeof commands / sizeof *commands };

static void print_overview(FILE *stream) {
    fputs(
        "retrieve finds similar pictures: index a folder once, then search it with pictures.\n\nUsage: retrieve COMMAND ...\n\nCommands:\n",
        stream);
    for (size_t i = 0; i < NUM_COMMANDS; i++) fprintf(stream, "  %-15s%s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "  help COMMAND   options and an example\n"
        "\n"
        "Example:\n"
        "  retrieve index photos -o photos.idx\n"
        "  retrieve search photos.idx holiday.jpg\n"
        "\n"
        "Exit codes:\n"
        "  0    done\n"
        "  1    error, nothing useful came out\n"
        "  2    wrong command line\n"
        "  3    done, but some pictures failed; they were named\n"
        "  130  interrupted (Ctrl-C); old files are untouched\n"
        "\n"
        "Results go to standard output, everything else to standard error.\n"
        "retrieve --version says what it runs on.\n",
        stream);
}

static int print_version(void) {
    rtv_cpu_info cpu;
    rtv_error error;
    cpu.struct_size = sizeof cpu;
    if (rtv_cpu_info_get(&cpu, &error) != RTV_OK) return fail(NULL, &error);
    printf("retrieve %d.%d.%d\n%s\n", RTV_VERSION_MAJOR, RTV_VERSION_MINOR, RTV_VERSION_PATCH, rtv_build_info());
    printf("%s, %s, %d %s, int8 %s and %s here\n", cpu.name, rtv_isa_name(cpu.isa), cpu.processors,
           cpu.processors == 1 ? "processor" : "processors", cpu.int8_exact ? "exact" : "inexact", cpu.int8_fast ? "fast" : "slow");
    return STATUS_OK;
}

/* The command that the words at argv[0] name, and how many words that took. */
static const command *find_command(int argc, char **argv, int *words) {
    for (size_t i = 0; i < NUM_COMMANDS; i++) {
        const char *second = strchr(commands[i]->name, ' ');
        size_t first_length = second ? (size_t)(second - commands[i]->name) : strlen(commands[i]->name);
        *words = second ? 2 : 1;
        if (argc < *words || strlen(argv[0]) != first_length || strncmp(argv[0], commands[i]->name, first_length) != 0) continue;
        if (!second || strcmp(argv[1], second + 1) == 0) return commands[i];
    }
    return NULL;
}

static int unknown_command(int argc, char **argv) {
    const char *names[NUM_COMMANDS];
    int has_two = argc > 1 && strcmp(argv[0], "model") == 0 && argv[1][0] != '-';
    char *name = has_two ? format_text("%s %s", argv[0], argv[1]) : copy_text(argv[0]), *near;
    for (size_t i = 0; i < NUM_COMMANDS; i++) names[i] = commands[i]->name;
    near = text_suggest(name, names, NUM_COMMANDS);
    message("unknown command \"%s\"%s%s%s", name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    note("More: retrieve --help");
    free(name);
    free(near);
    return STATUS_USAGE;
}

static int is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static int help(int argc, char **argv) {
    int words;
    const command *wanted;
    if (argc == 0) {
        print_overview(stdout);
        return STATUS_OK;
    }
    wanted = find_command(argc, argv, &words);
    if (wanted) {
        options_help(wanted);
        return STATUS_OK;
    }
    if (strcmp(argv[0], "model") != 0 || argc > 1) return unknown_command(argc, argv);
    options_help(&command_model_convert);
    printf("\n\n");
    options_help(&command_model_info);
    return STATUS_OK;
}

static int dispatch(int argc, char **argv) {
    int words, code;
    const command *wanted;
    arguments parsed;
    if (argc == 0) {
        print_overview(stderr);
        return STATUS_USAGE;
    }
    if (is_help(argv[0])) return help(0, NULL);
    if (strcmp(argv[0], "help") == 0) return help(argc - 1, argv + 1);
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0) return print_version();
    if (argc == 2 && strcmp(argv[0], "model") == 0 && is_help(argv[1])) return help(1, argv);
    wanted = find_command(argc, argv, &words);
    if (!wanted) return unknown_command(argc, argv);
    if (options_parse(wanted, argc - words + 1, argv + words - 1, &parsed, &code)) return code;
    return wanted->run(&parsed);
}

/* Where one of the three is closed, the next file that is opened would take its number, and messages would go into it. What is put there
 * instead refuses what one would do with it. */
static void keep_standard_files(void) {
    for (int file = STDIN_FILENO; file <= STDERR_FILENO; file++)
        if (fcntl(file, F_GETFD) < 0 && open("/dev/null", file == STDIN_FILENO ? O_WRONLY : O_RDONLY) != file) exit(STATUS_ERROR);
}

int main(int argc, char **argv) {
    int code;
    keep_standard_files();
    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_DFL); /* a reader that has seen enough ends the program quietly */
    code = dispatch(argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        message("standard output: cannot write: %s", strerror(errno));
        if (code == STATUS_OK || code == STATUS_PARTIAL) code = STATUS_ERROR;
    }
    return code;
}
