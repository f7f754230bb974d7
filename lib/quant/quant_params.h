/* quant_params.h - from ranges to scales and zero points. Float32 throughout, one rounding an operation, as NNCF computes them: both get
 * the same numbers from the same ranges. docs/quantization.md says what the codes mean. */
#ifndef RTVI_QUANT_PARAMS_H
#define RTVI_QUANT_PARAMS_H

#include <stdint.h>

#include "tensor/tensor_codes.h"

typedef struct rtvi_quant_range {
    float lo, hi;
} rtvi_quant_range;

typedef enum rtvi_quant_preset {
    RTVI_QUANT_MIXED = 0,      /* activations asymmetric */
    RTVI_QUANT_PERFORMANCE = 1 /* activations symmetric */
} rtvi_quant_preset;

typedef enum rtvi_quant_scheme {
    RTVI_QUANT_CHANNEL_SYMMETRIC = 0, /* what the int8 executors run */
    RTVI_QUANT_TENSOR_SYMMETRIC,
    RTVI_QUANT_CHANNEL_ASYMMETRIC,
    RTVI_QUANT_TENSOR_ASYMMETRIC
} rtvi_quant_scheme;

/* Fake-quantize: x <= in.lo gives out.lo, x > in.hi gives out.hi, between them the nearest of `levels` equal steps. */
float rtvi_quant_params_fake(float x, rtvi_quant_range in, rtvi_quant_range out, int32_t levels);

/* --- activations; seen: a finite range, lo <= hi --- */

/* Widened to hold 0 and then tuned, without shrinking, so that 0 falls on one of 2^bits codes. */
rtvi_quant_range rtvi_quant_params_asymmetric(rtvi_quant_range seen, int32_t bits);
/* [0,hi] when nothing negative was seen, else one step more below zero than above. */
rtvi_quant_range rtvi_quant_params_symmetric(rtvi_quant_range seen, int32_t bits);
/* Codes of a value that is quantized where it is used: U8, the zero point 0 where the range starts at 0. Symmetric codes with a sign are U8
 * too, around 128: oneDNN halves the weights of a convolution that reads s8 on CPUs without VNNI. */
rtvi_code_type rtvi_quant_params_activation(rtvi_quant_range seen, rtvi_quant_preset preset);
/* U8 from 0 on, whatever was seen below: the output of a ReLU. */
rtvi_code_type rtvi_quant_params_unsigned(rtvi_quant_range seen);
/* I8, symmetric: a residual with a sign. */
rtvi_code_type rtvi_quant_params_signed(rtvi_quant_range seen);

int32_t rtvi_quant_params_encode(rtvi_code_type codes, float x);
float rtvi_quant_params_decode(rtvi_code_type codes, int32_t code);

/* --- weights [outputs][row], finite --- */

/* high[outputs] of the symmetric scheme: the row's largest magnitude, at least 0.01 of the tensor's and 8e-5. per_tensor: one for all. */
void rtvi_quant_params_weight_highs(const float *weights, int64_t outputs, int64_t row, int per_tensor, float *high);
/* Replaces weights by what they become in `bits` bits (2 to 8) of a scheme, for comparing schemes in float32. high[outputs]: scratch. */
void rtvi_quant_params_fake_weights(float *weights, int64_t outputs, int64_t row, rtvi_quant_scheme scheme, int32_t bits, float *high);

#endif
