/* test_pass_fold_batch_norm.c - folded layers against the formulas before folding, evaluated in double on random data. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"

#define CHANNELS 6
#define OUTPUTS 8
#define SIDE 3 /* of the picture and of the kernels: a convolution is one scalar product for each output */
#define INPUT (CHANNELS * SIDE * SIDE)

static rtvi_env env;
static test_heap heap;
static rtv_error error;

static rtvi_graph *begin(void) {
    const int64_t dims[] = {1, 3, SIDE, SIDE};
    rtvi_graph *g = rtvi_graph_create(&env, "g", &error);
    rtvi_graph_add_input(g, "input", 4, dims, &error);
    return g;
}

/* A map of CHANNELS channels to work on; as a ReLU's result it belongs to no convolution. */
static int32_t map_of(rtvi_graph *g) {
    int32_t weight = toy_constant(g, "first.weight", 20, 1, 0, TOY_DIMS(CHANNELS, 3, 1, 1), &error);
    int32_t x = rtvi_graph_add_node(g, RTVI_OP_CONV, "first", TOY_INPUTS(g->input, weight), NULL, &error);
    return rtvi_graph_add_node(g, RTVI_OP_RELU, "relu", TOY_INPUTS(x), NULL, &error);
}

static int32_t norm(rtvi_graph *g, const char *name, int32_t x, int32_t seed) {
    int64_t channels = g->values[x].dims[1];
    char names[4][32];
    int32_t terms[4];
    rtvi_attr attr = rtvi_attr_default();
    static const char *const suffixes[4] = {"weight", "bias", "running_mean", "running_var"};
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "%s.%s", name, suffixes[i]);
        terms[i] = toy_constant(g, names[i], seed + i, 0.5f, i == 3 ? 2.25f : 0, TOY_DIMS(channels), &error); /* variance 0.125..2.125 */
    }
    attr.epsilon = 1e-5f;
    return rtvi_graph_add_node(g, RTVI_OP_BATCH_NORM, name, TOY_INPUTS(x, terms[0], terms[1], terms[2], terms[3]), &attr, &error);
}

/* Ends the graph with the value as logits (pooled when it is a map). */
static void finish(rtvi_graph *g, int32_t x) {
    if (g->values[x].rank == 4) x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pooled", TOY_INPUTS(x), NULL, &error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_LOGITS, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
}

static rtvi_node *node(rtvi_graph *g, const char *name) {
    int32_t value = rtvi_graph_find_value(g, name);
    return value < 0 ? NULL : &g->nodes[g->values[value].producer];
}

static double element(const rtvi_graph *g, int32_t value, int64_t i) {
    const rtvi_tensor *tensor = &g->values[value].constant;
    uint16_t half;
    float number;
    if (tensor->dtype == RTVI_F16) {
        memcpy(&half, (const char *)tensor->data + 2 * i, sizeof half);
        return (double)rtvi_f16_to_f32(half);
    }
    memcpy(&number, (const char *)tensor->data + 4 * i, sizeof number);
    return (double)number;
}

/* Output k of a convolution over its whole input, or of a linear layer; *size grows by the sum of absolute terms, for error bounds. */
static double layer(const rtvi_graph *g, const rtvi_node *n, const double *x, int64_t k, double *size) {
    const rtvi_value *weight = &g->values[n->inputs[1]];
    int64_t row = rtvi_tensor_count(&weight->constant) / weight->dims[0];
    int64_t per_group = weight->dims[0] / (n->op == RTVI_OP_CONV ? n->attr.groups : 1);
    double sum = n->num_inputs == 3 ? element(g, n->inputs[2], k) : 0;
    *size = fabs(sum);
    for (int64_t i = 0; i < row; i++) {
        double term = element(g, n->inputs[1], k * row + i) * x[k / per_group * row + i];
        sum += term;
        *size += fabs(term);
    }
    return sum;
}

static double normalized(const rtvi_graph *g, const rtvi_node *n, double x, int64_t c) {
    double variance = element(g, n->inputs[4], c) + (double)n->attr.epsilon;
    return element(g, n->inputs[1], c) * (x - element(g, n->inputs[3], c)) / sqrt(variance) + element(g, n->inputs[2], c);
}

static void random_input(double *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) x[i] = (double)toy_noise_at((uint32_t)(i + 777000));
}

/* Every weight and the bias is rounded once to float32: each term of the sum is off by at most 2^-24 of itself. The doubles' own errors are
 * smaller by far. */
