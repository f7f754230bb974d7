/* compare_print.h - a drift report as tables and as JSON. */
#ifndef COMPARE_PRINT_H
#define COMPARE_PRINT_H

#include "program.h"

typedef struct compare_subject {
    const rtv_drift *drift;
    const rtv_model_info *infos[2];
    char *const *model_paths; /* [2] */
    char *const *paths;       /* of the pictures */
    int64_t least_k;
} compare_subject;

/* Both name the pictures that failed and return an exit code. */
int compare_print_table(const compare_subject *subject);
int compare_print_json(const compare_subject *subject);

#endif
