/* test_arch_build.c - networks from checkpoints: golden dumps, names in all their forms, and everything that can be wrong with a
 * checkpoint. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "arch_support.h"

static arch_world w;
static rtv_error error;

static rtvi_graph *build(rtvi_weights *weights, const rtv_import_options *options) {
    rtvi_graph *graph;
    if (rtvi_arch_build(&w.env, weights, options, &graph, &error) != RTV_OK) fail_msg("%s", error.message);
    assert_int_equal(rtvi_graph_verify(graph, &error), RTV_OK);
    return graph;
}

static void expect_error(rtvi_weights *weights, const rtv_import_options *options, int32_t status, const char *message) {
    rtvi_graph *graph = (rtvi_graph *)&w;
    assert_int_equal(rtvi_arch_build(&w.env, weights, options, &graph, &error), status);
    assert_string_equal(error.message, message);
    assert_int_equal(error.status, status);
    assert_null(graph);
    assert_int_equal(rtvi_arch_build(&w.env, weights, options, &graph, NULL), status);
}

/* --- golden dumps --- */

static void dumps_are_as_in_the_golden_files(void **state) {
    static const struct {
        const char *model, *descriptors, *plain, *fused;
    } cases[] = {
        {"cgd_sg.pth", "SG", "cgd_sg", "cgd_sg_fused"},
        {"cgd_m.safetensors", "M", NULL, "cgd_m_fused"},
        {"cgd_gsm.safetensors", "GSM", NULL, "cgd_gsm_fused"},
        {"cgd_sg_resnext.pth", "SG", "cgd_sg_resnext", "cgd_sg_resnext_fused"},
        {"classifier_bottleneck.pth", NULL, "classifier_bottleneck", "classifier_bottleneck_fused"},
        {"classifier_basic.legacy.pth", NULL, "classifier_basic", "classifier_basic_fused"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rtv_import_options options = arch_options(cases[i].descriptors);
        rtvi_weights *weights = arch_open(&w, cases[i].model);
        rtvi_graph *graph = build(weights, &options);
        if (cases[i].plain) toy_assert_dump(graph, cases[i].plain);
        arch_fuse(graph);
        toy_assert_dump(graph, cases[i].fused);
        rtvi_graph_destroy(graph);
        rtvi_weights_close(weights);
    }
}

/* --- what checkpoints look like --- */

/* nn.Sequential's numbers to torchvision's names. */
static int name_trunk(char *name, rtvi_tensor *tensor) {
    static const char *const pairs[][2] = {{"features.0.", "conv1."},  {"features.1.", "bn1."},    {"features.4.", "layer1."},
                                           {"features.5.", "layer2."}, {"features.6.", "layer3."}, {"features.7.", "layer4."}};
    char old[128];
    (void)tensor;
    strcpy(old, name);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t length = strlen(pairs[i][0]);
        if (strncmp(old, pairs[i][0], length) == 0) snprintf(name, 128, "%s%s", pairs[i][1], old + length);
    }
    return 1;
}

/* Node names do not depend on how the checkpoint names the trunk. */
static void both_ways_of_naming_the_trunk_build(void **state) {
    rtv_import_options options = arch_options("SG");
    rtvi_weights *numbered = arch_open(&w, "cgd_sg.pth"), *named = arch_open_changed(&w, "cgd_sg.pth", name_trunk);
    rtvi_graph *a = build(numbered, &options), *b = build(named, &options);
    (void)state;
    assert_string_equal(b->architecture, "cgd_resnet");
    assert_int_equal(a->num_nodes, b->num_nodes);
    for (size_t i = 0; i < a->num_nodes; i++) assert_string_equal(a->nodes[i].name, b->nodes[i].name);
    assert_true(rtvi_graph_find_value(a, "features.4.0.conv2.weight") > 0);
    assert_true(rtvi_graph_find_value(b, "layer1.0.conv2.weight") > 0);
    rtvi_graph_destroy(a);
    rtvi_graph_destroy(b);
    rtvi_weights_close(numbered);
    rtvi_weights_close(named);
}

