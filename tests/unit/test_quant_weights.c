/* test_quant_weights.c - rounding of weights: nearest and compensated against NumPy, the pair-sum rule, the error of the output. */
#include "support.h"
#include "quant_support.h"
#include "toy_models.h"
#include "toy_graph.h"

#include "quant/quant_weights.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_graph *g;
static uint32_t seed;

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    g = NULL;
    seed = 11;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_graph_destroy(g);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

/* A network of one layer: a convolution of any kernel and groups on a map of 6x6, after one that makes so many channels. */
static const rtvi_node *one_layer(int64_t outputs, int64_t groups, int64_t channels, int64_t kernel, const float *weights) {
    const int64_t dims[] = {1, 3, 6, 6}, shape[] = {outputs, channels, kernel, kernel};
    const size_t count = (size_t)(outputs * channels * kernel * kernel);
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, 4, shape, NULL);
    float *block = rtvi_alloc(&env, count, sizeof *block);
    rtvi_attr attr = rtvi_attr_default();
    int32_t x, w;
    for (size_t i = 0; i < count; i++) block[i] = weights ? weights[i] : (float)quant_normal(&seed);
    tensor.data = block;
    rtvi_graph_destroy(g);
    g = rtvi_graph_create(&env, "g", &error);
    x = rtvi_graph_add_input(g, "input", 4, dims, &error);
    w = toy_constant(g, "widen.weight", 1, 1, 0, TOY_DIMS(channels * groups, 3, 1, 1), &error);
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "widen", TOY_INPUTS(x, w), NULL, &error);
    w = rtvi_graph_add_owned(g, "layer.weight", &tensor, block, &error);
    attr.groups = (int32_t)groups;
    for (int i = 0; i < 4; i++) attr.pad[i] = (int32_t)(kernel / 2);
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "layer", TOY_INPUTS(x, w), &attr, &error);
    x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(x), NULL, &error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &error);
    assert_string_equal(error.message, "");
    return &g->nodes[1];
}

/* Codes 0..255 that go together: a few hidden causes, and noise. */
static void correlated(uint8_t *codes, int64_t channels, int64_t places, double *mixing) {
    for (int64_t p = 0; p < places; p++) {
        double cause[4];
        for (int i = 0; i < 4; i++) cause[i] = quant_normal(&seed);
        for (int64_t c = 0; c < channels; c++) {
            double x = 60 + 10 * quant_normal(&seed);
            for (int i = 0; i < 4; i++) x += 30 * mixing[c * 4 + i] * cause[i];
            codes[c * places + p] = (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
        }
    }
}

static void add_samples(rtvi_quant_moments *moments, const rtvi_node *node, rtvi_quant_moments_kind kind, int samples) {
    const rtvi_quant_shape shape = rtvi_quant_moments_shape(g, node);
    const int64_t channels = shape.channels * shape.groups, dims[] = {1, channels, 6, 6};
    const rtvi_code_type plain = {RTVI_U8, 1, 0};
    uint8_t *codes = malloc((size_t)channels * 36);
    double *mixing = malloc((size_t)channels * 4 * sizeof *mixing);
    assert_non_null(codes);
    assert_non_null(mixing);
    for (int64_t i = 0; i < channels * 4; i++) mixing[i] = quant_normal(&seed);
    assert_int_equal(rtvi_quant_moments_create(&env, shape, kind, moments, &error), RTV_OK);
    for (int s = 0; s < samples; s++) {
        const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_U8, 4, dims, codes);
        correlated(codes, channels, 36, mixing);
        assert_int_equal(rtvi_quant_moments_add(moments, g, node, &tensor, plain, s, 1000, &error), RTV_OK);
    }
    free(codes);
    free(mixing);
}

/* --- golden --- */

