/* test_exec_reference_ops.c - each operation of the reference executor: small cases by hand, odd shapes against the formula. */
#include "support.h"

#include <math.h>

#include "exec/exec_reference_ops.h"

#define FLOATS(rank, dims, count, values)                   \
    {                                                       \
        rank, dims, count, values, NULL, { RTVI_F32, 0, 0 } \
    }

static uint32_t random_state;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}
static int64_t between(int64_t low, int64_t high) { return low + (int64_t)pick((uint32_t)(high - low + 1)); }

/* A float of 24 random bits in [-1,1), so that sums round. */
static float noise(void) { return (float)pick(1u << 24) * 0x1p-23f - 1.0f; }

/* An array that owns its dims and data. */
typedef struct array {
    rtvi_array view;
    int64_t dims[RTVI_MAX_RANK];
} array;

static void array_make(array *a, int32_t rank, const int64_t *dims) {
    memcpy(a->dims, dims, (size_t)rank * sizeof *dims);
    a->view.rank = rank;
    a->view.dims = a->dims;
    a->view.count = 1;
    for (int32_t i = 0; i < rank; i++) a->view.count *= dims[i];
    a->view.data = malloc((size_t)a->view.count * sizeof(float));
    assert_non_null(a->view.data);
    for (int64_t i = 0; i < a->view.count; i++) a->view.data[i] = noise();
}

static rtvi_node node_of(rtvi_op op, int32_t num_inputs) {
    rtvi_node node;
    memset(&node, 0, sizeof node);
    node.op = op;
    node.num_inputs = num_inputs;
    node.attr = rtvi_attr_default();
    return node;
}

/* --- convolution --- */

/* The formula: sum over input channel, kernel row and column in that order, in double, then bias, residual, activation. */
static float convolve_plainly(const rtvi_node *node, const rtvi_array *in, const rtvi_array *out, int64_t k, int64_t y, int64_t x) {
    const rtvi_attr *attr = &node->attr;
    const int64_t *d = in[0].dims, *w = in[1].dims; /* [1][C][H][W], [K][C/groups][R][S] */
    int64_t at = (k * out->dims[2] + y) * out->dims[3] + x, first = k / (w[0] / attr->groups) * w[1];
    double sum = 0.0;
    for (int64_t c = 0; c < w[1]; c++) {
        for (int64_t r = 0; r < w[2]; r++) {
            for (int64_t s = 0; s < w[3]; s++) {
                int64_t row = y * attr->stride[0] + r * attr->dilation[0] - attr->pad[0];
                int64_t column = x * attr->stride[1] + s * attr->dilation[1] - attr->pad[1];
                if (row < 0 || row >= d[2] || column < 0 || column >= d[3]) continue;
                sum += (double)in[1].data[((k * w[1] + c) * w[2] + r) * w[3] + s] *
                       (double)in[0].data[((first + c) * d[2] + row) * d[3] + column];
            }
        }
    }
    if (node->num_inputs - attr->residual == 3) sum += (double)in[2].data[k];
    if (attr->residual) sum += (double)in[node->num_inputs - 1].data[at];
    if (attr->activation && sum < 0.0) sum = 0.0;
    return (float)sum;
}

typedef struct conv_case {
    int64_t channels, height, width, outputs, kernel[2]; /* channels and outputs of one group */
    int bias;
    rtvi_attr attr;
} conv_case;

