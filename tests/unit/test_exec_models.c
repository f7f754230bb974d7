/* test_exec_models.c - the reference executor on every toy checkpoint against PyTorch: as built, and after the passes. */
#include "support.h"
#include "toy_models.h"

#include "arch/arch.h"
#include "exec/exec.h"

typedef struct fixture {
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtvi_graph *graph;
} fixture;

static void open_case(fixture *f, const toy_case *c) {
    rtv_import_options options;
    rtvi_source source;
    rtv_error error;
    char file[128];
    test_env_init(&f->env, &f->heap);
    toy_import_options(c, &options);
    snprintf(file, sizeof file, "models/%s", c->model);
    if (rtvi_source_open(&f->env, "weights", test_golden(file), &source, &error) != RTV_OK ||
        rtvi_weights_read(&source, &f->weights, &error) != RTV_OK ||
        rtvi_arch_build(&f->env, f->weights, &options, &f->graph, &error) != RTV_OK)
        fail_msg("%s", error.message);
}

static void close_case(fixture *f) {
    rtvi_graph_destroy(f->graph);
    rtvi_weights_close(f->weights);
    assert_int_equal(f->heap.live, 0);
    rtvi_env_destroy(&f->env);
}

/* Returns the bytes of activations. */
static size_t check_results(const fixture *f, const toy_case *c, const char *how) {
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    rtv_error error;
    size_t bytes;
    char what[128];
    if (rtvi_exec_compile(&f->env, f->graph, RTV_EXECUTOR_REFERENCE, &exec, &error) != RTV_OK) fail_msg("%s", error.message);
    assert_int_equal(rtvi_exec_context_create(exec, 1, &context, &error), RTV_OK);
    toy_noise(rtvi_exec_context_input(context), (size_t)(3 * c->input_height * c->input_width));
    assert_int_equal(rtvi_exec_run(context, outputs, NULL, &error), RTV_OK);
    for (int32_t i = 0; i < f->graph->num_outputs; i++) {
        int is_descriptor = f->graph->outputs[i].role == RTVI_ROLE_DESCRIPTOR;
        int32_t dim = is_descriptor ? c->dim : c->classes;
        assert_int_equal(f->graph->values[f->graph->outputs[i].value].dims[1], dim);
        snprintf(what, sizeof what, "%s %s, %s, %s", c->model, c->descriptors, how, is_descriptor ? "descriptor" : "logits");
        toy_assert_close(what, outputs[i], is_descriptor ? c->descriptor : c->logits, dim);
    }
    bytes = rtvi_exec_activation_bytes(context);
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
    return bytes;
}

static size_t sum_of_maps(const rtvi_graph *graph) {
    size_t sum = 0;
    for (size_t v = 0; v < graph->num_values; v++) {
        size_t count = 1;
        for (int32_t i = 0; i < graph->values[v].rank; i++) count *= (size_t)graph->values[v].dims[i];
        if (!graph->values[v].is_constant) sum += count * sizeof(float);
    }
    return sum;
}

static void test_against_pytorch(void **state) {
    static toy_case cases[TOY_MAX_CASES];
    int32_t count = toy_read_cases(cases), descriptors = 0;
    (void)state;
    for (int32_t i = 0; i < count; i++) {
        fixture f;
        rtv_error error;
        open_case(&f, &cases[i]);
        assert_true(check_results(&f, &cases[i], "as built") < sum_of_maps(f.graph) / 2);
        assert_int_equal(rtvi_pass_fold_batch_norm(f.graph, &error), RTV_OK);
        check_results(&f, &cases[i], "batch norm folded");
        assert_int_equal(rtvi_pass_fuse_residual(f.graph, &error), RTV_OK);
        check_results(&f, &cases[i], "residual fused");
        assert_int_equal(rtvi_pass_fuse_activation(f.graph, &error), RTV_OK);
        check_results(&f, &cases[i], "all fused");
        descriptors += cases[i].descriptors[0] != 0;
        close_case(&f);
    }
    assert_true(descriptors >= 12); /* every configuration of the letters */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
