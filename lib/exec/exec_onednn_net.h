/* exec_onednn_net.h - the compiled form of a network for oneDNN, shared by its two halves: choosing (exec_onednn.c and its emitters) and
 * running (exec_onednn_context.c). Choosing fixes every layout, so that contexts for different numbers of threads share packed weights. */
#ifndef RTVI_EXEC_ONEDNN_NET_H
#define RTVI_EXEC_ONEDNN_NET_H

#include <dnnl.h>

#include "exec/exec_backend.h"
#include "exec/exec_plan.h"
#include "kernels/kernels_codes.h"

typedef enum step_kind {
    STEP_CONV,
    STEP_LINEAR,
    STEP_RELU,
    STEP_ADD,
    STEP_MAX_POOL,
    STEP_BATCH_NORM,
    STEP_CONCAT,
    STEP_REORDER,
    /* own kernels from here on */
    STEP_OWN,
    STEP_GLOBAL_POOL = STEP_OWN,
    STEP_L2_NORMALIZE,
    STEP_JOIN, /* concat of plain vectors */
    STEP_QUANTIZE,
    STEP_DEQUANTIZE
} step_kind;

/* An array: packed weights, or an activation that lies in the arena of a context. */
typedef struct net_tensor {
    dnnl_memory_desc_t md;
    void *constant; /* data in a block of the net, or NULL for an activation */
    int32_t buffer; /* of an activation: which plan buffer; two tensors share one where a residual is summed in place */
} net_tensor;

enum { MAX_ARGS = RTVI_MAX_INPUTS + 2 };

/* How a convolution on codes differs from one on floats; all zero for one on floats. Its weights always have a scale for each output. */
typedef struct rtvi_onednn_codes {
    int32_t weights_mask;     /* the dimensions of the weights that the scales run over, 0 for floats */
    int32_t has_zero_point;   /* of the source */
    int32_t has_output_scale; /* 0: the result is floats */
    float residual_scale;
    dnnl_data_type_t residual_type;
} rtvi_onednn_codes;

typedef struct net_step {
    step_kind kind;
    rtvi_op op;
    rtvi_attr attr;
    char *name;
    char kernel[64];
    int32_t num_args;
    int ids[MAX_ARGS];         /* DNNL_ARG_* */
    int32_t tensors[MAX_ARGS]; /* which net_tensor */
    rtvi_onednn_codes codes;
    int64_t block;       /* GLOBAL_POOL: channels that lie together, see kernels.h */
    rtvi_code_type type; /* own kernels: of the codes that are read or, by QUANTIZE, written; dtype F32 where there are none */
    int32_t rank;
    int64_t dims[RTVI_MAX_RANK]; /* of the output */
    float scale;                 /* of the codes it gives, */
    int32_t zero_point;          /* or 0 */
    double macs;
} net_step;

typedef struct net {
    rtvi_exec base;
    const rtvi_env *env;
    dnnl_engine_t engine;
    net_tensor *tensors;
    size_t num_tensors, cap_tensors;
    net_step *steps;
    size_t num_steps, cap_steps;
    rtvi_plan_buffer *buffers;
    size_t num_buffers, cap_buffers;
    size_t arena_size;
    void **blocks; /* behind the constants */
    size_t num_blocks, cap_blocks;
    uint8_t *block_next; /* room in the last one */
    size_t block_left;
    float *scratch; /* numbers on their way into packed form; only while compiling */
    size_t cap_scratch;
    size_t weights_bytes;
    int32_t input;                     /* tensor */
    int32_t outputs[RTVI_MAX_OUTPUTS]; /* tensors */
    int32_t num_outputs;
} net;

/* exec_onednn_descriptor.c. bias and weights may be NULL where a kind has none; a binary operation has its second source in weights. codes
 * may be NULL for floats. */
typedef struct rtvi_onednn_mds {
    const_dnnl_memory_desc_t src, weights, bias, dst;
} rtvi_onednn_mds;
dnnl_status_t rtvi_onednn_descriptor(dnnl_engine_t engine, step_kind kind, const rtvi_attr *attr, const rtvi_onednn_codes *codes,
                                     const rtvi_onednn_mds *md, dnnl_primitive_desc_t *out);
dnnl_status_t rtvi_onednn_concat_descriptor(dnnl_engine_t engine, int32_t axis, int32_t count, const_dnnl_memory_desc_t const *srcs,
                                            const_dnnl_memory_desc_t dst, dnnl_primitive_desc_t *out);
const char *rtvi_onednn_step_op(const net_step *step);
/* Which argument has an id; -1 for none. */
int32_t rtvi_onednn_find_arg(const net_step *step, int id);
/* A primitive descriptor for a step whose tensors are fixed; weights: in another layout than the step's own, or NULL. */
int32_t rtvi_onednn_step_descriptor(const net *n, const net_step *step, const_dnnl_memory_desc_t weights, dnnl_primitive_desc_t *descriptor,
                                    rtv_error *error);

/* exec_onednn_emit.c. Adds the steps of one node. values[graph value] is its tensor, or -1. uses: see rtvi_graph_count_uses; counts down as
 * values are read. */
int32_t rtvi_onednn_emit_node(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, int32_t *uses, rtv_error *error);
/* A plain copy of a tensor when it is not plain already. */
int32_t rtvi_onednn_emit_plain(net *n, int32_t tensor, const char *name, int32_t *plain, rtv_error *error);
/* A float32 layout; NULL when there is no memory. */
dnnl_memory_desc_t rtvi_onednn_md(int32_t rank, const int64_t *dims, dnnl_format_tag_t tag);

/* Turns oneDNN's answer into a status and a message. */
int32_t rtvi_onednn_error(dnnl_status_t answer, const char *what, const char *name, rtv_error *error);

/* exec_onednn_context.c */
int32_t rtvi_onednn_context_create(rtvi_exec *exec, int32_t threads, rtvi_exec_context **context, rtv_error *error);
void rtvi_onednn_context_destroy(rtvi_exec_context *context);
void *rtvi_onednn_context_input(rtvi_exec_context *context);
int32_t rtvi_onednn_context_run(rtvi_exec_context *context, const float **outputs, double *step_ms, rtv_error *error);
int32_t rtvi_onednn_context_run_observed(rtvi_exec_context *context, const float **outputs, rtvi_exec_observer observer, void *user,
                                         rtv_error *error);
size_t rtvi_onednn_context_bytes(const rtvi_exec_context *context);
/* Runs one reorder outside any context: constants on their way into their packed form, values on their way to an observer. */
int32_t rtvi_onednn_reorder_now(dnnl_engine_t engine, const_dnnl_memory_desc_t from_md, const void *from, const_dnnl_memory_desc_t to_md,
                                void *to, rtv_error *error);

#endif
