/* program.c - messages, memory, interruption. */
#include "program.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"
#include "text.h"

static volatile sig_atomic_t interrupt_flag;
static const char *volatile interrupt_path;

static void print_line(const char *prefix, const char *format, va_list arguments) {
    progress_clear();
    fflush(stdout);
    fputs(prefix, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void message(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("retrieve: ", format, arguments);
    va_end(arguments);
}

void note(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

int fail(const char *subject, const rtv_error *error) {
    if (error->status == RTV_E_CANCELLED) return STATUS_INTERRUPTED;
    if (subject)
        message_for_file(subject, error->message);
    else
        message("%s", error->message);
    return STATUS_ERROR;
}

void message_for_file(const char *path, const char *why) {
    char *name = text_printable(path);
    if (*path && strstr(why, path))
        message("%s", why);
    else
        message("%s: %s", *name ? name : "\"\"", why);
    free(name);
}

static void *checked(void *block) {
    if (block) return block;
    fputs("retrieve: out of memory\n", stderr);
    exit(STATUS_ERROR);
}

void *allocate(size_t count, size_t size) { return checked(calloc(count ? count : 1, size ? size : 1)); }

void *grow(void *block, size_t *capacity, size_t count, size_t size) {
    size_t wanted = *capacity ? *capacity : 64;
    if (count <= *capacity) return block;
    while (wanted < count) wanted *= 2;
    block = checked(reallocarray(block, wanted, size));
    *capacity = wanted;
    return block;
}

char *copy_text(const char *text) { return checked(strdup(text)); }

char *format_text(const char *format, ...) {
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) text = NULL;
    va_end(arguments);
    return checked(text);
}

/* A signal may come twice at once, to the process and to its group; only one a second later means that somebody is out of patience. */
static void on_interrupt(int signal_number) {
    static volatile time_t first;
    static const char text[] = "retrieve: interrupted\n";
    const char *path = interrupt_path;
    struct timespec now;
    (void)signal_number;
    if (path) {
        unlink(path);
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
        _exit(STATUS_INTERRUPTED);
    }
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (interrupt_flag && now.tv_sec > first + 1) _exit(STATUS_INTERRUPTED);
    if (!interrupt_flag) first = now.tv_sec;
    interrupt_flag = 1;
}

void interrupt_watch(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_removes(const char *path) { interrupt_path = path; }

int interrupted(void) { return interrupt_flag != 0; }

double clock_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
