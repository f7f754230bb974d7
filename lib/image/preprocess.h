/* preprocess.h - from a picture to the network's input, as the model's description says. */
#ifndef RTVI_PREPROCESS_H
#define RTVI_PREPROCESS_H

#include "tensor/tensor_preprocess.h"
#include "image/picture.h"

typedef struct rtvi_picture_limits {
    uint64_t max_pixels;
    uint64_t max_bytes;
    rtv_decode_fn decode;
    void *decode_user;
} rtvi_picture_limits;

/* Decoded, oriented, resized or cropped: RGB of exactly width x height. Not for TENSOR pictures. */
int32_t rtvi_preprocess_pixels(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits,
                               const rtv_picture *picture, rtvi_image *out, rtv_error *error);

/* values [3][height][width]: rtvi_preprocess_pixels, then ((x / 255) - mean) / std; a TENSOR picture is checked (size, finite) and copied.
 */
int32_t rtvi_preprocess_run(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits, const rtv_picture *picture,
                            float *values, rtv_error *error);

/* codes [height][width][3]: what a quantized model reads, code = clip(round(value / scale) + zero_point, 0..255) of the value that
 * rtvi_preprocess_run gives, half to even, division in float32; from pixels through a table of 256 entries a channel, so exact also at the
 * border, where the zero point stands for 0. A TENSOR picture (float32) is quantized by the same formula. */
int32_t rtvi_preprocess_codes(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits,
                              const rtv_picture *picture, float scale, int32_t zero_point, uint8_t *codes, rtv_error *error);

#endif
