/* weights_globals.h - the names (Python's module and attribute) that a pickled state_dict may mention, and what each stands for. */
#ifndef RTVI_WEIGHTS_GLOBALS_H
#define RTVI_WEIGHTS_GLOBALS_H

#include <stddef.h>

#include "tensor/tensor.h"

typedef enum rtvi_role {
    RTVI_ROLE_OTHER = 0, /* something that a training checkpoint may hold beside its weights; its value is never looked at */
    RTVI_ROLE_DICT,      /* called, gives a dictionary */
    RTVI_ROLE_TENSOR,    /* (storage, offset, size, stride[, requires_grad, hooks[, metadata]]) */
    RTVI_ROLE_TENSOR_V3, /* (storage, offset, size, stride, requires_grad, hooks, dtype[, metadata]) */
    RTVI_ROLE_PARAMETER, /* (tensor, …) */
    RTVI_ROLE_FROM_TYPE, /* (function, class, arguments, state) */
    RTVI_ROLE_STRANGE,   /* gives a tensor that is not a plain dense one: refused when it is among the weights */
    RTVI_ROLE_STORAGE,   /* a class of storages of one dtype */
    RTVI_ROLE_DTYPE
} rtvi_role;

typedef struct rtvi_global {
    const char *module, *name;
    rtvi_role role;
    rtvi_dtype dtype; /* of STORAGE and DTYPE; 0: one that is not supported */
} rtvi_global;

/* The index of a global, -1 for one that is not allowed. */
int rtvi_global_find(const char *module, size_t module_length, const char *name, size_t name_length);
const rtvi_global *rtvi_global_at(size_t index);

#endif
