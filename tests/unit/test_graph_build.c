/* test_graph_build.c - graphs made value by value, copied, asked. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;

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

static void toy_has_twelve_nodes_in_order(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    (void)state;
    assert_non_null(g);
    assert_int_equal(g->num_nodes, 12);
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
    assert_int_equal(rtvi_graph_find_value(g, "input"), g->input);
    assert_int_equal(g->values[rtvi_graph_find_value(g, "stem.weight")].is_constant, 1);
    assert_int_equal(rtvi_graph_find_value(g, "nothing"), -1);
    assert_string_equal(g->values[rtvi_graph_output(g, RTVI_ROLE_LOGITS)].name, "logits");
    assert_string_equal(g->values[rtvi_graph_output(g, RTVI_ROLE_DESCRIPTOR)].name, "descriptor");
    rtvi_graph_destroy(g);
    rtvi_graph_destroy(NULL);
}

static void macs_parameters_and_uses_are_counted(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    double macs = 0;
    int32_t uses[64];
    (void)state;
    for (size_t i = 0; i < g->num_nodes; i++) macs += rtvi_graph_node_macs(g, &g->nodes[i]);
    /* stem 8*10*12 outputs of 3*3*3, grouped 12*10*12 of 2*3*3, wide 8*10*12 of 8*1*5, head 5 of 20 */
    assert_true(macs == 960.0 * 27 + 1440.0 * 18 + 960.0 * 40 + 100.0);
    assert_int_equal(rtvi_graph_num_parameters(g), 216 + 8 + 4 * 8 + 216 + 320 + 100 + 5);
    rtvi_graph_count_uses(g, uses);
    assert_int_equal(uses[rtvi_graph_find_value(g, "relu")], 3);   /* two convolutions and the sum */
    assert_int_equal(uses[rtvi_graph_find_value(g, "logits")], 1); /* the graph's output */
    rtvi_graph_destroy(g);
}

static void a_copy_is_the_same_and_its_own(void **state) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    rtvi_graph *g = toy_graph(&env, &error), *copy;
    char first[4096], second[4096];
    (void)state;
    assert_int_equal(rtvi_graph_set_architecture(g, "arch", "SG", &error), RTV_OK);
    assert_int_equal(rtvi_graph_set_class_names(g, names, 2, &error), RTV_OK);
    assert_int_equal(rtvi_graph_set_class_names(g, names, 5, &error), RTV_OK); /* in the place of the two */
    g->preprocess.width = TOY_GRAPH_WIDTH;
    g->preprocess.height = TOY_GRAPH_HEIGHT;
    copy = rtvi_graph_copy(g, &error);
    assert_non_null(copy);
    assert_int_equal(rtvi_graph_verify(copy, &error), RTV_OK);
    rtvi_graph_dump(g, first, sizeof first);
    rtvi_graph_dump(copy, second, sizeof second);
    assert_string_equal(first, second);
    assert_contains(first, "architecture=arch descriptors=SG");
    assert_int_equal(copy->num_class_names, 5);
    assert_string_equal(copy->class_names[4], "e");
    assert_int_equal(copy->preprocess.width, TOY_GRAPH_WIDTH);
    assert_ptr_equal(copy->values[1].constant.data, g->values[1].constant.data);
    assert_int_equal(rtvi_pass_fold_batch_norm(copy, &error), RTV_OK); /* leaves the original alone */
    rtvi_graph_dump(g, second, sizeof second);
    assert_string_equal(first, second);
    assert_int_equal(rtvi_graph_set_class_names(g, NULL, 0, &error), RTV_OK);
    assert_int_equal(g->num_class_names, 0);
    rtvi_graph_destroy(copy);
    rtvi_graph_destroy(g);
}

