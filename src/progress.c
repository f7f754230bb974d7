/* progress.c - one line on a terminal that says how far long work is; silent elsewhere. */
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program.h"
#include "text.h"

enum { BAR_MOST = 40, BAR_LEAST = 8 };

static int line_shown;

void progress_begin(progress *bar, const char *label, int64_t total) {
    memset(bar, 0, sizeof *bar);
    bar->label = label;
    bar->total = total;
    bar->started = clock_seconds();
}

static size_t screen_columns(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

/* Eighths of a character cell make the bar move smoothly. */
static void print_bar(double share, size_t cells) {
    static const char *const eighths[] = {"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};
    size_t filled = (size_t)(share * (double)cells * 8 + 0.5), whole = filled / 8, part = filled % 8;
    if (!text_has_utf8()) {
        fputc('[', stderr);
        for (size_t i = 0; i < cells; i++) fputc(i < whole ? '#' : '.', stderr);
        fputc(']', stderr);
        return;
    }
    for (size_t i = 0; i < whole; i++) fputs("\u2588", stderr);
    fputs(eighths[part], stderr);
    if (text_has_colour(stderr)) fputs("\033[2m", stderr);
    for (size_t i = whole + (part > 0); i < cells; i++) fputs("\u2591", stderr);
    if (text_has_colour(stderr)) fputs("\033[22m", stderr);
}

static void draw(const progress *bar, int64_t done) {
    double elapsed = clock_seconds() - bar->started;
    double rate = elapsed > 0 ? (double)done / elapsed : 0;
    double share = bar->total > 0 ? (double)done / (double)bar->total : 0;
    short_text a, b, c;
    char numbers[96], left[64] = "";
    size_t columns = screen_columns(), used, cells;
    if (done > 0 && rate > 0 && done < bar->total)
        snprintf(left, sizeof left, "  %s left", text_duration(&a, 1 + (double)(int64_t)((double)(bar->total - done) / rate)));
    snprintf(numbers, sizeof numbers, " %s of %s  %.*f/s%s", text_count(&b, done), text_count(&c, bar->total), rate < 9.95 ? 1 : 0, rate,
             left);
    used = strlen(bar->label) + 1 + strlen(numbers) + 3;
    cells = columns > used + BAR_LEAST ? columns - used : 0;
    if (cells > 0) {
        fprintf(stderr, "\r\033[K%s ", bar->label);
        print_bar(share > 1 ? 1 : share, cells < BAR_MOST ? cells : BAR_MOST);
        fputs(numbers, stderr);
    } else {
        char *line = format_text("%s%s", bar->label, numbers); /* one that wraps would not be cleared */
        fprintf(stderr, "\r\033[K%.*s", columns > 1 ? (int)columns - 1 : 0, line);
        free(line);
    }
    fflush(stderr);
    line_shown = 1;
}

int32_t progress_callback(void *user, int64_t done, int64_t total) {
    progress *bar = user;
    double now = clock_seconds();
    (void)total;
    if (bar->total > 1 && now - bar->drawn >= 0.1 && now - bar->started >= 0.3 && isatty(STDERR_FILENO)) {
        draw(bar, bar->base + done);
        bar->drawn = now;
    }
    return interrupted();
}

void progress_advance(progress *bar, int64_t count) { bar->base += count; }

void progress_clear(void) {
    if (!line_shown) return;
    fputs("\r\033[K", stderr);
    line_shown = 0;
}
