/* test_quant_graph.c - a float network becomes one on codes: what runs where, which conversions stand between, what it computes. */
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

/* "u8", "u8+128", "s8" or "f32". */
static const char *type_of(const rtvi_value *v, char text[16]) {
    if (v->dtype == RTVI_F32) return "f32";
    snprintf(text, 16, v->zero_point ? "%s+%d" : "%s", v->dtype == RTVI_U8 ? "u8" : "s8", v->zero_point);
    return text;
}

/* The quantized graph as "name op type(inputs)" lines, computed inputs only. */
static void describe(const rtvi_graph *graph, char *text, size_t capacity) {
    char type[16];
    size_t used = (size_t)snprintf(text, capacity, "input %s\n", type_of(&graph->values[graph->input], type));
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const rtvi_node *n = &graph->nodes[i];
        used += (size_t)snprintf(text + used, capacity - used, "%s %s %s(", n->name, rtvi_op_name(n->op),
                                 type_of(&graph->values[n->output], type));
        for (int32_t j = 0; j < n->num_inputs; j++)
            if (!graph->values[n->inputs[j]].is_constant)
                used += (size_t)snprintf(text + used, capacity - used, "%s%s", j ? " " : "", graph->values[n->inputs[j]].name);
        used += (size_t)snprintf(text + used, capacity - used, ")\n");
    }
}

static void expect(const rtvi_graph *graph, const char *expected) {
    static char text[8192];
    describe(graph, text, sizeof text);
    if (strcmp(text, expected) != 0) fail_msg("got\n%sexpected\n%s", text, expected);
}

static size_t node_named(const rtvi_graph *graph, const char *name) {
    for (size_t i = 0; i < graph->num_nodes; i++)
        if (strcmp(graph->nodes[i].name, name) == 0) return i;
    fail_msg("no node %s", name);
    return 0;
}

/* --- what runs where --- */

static void test_cgd(void **state) {
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    quant_calibrate(&w);
    quant_finish(&w);
    expect(w.quantized,
           "input u8+114\n"
           "conv1 qconv u8(input)\n"
           "maxpool max_pool u8(conv1)\n"
           "layer1.0.downsample.0 qconv s8(maxpool)\n"
           "layer1.0.conv1 qconv u8(maxpool)\n"
           "layer1.0.conv2 qconv u8(layer1.0.conv1)\n"
           "layer1.0.conv3 qconv u8(layer1.0.conv2 layer1.0.downsample.0)\n"
           "layer2.0.downsample.0 qconv s8(layer1.0.conv3)\n"
           "layer2.0.conv1 qconv u8(layer1.0.conv3)\n"
           "layer2.0.conv2 qconv u8(layer2.0.conv1)\n"
           "layer2.0.conv3 qconv u8(layer2.0.conv2 layer2.0.downsample.0)\n"
           "layer3.0.downsample.0 qconv s8(layer2.0.conv3)\n"
           "layer3.0.conv1 qconv u8(layer2.0.conv3)\n"
           "layer3.0.conv2 qconv u8(layer3.0.conv1)\n"
           "layer3.0.conv3 qconv u8(layer3.0.conv2 layer3.0.downsample.0)\n"
           "layer4.0.downsample.0 qconv s8(layer3.0.conv3)\n"
           "layer4.0.conv1 qconv u8(layer3.0.conv3)\n"
           "layer4.0.conv2 qconv u8(layer4.0.conv1)\n"
           "layer4.0.conv3 qconv u8(layer4.0.conv2 layer4.0.downsample.0)\n"
           "branch0.pool global_avg_pool f32(layer4.0.conv3)\n"
           "branch0.pool.codes quantize u8(branch0.pool)\n"
           "branch0.linear qlinear f32(branch0.pool.codes)\n"
           "branch0.normalize l2_normalize f32(branch0.linear)\n"
           "branch1.pool global_gem_pool f32(layer4.0.conv3)\n"
           "branch1.pool.codes quantize u8(branch1.pool)\n"
           "branch1.linear qlinear f32(branch1.pool.codes)\n"
           "branch1.normalize l2_normalize f32(branch1.linear)\n"
           "concat concat f32(branch0.normalize branch1.normalize)\n"
           "descriptor l2_normalize f32(concat)\n"
           "logits linear f32(branch0.pool)\n");
    assert_string_equal(w.quantized->architecture, "cgd_resnet");
    assert_string_equal(w.quantized->descriptors, "SG");
}

