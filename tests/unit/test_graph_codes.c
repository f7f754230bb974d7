/* test_graph_codes.c - building graphs on codes: what each operation takes and gives, and how it refuses. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "toy_quantized.h"

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

static int32_t constant(rtvi_dtype dtype, int32_t rank, const int64_t *dims) {
    const rtvi_tensor tensor = rtvi_tensor_contiguous(dtype, rank, dims, zeros);
    return rtvi_graph_add_constant(g, "c", &tensor, NULL);
}

/* A computed value: an input beside the first. */
static int32_t codes(rtvi_dtype dtype, float scale, int32_t zero_point, int32_t rank, const int64_t *dims) {
    int32_t value = rtvi_graph_add_input(g, "v", rank, dims, NULL);
    g->values[value].dtype = dtype;
    g->values[value].scale = scale;
    g->values[value].zero_point = zero_point;
    return value;
}

static int32_t map(void) { return codes(RTVI_U8, 0.5f, 7, TOY_DIMS(1, 3, 9, 11)); }

/* Adds a node whose result is of its own scale, or (dtype F32) follows from the inputs. */
static int32_t add(rtvi_op op, const int32_t *inputs, int32_t num_inputs, const rtvi_attr *attr, rtvi_dtype dtype, int32_t zero_point) {
    rtvi_error_clear(&error);
    if (dtype == RTVI_F32) return rtvi_graph_add_node(g, op, "n", inputs, num_inputs, attr, &error);
    return rtvi_graph_add_quantized_node(g, op, "n", inputs, num_inputs, attr, dtype, 0.25f, zero_point, &error);
}

static void expect(int32_t value, rtvi_dtype dtype, float scale, int32_t zero_point, int32_t rank, const int64_t *dims) {
    const rtvi_value *v = &g->values[value];
    char got[100], expected[100];
    assert_string_equal(error.message, "");
    assert_true(value >= 0);
    assert_int_equal(v->dtype, dtype);
    assert_true(v->scale == scale);
    assert_int_equal(v->zero_point, zero_point);
    assert_string_equal(rtvi_shape_text(got, sizeof got, v->rank, v->dims), rtvi_shape_text(expected, sizeof expected, rank, dims));
}

static void expect_error(int32_t value, const char *message) {
    assert_int_equal(value, -1);
    assert_int_equal(error.status, RTV_E_FORMAT);
    assert_string_equal(error.message, message);
}

static void into_codes_and_back(void **state) {
    int32_t x = g->input, q = map(), v = codes(RTVI_I8, 0.5f, 0, TOY_DIMS(1, 6));
    (void)state;
    expect(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_U8, 255), RTVI_U8, 0.25f, 255, TOY_DIMS(1, 3, 9, 11));
    expect(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_I8, 0), RTVI_I8, 0.25f, 0, TOY_DIMS(1, 3, 9, 11));
    expect(add(RTVI_OP_DEQUANTIZE, &q, 1, NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 3, 9, 11));
    expect(add(RTVI_OP_DEQUANTIZE, &v, 1, NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 6));
    expect_error(add(RTVI_OP_QUANTIZE, &q, 1, NULL, RTVI_U8, 0), "graph: quantize \"n\": input 0: got type U8, expected F32");
    expect_error(add(RTVI_OP_DEQUANTIZE, &x, 1, NULL, RTVI_F32, 0), "graph: dequantize \"n\": input 0: got type F32, expected U8 or I8");
    expect_error(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_U8, 256), "graph: codes \"n\": got zero point 256, expected 0..255");
    expect_error(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_I8, 1), "graph: codes \"n\": got zero point 1, expected 0 for I8");
    expect_error(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_I32, 0), "graph: codes \"n\": got type I32, expected U8 or I8");
    expect_error(add(RTVI_OP_QUANTIZE, &x, 1, NULL, RTVI_F32, 0), "graph: codes \"n\": got type F32, expected U8 or I8");
    expect_error(add(RTVI_OP_DEQUANTIZE, &q, 1, NULL, RTVI_U8, 0), "graph: dequantize \"n\": got a scale for its result, expected none");
    expect_error(add(RTVI_OP_RELU, &x, 1, NULL, RTVI_U8, 0), "graph: relu \"n\": got a scale for its result, expected none");
}

