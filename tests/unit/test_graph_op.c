/* test_graph_op.c - the shape that each op gives, and every way in which a node can be wrong. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"

#include <math.h>

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_graph *g;
static const float zeros[1] = {0}; /* no data is read here */

static int setup(void **state) {
    const int64_t dims[] = {1, 3, 9, 11};
    (void)state;
    test_env_init(&env, &heap);
    g = rtvi_graph_create(&env, "g", &error);
    rtvi_graph_add_input(g, "x", 4, dims, &error);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_graph_destroy(g);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

static int32_t constant_of(rtvi_dtype dtype, int32_t rank, const int64_t *dims) {
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, zeros);
    return rtvi_graph_add_constant(g, "c", &tensor, NULL);
}

static int32_t constant(int32_t rank, const int64_t *dims) { return constant_of(RTVI_F32, rank, dims); }

/* A computed value of any shape: an input beside the first. */
static int32_t computed(int32_t rank, const int64_t *dims) { return rtvi_graph_add_input(g, "v", rank, dims, NULL); }

static void expect_shape(rtvi_op op, const int32_t *inputs, int32_t num_inputs, const rtvi_attr *attr, int32_t rank, const int64_t *dims) {
    char got[100], expected[100];
    int32_t value;
    rtvi_error_clear(&error);
    value = rtvi_graph_add_node(g, op, "n", inputs, num_inputs, attr, &error);
    assert_string_equal(error.message, "");
    assert_true(value >= 0);
    rtvi_shape_text(got, sizeof got, g->values[value].rank, g->values[value].dims);
    rtvi_shape_text(expected, sizeof expected, rank, dims);
    assert_string_equal(got, expected);
}

static void expect_error(rtvi_op op, const int32_t *inputs, int32_t num_inputs, const rtvi_attr *attr, const char *message) {
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_add_node(g, op, "n", inputs, num_inputs, attr, &error), -1);
    assert_int_equal(error.status, RTV_E_FORMAT);
    assert_string_equal(error.message, message);
}

static rtvi_attr windows(int32_t kernel, int32_t stride, int32_t pad) {
    rtvi_attr attr = rtvi_attr_default();
    attr.kernel[0] = attr.kernel[1] = kernel;
    attr.stride[0] = attr.stride[1] = stride;
    for (int i = 0; i < 4; i++) attr.pad[i] = pad;
    return attr;
}

static void conv_shapes(void **state) {
    int32_t x = g->input, w = constant(TOY_DIMS(6, 3, 3, 5)), bias = constant(TOY_DIMS(6)), one = constant(TOY_DIMS(6, 1, 3, 5));
    int32_t half = constant_of(RTVI_F16, TOY_DIMS(6, 3, 3, 5)), residual = computed(TOY_DIMS(1, 6, 7, 7));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, w), NULL, TOY_DIMS(1, 6, 7, 7));
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, half, bias), NULL, TOY_DIMS(1, 6, 7, 7));
    attr.residual = attr.activation = 1;
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, w, residual), &attr, TOY_DIMS(1, 6, 7, 7));
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, w, bias, residual), &attr, TOY_DIMS(1, 6, 7, 7));
    attr = windows(0, 2, 1);
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, TOY_DIMS(1, 6, 5, 5)); /* (9+2-3)/2+1, (11+2-5)/2+1 */
    attr = rtvi_attr_default();
    attr.groups = 3;
    attr.dilation[0] = 3;
    attr.pad[1] = 4;                                                              /* left */
    attr.pad[2] = 1;                                                              /* bottom */
    expect_shape(RTVI_OP_CONV, TOY_INPUTS(x, one), &attr, TOY_DIMS(1, 6, 4, 11)); /* 9+1-7+1, 11+4-5+1 */
}

