/* layer_drift.h - two networks compared value by value on the same pictures. */
#ifndef RTVI_LAYER_DRIFT_H
#define RTVI_LAYER_DRIFT_H

#include "search/embedder.h"

typedef struct rtvi_layer_drift rtvi_layer_drift;

/* A value that both networks compute, and sums over the pictures so far. */
typedef struct rtvi_layer_drift_row {
    rtvi_exec_step a, b;  /* the steps that make it */
    double signal, noise; /* of squares: A's numbers, B's minus A's */
    int64_t count;        /* of numbers */
} rtvi_layer_drift_row;

/* Joins the networks' values by name and shape; codes are taken for what they stand for. The embedders must outlive it. */
int32_t rtvi_layer_drift_create(const rtvi_env *env, rtvi_embedder *a, rtvi_embedder *b, rtvi_layer_drift **drift, rtv_error *error);
void rtvi_layer_drift_destroy(rtvi_layer_drift *drift);
/* Errors: as a picture's in rtvi_embedder_run. */
int32_t rtvi_layer_drift_add(rtvi_layer_drift *drift, const rtv_picture *picture, rtv_error *error);
size_t rtvi_layer_drift_count(const rtvi_layer_drift *drift);
const rtvi_layer_drift_row *rtvi_layer_drift_at(const rtvi_layer_drift *drift, size_t i);

#endif
