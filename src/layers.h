/* layers.h - the steps of a model's network: read, timed, as a table, as JSON, added up. */
#ifndef LAYERS_H
#define LAYERS_H

#include <cJSON.h>

#include "program.h"
#include "table.h"

typedef struct layer_list {
    rtv_layer_info *items; /* [count] in the network's order */
    int64_t count;
    rtv_quantized_layer *known; /* [num_known] of a quantized model: why its layers run in what they do */
    int64_t num_known;          /* 0 for a float32 model */
    int has_times;
} layer_list;

/* runs > 0: each layer's median time in so many runs. Returns an exit code, after a message. */
int layers_read(layer_list *list, rtv_model *model, int32_t runs);
/* New times for a list of the same model. */
int layers_time(layer_list *list, rtv_model *model, int32_t runs);
void layers_destroy(layer_list *list);

/* The table with a sum below; with times also the sums of each operation and kernel. */
void layers_print(const layer_list *list);
/* New: an array with an object a layer. */
cJSON *layers_json(const layer_list *list);
/* Adds "milliseconds", "layers", "ops", "kernels". */
void layers_add_profile(cJSON *object, const layer_list *list);

/* Layers that share two names, added up; times of two models when two are compared. */
typedef struct layer_group {
    const char *names[2]; /* borrowed */
    int64_t layers;
    double macs, milliseconds[2];
} layer_group;

typedef struct layer_groups {
    layer_group *items; /* [count] */
    size_t count, capacity;
} layer_groups;

void layer_groups_add(layer_groups *groups, const layer_group *one);
/* The longest first. */
void layer_groups_sort(layer_groups *groups);

/* Multiply-adds in 1e9 a second; 0 when no time is known. */
double layers_gmacs(double macs, double milliseconds);
/* A cell with a number; empty for 0. */
void layers_add_number(table *t, const char *format, double value);

#endif
