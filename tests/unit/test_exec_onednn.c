/* test_exec_onednn.c - the oneDNN executor against the plain-C reference: every operation, odd shapes, fused and not, both contexts. */
#include "support.h"

#include <math.h>

#include <retrieve/model.h>

#include "base/base_team.h"
#include "exec/exec.h"
#include "graph/graph.h"

/* oneDNN sums in float32 in blocks, the reference in double: with up to 600 products of numbers around 1 the relative difference stays
 * below some tens of float epsilons (measured here: 2e-6). */
#define TOLERANCE 2e-5

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
    rtv_error error;
    rtvi_graph *graph;
    uint32_t seed;
} fixture;

static float noise(fixture *f) {
    f->seed = f->seed * 1664525u + 1013904223u;
    return (float)(f->seed >> 8) * 0x1p-23f - 1.0f;
}

static int32_t constant(fixture *f, const char *name, int32_t rank, const int64_t *dims, float scale, float offset) {
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, rank, dims, NULL);
    const size_t count = (size_t)rtvi_tensor_count(&tensor);
    float *values = rtvi_alloc(&f->env, count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) values[i] = noise(f) * scale + offset;
    tensor.data = values;
    return rtvi_graph_add_owned(f->graph, name, &tensor, values, &f->error);
}

static void begin(fixture *f, int64_t channels, int64_t height, int64_t width) {
    const int64_t dims[] = {1, channels, height, width};
    memset(f, 0, sizeof *f);
    test_env_init(&f->env, &f->heap);
    f->graph = rtvi_graph_create(&f->env, "test", &f->error);
    f->seed = 7;
    assert_non_null(f->graph);
    assert_true(rtvi_graph_add_input(f->graph, "input", 4, dims, &f->error) >= 0);
}

static void finish(fixture *f) {
    rtvi_graph_destroy(f->graph);
    assert_int_equal(f->heap.live, 0);
    rtvi_env_destroy(&f->env);
}

static int64_t dim(const fixture *f, int32_t value, int axis) { return f->graph->values[value].dims[axis]; }

static int32_t node(fixture *f, rtvi_op op, const char *name, const int32_t *inputs, int32_t count, const rtvi_attr *attr) {
    int32_t value = rtvi_graph_add_node(f->graph, op, name, inputs, count, attr, &f->error);
    if (value < 0) fail_msg("%s", f->error.message);
    return value;
}

/* A convolution with bias; kernel size in attr->kernel. */
static int32_t conv(fixture *f, const char *name, int32_t x, int64_t out, rtvi_attr attr, int32_t residual) {
    char weight_name[64], bias_name[64];
    const int64_t weight[] = {out, dim(f, x, 1) / attr.groups, attr.kernel[0], attr.kernel[1]};
    int32_t inputs[4] = {x, 0, 0, residual}, count = 3 + (residual >= 0);
    snprintf(weight_name, sizeof weight_name, "%s.weight", name);
    snprintf(bias_name, sizeof bias_name, "%s.bias", name);
    inputs[1] = constant(f, weight_name, 4, weight, 1.0f / sqrtf((float)(weight[1] * weight[2] * weight[3])), 0);
    inputs[2] = constant(f, bias_name, 1, weight, 0.1f, 0);
    attr.kernel[0] = attr.kernel[1] = rtvi_attr_default().kernel[0];
    attr.residual = residual >= 0;
    return node(f, RTVI_OP_CONV, name, inputs, count, &attr);
}

static rtvi_attr square(int32_t kernel, int32_t stride, int32_t pad) {
    rtvi_attr attr = rtvi_attr_default();
    attr.kernel[0] = attr.kernel[1] = kernel;
    attr.stride[0] = attr.stride[1] = stride;
    for (int i = 0; i < 4; i++) attr.pad[i] = pad;
    return attr;
}

/* --- running both ---------------------------------------------------------------------------------------------------------------- */

typedef struct run_job {
    fixture *f;
    int32_t executor, threads, status;
    float *outputs; /* all outputs, one after the other */
} run_job;

