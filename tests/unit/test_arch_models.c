/* test_arch_models.c - every toy checkpoint and the toy graph give what PyTorch gives, before and after the passes, on the reference
 * executor. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "arch_support.h"

#include "exec/exec.h"

static arch_world w;
static rtv_error error;

/* Which output has the role. */
static int32_t output_of(const rtvi_graph *graph, rtvi_role role) {
    for (int32_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i].role == role) return i;
    fail_msg("no output of role %d", (int)role);
    return -1;
}

static void expect_results(const rtvi_graph *graph, const toy_case *c) {
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    if (rtvi_exec_compile(&w.env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error) != RTV_OK) fail_msg("%s", error.message);
    if (rtvi_exec_context_create(exec, 1, &context, &error) != RTV_OK) fail_msg("%s", error.message);
    toy_noise(rtvi_exec_context_input(context), (size_t)(3 * c->input_height * c->input_width));
    if (rtvi_exec_run(context, outputs, NULL, &error) != RTV_OK) fail_msg("%s", error.message);
    toy_assert_close(c->model, outputs[output_of(graph, RTVI_ROLE_DESCRIPTOR)], c->descriptor, c->dim);
    toy_assert_close(c->model, outputs[output_of(graph, RTVI_ROLE_LOGITS)], c->logits, c->classes);
    assert_int_equal(graph->values[rtvi_graph_output(graph, RTVI_ROLE_DESCRIPTOR)].dims[1], c->dim);
    assert_int_equal(graph->values[rtvi_graph_output(graph, RTVI_ROLE_LOGITS)].dims[1], c->classes);
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
}

/* After each pass by itself, so that the pass at fault is known. */
static void expect_results_through_the_passes(rtvi_graph *graph, const toy_case *c) {
    expect_results(graph, c);
    assert_int_equal(rtvi_pass_fold_batch_norm(graph, &error), RTV_OK);
    expect_results(graph, c);
    assert_int_equal(rtvi_pass_fuse_residual(graph, &error), RTV_OK);
    expect_results(graph, c);
    assert_int_equal(rtvi_pass_fuse_activation(graph, &error), RTV_OK);
    expect_results(graph, c);
}

static void every_checkpoint_agrees_with_pytorch(void **state) {
    static toy_case cases[TOY_MAX_CASES];
    int32_t count = toy_read_cases(cases);
    (void)state;
    assert_int_equal(count, 18);
    for (int32_t i = 0; i < count; i++) {
        rtv_import_options options;
        rtvi_weights *weights = arch_open(&w, cases[i].model);
        rtvi_graph *graph;
        toy_import_options(&cases[i], &options);
        if (rtvi_arch_build(&w.env, weights, &options, &graph, &error) != RTV_OK) fail_msg("%s", error.message);
        expect_results_through_the_passes(graph, &cases[i]);
        rtvi_graph_destroy(graph);
        options.architecture = NULL; /* the tensors tell */
        options.layer3_stride = 0;   /* the network's own */
        if (rtvi_arch_build(&w.env, weights, &options, &graph, &error) != RTV_OK) fail_msg("%s", error.message);
        assert_string_equal(graph->architecture, cases[i].architecture);
        expect_results(graph, &cases[i]);
        rtvi_graph_destroy(graph);
        rtvi_weights_close(weights);
    }
}

static void the_toy_graph_agrees_with_pytorch(void **state) {
    static toy_case cases[TOY_MAX_CASES];
    rtvi_graph *graph = toy_graph(&w.env, &error);
    (void)state;
    assert_int_equal(toy_read_file("models/toy_graph.json", cases), 1);
    assert_int_equal(cases[0].input_height, TOY_GRAPH_HEIGHT);
    assert_int_equal(cases[0].input_width, TOY_GRAPH_WIDTH);
    expect_results_through_the_passes(graph, &cases[0]);
    rtvi_graph_destroy(graph);
}

static int setup(void **state) {
    (void)state;
    arch_world_init(&w);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arch_world_destroy(&w);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_checkpoint_agrees_with_pytorch, setup, teardown),
        cmocka_unit_test_setup_teardown(the_toy_graph_agrees_with_pytorch, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