static void conv_errors(void **state) {
    int32_t x = g->input, w = constant(TOY_DIMS(6, 3, 3, 5)), bias = constant(TOY_DIMS(6)), flat = constant(TOY_DIMS(6, 3));
    int32_t short_bias = constant(TOY_DIMS(5)), residual = computed(TOY_DIMS(1, 6, 7, 8)), two = constant(TOY_DIMS(6, 2, 3, 3));
    int32_t odd = constant(TOY_DIMS(5, 1, 3, 3)), vector = computed(TOY_DIMS(1, 3));
    int32_t eight = constant(TOY_DIMS(1, 3, 10, 1));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x), NULL, "graph: conv \"n\": inputs: got 1, expected 2..4");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, bias, residual), NULL,
                 "graph: conv \"n\": input 3: got a computed value, expected a constant");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, bias, bias), NULL, "graph: conv \"n\": inputs: got 4, expected 2..3");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(vector, w), NULL, "graph: conv \"n\": input: got rank 2, expected 4");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, flat), NULL, "graph: conv \"n\": weight: got rank 2, expected 4");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, short_bias), NULL, "graph: conv \"n\": bias: got shape [5], expected [6]");
    expect_error(
        RTVI_OP_CONV, TOY_INPUTS(x, two), NULL,
        "graph: conv \"n\": weight: got 6 outputs and 2 inputs in 1 groups, expected a multiple of the groups and 3 inputs in all");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, eight), NULL,
                 "graph: conv \"n\": kernel: got a span of 10, expected at most the padded input's 9");
    attr.groups = 3;
    expect_error(
        RTVI_OP_CONV, TOY_INPUTS(x, odd), &attr,
        "graph: conv \"n\": weight: got 5 outputs and 1 inputs in 3 groups, expected a multiple of the groups and 3 inputs in all");
    attr = rtvi_attr_default();
    attr.residual = 1;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, residual), &attr, "graph: conv \"n\": residual: got shape [1,6,7,8], expected [1,6,7,7]");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": input 1: got a constant, expected a computed value");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, bias), &attr, "graph: conv \"n\": input 2: got a constant, expected a computed value");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, residual), &attr, "graph: conv \"n\": inputs: got 2, expected 3..4");
    attr.residual = 2;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w, residual), &attr, "graph: conv \"n\": residual: got 2, expected 0 or 1");
    attr.residual = 0;
    attr.activation = 2;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": activation: got 2, expected 0 or 1");
}

static void attributes_have_lower_bounds(void **state) {
    int32_t x = g->input, w = constant(TOY_DIMS(6, 3, 3, 5)), v = computed(TOY_DIMS(1, 6)), c = constant(TOY_DIMS(6));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    attr.stride[1] = 0;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": stride: got 0, expected 1 or more");
    attr = rtvi_attr_default();
    attr.pad[3] = -1;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": pad: got -1, expected 0 or more");
    attr = rtvi_attr_default();
    attr.dilation[0] = 0;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": dilation: got 0, expected 1 or more");
    attr = rtvi_attr_default();
    attr.groups = 0;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr, "graph: conv \"n\": groups: got 0, expected 1 or more");
    expect_error(RTVI_OP_MAX_POOL, TOY_INPUTS(x), NULL, "graph: max_pool \"n\": kernel: got 0, expected 1 or more");
    attr = rtvi_attr_default();
    attr.epsilon = -1;
    expect_error(RTVI_OP_BATCH_NORM, TOY_INPUTS(v, c, c, c, c), &attr, "graph: batch_norm \"n\": epsilon: got -1, expected 0 or more");
    attr.epsilon = NAN;
    expect_error(RTVI_OP_L2_NORMALIZE, TOY_INPUTS(v), &attr, "graph: l2_normalize \"n\": epsilon: got nan, expected 0 or more");
    attr.epsilon = 0;
    expect_error(RTVI_OP_L2_NORMALIZE, TOY_INPUTS(v), &attr, "graph: l2_normalize \"n\": epsilon: got 0, expected more than 0");
    attr.axis = 0;
    expect_error(RTVI_OP_CONCAT, TOY_INPUTS(v), &attr, "graph: concat \"n\": axis: got 0, expected 1 or more");
}