static void expect_codes(const rtvi_quant_rounded *r, const char *text, char *copy, const char *kind, int a) {
    int expected[96];
    const quant_line line = quant_find(text, copy, kind, a, 0);
    assert_int_equal(quant_integers(line.values, expected, 96), 96);
    for (int i = 0; i < 96; i++)
        if (r->codes[i] != expected[i]) fail_msg("%s %d: code %d: got %d, expected %d", kind, a, i, r->codes[i], expected[i]);
}

static void test_golden_rounding(void **state) {
    size_t size;
    char *text = (char *)test_read_file(test_golden("quant/rounding.txt"), &size), *copy = malloc(size + 1);
    float weights[96], numbers[256], matrix[256];
    int inputs[1024];
    const rtvi_node *node;
    rtvi_quant_moments moments;
    (void)state;
    assert_non_null(copy);
    quant_floats(quant_find(text, copy, "weights", 6, 16).values, weights, 96);
    node = one_layer(6, 1, 16, 1, weights);
    for (int limit = 127; limit >= 64; limit -= 63) {
        const rtvi_quant_rounding how = {limit, 0, 0, 0, 0.01f};
        rtvi_quant_rounded r;
        assert_int_equal(rtvi_quant_weights_round(g, node, &how, NULL, &r, &error), RTV_OK);
        expect_codes(&r, text, copy, "nearest", limit);
        if (limit == 127) {
            quant_floats(quant_find(text, copy, "scales", 127, 0).values, numbers, 256);
            assert_memory_equal(r.scales, numbers, 6 * sizeof(float));
        }
        rtvi_quant_weights_destroy(&r);
    }
    assert_int_equal(quant_integers(quant_find(text, copy, "inputs", 64, 16).values, inputs, 1024), 1024);
    assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), RTVI_QUANT_MOMENTS_CHANNELS, &moments, &error),
                     RTV_OK);
    for (int s = 0; s < 64; s++) { /* one place a sample */
        const int64_t dims[] = {1, 16, 1, 1};
        uint8_t codes[16];
        const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_U8, 4, dims, codes);
        g->values[node->output].dims[2] = g->values[node->output].dims[3] = 1;
        for (int c = 0; c < 16; c++) codes[c] = (uint8_t)inputs[s * 16 + c];
        assert_int_equal(rtvi_quant_moments_add(&moments, g, node, &tensor, (rtvi_code_type){RTVI_U8, 1, 0}, s, 64, &error), RTV_OK);
    }
    for (int centered = 0; centered < 2; centered++) {
        const rtvi_quant_rounding how = {127, 0, 1, centered, 0.01f};
        rtvi_quant_rounded r;
        memset(matrix, 0, sizeof matrix);
        rtvi_quant_moments_matrix(&moments, 0, centered, matrix);
        quant_floats(quant_find(text, copy, "moments", centered, 0).values, numbers, 256);
        for (int i = 0; i < 256; i++) /* centered in another order of operations */
            if (fabsf(matrix[i] - numbers[i]) > 1e-6f * numbers[0])
                fail_msg("moment %d: got %g, expected %g", i, (double)matrix[i], (double)numbers[i]);
        assert_int_equal(rtvi_quant_weights_round(g, node, &how, &moments, &r, &error), RTV_OK);
        expect_codes(&r, text, copy, "gptq", centered);
        rtvi_quant_weights_destroy(&r);
    }
    rtvi_quant_moments_destroy(&moments);
    free(text);
    free(copy);
}

/* --- the pair-sum rule --- */

static const struct {
    int64_t outputs, groups, channels, kernel;
} shapes[] = {{16, 1, 16, 1}, {16, 1, 8, 3}, {9, 1, 3, 3}, {12, 4, 5, 1}, {8, 8, 1, 3}, {20, 2, 2, 3}};

