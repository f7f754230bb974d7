/* tensor_preprocess.h - how pixels become a network's input: a description, part of the model and its fingerprint. */
#ifndef RTVI_TENSOR_PREPROCESS_H
#define RTVI_TENSOR_PREPROCESS_H

#include <stdint.h>

/* Resampling is Pillow's 8-bit bilinear (antialiased); normalising is ((x / 255) - mean) / std in float32; the order is RGB. */
typedef struct rtvi_preprocess {
    int32_t width, height;   /* of the input */
    int32_t resize;          /* RTV_RESIZE_* */
    int32_t resize_shorter;  /* CENTER_CROP */
    int32_t letterbox_value; /* LETTERBOX */
    int32_t apply_exif;      /* 0 or 1 */
    int32_t fast_decode;     /* 0 or 1 */
    float mean[3], std[3];
} rtvi_preprocess;

#endif
