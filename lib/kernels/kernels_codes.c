/* kernels_codes.c - from floats to codes and back. */
#include "kernels/kernels_codes.h"

void rtvi_quantize(const float *x, int64_t count, const rtvi_code_type *type, void *codes) {
    int32_t low = type->dtype == RTVI_U8 ? 0 : -128, high = low + 255, zero_point = type->zero_point;
    float scale = type->scale;
    uint8_t *to = codes;
    for (int64_t i = 0; i < count; i++) to[i] = (uint8_t)rtvi_round_to_code(x[i] / scale, zero_point, low, high);
}

void rtvi_dequantize(const void *codes, int64_t count, const rtvi_code_type *type, float *out) {
    const uint8_t *from = codes;
    float values[256]; /* of each byte */
    for (int32_t byte = 0; byte < 256; byte++) {
        int32_t code = type->dtype == RTVI_U8 || byte < 128 ? byte : byte - 256;
        values[byte] = (float)(code - type->zero_point) * type->scale;
    }
    for (int64_t i = 0; i < count; i++) out[i] = values[from[i]];
}
