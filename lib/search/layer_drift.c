/* layer_drift.c - two networks compared value by value on the same pictures. One picture runs through A, whose values are kept, then
 * through B, whose values are compared as they come. Sums are made by one thread in one order. */
#include "search/layer_drift.h"

#include <string.h>

#include "kernels/kernels_codes.h"

typedef struct row {
    rtvi_layer_drift_row shown;
    float *values; /* [count of one picture]: A's numbers for the picture at work, within the block behind all of them */
    int64_t count;
} row;

struct rtvi_layer_drift {
    const rtvi_env *env;
    rtvi_embedder *a, *b;
    row *rows; /* [num_rows] in A's order */
    size_t num_rows;
    float *values;  /* behind all rows */
    float *scratch; /* [the most numbers of a row] B's numbers */
};

/* --- joining ---------------------------------------------------------------------------------------------------------------------- */

static int is_copy(const rtvi_exec_step *step) { return strcmp(step->op, "reorder") == 0; }

static int is_same_value(const rtvi_exec_step *a, const rtvi_exec_step *b) {
    return !is_copy(b) && strcmp(a->name, b->name) == 0 && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

static int64_t count_numbers(const rtvi_exec_step *step) {
    int64_t count = 1;
    for (int32_t i = 0; i < step->rank; i++) count *= step->dims[i];
    return count;
}

static void add_row(rtvi_layer_drift *d, const rtvi_exec_step *a) {
    const rtvi_exec *exec = rtvi_embedder_exec(d->b);
    for (size_t i = 0; i < rtvi_exec_num_steps(exec) && !is_copy(a); i++) {
        const rtvi_exec_step b = rtvi_exec_step_at(exec, i);
        if (!is_same_value(a, &b)) continue;
        d->rows[d->num_rows++] = (row){.shown = {.a = *a, .b = b}, .count = count_numbers(a)};
        return;
    }
}

static int32_t join(rtvi_layer_drift *d, rtv_error *error) {
    const rtvi_exec *exec = rtvi_embedder_exec(d->a);
    const size_t steps = rtvi_exec_num_steps(exec);
    size_t all = 0, most = 0, at = 0;
    d->rows = rtvi_alloc_zero(d->env, steps, sizeof *d->rows);
    if (!d->rows) return rtvi_error_out_of_memory(error, "drift", steps * sizeof *d->rows);
    for (size_t i = 0; i < steps; i++) {
        const rtvi_exec_step step = rtvi_exec_step_at(exec, i);
        add_row(d, &step);
    }
    for (size_t i = 0; i < d->num_rows; i++) {
        const size_t count = (size_t)d->rows[i].count; /* of values that a network holds: their sum fits */
        all += count;
        if (count > most) most = count;
    }
    d->values = rtvi_alloc(d->env, all, sizeof *d->values);
    d->scratch = rtvi_alloc(d->env, most, sizeof *d->scratch);
    if (!d->values || !d->scratch) return rtvi_error_out_of_memory(error, "drift", all * sizeof *d->values);
    for (size_t i = 0; i < d->num_rows; at += (size_t)d->rows[i++].count) d->rows[i].values = d->values + at;
    return RTV_OK;
}

int32_t rtvi_layer_drift_create(const rtvi_env *env, rtvi_embedder *a, rtvi_embedder *b, rtvi_layer_drift **out, rtv_error *error) {
    rtvi_layer_drift *d = rtvi_alloc_zero(env, 1, sizeof *d);
    int32_t status;
    *out = NULL;
    if (!d) return rtvi_error_out_of_memory(error, "drift", sizeof *d);
    d->env = env;
    d->a = a;
    d->b = b;
    status = join(d, error);
    if (status == RTV_OK)
        *out = d;
    else
        rtvi_layer_drift_destroy(d);
    return status;
}

void rtvi_layer_drift_destroy(rtvi_layer_drift *d) {
    if (!d) return;
    rtvi_free(d->env, d->rows);
    rtvi_free(d->env, d->values);
    rtvi_free(d->env, d->scratch);
    rtvi_free(d->env, d);
}

/* --- comparing -------------------------------------------------------------------------------------------------------------------- */

static row *find(const rtvi_layer_drift *d, const char *value) {
    for (size_t i = 0; i < d->num_rows; i++)
        if (strcmp(d->rows[i].shown.a.name, value) == 0) return &d->rows[i];
    return NULL;
}

static void decode(const rtvi_exec_step *step, const rtvi_tensor *tensor, int64_t count, float *numbers) {
    const rtvi_code_type type = {tensor->dtype, step->scale, step->zero_point};
    if (tensor->dtype == RTVI_F32)
        memcpy(numbers, tensor->data, (size_t)count * sizeof *numbers);
    else
        rtvi_dequantize(tensor->data, count, &type, numbers);
}

static void keep(void *user, const char *value, const rtvi_tensor *tensor) {
    row *r = find(user, value);
    if (r) decode(&r->shown.a, tensor, r->count, r->values);
}

static void compare(void *user, const char *value, const rtvi_tensor *tensor) {
    const rtvi_layer_drift *d = user;
    row *r = find(d, value);
    double signal = 0, noise = 0;
    if (!r) return;
    decode(&r->shown.b, tensor, r->count, d->scratch);
    for (int64_t i = 0; i < r->count; i++) {
        const double a = (double)r->values[i], difference = (double)d->scratch[i] - a;
        signal += a * a;
        noise += difference * difference;
    }
    r->shown.signal += signal;
    r->shown.noise += noise;
    r->shown.count += r->count;
}

int32_t rtvi_layer_drift_add(rtvi_layer_drift *d, const rtv_picture *picture, rtv_error *error) {
    int32_t status = rtvi_embedder_observe(d->a, picture, keep, d, error);
    return status == RTV_OK ? rtvi_embedder_observe(d->b, picture, compare, d, error) : status;
}

size_t rtvi_layer_drift_count(const rtvi_layer_drift *d) { return d->num_rows; }

const rtvi_layer_drift_row *rtvi_layer_drift_at(const rtvi_layer_drift *d, size_t i) { return &d->rows[i].shown; }