static void test_auxiliary_on_request(void **state) {
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    w.settings.quantize_auxiliary = 1;
    quant_calibrate(&w);
    quant_finish(&w);
    assert_int_equal(w.quantized->nodes[node_named(w.quantized, "logits")].op, RTVI_OP_QLINEAR);
    assert_int_equal(w.quantized->num_nodes, 29); /* the codes of branch0.pool serve both heads */
}

/* Without a descriptor the class scores are what the network is for. */
static void test_classifier(void **state) {
    (void)state;
    quant_world_init(&w, "classifier_bottleneck.pth");
    w.graph->outputs[0] = w.graph->outputs[--w.graph->num_outputs];
    quant_calibrate(&w);
    quant_finish(&w);
    assert_int_equal(w.quantized->nodes[node_named(w.quantized, w.graph->nodes[w.graph->num_nodes - 1].name)].op, RTVI_OP_QLINEAR);
}

/* No ResNet: values with a sign that maps and residuals want, a concat in the middle. */
static void test_toy(void **state) {
    (void)state;
    quant_world_init(&w, NULL);
    quant_calibrate(&w);
    quant_finish(&w);
    expect(w.quantized,
           "input u8+128\n"
           "stem qconv u8(input)\n"
           "grouped qconv s8(stem)\n"
           "wide qconv s8(stem stem)\n"
           "grouped.float dequantize f32(grouped)\n"
           "wide.float dequantize f32(wide)\n"
           "joined concat f32(grouped.float wide.float)\n"
           "pool max_pool f32(joined)\n"
           "peak global_max_pool f32(pool)\n"
           "gem global_gem_pool f32(pool)\n"
           "descriptor l2_normalize f32(peak)\n"
           "logits linear f32(gem)\n");
}

/* Ignored layers: floats up to the border and no further, each conversion once. */
static void test_ignored(void **state) {
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    w.keep_float[node_named(w.graph, "conv1")] = "ignored: test";
    w.keep_float[node_named(w.graph, "layer1.0.conv2")] = "ignored: test";
    w.keep_float[node_named(w.graph, "layer2.0.conv3")] = "ignored: test";
    w.keep_float[node_named(w.graph, "branch1.pool")] = "ignored: test";
    w.keep_float[node_named(w.graph, "branch0.linear")] = "ignored: test";
    quant_calibrate(&w);
    quant_finish(&w);
    expect(w.quantized,
           "input f32\n"
           "conv1 conv f32(input)\n"
           "maxpool max_pool f32(conv1)\n"
           "maxpool.codes quantize u8(maxpool)\n"
           "layer1.0.downsample.0 qconv s8(maxpool.codes)\n"
           "layer1.0.conv1 qconv u8(maxpool.codes)\n"
           "layer1.0.conv1.float dequantize f32(layer1.0.conv1)\n"
           "layer1.0.conv2 conv f32(layer1.0.conv1.float)\n"
           "layer1.0.conv2.codes quantize u8(layer1.0.conv2)\n"
           "layer1.0.conv3 qconv u8(layer1.0.conv2.codes layer1.0.downsample.0)\n"
           "layer2.0.downsample.0 qconv s8(layer1.0.conv3)\n"
           "layer2.0.conv1 qconv u8(layer1.0.conv3)\n"
           "layer2.0.conv2 qconv u8(layer2.0.conv1)\n"
           "layer2.0.conv2.float dequantize f32(layer2.0.conv2)\n"
           "layer2.0.downsample.0.float dequantize f32(layer2.0.downsample.0)\n"
           "layer2.0.conv3 conv f32(layer2.0.conv2.float layer2.0.downsample.0.float)\n"
           "layer2.0.conv3.codes quantize u8(layer2.0.conv3)\n"
           "layer3.0.downsample.0 qconv s8(layer2.0.conv3.codes)\n"
           "layer3.0.conv1 qconv u8(layer2.0.conv3.codes)\n"
           "layer3.0.conv2 qconv u8(layer3.0.conv1)\n"
           "layer3.0.conv3 qconv u8(layer3.0.conv2 layer3.0.downsample.0)\n"
           "layer4.0.downsample.0 qconv s8(layer3.0.conv3)\n"
           "layer4.0.conv1 qconv u8(layer3.0.conv3)\n"
           "layer4.0.conv2 qconv u8(layer4.0.conv1)\n"
           "layer4.0.conv3 qconv u8(layer4.0.conv2 layer4.0.downsample.0)\n"
           "branch0.pool global_avg_pool f32(layer4.0.conv3)\n"
           "branch0.linear linear f32(branch0.pool)\n"
           "branch0.normalize l2_normalize f32(branch0.linear)\n"
           "layer4.0.conv3.float dequantize f32(layer4.0.conv3)\n"
           "branch1.pool global_gem_pool f32(layer4.0.conv3.float)\n"
           "branch1.pool.codes quantize u8(branch1.pool)\n"
           "branch1.linear qlinear f32(branch1.pool.codes)\n"
           "branch1.normalize l2_normalize f32(branch1.linear)\n"
           "concat concat f32(branch0.normalize branch1.normalize)\n"
           "descriptor l2_normalize f32(concat)\n"
           "logits linear f32(branch0.pool)\n");
}

