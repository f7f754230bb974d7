/* image.h - a picture as the caller has it: a file, encoded bytes, pixels, or a finished tensor. */
#ifndef RETRIEVE_IMAGE_H
#define RETRIEVE_IMAGE_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RTV_PICTURE_PATH = 1, RTV_PICTURE_ENCODED = 2, RTV_PICTURE_PIXELS = 3, RTV_PICTURE_TENSOR = 4 };

enum { RTV_PIXEL_RGB8 = 1, RTV_PIXEL_BGR8 = 2, RTV_PIXEL_RGBA8 = 3, RTV_PIXEL_BGRA8 = 4, RTV_PIXEL_GRAY8 = 5 };

/* One picture. Everything it points to stays the caller's and is read during the call only. Zero what a kind does not use.
 * Frozen: it never changes. */
typedef struct rtv_picture {
    int32_t kind;         /* RTV_PICTURE_* */
    int32_t pixel_format; /* PIXELS: RTV_PIXEL_*; alpha is dropped, as Pillow's convert("RGB") does */
    int32_t width_px;     /* PIXELS */
    int32_t height_px;    /* PIXELS */
    int64_t stride_bytes; /* PIXELS: from one row to the next; negative for pictures stored bottom up, data then points to the top row */
    uint64_t size_bytes;  /* ENCODED and TENSOR: bytes at data; PIXELS: unused, width, height, format and stride say it */
    const char *path;     /* PATH: UTF-8 */
    const void *data;     /* ENCODED: a whole JPEG or PNG file; PIXELS: the top row;
                             TENSOR: float32 [3][input_height][input_width], already normalised */
    uint64_t reserved[4]; /* zeros, or UNSUPPORTED: room for what later kinds need (more planes, a region) */
} rtv_picture;

/* Fills one kind and zeroes the rest. */
RTV_API void rtv_picture_from_path(rtv_picture *picture, const char *path);
RTV_API void rtv_picture_from_encoded(rtv_picture *picture, const void *data, uint64_t size_bytes);
RTV_API void rtv_picture_from_pixels(rtv_picture *picture, const void *pixels, int32_t pixel_format, int32_t width_px, int32_t height_px,
                                     int64_t stride_bytes);
RTV_API void rtv_picture_from_tensor(rtv_picture *picture, const float *values, uint64_t num_values);

/* For formats other than JPEG and PNG. The library asks with pixels == NULL for the size, then again with a buffer of
 * height_px rows of 3 * width_px bytes (RGB, no gap) to fill. Returns 0 on success, 1 when the format is not its own, anything else on
 * failure. Called on the library's threads, several at once, and by rtv_model_preprocess on its caller's. EXIF orientation is the decoder's
 * affair. */
typedef int32_t (*rtv_decode_fn)(void *user, const void *data, uint64_t size_bytes, int32_t *width_px, int32_t *height_px, uint8_t *pixels);

#ifdef __cplusplus
}
#endif

#endif
