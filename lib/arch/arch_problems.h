/* arch_problems.h - every tensor of a checkpoint that is not as the network needs it, gathered into one message. */
#ifndef RTVI_ARCH_PROBLEMS_H
#define RTVI_ARCH_PROBLEMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_error.h"
#include "tensor/tensor.h"

/* In the order in which the message names them. */
enum { RTVI_PROBLEM_MISSING = 0, RTVI_PROBLEM_SHAPE, RTVI_PROBLEM_TYPE, RTVI_PROBLEM_SURPLUS, RTVI_PROBLEM_KINDS };

/* Zero it to begin. */
typedef struct rtvi_arch_problems {
    struct {
        char lines[sizeof(((rtv_error *)0)->message)]; /* one line a problem, as many as fit */
        size_t length;
        int32_t count; /* with those that did not fit */
    } kinds[RTVI_PROBLEM_KINDS];
} rtvi_arch_problems;

/* found is NULL for a missing tensor. expected[rank]: 0 for a dimension that may have any size; not looked at for a surplus tensor. */
void rtvi_arch_problems_add(rtvi_arch_problems *problems, int kind, const char *name, const rtvi_tensor *found, int32_t rank,
                            const int64_t *expected);

/* RTV_OK when there are none, else MISMATCH with as many as the message holds, "and N more". */
int32_t rtvi_arch_problems_report(const rtvi_arch_problems *problems, rtv_error *error);

#endif