static void test_everything_ignored(void **state) {
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    for (int i = 0; i < QUANT_MAX_NODES; i++) w.keep_float[i] = "ignored: test";
    quant_calibrate(&w);
    quant_finish(&w);
    for (size_t i = 0; i < w.quantized->num_values; i++) assert_int_equal(w.quantized->values[i].dtype, RTVI_F32);
    assert_int_equal(w.quantized->num_nodes, w.graph->num_nodes);
}

/* A convolution with a sign whose result is read by a layer and as a residual: codes around 128 for the one, around 0 for the other. */
static void test_signed_value_read_twice(void **state) {
    const int64_t dims[] = {1, 3, 8, 8};
    rtvi_graph *g;
    int32_t x, y, weight;
    (void)state;
    memset(&w, 0, sizeof w);
    arch_world_init(&w.arch);
    rtvi_error_clear(&w.error);
    g = rtvi_graph_create(&w.arch.env, "g", &w.error);
    x = rtvi_graph_add_input(g, "input", 4, dims, &w.error);
    weight = toy_constant(g, "a.weight", 0, 1, 0, TOY_DIMS(4, 3, 1, 1), &w.error);
    x = rtvi_graph_add_node(g, RTVI_OP_CONV, "a", TOY_INPUTS(x, weight), NULL, &w.error);
    weight = toy_constant(g, "b.weight", 1, 1, 0, TOY_DIMS(4, 4, 1, 1), &w.error);
    y = rtvi_graph_add_node(g, RTVI_OP_CONV, "b", TOY_INPUTS(x, weight), NULL, &w.error);
    x = rtvi_graph_add_node(g, RTVI_OP_ADD, "sum", TOY_INPUTS(y, x), NULL, &w.error);
    x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(x), NULL, &w.error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &w.error);
    quant_fold(&w, g);
    w.settings.ranges = w.ranges;
    quant_calibrate(&w);
    quant_finish(&w);
    expect(w.quantized,
           "input u8+128\n"
           "a qconv s8(input)\n"
           "a.float dequantize f32(a)\n"
           "a.codes quantize u8+128(a.float)\n"
           "b qconv s8(a.codes a)\n"
           "pool global_avg_pool f32(b)\n");
    assert_true(w.quantized->values[rtvi_graph_find_value(w.quantized, "a.codes")].scale ==
                w.quantized->values[rtvi_graph_find_value(w.quantized, "a")].scale); /* the same numbers */
}

static void test_performance_preset(void **state) {
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    w.settings.preset = RTVI_QUANT_PERFORMANCE;
    quant_calibrate(&w);
    quant_finish(&w);
    assert_int_equal(w.quantized->values[w.quantized->input].zero_point, 128);
}