static void test_pairs_keep_the_rule(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int64_t unsafe_before = 0;
        for (int kind = 0; kind < 3; kind++) { /* 2: no moments */
            const rtvi_node *node = one_layer(shapes[i].outputs, shapes[i].groups, shapes[i].channels, shapes[i].kernel, NULL);
            rtvi_quant_moments moments = {0};
            if (kind < 2) add_samples(&moments, node, (rtvi_quant_moments_kind)kind, 5);
            for (int mode = 0; mode < 4; mode++) {
                const rtvi_quant_rounding how = {127, mode & 1, mode >> 1, 1, 0.01f};
                rtvi_quant_rounded r;
                int64_t count;
                assert_int_equal(rtvi_quant_weights_round(g, node, &how, kind < 2 ? &moments : NULL, &r, &error), RTV_OK);
                count = rtvi_quant_weights_count_unsafe(r.codes, r.shape);
                if (how.pair_safe)
                    assert_int_equal(count, 0);
                else
                    unsafe_before += count;
                for (int64_t k = 0; k < shapes[i].outputs * shapes[i].channels * shapes[i].kernel * shapes[i].kernel; k++)
                    assert_true(r.codes[k] >= -127);
                rtvi_quant_weights_destroy(&r);
            }
            rtvi_quant_moments_destroy(&moments);
        }
        if (shapes[i].channels > 1) assert_true(unsafe_before > 0); /* else nothing was tested */
    }
}

static void test_half_range_is_safe(void **state) {
    const rtvi_quant_rounding how = {RTVI_QUANT_HALF_RANGE, 0, 0, 0, 0};
    const rtvi_node *node = one_layer(16, 1, 16, 3, NULL);
    rtvi_quant_rounded r;
    (void)state;
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, NULL, &r, &error), RTV_OK);
    assert_int_equal(rtvi_quant_weights_count_unsafe(r.codes, r.shape), 0);
    rtvi_quant_weights_destroy(&r);
}

static void test_counts_unsafe_pairs(void **state) {
    const int8_t codes[] = {100, 29, 100, 28, 100, -127, 127, 1, 127, 2, -64, -65, 0, 127, 127, 127}; /* 8 outputs of 2 channels */
    const rtvi_quant_shape shape = {8, 1, 2, 1}, odd = {5, 1, 3, 1}, places = {2, 1, 2, 4};
    (void)state;
    assert_int_equal(rtvi_quant_weights_count_unsafe(codes, shape), 4);
    assert_int_equal(rtvi_quant_weights_count_unsafe(codes, odd), 1);    /* 100+29; 28+100; 127+1; 2-64; 0+127: the third stands alone */
    assert_int_equal(rtvi_quant_weights_count_unsafe(codes, places), 3); /* four apart: 100 100, 100 127, 2 127 */
}

/* Where one pair in a long row must give way, it does; the others stay as they are. */
static void test_mends_the_pair(void **state) {
    float weights[64] = {127, 2};
    const rtvi_quant_rounding how = {127, 1, 0, 0, 0};
    rtvi_quant_rounded r;
    (void)state;
    for (int i = 2; i < 64; i++) weights[i] = (float)(i - 33);
    assert_int_equal(rtvi_quant_weights_round(g, one_layer(1, 1, 64, 1, weights), &how, NULL, &r, &error), RTV_OK);
    assert_true(r.scales[0] == 1);
    assert_int_equal(r.codes[0] + r.codes[1], 128);
    assert_in_range(r.codes[0], 126, 127);
    for (int i = 2; i < 64; i++) assert_int_equal(r.codes[i], i - 33);
    assert_int_equal(r.pairs_mended, 1);
    rtvi_quant_weights_destroy(&r);
}

/* Where giving way would lose more than larger steps do, the steps grow: of that output alone. */
static void test_grows_the_steps(void **state) {
    const float weights[] = {127, 100, 127, -127};
    const rtvi_quant_rounding how = {127, 1, 0, 0, 0};
    const rtvi_node *node = one_layer(2, 1, 2, 1, weights);
    rtvi_quant_rounded r;
    (void)state;
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, NULL, &r, &error), RTV_OK);
    assert_true(r.scales[0] > 1.7f && r.scales[0] < 2);
    for (int i = 0; i < 2; i++) assert_true(fabsf((float)r.codes[i] * r.scales[0] - weights[i]) < 0.5f * r.scales[0]);
    assert_true(r.scales[1] == 1);
    assert_int_equal(r.codes[2], 127);
    assert_int_equal(r.codes[3], -127);
    assert_int_equal(r.pairs_mended, 0);
    rtvi_quant_weights_destroy(&r);
}