static void assert_rounded(double folded, double expected, double size) {
    if (!(fabs(folded - expected) <= 1.01 * ldexp(size, -24))) fail_msg("got %.12g, expected %.12g", folded, expected);
}

/* scale * weight in double, rounded to float32 once: half a unit in the last place at most. */
static void assert_weight_rounded_once(double folded, double expected) {
    if (!(fabs(folded - expected) <= ldexp(fabs(expected), -24) * 1.000001)) fail_msg("got %.12g, expected %.12g", folded, expected);
}

/* What the batch norm multiplies channel c with. */
static double scale_of(const rtvi_graph *g, const rtvi_node *n, int64_t c) {
    return element(g, n->inputs[1], c) / sqrt(element(g, n->inputs[4], c) + (double)n->attr.epsilon);
}

/* before: layer "n" then batch norm "norm"; after: layer "n" alone. */
static void check_backward(rtvi_graph *before, rtvi_graph *after) {
    double x[INPUT], size, unused;
    int64_t row = rtvi_tensor_count(&before->values[node(before, "n")->inputs[1]].constant) / OUTPUTS;
    random_input(x, INPUT);
    assert_null(node(after, "norm"));
    assert_int_equal(node(after, "n")->num_inputs, 3);
    for (int64_t k = 0; k < OUTPUTS; k++) {
        double expected = normalized(before, node(before, "norm"), layer(before, node(before, "n"), x, k, &unused), k);
        double folded = layer(after, node(after, "n"), x, k, &size);
        assert_rounded(folded, expected, size);
        for (int64_t i = k * row; i < (k + 1) * row; i++)
            assert_weight_rounded_once(element(after, node(after, "n")->inputs[1], i),
                                       element(before, node(before, "n")->inputs[1], i) * scale_of(before, node(before, "norm"), k));
    }
}

/* Folding late gives the same graph and, read through the factors, the same bits; also the executor's copy of it. */
static void check_late(const rtvi_graph *original, const rtvi_graph *folded) {
    rtvi_graph *late = rtvi_graph_copy(original, &error), *copy;
    assert_int_equal(rtvi_pass_fold_batch_norm_late(late, &error), RTV_OK);
    copy = rtvi_graph_copy(late, &error);
    assert_int_equal(late->num_values, folded->num_values);
    for (size_t i = 0; i < folded->num_values; i++) {
        float expected[OUTPUTS * INPUT], got[OUTPUTS * INPUT];
        const size_t count = folded->values[i].is_constant ? (size_t)rtvi_tensor_count(&folded->values[i].constant) : 0;
        const int32_t value = rtvi_graph_find_value(late, folded->values[i].name);
        assert_true(value >= 0 && count <= OUTPUTS * INPUT);
        if (count == 0) continue;
        rtvi_constant_to_f32(&folded->values[i], expected);
        rtvi_constant_to_f32(&late->values[value], got);
        assert_memory_equal(got, expected, count * sizeof *got);
        rtvi_constant_to_f32(&copy->values[value], got);
        assert_memory_equal(got, expected, count * sizeof *got);
    }
    rtvi_graph_destroy(copy);
    rtvi_graph_destroy(late);
}

/* Folds a copy, checks, and hands it back with the original destroyed. */
static rtvi_graph *fold_and_check(rtvi_graph *g, void (*check)(rtvi_graph *, rtvi_graph *)) {
    rtvi_graph *copy = rtvi_graph_copy(g, &error);
    assert_int_equal(rtvi_pass_fold_batch_norm(copy, &error), RTV_OK);
    check(g, copy);
    check_late(g, copy);
    return copy;
}

static void conv_case(int with_bias, int32_t groups, int half) {
    rtvi_graph *g = begin(), *folded;
    int32_t x = map_of(g), bias;
    rtvi_attr attr = rtvi_attr_default();
    int32_t weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(OUTPUTS, CHANNELS / groups, SIDE, SIDE), &error);
    uint16_t halves[OUTPUTS * INPUT];
    bias = with_bias ? toy_constant(g, "n.bias", 2, 0.5f, 0, TOY_DIMS(OUTPUTS), &error) : -1;
    if (half) {
        rtvi_value *v = &g->values[weight];
        for (int64_t i = 0; i < OUTPUTS * INPUT / groups; i++) halves[i] = rtvi_f32_to_f16((float)element(g, weight, i));
        v->dtype = RTVI_F16;
        v->constant = rtvi_tensor_contiguous(RTVI_F16, v->rank, v->dims, halves);
    }
    attr.groups = groups;
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "n", (const int32_t[]){x, weight, bias}, with_bias ? 3 : 2, &attr, &error);
    finish(g, norm(g, "norm", x, 3));
    folded = fold_and_check(g, check_backward);
    assert_string_equal(folded->values[node(folded, "n")->inputs[1]].name, "n.weight");
    assert_string_equal(folded->values[node(folded, "n")->inputs[2]].name, "n.bias");
    assert_int_equal(folded->values[node(folded, "n")->inputs[1]].dtype, RTVI_F32);
    assert_int_equal(rtvi_graph_find_value(folded, "norm.weight"), -1); /* dead constants go */
    rtvi_graph_destroy(folded);
    rtvi_graph_destroy(g);
}

