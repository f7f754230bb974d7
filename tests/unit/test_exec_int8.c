/* test_exec_int8.c - quantized networks on oneDNN against the plain-C reference: every value of every step, code for code and bit for bit.
 * CTest runs this program once for the machine's own instruction set and once for each cap (ONEDNN_MAX_CPU_ISA), for one and two threads
 * each. */
#include "support.h"

#include <math.h>

#include <retrieve/model.h>

#include "base/base_team.h"
#include "exec/exec.h"
#ifdef RTV_WITH_ONEDNN
#include "exec/exec_onednn_build.h"
#endif
#include "graph/graph.h"

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
    rtv_error error;
    rtvi_graph *graph;
    uint32_t seed;
    int overflowing; /* weights that do not keep the pair-sum rule */
} fixture;

static uint32_t noise(fixture *f) {
    f->seed = f->seed * 1664525u + 1013904223u;
    return f->seed >> 8;
}

static float uniform(fixture *f) { return (float)noise(f) * 0x1p-24f; }

static void begin(fixture *f, int64_t height, int64_t width) {
    const int64_t dims[] = {1, 3, height, width};
    memset(f, 0, sizeof *f);
    test_env_init(&f->env, &f->heap);
    f->graph = rtvi_graph_create(&f->env, "test", &f->error);
    f->seed = 7;
    assert_non_null(f->graph);
    assert_true(rtvi_graph_add_input(f->graph, "input", 4, dims, &f->error) >= 0);
    assert_int_equal(rtvi_graph_quantize_input(f->graph, 0.0187f, 114, &f->error), RTV_OK);
}

static void finish(fixture *f) {
    rtvi_graph_destroy(f->graph);
    assert_int_equal(f->heap.live, 0);
    rtvi_env_destroy(&f->env);
}

static const rtvi_value *value_of(const fixture *f, int32_t value) { return &f->graph->values[value]; }

static int32_t checked(const fixture *f, int32_t value) {
    if (value < 0) fail_msg("%s", f->error.message);
    return value;
}

static int32_t node(fixture *f, rtvi_op op, const char *name, int32_t x) {
    rtvi_attr attr = rtvi_attr_default();
    attr.epsilon = op == RTVI_OP_L2_NORMALIZE ? 1e-12f : 0;
    return checked(f, rtvi_graph_add_node(f->graph, op, name, &x, 1, &attr, &f->error));
}

static int32_t quantize(fixture *f, const char *name, int32_t x, rtvi_dtype dtype, float scale, int32_t zero_point) {
    const rtvi_attr attr = rtvi_attr_default();
    return checked(f, rtvi_graph_add_quantized_node(f->graph, RTVI_OP_QUANTIZE, name, &x, 1, &attr, dtype, scale, zero_point, &f->error));
}

static int32_t add_owned(fixture *f, const char *node_name, const char *what, rtvi_dtype dtype, int32_t rank, const int64_t *dims,
                         void *block) {
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, block);
    char name[64];
    snprintf(name, sizeof name, "%s.%s", node_name, what);
    return checked(f, rtvi_graph_add_owned(f->graph, name, &tensor, block, &f->error));
}

/* All codes -127..127 occur. Neighbouring inputs keep the pair-sum rule unless the test wants otherwise. */
static int32_t weights(fixture *f, const char *name, int32_t rank, const int64_t dims[4]) {
    const int64_t positions = dims[2] * dims[3], count = dims[0] * dims[1] * positions;
    int8_t *codes = rtvi_alloc(&f->env, (size_t)count, 1);
    assert_non_null(codes);
    for (int64_t i = 0; i < count; i++) {
        const int64_t input = i / positions % dims[1];
        codes[i] = (int8_t)((int32_t)(noise(f) % 255) - 127);
        if (input % 2 == 1 && !f->overflowing && abs(codes[i] + codes[i - positions]) > 128) codes[i] = (int8_t)-codes[i];
    }
    if (f->overflowing) codes[0] = codes[positions] = 127;
    return add_owned(f, name, "weight", RTVI_I8, rank, dims, codes);
}

