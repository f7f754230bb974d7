/* test_quant_moments.c - sums of products against sums written out, for every geometry; places are spread; orders do not matter. */
#include "support.h"
#include "quant_support.h"
#include "toy_models.h"
#include "toy_graph.h"

#include "quant/quant_moments.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_graph *g;
static uint32_t seed;

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    seed = 5;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_graph_destroy(g);
    g = NULL;
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

/* A convolution of the input (three channels) or, with groups 3, a depthwise one. */
static const rtvi_node *conv(int64_t kernel, int32_t groups, int32_t stride, int32_t pad, int32_t dilation) {
    const int64_t dims[] = {1, 3, 9, 7};
    rtvi_attr attr = rtvi_attr_default();
    int32_t x, w;
    rtvi_graph_destroy(g);
    g = rtvi_graph_create(&env, "g", &error);
    x = rtvi_graph_add_input(g, "input", 4, dims, &error);
    w = toy_constant(g, "conv.weight", 1, 1, 0, TOY_DIMS(6, 3 / groups, kernel, kernel), &error);
    attr.groups = groups;
    attr.stride[0] = stride;
    attr.stride[1] = stride;
    attr.dilation[0] = attr.dilation[1] = dilation;
    for (int i = 0; i < 4; i++) attr.pad[i] = pad;
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "conv", TOY_INPUTS(x, w), &attr, &error);
    x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(x), NULL, &error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &error);
    assert_string_equal(error.message, "");
    return &g->nodes[0];
}

/* What kernel position p of output place (oy, ox) reads from a channel of codes [3][9][7] around 100; the padding is 0. */
static int read_at(const rtvi_node *node, const uint8_t *codes, int64_t kernel, int64_t channel, int64_t p, int64_t oy, int64_t ox) {
    const rtvi_attr *a = &node->attr;
    const int64_t y = oy * a->stride[0] - a->pad[0] + p / kernel * a->dilation[0],
                  x = ox * a->stride[1] - a->pad[1] + p % kernel * a->dilation[1];
    if (y < 0 || y >= 9 || x < 0 || x >= 7) return 0;
    return codes[(channel * 9 + y) * 7 + x] - 100;
}

static void expect_full(const rtvi_node *node, int64_t kernel, const uint8_t *codes, const rtvi_quant_moments *m) {
    const rtvi_value *output = &g->values[node->output];
    const int64_t channels = m->shape.channels;
    const int64_t *at = m->products;
    assert_int_equal(m->dim, channels * kernel * kernel);
    assert_int_equal(m->count, output->dims[2] * output->dims[3]);
    for (int64_t group = 0; group < m->shape.groups; group++) {
        for (int64_t i = 0; i < m->dim; i++) {
            int64_t sum = 0;
            for (int64_t j = 0; j <= i; j++) {
                int64_t product = 0;
                sum = 0;
                for (int64_t oy = 0; oy < output->dims[2]; oy++) {
                    for (int64_t ox = 0; ox < output->dims[3]; ox++) {
                        const int a = read_at(node, codes, kernel, group * channels + i % channels, i / channels, oy, ox);
                        product += a * read_at(node, codes, kernel, group * channels + j % channels, j / channels, oy, ox);
                        sum += a;
                    }
                }
                assert_int_equal(*at++, product);
            }
            assert_int_equal(m->sums[group * m->dim + i], sum);
        }
    }
}

static void test_every_geometry(void **state) {
    static const int32_t cases[][5] = {{1, 1, 1, 0, 1}, {1, 1, 2, 0, 1}, {3, 1, 1, 1, 1},
                                       {3, 1, 2, 1, 1}, {3, 3, 1, 1, 2}, {2, 3, 3, 1, 1}};
    const int64_t dims[] = {1, 3, 9, 7};
    uint8_t codes[189] = {0};
    const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_U8, 4, dims, codes);
    (void)state;
    for (int i = 0; i < 189; i++) codes[i] = (uint8_t)quant_random(&seed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int32_t *c = cases[i];
        const rtvi_node *node = conv(c[0], c[1], c[2], c[3], c[4]);
        rtvi_quant_moments m;
        assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), RTVI_QUANT_MOMENTS_FULL, &m, &error), RTV_OK);
        assert_int_equal(rtvi_quant_moments_add(&m, g, node, &tensor, (rtvi_code_type){RTVI_U8, 1, 100}, 0, 10000, &error), RTV_OK);
        expect_full(node, c[0], codes, &m);
        rtvi_quant_moments_destroy(&m);
    }
}