static void pools_take_both(void **state) {
    int32_t x = g->input, q = map(), v = codes(RTVI_I8, 0.125f, 0, TOY_DIMS(1, 3, 9, 11));
    rtvi_attr pool = rtvi_attr_default();
    (void)state;
    pool.kernel[0] = pool.kernel[1] = 3;
    expect(add(RTVI_OP_MAX_POOL, &x, 1, &pool, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 3, 7, 9));
    expect(add(RTVI_OP_MAX_POOL, &q, 1, &pool, RTVI_F32, 0), RTVI_U8, 0.5f, 7, TOY_DIMS(1, 3, 7, 9));
    expect(add(RTVI_OP_MAX_POOL, &v, 1, &pool, RTVI_F32, 0), RTVI_I8, 0.125f, 0, TOY_DIMS(1, 3, 7, 9));
    for (rtvi_op op = RTVI_OP_GLOBAL_AVG_POOL; op <= RTVI_OP_GLOBAL_GEM_POOL; op++) {
        expect(add(op, &q, 1, NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 3));
        expect(add(op, &v, 1, NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 3));
    }
    expect_error(add(RTVI_OP_MAX_POOL, &q, 1, &pool, RTVI_U8, 0), "graph: max_pool \"n\": got a scale for its result, expected none");
}

static void others_want_floats(void **state) {
    int32_t q = map(), v = codes(RTVI_U8, 1, 0, TOY_DIMS(1, 3)), w = constant(RTVI_F32, TOY_DIMS(4, 3)), both[2] = {v, w};
    rtvi_attr l2 = rtvi_attr_default();
    (void)state;
    l2.epsilon = 1;
    expect_error(add(RTVI_OP_RELU, &q, 1, NULL, RTVI_F32, 0), "graph: relu \"n\": input 0: got type U8, expected F32");
    expect_error(add(RTVI_OP_CONCAT, &q, 1, NULL, RTVI_F32, 0), "graph: concat \"n\": input 0: got type U8, expected F32");
    expect_error(add(RTVI_OP_L2_NORMALIZE, &v, 1, &l2, RTVI_F32, 0), "graph: l2_normalize \"n\": input 0: got type U8, expected F32");
    expect_error(add(RTVI_OP_LINEAR, both, 2, NULL, RTVI_F32, 0), "graph: linear \"n\": input 0: got type U8, expected F32");
}

static void convolutions(void **state) {
    int32_t x = g->input, w = constant(RTVI_I8, TOY_DIMS(6, 3, 3, 5)), s = constant(RTVI_F32, TOY_DIMS(6)),
            r = codes(RTVI_I8, 1, 0, TOY_DIMS(1, 6, 7, 7));
    int32_t shifted = codes(RTVI_U8, 1, 3, TOY_DIMS(1, 6, 7, 7)), small = codes(RTVI_U8, 1, 0, TOY_DIMS(1, 6, 7, 8));
    int32_t wf = constant(RTVI_F32, TOY_DIMS(6, 3, 3, 5)), half = constant(RTVI_F16, TOY_DIMS(6)), five = constant(RTVI_F32, TOY_DIMS(5));
    int32_t floats = rtvi_graph_add_input(g, "v", TOY_DIMS(1, 6, 7, 7), NULL), q = map(), in[6] = {q, w, s, s, r, r};
    rtvi_attr attr = rtvi_attr_default(), sum = attr;
    (void)state;
    sum.residual = sum.activation = 1;
    expect(add(RTVI_OP_QCONV, in, 4, &attr, RTVI_U8, 0), RTVI_U8, 0.25f, 0, TOY_DIMS(1, 6, 7, 7));
    expect(add(RTVI_OP_QCONV, in, 5, &sum, RTVI_I8, 0), RTVI_I8, 0.25f, 0, TOY_DIMS(1, 6, 7, 7));
    expect_error(add(RTVI_OP_QCONV, in, 4, &attr, RTVI_U8, 5), "graph: qconv \"n\": output: got zero point 5, expected 0");
    expect_error(add(RTVI_OP_QCONV, in, 4, &attr, RTVI_F32, 0), "graph: codes \"n\": got type F32, expected U8 or I8");
    expect_error(add(RTVI_OP_QCONV, in, 3, &attr, RTVI_U8, 0), "graph: qconv \"n\": inputs: got 3, expected 4..5");
    expect_error(add(RTVI_OP_QCONV, in, 4, &sum, RTVI_U8, 0), "graph: qconv \"n\": input 3: got a constant, expected a computed value");
    expect_error(add(RTVI_OP_QCONV, in, 5, &attr, RTVI_U8, 0), "graph: qconv \"n\": input 4: got a computed value, expected a constant");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, s, s, small), &sum, RTVI_U8, 0),
                 "graph: qconv \"n\": residual: got shape [1,6,7,8], expected [1,6,7,7]");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, s, s, shifted), &sum, RTVI_U8, 0),
                 "graph: qconv \"n\": residual: got zero point 3, expected 0");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, s, s, floats), &sum, RTVI_U8, 0),
                 "graph: qconv \"n\": input 4: got type F32, expected U8 or I8");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, wf, s, s), NULL, RTVI_U8, 0), "graph: qconv \"n\": input 1: got type F32, expected I8");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, half, s), NULL, RTVI_U8, 0),
                 "graph: qconv \"n\": input 2: got type F16, expected F32");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, s, half), NULL, RTVI_U8, 0),
                 "graph: qconv \"n\": input 3: got type F16, expected F32");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, five, s), NULL, RTVI_U8, 0),
                 "graph: qconv \"n\": weight scale: got shape [5], expected [6]");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(q, w, s, five), NULL, RTVI_U8, 0), "graph: qconv \"n\": bias: got shape [5], expected [6]");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(x, w, s, s), NULL, RTVI_U8, 0),
                 "graph: qconv \"n\": input 0: got type F32, expected U8 or I8");
    expect_error(add(RTVI_OP_CONV, TOY_INPUTS(x, w), NULL, RTVI_F32, 0), "graph: conv \"n\": input 1: got type I8, expected F32 or F16");
}