/* Weight [dims], its scales, bias: inputs 1 to 3 of a node. Returns the standard deviation that the sums have, roughly. */
static float add_constants(fixture *f, const char *name, int32_t x, int32_t rank, const int64_t dims[4], int32_t inputs[4]) {
    const float deviation = 120 * 60 * sqrtf((float)(dims[1] * dims[2] * dims[3])) * value_of(f, x)->scale * 0.003f;
    float *scales = rtvi_alloc(&f->env, (size_t)dims[0], sizeof *scales), *bias = rtvi_alloc(&f->env, (size_t)dims[0], sizeof *bias);
    assert_non_null(scales);
    assert_non_null(bias);
    for (int64_t k = 0; k < dims[0]; k++) {
        scales[k] = 0.001f + 0.004f * uniform(f);
        bias[k] = deviation * (2 * uniform(f) - 1);
    }
    inputs[0] = x;
    inputs[1] = weights(f, name, rank, dims);
    inputs[2] = add_owned(f, name, "weight_scale", RTVI_F32, 1, dims, scales);
    inputs[3] = add_owned(f, name, "bias", RTVI_F32, 1, dims, bias);
    return deviation;
}

/* Kernel size in attr->kernel; residual -1 for none. u8 results pass a ReLU. */
static int32_t qconv(fixture *f, const char *name, int32_t x, int64_t out, rtvi_attr attr, int32_t residual, rtvi_dtype dtype) {
    const int64_t dims[] = {out, value_of(f, x)->dims[1] / attr.groups, attr.kernel[0], attr.kernel[1]};
    int32_t inputs[5] = {0, 0, 0, 0, residual};
    const float deviation = add_constants(f, name, x, 4, dims, inputs);
    attr.kernel[0] = attr.kernel[1] = rtvi_attr_default().kernel[0];
    attr.residual = residual >= 0;
    attr.activation = dtype == RTVI_U8 ? RTVI_ACTIVATION_RELU : RTVI_ACTIVATION_NONE;
    return checked(f, rtvi_graph_add_quantized_node(f->graph, RTVI_OP_QCONV, name, inputs, 4 + attr.residual, &attr, dtype,
                                                    deviation * (1 + uniform(f)) / 60, 0, &f->error));
}

static int32_t qlinear(fixture *f, const char *name, int32_t x, int64_t out) {
    const int64_t dims[] = {out, value_of(f, x)->dims[1], 1, 1};
    const rtvi_attr attr = rtvi_attr_default();
    int32_t inputs[4];
    add_constants(f, name, x, 2, dims, inputs);
    return checked(f, rtvi_graph_add_node(f->graph, RTVI_OP_QLINEAR, name, inputs, 4, &attr, &f->error));
}

static rtvi_attr square(int32_t kernel, int32_t stride, int32_t pad) {
    rtvi_attr attr = rtvi_attr_default();
    attr.kernel[0] = attr.kernel[1] = kernel;
    attr.stride[0] = attr.stride[1] = stride;
    for (int i = 0; i < 4; i++) attr.pad[i] = pad;
    return attr;
}

/* The graph's output; a map of codes is pooled first. */
static void output(fixture *f, int32_t value) {
    if (value_of(f, value)->rank == 4) value = node(f, RTVI_OP_GLOBAL_AVG_POOL, "output", value);
    assert_int_equal(rtvi_graph_add_output(f->graph, value, RTVI_ROLE_DESCRIPTOR, &f->error), RTV_OK);
}

/* --- running both -----------------------------------------------------------------------------------------------------------------------
 */

enum { MAX_SEEN = 64 };

typedef struct seen {
    char name[64];
    rtvi_dtype dtype;
    size_t size;
    uint8_t *bytes;
} seen;

typedef struct run {
    fixture *f;
    int32_t executor, threads, status;
    seen values[MAX_SEEN];
    int count;
} run;

static void keep(void *user, const char *value, const rtvi_tensor *tensor) {
    run *r = user;
    seen *to = &r->values[r->count++];
    if (r->count > MAX_SEEN) abort();
    snprintf(to->name, sizeof to->name, "%s", value);
    to->dtype = tensor->dtype;
    to->size = (size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype);
    to->bytes = malloc(to->size);
    rtvi_tensor_to_bytes(tensor, to->bytes);
}

