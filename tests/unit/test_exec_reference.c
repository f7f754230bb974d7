/* test_exec_reference.c - the reference executor on whole graphs: shared memory must not show in any result. */
#include "support.h"

#include <retrieve/model.h>

#include "exec/exec.h"
#include "exec/exec_reference_ops.h"

#define MAX_VALUES 64
#define SIDE 5
#define CHANNELS 3
#define PLANE (CHANNELS * SIDE * SIDE)

static uint32_t random_state;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}
static float noise(void) { return (float)pick(1u << 24) * 0x1p-23f - 1.0f; }

static void fill_noise(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = noise();
}

static const int64_t map_dims[4] = {1, CHANNELS, SIDE, SIDE};

/* A constant of noise that the graph owns. */
static int32_t add_noise(rtvi_graph *graph, const char *name, int32_t rank, const int64_t *dims, rtv_error *error) {
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, rank, dims, NULL);
    size_t count = (size_t)rtvi_tensor_count(&tensor);
    float *block = rtvi_alloc(graph->env, count, sizeof *block);
    assert_non_null(block);
    fill_noise(block, count);
    tensor.data = block;
    return rtvi_graph_add_owned(graph, name, &tensor, block, error);
}

static int32_t add_codes(rtvi_graph *graph, const char *name, rtv_error *error) {
    static const int64_t dims[4] = {CHANNELS, CHANNELS, 3, 3};
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_I8, 4, dims, NULL);
    int8_t *block = rtvi_alloc(graph->env, CHANNELS * CHANNELS * 9, 1);
    assert_non_null(block);
    for (int i = 0; i < CHANNELS * CHANNELS * 9; i++) block[i] = (int8_t)(pick(255) - 127);
    tensor.data = block;
    return rtvi_graph_add_owned(graph, name, &tensor, block, error);
}

/* One of the maps computed so far, rather a recent one, of floats or of codes with zero point 0 (or any); -1 when a few tries find none. */
static int32_t pick_map(const rtvi_graph *graph, const int32_t *maps, int32_t num_maps, int is_codes, int any_zero_point) {
    int32_t recent = num_maps > 4 && pick(4) ? 4 : num_maps;
    for (int i = 0; i < 8; i++) {
        const rtvi_value *value = &graph->values[maps[num_maps - 1 - (int32_t)pick((uint32_t)recent)]];
        if ((value->dtype != RTVI_F32) == is_codes && (any_zero_point || value->zero_point == 0)) return (int32_t)(value - graph->values);
    }
    return -1;
}

/* A node that turns floats into codes, codes into floats, or codes into codes. */
static int32_t add_random_node_on_codes(rtvi_graph *graph, int n, const int32_t *maps, int32_t num_maps, rtv_error *error) {
    static const int64_t one[1] = {CHANNELS};
    rtvi_attr attr = rtvi_attr_default();
    rtvi_dtype dtype = pick(2) ? RTVI_U8 : RTVI_I8;
    char name[32], parameter[48];
    int32_t inputs[5] = {pick_map(graph, maps, num_maps, 1, 1)}, count = 1, residual = pick_map(graph, maps, num_maps, 1, 0);
    snprintf(name, sizeof name, "node%d", n);
    if (inputs[0] < 0) {
        inputs[0] = pick_map(graph, maps, num_maps, 0, 1);
        if (inputs[0] < 0) return maps[num_maps - 1];
        return rtvi_graph_add_quantized_node(graph, RTVI_OP_QUANTIZE, name, inputs, 1, NULL, dtype, 0.02f,
                                             dtype == RTVI_U8 ? (int32_t)pick(256) : 0, error);
    }
    if (pick(4) == 0) return rtvi_graph_add_node(graph, RTVI_OP_DEQUANTIZE, name, inputs, 1, NULL, error);
    for (int i = 0; i < 4; i++) attr.pad[i] = 1;
    if (pick(4) == 0) {
        attr.kernel[0] = attr.kernel[1] = 3;
        return rtvi_graph_add_node(graph, RTVI_OP_MAX_POOL, name, inputs, 1, &attr, error);
    }
    snprintf(parameter, sizeof parameter, "%s.weight", name);
    inputs[count++] = add_codes(graph, parameter, error);
    for (int i = 0; i < 2; i++) {
        snprintf(parameter, sizeof parameter, "%s.%d", name, i);
        inputs[count++] = add_noise(graph, parameter, 1, one, error);
    }
    for (int i = 0; i < CHANNELS; i++) ((float *)graph->values[inputs[2]].owned)[i] *= ((float *)graph->values[inputs[2]].owned)[i] * 0.01f;
    attr.activation = (int32_t)pick(2);
    attr.residual = residual >= 0 && pick(2);
    if (attr.residual) inputs[count++] = residual;
    return rtvi_graph_add_quantized_node(graph, RTVI_OP_QCONV, name, inputs, count, &attr, dtype, 0.03f, 0, error);
}

