/* arch_resnet.c - the trunk of ResNet v1.5 and ResNeXt (stride in the 3x3 convolution, as torchvision has it). Tables say which
 * convolutions a block has; channels, groups and the number of blocks come from the tensors. */
#include <stdio.h>

#include "arch/arch_builder.h"

/* How a checkpoint names the trunk: as a torchvision model, or as an nn.Sequential of one's children. */
typedef struct naming {
    const char *conv, *norm;
    const char *stages[4];
} naming;

static const naming by_name = {"conv1", "bn1", {"layer1", "layer2", "layer3", "layer4"}};
static const naming by_number = {"features.0", "features.1", {"features.4", "features.5", "features.6", "features.7"}};

typedef struct block_row {
    const char *conv, *norm, *relu; /* relu NULL: after the residual sum */
    int32_t kernel;
    int32_t strided; /* has the block's stride */
    int32_t grouped;
} block_row;

static const block_row bottleneck[] = {
    {"conv1", "bn1", "relu1", 1, 0, 0}, {"conv2", "bn2", "relu2", 3, 1, 1}, {"conv3", "bn3", NULL, 1, 0, 0}};
static const block_row basic[] = {{"conv1", "bn1", "relu1", 3, 1, 0}, {"conv2", "bn2", NULL, 3, 0, 0}};

/* One block on its way: where its tensors are, what its nodes are called. */
typedef struct block {
    rtvi_arch_builder *b;
    char weights[RTVI_ARCH_NAME_CHARS / 2]; /* "features.4.0" */
    char nodes[RTVI_ARCH_NAME_CHARS / 2];   /* "layer1.0" */
    const block_row *rows;
    int32_t num_rows;
    int32_t stride;
    int64_t channels; /* that come out, by the last convolution's weight; 0 when that is missing */
} block;

typedef char name_text[RTVI_ARCH_NAME_CHARS];

static const char *join(name_text text, const char *prefix, const char *suffix) {
    snprintf(text, RTVI_ARCH_NAME_CHARS, "%s.%s", prefix, suffix);
    return text;
}

static rtvi_arch_flow conv_norm(const block *k, rtvi_arch_flow x, const char *conv, const char *norm, rtvi_arch_conv_spec spec) {
    name_text weights, node;
    x = rtvi_arch_conv(k->b, x, join(weights, k->weights, conv), join(node, k->nodes, conv), spec);
    return rtvi_arch_batch_norm(k->b, x, join(weights, k->weights, norm), join(node, k->nodes, norm));
}

static void choose_rows(block *k) {
    name_text last;
    int is_bottleneck =
        rtvi_arch_has(k->b, join(last, k->weights, "conv3.weight")) || rtvi_arch_has(k->b, join(last, k->weights, "bn3.weight"));
    k->rows = is_bottleneck ? bottleneck : basic;
    k->num_rows = is_bottleneck ? 3 : 2;
    k->channels = rtvi_arch_peek_channels(k->b, join(last, k->weights, is_bottleneck ? "conv3.weight" : "conv2.weight"));
}

/* The block's input, or its projection where the checkpoint has one or the shapes need one. */
static rtvi_arch_flow add_shortcut(const block *k, rtvi_arch_flow x, int is_first) {
    name_text prefix;
    const rtvi_arch_conv_spec spec = {1, k->stride, 0, k->channels};
    int is_needed = k->stride != 1 || (is_first && k->channels != 0 && k->channels != x.channels);
    if (!is_needed && !rtvi_arch_has_prefix(k->b, join(prefix, k->weights, "downsample."))) return x;
    return conv_norm(k, x, "downsample.0", "downsample.1", spec);
}

static rtvi_arch_flow add_block(block *k, rtvi_arch_flow x, int is_first) {
    name_text node;
    rtvi_arch_flow sum[2];
    choose_rows(k);
    sum[1] = add_shortcut(k, x, is_first);
    for (int32_t i = 0; i < k->num_rows; i++) {
        const block_row *row = &k->rows[i];
        const rtvi_arch_conv_spec spec = {row->kernel, row->strided ? k->stride : 1, row->grouped, row->relu ? 0 : sum[1].channels};
        x = conv_norm(k, x, row->conv, row->norm, spec);
        if (row->relu) x = rtvi_arch_node(k->b, RTVI_OP_RELU, join(node, k->nodes, row->relu), &x, 1, NULL);
    }
    sum[0] = x;
    x = rtvi_arch_node(k->b, RTVI_OP_ADD, join(node, k->nodes, "add"), sum, 2, NULL);
    return rtvi_arch_node(k->b, RTVI_OP_RELU, join(node, k->nodes, "relu"), &x, 1, NULL);
}

static rtvi_arch_flow add_stage(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *nodes, int32_t stride) {
    for (int32_t i = 0;; i++) {
        name_text prefix;
        block k = {.b = b, .stride = i == 0 ? stride : 1};
        snprintf(k.weights, sizeof k.weights, "%s.%d", weights, i);
        snprintf(k.nodes, sizeof k.nodes, "%s.%d", nodes, i);
        if (i > 0 && !rtvi_arch_has_prefix(b, join(prefix, k.weights, ""))) return x;
        x = add_block(&k, x, i == 0);
    }
}

static rtvi_arch_flow add_stem(rtvi_arch_builder *b, rtvi_arch_flow x, const naming *names) {
    const rtvi_arch_conv_spec spec = {7, 2, 0, 0};
    rtvi_attr pool = rtvi_attr_default();
    pool.kernel[0] = pool.kernel[1] = 3;
    pool.stride[0] = pool.stride[1] = 2;
    for (int32_t i = 0; i < 4; i++) pool.pad[i] = 1;
    x = rtvi_arch_conv(b, x, names->conv, "conv1", spec);
    x = rtvi_arch_batch_norm(b, x, names->norm, "bn1");
    x = rtvi_arch_node(b, RTVI_OP_RELU, "relu", &x, 1, NULL);
    return rtvi_arch_node(b, RTVI_OP_MAX_POOL, "maxpool", &x, 1, &pool);
}

rtvi_arch_flow rtvi_arch_resnet_trunk(rtvi_arch_builder *b, rtvi_arch_flow x, int32_t layer3_stride) {
    const naming *names = rtvi_arch_has_prefix(b, "features.") ? &by_number : &by_name;
    const int32_t strides[4] = {1, 2, layer3_stride, 2};
    x = add_stem(b, x, names);
    for (int32_t i = 0; i < 4; i++) x = add_stage(b, x, names->stages[i], by_name.stages[i], strides[i]);
    return x;
}