/* Runs with 1, 2 and 3 threads, separately and in the residual's place: each time the formula's bits. */
static void check_conv(const conv_case *c) {
    const rtvi_attr *a = &c->attr;
    int64_t span[2] = {a->dilation[0] * (c->kernel[0] - 1) + 1, a->dilation[1] * (c->kernel[1] - 1) + 1};
    int64_t dims[4] = {1, c->channels * a->groups, c->height, c->width};
    int64_t weight[4] = {c->outputs * a->groups, c->channels, c->kernel[0], c->kernel[1]};
    int64_t result[4] = {1, weight[0], (c->height + a->pad[0] + a->pad[2] - span[0]) / a->stride[0] + 1,
                         (c->width + a->pad[1] + a->pad[3] - span[1]) / a->stride[1] + 1};
    rtvi_node node = node_of(RTVI_OP_CONV, 2 + c->bias + a->residual);
    array arrays[4], out, expected;
    rtvi_array inputs[4];
    int32_t count = 0;
    node.attr = *a;
    array_make(&arrays[count++], 4, dims);
    array_make(&arrays[count++], 4, weight);
    if (c->bias) array_make(&arrays[count++], 1, weight);
    if (a->residual) array_make(&arrays[count++], 4, result);
    array_make(&out, 4, result);
    array_make(&expected, 4, result);
    for (int32_t i = 0; i < count; i++) inputs[i] = arrays[i].view;
    for (int64_t i = 0; i < expected.view.count; i++) {
        int64_t plane = result[2] * result[3];
        expected.view.data[i] = convolve_plainly(&node, inputs, &out.view, i / plane, i % plane / result[3], i % result[3]);
    }
    for (int32_t threads = 1; threads <= 3; threads++) {
        memset(out.view.data, 0xff, (size_t)out.view.count * sizeof(float));
        rtvi_exec_reference_run_node(&node, inputs, &out.view, threads);
        assert_memory_equal(out.view.data, expected.view.data, (size_t)out.view.count * sizeof(float));
    }
    if (a->residual) {
        rtvi_exec_reference_run_node(&node, inputs, &inputs[count - 1], 2);
        assert_memory_equal(inputs[count - 1].data, expected.view.data, (size_t)out.view.count * sizeof(float));
    }
    for (int32_t i = 0; i < count; i++) free(arrays[i].view.data);
    free(out.view.data);
    free(expected.view.data);
}

static void test_conv_odd_shapes(void **state) {
    int done = 0;
    (void)state;
    for (uint32_t seed = 0; done < 300; seed++) {
        conv_case c;
        random_state = seed * 31u + 5u;
        memset(&c, 0, sizeof c);
        c.attr = rtvi_attr_default();
        c.attr.groups = (int32_t)between(1, 4);
        c.attr.residual = (int32_t)pick(2);
        c.attr.activation = (int32_t)pick(2);
        c.bias = (int)pick(2);
        c.channels = between(1, 5);
        c.outputs = between(1, 9);
        c.height = between(1, 14);
        c.width = between(1, 14);
        for (int i = 0; i < 2; i++) {
            c.kernel[i] = between(1, 5);
            c.attr.stride[i] = (int32_t)between(1, 3);
            c.attr.dilation[i] = (int32_t)between(1, 3);
        }
        for (int i = 0; i < 4; i++) c.attr.pad[i] = (int32_t)pick(5);
        if (c.attr.dilation[0] * (c.kernel[0] - 1) + 1 > c.height + c.attr.pad[0] + c.attr.pad[2]) continue;
        if (c.attr.dilation[1] * (c.kernel[1] - 1) + 1 > c.width + c.attr.pad[1] + c.attr.pad[3]) continue;
        check_conv(&c);
        done++;
    }
}

/* Rows wider than one strip of columns, and pointwise convolutions, whose planes become such rows. */
static void test_conv_wide_rows(void **state) {
    conv_case c = {2, 3, 1100, 5, {3, 3}, 1, rtvi_attr_default()};
    (void)state;
    for (int i = 0; i < 4; i++) c.attr.pad[i] = 2 + i;
    check_conv(&c);
    c.attr.stride[1] = 2;
    c.attr.residual = 1;
    check_conv(&c);
    c = (conv_case){7, 31, 37, 6, {1, 1}, 1, rtvi_attr_default()};
    c.attr.groups = 2;
    c.attr.residual = 1;
    c.attr.activation = 1;
    check_conv(&c);
    c.attr.pad[2] = 1; /* not one long row */
    check_conv(&c);
    c.attr.pad[2] = 0;
    c.attr.pad[0] = 1;
    c.height = 1;
    check_conv(&c);
}

static void test_conv_by_hand(void **state) {
    int64_t dims[4] = {1, 1, 3, 3}, weight[4] = {1, 1, 2, 2}, result[4] = {1, 1, 2, 2}, one = 1;
    float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9}, w[] = {1, 10, 100, 1000}, b[] = {0.5f}, out[4];
    const float expected[] = {5421.5f, 6532.5f, 8754.5f, 9865.5f};
    const rtvi_array inputs[] = {FLOATS(4, dims, 9, x), FLOATS(4, weight, 4, w), FLOATS(1, &one, 1, b)}, to = FLOATS(4, result, 4, out);
    rtvi_node node = node_of(RTVI_OP_CONV, 3);
    (void)state;
    rtvi_exec_reference_run_node(&node, inputs, &to, 1);
    assert_memory_equal(out, expected, sizeof out);
}

