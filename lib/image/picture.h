/* picture.h - pixels, and the way from a picture of the caller to a network's input. */
#ifndef RTVI_PICTURE_H
#define RTVI_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/image.h>

#include "base/base_env.h"

/* Readable bytes after the last pixel of every owned picture: vector loads may run over the end. */
#define RTVI_IMAGE_SLACK 32

/* 8-bit RGB. */
typedef struct rtvi_image {
    int32_t width, height;
    size_t stride;   /* bytes from row to row */
    uint8_t *pixels; /* [height][width][3] */
    void *owned;     /* block of the env, or NULL when the pixels are somebody else's */
} rtvi_image;

typedef struct rtvi_decode_options {
    uint64_t max_pixels;  /* width * height of the stored picture */
    uint64_t max_bytes;   /* of the encoded picture */
    rtv_decode_fn decode; /* for foreign formats, or NULL */
    void *decode_user;
    int32_t apply_exif;
    int32_t fast_decode;                 /* shrink in libjpeg while both sides stay at least twice the target */
    int32_t target_width, target_height; /* of fast_decode: the size the picture will be resized to */
    int32_t target_fits_inside;          /* 1: it is fitted inside the target (letterbox), so that one side decides */
} rtvi_decode_options;

/* image_decode.c: any picture but TENSOR to RGB. Messages begin "image: ". */
int32_t rtvi_image_decode(const rtvi_env *env, const rtv_picture *picture, const rtvi_decode_options *options, rtvi_image *image,
                          rtv_error *error);
void rtvi_image_release(const rtvi_env *env, rtvi_image *image);
/* RTV_E_UNSUPPORTED for a picture of any kind that asks for what a later version knows. */
int32_t rtvi_image_check_reserved(const rtv_picture *picture, rtv_error *error);

/* image_resize.c: Pillow 13's Image.resize((width, height), BILINEAR) on RGB, bit for bit. out is allocated. A part of the result:
 * image_resize.h. */
int32_t rtvi_image_resize(const rtvi_env *env, const rtvi_image *in, int32_t width, int32_t height, rtvi_image *out, rtv_error *error);

#endif
