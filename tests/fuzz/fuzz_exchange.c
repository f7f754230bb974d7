/* fuzz_exchange.c - fuzzing the readers of other programs' vectors: whatever the bytes are, they are refused, or give rows. */
#include <stdint.h>
#include <stdlib.h>

#include "exchange/exchange.h"

static void use(const rtvi_exchange *exchange) {
    const int64_t count = exchange->matrix.dims[0], dim = exchange->matrix.dims[1], some = count < 16 ? count : 16;
    float *values = malloc((size_t)(some * dim) * sizeof *values + 1);
    int32_t classes[16];
    char key[64];
    if (values && rtvi_exchange_read(exchange, count - some, some, values, NULL, classes, NULL) != RTV_OK) abort();
    rtvi_exchange_key(exchange, count - 1, key, sizeof key, NULL, NULL);
    free(values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const names[] = {"a", "a.fvecs", "a.ivecs"};
    for (size_t i = 0; i < 3; i++) {
        rtvi_env env;
        rtvi_source source;
        rtvi_exchange exchange;
        rtv_error error;
        rtvi_env_init(&env, NULL, RTV_ISA_ANY);
        if (rtvi_source_from_memory(&env, "vectors", data, size, 0, &source, &error) == RTV_OK) {
            if (rtvi_exchange_open(&source, names[i], &exchange, &error) == RTV_OK) use(&exchange);
            rtvi_exchange_close(&exchange);
        }
        rtvi_env_destroy(&env);
    }
    return 0;
}
