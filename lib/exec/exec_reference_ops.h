/* exec_reference_ops.h - the operations in plain C, in NCHW order in and out. Floats: sums in double, one rounding at the end. Codes: as
 * docs/quantization.md has it, to the bit. */
#ifndef RTVI_EXEC_REFERENCE_OPS_H
#define RTVI_EXEC_REFERENCE_OPS_H

#include "graph/graph.h"
#include "kernels/kernels_codes.h"

/* Dense row-major values; the batch dimension is 1 throughout. */
typedef struct rtvi_array {
    int32_t rank;
    const int64_t *dims;
    int64_t count;       /* product of dims */
    float *data;         /* NULL for codes */
    uint8_t *codes;      /* U8 or I8; NULL for floats */
    rtvi_code_type type; /* of codes */
} rtvi_array;

/* Runs a node of a verified graph on up to `threads` threads, which do not change a bit of the result. */
void rtvi_exec_reference_run_node(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);
/* Whether the output may lie where input i lies, when both have the same size in bytes: every element of it is read before the same
 * element of the output is written, and no other input is the same value. */
int rtvi_exec_reference_may_overwrite(const rtvi_node *node, int32_t i);

/* --- exec_reference_conv.c --- */
/* The loops of a convolution, whatever its values are. */
typedef struct rtvi_conv_loops {
    int64_t in_channels, in_height, in_width; /* channels of one group */
    int64_t out_channels, out_height, out_width;
    int64_t group_size; /* output channels of one group */
    int64_t kernel[2], stride[2], dilation[2], pad[2];
    int relu;
} rtvi_conv_loops;

rtvi_conv_loops rtvi_exec_reference_conv_loops(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out);
/* The output columns out of begin..end-1 that kernel column s meets the picture at; *offset: the input column of output column 0. */
void rtvi_exec_reference_conv_columns(const rtvi_conv_loops *loops, int64_t s, int64_t begin, int64_t end, int64_t *from, int64_t *to,
                                      int64_t *offset);
void rtvi_exec_reference_conv(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);
void rtvi_exec_reference_linear(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);

/* --- exec_reference_codes.c --- */
void rtvi_exec_reference_qconv(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);
void rtvi_exec_reference_qlinear(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);

#endif