/* --- the others, by hand --- */

static void run1(rtvi_node *node, int32_t rank, const int64_t *dims, float *x, int32_t out_rank, const int64_t *out_dims, float *out) {
    rtvi_array in = FLOATS(rank, dims, 1, x), to = FLOATS(out_rank, out_dims, 1, out);
    for (int32_t i = 0; i < rank; i++) in.count *= dims[i];
    for (int32_t i = 0; i < out_rank; i++) to.count *= out_dims[i];
    rtvi_exec_reference_run_node(node, &in, &to, 1);
}

static void test_relu_and_add(void **state) {
    const int64_t dims[2] = {1, 4};
    float x[] = {-1.0f, 0.0f, 2.5f, NAN}, y[] = {1.0f, -3.0f, 0.25f, 1.0f}, out[4];
    const rtvi_array inputs[] = {FLOATS(2, dims, 4, x), FLOATS(2, dims, 4, y)}, to = FLOATS(2, dims, 4, y);
    rtvi_node relu = node_of(RTVI_OP_RELU, 1), add = node_of(RTVI_OP_ADD, 2);
    (void)state;
    run1(&relu, 2, dims, x, 2, dims, out);
    assert_true(out[0] == 0.0f && out[1] == 0.0f && out[2] == 2.5f && isnan(out[3]));
    rtvi_exec_reference_run_node(&add, inputs, &to, 1); /* in the place of its second input */
    assert_true(y[0] == 0.0f && y[1] == -3.0f && y[2] == 2.75f && isnan(y[3]));
}

static void test_batch_norm(void **state) {
    const int64_t dims[3] = {1, 2, 2}, channels = 2;
    float x[] = {1.0f, 3.0f, -2.0f, 6.0f}, gamma[] = {2.0f, -1.0f}, beta[] = {10.0f, 0.5f}, mean[] = {1.0f, 2.0f},
          variance[] = {3.0f, 15.0f};
    const rtvi_array inputs[] = {FLOATS(3, dims, 4, x), FLOATS(1, &channels, 2, gamma), FLOATS(1, &channels, 2, beta),
                                 FLOATS(1, &channels, 2, mean), FLOATS(1, &channels, 2, variance)};
    const rtvi_array to = FLOATS(3, dims, 4, x);
    rtvi_node node = node_of(RTVI_OP_BATCH_NORM, 5);
    (void)state;
    node.attr.epsilon = 1.0f; /* the deviations are 2 and 4 */
    rtvi_exec_reference_run_node(&node, inputs, &to, 1);
    assert_true(x[0] == 10.0f && x[1] == 12.0f && x[2] == 1.5f && x[3] == -0.5f);
}

static void test_max_pool(void **state) {
    const int64_t dims[4] = {1, 2, 3, 4}, result[4] = {1, 2, 2, 2};
    float x[24], out[8];
    rtvi_node node = node_of(RTVI_OP_MAX_POOL, 1);
    (void)state;
    for (int i = 0; i < 12; i++) x[i] = (float)-(i + 1); /* only values below zero: padding must not win */
    for (int i = 12; i < 24; i++) x[i] = (float)i;
    node.attr.kernel[0] = node.attr.kernel[1] = 3;
    node.attr.stride[0] = node.attr.stride[1] = 2;
    for (int i = 0; i < 4; i++) node.attr.pad[i] = 1;
    run1(&node, 4, dims, x, 4, result, out);
    assert_true(out[0] == -1 && out[1] == -2 && out[2] == -5 && out[3] == -6);
    assert_true(out[4] == 17 && out[5] == 19 && out[6] == 21 && out[7] == 23);
    x[12] = NAN;
    run1(&node, 4, dims, x, 4, result, out);
    assert_true(isnan(out[4]) && out[5] == 19);
}

static void test_global_pools(void **state) {
    const int64_t dims[4] = {1, 2, 1, 2}, result[2] = {1, 2};
    float x[] = {1.0f, 3.0f, -2.0f, -2.0f}, out[2];
    rtvi_node avg = node_of(RTVI_OP_GLOBAL_AVG_POOL, 1), max = node_of(RTVI_OP_GLOBAL_MAX_POOL, 1),
              gem = node_of(RTVI_OP_GLOBAL_GEM_POOL, 1);
    (void)state;
    run1(&avg, 4, dims, x, 2, result, out);
    assert_true(out[0] == 2.0f && out[1] == -2.0f);
    run1(&max, 4, dims, x, 2, result, out);
    assert_true(out[0] == 3.0f && out[1] == -2.0f);
    run1(&gem, 4, dims, x, 2, result, out);
    assert_true(out[0] == (float)cbrt(14.0) && out[1] == -2.0f);
}

