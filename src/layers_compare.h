/* layers_compare.h - the layers of two models side by side, joined by name. */
#ifndef LAYERS_COMPARE_H
#define LAYERS_COMPARE_H

#include "layers.h"

/* A table of the layers of a and b, then the sums of the pairs of precisions. */
void layers_compare_print(const layer_list *a, const layer_list *b);
/* New: an array with an object a row; null where a model lacks the layer. */
cJSON *layers_compare_json(const layer_list *a, const layer_list *b);

#endif
