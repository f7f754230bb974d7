/* quant_scope.h - which nodes of a graph somebody means: by name, regular expression, op, or the way between two values. */
#ifndef RTVI_QUANT_SCOPE_H
#define RTVI_QUANT_SCOPE_H

#include <stdint.h>

#include "graph/graph.h"

typedef enum rtvi_quant_scope_kind {
    RTVI_QUANT_SCOPE_NAME = 0, /* the whole name of a node */
    RTVI_QUANT_SCOPE_REGEX,    /* POSIX extended; must match the whole name */
    RTVI_QUANT_SCOPE_OP,       /* "conv", "linear", ... */
    RTVI_QUANT_SCOPE_SUBGRAPH, /* every node on a way from value `text` to value `to` */
    RTVI_QUANT_SCOPE_REVERTED  /* as NAME: accuracy control means it */
} rtvi_quant_scope_kind;

typedef struct rtvi_quant_scope {
    rtvi_quant_scope_kind kind;
    const char *text;
    const char *to; /* SUBGRAPH */
} rtvi_quant_scope;

/* matched[num_nodes]: the number of the first scope that matches the node, or -1. Errors: INVALID_ARGUMENT for an expression that is none;
 * NOT_FOUND for a scope that matches nothing, unless relaxed. */
int32_t rtvi_quant_scope_match(const rtvi_graph *graph, const rtvi_quant_scope *scopes, int32_t count, int relaxed, int32_t *matched,
                               rtv_error *error);
/* "ignored: name layer1.0.conv1" or "accuracy control", at most capacity bytes. */
void rtvi_quant_scope_text(const rtvi_quant_scope *scope, char *text, size_t capacity);

#endif