/* A node of a random operation that keeps the shape, on maps computed so far. */
static int32_t add_random_node(rtvi_graph *graph, int n, const int32_t *maps, int32_t num_maps, rtv_error *error) {
    static const int64_t weight[4] = {CHANNELS, CHANNELS, 3, 3};
    static const rtvi_op ops[] = {RTVI_OP_RELU, RTVI_OP_ADD, RTVI_OP_CONV, RTVI_OP_CONV, RTVI_OP_BATCH_NORM, RTVI_OP_MAX_POOL};
    rtvi_attr attr = rtvi_attr_default();
    rtvi_op op = ops[pick(sizeof ops / sizeof *ops)];
    char name[32], parameter[48];
    int32_t inputs[5], count = 0, first = pick_map(graph, maps, num_maps, 0, 1), second = pick_map(graph, maps, num_maps, 0, 1);
    if (first < 0 || second < 0 || pick(2)) return add_random_node_on_codes(graph, n, maps, num_maps, error);
    snprintf(name, sizeof name, "node%d", n);
    inputs[count++] = first;
    if (op == RTVI_OP_ADD) inputs[count++] = second;
    if (op == RTVI_OP_CONV) {
        for (int i = 0; i < 4; i++) attr.pad[i] = 1;
        attr.residual = (int32_t)pick(2);
        attr.activation = (int32_t)pick(2);
        snprintf(parameter, sizeof parameter, "%s.weight", name);
        inputs[count++] = add_noise(graph, parameter, 4, weight, error);
        if (attr.residual) inputs[count++] = second;
    }
    if (op == RTVI_OP_BATCH_NORM) {
        attr.epsilon = 2.0f; /* the variances are noise above -1 */
        for (int i = 0; i < 4; i++) {
            snprintf(parameter, sizeof parameter, "%s.%d", name, i);
            inputs[count++] = add_noise(graph, parameter, 1, weight, error);
        }
    }
    if (op == RTVI_OP_MAX_POOL) {
        attr.kernel[0] = attr.kernel[1] = 3;
        for (int i = 0; i < 4; i++) attr.pad[i] = 1;
    }
    return rtvi_graph_add_node(graph, op, name, inputs, count, &attr, error);
}

static rtvi_graph *random_graph(const rtvi_env *env, int num_nodes, int input_is_codes) {
    rtv_error error;
    rtvi_graph *graph = rtvi_graph_create(env, "random", &error);
    int32_t maps[MAX_VALUES], num_maps = 0, logits, descriptor;
    assert_non_null(graph);
    maps[num_maps++] = rtvi_graph_add_input(graph, "input", 4, map_dims, &error);
    if (input_is_codes) rtvi_graph_quantize_input(graph, 0.0186f, 114, &error);
    for (int n = 0; n < num_nodes; n++) {
        int32_t map = add_random_node(graph, n, maps, num_maps, &error);
        maps[num_maps++] = map;
    }
    logits = rtvi_graph_add_node(graph, RTVI_OP_GLOBAL_AVG_POOL, "avg", &maps[num_maps / 2], 1, NULL, &error);
    descriptor = rtvi_graph_add_node(graph, RTVI_OP_GLOBAL_MAX_POOL, "max", &maps[num_maps - 1], 1, NULL, &error);
    rtvi_graph_add_output(graph, descriptor, RTVI_ROLE_DESCRIPTOR, &error);
    rtvi_graph_add_output(graph, logits, RTVI_ROLE_LOGITS, &error);
    if (error.status != RTV_OK) fail_msg("%s", error.message);
    return graph;
}

