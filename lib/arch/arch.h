/* arch.h - builders: from a table of tensors to a graph. */
#ifndef RTVI_ARCH_H
#define RTVI_ARCH_H

#include <retrieve/model.h>

#include "graph/graph.h"
#include "weights/weights.h"

/* Builds the network the options and the tensor names say; constants point into the weights, which must outlive the graph. Every tensor of
 * the checkpoint must be taken and none may be missing or have another shape: MISMATCH names them. */
int32_t rtvi_arch_build(const rtvi_env *env, rtvi_weights *weights, const rtv_import_options *options, rtvi_graph **graph,
                        rtv_error *error);

#endif
