/* api_profile.c - what a compiled network runs, step by step, and how long each step takes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_handles.h"

enum { MAX_RUNS = 10000 };

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* times[runs][steps]: of one step; scratch holds runs doubles. */
static double median_of(const double *times, size_t steps, size_t step, size_t runs, double *scratch) {
    for (size_t run = 0; run < runs; run++) scratch[run] = times[run * steps + step];
    qsort(scratch, runs, sizeof *scratch, compare_doubles);
    return runs % 2 ? scratch[runs / 2] : (scratch[runs / 2 - 1] + scratch[runs / 2]) / 2;
}

static const char *output_name(rtvi_dtype dtype) { return dtype == RTVI_U8 ? "u8" : dtype == RTVI_I8 ? "s8" : "f32"; }

static void describe(const rtvi_exec_step *step, double milliseconds, rtv_layer_info *out) {
    memset(out, 0, sizeof *out);
    out->macs = step->macs;
    out->milliseconds = milliseconds;
    rtvi_copy_clipped(out->name, sizeof out->name, step->name);
    snprintf(out->op, sizeof out->op, "%s", step->op);
    snprintf(out->kernel, sizeof out->kernel, "%s", step->kernel);
    snprintf(out->precision, sizeof out->precision, "%s", step->precision);
    rtvi_shape_text(out->shape, sizeof out->shape, step->rank, step->dims);
    out->scale = step->scale;
    out->zero_point = step->zero_point;
    snprintf(out->output, sizeof out->output, "%s", output_name(step->dtype));
}

int32_t rtv_model_profile(rtv_model *model, int32_t runs, rtv_layer_info *layers, int64_t capacity, int64_t *count, rtv_error *error) {
    const rtvi_env *env;
    const rtvi_exec *exec;
    size_t steps;
    double *times;
    int32_t status = RTV_OK;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(count, error, "count is NULL");
    RTVI_REQUIRE(capacity == 0 || (capacity > 0 && layers), error, "layers is NULL, or capacity negative");
    if (runs < 0 || runs > MAX_RUNS)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: runs: got %d, expected 0..%d", runs, MAX_RUNS);
    env = &model->runtime->env;
    exec = rtvi_embedder_exec(model->embedder);
    steps = rtvi_exec_num_steps(exec);
    times = rtvi_alloc_zero(env, (size_t)runs * (steps + 1), sizeof *times); /* [runs][steps], then [runs] to sort in */
    if (!times) return rtvi_error_out_of_memory(error, "api", 0);
    if (runs > 0) status = rtvi_embedder_profile(model->embedder, runs, times, error);
    for (size_t i = 0; i < steps && (int64_t)i < capacity && status == RTV_OK; i++) {
        const rtvi_exec_step step = rtvi_exec_step_at(exec, i);
        rtv_layer_info own;
        describe(&step, runs ? median_of(times, steps, i, (size_t)runs, times + (size_t)runs * steps) : 0.0, &own);
        status = rtvi_api_row(layers, i, &own, sizeof own, "rtv_layer_info", error);
    }
    rtvi_free(env, times);
    if (status == RTV_OK) *count = (int64_t)steps;
    return status;
}