/* The input's range follows from the preprocessing where there is one. */
static void test_input_range(void **state) {
    rtvi_quant_range range;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    range = rtvi_quant_plan_input_range(w.graph, &w.settings);
    assert_float_equal(range.lo, -0.485f / 0.229f, 1e-6f);
    assert_float_equal(range.hi, (1 - 0.406f) / 0.225f, 1e-6f);
    w.graph->preprocess.width = 0;
    w.ranges[w.graph->input] = (rtvi_quant_range){-3, 4};
    range = rtvi_quant_plan_input_range(w.graph, &w.settings);
    assert_true(range.lo == -3 && range.hi == 4);
}

/* --- what it computes --- */

/* Codes of every value, by name, of one run beside another. */
typedef struct codes_of {
    struct {
        char name[64];
        int64_t count;
        uint8_t *codes;
    } values[QUANT_MAX_VALUES];
    int count;
    int64_t total, differing; /* when comparing */
    int largest;
} codes_of;

static void keep_codes(void *user, const char *value, const rtvi_tensor *tensor) {
    codes_of *k = user;
    if (tensor->dtype == RTVI_F32) return;
    assert_in_range(k->count, 0, QUANT_MAX_VALUES - 1);
    snprintf(k->values[k->count].name, 64, "%s", value);
    k->values[k->count].count = rtvi_tensor_count(tensor);
    k->values[k->count].codes = malloc((size_t)rtvi_tensor_count(tensor));
    rtvi_tensor_to_bytes(tensor, k->values[k->count++].codes);
}

static void compare_codes(void *user, const char *value, const rtvi_tensor *tensor) {
    codes_of *k = user;
    const uint8_t *codes = tensor->data;
    for (int i = 0; i < k->count && tensor->dtype != RTVI_F32; i++) {
        if (strcmp(k->values[i].name, value) != 0) continue;
        k->total += k->values[i].count;
        for (int64_t j = 0; j < k->values[i].count; j++) {
            const int d =
                tensor->dtype == RTVI_U8 ? abs(codes[j] - k->values[i].codes[j]) : abs((int8_t)codes[j] - (int8_t)k->values[i].codes[j]);
            k->differing += d != 0;
            if (d > k->largest) k->largest = d;
        }
    }
}

/* The simulation computes the same in floats: what differs are ties that a rounding decides, and what follows from them. */
static void expect_simulation_agrees(void) {
    static codes_of kept;
    rtvi_graph *simulated;
    quant_run a, b;
    memset(&kept, 0, sizeof kept);
    if (rtvi_quant_graph_simulate(w.quantized, NULL, &simulated, &w.error) != RTV_OK) fail_msg("%s", w.error.message);
    quant_run_begin(&a, w.quantized);
    quant_run_begin(&b, simulated);
    for (int64_t s = 0; s < 3; s++) {
        const float *x = quant_run_sample(&a, w.quantized, s, keep_codes, &kept);
        const float *y = quant_run_sample(&b, simulated, s, compare_codes, &kept);
        assert_true(quant_cosine(x, y, w.quantized->values[w.quantized->outputs[0].value].dims[1]) > 0.9999);
        for (int i = 0; i < kept.count; i++) free(kept.values[i].codes);
        kept.count = 0;
    }
    assert_true(kept.total > 1000);
    assert_in_range(kept.largest, 0, 1);
    if (kept.differing * 500 > kept.total) fail_msg("%lld of %lld codes differ", (long long)kept.differing, (long long)kept.total);
    quant_run_end(&a);
    quant_run_end(&b);
    rtvi_graph_destroy(simulated);
}

static double mean_cosine(void) {
    const int64_t count = w.graph->values[w.graph->outputs[0].value].dims[1];
    quant_run a, b;
    double sum = 0;
    quant_run_begin(&a, w.graph);
    quant_run_begin(&b, w.quantized);
    for (int64_t s = 0; s < QUANT_SAMPLES; s++)
        sum += quant_cosine(quant_run_sample(&a, w.graph, s, NULL, NULL), quant_run_sample(&b, w.quantized, s, NULL, NULL), count);
    quant_run_end(&a);
    quant_run_end(&b);
    return sum / QUANT_SAMPLES;
}