static int drop_auxiliary(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    return strncmp(name, "auxiliary_module", 16) != 0;
}

static void the_auxiliary_classifier_is_optional(void **state) {
    static const char *const names[] = {"a"};
    rtv_import_options options = arch_options("SG");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_sg.pth", drop_auxiliary);
    rtvi_graph *graph = build(weights, &options);
    (void)state;
    assert_int_equal(graph->num_outputs, 1);
    assert_int_equal(rtvi_graph_output(graph, RTVI_ROLE_LOGITS), -1);
    options.class_names = names;
    options.num_class_names = 1;
    expect_error(weights, &options, RTV_E_MISMATCH, "import: num_class_names: got 1, expected the classifier's 0");
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

static int drop_counters(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    return strstr(name, "num_batches_tracked") == NULL;
}

static void counters_of_training_are_optional(void **state) {
    rtv_import_options options = arch_options(NULL); /* SG */
    rtvi_weights *weights = arch_open_changed(&w, "cgd_sg.pth", drop_counters);
    rtvi_graph *graph = build(weights, &options);
    (void)state;
    assert_string_equal(graph->descriptors, "SG");
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

static float constant_at(const rtvi_graph *graph, const char *name, int64_t i) {
    const rtvi_tensor *tensor = &graph->values[rtvi_graph_find_value(graph, name)].constant;
    float value;
    assert_int_equal(tensor->dtype, RTVI_F32);
    memcpy(&value, (const char *)tensor->data + 4 * i, sizeof value);
    return value;
}

static void dense_floats_stay_in_the_file_and_others_are_converted(void **state) {
    static const uint16_t bf16[2] = {0x3fc0, 0xc000}; /* 1.5, -2 */
    static const double f64[5] = {0.1, 1, 2, 3, 4};
    rtv_import_options options = arch_options(NULL);
    rtvi_weights *weights = arch_open(&w, "classifier_bottleneck.pth");
    rtvi_weight *fc = rtvi_weights_find(weights, "fc.weight"), *bias = rtvi_weights_find(weights, "fc.bias");
    rtvi_weight *mean = rtvi_weights_find(weights, "bn1.running_mean"), *stem = rtvi_weights_find(weights, "conv1.weight");
    const float *transposed = fc->tensor.data;
    rtvi_graph *graph;
    float expected;
    (void)state;
    fc->tensor.strides[0] = 1; /* as if it had been saved transposed */
    fc->tensor.strides[1] = 5;
    bias->tensor = rtvi_tensor_contiguous(RTVI_F64, 1, bias->tensor.dims, f64);
    mean->tensor = rtvi_tensor_contiguous(RTVI_BF16, 1, mean->tensor.dims, bf16);
    mean->tensor.dims[0] = 4;
    mean->tensor.strides[0] = 0; /* one value for all */
    graph = build(weights, &options);
    memcpy(&expected, transposed + 5 * 7 + 3, sizeof expected);
    assert_true(constant_at(graph, "fc.weight", 128 * 3 + 7) == expected);
    assert_true(constant_at(graph, "fc.bias", 0) == 0.1f && constant_at(graph, "fc.bias", 4) == 4.0f);
    assert_true(constant_at(graph, "bn1.running_mean", 3) == 1.5f);
    assert_ptr_equal(graph->values[rtvi_graph_find_value(graph, "conv1.weight")].constant.data, stem->tensor.data);
    assert_null(graph->values[rtvi_graph_find_value(graph, "conv1.weight")].owned);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

static void half_floats_stay_in_the_file(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open(&w, "cgd_s.safetensors");
    rtvi_graph *graph = build(weights, &options);
    const rtvi_value *value = &graph->values[rtvi_graph_find_value(graph, "features.0.weight")];
    (void)state;
    assert_int_equal(value->dtype, RTVI_F16);
    assert_ptr_equal(value->constant.data, rtvi_weights_find(weights, "features.0.weight")->tensor.data);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

/* --- what the options say --- */

static void options_reach_the_graph(void **state) {
    static const char *const names[] = {"ant", "bee", "cat", "dog", "eel"};
    rtv_import_options options = arch_options("SG");
    rtvi_weights *weights = arch_open(&w, "cgd_sg.pth");
    rtvi_graph *graph;
    int32_t map;
    (void)state;
    options.input_width = 96;
    options.input_height = 64;
    options.name = "my model";
    options.class_names = names;
    options.num_class_names = 5;
    graph = build(weights, &options);
    assert_string_equal(graph->name, "my model");
    assert_string_equal(graph->architecture, "cgd_resnet");
    assert_string_equal(graph->descriptors, "SG");
    assert_string_equal(graph->class_names[3], "dog");
    assert_int_equal(graph->preprocess.width, 96);
    assert_int_equal(graph->preprocess.height, 64);
    assert_int_equal(graph->values[graph->input].dims[2], 64);
    map = rtvi_graph_find_value(graph, "layer3.0.relu");
    assert_int_equal(graph->values[map].dims[2], 8); /* 64 / 8: the third stage has stride 1 */
    rtvi_graph_destroy(graph);
    options.layer3_stride = 2;
    options.name = NULL;
    graph = build(weights, &options);
    assert_string_equal(graph->name, "cgd_resnet");
    map = rtvi_graph_find_value(graph, "layer3.0.relu");
    assert_int_equal(graph->values[map].dims[2], 4);
    rtvi_graph_destroy(graph);
    options.num_class_names = 4;
    expect_error(weights, &options, RTV_E_MISMATCH, "import: num_class_names: got 4, expected the classifier's 5");
    rtvi_weights_close(weights);
}

static void the_classifier_has_its_own_stride(void **state) {
    rtv_import_options options = arch_options(NULL);
    rtvi_weights *weights = arch_open(&w, "classifier_basic.legacy.pth");
    rtvi_graph *graph = build(weights, &options);
    (void)state;
    assert_string_equal(graph->architecture, "resnet_classifier");
    assert_string_equal(graph->descriptors, "");
    assert_int_equal(graph->values[rtvi_graph_find_value(graph, "layer3.0.relu")].dims[2], 2); /* 32 / 16 */
    rtvi_graph_destroy(graph);
    options.layer3_stride = 1;
    graph = build(weights, &options);
    assert_int_equal(graph->values[rtvi_graph_find_value(graph, "layer3.0.relu")].dims[2], 4);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

static void the_smallest_and_a_large_picture_have_maps(void **state) {
    rtv_import_options options = arch_options("SG");
    rtvi_weights *weights = arch_open(&w, "cgd_sg.pth");
    rtvi_graph *graph;
    (void)state;
    options.input_width = options.input_height = 1;
    graph = build(weights, &options);
    assert_int_equal(graph->values[rtvi_graph_find_value(graph, "layer4.0.relu")].dims[3], 1);
    rtvi_graph_destroy(graph);
    options.input_width = options.input_height = 4096;
    graph = build(weights, &options);
    assert_int_equal(graph->values[rtvi_graph_find_value(graph, "layer4.0.relu")].dims[3], 256);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
}

/* The letters are not in a checkpoint; how many branches it has is. */
static void letters_must_fit_the_branches(void **state) {
    rtvi_weights *one = arch_open(&w, "cgd_s.safetensors"), *two = arch_open(&w, "cgd_sg.pth"),
                 *three = arch_open(&w, "cgd_smg.safetensors");
    rtv_import_options options = arch_options("S");
    (void)state;
    expect_error(
        two, &options, RTV_E_MISMATCH,
        "weights: the checkpoint has 2 branches (main_modules), expected 1 for descriptors \"S\"; as many have: SM MS SG GS MG GM");
    expect_error(three, &options, RTV_E_MISMATCH,
                 "weights: the checkpoint has 3 branches (main_modules), expected 1 for descriptors \"S\"; as many have: SMG MSG GSM");
    options.descriptors = NULL;
    expect_error(one, &options, RTV_E_MISMATCH,
                 "weights: the checkpoint has 1 branches (main_modules), expected 2 for descriptors \"SG\"; as many have: S M G");
    options.descriptors = "GSM";
    rtvi_graph_destroy(build(three, &options));
    options.descriptors = "GMS";
    expect_error(three, &options, RTV_E_INVALID_ARGUMENT,
                 "import: descriptors: got \"GMS\", expected one of S M G SM MS SG GS MG GM SMG MSG GSM");
    options.descriptors = "";
    expect_error(one, &options, RTV_E_INVALID_ARGUMENT,
                 "import: descriptors: got \"\", expected one of S M G SM MS SG GS MG GM SMG MSG GSM");
    rtvi_weights_close(one);
    rtvi_weights_close(two);
    rtvi_weights_close(three);
}

static int a_fourth_branch(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    if (strcmp(name, "auxiliary_module.1.weight") == 0) strcpy(name, "main_modules.3.0.weight");
    return 1;
}

static void four_branches_fit_nothing(void **state) {
    rtv_import_options options = arch_options("SMG");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_smg.safetensors", a_fourth_branch);
    (void)state;
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: the checkpoint has 4 branches (main_modules), expected 3 for descriptors \"SMG\"; no configuration has as many");
    rtvi_weights_close(weights);
}

static int rename_all(char *name, rtvi_tensor *tensor) {
    char old[128];
    (void)tensor;
    strcpy(old, name);
    snprintf(name, 128, "net.%.100s", old + 1);
    return 1;
}

static void the_architecture_is_told_or_named(void **state) {
    rtv_import_options options = arch_options(NULL);
    rtvi_weights *weights = arch_open(&w, "classifier_basic.legacy.pth"), *unknown = arch_open_changed(&w, "cgd_s.safetensors", rename_all);
    (void)state;
    expect_error(unknown, &options, RTV_E_UNSUPPORTED,
                 "weights: architecture: got 110 tensors (\"net.uxiliary_module.0.num_batches_tracked\" is the first) of no known network, "
                 "expected cgd_resnet or "
                 "resnet_classifier");
    options.architecture = "vgg";
    expect_error(weights, &options, RTV_E_INVALID_ARGUMENT,
                 "import: architecture: got \"vgg\", expected \"cgd_resnet\" or \"resnet_classifier\"");
    options.architecture = "resnet_classifier";
    rtvi_graph_destroy(build(weights, &options));
    options.descriptors = "SG";
    expect_error(weights, &options, RTV_E_INVALID_ARGUMENT, "import: descriptors: got \"SG\", expected none for resnet_classifier");
    options.descriptors = "";
    rtvi_graph_destroy(build(weights, &options));
    rtvi_weights_close(weights);
    rtvi_weights_close(unknown);
}

/* The names say cgd_resnet's trunk, the option the other: all that is missing and surplus is counted. */
static void the_wrong_architecture_lacks_its_tensors(void **state) {
    rtv_import_options options = arch_options("SG");
    rtvi_weights *weights = arch_open(&w, "classifier_bottleneck.pth");
    (void)state;
    options.architecture = "cgd_resnet";
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: tensor \"main_modules.0.0.weight\" is missing, expected shape [?,128]; "
                 "tensor \"main_modules.1.0.weight\" is missing, expected shape [?,128]; tensor \"fc.weight\" of shape [5,128] is surplus; "
                 "tensor \"fc.bias\" of shape [5] is surplus");
    rtvi_weights_close(weights);
}

/* --- what checkpoints lack --- */

static int spoil_everything(char *name, rtvi_tensor *tensor) {
    if (strcmp(name, "features.0.weight") == 0) return 0;
    if (strcmp(name, "features.4.0.bn2.bias") == 0) strcpy(name, "features.4.0.bn2.offset");
    if (strcmp(name, "features.4.0.conv1.weight") == 0) { /* [4,4,1,1] */
        tensor->dims[0] = 2;
        tensor->dims[1] = 8;
    }
    if (strcmp(name, "features.4.0.conv3.weight") == 0) tensor->rank = 3; /* [16,4,1,1] */
    if (strcmp(name, "features.5.0.bn1.weight") == 0) tensor->dtype = RTVI_I16;
    return 1;
}

static void missing_then_misshaped_then_surplus_tensors_are_named(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_s.safetensors", spoil_everything);
    (void)state;
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: tensor \"features.0.weight\" is missing, expected shape [?,3,7,7]; "
                 "tensor \"features.4.0.bn2.bias\" is missing, expected shape [4]; "
                 "tensor \"features.4.0.conv1.weight\" has shape [2,8,1,1], expected [?,4,1,1]; "
                 "tensor \"features.4.0.conv3.weight\" has shape [16,4,1], expected [16,4,1,1]; "
                 "tensor \"features.5.0.bn1.weight\" has type I16, expected floating point; "
                 "tensor \"features.4.0.bn2.offset\" of shape [4] is surplus");
    rtvi_weights_close(weights);
}

static int spoil_one(char *name, rtvi_tensor *tensor) {
    if (strcmp(name, "features.6.0.conv2.weight") == 0) { /* [16,16,3,3] */
        tensor->dims[1] = 48;
        tensor->dims[2] = 1;
    }
    return 1;
}

static void one_bad_shape_is_one_sentence(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_s.safetensors", spoil_one);
    (void)state;
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: tensor \"features.6.0.conv2.weight\" has shape [16,48,1,3], expected [?,16,3,3]");
    rtvi_weights_close(weights);
}

static int spoil_groups(char *name, rtvi_tensor *tensor) {
    if (strcmp(name, "features.6.0.conv2.weight") == 0) { /* eight groups of 2 inputs, which nine outputs cannot share */
        tensor->dims[0] = 9;
        tensor->dims[1] = 2;
    }
    return 1;
}

static void outputs_must_divide_among_the_groups(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_s.safetensors", spoil_groups);
    (void)state;
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: tensor \"features.6.0.conv2.weight\" has shape [9,2,3,3], expected [?,16,3,3]");
    rtvi_weights_close(weights);
}

