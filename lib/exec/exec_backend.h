/* exec_backend.h - what an executor provides behind exec.h. An executor's own structures begin with the ones here. */
#ifndef RTVI_EXEC_BACKEND_H
#define RTVI_EXEC_BACKEND_H

#include "exec/exec.h"

/* The functions have the contracts of their namesakes in exec.h. exec.c fills the heads (env, backend, exec) after compile and
 * context_create succeeded, so those two must not rely on them; the others may. compile gets a verified graph. destroy and
 * context_destroy get what the executor built, complete, never NULL. */
typedef struct rtvi_backend {
    int32_t executor; /* RTV_EXECUTOR_* */
    int32_t (*compile)(const rtvi_env *env, const rtvi_graph *graph, rtvi_exec **exec, rtv_error *error);
    void (*destroy)(rtvi_exec *exec);
    int32_t (*context_create)(rtvi_exec *exec, int32_t threads, rtvi_exec_context **context, rtv_error *error);
    void (*context_destroy)(rtvi_exec_context *context);
    void *(*context_input)(rtvi_exec_context *context);
    int32_t (*run)(rtvi_exec_context *context, const float **outputs, double *step_ms, rtv_error *error);
    int32_t (*run_observed)(rtvi_exec_context *context, const float **outputs, rtvi_exec_observer observer, void *user, rtv_error *error);
    size_t (*num_steps)(const rtvi_exec *exec);
    rtvi_exec_step (*step_at)(const rtvi_exec *exec, size_t i);
    size_t (*weights_bytes)(const rtvi_exec *exec);
    size_t (*activation_bytes)(const rtvi_exec_context *context);
} rtvi_backend;

struct rtvi_exec {
    const rtvi_env *env;
    const rtvi_backend *backend;
};

struct rtvi_exec_context {
    rtvi_exec *exec;
};

const rtvi_backend *rtvi_exec_reference(void);
#ifdef RTV_WITH_ONEDNN
const rtvi_backend *rtvi_exec_onednn(void);
#endif

/* "int8" for a step that reads codes, else "f32". */
const char *rtvi_exec_precision(const rtvi_graph *graph, const rtvi_node *node);
/* Milliseconds of a clock that only goes forward, for step_ms. */
double rtvi_exec_clock_ms(void);

#endif
