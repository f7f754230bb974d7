/* progress.h - one line on a terminal that says how far long work is; silent elsewhere. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

typedef struct progress {
    const char *label;
    int64_t base; /* finished in earlier calls */
    int64_t total;
    double started, drawn;
} progress;

void progress_begin(progress *bar, const char *label, int64_t total);
/* A library call over count items is over. */
void progress_advance(progress *bar, int64_t count);
/* An rtv_progress_fn: user is a progress; draws, and asks to stop after Ctrl-C. */
int32_t progress_callback(void *user, int64_t done, int64_t total);
/* Takes the line off the screen, if there is one. */
void progress_clear(void);

#endif
