/* quant_build.h - what the rewriting of graphs shares: constants and conversions under new names. */
#ifndef RTVI_QUANT_BUILD_H
#define RTVI_QUANT_BUILD_H

#include "graph/graph.h"
#include "quant/quant_params.h"

/* A graph in the making from another. */
typedef struct rtvi_quant_build {
    const rtvi_graph *from;
    rtvi_graph *to;
    rtv_error *error; /* not NULL; holds the first failure */
} rtvi_quant_build;

/* An empty graph with from's texts and input. 0 on failure. */
int rtvi_quant_build_begin(rtvi_quant_build *build, const rtvi_graph *from, rtv_error *error);
/* Verified, or NULL. outputs[i]: the value of output i. */
rtvi_graph *rtvi_quant_build_end(rtvi_quant_build *build, const int32_t *outputs);

/* name with an ending that neither graph knows: "conv1.float", and "_" as often as it takes. text[256]. */
const char *rtvi_quant_build_name(const rtvi_quant_build *build, const char *name, const char *ending, char *text);
/* A copy of data, owned by the graph. */
int32_t rtvi_quant_build_copy(const rtvi_quant_build *build, const char *name, rtvi_dtype dtype, int32_t rank, const int64_t *dims,
                              const void *data);
/* A float constant of `from`, sharing its memory: once, however often it is asked for. */
int32_t rtvi_quant_build_share(const rtvi_quant_build *build, int32_t constant);
int32_t rtvi_quant_build_quantize(const rtvi_quant_build *build, int32_t value, const char *name, rtvi_code_type codes);
int32_t rtvi_quant_build_dequantize(const rtvi_quant_build *build, int32_t value, const char *name);

#endif