/* --- the error of the output --- */

/* Mean over the outputs of e' H e with the moments' own H. */
static double output_error(const rtvi_quant_rounded *r, const rtvi_node *node, const rtvi_quant_moments *m, int centered) {
    const rtvi_tensor *weight = &g->values[node->inputs[1]].constant;
    const int64_t dim = m->dim, channels = r->shape.channels, positions = r->shape.positions;
    float *matrix = calloc((size_t)(dim * dim), sizeof *matrix);
    double *e = malloc((size_t)dim * sizeof *e), sum = 0;
    for (int64_t k = 0; k < r->shape.outputs; k++) {
        rtvi_quant_moments_matrix(m, k / (r->shape.outputs / r->shape.groups), centered, matrix);
        for (int64_t at = 0; at < positions; at += dim / channels) {
            for (int64_t i = 0; i < dim; i++) {
                const int64_t element = (k * channels + i % channels) * positions + at + i / channels;
                e[i] = (double)((const float *)weight->data)[element] - (double)r->codes[element] * (double)r->scales[k];
            }
            for (int64_t i = 0; i < dim; i++)
                for (int64_t j = 0; j < dim; j++) sum += e[i] * e[j] * (double)matrix[i > j ? i * dim + j : j * dim + i];
        }
    }
    free(matrix);
    free(e);
    return sum;
}

static double rounded_error(const rtvi_node *node, const rtvi_quant_moments *moments, int pair_safe, int compensate) {
    const rtvi_quant_rounding how = {127, pair_safe, compensate, 1, 0.01f};
    rtvi_quant_rounded r;
    double lost;
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, moments, &r, &error), RTV_OK);
    lost = output_error(&r, node, moments, 1);
    rtvi_quant_weights_destroy(&r);
    return lost;
}

/* On inputs that go together most of the error can be taken back. */
static void test_compensation_lowers_the_error(void **state) {
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        for (int round = 0; round < 3; round++) {
            const rtvi_node *node = one_layer(16, round == 2 ? 2 : 1, 24, 3, NULL);
            rtvi_quant_moments moments;
            double nearest, compensated, safe, safe_nearest;
            add_samples(&moments, node, (rtvi_quant_moments_kind)kind, 40);
            nearest = rounded_error(node, &moments, 0, 0);
            compensated = rounded_error(node, &moments, 0, 1);
            safe_nearest = rounded_error(node, &moments, 1, 0);
            safe = rounded_error(node, &moments, 1, 1);
            assert_true(compensated < 0.5 * nearest);
            assert_true(safe < 0.7 * safe_nearest);
            assert_true(safe_nearest > nearest);
            rtvi_quant_moments_destroy(&moments);
        }
    }
}

/* Knowing how the two inputs of a pair go together helps to mend it. */
static void test_moments_mend_better(void **state) {
    const rtvi_node *node = one_layer(32, 1, 16, 1, NULL);
    const rtvi_quant_rounding how = {127, 1, 0, 1, 0.001f};
    rtvi_quant_moments moments;
    rtvi_quant_rounded blind, informed;
    (void)state;
    add_samples(&moments, node, RTVI_QUANT_MOMENTS_CHANNELS, 40);
    for (int64_t i = 0; i < moments.dim; i++) /* pairs alone, so that the sum of the pairs' errors is the whole error */
        for (int64_t j = 0; j <= i; j++)
            if (i / 2 != j / 2) moments.products[i * (i + 1) / 2 + j] = moments.sums[i] * moments.sums[j] / moments.count;
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, NULL, &blind, &error), RTV_OK);
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, &moments, &informed, &error), RTV_OK);
    assert_true(informed.pairs_mended > 0);
    assert_true(output_error(&informed, node, &moments, 1) < output_error(&blind, node, &moments, 1));
    rtvi_quant_weights_destroy(&blind);
    rtvi_quant_weights_destroy(&informed);
    rtvi_quant_moments_destroy(&moments);
}