static void into_a_convolution(void **state) {
    (void)state;
    for (int with_bias = 0; with_bias < 2; with_bias++)
        for (int32_t groups = 1; groups <= 2; groups++)
            for (int half = 0; half < 2; half++) conv_case(with_bias, groups, half);
}

static int32_t linear(rtvi_graph *g, const char *name, int32_t x, int with_bias, int32_t seed) {
    char weight[32], bias[32];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    int32_t inputs[3] = {x, toy_constant(g, weight, seed, 0.5f, 0, TOY_DIMS(OUTPUTS, g->values[x].dims[1]), &error), -1};
    if (with_bias) inputs[2] = toy_constant(g, bias, seed + 1, 0.5f, 0, TOY_DIMS(OUTPUTS), &error);
    return rtvi_graph_add_node(g, RTVI_OP_LINEAR, name, inputs, with_bias ? 3 : 2, NULL, &error);
}

static int32_t pooled(rtvi_graph *g) {
    return rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(map_of(g)), NULL, &error);
}

static void back_into_a_linear_layer(void **state) {
    (void)state;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        rtvi_graph *g = begin();
        finish(g, norm(g, "norm", linear(g, "n", pooled(g), with_bias, 1), 3));
        rtvi_graph_destroy(fold_and_check(g, check_backward));
        rtvi_graph_destroy(g);
    }
}

/* before: batch norm "norm" then linear "n"; after: linear "n" on what the batch norm read. */
static void check_forward(rtvi_graph *before, rtvi_graph *after) {
    double x[CHANNELS], y[CHANNELS], size, unused;
    random_input(x, CHANNELS);
    assert_null(node(after, "norm"));
    assert_int_equal(node(after, "n")->num_inputs, 3);
    assert_string_equal(after->values[node(after, "n")->inputs[0]].name, "pool");
    for (int64_t c = 0; c < CHANNELS; c++) y[c] = normalized(before, node(before, "norm"), x[c], c);
    for (int64_t k = 0; k < OUTPUTS; k++) {
        double expected = layer(before, node(before, "n"), y, k, &unused);
        double folded = layer(after, node(after, "n"), x, k, &size);
        assert_rounded(folded, expected, size);
        for (int64_t c = 0; c < CHANNELS; c++)
            assert_weight_rounded_once(
                element(after, node(after, "n")->inputs[1], k * CHANNELS + c),
                element(before, node(before, "n")->inputs[1], k * CHANNELS + c) * scale_of(before, node(before, "norm"), c));
    }
}

static void forward_into_a_linear_layer(void **state) {
    (void)state;
    for (int with_bias = 0; with_bias < 2; with_bias++) {
        rtvi_graph *g = begin();
        finish(g, linear(g, "n", norm(g, "norm", pooled(g), 3), with_bias, 1));
        rtvi_graph_destroy(fold_and_check(g, check_forward));
        rtvi_graph_destroy(g);
    }
}

/* Two convolutions share weight and bias; each gets its own. */
static void shared_constants_are_not_spoilt(void **state) {
    rtvi_graph *g = begin(), *folded;
    int32_t x = map_of(g), weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(OUTPUTS, CHANNELS, SIDE, SIDE), &error);
    int32_t bias = toy_constant(g, "n.bias", 2, 0.5f, 0, TOY_DIMS(OUTPUTS), &error);
    int32_t a = rtvi_graph_add_node(g, RTVI_OP_CONV, "n", TOY_INPUTS(x, weight, bias), NULL, &error);
    int32_t b = rtvi_graph_add_node(g, RTVI_OP_CONV, "other", TOY_INPUTS(x, weight, bias), NULL, &error);
    (void)state;
    a = norm(g, "norm", a, 3);
    finish(g, rtvi_graph_add_node(g, RTVI_OP_ADD, "sum", TOY_INPUTS(a, b), NULL, &error));
    folded = fold_and_check(g, check_backward);
    assert_string_equal(folded->values[node(folded, "n")->inputs[1]].name, "n.folded_weight");
    assert_string_equal(folded->values[node(folded, "n")->inputs[2]].name, "n.bias_");
    assert_string_equal(folded->values[node(folded, "other")->inputs[1]].name, "n.weight");
    assert_ptr_equal(folded->values[node(folded, "other")->inputs[1]].constant.data, g->values[weight].constant.data);
    rtvi_graph_destroy(folded);
    rtvi_graph_destroy(g);
}

