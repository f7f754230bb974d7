/* graph.h - a network as values and nodes. A value is written once, by a node or as a constant; nodes stand in execution order.
 * Shapes are those of one picture: activations lead with a batch dimension of 1, in NCHW order whatever layout an executor picks. */
#ifndef RTVI_GRAPH_H
#define RTVI_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"
#include "tensor/tensor_preprocess.h"
#include "tensor/tensor.h"

#define RTVI_MAX_INPUTS 16
#define RTVI_MAX_OUTPUTS 8

typedef enum rtvi_op {
    RTVI_OP_CONV = 0,        /* x [N,C,H,W], weight [K,C/groups,R,S], (bias [K]), (residual: the output's shape) */
    RTVI_OP_BATCH_NORM,      /* x [N,C,...], gamma, beta, mean, variance [C] */
    RTVI_OP_RELU,            /* x */
    RTVI_OP_ADD,             /* a, b of one shape */
    RTVI_OP_MAX_POOL,        /* x [N,C,H,W]; padding counts as minus infinity */
    RTVI_OP_GLOBAL_AVG_POOL, /* x [N,C,H,W] -> [N,C]; SPoC */
    RTVI_OP_GLOBAL_MAX_POOL, /* x -> [N,C]; MAC */
    RTVI_OP_GLOBAL_GEM_POOL, /* x -> [N,C]; s = mean(x^3), sign(s) |s|^(1/3); GeM with p = 3 */
    RTVI_OP_LINEAR,          /* x [N,C], weight [K,C], (bias [K]) -> [N,K] */
    RTVI_OP_L2_NORMALIZE,    /* x [N,C] -> x / max(||x||, epsilon) */
    RTVI_OP_CONCAT,          /* x... -> joined along axis */
    /* On codes: an activation of type U8 or I8 stands for (code - zero_point) * scale, both fields of its value. Max pool and the global
     * pools take codes as well; max pool gives codes of the same scale, the global pools floats. docs/quantization.md has the arithmetic.
     */
    RTVI_OP_QUANTIZE,   /* x floats -> codes */
    RTVI_OP_DEQUANTIZE, /* x codes -> floats */
    RTVI_OP_QCONV,      /* x codes, weight I8 [K,C/groups,R,S], weight_scale F32 [K], bias F32 [K], (residual: codes) -> codes */
    RTVI_OP_QLINEAR,    /* x codes [N,C], weight I8 [K,C], weight_scale F32 [K], bias F32 [K] -> floats [N,K] */
    RTVI_OP_COUNT
} rtvi_op;

typedef enum rtvi_activation { RTVI_ACTIVATION_NONE = 0, RTVI_ACTIVATION_RELU = 1 } rtvi_activation;

/* Every attribute of every op; which op has which, and how it is written, stands in the table of graph_op.c. */
typedef struct rtvi_attr {
    int32_t kernel[2]; /* height, width (pooling; a convolution has its weight's) */
    int32_t stride[2];
    int32_t pad[4];      /* top, left, bottom, right */
    int32_t dilation[2]; /* 1 is dense */
    int32_t groups;
    int32_t activation; /* rtvi_activation, after residual sum */
    int32_t residual;   /* 1: the last input is the residual */
    int32_t axis;
    float epsilon;
} rtvi_attr;

typedef struct rtvi_value {
    char *name;
    rtvi_dtype dtype;
    int32_t rank;
    int64_t dims[RTVI_MAX_RANK];
    float scale;        /* of codes: U8 or I8, computed; else 0 */
    int32_t zero_point; /* of codes; else 0 */
    int32_t producer;   /* node, or -1 for an input or a constant */
    int32_t is_constant;
    rtvi_tensor constant; /* when is_constant */
    void *owned;          /* block behind the constant when the graph owns it, else NULL */
    const double *factor; /* of a constant: NULL, or [dims[0]]: row i stands for row i * factor[i], see rtvi_constant_to_f32 */
    void *owned_factor;   /* block behind factor when the graph owns it, else NULL */
} rtvi_value;

