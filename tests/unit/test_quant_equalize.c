/* test_quant_equalize.c - cross-layer equalization: ranges meet, the network computes the same bits, residuals keep their channels. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "arch_support.h"
#include "quant_support.h"
#include "quant_world.h"

#include "quant/quant_equalize.h"

static quant_world w;

static int teardown(void **state) {
    (void)state;
    quant_world_destroy(&w);
    return 0;
}

/* Largest magnitude of channel c of a weight [K][C/groups][R][S]: among the outputs, or (input 1) among the inputs, of one group. */
static float reach(const rtvi_graph *graph, const char *name, int64_t c, int input) {
    const rtvi_value *v = &graph->values[rtvi_graph_find_value(graph, name)];
    const int64_t positions = v->dims[2] * v->dims[3];
    const float *values = v->constant.data;
    float largest = 0;
    for (int64_t k = 0; k < v->dims[0]; k++)
        for (int64_t i = 0; i < v->dims[1]; i++)
            for (int64_t p = 0; p < positions; p++)
                if ((input ? i : k) == c) largest = fmaxf(largest, fabsf(values[(k * v->dims[1] + i) * positions + p]));
    return largest;
}

static void test_ranges_meet(void **state) {
    int32_t pairs;
    int changed = 0;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    assert_int_equal(rtvi_quant_equalize(w.graph, &pairs, &w.error), RTV_OK);
    assert_int_equal(pairs, 8); /* conv1-conv2 and conv2-conv3 of four blocks */
    for (int64_t c = 0; c < 4; c++) {
        const float a = reach(w.graph, "features.4.0.conv1.weight", c, 0), b = reach(w.graph, "features.4.0.conv2.weight", c, 1);
        const float old = reach(w.unfused, "features.4.0.conv1.weight", c, 0);
        assert_true(a / b < 4.01f && b / a < 4.01f); /* a power of two of each: apart by at most two, and its neighbours move too */
        changed += a != old;
    }
    assert_true(changed > 0);
}

/* The descriptors of both graphs of w. */
static void expect_same_bits(void) {
    const int64_t count = w.graph->values[w.graph->outputs[0].value].dims[1];
    rtvi_graph *plain = rtvi_graph_copy(w.unfused, &w.error);
    quant_run a, b;
    assert_non_null(plain);
    assert_int_equal(rtvi_pass_fuse_residual(plain, &w.error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(plain, &w.error), RTV_OK);
    quant_run_begin(&a, plain);
    quant_run_begin(&b, w.graph);
    for (int64_t s = 0; s < 3; s++)
        assert_memory_equal(quant_run_sample(&a, plain, s, NULL, NULL), quant_run_sample(&b, w.graph, s, NULL, NULL),
                            (size_t)count * sizeof(float));
    quant_run_end(&a);
    quant_run_end(&b);
    rtvi_graph_destroy(plain);
}

static void test_same_bits(void **state) {
    static const char *const models[] = {"cgd_sg.pth", "cgd_sg_resnext.pth", "classifier_basic.legacy.pth", NULL};
    (void)state;
    for (int i = 0; i < 4; i++) {
        int32_t pairs;
        quant_world_init(&w, models[i]);
        assert_int_equal(rtvi_quant_equalize(w.graph, &pairs, &w.error), RTV_OK);
        assert_int_equal(pairs > 0, models[i] != NULL); /* in the toy every map has two readers or a residual */
        assert_int_equal(rtvi_graph_verify(w.graph, &w.error), RTV_OK);
        expect_same_bits();
        if (i < 3) quant_world_destroy(&w);
    }
}

/* Weights that another layer shares stay. */
static void test_shared_weights_stay(void **state) {
    int32_t pairs;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    for (size_t i = 0; i < w.graph->num_nodes; i++) /* one more reader of the bias, which has as many values */
        if (strcmp(w.graph->nodes[i].name, "layer1.0.conv2") == 0) w.graph->nodes[i].inputs[2] = w.graph->nodes[i - 1].inputs[2];
    assert_int_equal(rtvi_quant_equalize(w.graph, &pairs, &w.error), RTV_OK);
    assert_int_equal(pairs, 6);
}

static void test_allocation_failures(void **state) {
    long n = 0;
    int32_t pairs;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    do {
        w.arch.heap.fail_at = w.arch.heap.calls + ++n;
    } while (rtvi_quant_equalize(w.graph, &pairs, &w.error) == RTV_E_OUT_OF_MEMORY);
    w.arch.heap.fail_at = 0;
    assert_true(n > 3);
    assert_int_equal(pairs, 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_ranges_meet, teardown),
        cmocka_unit_test_teardown(test_same_bits, teardown),
        cmocka_unit_test_teardown(test_shared_weights_stay, teardown),
        cmocka_unit_test_teardown(test_allocation_failures, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
