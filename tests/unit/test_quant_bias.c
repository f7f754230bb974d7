/* test_quant_bias.c - the predicted mean of a layer against running it, and what correction does to a network. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "arch_support.h"
#include "quant_support.h"
#include "quant_world.h"

static quant_world w;

static int teardown(void **state) {
    (void)state;
    quant_world_destroy(&w);
    return 0;
}

/* The mean over places of one observed value. */
typedef struct watched {
    const char *name;
    double means[512];
    int seen;
} watched;

static void watch(void *user, const char *value, const rtvi_tensor *tensor) {
    watched *v = user;
    const int64_t channels = tensor->dims[1], area = rtvi_tensor_count(tensor) / channels;
    if (strcmp(value, v->name) != 0) return;
    v->seen = 1;
    for (int64_t c = 0; c < channels; c++) {
        v->means[c] = 0;
        for (int64_t i = 0; i < area; i++) v->means[c] += (double)((const float *)tensor->data)[c * area + i] / (double)area;
    }
}

/* One layer alone, with stride, dilation, unequal padding or groups, on maps that are constant in each channel. */
static void expect_prediction(int64_t outputs, int64_t height, int64_t width, rtvi_attr attr) {
    const int64_t dims[] = {1, 3, 9, 8};
    const rtvi_quant_rounding how = {127, 0, 0, 0, 0};
    const double mean_in[] = {0.5, -2, 3};
    rtv_error error;
    rtvi_graph *g = rtvi_graph_create(&w.arch.env, "g", &error);
    rtvi_quant_rounded r;
    watched v = {.name = "conv"};
    quant_run run;
    double predicted[512], again[512];
    float *input;
    int32_t x = rtvi_graph_add_input(g, "input", 4, dims, &error);
    int32_t weight = toy_constant(g, "conv.weight", 1, 1, 0, TOY_DIMS(outputs, 3 / attr.groups, height, width), &error);
    int32_t bias = toy_constant(g, "conv.bias", 2, 1, 0, TOY_DIMS(outputs), &error);
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "conv", TOY_INPUTS(x, weight, bias), &attr, &error);
    x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(x), NULL, &error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &error);
    assert_string_equal(error.message, "");
    assert_int_equal(rtvi_quant_weights_round(g, &g->nodes[0], &how, NULL, &r, &error), RTV_OK);
    assert_int_equal(rtvi_quant_bias_predict(g, &g->nodes[0], &r, mean_in, predicted, &error), RTV_OK);
    for (int64_t i = 0; i < outputs * 3 / attr.groups * height * width; i++) /* the graph gets the rounded weights */
        ((float *)g->values[weight].owned)[i] = (float)r.codes[i] * r.scales[i / (3 / attr.groups * height * width)];
    quant_run_begin(&run, g);
    input = rtvi_exec_context_input(run.context);
    for (int i = 0; i < 3 * 72; i++) input[i] = (float)mean_in[i / 72];
    assert_int_equal(rtvi_exec_run_observed(run.context, run.outputs, watch, &v, &error), RTV_OK);
    assert_true(v.seen);
    for (int64_t k = 0; k < outputs; k++)
        if (fabs(v.means[k] - predicted[k]) > 1e-5) fail_msg("output %lld: got %g, expected %g", (long long)k, predicted[k], v.means[k]);
    quant_run_end(&run);
    assert_int_equal(rtvi_quant_bias_predict(g, &g->nodes[0], NULL, mean_in, again, &error), RTV_OK); /* of the graph, now the same */
    assert_memory_equal(again, predicted, (size_t)outputs * sizeof *again);
    rtvi_quant_weights_destroy(&r);
    rtvi_graph_destroy(g);
}

static void test_predicts_what_a_run_gives(void **state) {
    rtvi_attr attr = rtvi_attr_default();
    (void)state;
    quant_world_init(&w, NULL);
    expect_prediction(5, 1, 1, attr);
    attr.pad[0] = attr.pad[1] = attr.pad[2] = attr.pad[3] = 1;
    expect_prediction(5, 3, 3, attr);
    attr.stride[0] = 2;
    attr.stride[1] = 3;
    expect_prediction(4, 3, 3, attr);
    attr.groups = 3;
    attr.dilation[0] = 2;
    attr.pad[0] = 3;
    attr.pad[3] = 0;
    expect_prediction(6, 3, 2, attr);
}

