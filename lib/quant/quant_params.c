/* quant_params.c - from ranges to scales and zero points. */
#include "quant/quant_params.h"

#include <math.h>

#define SMALL_RANGE 8e-4f /* a narrower range is widened by as much on both sides */
#define SMALL_HIGH 8e-5f  /* a symmetric range reaches at least so far */

static float max_of(float a, float b) { return a > b ? a : b; }
static float min_of(float a, float b) { return a < b ? a : b; }

float rtvi_quant_params_fake(float x, rtvi_quant_range in, rtvi_quant_range out, int32_t levels) {
    const float steps = (float)(levels - 1);
    if (x <= in.lo) return out.lo;
    if (x > in.hi) return out.hi;
    return rintf((x - in.lo) / (in.hi - in.lo) * steps) / steps * (out.hi - out.lo) + out.lo;
}

/* --- activations --- */

static rtvi_quant_range widen(rtvi_quant_range seen) {
    const float by = seen.hi - seen.lo > SMALL_RANGE ? 0 : SMALL_RANGE;
    return (rtvi_quant_range){min_of(seen.lo - by, 0), max_of(seen.hi + by, 0)};
}

/* Moves the border that has to move least so that 0 is a code; the other stays. */
static rtvi_quant_range tune(rtvi_quant_range range, int32_t bits) {
    const float steps = (float)((1 << bits) - 1);
    const float zero = rintf(-range.lo * (steps / (range.hi - range.lo)));
    const float a = zero < steps ? zero / (zero - steps) * range.hi : range.lo;
    const float b = zero > 0 ? (zero - steps) / zero * range.lo : range.hi;
    if (range.hi - a > b - range.lo) return (rtvi_quant_range){a, range.hi};
    return (rtvi_quant_range){range.lo, b};
}

rtvi_quant_range rtvi_quant_params_asymmetric(rtvi_quant_range seen, int32_t bits) { return tune(widen(seen), bits); }

static float symmetric_high(rtvi_quant_range seen) { return max_of(max_of(fabsf(seen.lo), fabsf(seen.hi)), SMALL_HIGH); }

rtvi_quant_range rtvi_quant_params_symmetric(rtvi_quant_range seen, int32_t bits) {
    const float high = symmetric_high(seen), levels = (float)(1 << bits);
    return (rtvi_quant_range){seen.lo >= 0 ? 0 : -high * levels / (levels - 2), high};
}

rtvi_code_type rtvi_quant_params_unsigned(rtvi_quant_range seen) {
    const float high = widen((rtvi_quant_range){0, max_of(seen.hi, 0)}).hi;
    return (rtvi_code_type){RTVI_U8, high / 255, 0};
}

rtvi_code_type rtvi_quant_params_signed(rtvi_quant_range seen) { return (rtvi_code_type){RTVI_I8, symmetric_high(seen) / 127, 0}; }

rtvi_code_type rtvi_quant_params_activation(rtvi_quant_range seen, rtvi_quant_preset preset) {
    rtvi_quant_range range;
    float scale;
    if (seen.lo >= 0) return rtvi_quant_params_unsigned(seen);
    if (preset == RTVI_QUANT_PERFORMANCE) return (rtvi_code_type){RTVI_U8, symmetric_high(seen) / 127, 128};
    range = rtvi_quant_params_asymmetric(seen, 8);
    scale = (range.hi - range.lo) / 255;
    return (rtvi_code_type){RTVI_U8, scale, (int32_t)min_of(max_of(-rintf(range.lo / scale), 0), 255)};
}

int32_t rtvi_quant_params_encode(rtvi_code_type codes, float x) {
    const int32_t low = codes.dtype == RTVI_U8 ? 0 : -128;
    return rtvi_round_to_code(x / codes.scale, codes.zero_point, low, low + 255);
}

float rtvi_quant_params_decode(rtvi_code_type codes, int32_t code) { return (float)(code - codes.zero_point) * codes.scale; }

/* --- weights --- */

static rtvi_quant_range range_of(const float *values, int64_t count) {
    rtvi_quant_range range = {values[0], values[0]};
    for (int64_t i = 1; i < count; i++) {
        range.lo = min_of(range.lo, values[i]);
        range.hi = max_of(range.hi, values[i]);
    }
    return range;
}

static float magnitude(const float *values, int64_t count) {
    const rtvi_quant_range range = range_of(values, count);
    return max_of(fabsf(range.lo), fabsf(range.hi));
}

void rtvi_quant_params_weight_highs(const float *weights, int64_t outputs, int64_t row, int per_tensor, float *high) {
    float largest = 0, floor;
    for (int64_t k = 0; k < outputs; k++) {
        high[k] = magnitude(weights + k * row, row);
        largest = max_of(largest, high[k]);
    }
    floor = max_of(0.01f * largest, SMALL_HIGH);
    for (int64_t k = 0; k < outputs; k++) high[k] = max_of(per_tensor ? largest : high[k], floor);
}

static void fake_row(float *values, int64_t count, rtvi_quant_range range, int32_t levels) {
    for (int64_t i = 0; i < count; i++) values[i] = rtvi_quant_params_fake(values[i], range, range, levels);
}

void rtvi_quant_params_fake_weights(float *weights, int64_t outputs, int64_t row, rtvi_quant_scheme scheme, int32_t bits, float *high) {
    const int per_tensor = scheme == RTVI_QUANT_TENSOR_SYMMETRIC || scheme == RTVI_QUANT_TENSOR_ASYMMETRIC;
    const int symmetric = scheme == RTVI_QUANT_CHANNEL_SYMMETRIC || scheme == RTVI_QUANT_TENSOR_SYMMETRIC;
    const rtvi_quant_range whole = range_of(weights, outputs * row);
    rtvi_quant_params_weight_highs(weights, outputs, row, per_tensor, high);
    for (int64_t k = 0; k < outputs; k++) {
        float *values = weights + k * row;
        if (symmetric)
            fake_row(values, row, (rtvi_quant_range){-high[k], high[k]}, (1 << bits) - 1);
        else
            fake_row(values, row, rtvi_quant_params_asymmetric(per_tensor ? whole : range_of(values, row), bits), 1 << bits);
    }
}