/* Sizes that would overflow 32 bits are computed, not wrapped. */
static void huge_attributes_do_no_harm(void **state) {
    int32_t x = g->input, w = constant(TOY_DIMS(1, 3, 3, 3)), many = constant(TOY_DIMS(30000000, 3, 1, 1));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    attr.dilation[0] = attr.dilation[1] = INT32_MAX;
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, w), &attr,
                 "graph: conv \"n\": kernel: got a span of 4294967295, expected at most the padded input's 9");
    attr = windows(INT32_MAX, 1, INT32_MAX - 1);
    expect_error(RTVI_OP_MAX_POOL, TOY_INPUTS(x), &attr,
                 "graph: max_pool \"n\": output: got shape [1,3,2147483655,2147483657], expected at most 2147483647 elements");
    expect_error(RTVI_OP_CONV, TOY_INPUTS(x, many), NULL,
                 "graph: conv \"n\": output: got shape [1,30000000,9,11], expected at most 2147483647 elements");
}

static void pool_shapes_and_errors(void **state) {
    int32_t x = g->input, v = computed(TOY_DIMS(1, 6));
    rtvi_attr attr = windows(3, 2, 1);
    (void)state;
    expect_shape(RTVI_OP_MAX_POOL, TOY_INPUTS(x), &attr, TOY_DIMS(1, 3, 5, 6));
    attr.pad[3] = 3; /* right */
    expect_error(RTVI_OP_MAX_POOL, TOY_INPUTS(x), &attr, "graph: max_pool \"n\": pad: got 3, expected less than the kernel's 3");
    attr = windows(10, 1, 0);
    expect_error(RTVI_OP_MAX_POOL, TOY_INPUTS(x), &attr,
                 "graph: max_pool \"n\": kernel: got a span of 10, expected at most the padded input's 9");
    for (int op = RTVI_OP_GLOBAL_AVG_POOL; op <= RTVI_OP_GLOBAL_GEM_POOL; op++) {
        expect_shape((rtvi_op)op, TOY_INPUTS(x), NULL, TOY_DIMS(1, 3));
        rtvi_error_clear(&error);
        assert_int_equal(rtvi_graph_add_node(g, (rtvi_op)op, "n", TOY_INPUTS(v), NULL, &error), -1);
        assert_contains(error.message, "input: got rank 2, expected 4");
    }
}

static void elementwise_shapes_and_errors(void **state) {
    int32_t x = g->input, y = computed(TOY_DIMS(1, 3, 9, 11)), z = computed(TOY_DIMS(1, 3, 11, 9)), c = constant(TOY_DIMS(3));
    int32_t flat = computed(TOY_DIMS(3)), four = constant(TOY_DIMS(4)), names = constant_of(RTVI_I64, TOY_DIMS(3));
    (void)state;
    expect_shape(RTVI_OP_RELU, TOY_INPUTS(flat), NULL, TOY_DIMS(3));
    expect_shape(RTVI_OP_ADD, TOY_INPUTS(x, y), NULL, TOY_DIMS(1, 3, 9, 11));
    expect_error(RTVI_OP_ADD, TOY_INPUTS(x, z), NULL, "graph: add \"n\": second input: got shape [1,3,11,9], expected [1,3,9,11]");
    expect_error(RTVI_OP_ADD, TOY_INPUTS(x), NULL, "graph: add \"n\": inputs: got 1, expected 2..2");
    expect_error(RTVI_OP_RELU, TOY_INPUTS(c), NULL, "graph: relu \"n\": input 0: got a constant, expected a computed value");
    expect_error(RTVI_OP_RELU, TOY_INPUTS(99), NULL, "graph: relu \"n\": input 0: got value 99, expected one of 9");
    expect_error(RTVI_OP_RELU, TOY_INPUTS(-1), NULL, "graph: relu \"n\": input 0: got value -1, expected one of 9");
    expect_shape(RTVI_OP_BATCH_NORM, TOY_INPUTS(x, c, c, c, c), NULL, TOY_DIMS(1, 3, 9, 11));
    expect_error(RTVI_OP_BATCH_NORM, TOY_INPUTS(x, c, c, c, four), NULL, "graph: batch_norm \"n\": variance: got shape [4], expected [3]");
    expect_error(RTVI_OP_BATCH_NORM, TOY_INPUTS(x, c, c, c, y), NULL,
                 "graph: batch_norm \"n\": input 4: got a computed value, expected a constant");
    expect_error(RTVI_OP_BATCH_NORM, TOY_INPUTS(x, names, c, c, c), NULL,
                 "graph: batch_norm \"n\": input 1: got type I64, expected F32 or F16");
    expect_error(RTVI_OP_BATCH_NORM, TOY_INPUTS(flat, c, c, c, c), NULL, "graph: batch_norm \"n\": input: got rank 1, expected 2 or more");
}

