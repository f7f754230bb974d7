/* fuzz_weights.c - any bytes as a checkpoint: a table whose every element can be read, or a named error. */
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_elements(rtvi_weights *weights) {
    for (size_t i = 0; i < rtvi_weights_count(weights); i++) {
        const rtvi_weight *weight = rtvi_weights_at(weights, i);
        size_t bytes = (size_t)rtvi_tensor_count(&weight->tensor) * rtvi_dtype_size(weight->tensor.dtype);
        void *copy;
        if (rtvi_weights_find(weights, weight->name) != weight) abort();
        if (bytes > rtvi_weights_source(weights)->size) abort();
        copy = malloc(bytes + 1);
        if (copy) rtvi_tensor_to_bytes(&weight->tensor, copy);
        free(copy);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    rtvi_env env;
    rtvi_source source;
    rtvi_weights *weights = NULL;
    rtv_error error;
    int32_t status;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    status = rtvi_source_from_memory(&env, "weights", data, size, 0, &source, &error);
    if (status == RTV_OK) status = rtvi_weights_read(&source, &weights, &error);
    if (status != error.status || (status == RTV_OK) != (weights != NULL) || strlen(error.message) > 400) abort();
    if (weights) read_elements(weights);
    rtvi_weights_close(weights);
    rtvi_env_destroy(&env);
    return 0;
}