static void test_linear(void **state) {
    const int64_t in_dims[2] = {1, 3}, weight_dims[2] = {2, 3}, out_dims[2] = {1, 2};
    float x[] = {1.0f, 2.0f, 3.0f}, weight[] = {1.0f, 10.0f, 100.0f, -1.0f, 0.5f, 0.0f}, bias[] = {0.25f, 4.0f}, out[2];
    const rtvi_array inputs[] = {FLOATS(2, in_dims, 3, x), FLOATS(2, weight_dims, 6, weight), FLOATS(1, &out_dims[1], 2, bias)},
                     to = FLOATS(2, out_dims, 2, out);
    rtvi_node plain = node_of(RTVI_OP_LINEAR, 2), biased = node_of(RTVI_OP_LINEAR, 3);
    (void)state;
    rtvi_exec_reference_run_node(&plain, inputs, &to, 2);
    assert_true(out[0] == 321.0f && out[1] == 0.0f);
    rtvi_exec_reference_run_node(&biased, inputs, &to, 2);
    assert_true(out[0] == 321.25f && out[1] == 4.0f);
}

static void test_l2_normalize(void **state) {
    const int64_t dims[2] = {1, 2};
    float x[] = {-3.0f, 4.0f};
    rtvi_node node = node_of(RTVI_OP_L2_NORMALIZE, 1);
    (void)state;
    node.attr.epsilon = 1e-12f;
    run1(&node, 2, dims, x, 2, dims, x);
    assert_true(x[0] == -0.6f && x[1] == 0.8f);
    node.attr.epsilon = 10.0f;
    x[0] = -3.0f, x[1] = 4.0f;
    run1(&node, 2, dims, x, 2, dims, x);
    assert_true(x[0] == -0.3f && x[1] == 0.4f);
}

static void test_concat_on_each_axis(void **state) {
    (void)state;
    for (int32_t axis = 0; axis < 4; axis++) {
        int64_t dims[3][4] = {{2, 3, 2, 2}, {2, 3, 2, 2}, {2, 3, 2, 2}}, out_dims[4] = {2, 3, 2, 2}, at[4], from[4];
        float data[3][120], out[400];
        rtvi_array inputs[3], to = FLOATS(4, out_dims, 1, out);
        rtvi_node node = node_of(RTVI_OP_CONCAT, 3);
        node.attr.axis = axis;
        out_dims[axis] = 0;
        for (int i = 0; i < 3; i++) {
            dims[i][axis] = i + 1;
            out_dims[axis] += i + 1;
            inputs[i] = (rtvi_array)FLOATS(4, dims[i], dims[i][0] * dims[i][1] * dims[i][2] * dims[i][3], data[i]);
            for (int j = 0; j < 120; j++) data[i][j] = (float)(i * 1000 + j);
        }
        rtvi_exec_reference_run_node(&node, inputs, &to, 1);
        for (at[0] = 0; at[0] < out_dims[0]; at[0]++) {
            for (at[1] = 0; at[1] < out_dims[1]; at[1]++) {
                for (at[2] = 0; at[2] < out_dims[2]; at[2]++) {
                    for (at[3] = 0; at[3] < out_dims[3]; at[3]++) {
                        int i = at[axis] < 1 ? 0 : at[axis] < 3 ? 1 : 2;
                        memcpy(from, at, sizeof at);
                        from[axis] -= i == 0 ? 0 : i == 1 ? 1 : 3;
                        assert_true(out[((at[0] * out_dims[1] + at[1]) * out_dims[2] + at[2]) * out_dims[3] + at[3]] ==
                                    data[i][((from[0] * dims[i][1] + from[1]) * dims[i][2] + from[2]) * dims[i][3] + from[3]]);
                    }
                }
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_odd_shapes),     cmocka_unit_test(test_conv_wide_rows), cmocka_unit_test(test_conv_by_hand),
        cmocka_unit_test(test_relu_and_add),        cmocka_unit_test(test_batch_norm),     cmocka_unit_test(test_max_pool),
        cmocka_unit_test(test_global_pools),        cmocka_unit_test(test_linear),         cmocka_unit_test(test_l2_normalize),
        cmocka_unit_test(test_concat_on_each_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
