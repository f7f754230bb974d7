/* arch_builder.h - what the builders share: tensors taken by name with the shape they must have, layers made of them. */
#ifndef RTVI_ARCH_BUILDER_H
#define RTVI_ARCH_BUILDER_H

#include <retrieve/model.h>

#include "arch/arch_problems.h"
#include "graph/graph.h"
#include "weights/weights.h"

#define RTVI_ARCH_EPSILON_BATCH_NORM 1e-5f /* PyTorch's default, which every network here has */
#define RTVI_ARCH_EPSILON_L2 1e-12f        /* of torch.nn.functional.normalize */
#define RTVI_ARCH_NAME_CHARS 128

/* After a problem (a tensor missing, say) the build goes on to find the others, but values are -1 from there on; nothing is lost, for such
 * a graph is thrown away. */
typedef struct rtvi_arch_builder {
    const rtvi_env *env;
    rtvi_weights *weights;
    const rtv_import_options *options;
    rtvi_graph *graph;
    rtvi_arch_problems problems;
    rtv_error *error; /* not NULL */
} rtvi_arch_builder;

/* A value of the graph on its way through the layers. */
typedef struct rtvi_arch_flow {
    int32_t value;    /* -1 after a problem */
    int64_t channels; /* 0 when a problem hides them */
} rtvi_arch_flow;

typedef struct rtvi_arch_conv_spec {
    int32_t kernel;
    int32_t stride;
    int32_t grouped;  /* 1: the weight's shape says how many groups; 0: one */
    int64_t channels; /* that must come out; 0 for whatever the weight says */
} rtvi_arch_conv_spec;

int rtvi_arch_has(const rtvi_arch_builder *b, const char *name);
/* 1 when some tensor's name begins so. */
int rtvi_arch_has_prefix(const rtvi_arch_builder *b, const char *prefix);
/* The first dimension of a tensor, 0 when it is missing. */
int64_t rtvi_arch_peek_channels(const rtvi_arch_builder *b, const char *name);

/* weights is the tensors' common prefix ("layer1.0.conv1"), name the node's. */
rtvi_arch_flow rtvi_arch_conv(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name, rtvi_arch_conv_spec spec);
rtvi_arch_flow rtvi_arch_batch_norm(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name);
rtvi_arch_flow rtvi_arch_linear(rtvi_arch_builder *b, rtvi_arch_flow x, const char *weights, const char *name, int has_bias);
rtvi_arch_flow rtvi_arch_l2(rtvi_arch_builder *b, rtvi_arch_flow x, const char *name);
/* Any op without constants; the channels stay. attr NULL for the defaults. */
rtvi_arch_flow rtvi_arch_node(rtvi_arch_builder *b, rtvi_op op, const char *name, const rtvi_arch_flow *inputs, int32_t num_inputs,
                              const rtvi_attr *attr);
void rtvi_arch_output(rtvi_arch_builder *b, rtvi_arch_flow x, rtvi_role role);

/* --- the networks --- */

/* The trunk of a ResNet or ResNeXt, from the picture to the last map. (arch_resnet.c) */
rtvi_arch_flow rtvi_arch_resnet_trunk(rtvi_arch_builder *b, rtvi_arch_flow x, int32_t layer3_stride);
/* arch_classifier.c, arch_cgd.c */
int32_t rtvi_arch_classifier(rtvi_arch_builder *b, rtvi_arch_flow x);
int32_t rtvi_arch_cgd(rtvi_arch_builder *b, rtvi_arch_flow x);

#endif