static void a_failure_is_remembered(void **state) {
    const int64_t dims[] = {1, 3, 8, 8};
    rtvi_graph *g = rtvi_graph_create(&env, "g", &error);
    int32_t x = rtvi_graph_add_input(g, "input", 4, dims, &error), y;
    (void)state;
    y = rtvi_graph_add_node(g, RTVI_OP_L2_NORMALIZE, "flat", TOY_INPUTS(x), NULL, &error);
    assert_int_equal(y, -1);
    assert_int_equal(error.status, RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: l2_normalize \"flat\": input: got rank 4, expected 2");
    assert_int_equal(rtvi_graph_add_node(g, RTVI_OP_RELU, "relu", TOY_INPUTS(x), NULL, &error), -1);
    assert_int_equal(rtvi_graph_add_input(g, "second", 4, dims, &error), -1);
    assert_int_equal(rtvi_graph_add_output(g, x, RTVI_ROLE_LOGITS, &error), RTV_E_FORMAT);
    assert_int_equal(rtvi_graph_set_architecture(g, "a", "b", &error), RTV_E_FORMAT);
    assert_int_equal(rtvi_graph_set_class_names(g, NULL, 0, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: l2_normalize \"flat\": input: got rank 4, expected 2");
    assert_int_equal(g->num_values, 1);
    assert_int_equal(g->num_nodes, 0);
    rtvi_graph_destroy(g);
}

static void shapes_and_numbers_have_bounds(void **state) {
    const int64_t empty[] = {1, 0}, large[] = {65536, 32768}, fits[] = {65535, 32768};
    int32_t many[RTVI_MAX_INPUTS + 1] = {0};
    rtvi_graph *g = rtvi_graph_create(&env, "g", &error);
    (void)state;
    assert_int_equal(rtvi_graph_shape_is_valid(2, fits), 1);
    assert_int_equal(rtvi_graph_shape_is_valid(0, fits), 0);
    assert_int_equal(rtvi_graph_shape_is_valid(RTVI_MAX_RANK + 1, fits), 0);
    assert_int_equal(rtvi_graph_add_input(g, "x", 2, empty, &error), -1);
    assert_string_equal(error.message,
                        "graph: value \"x\": got rank 2, shape [1,0], expected dims of 1 or more and at most 2147483647 elements");
    assert_int_equal(rtvi_graph_add_input(g, "x", 2, large, NULL), -1);
    assert_int_equal(rtvi_graph_add_input(g, "x", 2, fits, NULL), 0);
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_add_node(g, RTVI_OP_CONCAT, "c", many, RTVI_MAX_INPUTS + 1, NULL, &error), -1);
    assert_string_equal(error.message, "graph: a node's inputs: got 17, expected 1..16");
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_add_output(g, 1, RTVI_ROLE_LOGITS, &error), RTV_E_FORMAT);
    assert_int_equal(rtvi_graph_add_output(g, -1, RTVI_ROLE_LOGITS, NULL), RTV_E_FORMAT);
    for (int i = 0; i < RTVI_MAX_OUTPUTS; i++) assert_int_equal(rtvi_graph_add_output(g, 0, RTVI_ROLE_LOGITS, NULL), RTV_OK);
    rtvi_error_clear(&error);
    assert_int_equal(rtvi_graph_add_output(g, 0, RTVI_ROLE_LOGITS, &error), RTV_E_FORMAT);
    assert_string_equal(error.message, "graph: output 8: got value 0 of 1, expected one of the graph and at most 8 outputs");
    rtvi_graph_destroy(g);
}

/* Builds, copies and runs every pass; the n-th allocation fails, for every n. */
static void every_failed_allocation_is_told_and_nothing_leaks(void **state) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    int32_t status = RTV_E_OUT_OF_MEMORY;
    long n;
    (void)state;
    for (n = 1; status != RTV_OK; n++) {
        rtvi_graph *g, *copy = NULL;
        heap.calls = 0;
        heap.fail_at = n;
        g = toy_graph(&env, &error);
        status = error.status;
        if (g) status = rtvi_graph_set_architecture(g, "a", "b", &error);
        if (status == RTV_OK) status = rtvi_graph_set_class_names(g, names, 5, &error);
        if (status == RTV_OK && (copy = rtvi_graph_copy(g, &error)) == NULL) status = error.status;
        if (status == RTV_OK) status = rtvi_pass_fold_batch_norm(copy, &error);
        if (status == RTV_OK) status = rtvi_pass_fuse_residual(copy, &error);
        if (status == RTV_OK) status = rtvi_pass_fuse_activation(copy, &error);
        if (status == RTV_OK) status = rtvi_graph_verify(copy, &error);
        if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        assert_int_equal(status, error.status);
        rtvi_graph_destroy(copy);
        rtvi_graph_destroy(g);
        assert_int_equal(heap.live, 0);
    }
    assert_true(n > 100);
    heap.fail_at = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(toy_has_twelve_nodes_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(macs_parameters_and_uses_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_is_the_same_and_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes_and_numbers_have_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_told_and_nothing_leaks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
