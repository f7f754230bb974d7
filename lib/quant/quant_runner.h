/* quant_runner.h - a graph run on many calibration samples over the threads of a team, one sample a thread, all its values shown. */
#ifndef RTVI_QUANT_RUNNER_H
#define RTVI_QUANT_RUNNER_H

#include <stdint.h>

#include "base/base_team.h"
#include "exec/exec.h"
#include "quant/quant_samples.h"

/* How far long work is: several passes, one after the other, are one work to the caller. */
typedef struct rtvi_quant_progress {
    rtv_progress_fn call; /* or NULL */
    void *user;
    int64_t done, total; /* of all passes; done counts those that are over */
} rtvi_quant_progress;

/* An rtv_progress_fn over one pass; user is an rtvi_quant_progress. */
int32_t rtvi_quant_progress_pass(void *user, int64_t done, int64_t total);

typedef struct rtvi_quant_runner {
    const rtvi_env *env;
    rtvi_team *team;
    const rtvi_graph *graph;
    rtvi_exec *exec;
    rtvi_exec_context **contexts; /* [threads], made with a lane's first sample */
    float **inputs;               /* [threads] room for a sample's floats, where the graph reads codes */
} rtvi_quant_runner;

/* The graph must outlive the runner. */
int32_t rtvi_quant_runner_create(const rtvi_env *env, rtvi_team *team, const rtvi_graph *graph, int32_t executor, rtvi_quant_runner *runner,
                                 rtv_error *error);
void rtvi_quant_runner_destroy(rtvi_quant_runner *runner);

/* A value of one sample: the network's input (when it is floats) and whatever a step writes. Called on the lanes, for several samples at
 * once. */
typedef int32_t (*rtvi_quant_visit_fn)(void *user, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error);

/* Runs samples[numbers[0]], samples[numbers[1]] ... Of several that fail, the first one's error comes back. */
int32_t rtvi_quant_runner_run(rtvi_quant_runner *runner, const rtvi_quant_sample *samples, const int64_t *numbers, int64_t count,
                              rtvi_quant_visit_fn visit, void *user, rtvi_quant_progress *progress, rtv_error *error);

#endif