/* Every value in memory of its own: what the planned memory must not change. input: as the executor takes it.
 * results[num_outputs][CHANNELS] */
static void run_plainly(const rtvi_graph *graph, const void *input, float results[2][CHANNELS]) {
    static float data[4 * MAX_VALUES][PLANE];
    static rtvi_array arrays[4 * MAX_VALUES];
    assert_in_range(graph->num_values, 1, 4 * MAX_VALUES);
    for (size_t v = 0; v < graph->num_values; v++) {
        const rtvi_value *value = &graph->values[v];
        int64_t count = 1;
        for (int32_t i = 0; i < value->rank; i++) count *= value->dims[i];
        assert_in_range(count, 1, CHANNELS * CHANNELS * 9 > PLANE ? CHANNELS * CHANNELS * 9 : PLANE);
        arrays[v] = (rtvi_array){.rank = value->rank, .dims = value->dims, .count = count};
        arrays[v].type = (rtvi_code_type){value->dtype, value->scale, value->zero_point};
        if (value->dtype == RTVI_F32)
            arrays[v].data = value->is_constant ? value->owned : data[v];
        else
            arrays[v].codes = value->is_constant ? value->owned : (void *)data[v];
    }
    if (arrays[graph->input].data) memcpy(arrays[graph->input].data, input, PLANE * sizeof(float));
    for (int i = 0; i < PLANE && arrays[graph->input].codes; i++)
        arrays[graph->input].codes[i % CHANNELS * SIDE * SIDE + i / CHANNELS] = ((const uint8_t *)input)[i];
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const rtvi_node *node = &graph->nodes[n];
        rtvi_array inputs[RTVI_MAX_INPUTS];
        for (int32_t i = 0; i < node->num_inputs; i++) inputs[i] = arrays[node->inputs[i]];
        rtvi_exec_reference_run_node(node, inputs, &arrays[node->output], 1);
    }
    for (int32_t i = 0; i < graph->num_outputs; i++) memcpy(results[i], arrays[graph->outputs[i].value].data, CHANNELS * sizeof(float));
}

static void test_random_graphs(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 400; seed++) {
        rtvi_env env;
        test_heap heap;
        rtv_error error;
        rtvi_graph *graph;
        rtvi_exec *exec;
        rtvi_exec_context *context;
        const float *outputs[RTVI_MAX_OUTPUTS];
        float input[PLANE], expected[2][CHANNELS];
        test_env_init(&env, &heap);
        random_state = seed * 97u + 3u;
        graph = random_graph(&env, 1 + (int)pick(30), seed % 3 == 0);
        fill_noise(input, PLANE);
        run_plainly(graph, input, expected);
        assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error), RTV_OK);
        rtvi_graph_destroy(graph); /* the executor has its own copy */
        assert_int_equal(rtvi_exec_context_create(exec, 1 + (int32_t)seed % 2, &context, &error), RTV_OK);
        for (int run = 0; run < 2; run++) {
            memcpy(rtvi_exec_context_input(context), input, seed % 3 == 0 ? PLANE : sizeof input);
            assert_int_equal(rtvi_exec_run(context, outputs, NULL, &error), RTV_OK);
            for (int i = 0; i < 2; i++) assert_memory_equal(outputs[i], expected[i], sizeof expected[i]);
        }
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
    }
}

/* input -> conv1 -> relu -> conv2 with the residual relu -> pool */
static rtvi_graph *residual_graph(const rtvi_env *env) {
    static const int64_t weight[4] = {CHANNELS, CHANNELS, 1, 1};
    rtv_error error;
    rtvi_graph *graph = rtvi_graph_create(env, "residual", &error);
    rtvi_attr attr = rtvi_attr_default();
    int32_t inputs[3], relu;
    assert_non_null(graph);
    inputs[0] = rtvi_graph_add_input(graph, "input", 4, map_dims, &error);
    inputs[1] = add_noise(graph, "conv1.weight", 4, weight, &error);
    inputs[0] = rtvi_graph_add_node(graph, RTVI_OP_CONV, "conv1", inputs, 2, &attr, &error);
    relu = rtvi_graph_add_node(graph, RTVI_OP_RELU, "relu", inputs, 1, &attr, &error);
    inputs[0] = rtvi_graph_add_node(graph, RTVI_OP_CONV, "conv2", (int32_t[]){relu, inputs[1]}, 2, &attr, &error);
    inputs[2] = relu;
    attr.residual = 1;
    inputs[0] = rtvi_graph_add_node(graph, RTVI_OP_CONV, "conv3", inputs, 3, &attr, &error);
    inputs[0] = rtvi_graph_add_node(graph, RTVI_OP_GLOBAL_AVG_POOL, "pool", inputs, 1, NULL, &error);
    rtvi_graph_add_output(graph, inputs[0], RTVI_ROLE_DESCRIPTOR, &error);
    if (error.status != RTV_OK) fail_msg("%s", error.message);
    return graph;
}

