/* eval_report.h - an evaluation as tables or as JSON. */
#ifndef EVAL_REPORT_H
#define EVAL_REPORT_H

#include <retrieve/evaluate.h>

typedef struct eval_report {
    const char *gallery_path, *queries_path; /* queries_path NULL: leave-one-out */
    rtv_index *gallery, *queries;            /* the same in leave-one-out */
    const rtv_evaluation *evaluation;
    rtv_evaluation_info info;
    double false_accept_rate;
    int64_t hardest;    /* how many to show */
    int64_t calibrated; /* pictures that the model was calibrated with; -1: not known */
    int per_class, histogram;
} eval_report;

/* Each gives an exit code, after a message. */
int eval_report_print(const eval_report *report);
int eval_report_print_json(const eval_report *report);

#endif
