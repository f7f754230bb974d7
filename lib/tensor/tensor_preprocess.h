/* tensor_preprocess.h - how pixels become a network's input: a description, part of the model and its fingerprint. */
#ifndef RTVI_TENSOR_PREPROCESS_H
#define RTVI_TENSOR_PREPROCESS_H

#include <stddef.h>
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

/* What a channel's 256 pixels become: exact, and it saves the divisions. */
static inline void rtvi_preprocess_table(const rtvi_preprocess *how, float table[3][256]) {
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 256; i++) table[c][i] = ((float)i / 255.0f - how->mean[c]) / how->std[c];
}

#endif