static void test_shifts_the_bias(void **state) {
    const double before[] = {1, 2, 3, 4, 5, 6, 7, 8}, after[] = {0.5, 2, 4, 4, 5, 6, 7, 8};
    const rtvi_node *node;
    (void)state;
    quant_world_init(&w, NULL);
    quant_calibrate(&w);
    quant_finish(&w);
    node = &w.graph->nodes[0];
    w.rounded[0].bias[0] = 10;
    w.rounded[0].bias[1] = 0; /* a zero bias is as good as another */
    w.rounded[0].bias[2] = 0;
    assert_int_equal(rtvi_quant_bias_correct(node, &w.rounded[0], before, after, &w.error), RTV_OK);
    assert_true(w.rounded[0].bias[0] == 10.5f && w.rounded[0].bias[1] == 0 && w.rounded[0].bias[2] == -1);
    {
        const double bad[] = {0, NAN, 0, 0, 0, 0, 0, 0};
        assert_int_equal(rtvi_quant_bias_correct(node, &w.rounded[0], before, bad, &w.error), RTV_E_FORMAT);
        assert_contains(w.error.message, "quantizer: layer \"stem\": got a bias shift of nan for output 1");
        assert_true(w.rounded[0].bias[0] == 10.5f); /* nothing changed */
    }
}

/* The values of the unfused graph behind a fused node. */
static void test_sources(void **state) {
    int found = 0;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    for (size_t i = 0; i < w.graph->num_nodes; i++) {
        const rtvi_node *node = &w.graph->nodes[i];
        const int32_t before = quant_bias_source(w.unfused, w.graph, node, 1), after = quant_bias_source(w.unfused, w.graph, node, 0);
        assert_true(before >= 0 && after >= 0);
        if (strcmp(node->name, "layer1.0.conv3") == 0) {
            assert_string_equal(w.unfused->values[before].name, "layer1.0.conv3");
            assert_string_equal(w.unfused->values[after].name, "layer1.0.relu");
            found++;
        }
        if (strcmp(node->name, "layer1.0.conv1") == 0) {
            assert_string_equal(w.unfused->values[after].name, "layer1.0.relu1");
            found++;
        }
        if (strcmp(node->name, "layer1.0.downsample.0") == 0) {
            assert_int_equal(before, after);
            found++;
        }
    }
    assert_int_equal(found, 3);
}

/* Squared difference of the descriptors to the float network's, summed over the samples. */
static double difference(void) {
    const int64_t count = w.graph->values[w.graph->outputs[0].value].dims[1];
    quant_run a, b;
    double sum = 0;
    quant_run_begin(&a, w.graph);
    quant_run_begin(&b, w.quantized);
    for (int64_t s = 0; s < QUANT_SAMPLES; s++) {
        const float *x = quant_run_sample(&a, w.graph, s, NULL, NULL), *y = quant_run_sample(&b, w.quantized, s, NULL, NULL);
        for (int64_t i = 0; i < count; i++) sum += pow((double)x[i] - (double)y[i], 2);
    }
    quant_run_end(&a);
    quant_run_end(&b);
    return sum;
}

/* Coarse weights shift means; corrected, the network comes closer to the float one. */
static void test_brings_the_network_closer(void **state) {
    double without, with;
    (void)state;
    quant_world_init(&w, "cgd_sg_resnext.pth");
    w.graph->preprocess.width = 0; /* the noise is not of a picture's range */
    quant_calibrate(&w);
    quant_finish(&w);
    for (int corrected = 0; corrected < 2; corrected++) {
        const rtvi_quant_rounding how = {7, 0, 0, 0, 0}; /* 4 bits */
        for (int i = 0; i < QUANT_MAX_NODES; i++) rtvi_quant_weights_destroy(&w.rounded[i]);
        quant_round_all(&w, &how);
        for (size_t i = 0; i < w.graph->num_nodes && corrected; i++)
            if (w.plan.nodes[i].form == RTVI_QUANT_INT8) quant_correct_bias(&w, i);
        rtvi_graph_destroy(w.quantized);
        assert_int_equal(rtvi_quant_graph_rewrite(w.graph, &w.plan, w.rounded, &w.quantized, &w.error), RTV_OK);
        *(corrected ? &with : &without) = difference();
    }
    if (!(with < 0.9 * without)) fail_msg("with correction %g, without %g", with, without);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_predicts_what_a_run_gives, teardown),
        cmocka_unit_test_teardown(test_shifts_the_bias, teardown),
        cmocka_unit_test_teardown(test_sources, teardown),
        cmocka_unit_test_teardown(test_brings_the_network_closer, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