static void run_here(void *arg) {
    run_job *job = arg;
    fixture *f = job->f;
    rtvi_exec *exec = NULL;
    rtvi_exec_context *context = NULL;
    const float *outputs[RTVI_MAX_OUTPUTS];
    const rtvi_value *input = &f->graph->values[f->graph->input];
    f->seed = 99;
    job->status = rtvi_exec_compile(&f->env, f->graph, job->executor, &exec, &f->error);
    if (job->status == RTV_OK) job->status = rtvi_exec_context_create(exec, job->threads, &context, &f->error);
    for (int repeat = 0; repeat < 2 && job->status == RTV_OK; repeat++) { /* the second run must not see the first one's leftovers */
        float *to = rtvi_exec_context_input(context), *out = job->outputs;
        f->seed = 99;
        for (int64_t i = 0; i < input->dims[1] * input->dims[2] * input->dims[3]; i++) to[i] = noise(f);
        job->status = rtvi_exec_run(context, outputs, NULL, &f->error);
        for (int32_t o = 0; o < f->graph->num_outputs && job->status == RTV_OK; o++) {
            const rtvi_value *value = &f->graph->values[f->graph->outputs[o].value];
            int64_t count = 1;
            for (int32_t i = 0; i < value->rank; i++) count *= value->dims[i];
            memcpy(out, outputs[o], (size_t)count * sizeof *out);
            out += count;
        }
    }
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
}

static void run_on(fixture *f, int32_t executor, int32_t threads, float *outputs) {
    rtvi_team *team = NULL;
    run_job job = {f, executor, threads, RTV_OK, outputs};
    assert_int_equal(rtvi_team_create(&f->env, threads, &team, &f->error), RTV_OK);
    assert_int_equal(rtvi_team_run(team, run_here, &job, &f->error), RTV_OK);
    if (job.status != RTV_OK) fail_msg("%s", f->error.message);
    rtvi_team_destroy(team);
}

static void compare(fixture *f) {
    size_t count = 0;
    float *expected, *got;
    double largest = 0, worst = 0;
    assert_int_equal(rtvi_graph_verify(f->graph, &f->error), RTV_OK);
    for (int32_t o = 0; o < f->graph->num_outputs; o++) {
        const rtvi_value *value = &f->graph->values[f->graph->outputs[o].value];
        size_t size = 1;
        for (int32_t i = 0; i < value->rank; i++) size *= (size_t)value->dims[i];
        count += size;
    }
    expected = calloc(count, sizeof *expected);
    got = calloc(count, sizeof *got);
    run_on(f, RTV_EXECUTOR_REFERENCE, 1, expected);
    for (int32_t threads = 1; threads <= 2; threads++) {
        run_on(f, RTV_EXECUTOR_ONEDNN, threads, got);
        for (size_t i = 0; i < count; i++) {
            const double difference = fabs((double)got[i] - (double)expected[i]), size = fabs((double)expected[i]);
            if (difference > worst) worst = difference;
            if (size > largest) largest = size;
        }
    }
    assert_true(largest > 0);
    if (!(worst <= TOLERANCE * largest)) fail_msg("differs by %g, largest value %g", worst, largest);
    free(expected);
    free(got);
}

/* An input of any number of channels: the network's has three, a pointwise convolution makes the rest. */
static int32_t widened(fixture *f, int64_t channels) {
    return channels == 3 ? f->graph->input : conv(f, "widen", f->graph->input, channels, square(1, 1, 0), -1);
}

/* Makes a value the output; a map goes through 32 random projections (a kernel as large as the map), which see every element of it. */
static void output(fixture *f, int32_t value) {
    if (f->graph->values[value].rank == 4) {
        rtvi_attr whole = square(1, 1, 0);
        whole.kernel[0] = (int32_t)dim(f, value, 2);
        whole.kernel[1] = (int32_t)dim(f, value, 3);
        value = conv(f, "projection", value, 32, whole, -1);
        whole = rtvi_attr_default();
        value = node(f, RTVI_OP_GLOBAL_AVG_POOL, "output", &value, 1, &whole);
    }
    assert_int_equal(rtvi_graph_add_output(f->graph, value, RTVI_ROLE_DESCRIPTOR, &f->error), RTV_OK);
}

/* --- tests ----------------------------------------------------------------------------------------------------------------------- */

