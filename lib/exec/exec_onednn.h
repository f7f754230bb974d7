/* exec_onednn.h - what of oneDNN belongs to the whole process. */
#ifndef RTVI_EXEC_ONEDNN_H
#define RTVI_EXEC_ONEDNN_H

#include <stdint.h>

#include "base/base_error.h"

#ifdef RTV_WITH_ONEDNN
/* quiet 1: no messages on standard output. max_isa below RTV_ISA_ANY: a cap for good; STATE when oneDNN has already run without it. */
int32_t rtvi_exec_onednn_configure(int32_t max_isa, int32_t quiet, rtv_error *error);
#else
static inline int32_t rtvi_exec_onednn_configure(int32_t max_isa, int32_t quiet, rtv_error *error) {
    (void)max_isa, (void)quiet;
    return rtvi_error_clear(error);
}
#endif

#endif
