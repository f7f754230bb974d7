/* embedder.h - from pictures to descriptors over the threads of a runtime: the contexts of a model and the work of a batch. */
#ifndef RTVI_EMBEDDER_H
#define RTVI_EMBEDDER_H

#include <retrieve/model.h>

#include "base/base_team.h"
#include "exec/exec.h"
#include "image/preprocess.h"

typedef struct rtvi_embedder rtvi_embedder;

/* Optimises and compiles a copy of the graph (which may be destroyed afterwards) on the team's wide lane and makes the first context. */
int32_t rtvi_embedder_create(const rtvi_env *env, rtvi_team *team, const rtvi_graph *graph, int32_t executor,
                             const rtvi_picture_limits *limits, rtvi_embedder **embedder, rtv_error *error);
void rtvi_embedder_destroy(rtvi_embedder *embedder);
const rtvi_exec *rtvi_embedder_exec(const rtvi_embedder *embedder);
int64_t rtvi_embedder_dim(const rtvi_embedder *embedder); /* floats in a descriptor */
size_t rtvi_embedder_activation_bytes(const rtvi_embedder *embedder);

/* As rtv_model_embed. result arrays may be NULL each. strict 1: the first picture that failed makes the call fail. */
int32_t rtvi_embedder_run(rtvi_embedder *embedder, const rtv_picture *pictures, int64_t count, int32_t mode, rtv_progress_fn progress,
                          void *progress_user, const rtv_embedding *result, int32_t strict, rtv_error *error);
int32_t rtvi_embedder_preprocess(rtvi_embedder *embedder, const rtv_picture *picture, float *values, rtv_error *error);
/* One picture on the wide lane, where the observer is called with every value of the network. Errors: as a picture's in rtv_model_embed. */
int32_t rtvi_embedder_observe(rtvi_embedder *embedder, const rtv_picture *picture, rtvi_exec_observer observer, void *user,
                              rtv_error *error);
/* times [runs][num_steps] of the network alone on noise, on the wide lane. */
int32_t rtvi_embedder_profile(rtvi_embedder *embedder, int32_t runs, double *times, rtv_error *error);

#endif
