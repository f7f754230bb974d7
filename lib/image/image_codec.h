/* image_codec.h - from encoded bytes to RGB: what the decoders share. */
#ifndef RTVI_IMAGE_CODEC_H
#define RTVI_IMAGE_CODEC_H

#include "image/picture.h"

/* An encoded picture in memory, and how it is wanted. */
typedef struct rtvi_encoded {
    const rtvi_env *env;
    const char *name; /* for messages */
    const uint8_t *data;
    size_t size;
    const rtvi_decode_options *options;
} rtvi_encoded;

/* image_decode.c. RGB rows without gap, and RTVI_IMAGE_SLACK bytes. */
int32_t rtvi_image_allocate(const rtvi_env *env, int32_t width, int32_t height, rtvi_image *image, rtv_error *error);
/* Before anything is allocated for it. */
int32_t rtvi_image_check_pixels(const rtvi_encoded *in, uint64_t width, uint64_t height, rtv_error *error);

/* image_jpeg.c, image_png.c. image comes zeroed; on failure it may hold pixels, which the caller releases. */
int32_t rtvi_image_jpeg_decode(const rtvi_encoded *in, rtvi_image *image, rtv_error *error);
int32_t rtvi_image_png_decode(const rtvi_encoded *in, rtvi_image *image, rtv_error *error);

/* image_exif.c. The orientation (1..8) that a JPEG's APP1 or a PNG's eXIf states; 1 when it states none that is valid. */
int32_t rtvi_image_exif_orientation(const uint8_t *data, size_t size);
/* Orientations 5 to 8 swap width and height. */
static inline int rtvi_image_exif_is_turned(int32_t orientation) { return orientation >= 5 && orientation <= 8; }
/* Turns the picture upright. */
int32_t rtvi_image_exif_apply(const rtvi_env *env, int32_t orientation, rtvi_image *image, rtv_error *error);

#endif