static void head_shapes_and_errors(void **state) {
    int32_t v = computed(TOY_DIMS(1, 6)), w = constant(TOY_DIMS(4, 6)), bias = constant(TOY_DIMS(4)), wrong = constant(TOY_DIMS(6, 4));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    expect_shape(RTVI_OP_LINEAR, TOY_INPUTS(v, w), NULL, TOY_DIMS(1, 4));
    expect_shape(RTVI_OP_LINEAR, TOY_INPUTS(v, w, bias), NULL, TOY_DIMS(1, 4));
    expect_error(RTVI_OP_LINEAR, TOY_INPUTS(v, wrong), NULL, "graph: linear \"n\": weight: got shape [6,4], expected rank 2 and 6 columns");
    expect_error(RTVI_OP_LINEAR, TOY_INPUTS(v, bias), NULL, "graph: linear \"n\": weight: got shape [4], expected rank 2 and 6 columns");
    expect_error(RTVI_OP_LINEAR, TOY_INPUTS(v, w, w), NULL, "graph: linear \"n\": bias: got shape [4,6], expected [4]");
    attr.epsilon = 1e-12f;
    expect_shape(RTVI_OP_L2_NORMALIZE, TOY_INPUTS(v), &attr, TOY_DIMS(1, 6));
}

static void concat_shapes_and_errors(void **state) {
    int32_t x = g->input, y = computed(TOY_DIMS(1, 5, 9, 11)), z = computed(TOY_DIMS(1, 3, 9, 2)), v = computed(TOY_DIMS(1, 6));
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    expect_shape(RTVI_OP_CONCAT, TOY_INPUTS(x), NULL, TOY_DIMS(1, 3, 9, 11));
    expect_shape(RTVI_OP_CONCAT, TOY_INPUTS(x, y, x), NULL, TOY_DIMS(1, 11, 9, 11));
    attr.axis = 3;
    expect_shape(RTVI_OP_CONCAT, TOY_INPUTS(x, z), &attr, TOY_DIMS(1, 3, 9, 13));
    expect_error(RTVI_OP_CONCAT, TOY_INPUTS(x, y), &attr,
                 "graph: concat \"n\": input 1: got shape [1,5,9,11], expected that of input 0 but along axis 3");
    expect_error(RTVI_OP_CONCAT, TOY_INPUTS(x, v), NULL,
                 "graph: concat \"n\": input 1: got shape [1,6], expected that of input 0 but along axis 1");
    attr.axis = 4;
    expect_error(RTVI_OP_CONCAT, TOY_INPUTS(x, y), &attr, "graph: concat \"n\": axis: got 4, expected 1..3");
}

static void names_go_both_ways(void **state) {
    int32_t count;
    (void)state;
    for (int op = 0; op < RTVI_OP_COUNT; op++) assert_int_equal(rtvi_op_from_name(rtvi_op_name((rtvi_op)op)), op);
    assert_int_equal(rtvi_op_from_name("softmax"), RTVI_OP_COUNT);
    assert_string_equal(rtvi_op_attrs(RTVI_OP_CONV, &count)[0].name, "stride");
    assert_int_equal(count, 6);
    rtvi_op_attrs(RTVI_OP_RELU, &count);
    assert_int_equal(count, 0);
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_add_node(g, RTVI_OP_COUNT, "n", TOY_INPUTS(g->input), NULL, &error), -1);
    assert_string_equal(error.message, "graph: op: got number 15, expected 0..14");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(conv_shapes),
        TEST(conv_errors),
        TEST(attributes_have_lower_bounds),
        TEST(huge_attributes_do_no_harm),
        TEST(pool_shapes_and_errors),
        TEST(elementwise_shapes_and_errors),
        TEST(head_shapes_and_errors),
        TEST(concat_shapes_and_errors),
        TEST(names_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