/* relu lies where conv1 lies and conv3 where its residual lies, so two maps are enough; the pooled values take the place of one. */
static void test_memory_and_steps(void **state) {
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    rtvi_graph *graph;
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    double times[5] = {-1, -1, -1, -1, -1};
    size_t map_bytes = (PLANE * sizeof(float) + 63) / 64 * 64;
    rtvi_exec_step step;
    (void)state;
    test_env_init(&env, &heap);
    graph = residual_graph(&env);
    assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error), RTV_OK);
    assert_int_equal(error.status, RTV_OK);
    rtvi_graph_destroy(graph);
    assert_int_equal(rtvi_exec_context_create(exec, 1, &context, &error), RTV_OK);
    assert_int_equal(rtvi_exec_activation_bytes(context), 2 * map_bytes);
    assert_int_equal(rtvi_exec_weights_bytes(exec), CHANNELS * CHANNELS * sizeof(float));
    assert_int_equal((uintptr_t)rtvi_exec_context_input(context) % 64, 0);
    assert_int_equal(rtvi_exec_num_steps(exec), 5);
    step = rtvi_exec_step_at(exec, 3);
    assert_string_equal(step.name, "conv3");
    assert_string_equal(step.op, "conv");
    assert_string_equal(step.precision, "f32");
    assert_int_equal(step.rank, 4);
    assert_memory_equal(step.dims, map_dims, sizeof map_dims);
    assert_true(step.macs == (double)(PLANE * CHANNELS));
    assert_int_equal(rtvi_exec_run(context, outputs, times, &error), RTV_OK);
    for (int i = 0; i < 5; i++) assert_true(times[i] >= 0.0);
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

/* Every allocation of compile and context_create fails once: a clean refusal, nothing left behind. */
static void test_out_of_memory(void **state) {
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    rtvi_graph *graph;
    long before, failures = 0;
    (void)state;
    test_env_init(&env, &heap);
    graph = residual_graph(&env);
    before = heap.live;
    for (long n = 1;; n++) {
        rtvi_exec *exec = NULL;
        rtvi_exec_context *context = NULL;
        int32_t status;
        heap.calls = 0;
        heap.fail_at = n;
        status = rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, n % 2 ? &error : NULL);
        if (status == RTV_OK) status = rtvi_exec_context_create(exec, 1, &context, &error);
        heap.fail_at = 0;
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        assert_int_equal(heap.live, before);
        if (status == RTV_OK) break;
        assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        failures++;
    }
    assert_true(failures > 10);
    rtvi_graph_destroy(graph);
    rtvi_env_destroy(&env);
}

static void test_refusals(void **state) {
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    rtvi_graph *graph;
    rtvi_exec *exec;
    rtvi_exec_context *context;
    (void)state;
    test_env_init(&env, &heap);
    graph = residual_graph(&env);
    assert_int_equal(rtvi_exec_compile(&env, graph, 77, &exec, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "got 77");
    assert_null(exec);
    if (!rtvi_exec_has_onednn()) {
        assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_ONEDNN, &exec, &error), RTV_E_UNSUPPORTED);
        assert_contains(error.message, "no oneDNN");
    }
    assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, NULL), RTV_OK);
    assert_int_equal(rtvi_exec_context_create(exec, 0, &context, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(context);
    rtvi_exec_destroy(exec);
    graph->num_outputs = 0; /* not verified */
    assert_int_equal(rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error), RTV_E_FORMAT);
    rtvi_exec_destroy(NULL);
    rtvi_exec_context_destroy(NULL);
    rtvi_graph_destroy(graph);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_memory_and_steps),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
