/* exec.c - the one face of all executors: picks one and forwards. */
#include "exec/exec.h"

#include <time.h>

#include <retrieve/model.h>

#include "exec/exec_backend.h"

static const rtvi_backend *find_backend(int32_t executor) {
    if (executor == RTV_EXECUTOR_REFERENCE) return rtvi_exec_reference();
#ifdef RTV_WITH_ONEDNN
    if (executor == RTV_EXECUTOR_ONEDNN) return rtvi_exec_onednn();
#endif
    return NULL;
}

int rtvi_exec_has_onednn(void) { return find_backend(RTV_EXECUTOR_ONEDNN) != NULL; }

double rtvi_exec_clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

const char *rtvi_exec_precision(const rtvi_graph *graph, const rtvi_node *node) {
    return graph->values[node->inputs[0]].dtype == RTVI_F32 ? "f32" : "int8";
}

int32_t rtvi_exec_compile(const rtvi_env *env, const rtvi_graph *graph, int32_t executor, rtvi_exec **exec, rtv_error *error) {
    const rtvi_backend *backend = find_backend(executor);
    int32_t status;
    *exec = NULL;
    if (!backend && executor == RTV_EXECUTOR_ONEDNN) {
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "exec: this build has no oneDNN: got executor oneDNN, expected reference");
    }
    if (!backend)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "exec: executor: got %d, expected 1 (reference) or 2 (oneDNN)", executor);
    status = rtvi_graph_verify(graph, error);
    if (status != RTV_OK) return status;
    status = backend->compile(env, graph, exec, error);
    if (status != RTV_OK) return status;
    (*exec)->env = env;
    (*exec)->backend = backend;
    return rtvi_error_clear(error);
}

void rtvi_exec_destroy(rtvi_exec *exec) {
    if (exec) exec->backend->destroy(exec);
}

int32_t rtvi_exec_context_create(rtvi_exec *exec, int32_t threads, rtvi_exec_context **context, rtv_error *error) {
    int32_t status;
    *context = NULL;
    if (threads < 1) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "exec: threads: got %d, expected at least 1", threads);
    status = exec->backend->context_create(exec, threads, context, error);
    if (status != RTV_OK) return status;
    (*context)->exec = exec;
    return rtvi_error_clear(error);
}

void rtvi_exec_context_destroy(rtvi_exec_context *context) {
    if (context) context->exec->backend->context_destroy(context);
}

void *rtvi_exec_context_input(rtvi_exec_context *context) { return context->exec->backend->context_input(context); }

int32_t rtvi_exec_run(rtvi_exec_context *context, const float **outputs, double *step_ms, rtv_error *error) {
    int32_t status = context->exec->backend->run(context, outputs, step_ms, error);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_exec_run_observed(rtvi_exec_context *context, const float **outputs, rtvi_exec_observer observer, void *user,
                               rtv_error *error) {
    const rtvi_backend *backend = context->exec->backend;
    int32_t status;
    if (!backend->run_observed)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "exec: observing: got executor %d, which cannot", backend->executor);
    status = backend->run_observed(context, outputs, observer, user, error);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

size_t rtvi_exec_num_steps(const rtvi_exec *exec) { return exec->backend->num_steps(exec); }

rtvi_exec_step rtvi_exec_step_at(const rtvi_exec *exec, size_t i) { return exec->backend->step_at(exec, i); }

size_t rtvi_exec_weights_bytes(const rtvi_exec *exec) { return exec->backend->weights_bytes(exec); }

size_t rtvi_exec_activation_bytes(const rtvi_exec_context *context) { return context->exec->backend->activation_bytes(context); }
