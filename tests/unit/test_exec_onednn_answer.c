/* test_exec_onednn_answer.c - the known-answer test notices a oneDNN that rounds otherwise. This program puts itself between the library
 * and oneDNN and moves one kind of number by one unit in the last place: less than any other way to round could. */
#include "support.h"

#include <math.h>

#include <retrieve/model.h>

#include "exec/exec.h"
#include "graph/graph.h"

#ifdef RTV_WITH_ONEDNN

#include <dlfcn.h>
#include <dnnl.h>

static int nudged_arg;      /* of dnnl_primitive_execute; 0: none */
static int nudged_residual; /* the scale of the sum */

static void nudge(dnnl_memory_t memory, float direction) {
    const_dnnl_memory_desc_t md;
    void *data;
    assert_int_equal(dnnl_memory_get_memory_desc(memory, &md), dnnl_success);
    assert_int_equal(dnnl_memory_get_data_handle(memory, &data), dnnl_success);
    for (size_t i = 0; i < dnnl_memory_desc_get_size(md) / sizeof(float); i++)
        ((float *)data)[i] = nextafterf(((float *)data)[i], direction);
}

dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) {
    dnnl_status_t (*real)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t *) = NULL;
    dnnl_status_t answer;
    *(void **)&real = dlsym(RTLD_NEXT, "dnnl_primitive_execute");
    for (int i = 0; i < count; i++)
        if (args[i].arg == nudged_arg) nudge(args[i].memory, INFINITY);
    answer = real(primitive, stream, count, args);
    for (int i = 0; i < count; i++)
        if (args[i].arg == nudged_arg) nudge(args[i].memory, -INFINITY);
    return answer;
}

dnnl_status_t dnnl_post_ops_append_sum(dnnl_post_ops_t ops, float scale, int32_t zero_point, dnnl_data_type_t type) {
    dnnl_status_t (*real)(dnnl_post_ops_t, float, int32_t, dnnl_data_type_t) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "dnnl_post_ops_append_sum");
    return real(ops, nudged_residual ? nextafterf(scale, INFINITY) : scale, zero_point, type);
}

/* Compiles a network of one convolution on codes. */
static void expect(int32_t expected) {
    static const int8_t weight[] = {1, 2, 3};
    static const float scale = 0.1f, bias = 0;
    const int64_t dims[] = {1, 3, 1, 1};
    const rtvi_tensor tensors[] = {rtvi_tensor_contiguous(RTVI_I8, 4, dims, weight), rtvi_tensor_contiguous(RTVI_F32, 1, dims, &scale),
                                   rtvi_tensor_contiguous(RTVI_F32, 1, dims, &bias)};
    static const char *const names[] = {"weight", "weight_scale", "bias"};
    const rtvi_attr attr = rtvi_attr_default();
    test_heap heap;
    rtvi_env env;
    rtv_error error;
    rtvi_exec *exec = NULL;
    rtvi_graph *graph;
    int32_t inputs[4], x;
    test_env_init(&env, &heap);
    graph = rtvi_graph_create(&env, "test", &error);
    inputs[0] = rtvi_graph_add_input(graph, "input", 4, dims, &error);
    rtvi_graph_quantize_input(graph, 0.1f, 0, &error);
    for (int i = 0; i < 3; i++) inputs[1 + i] = rtvi_graph_add_constant(graph, names[i], &tensors[i], &error);
    x = rtvi_graph_add_quantized_node(graph, RTVI_OP_QCONV, "conv", inputs, 4, &attr, RTVI_U8, 0.1f, 0, &error);
    x = rtvi_graph_add_node(graph, RTVI_OP_GLOBAL_AVG_POOL, "pool", &x, 1, &attr, &error);
    rtvi_graph_add_output(graph, x, RTVI_ROLE_DESCRIPTOR, &error);
    assert_int_equal(error.status, RTV_OK);
    assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_ONEDNN, &exec, &error), expected);
    if (expected != RTV_OK) {
        assert_contains(error.message, "oneDNN 3.");
        assert_contains(error.message, "reference executor");
    }
    rtvi_exec_destroy(exec);
    rtvi_graph_destroy(graph);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void this_onednn_is_right(void **state) {
    (void)state;
    expect(RTV_OK);
}

static void other_rounding_is_refused(void **state) {
    static const int args[] = {DNNL_ARG_BIAS, DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, DNNL_ARG_ATTR_SCALES | DNNL_ARG_DST};
    (void)state;
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        nudged_arg = args[i];
        expect(RTV_E_UNSUPPORTED);
    }
    nudged_arg = 0;
    nudged_residual = 1;
    expect(RTV_E_UNSUPPORTED);
    nudged_residual = 0;
    expect(RTV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_onednn_is_right),
        cmocka_unit_test(other_rounding_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void) {
    puts("SKIPPED: this build has no oneDNN");
    return 77;
}

#endif
