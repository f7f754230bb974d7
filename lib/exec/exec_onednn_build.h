/* exec_onednn_build.h - what steps are built from: tensors, packed constants, reorders. Functions that return a tensor or a step return -1
 * or NULL after writing the error; those that are given a memory descriptor without const take it over. */
#ifndef RTVI_EXEC_ONEDNN_BUILD_H
#define RTVI_EXEC_ONEDNN_BUILD_H

#include "exec/exec_onednn_net.h"

/* dtype: F32, U8, I8 or I32. */
dnnl_data_type_t rtvi_onednn_type(rtvi_dtype dtype);
dnnl_data_type_t rtvi_onednn_md_type(const_dnnl_memory_desc_t md);
/* Layouts; NULL when there is no memory. */
dnnl_memory_desc_t rtvi_onednn_md_of(rtvi_dtype dtype, int32_t rank, const int64_t *dims, dnnl_format_tag_t tag);
dnnl_memory_desc_t rtvi_onednn_clone_md(const_dnnl_memory_desc_t md);
/* Row-major, of the same type and shape. */
dnnl_memory_desc_t rtvi_onednn_plain_md(const_dnnl_memory_desc_t md);
dnnl_format_tag_t rtvi_onednn_plain_tag(int32_t rank);
/* Which of the layouts that our kernels read a map lies in, nchw, nhwc, nChw8c or nChw16c, and how many channels lie together; undef when
 * it is another. */
dnnl_format_tag_t rtvi_onednn_find_layout(const_dnnl_memory_desc_t md, const int64_t *dims, int64_t *block);

/* constant: its data, in a block of the net; else an activation in that plan buffer. */
int32_t rtvi_onednn_add_tensor(net *n, dnnl_memory_desc_t md, void *constant, int32_t buffer, rtv_error *error);
/* In a buffer of its own. */
int32_t rtvi_onednn_add_activation(net *n, dnnl_memory_desc_t md, rtv_error *error);
/* Row-major values packed as oneDNN wants them; dims is their shape for oneDNN (a grouped weight gains a dimension). values may be NULL for
 * lack of memory. */
int32_t rtvi_onednn_add_array(net *n, const void *values, int32_t rank, const int64_t *dims, dnnl_memory_desc_t wanted, rtvi_dtype dtype,
                              rtv_error *error);
int32_t rtvi_onednn_add_vector_of(net *n, rtvi_dtype dtype, int64_t count, const void *values, rtv_error *error);
/* The same of a constant of the graph: I8 as it is, else as float32. */
int32_t rtvi_onednn_add_constant(net *n, const rtvi_value *constant, int32_t rank, const int64_t *dims, dnnl_memory_desc_t wanted,
                                 rtv_error *error);
int32_t rtvi_onednn_add_vector(net *n, const rtvi_value *constant, rtv_error *error);

/* The step of a node, with its output's shape, still without arguments. */
net_step *rtvi_onednn_add_step(net *n, step_kind kind, const rtvi_graph *graph, const rtvi_node *node, rtv_error *error);
void rtvi_onednn_add_arg(net_step *step, int id, int32_t tensor);
/* A copy in another layout. */
int32_t rtvi_onednn_emit_reorder(net *n, int32_t tensor, dnnl_memory_desc_t to, const char *name, rtv_error *error);

int rtvi_onednn_is_slow(const_dnnl_primitive_desc_t descriptor);
/* Notes which implementation oneDNN chose; a slow one is worth a line in the log. */
void rtvi_onednn_name_kernel(const net *n, net_step *step, const_dnnl_primitive_desc_t descriptor);

/* Sees to it that a context of one thread has a fast kernel too for a step with weights whose arguments are there: oneDNN 3.2 packs weights
 * for AMX in a way that depends on the number of threads, and has nothing but reference kernels for another number. Where it is so, the
 * weights (as in rtvi_onednn_add_constant) are packed once more. kernel[64]: the one that one thread will run. */
int32_t rtvi_onednn_suit_one_thread(net *n, net_step *step, const rtvi_value *weight, int32_t rank, const int64_t *dims, char *kernel,
                                    rtv_error *error);

/* The shape oneDNN knows a weight by: a grouped one [K,C/g,R,S] is [g,K/g,C/g,R,S]. Returns its rank. */
int32_t rtvi_onednn_weight_shape(const rtvi_node *node, const rtvi_value *weight, int64_t dims[RTVI_MAX_RANK]);

/* exec_onednn_codes.c: the ops on codes, quantize to qlinear. */
int32_t rtvi_onednn_emit_codes(net *n, const rtvi_graph *graph, const rtvi_node *node, int32_t *values, const int32_t *uses,
                               rtv_error *error);

/* exec_onednn.c: compiles without asking for the known answer. */
int32_t rtvi_onednn_compile(const rtvi_env *env, const rtvi_graph *graph, rtvi_exec **exec, rtv_error *error);
/* exec_onednn_answer.c: UNSUPPORTED where oneDNN's codes are not the ones that docs/quantization.md defines. */
int32_t rtvi_onednn_check_answer(const rtvi_env *env, rtv_error *error);

#endif