typedef struct rtvi_node {
    char *name;
    rtvi_op op;
    int32_t num_inputs;
    int32_t inputs[RTVI_MAX_INPUTS]; /* values */
    int32_t output;                  /* value */
    rtvi_attr attr;
} rtvi_node;

/* What a graph output means. */
typedef enum rtvi_role { RTVI_ROLE_DESCRIPTOR = 1, RTVI_ROLE_LOGITS = 2 } rtvi_role;

typedef struct rtvi_output {
    int32_t value;
    rtvi_role role;
} rtvi_output;

typedef struct rtvi_graph {
    const rtvi_env *env;
    rtvi_value *values;
    size_t num_values, cap_values;
    rtvi_node *nodes;
    size_t num_nodes, cap_nodes;
    int32_t input; /* value: float32 [1,3,H,W], or U8 codes of it */
    rtvi_output outputs[RTVI_MAX_OUTPUTS];
    int32_t num_outputs;
    char *name;         /* of the model */
    char *architecture; /* "cgd_resnet"; NULL until set */
    char *descriptors;  /* "SG" or ""; NULL until set */
    char **class_names; /* of the logits, or NULL */
    int64_t num_class_names;
    char *quantization; /* JSON: where the codes come from (parent, calibration, settings), or NULL for a float graph */
    rtvi_preprocess preprocess;
} rtvi_graph;

/* --- building (graph_build.c). A failure is remembered in *error by its status and later calls return -1 at once, so that a builder checks
 * once, at the end. Names are copied. Every node's output is named after the node. --- */
rtvi_graph *rtvi_graph_create(const rtvi_env *env, const char *name, rtv_error *error);
void rtvi_graph_destroy(rtvi_graph *graph);
/* Constants are shared with the original's memory, which must outlive the copy. */
rtvi_graph *rtvi_graph_copy(const rtvi_graph *graph, rtv_error *error);
int32_t rtvi_graph_add_input(rtvi_graph *graph, const char *name, int32_t rank, const int64_t *dims, rtv_error *error);
/* The tensor's bytes are not copied. */
int32_t rtvi_graph_add_constant(rtvi_graph *graph, const char *name, const rtvi_tensor *tensor, rtv_error *error);
/* The graph takes a block of its env over (also on failure). */
int32_t rtvi_graph_add_owned(rtvi_graph *graph, const char *name, const rtvi_tensor *tensor, void *block, rtv_error *error);
rtvi_attr rtvi_attr_default(void); /* stride 1, no padding, dilation 1, one group, no activation, axis 1, epsilon 0 */
/* Infers the output's shape; returns the output value, or -1. */
int32_t rtvi_graph_add_node(rtvi_graph *graph, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs,
                            const rtvi_attr *attr, rtv_error *error);
/* The same for an op whose output is codes of a scale of their own (QUANTIZE, QCONV): dtype U8 or I8. */
int32_t rtvi_graph_add_quantized_node(rtvi_graph *graph, rtvi_op op, const char *name, const int32_t *inputs, int32_t num_inputs,
                                      const rtvi_attr *attr, rtvi_dtype dtype, float scale, int32_t zero_point, rtv_error *error);
/* Makes the input U8 codes. Before any node reads it. */
int32_t rtvi_graph_quantize_input(rtvi_graph *graph, float scale, int32_t zero_point, rtv_error *error);
int32_t rtvi_graph_set_quantization(rtvi_graph *graph, const char *json, rtv_error *error);
int32_t rtvi_graph_add_output(rtvi_graph *graph, int32_t value, rtvi_role role, rtv_error *error);
/* Replace what the graph had; the texts are copied. */
int32_t rtvi_graph_set_architecture(rtvi_graph *graph, const char *architecture, const char *descriptors, rtv_error *error);
int32_t rtvi_graph_set_class_names(rtvi_graph *graph, const char *const *names, int64_t count, rtv_error *error);

