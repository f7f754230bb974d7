/* exec.h - running a graph. A network is compiled once: weights packed, steps chosen. Contexts hold what one run needs: primitives for a
 * number of threads, planned activations, scratchpad. Networks are immutable and shared; a context serves one run at a time. */
#ifndef RTVI_EXEC_H
#define RTVI_EXEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"
#include "graph/graph.h"

typedef struct rtvi_exec rtvi_exec;
typedef struct rtvi_exec_context rtvi_exec_context;

/* One step of a compiled network, for profiles. */
typedef struct rtvi_exec_step {
    const char *name;
    const char *op;
    const char *kernel;    /* oneDNN's implementation string, or "own:gem_pool" */
    const char *precision; /* "f32"; "int8" when it reads codes */
    int32_t rank;
    const int64_t *dims;
    double macs;
    rtvi_dtype dtype; /* of the result; codes of this */
    float scale;      /* and zero point; 0 for floats and for copies */
    int32_t zero_point;
} rtvi_exec_step;

/* Takes its own copy of whatever it needs: the graph may be destroyed afterwards. executor: RTV_EXECUTOR_REFERENCE or _ONEDNN. The graph
 * should have been through the passes; unfused nodes run too. Must be called on a lane of the team that will run it (wide). */
int32_t rtvi_exec_compile(const rtvi_env *env, const rtvi_graph *graph, int32_t executor, rtvi_exec **exec, rtv_error *error);
void rtvi_exec_destroy(rtvi_exec *exec);
int rtvi_exec_has_onednn(void);

/* Primitives for `threads` threads: call on a lane that has as many. */
int32_t rtvi_exec_context_create(rtvi_exec *exec, int32_t threads, rtvi_exec_context **context, rtv_error *error);
void rtvi_exec_context_destroy(rtvi_exec_context *context);
/* Where to put the input before each run, which overwrites it: float32 [1][3][H][W], dense; for a graph whose input is codes,
 * uint8_t [1][H][W][3]. */
void *rtvi_exec_context_input(rtvi_exec_context *context);
/* Runs; outputs[i] becomes a dense float32 array of graph output i, valid until the next run. step_ms (may be NULL): [num_steps] times. */
int32_t rtvi_exec_run(rtvi_exec_context *context, const float **outputs, double *step_ms, rtv_error *error);

/* The same, and shows every value that a step writes, by its name in the graph (reorders are not shown): a dense row-major tensor in NCHW
 * order, float32 or codes, valid during the call only. For calibration and for comparing executors layer by layer; slower. */
typedef void (*rtvi_exec_observer)(void *user, const char *value, const rtvi_tensor *tensor);
int32_t rtvi_exec_run_observed(rtvi_exec_context *context, const float **outputs, rtvi_exec_observer observer, void *user,
                               rtv_error *error);

size_t rtvi_exec_num_steps(const rtvi_exec *exec);
rtvi_exec_step rtvi_exec_step_at(const rtvi_exec *exec, size_t i);
size_t rtvi_exec_weights_bytes(const rtvi_exec *exec);               /* packed, as held */
size_t rtvi_exec_activation_bytes(const rtvi_exec_context *context); /* arena and scratchpad */

#endif