static void forget(run *r) {
    while (r->count > 0) free(r->values[--r->count].bytes);
}

static void fill_input(fixture *f, rtvi_exec_context *context, uint32_t seed) {
    const rtvi_value *input = value_of(f, f->graph->input);
    uint8_t *to = rtvi_exec_context_input(context);
    f->seed = seed;
    for (int64_t i = 0; i < input->dims[1] * input->dims[2] * input->dims[3]; i++) to[i] = (uint8_t)noise(f);
}

/* An observed run after a plain one on other pixels, so that leftovers would show. */
static void run_here(void *arg) {
    run *r = arg;
    fixture *f = r->f;
    rtvi_exec *exec = NULL;
    rtvi_exec_context *context = NULL;
    const float *outputs[RTVI_MAX_OUTPUTS];
    r->status = rtvi_exec_compile(&f->env, f->graph, r->executor, &exec, &f->error);
    if (r->status == RTV_OK) r->status = rtvi_exec_context_create(exec, r->threads, &context, &f->error);
    for (int repeat = 0; repeat < 2 && r->status == RTV_OK; repeat++) {
        fill_input(f, context, 98 + (uint32_t)repeat);
        r->status =
            repeat == 0 ? rtvi_exec_run(context, outputs, NULL, &f->error) : rtvi_exec_run_observed(context, outputs, keep, r, &f->error);
    }
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
}

static int32_t run_on(run *r, fixture *f, int32_t executor, int32_t threads) {
    rtvi_team *team = NULL;
    memset(r, 0, sizeof *r);
    r->f = f;
    r->executor = executor;
    r->threads = threads;
    assert_int_equal(rtvi_team_create(&f->env, threads, &team, &f->error), RTV_OK);
    assert_int_equal(rtvi_team_run(team, run_here, r, &f->error), RTV_OK);
    rtvi_team_destroy(team);
    return r->status;
}

static void compare_value(const seen *expected, const seen *got, int32_t threads) {
    const size_t size = rtvi_dtype_size(expected->dtype);
    size_t different = 0, first = 0;
    assert_string_equal(got->name, expected->name);
    assert_int_equal(got->dtype, expected->dtype);
    assert_int_equal(got->size, expected->size);
    for (size_t i = expected->size / size; i-- > 0;)
        if (memcmp(got->bytes + i * size, expected->bytes + i * size, size) != 0) different++, first = i;
    if (different > 0)
        fail_msg("\"%s\", %d threads: %zu of %zu values differ, first number %zu", expected->name, threads, different,
                 expected->size / size, first);
}

/* Codes of which nearly all are 0 or 255 would prove little. */
static void check_spread(const seen *value) {
    size_t inside = 0;
    if (value->dtype == RTVI_F32 || value->size < 32) return;
    for (size_t i = 0; i < value->size; i++) inside += value->bytes[i] != 0 && value->bytes[i] != 255 && value->bytes[i] != 128;
    if (inside * 5 < value->size)
        fail_msg("\"%s\": only %zu of %zu codes are not at an end of the range", value->name, inside, value->size);
}

static void compare(fixture *f) {
    static run expected, got;
    if (rtvi_graph_verify(f->graph, &f->error) != RTV_OK) fail_msg("%s", f->error.message);
    if (run_on(&expected, f, RTV_EXECUTOR_REFERENCE, 2) != RTV_OK) fail_msg("%s", f->error.message);
    assert_int_equal(expected.count, f->graph->num_nodes);
    for (int i = 0; i < expected.count; i++) check_spread(&expected.values[i]);
    for (int32_t threads = 1; threads <= 2; threads++) {
        if (run_on(&got, f, RTV_EXECUTOR_ONEDNN, threads) != RTV_OK) fail_msg("%s", f->error.message);
        assert_int_equal(got.count, expected.count);
        for (int i = 0; i < expected.count; i++) compare_value(&expected.values[i], &got.values[i], threads);
        forget(&got);
    }
    forget(&expected);
}