static int drop_downsample(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    return strstr(name, "downsample") == NULL;
}

/* Stage 2 needs its projection for the stride, stages 1 and 3 for the channels. */
static void projections_that_shapes_need_are_missed(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_s.safetensors", drop_downsample);
    rtvi_graph *graph;
    (void)state;
    assert_int_equal(rtvi_arch_build(&w.env, weights, &options, &graph, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "weights: tensor \"features.4.0.downsample.0.weight\" is missing, expected shape [16,4,1,1]; ");
    assert_contains(error.message, "\"features.4.0.downsample.1.running_var\" is missing, expected shape [?]");
    assert_contains(error.message, "; and 15 more"); /* of 4 * 5 */
    assert_in_range(strlen(error.message), 380, 495);
    rtvi_weights_close(weights);
}

static int widen_second_block(char *name, rtvi_tensor *tensor) {
    if (strcmp(name, "layer1.1.conv3.weight") == 0) { /* [16,4,1,1] */
        tensor->dims[0] = 8;
        tensor->dims[1] = 8;
    }
    return 1;
}

static void a_block_must_fit_its_shortcut(void **state) {
    rtv_import_options options = arch_options(NULL);
    rtvi_weights *weights = arch_open_changed(&w, "classifier_bottleneck.pth", widen_second_block);
    (void)state;
    expect_error(weights, &options, RTV_E_MISMATCH, "weights: tensor \"layer1.1.conv3.weight\" has shape [8,8,1,1], expected [16,4,1,1]");
    rtvi_weights_close(weights);
}

static int drop_layer(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    return strncmp(name, "layer3.", 7) != 0;
}

/* Without the stage nobody knows its channels, and the next is built on "?". */
static void a_missing_stage_is_missed_from_its_first_tensor_on(void **state) {
    rtv_import_options options = arch_options(NULL);
    rtvi_weights *weights = arch_open_changed(&w, "classifier_basic.legacy.pth", drop_layer);
    rtvi_graph *graph;
    (void)state;
    assert_int_equal(rtvi_arch_build(&w.env, weights, &options, &graph, &error), RTV_E_MISMATCH);
    assert_contains(error.message, "weights: tensor \"layer3.0.downsample.0.weight\" is missing, expected shape [?,8,1,1]; ");
    assert_contains(error.message, " more");
    rtvi_weights_close(weights);
}

static int empty_and_huge(char *name, rtvi_tensor *tensor) {
    (void)tensor;
    return strcmp(name, "features.1.bias") != 0;
}

/* Strides of zero make a tensor of any size from one number. */
static void absurd_dimensions_are_refused(void **state) {
    rtv_import_options options = arch_options("S");
    rtvi_weights *weights = arch_open_changed(&w, "cgd_s.safetensors", empty_and_huge);
    rtvi_weight *linear = rtvi_weights_find(weights, "main_modules.0.0.weight");
    (void)state;
    linear->tensor.dims[0] = INT64_C(1) << 40;
    linear->tensor.strides[0] = 0;
    expect_error(weights, &options, RTV_E_MISMATCH,
                 "weights: tensor \"features.1.bias\" is missing, expected shape [4]; "
                 "tensor \"main_modules.0.0.weight\" has shape [1099511627776,128], expected [?,128]");
    rtvi_weights_close(weights);
}

static uint32_t random_state;

static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

/* About one tensor in thirty is left out, renamed, or given another rank, type or size; never more bytes than it has. */
static int damage_at_random(char *name, rtvi_tensor *tensor) {
    static const rtvi_dtype types[] = {RTVI_F16, RTVI_BF16, RTVI_I16, RTVI_I8, RTVI_U8, RTVI_BOOL};
    int64_t first = tensor->dims[0];
    switch (pick(200)) {
        case 0:
            return 0;
        case 1:
            name += pick((uint32_t)strlen(name));
            snprintf(name, 20, "%u", pick(1u << 24)); /* names stay different */
            return 1;
        case 2:
            if (tensor->rank > 0) tensor->rank--;
            return 1;
        case 3:
            if (rtvi_dtype_size(tensor->dtype) > 1) tensor->dtype = types[pick(sizeof types / sizeof *types)];
            return 1;
        case 4:
            if (tensor->rank > 0) tensor->dims[pick((uint32_t)tensor->rank)] = pick(2);
            *tensor = rtvi_tensor_contiguous(tensor->dtype, tensor->rank, tensor->dims, tensor->data);
            return 1;
        case 5: /* transposed, as far as the shape shows */
            if (tensor->rank > 1) {
                tensor->dims[0] = tensor->dims[1];
                tensor->dims[1] = first;
                *tensor = rtvi_tensor_contiguous(tensor->dtype, tensor->rank, tensor->dims, tensor->data);
            }
            return 1;
        default:
            return 1;
    }
}

/* Whatever is wrong with a checkpoint, it is told; what builds, passes. */
static void random_damage_is_told(void **state) {
    rtv_import_options options = arch_options("SMG");
    int built = 0, refused = 0;
    (void)state;
    for (random_state = 1; built + refused < 200;) {
        rtvi_weights *weights = arch_open_changed(&w, "cgd_smg.safetensors", damage_at_random);
        rtvi_graph *graph;
        int32_t status = rtvi_arch_build(&w.env, weights, &options, &graph, &error);
        if (status == RTV_OK) {
            arch_fuse(graph);
            built++;
        } else {
            assert_int_equal(status, RTV_E_MISMATCH);
            assert_memory_equal(error.message, "weights: ", 9);
            assert_null(graph);
            refused++;
        }
        rtvi_graph_destroy(graph);
        rtvi_weights_close(weights);
    }
    assert_true(built > 0 && refused > 100);
}

/* --- memory --- */

static void every_failed_allocation_is_told_and_nothing_leaks(void **state) {
    static const char *const names[] = {"ant", "bee", "cat", "dog", "eel"};
    rtv_import_options options = arch_options("GSM");
    rtvi_weights *weights = arch_open(&w, "cgd_gsm.safetensors"); /* BF16: every constant is converted */
    int32_t status = RTV_E_OUT_OF_MEMORY;
    long n;
    (void)state;
    options.class_names = names;
    options.num_class_names = 5;
    for (n = 1; status != RTV_OK; n++) {
        rtvi_graph *graph;
        w.heap.calls = 0;
        w.heap.fail_at = n;
        status = rtvi_arch_build(&w.env, weights, &options, &graph, &error);
        assert_int_equal(status, error.status);
        if (status != RTV_OK) {
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_null(graph);
        }
        rtvi_graph_destroy(graph);
        assert_int_equal(w.heap.live, 0);
    }
    assert_true(n > 200);
    w.heap.fail_at = 0;
    rtvi_weights_close(weights);
}

/* --- the full size --- */

static double total_macs(const rtvi_graph *graph) {
    double macs = 0;
    for (size_t i = 0; i < graph->num_nodes; i++) macs += rtvi_graph_node_macs(graph, &graph->nodes[i]);
    return macs;
}

static void the_trained_model_has_its_known_size(void **state) {
    rtv_import_options options = arch_options("SG");
    rtvi_weights *weights;
    rtvi_graph *graph;
    (void)state;
    if (!RTV_DATA_DIR[0]) {
        print_message("SKIPPED: the trained model, RTV_DATA_DIR is not set\n");
        skip();
    }
    weights = arch_open_path(&w, RTV_DATA_DIR "/cgd_sg.pth");
    options.input_width = options.input_height = 224;
    graph = build(weights, &options);
    assert_true(total_macs(graph) > 10.55e9 && total_macs(graph) < 10.65e9);
    assert_int_equal(graph->values[rtvi_graph_output(graph, RTVI_ROLE_DESCRIPTOR)].dims[1], 1536);
    assert_int_equal(graph->values[rtvi_graph_output(graph, RTVI_ROLE_LOGITS)].dims[1], 99);
    arch_fuse(graph);
    assert_int_equal(graph->num_nodes, 53 + 1 + 2 * 3 + 3); /* convolutions, pool, two branches, concat, L2, logits */
    assert_true(total_macs(graph) > 10.55e9 && total_macs(graph) < 10.65e9);
    rtvi_graph_destroy(graph);
    options.input_width = options.input_height = 160;
    graph = build(weights, &options);
    assert_int_equal(graph->values[rtvi_graph_find_value(graph, "layer4.2.relu")].dims[2], 10);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(dumps_are_as_in_the_golden_files),
        TEST(both_ways_of_naming_the_trunk_build),
        TEST(the_auxiliary_classifier_is_optional),
        TEST(counters_of_training_are_optional),
        TEST(dense_floats_stay_in_the_file_and_others_are_converted),
        TEST(half_floats_stay_in_the_file),
        TEST(options_reach_the_graph),
        TEST(the_classifier_has_its_own_stride),
        TEST(the_smallest_and_a_large_picture_have_maps),
        TEST(letters_must_fit_the_branches),
        TEST(four_branches_fit_nothing),
        TEST(the_architecture_is_told_or_named),
        TEST(the_wrong_architecture_lacks_its_tensors),
        TEST(missing_then_misshaped_then_surplus_tensors_are_named),
        TEST(one_bad_shape_is_one_sentence),
        TEST(outputs_must_divide_among_the_groups),
        TEST(projections_that_shapes_need_are_missed),
        TEST(a_block_must_fit_its_shortcut),
        TEST(a_missing_stage_is_missed_from_its_first_tensor_on),
        TEST(absurd_dimensions_are_refused),
        TEST(random_damage_is_told),
        TEST(every_failed_allocation_is_told_and_nothing_leaks),
        TEST(the_trained_model_has_its_known_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
