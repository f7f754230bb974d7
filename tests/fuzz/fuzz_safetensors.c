/* fuzz_safetensors.c - any bytes as a safetensors header; the size in front is made to fit, so that no input is wasted on it. */
#include <stdlib.h>
#include <string.h>

#include "base/base_bytes.h"
#include "weights/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte is the number of bytes of tensors after the header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t tensor_bytes = size ? data[0] : 0, header = size ? size - 1 : 0, whole = 8 + header + tensor_bytes;
    uint8_t *file = calloc(1, whole);
    rtvi_env env;
    rtvi_safetensors parsed;
    rtv_error error;
    if (!file) return 0;
    rtvi_store_le(file, header, 8);
    if (header) memcpy(file + 8, data + 1, header);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    if (rtvi_safetensors_parse(&env, "weights", file, whole, &parsed, &error) == RTV_OK) {
        size_t seen = 0;
        for (size_t i = 0; i < parsed.num_entries; i++) {
            const rtvi_tensor *tensor = &parsed.entries[i].tensor;
            if (tensor->data != file + parsed.header_bytes + seen) abort();
            seen += (size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype);
        }
        if (seen != tensor_bytes) abort();
    } else if (error.status >= 0 || !error.message[0]) {
        abort();
    }
    rtvi_safetensors_destroy(&parsed);
    rtvi_env_destroy(&env);
    free(file);
    return 0;
}
