/* loading.h - what it costs to load a model, measured in a process of its own. */
#ifndef LOADING_H
#define LOADING_H

#include "options.h"

typedef struct loading {
    double milliseconds; /* from the file to the first descriptor */
    int64_t bytes;       /* resident above the process before it; 0 when the system does not say */
} loading;

/* Forks, so it comes before the first use of the library. Arguments as session_open. Returns an exit code, after a message. */
int loading_measure(loading *found, const arguments *args, const char *model_path, size_t threads_option);

#endif