/* Floats become the codes that the layer would read; I8 codes are read as they are. */
static void test_types_agree(void **state) {
    const int64_t dims[] = {1, 3, 9, 7};
    const rtvi_code_type codes = {RTVI_I8, 0.25f, 0};
    int8_t signed_codes[189] = {0};
    float floats[189] = {0};
    const rtvi_tensor a = rtvi_tensor_contiguous(RTVI_I8, 4, dims, signed_codes), b = rtvi_tensor_contiguous(RTVI_F32, 4, dims, floats);
    const rtvi_node *node = conv(3, 1, 1, 1, 1);
    rtvi_quant_moments m, n;
    (void)state;
    for (int i = 0; i < 189; i++) {
        signed_codes[i] = (int8_t)quant_random(&seed);
        floats[i] = 0.25f * (float)signed_codes[i] + 0.1f;
    }
    assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), RTVI_QUANT_MOMENTS_CHANNELS, &m, &error), RTV_OK);
    assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), RTVI_QUANT_MOMENTS_CHANNELS, &n, &error), RTV_OK);
    assert_int_equal(m.dim, 3);
    assert_int_equal(rtvi_quant_moments_add(&m, g, node, &a, codes, 0, 10000, &error), RTV_OK);
    assert_int_equal(rtvi_quant_moments_add(&n, g, node, &b, codes, 0, 10000, &error), RTV_OK);
    assert_int_equal(m.count, 63);
    assert_memory_equal(m.products, n.products, 6 * sizeof *m.products);
    assert_memory_equal(m.sums, n.sums, 3 * sizeof *m.sums);
    rtvi_quant_moments_destroy(&m);
    rtvi_quant_moments_destroy(&n);
}

/* Samples in any order; at most so many places of each, not always the same. */
static void test_order_and_places(void **state) {
    const int64_t dims[] = {1, 3, 9, 7};
    const rtvi_node *node = conv(3, 1, 1, 1, 1);
    uint8_t codes[8][189];
    rtvi_quant_moments m[2];
    int64_t first[3] = {0};
    (void)state;
    for (int i = 0; i < 8 * 189; i++) codes[i / 189][i % 189] = (uint8_t)quant_random(&seed);
    for (int order = 0; order < 2; order++) {
        assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, node), RTVI_QUANT_MOMENTS_FULL, &m[order], &error),
                         RTV_OK);
        for (int i = 0; i < 8; i++) {
            const int s = order ? 7 - i : i;
            const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_U8, 4, dims, codes[s]);
            assert_int_equal(rtvi_quant_moments_add(&m[order], g, node, &tensor, (rtvi_code_type){RTVI_U8, 1, 0}, s, 10, &error), RTV_OK);
            if (order == 0 && i < 3) first[i] = m[0].count;
        }
    }
    assert_in_range(first[0], 9, 10);
    assert_in_range(m[0].count, 72, 80);
    assert_int_equal(m[0].count, m[1].count);
    assert_memory_equal(m[0].products, m[1].products, 27 * 14 * sizeof *m[0].products);
    rtvi_quant_moments_destroy(&m[0]);
    rtvi_quant_moments_destroy(&m[1]);
}

static void test_linear(void **state) {
    const int64_t dims[] = {1, 3};
    const float values[] = {1, 2, 3};
    const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, 2, dims, values);
    float matrix[9] = {0};
    rtvi_quant_moments m;
    int32_t w;
    (void)state;
    conv(1, 1, 1, 0, 1);
    w = toy_constant(g, "linear.weight", 2, 1, 0, TOY_DIMS(4, 3), &error);
    {
        const int32_t pooled = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool2", TOY_INPUTS(g->input), NULL, &error);
        assert_true(rtvi_graph_add_node(g, RTVI_OP_LINEAR, "linear", TOY_INPUTS(pooled, w), NULL, &error) >= 0);
    }
    assert_int_equal(rtvi_quant_moments_create(&env, rtvi_quant_moments_shape(g, &g->nodes[3]), 0, &m, &error), RTV_OK);
    assert_int_equal(rtvi_quant_moments_add(&m, g, &g->nodes[3], &tensor, (rtvi_code_type){RTVI_U8, 1, 0}, 0, 100, &error), RTV_OK);
    rtvi_quant_moments_matrix(&m, 0, 0, matrix);
    assert_int_equal(m.count, 1);
    assert_true(matrix[0] == 1 && matrix[3] == 2 && matrix[4] == 4 && matrix[6] == 3 && matrix[7] == 6 && matrix[8] == 9);
    rtvi_quant_moments_matrix(&m, 0, 1, matrix);
    assert_true(matrix[0] == 0 && matrix[7] == 0);
    rtvi_quant_moments_destroy(&m);
}

static void test_too_large(void **state) {
    const rtvi_quant_shape shape = {1, 1000000, INT32_MAX, 1};
    rtvi_quant_moments m;
    (void)state;
    assert_int_equal(rtvi_quant_moments_create(&env, shape, RTVI_QUANT_MOMENTS_CHANNELS, &m, &error), RTV_E_OUT_OF_MEMORY);
    rtvi_quant_moments_destroy(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_geometry, setup, teardown),
        cmocka_unit_test_setup_teardown(test_types_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(test_order_and_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linear, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