static void convolutions(void **state) {
    static const struct {
        int64_t channels, height, width, out;
        int32_t kernel, stride, pad, dilation, groups;
    } cases[] = {
        {3, 33, 31, 16, 7, 2, 3, 1, 1},  {16, 9, 9, 32, 1, 1, 0, 1, 1}, {16, 9, 9, 32, 3, 1, 1, 1, 1},   {32, 15, 15, 64, 3, 2, 1, 1, 1},
        {5, 7, 11, 13, 3, 1, 1, 1, 1},   {6, 8, 8, 9, 3, 1, 2, 2, 3},   {32, 14, 14, 32, 3, 1, 1, 1, 8}, {16, 12, 12, 16, 3, 1, 1, 1, 16},
        {24, 10, 10, 48, 1, 2, 0, 1, 1}, {1, 1, 1, 1, 1, 1, 0, 1, 1},   {64, 6, 6, 40, 3, 1, 4, 4, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        rtvi_attr attr = square(cases[i].kernel, cases[i].stride, cases[i].pad);
        attr.dilation[0] = attr.dilation[1] = cases[i].dilation;
        attr.groups = cases[i].groups;
        begin(&f, 3, cases[i].height, cases[i].width);
        output(&f, conv(&f, "conv", widened(&f, cases[i].channels), cases[i].out, attr, -1));
        compare(&f);
        finish(&f);
    }
}

static void asymmetric_convolution(void **state) {
    fixture f;
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    attr.kernel[0] = 3, attr.kernel[1] = 5;
    attr.stride[0] = 2, attr.stride[1] = 1;
    attr.pad[0] = 0, attr.pad[1] = 2, attr.pad[2] = 1, attr.pad[3] = 1;
    begin(&f, 3, 13, 17);
    output(&f, conv(&f, "conv", widened(&f, 8), 24, attr, -1));
    compare(&f);
    finish(&f);
}

/* stem, pool, two bottlenecks with and without shortcut convolution, both global outputs: a residual network in small. */
static void build_residual(fixture *f, int64_t width) {
    rtvi_attr relu = square(1, 1, 0), wide = square(3, 1, 1), none = square(1, 1, 0), pool = square(3, 2, 1), plain = rtvi_attr_default();
    int32_t x, y, shortcut, parts[3], heads[3];
    begin(f, 3, 40, 36);
    relu.activation = wide.activation = RTVI_ACTIVATION_RELU;
    x = conv(f, "stem", f->graph->input, width, square(7, 2, 3), -1);
    x = node(f, RTVI_OP_RELU, "stem.relu", &x, 1, &plain);
    x = node(f, RTVI_OP_MAX_POOL, "pool", &x, 1, &pool);
    shortcut = conv(f, "a.shortcut", x, 4 * width, none, -1);
    y = conv(f, "a.1", x, width, relu, -1);
    y = conv(f, "a.2", y, width, wide, -1);
    x = conv(f, "a.3", y, 4 * width, relu, shortcut);
    y = conv(f, "b.1", x, width, relu, -1);
    y = conv(f, "b.2", y, width, wide, -1);
    x = conv(f, "b.3", y, 4 * width, relu, x);
    parts[0] = node(f, RTVI_OP_GLOBAL_AVG_POOL, "avg", &x, 1, &plain);
    parts[1] = node(f, RTVI_OP_GLOBAL_MAX_POOL, "max", &x, 1, &plain);
    parts[2] = node(f, RTVI_OP_GLOBAL_GEM_POOL, "gem", &x, 1, &plain);
    plain.epsilon = 1e-12f;
    for (int i = 0; i < 3; i++) {
        char name[32];
        const int64_t dims[] = {10, 4 * width};
        int32_t inputs[2] = {parts[i], 0};
        snprintf(name, sizeof name, "head%d.weight", i);
        inputs[1] = constant(f, name, 2, dims, 0.3f, 0);
        snprintf(name, sizeof name, "head%d", i);
        heads[i] = node(f, RTVI_OP_LINEAR, name, inputs, 2, &plain);
        snprintf(name, sizeof name, "l2_%d", i);
        heads[i] = node(f, RTVI_OP_L2_NORMALIZE, name, &heads[i], 1, &plain);
    }
    x = node(f, RTVI_OP_CONCAT, "concat", heads, 3, &plain);
    x = node(f, RTVI_OP_L2_NORMALIZE, "descriptor", &x, 1, &plain);
    output(f, x);
    assert_int_equal(rtvi_graph_add_output(f->graph, parts[0], RTVI_ROLE_LOGITS, &f->error), RTV_OK);
}

static void residual_network(void **state) {
    static const int64_t widths[] = {4, 5, 16, 24};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        fixture f;
        build_residual(&f, widths[i]);
        compare(&f);
        finish(&f);
    }
}