static void linears(void **state) {
    int32_t v = codes(RTVI_U8, 1, 9, TOY_DIMS(1, 6)), w = constant(RTVI_I8, TOY_DIMS(4, 6)), s = constant(RTVI_F32, TOY_DIMS(4));
    int32_t wrong = constant(RTVI_I8, TOY_DIMS(6, 4)), six = constant(RTVI_F32, TOY_DIMS(6)), in[4] = {v, w, s, s};
    (void)state;
    expect(add(RTVI_OP_QLINEAR, in, 4, NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 4));
    expect_error(add(RTVI_OP_QLINEAR, in, 3, NULL, RTVI_F32, 0), "graph: qlinear \"n\": inputs: got 3, expected 4..4");
    expect_error(add(RTVI_OP_QLINEAR, TOY_INPUTS(v, wrong, s, s), NULL, RTVI_F32, 0),
                 "graph: qlinear \"n\": weight: got shape [6,4], expected rank 2 and 6 columns");
    expect_error(add(RTVI_OP_QLINEAR, TOY_INPUTS(v, w, six, s), NULL, RTVI_F32, 0),
                 "graph: qlinear \"n\": weight scale: got shape [6], expected [4]");
    expect_error(add(RTVI_OP_QLINEAR, TOY_INPUTS(v, w, s, six), NULL, RTVI_F32, 0),
                 "graph: qlinear \"n\": bias: got shape [6], expected [4]");
}

/* 66,311 products of 255 * 127 are the most that int32 holds. */
static void sums_fit_int32(void **state) {
    int32_t s = constant(RTVI_F32, TOY_DIMS(1)), v = codes(RTVI_U8, 1, 0, TOY_DIMS(1, 66311)),
            v1 = codes(RTVI_U8, 1, 0, TOY_DIMS(1, 66312));
    int32_t w = constant(RTVI_I8, TOY_DIMS(1, 66311)), w1 = constant(RTVI_I8, TOY_DIMS(1, 66312));
    int32_t x = codes(RTVI_U8, 1, 0, TOY_DIMS(1, 8192, 3, 3)), conv = constant(RTVI_I8, TOY_DIMS(1, 8192, 3, 3));
    (void)state;
    expect(add(RTVI_OP_QLINEAR, TOY_INPUTS(v, w, s, s), NULL, RTVI_F32, 0), RTVI_F32, 0, 0, TOY_DIMS(1, 1));
    expect_error(add(RTVI_OP_QLINEAR, TOY_INPUTS(v1, w1, s, s), NULL, RTVI_F32, 0),
                 "graph: qlinear \"n\": weight: got 66312 values for an output, expected at most 66311");
    expect_error(add(RTVI_OP_QCONV, TOY_INPUTS(x, conv, s, s), NULL, RTVI_U8, 0),
                 "graph: qconv \"n\": weight: got 73728 values for an output, expected at most 66311");
}