/* --- what must stay --- */

static void after_relu(rtvi_graph *g) { finish(g, norm(g, "norm", map_of(g), 3)); }

static void conv_read_twice(rtvi_graph *g) {
    int32_t weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(OUTPUTS, CHANNELS, 1, 1), &error);
    int32_t x = rtvi_graph_add_node(g, RTVI_OP_CONV, "n", TOY_INPUTS(map_of(g), weight), NULL, &error);
    int32_t y = norm(g, "norm", x, 3);
    finish(g, rtvi_graph_add_node(g, RTVI_OP_ADD, "sum", TOY_INPUTS(x, y), NULL, &error));
}

static void conv_with_activation(rtvi_graph *g) {
    int32_t weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(OUTPUTS, CHANNELS, 1, 1), &error);
    rtvi_attr attr = rtvi_attr_default();
    attr.activation = RTVI_ACTIVATION_RELU;
    finish(g, norm(g, "norm", rtvi_graph_add_node(g, RTVI_OP_CONV, "n", TOY_INPUTS(map_of(g), weight), &attr, &error), 3));
}

static void conv_with_residual(rtvi_graph *g) {
    int32_t weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(CHANNELS, CHANNELS, 1, 1), &error), x = map_of(g);
    rtvi_attr attr = rtvi_attr_default();
    attr.residual = 1;
    finish(g, norm(g, "norm", rtvi_graph_add_node(g, RTVI_OP_CONV, "n", TOY_INPUTS(x, weight, x), &attr, &error), 3));
}

/* A convolution after the batch norm pads with zeros, which the shift would turn into something else. */
static void before_conv(rtvi_graph *g) {
    int32_t weight = toy_constant(g, "n.weight", 1, 0.5f, 0, TOY_DIMS(OUTPUTS, CHANNELS, 1, 1), &error);
    finish(g, rtvi_graph_add_node(g, RTVI_OP_CONV, "n", TOY_INPUTS(norm(g, "norm", map_of(g), 3), weight), NULL, &error));
}

static void read_by_linear_and_output(rtvi_graph *g) {
    int32_t x = norm(g, "norm", pooled(g), 3);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &error);
    finish(g, linear(g, "n", x, 1, 1));
}

static void of_the_input(rtvi_graph *g) { finish(g, norm(g, "norm", g->input, 3)); }

static void what_cannot_be_folded_stays(void **state) {
    static void (*const builders[])(rtvi_graph *) = {after_relu,  conv_read_twice,           conv_with_activation, conv_with_residual,
                                                     before_conv, read_by_linear_and_output, of_the_input};
    (void)state;
    for (size_t i = 0; i < sizeof builders / sizeof *builders; i++) {
        char before[4096], after[4096];
        rtvi_graph *g = begin();
        builders[i](g);
        rtvi_graph_dump(g, before, sizeof before);
        assert_int_equal(rtvi_pass_fold_batch_norm(g, &error), RTV_OK);
        rtvi_graph_dump(g, after, sizeof after);
        assert_non_null(strstr(after, "batch_norm("));
        assert_string_equal(before, after);
        rtvi_graph_destroy(g);
    }
}

static void a_bad_variance_is_named(void **state) {
    static const float bad[] = {-0.5f, NAN, INFINITY};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rtvi_graph *g = begin();
        finish(g, linear(g, "n", norm(g, "norm", pooled(g), 3), 1, 1));
        memcpy((char *)g->values[rtvi_graph_find_value(g, "norm.running_var")].owned + 2 * sizeof(float), &bad[i], sizeof(float));
        assert_int_equal(rtvi_pass_fold_batch_norm(g, &error), RTV_E_FORMAT);
        assert_contains(error.message, "graph: variance of \"norm\", channel 2: got ");
        assert_contains(error.message, "expected 0 or more");
        rtvi_graph_destroy(g);
    }
}

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(into_a_convolution),          TEST(back_into_a_linear_layer),
        TEST(forward_into_a_linear_layer), TEST(shared_constants_are_not_spoilt),
        TEST(what_cannot_be_folded_stays), TEST(a_bad_variance_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