static void test_computes_nearly_the_same(void **state) {
    static const char *const models[] = {"cgd_sg.pth", "cgd_sg_resnext.pth", "cgd_gsm.safetensors", "classifier_basic.legacy.pth", NULL};
    (void)state;
    for (int i = 0; i < 5; i++) {
        const rtv_import_options options = arch_options(i == 2 ? "GSM" : "SG");
        memset(&w, 0, sizeof w);
        if (i == 2) { /* quant_world_init knows two letters only */
            rtvi_graph *graph;
            arch_world_init(&w.arch);
            w.weights_file = arch_open(&w.arch, models[i]);
            assert_int_equal(rtvi_arch_build(&w.arch.env, w.weights_file, &options, &graph, &w.error), RTV_OK);
            quant_fold(&w, graph);
            w.settings.ranges = w.ranges;
            w.settings.keep_float = w.keep_float;
        } else {
            quant_world_init(&w, models[i]);
        }
        w.graph->preprocess.width = 0; /* the noise is not of a picture's range */
        quant_calibrate(&w);
        quant_finish(&w);
        if (mean_cosine() < 0.998) fail_msg("model %d: cosine %g", i, mean_cosine());
        /* 256 steps a value, a handful of layers */ /* 256 steps a value, a handful of layers */
        expect_simulation_agrees();
        if (i < 4) quant_world_destroy(&w);
    }
}

/* Fewer bits for the weights, in the simulation only, cost more and more. */
static void test_other_weights(void **state) {
    double last = 2;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    w.graph->preprocess.width = 0;
    quant_calibrate(&w);
    quant_finish(&w);
    for (int32_t bits = 8; bits >= 2; bits -= 2) {
        const rtvi_quant_simulation how = {w.graph, RTVI_QUANT_TENSOR_ASYMMETRIC, bits};
        rtvi_graph *simulated, *model = w.quantized;
        double cosine;
        assert_int_equal(rtvi_quant_graph_simulate(model, &how, &simulated, &w.error), RTV_OK);
        w.quantized = simulated;
        cosine = mean_cosine();
        w.quantized = model;
        rtvi_graph_destroy(simulated);
        assert_true(cosine < last);
        last = cosine;
    }
    assert_true(last < 0.99);
    {
        const rtvi_quant_simulation bad = {w.graph, RTVI_QUANT_TENSOR_ASYMMETRIC, 9};
        rtvi_graph *simulated;
        assert_int_equal(rtvi_quant_graph_simulate(w.quantized, &bad, &simulated, &w.error), RTV_E_INVALID_ARGUMENT);
        assert_string_equal(w.error.message, "quantizer: weight bits: got 9, expected 2..8");
    }
}

static void test_report(void **state) {
    rtvi_quant_report_row row;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    w.keep_float[node_named(w.graph, "branch0.linear")] = "ignored: name branch0.linear";
    quant_calibrate(&w);
    quant_finish(&w);
    row = rtvi_quant_graph_report(w.graph, &w.plan, w.rounded, node_named(w.graph, "layer1.0.conv3"));
    assert_string_equal(row.name, "layer1.0.conv3");
    assert_string_equal(row.op, "conv");
    assert_string_equal(row.runs_in, "int8");
    assert_true(row.codes.dtype == RTVI_U8 && row.codes.scale > 0 && row.codes.zero_point == 0);
    assert_true(row.weight_snr_db > 35 && row.weight_snr_db < 60); /* 6.02 dB a bit, 8 bits */
    row = rtvi_quant_graph_report(w.graph, &w.plan, w.rounded, node_named(w.graph, "branch0.linear"));
    assert_string_equal(row.runs_in, "float32");
    assert_string_equal(row.why, "ignored: name branch0.linear");
    row = rtvi_quant_graph_report(w.graph, &w.plan, w.rounded, node_named(w.graph, "logits"));
    assert_string_equal(row.why, "only the class scores need it");
    row = rtvi_quant_graph_report(w.graph, &w.plan, w.rounded, node_named(w.graph, "concat"));
    assert_string_equal(row.why, "has no form on codes");
    assert_int_equal(row.codes.dtype, RTVI_F32);
    row = rtvi_quant_graph_report(w.graph, &w.plan, w.rounded, node_named(w.graph, "maxpool"));
    assert_string_equal(row.why, "its input is codes");
}

/* --- bad input --- */

static void expect_refused(int32_t value, rtvi_quant_range range, int32_t status, const char *message) {
    const rtvi_quant_range kept = w.ranges[value];
    w.ranges[value] = range;
    assert_int_equal(rtvi_quant_plan_make(w.graph, &w.settings, &w.plan, &w.error), status);
    assert_contains(w.error.message, message);
    w.ranges[value] = kept;
}