static void the_input_becomes_codes(void **state) {
    (void)state;
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_quantize_input(g, 0.5f, 77, &error), RTV_OK);
    expect(g->input, RTVI_U8, 0.5f, 77, TOY_DIMS(1, 3, 9, 11));
    assert_int_equal(rtvi_graph_quantize_input(g, NAN, 0, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: codes \"x\": got scale nan, expected 1.17549435e-38..3.40282347e+38");
    assert_int_equal(rtvi_graph_quantize_input(g, 1.0f, 0, &error), RTV_E_FORMAT); /* a builder that failed goes no further */
    expect_error(rtvi_graph_add_quantized_node(g, RTVI_OP_QUANTIZE, "n", TOY_INPUTS(g->input), NULL, RTVI_U8, 1, 0, &error), error.message);
    assert_int_equal(rtvi_graph_set_quantization(g, "{}", &error), RTV_E_FORMAT);
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_quantize_input(g, 1.0f, 256, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: codes \"x\": got zero point 256, expected 0..255");
    expect_error(-1, error.message);
    assert_true(g->values[g->input].scale == 0.5f); /* as before */
    g->input = -1;
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_quantize_input(g, 1.0f, 0, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: codes for the input: got no input, expected one");
}

static void a_copy_and_its_numbers(void **state) {
    rtvi_graph *toy = toy_quantized(&env, &error), *copy;
    char first[4096], second[4096];
    double macs = 0;
    (void)state;
    assert_string_equal(error.message, "");
    for (size_t i = 0; i < toy->num_nodes; i++) macs += rtvi_graph_node_macs(toy, &toy->nodes[i]);
    assert_true(macs == 8 * 6 * 10 * 27 + 2 * 8 * 5 * 9 * 8 + 5 * 8);
    assert_int_equal(rtvi_graph_num_parameters(toy), 216 + 2 * 64 + 40 + 2 * (3 * 8 + 5)); /* weights, their scales and biases */
    assert_int_equal(rtvi_graph_set_quantization(toy, "{\"parent\":\"x\"}", &error), RTV_OK);
    assert_int_equal(rtvi_graph_set_quantization(toy, "{\"parent\":\"y\"}", &error), RTV_OK);
    copy = rtvi_graph_copy(toy, &error);
    assert_non_null(copy);
    assert_int_equal(rtvi_graph_verify(copy, &error), RTV_OK);
    assert_string_equal(copy->quantization, "{\"parent\":\"y\"}");
    assert_ptr_not_equal(copy->quantization, toy->quantization);
    rtvi_graph_dump(toy, first, sizeof first);
    rtvi_graph_dump(copy, second, sizeof second);
    assert_string_equal(first, second);
    rtvi_graph_destroy(copy);
    rtvi_graph_destroy(toy);
}

static void survives_failing_memory(void **state) {
    long failures = 0, before = heap.live;
    (void)state;
    for (long n = 1;; n++) {
        rtvi_graph *toy, *copy = NULL;
        rtvi_error_clear(&error);
        heap.calls = 0;
        heap.fail_at = n;
        toy = toy_quantized(&env, &error);
        if (toy && rtvi_graph_set_quantization(toy, "{}", &error) == RTV_OK) copy = rtvi_graph_copy(toy, &error);
        heap.fail_at = 0;
        rtvi_graph_destroy(toy);
        rtvi_graph_destroy(copy);
        assert_int_equal(heap.live, before);
        if (copy) break;
        assert_int_equal(error.status, RTV_E_OUT_OF_MEMORY);
        failures++;
    }
    assert_true(failures > 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(into_codes_and_back),
        TEST(pools_take_both),
        TEST(others_want_floats),
        TEST(convolutions),
        TEST(linears),
        TEST(sums_fit_int32),
        TEST(the_input_becomes_codes),
        TEST(a_copy_and_its_numbers),
        TEST(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