/* --- tests ------------------------------------------------------------------------------------------------------------------------------
 */

/* Any number of channels, from the network's three; with_zero_point: codes that have one, as behind a layer without a ReLU. */
static int32_t widened(fixture *f, int64_t channels, int with_zero_point) {
    int32_t x = channels == 3 ? f->graph->input : qconv(f, "widen", f->graph->input, channels, square(1, 1, 0), -1, RTVI_I8);
    if (channels == 3) return x;
    x = node(f, RTVI_OP_DEQUANTIZE, "floats", x);
    return quantize(f, "codes", x, RTVI_U8, value_of(f, x)->scale + 0.05f, with_zero_point ? 131 : 0);
}

typedef struct shape {
    int64_t channels, side, out;
    int32_t kernel, stride, pad, dilation, groups;
} shape;

static void convolution(const shape *s, int with_zero_point, rtvi_dtype residual, rtvi_dtype dtype) {
    fixture f;
    rtvi_attr attr = square(s->kernel, s->stride, s->pad);
    int32_t x, shortcut = -1;
    attr.dilation[0] = attr.dilation[1] = s->dilation;
    attr.groups = s->groups;
    begin(&f, s->side, s->side + 2);
    x = widened(&f, s->channels, with_zero_point);
    if (residual != 0) shortcut = qconv(&f, "shortcut", x, s->out, attr, -1, residual);
    output(&f, qconv(&f, "conv", x, s->out, attr, shortcut, dtype));
    compare(&f);
    finish(&f);
}

static void convolutions(void **state) {
    static const shape shapes[] = {
        {3, 32, 16, 7, 2, 3, 1, 1},   {3, 32, 64, 3, 1, 1, 1, 1},  {16, 9, 32, 1, 1, 0, 1, 1},    {64, 14, 64, 3, 1, 1, 1, 1},
        {64, 14, 256, 1, 1, 0, 1, 1}, {32, 15, 64, 3, 2, 1, 1, 1}, {256, 14, 128, 1, 2, 0, 1, 1}, {5, 7, 13, 3, 1, 1, 1, 1},
        {5, 7, 13, 1, 1, 0, 1, 1},    {4, 8, 4, 3, 1, 1, 1, 1},    {16, 14, 24, 3, 1, 2, 2, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        convolution(&shapes[i], 0, 0, RTVI_U8);
        convolution(&shapes[i], 0, 0, RTVI_I8);
        convolution(&shapes[i], 0, RTVI_U8, RTVI_U8);
        convolution(&shapes[i], 0, RTVI_I8, RTVI_U8);
        convolution(&shapes[i], 0, RTVI_I8, RTVI_I8);
        convolution(&shapes[i], 0, RTVI_U8, RTVI_I8);
        convolution(&shapes[i], 1, RTVI_U8, RTVI_U8);
    }
}

/* ResNeXt-50 32x4d has 4, 8, 16 and 32 channels a group; and the shapes that a vector register does not divide. */
static void grouped_convolutions(void **state) {
    static const shape shapes[] = {
        {128, 14, 128, 3, 1, 1, 1, 32}, {128, 14, 256, 3, 2, 1, 1, 32}, {512, 7, 512, 3, 1, 1, 1, 32}, {1024, 7, 1024, 3, 1, 1, 1, 32},
        {16, 9, 16, 3, 1, 1, 1, 4},     {6, 8, 9, 3, 1, 1, 1, 3},       {16, 12, 16, 3, 1, 1, 1, 16},
    };
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        convolution(&shapes[i], 0, 0, RTVI_U8);
        convolution(&shapes[i], 0, RTVI_I8, RTVI_U8);
        convolution(&shapes[i], 1, 0, RTVI_I8);
    }
}