static void test_bad_ranges(void **state) {
    int32_t value;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    quant_calibrate(&w);
    value = rtvi_graph_find_value(w.graph, "layer2.0.conv1");
    expect_refused(value, (rtvi_quant_range){0, 0}, RTV_E_FORMAT,
                   "quantizer: value \"layer2.0.conv1\": got range 0..0, expected activations that vary");
    expect_refused(value, (rtvi_quant_range){0, INFINITY}, RTV_E_FORMAT, "got range 0..inf, expected a range that is finite");
    expect_refused(value, (rtvi_quant_range){NAN, 1}, RTV_E_FORMAT, "expected a range that is finite");
    expect_refused(value, (rtvi_quant_range){1, 0}, RTV_E_NOT_FOUND, "quantizer: value \"layer2.0.conv1\": got no range");
    expect_refused(rtvi_graph_find_value(w.graph, "branch1.pool"), (rtvi_quant_range){2, 2}, RTV_E_FORMAT, "value \"branch1.pool\"");
    w.keep_float[node_named(w.graph, "layer2.0.conv1")] = "ignored"; /* its range is needed where its result is quantized */
    expect_refused(value, (rtvi_quant_range){0, 0}, RTV_E_FORMAT, "value \"layer2.0.conv1\"");
    w.keep_float[node_named(w.graph, "layer2.0.conv2")] = "ignored"; /* and no longer */
    expect_refused(value, (rtvi_quant_range){0, 0}, RTV_OK, "");
}

static void test_quantized_already(void **state) {
    rtvi_quant_plan plan;
    (void)state;
    quant_world_init(&w, "cgd_sg.pth");
    quant_calibrate(&w);
    quant_finish(&w);
    assert_int_equal(rtvi_quant_plan_make(w.quantized, &w.settings, &plan, &w.error), RTV_E_INVALID_ARGUMENT);
    assert_contains(w.error.message, "quantizer: model \"cgd_resnet\": got one that is quantized, expected float32");
}

static void test_allocation_failures(void **state) {
    long live, n = 0;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    quant_world_init(&w, NULL);
    quant_calibrate(&w);
    quant_finish(&w);
    live = w.arch.heap.live;
    while (status != RTV_OK) {
        rtvi_quant_plan plan;
        rtvi_graph *quantized = NULL, *simulated = NULL;
        w.arch.heap.fail_at = w.arch.heap.calls + ++n;
        status = rtvi_quant_plan_make(w.graph, &w.settings, &plan, &w.error);
        if (status == RTV_OK) {
            status = rtvi_quant_graph_rewrite(w.graph, &plan, w.rounded, &quantized, &w.error);
            if (status == RTV_OK) status = rtvi_quant_graph_simulate(quantized, NULL, &simulated, &w.error);
            rtvi_quant_plan_destroy(&plan);
        }
        rtvi_graph_destroy(quantized);
        rtvi_graph_destroy(simulated);
        if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        assert_int_equal(w.arch.heap.live, live);
    }
    w.arch.heap.fail_at = 0;
    assert_true(n > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_cgd, teardown),
        cmocka_unit_test_teardown(test_auxiliary_on_request, teardown),
        cmocka_unit_test_teardown(test_classifier, teardown),
        cmocka_unit_test_teardown(test_toy, teardown),
        cmocka_unit_test_teardown(test_ignored, teardown),
        cmocka_unit_test_teardown(test_everything_ignored, teardown),
        cmocka_unit_test_teardown(test_signed_value_read_twice, teardown),
        cmocka_unit_test_teardown(test_performance_preset, teardown),
        cmocka_unit_test_teardown(test_input_range, teardown),
        cmocka_unit_test_teardown(test_computes_nearly_the_same, teardown),
        cmocka_unit_test_teardown(test_other_weights, teardown),
        cmocka_unit_test_teardown(test_report, teardown),
        cmocka_unit_test_teardown(test_bad_ranges, teardown),
        cmocka_unit_test_teardown(test_quantized_already, teardown),
        cmocka_unit_test_teardown(test_allocation_failures, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
