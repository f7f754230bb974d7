/* quant_accuracy.h - which layers of a quantized network go back to float32 until little enough is lost. Knows no pictures: what a choice
 * of layers costs comes through callbacks. */
#ifndef RTVI_QUANT_ACCURACY_H
#define RTVI_QUANT_ACCURACY_H

#include <stdint.h>

#include "base/base_env.h"

typedef enum rtvi_quant_accuracy_action {
    RTVI_QUANT_ACCURACY_ALL = 0, /* every layer in int8 */
    RTVI_QUANT_ACCURACY_REVERT,  /* the layer goes back to float32 */
    RTVI_QUANT_ACCURACY_RESTORE, /* the layer is in int8 again, and little enough is lost all the same */
    RTVI_QUANT_ACCURACY_KEEP     /* tried, and too much was lost: it stays in float32 */
} rtvi_quant_accuracy_action;

typedef struct rtvi_quant_accuracy {
    const rtvi_env *env;
    int32_t num_layers;
    int32_t max_reverted; /* no more layers than this go back */
    double max_drop;
    void *user;
    /* How much good it does to have the layer alone in float32, in any unit. */
    int32_t (*gain)(void *user, int32_t layer, double *gain, rtv_error *error);
    /* What is lost with the layers of is_float[num_layers] in float32. */
    int32_t (*drop)(void *user, const uint8_t *is_float, double *drop, rtv_error *error);
    /* Hears of every step; layer -1 for ALL. */
    void (*step)(void *user, rtvi_quant_accuracy_action action, int32_t layer, double gain, double drop);
} rtvi_quant_accuracy;

/* Ranks the layers once, then reverts the one of most gain, and the next, until the drop is small enough; then tries to do without each of
 * the reverted ones but the last, those of least gain first. is_float[num_layers] is the result, whether the target was reached or not.
 * Errors: those of the callbacks, OUT_OF_MEMORY. */
int32_t rtvi_quant_accuracy_search(const rtvi_quant_accuracy *accuracy, uint8_t *is_float, rtv_error *error);

#endif