/* The residual is still read after the sum, so it must not be overwritten. */
static void residual_that_lives_on(void **state) {
    fixture f;
    rtvi_attr wide = square(3, 1, 1), plain = rtvi_attr_default();
    int32_t x, y, pair[2];
    (void)state;
    begin(&f, 3, 8, 8);
    x = conv(&f, "x", f.graph->input, 16, wide, -1);
    y = conv(&f, "y", x, 16, wide, x);
    pair[0] = x, pair[1] = y;
    output(&f, node(&f, RTVI_OP_ADD, "sum", pair, 2, &plain));
    compare(&f);
    finish(&f);
}

static void unfused_operations(void **state) {
    fixture f;
    rtvi_attr plain = rtvi_attr_default(), wide = square(3, 1, 1);
    int32_t x, y, norm[5], maps[2];
    const int64_t channels[] = {24};
    (void)state;
    begin(&f, 3, 9, 7);
    x = conv(&f, "x", f.graph->input, 24, wide, -1);
    plain.epsilon = 1e-5f;
    norm[0] = x;
    norm[1] = constant(&f, "gamma", 1, channels, 0.5f, 1);
    norm[2] = constant(&f, "beta", 1, channels, 0.5f, 0);
    norm[3] = constant(&f, "mean", 1, channels, 0.5f, 0);
    norm[4] = constant(&f, "variance", 1, channels, 0.4f, 1);
    y = node(&f, RTVI_OP_BATCH_NORM, "norm", norm, 5, &plain);
    y = node(&f, RTVI_OP_RELU, "relu", &y, 1, &plain);
    maps[0] = x, maps[1] = y;
    y = node(&f, RTVI_OP_ADD, "add", maps, 2, &plain);
    maps[1] = y;
    y = node(&f, RTVI_OP_CONCAT, "concat", maps, 2, &plain);
    output(&f, y);
    compare(&f);
    finish(&f);
}

static void no_slow_kernels(void **state) {
    fixture f;
    rtvi_exec *exec = NULL;
    (void)state;
    build_residual(&f, 16);
    assert_int_equal(rtvi_exec_compile(&f.env, f.graph, RTV_EXECUTOR_ONEDNN, &exec, &f.error), RTV_OK);
    for (size_t i = 0; i < rtvi_exec_num_steps(exec); i++) {
        const rtvi_exec_step step = rtvi_exec_step_at(exec, i);
        if (strstr(step.kernel, "ref") == step.kernel) fail_msg("%s runs on %s", step.name, step.kernel);
    }
    rtvi_exec_destroy(exec);
    finish(&f);
}

static void every_allocation_may_fail(void **state) {
    long fail_at = 1;
    int32_t status;
    (void)state;
    do {
        fixture f;
        rtvi_exec *exec = NULL;
        rtvi_exec_context *context = NULL;
        build_residual(&f, 4);
        f.heap.calls = 0;
        f.heap.fail_at = fail_at++;
        status = rtvi_exec_compile(&f.env, f.graph, RTV_EXECUTOR_ONEDNN, &exec, &f.error);
        if (status == RTV_OK) status = rtvi_exec_context_create(exec, 1, &context, &f.error);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_int_equal(f.error.status, status);
        f.heap.fail_at = 0;
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        finish(&f);
    } while (status != RTV_OK);
    assert_true(fail_at > 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(asymmetric_convolution),
        cmocka_unit_test(residual_network),
        cmocka_unit_test(residual_that_lives_on),
        cmocka_unit_test(unfused_operations),
        cmocka_unit_test(no_slow_kernels),
        cmocka_unit_test(every_allocation_may_fail),
    };
    if (!rtvi_exec_has_onednn()) {
        puts("SKIPPED: this build has no oneDNN");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