/* --- asking (graph_build.c) --- */
/* 1 when a value may have this shape: rank 1..RTVI_MAX_RANK, dims >= 1, at most INT32_MAX elements. */
int rtvi_graph_shape_is_valid(int32_t rank, const int64_t *dims);
int32_t rtvi_graph_find_value(const rtvi_graph *graph, const char *name); /* -1 */
int32_t rtvi_graph_output(const rtvi_graph *graph, rtvi_role role);       /* value, or -1 */
/* The numbers of a constant, row-major: converted, and multiplied by its factors in double with one rounding. */
void rtvi_constant_to_f32(const rtvi_value *value, float *numbers);
/* Readers of each value (nodes and graph outputs): uses[num_values]. */
void rtvi_graph_count_uses(const rtvi_graph *graph, int32_t *uses);
double rtvi_graph_node_macs(const rtvi_graph *graph, const rtvi_node *node);
int64_t rtvi_graph_num_parameters(const rtvi_graph *graph);

/* --- the op table (graph_op.c) --- */
const char *rtvi_op_name(rtvi_op op);        /* "conv" */
rtvi_op rtvi_op_from_name(const char *name); /* RTVI_OP_COUNT when unknown */
typedef enum rtvi_attr_kind { RTVI_ATTR_INT, RTVI_ATTR_INTS, RTVI_ATTR_FLOAT } rtvi_attr_kind;
typedef struct rtvi_attr_field {
    const char *name;
    rtvi_attr_kind kind;
    int32_t count; /* of INTS */
    size_t offset; /* in rtvi_attr */
    int32_t min;   /* smallest value allowed, of integers */
} rtvi_attr_field;
/* The attributes an op has; *count of them. */
const rtvi_attr_field *rtvi_op_attrs(rtvi_op op, int32_t *count);
/* 1 when the op gives codes whose dtype, scale and zero point are the node's own and not those of its input. */
int rtvi_op_has_own_scale(rtvi_op op);
/* 1 when the weight (input 1) is codes; the constants after it are then F32. */
int rtvi_op_has_quantized_weight(rtvi_op op);
/* Checks inputs and attributes of a node and writes the output's shape and type. Where rtvi_op_has_own_scale, dtype, scale and zero_point
 * are read and checked instead. The other fields of *output stay. */
int32_t rtvi_op_infer(const rtvi_graph *graph, const rtvi_node *node, rtvi_value *output, rtv_error *error);
/* Codes whose scale and zero point can be computed with: U8 or I8, scale a normal float above 0, zero_point a code, 0 for I8. */
int32_t rtvi_op_check_codes(const char *name, rtvi_dtype dtype, float scale, int32_t zero_point, rtv_error *error);

/* --- whole-graph work --- */
/* Everything an executor relies on: order, single assignment, types, shapes equal to inference, outputs present. (graph_verify.c) */
int32_t rtvi_graph_verify(const rtvi_graph *graph, rtv_error *error);
/* Text, one line a value; returns the size with NUL, writes at most capacity bytes. (graph_dump.c) */
size_t rtvi_graph_dump(const rtvi_graph *graph, char *text, size_t capacity);
/* Passes; each leaves a verified graph without unused values; after a failure the graph is only good for rtvi_graph_destroy. In this order,
 * for the activation comes after the residual sum. (pass_fold_batch_norm.c, pass_fuse.c) */
/* Into convolution and linear, in double; a batch norm before a linear is folded forward. */
int32_t rtvi_pass_fold_batch_norm(rtvi_graph *graph, rtv_error *error);
int32_t rtvi_pass_fuse_residual(rtvi_graph *graph, rtv_error *error); /* conv + add */
/* The same numbers, but weights stay where they are, with factors: for a graph that is compiled next and read by rtvi_constant_to_f32 only.
 */
int32_t rtvi_pass_fold_batch_norm_late(rtvi_graph *graph, rtv_error *error);
int32_t rtvi_pass_fuse_activation(rtvi_graph *graph, rtv_error *error); /* conv + relu, conv + residual + relu */

#endif
