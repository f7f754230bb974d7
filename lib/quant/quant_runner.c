/* quant_runner.c - a graph run on many calibration samples. A context has one thread whatever the team's size, so the numbers do not depend
 * on it. */
#include "quant/quant_runner.h"

#include <string.h>

#include "quant/quant_params.h"

int32_t rtvi_quant_progress_pass(void *user, int64_t done, int64_t total) {
    const rtvi_quant_progress *p = user;
    (void)total;
    return p->call ? p->call(p->user, p->done + done, p->total) : 0;
}

/* --- life --- */

typedef struct compiling {
    rtvi_quant_runner *runner;
    int32_t executor, status;
    rtv_error *error;
} compiling;

static void compile_here(void *arg) {
    compiling *c = arg;
    c->status = rtvi_exec_compile(c->runner->env, c->runner->graph, c->executor, &c->runner->exec, c->error);
}

int32_t rtvi_quant_runner_create(const rtvi_env *env, rtvi_team *team, const rtvi_graph *graph, int32_t executor, rtvi_quant_runner *runner,
                                 rtv_error *error) {
    const size_t threads = (size_t)rtvi_team_threads(team);
    compiling c = {runner, executor, RTV_OK, error};
    int32_t status;
    *runner = (rtvi_quant_runner){.env = env, .team = team, .graph = graph};
    runner->contexts = rtvi_alloc_zero(env, threads, sizeof *runner->contexts);
    runner->inputs = rtvi_alloc_zero(env, threads, sizeof *runner->inputs);
    if (runner->contexts && runner->inputs)
        status = rtvi_team_run(team, compile_here, &c, error);
    else
        status = rtvi_error_out_of_memory(error, "quantizer", 0);
    if (status == RTV_OK) status = c.status;
    if (status != RTV_OK) rtvi_quant_runner_destroy(runner);
    return status;
}

void rtvi_quant_runner_destroy(rtvi_quant_runner *runner) {
    if (!runner->env) return;
    for (int32_t i = 0; i < rtvi_team_threads(runner->team); i++) {
        if (runner->contexts) rtvi_exec_context_destroy(runner->contexts[i]);
        if (runner->inputs) rtvi_free(runner->env, runner->inputs[i]);
    }
    rtvi_exec_destroy(runner->exec);
    rtvi_free(runner->env, runner->contexts);
    rtvi_free(runner->env, runner->inputs);
    memset(runner, 0, sizeof *runner);
}

/* --- one sample --- */

typedef struct pass {
    rtvi_quant_runner *runner;
    const rtvi_quant_sample *samples;
    const int64_t *numbers;
    rtvi_quant_visit_fn visit;
    void *user;
    pthread_mutex_t mutex; /* of what follows */
    int64_t failed;        /* the first item that did, or count */
    rtv_error error;
} pass;

/* Of one sample, while it runs. */
typedef struct visiting {
    const pass *pass;
    int64_t sample;
    int32_t status;
    rtv_error error; /* not the run's, which clears its own */
} visiting;

static void show(void *user, const char *value, const rtvi_tensor *tensor) {
    visiting *v = user;
    if (v->status == RTV_OK) v->status = v->pass->visit(v->pass->user, v->sample, value, tensor, &v->error);
}

static int32_t make_context(rtvi_quant_runner *r, int32_t lane, rtv_error *error) {
    const rtvi_value *input = &r->graph->values[r->graph->input];
    const size_t count = (size_t)(input->dims[1] * input->dims[2] * input->dims[3]);
    if (!r->inputs[lane] && input->dtype != RTVI_F32) {
        r->inputs[lane] = rtvi_alloc(r->env, count, sizeof(float));
        if (!r->inputs[lane]) return rtvi_error_out_of_memory(error, "quantizer", count * sizeof(float));
    }
    return r->contexts[lane] ? RTV_OK : rtvi_exec_context_create(r->exec, 1, &r->contexts[lane], error);
}

/* Floats as they are, or codes [height][width][3]. */
static void put_input(visiting *v, int32_t lane) {
    const rtvi_quant_runner *r = v->pass->runner;
    const rtvi_value *input = &r->graph->values[r->graph->input];
    const rtvi_code_type codes = {input->dtype, input->scale, input->zero_point};
    const int64_t plane = input->dims[2] * input->dims[3];
    void *to = rtvi_exec_context_input(r->contexts[lane]);
    const int is_floats = input->dtype == RTVI_F32;
    float *values = is_floats ? to : r->inputs[lane];
    rtvi_quant_samples_unpack(&r->graph->preprocess, &v->pass->samples[v->sample], values);
    if (is_floats) {
        const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, input->rank, input->dims, values);
        show(v, input->name, &tensor);
    }
    for (int64_t i = 0; i < plane && !is_floats; i++)
        for (int64_t c = 0; c < 3; c++) ((uint8_t *)to)[3 * i + c] = (uint8_t)rtvi_quant_params_encode(codes, values[c * plane + i]);
}

static int32_t run_sample(const pass *p, int64_t sample, int32_t lane, rtv_error *error) {
    visiting v = {.pass = p, .sample = sample, .status = RTV_OK};
    const float *outputs[RTVI_MAX_OUTPUTS];
    int32_t status = make_context(p->runner, lane, error);
    if (status != RTV_OK) return status;
    put_input(&v, lane);
    if (v.status == RTV_OK) status = rtvi_exec_run_observed(p->runner->contexts[lane], outputs, show, &v, error);
    if (status != RTV_OK || v.status == RTV_OK) return status;
    *error = v.error;
    return v.status;
}

/* Items before a failed one are run in any case, so that the first failure is the same on any number of threads. */
static void run_item(void *arg, int64_t item, int32_t lane) {
    pass *p = arg;
    rtv_error error;
    int skip;
    pthread_mutex_lock(&p->mutex);
    skip = item > p->failed;
    pthread_mutex_unlock(&p->mutex);
    if (skip || run_sample(p, p->numbers[item], lane, &error) == RTV_OK) return;
    pthread_mutex_lock(&p->mutex);
    if (item < p->failed) {
        p->failed = item;
        p->error = error;
    }
    pthread_mutex_unlock(&p->mutex);
}

int32_t rtvi_quant_runner_run(rtvi_quant_runner *runner, const rtvi_quant_sample *samples, const int64_t *numbers, int64_t count,
                              rtvi_quant_visit_fn visit, void *user, rtvi_quant_progress *progress, rtv_error *error) {
    pass p = {.runner = runner, .samples = samples, .numbers = numbers, .visit = visit, .user = user, .failed = count};
    int32_t status;
    pthread_mutex_init(&p.mutex, NULL);
    status = rtvi_team_run_many(runner->team, run_item, &p, count, rtvi_quant_progress_pass, progress, error);
    pthread_mutex_destroy(&p.mutex);
    progress->done += count;
    if (status != RTV_OK || p.failed == count) return status;
    *error = p.error;
    return error->status;
}
