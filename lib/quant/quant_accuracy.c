/* quant_accuracy.c - which layers of a quantized network go back to float32. Greedy, as NNCF's accuracy control is: what a layer does alone
 * stands for what it does among others, so that ranking is done once, on something cheap; every step is validated on the real thing.
 * Afterwards the way is tried backwards, for a layer that helps alone may not be needed beside those reverted later. */
#include "quant/quant_accuracy.h"

#include <stdlib.h>
#include <string.h>

typedef struct ranked {
    int32_t layer;
    double gain;
} ranked;

static int compare(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->gain != y->gain) return x->gain < y->gain ? 1 : -1;
    return x->layer - y->layer; /* equal gains: the order of the network */
}

static int32_t rank(const rtvi_quant_accuracy *a, ranked *order, rtv_error *error) {
    int32_t status = RTV_OK;
    for (int32_t i = 0; i < a->num_layers && status == RTV_OK; i++) {
        order[i] = (ranked){i, 0};
        status = a->gain(a->user, i, &order[i].gain, error);
    }
    if (status == RTV_OK) qsort(order, (size_t)a->num_layers, sizeof *order, compare);
    return status;
}

/* *count: how many of order[] are reverted. */
static int32_t revert(const rtvi_quant_accuracy *a, const ranked *order, uint8_t *is_float, int32_t *count, double *drop,
                      rtv_error *error) {
    int32_t status = RTV_OK;
    for (*count = 0; *drop > a->max_drop && *count < a->num_layers && *count < a->max_reverted && status == RTV_OK; ++*count) {
        const ranked *next = &order[*count];
        is_float[next->layer] = 1;
        status = a->drop(a->user, is_float, drop, error);
        if (status == RTV_OK) a->step(a->user, RTVI_QUANT_ACCURACY_REVERT, next->layer, next->gain, *drop);
    }
    return status;
}

static int32_t restore(const rtvi_quant_accuracy *a, const ranked *order, uint8_t *is_float, int32_t count, rtv_error *error) {
    int32_t status = RTV_OK;
    for (int32_t i = count - 2; i >= 0 && status == RTV_OK; i--) {
        double drop = 0;
        is_float[order[i].layer] = 0;
        status = a->drop(a->user, is_float, &drop, error);
        is_float[order[i].layer] = drop > a->max_drop;
        if (status == RTV_OK)
            a->step(a->user, drop > a->max_drop ? RTVI_QUANT_ACCURACY_KEEP : RTVI_QUANT_ACCURACY_RESTORE, order[i].layer, order[i].gain,
                    drop);
    }
    return status;
}

int32_t rtvi_quant_accuracy_search(const rtvi_quant_accuracy *a, uint8_t *is_float, rtv_error *error) {
    ranked *order = NULL;
    double drop = 0;
    int32_t count = 0, status;
    memset(is_float, 0, (size_t)a->num_layers);
    status = a->drop(a->user, is_float, &drop, error);
    if (status == RTV_OK) a->step(a->user, RTVI_QUANT_ACCURACY_ALL, -1, 0, drop);
    if (status != RTV_OK || drop <= a->max_drop) return status;
    order = rtvi_alloc(a->env, (size_t)a->num_layers, sizeof *order);
    if (!order) return rtvi_error_out_of_memory(error, "quantizer", (size_t)a->num_layers * sizeof *order);
    status = rank(a, order, error);
    if (status == RTV_OK) status = revert(a, order, is_float, &count, &drop, error);
    if (status == RTV_OK && drop <= a->max_drop) status = restore(a, order, is_float, count, error);
    rtvi_free(a->env, order);
    return status;
}