/* --- bad input --- */

static void test_weights_that_are_not_finite(void **state) {
    float weights[4] = {1, 2, NAN, 3};
    const rtvi_quant_rounding how = rtvi_quant_weights_default();
    rtvi_quant_rounded r;
    (void)state;
    assert_int_equal(rtvi_quant_weights_round(g, one_layer(2, 1, 2, 1, weights), &how, NULL, &r, &error), RTV_E_FORMAT);
    assert_contains(error.message, "quantizer: layer \"layer\": got weight nan at element 2");
    weights[2] = INFINITY;
    assert_int_equal(rtvi_quant_weights_round(g, one_layer(2, 1, 2, 1, weights), &how, NULL, &r, &error), RTV_E_FORMAT);
    assert_contains(error.message, "got weight inf");
}

static void test_inputs_that_are_always_zero(void **state) {
    const rtvi_node *node = one_layer(4, 1, 4, 1, NULL);
    const int64_t dims[] = {1, 4, 6, 6};
    const uint8_t zeros[144] = {0};
    const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_U8, 4, dims, zeros);
    const rtvi_quant_rounding how = rtvi_quant_weights_default(), nearest = {127, 1, 0, 0, 0};
    rtvi_quant_moments moments;
    rtvi_quant_rounded a, b;
    (void)state;
    assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), 0, &moments, &error), RTV_OK);
    assert_int_equal(rtvi_quant_moments_add(&moments, g, node, &tensor, (rtvi_code_type){RTVI_U8, 1, 0}, 0, 36, &error), RTV_OK);
    assert_int_equal(rtvi_quant_weights_round(g, node, &how, &moments, &a, &error), RTV_OK);
    assert_int_equal(rtvi_quant_weights_round(g, node, &nearest, NULL, &b, &error), RTV_OK);
    assert_memory_equal(a.codes, b.codes, 16);
    rtvi_quant_weights_destroy(&a);
    rtvi_quant_weights_destroy(&b);
    rtvi_quant_moments_destroy(&moments);
}

static void test_allocation_failures(void **state) {
    const rtvi_node *node = one_layer(8, 1, 6, 3, NULL);
    const rtvi_quant_rounding how = rtvi_quant_weights_default();
    rtvi_quant_moments moments;
    rtvi_quant_rounded r;
    long live, n = 0;
    (void)state;
    add_samples(&moments, node, RTVI_QUANT_MOMENTS_FULL, 2);
    live = heap.live;
    for (;;) {
        heap.fail_at = heap.calls + ++n;
        if (rtvi_quant_weights_round(g, node, &how, &moments, &r, &error) == RTV_OK) break;
        assert_int_equal(error.status, RTV_E_OUT_OF_MEMORY);
        assert_int_equal(heap.live, live);
    }
    heap.fail_at = 0;
    assert_in_range(n, 5, 20);
    rtvi_quant_weights_destroy(&r);
    rtvi_quant_moments_destroy(&moments);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_golden_rounding, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pairs_keep_the_rule, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_range_is_safe, setup, teardown),
        cmocka_unit_test(test_counts_unsafe_pairs),
        cmocka_unit_test_setup_teardown(test_mends_the_pair, setup, teardown),
        cmocka_unit_test_setup_teardown(test_grows_the_steps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compensation_lowers_the_error, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moments_mend_better, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights_that_are_not_finite, setup, teardown),
        cmocka_unit_test_setup_teardown(test_inputs_that_are_always_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