/* Layers of ResNet-50 in their full depth: long sums, in which float(acc) rounds. */
static void real_convolutions(void **state) {
    static const shape shapes[] = {
        {3, 112, 64, 7, 2, 3, 1, 1}, {512, 14, 512, 3, 1, 1, 1, 1}, {1024, 14, 2048, 1, 2, 0, 1, 1}, {2048, 7, 512, 1, 1, 0, 1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) convolution(&shapes[i], 0, 0, RTVI_U8);
    convolution(&(shape){512, 7, 2048, 1, 1, 0, 1, 1}, 0, RTVI_I8, RTVI_U8);
}

static void asymmetric_convolution(void **state) {
    fixture f;
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    attr.kernel[0] = 3, attr.kernel[1] = 5;
    attr.stride[0] = 2, attr.stride[1] = 1;
    attr.pad[0] = 0, attr.pad[1] = 2, attr.pad[2] = 1, attr.pad[3] = 1;
    begin(&f, 13, 17);
    output(&f, qconv(&f, "conv", widened(&f, 8, 1), 24, attr, -1, RTVI_U8));
    compare(&f);
    finish(&f);
}

/* A pool of codes, a linear layer on codes, the normalisation, as the heads of a descriptor. zero_point: of the linear's source. */
static int32_t head(fixture *f, rtvi_op op, const char *name, int32_t x, int64_t out, int32_t zero_point) {
    char names[4][32];
    static const char *const parts[] = {"pool", "codes", "linear", "l2"};
    for (int i = 0; i < 4; i++) snprintf(names[i], sizeof names[i], "%s.%s", name, parts[i]);
    const float scale = value_of(f, x)->scale * 1.1f;
    x = node(f, op, names[0], x);
    x = quantize(f, names[1], x, RTVI_U8, scale, zero_point);
    return node(f, RTVI_OP_L2_NORMALIZE, names[3], qlinear(f, names[2], x, out));
}

/* Stem, pool, two bottlenecks with and without shortcut convolution, three heads: a quantized CGD in small. */
static void build_network(fixture *f, int64_t width, int32_t groups) {
    rtvi_attr one = square(1, 1, 0), three = square(3, 2, 1), down = square(1, 2, 0), pool = square(3, 2, 1), plain = rtvi_attr_default();
    int32_t x, y, shortcut, heads[3];
    begin(f, 40, 36);
    x = qconv(f, "stem", f->graph->input, width, square(7, 2, 3), -1, RTVI_U8);
    x = checked(f, rtvi_graph_add_node(f->graph, RTVI_OP_MAX_POOL, "pool", &x, 1, &pool, &f->error));
    three.groups = groups;
    shortcut = qconv(f, "a.shortcut", x, 4 * width, down, -1, RTVI_I8);
    y = qconv(f, "a.1", x, width, one, -1, RTVI_U8);
    y = qconv(f, "a.2", y, width, three, -1, RTVI_U8);
    x = qconv(f, "a.3", y, 4 * width, one, shortcut, RTVI_U8);
    three.stride[0] = three.stride[1] = 1;
    y = qconv(f, "b.1", x, width, one, -1, RTVI_U8);
    y = qconv(f, "b.2", y, width, three, -1, RTVI_U8);
    x = qconv(f, "b.3", y, 4 * width, one, x, RTVI_U8);
    heads[0] = head(f, RTVI_OP_GLOBAL_AVG_POOL, "avg", x, 10, 0);
    heads[1] = head(f, RTVI_OP_GLOBAL_MAX_POOL, "max", x, 33, 0);
    heads[2] = head(f, RTVI_OP_GLOBAL_GEM_POOL, "gem", x, 7, 20);
    x = checked(f, rtvi_graph_add_node(f->graph, RTVI_OP_CONCAT, "concat", heads, 3, &plain, &f->error));
    output(f, node(f, RTVI_OP_L2_NORMALIZE, "descriptor", x));
}

static void networks(void **state) {
    static const struct {
        int64_t width;
        int32_t groups;
    } cases[] = {{4, 1}, {5, 1}, {16, 1}, {24, 1}, {64, 1}, {16, 4}, {64, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture f;
        build_network(&f, cases[i].width, cases[i].groups);
        compare(&f);
        finish(&f);
    }
}

/* Linear layers of all sizes, with and without a zero point. */
static void linears(void **state) {
    static const int64_t sizes[][2] = {{2048, 768}, {64, 12}, {5, 7}, {1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t zero_point = 0; zero_point <= 100; zero_point += 100) {
            fixture f;
            int32_t x;
            begin(&f, 6, 6);
            x = widened(&f, sizes[i][0], 0);
            x = quantize(&f, "quantize", node(&f, RTVI_OP_GLOBAL_AVG_POOL, "pool", x), RTVI_U8, value_of(&f, x)->scale / 5, zero_point);
            output(&f, qlinear(&f, "linear", x, sizes[i][1]));
            compare(&f);
            finish(&f);
        }
}

/* The residual is still read after the sum, so it must not be overwritten. */
static void residual_that_lives_on(void **state) {
    fixture f;
    int32_t x, y;
    (void)state;
    begin(&f, 8, 8);
    x = qconv(&f, "x", f.graph->input, 16, square(3, 1, 1), -1, RTVI_U8);
    y = qconv(&f, "y", x, 16, square(3, 1, 1), x, RTVI_U8);
    output(&f, qconv(&f, "z", y, 16, square(1, 1, 0), x, RTVI_U8));
    compare(&f);
    finish(&f);
}

/* Weights 0, 1 and 2 and scales that are powers of two: float32 sums are exact in any order, so a float layer between codes gives the
 * reference's bits too, whatever layout it wants. */
static int32_t exact_conv(fixture *f, const char *name, int32_t x, int64_t out, rtvi_attr attr) {
    const int64_t dims[] = {out, value_of(f, x)->dims[1], attr.kernel[0], attr.kernel[1]}, count = out * dims[1] * dims[2] * dims[3];
    float *values = rtvi_alloc(&f->env, (size_t)count, sizeof *values);
    int32_t inputs[2] = {x, 0};
    assert_non_null(values);
    for (int64_t i = 0; i < count; i++) values[i] = (float)(noise(f) % 3);
    inputs[1] = add_owned(f, name, "weight", RTVI_F32, 4, dims, values);
    attr.kernel[0] = attr.kernel[1] = rtvi_attr_default().kernel[0];
    return checked(f, rtvi_graph_add_node(f->graph, RTVI_OP_CONV, name, inputs, 2, &attr, &f->error));
}

static void mixed_network(void **state) {
    static const int64_t widths[] = {5, 16, 24};
    (void)state;
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        fixture f;
        int32_t x, y;
        begin(&f, 14, 12);
        x = quantize(&f, "start", node(&f, RTVI_OP_DEQUANTIZE, "pixels", f.graph->input), RTVI_U8, 0.03125f, 60);
        x = exact_conv(&f, "float.1", node(&f, RTVI_OP_DEQUANTIZE, "floats.1", x), widths[i], square(3, 1, 1));
        x = exact_conv(&f, "float.2", x, 2 * widths[i], square(1, 1, 0));
        x = quantize(&f, "codes.1", x, RTVI_U8, 1.25f, 97);
        y = qconv(&f, "int8.1", x, widths[i], square(3, 1, 1), -1, RTVI_U8);
        y = qconv(&f, "int8.2", y, 2 * widths[i], square(1, 1, 0), -1, RTVI_I8);
        y = node(&f, RTVI_OP_RELU, "relu", node(&f, RTVI_OP_DEQUANTIZE, "floats.2", y));
        y = quantize(&f, "codes.2", y, RTVI_I8, 0.04f + value_of(&f, y)->scale, 0);
        output(&f, qconv(&f, "int8.3", x, 2 * widths[i], square(1, 1, 0), y, RTVI_U8));
        compare(&f);
        finish(&f);
    }
}

/* Whether this process runs without VNNI on purpose; elsewhere it depends on the machine. */
static int capped_below_vnni(void) {
    const char *cap = getenv("ONEDNN_MAX_CPU_ISA");
    return cap && (strcmp(cap, "AVX2") == 0 || strcmp(cap, "AVX512_CORE") == 0);
}

/* With VNNI every weight is exact; without, one that overflows is refused by name, with the remedy. */
static void expect_exact_or_refused(fixture *f, const char *layer, const char *remedy) {
    static run r;
    const int32_t status = run_on(&r, f, RTV_EXECUTOR_ONEDNN, 1);
    forget(&r);
    if (status == RTV_OK) {
        if (capped_below_vnni()) fail_msg("%s was not refused", layer);
        compare(f);
        return;
    }
    assert_int_equal(status, RTV_E_UNSUPPORTED);
    assert_contains(f->error.message, layer);
    assert_contains(f->error.message, "VNNI");
    assert_contains(f->error.message, remedy);
    assert_true(strlen(f->error.message) < 200);
}

static void overflowing_convolution(void **state) {
    fixture f;
    (void)state;
    begin(&f, 8, 8);
    const int32_t x = qconv(&f, "safe", f.graph->input, 16, square(3, 1, 1), -1, RTVI_U8);
    f.overflowing = 1;
    output(&f, qconv(&f, "unsafe", x, 16, square(3, 1, 1), -1, RTVI_U8));
    expect_exact_or_refused(&f, "qconv \"unsafe\"", "pair-safe weights");
    finish(&f);
}

static void overflowing_linear(void **state) {
    fixture f;
    int32_t x;
    (void)state;
    begin(&f, 8, 8);
    x = node(&f, RTVI_OP_GLOBAL_AVG_POOL, "pool", widened(&f, 16, 0));
    f.overflowing = 1;
    output(&f, qlinear(&f, "unsafe", quantize(&f, "quantize", x, RTVI_U8, 0.003f, 0), 9));
    expect_exact_or_refused(&f, "qlinear \"unsafe\"", "pair-safe weights");
    finish(&f);
}

static void signed_source(void **state) {
    fixture f;
    (void)state;
    begin(&f, 8, 8);
    const int32_t x = qconv(&f, "x", f.graph->input, 16, square(3, 1, 1), -1, RTVI_I8);
    output(&f, qconv(&f, "signed", x, 16, square(3, 1, 1), -1, RTVI_U8));
    expect_exact_or_refused(&f, "qconv \"signed\"", "u8");
    finish(&f);
}

static void no_slow_kernels(void **state) {
    static const int32_t groups[] = {1, 8};
    (void)state;
    for (int g = 0; g < 2; g++) {
        fixture f;
        rtvi_exec *exec = NULL;
        int reorders = 0, on_codes = 0;
        build_network(&f, 32, groups[g]);
        if (rtvi_exec_compile(&f.env, f.graph, RTV_EXECUTOR_ONEDNN, &exec, &f.error) != RTV_OK) fail_msg("%s", f.error.message);
        for (size_t i = 0; i < rtvi_exec_num_steps(exec); i++) {
            const rtvi_exec_step step = rtvi_exec_step_at(exec, i);
            if (strncmp(step.kernel, "ref", 3) == 0) fail_msg("%s runs on %s", step.name, step.kernel);
            reorders += strcmp(step.op, "reorder") == 0;
            on_codes += strcmp(step.precision, "int8") == 0;
        }
        assert_int_equal(reorders, 0);
        assert_int_equal(on_codes, 8 + 1 + 3 + 3); /* convolutions, max pool, global pools, linears */
        rtvi_exec_destroy(exec);
        finish(&f);
    }
}

/* --- what one thread runs ---------------------------------------------------------------------------------------------------------------
 */

#ifdef RTV_WITH_ONEDNN
typedef struct alone {
    fixture *f;
    rtvi_exec *exec;
    int slow, repacked;
    run got;
} alone;

static void compile_wide(void *arg) {
    alone *a = arg;
    if (rtvi_exec_compile(&a->f->env, a->f->graph, RTV_EXECUTOR_ONEDNN, &a->exec, &a->f->error) != RTV_OK)
        fail_msg("%s", a->f->error.message);
}

static void count_slow(alone *a) {
    const net *n = (const net *)a->exec;
    for (size_t i = 0; i < n->num_steps; i++) {
        dnnl_primitive_desc_t descriptor;
        if (n->steps[i].kind != STEP_CONV) continue;
        if (rtvi_onednn_step_descriptor(n, &n->steps[i], 1, &descriptor, &a->f->error) != RTV_OK) fail_msg("%s", a->f->error.message);
        a->slow += rtvi_onednn_is_slow(descriptor);
        a->repacked += n->steps[i].lone_weights >= 0;
        dnnl_primitive_desc_destroy(descriptor);
    }
}

static void run_alone(void *arg, int64_t item, int32_t lane) {
    alone *a = arg;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    (void)item;
    (void)lane;
    count_slow(a);
    if (rtvi_exec_context_create(a->exec, 1, &context, &a->f->error) != RTV_OK) fail_msg("%s", a->f->error.message);
    fill_input(a->f, context, 99);
    if (rtvi_exec_run_observed(context, outputs, keep, &a->got, &a->f->error) != RTV_OK) fail_msg("%s", a->f->error.message);
    rtvi_exec_context_destroy(context);
}

/* With AMX, weights packed for two threads leave one thread with nothing but a reference kernel, some hundred times slower: layer 4 of
 * ResNet-50 at 160x160. */
static void one_thread_has_fast_kernels(void **state) {
    fixture f;
    static run expected;
    static alone a;
    rtvi_team *team;
    int32_t x;
    (void)state;
    begin(&f, 10, 10);
    memset(&a, 0, sizeof a);
    a.f = &f;
    x = qconv(&f, "widen", f.graph->input, 2048, square(1, 1, 0), -1, RTVI_U8);
    output(&f, qconv(&f, "conv", x, 512, square(1, 1, 0), -1, RTVI_U8));
    assert_int_equal(rtvi_team_create(&f.env, 2, &team, &f.error), RTV_OK);
    assert_int_equal(rtvi_team_run(team, compile_wide, &a, &f.error), RTV_OK);
    assert_int_equal(rtvi_team_run_many(team, run_alone, &a, 1, NULL, NULL, &f.error), RTV_OK);
    print_message("packed once more for one thread: %d\n", a.repacked);
    assert_int_equal(a.slow, 0);
    assert_int_equal(run_on(&expected, &f, RTV_EXECUTOR_REFERENCE, 2), RTV_OK);
    assert_int_equal(a.got.count, expected.count);
    for (int i = 0; i < expected.count; i++) compare_value(&expected.values[i], &a.got.values[i], 1);
    forget(&expected);
    forget(&a.got);
    rtvi_team_destroy(team);
    rtvi_exec_destroy(a.exec);
    finish(&f);
}
#endif

static void every_allocation_may_fail(void **state) {
    long fail_at = 1;
    int32_t status;
    (void)state;
    do {
        fixture f;
        rtvi_exec *exec = NULL;
        rtvi_exec_context *context = NULL;
        static run r;
        const float *outputs[RTVI_MAX_OUTPUTS];
        build_network(&f, 4, 1);
        f.heap.calls = 0;
        f.heap.fail_at = fail_at++;
        r.count = 0;
        status = rtvi_exec_compile(&f.env, f.graph, RTV_EXECUTOR_ONEDNN, &exec, &f.error);
        if (status == RTV_OK) status = rtvi_exec_context_create(exec, 1, &context, &f.error);
        if (status == RTV_OK) status = rtvi_exec_run_observed(context, outputs, keep, &r, &f.error);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_int_equal(f.error.status, status);
        f.heap.fail_at = 0;
        forget(&r);
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        finish(&f);
    } while (status != RTV_OK);
    assert_true(fail_at > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions),
        cmocka_unit_test(grouped_convolutions),
        cmocka_unit_test(real_convolutions),
        cmocka_unit_test(asymmetric_convolution),
        cmocka_unit_test(networks),
        cmocka_unit_test(linears),
        cmocka_unit_test(residual_that_lives_on),
        cmocka_unit_test(mixed_network),
        cmocka_unit_test(overflowing_convolution),
        cmocka_unit_test(overflowing_linear),
        cmocka_unit_test(signed_source),
        cmocka_unit_test(no_slow_kernels),
#ifdef RTV_WITH_ONEDNN
        cmocka_unit_test(one_thread_has_fast_kernels),
#endif
        cmocka_unit_test(every_allocation_may_fail),
    };
    if (!rtvi_exec_has_onednn()) {
        puts("SKIPPED: this build has no oneDNN");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
