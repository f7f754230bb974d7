/* image_resize.h - the resampling of Pillow's Image.resize(BILINEAR) on 8-bit RGB: one axis at a time, in fixed point. */
#ifndef RTVI_IMAGE_RESIZE_H
#define RTVI_IMAGE_RESIZE_H

#include "image/picture.h"

#define RTVI_RESIZE_BITS 22     /* fractional bits of a coefficient; Pillow's PRECISION_BITS */
#define RTVI_RESIZE_LOW_BITS 11 /* of them in the low half of a split coefficient; a whole weight, 1 << 22, fits 16 bits in both halves */

/* The weights of one axis for the output positions of a window. */
typedef struct rtvi_resize_axis {
    int32_t count;  /* output positions */
    int32_t taps;   /* room for weights a position, a multiple of 4; unused ones are 0 */
    int32_t *first; /* [count] first source position */
    int32_t *used;  /* [count] source positions that have a weight */
    int32_t *coefs; /* [count][taps] */
    int16_t *split; /* [count][taps / 2][4]: of two neighbouring coefs the low 11 bits, then the rest, for 16-bit multiply-adds */
} rtvi_resize_axis;

/* Rows of RGB pixels in somebody's memory. */
typedef struct rtvi_resize_rows {
    const uint8_t *pixels;
    size_t stride;
    int32_t width, height;
    size_t readable; /* bytes from pixels on that may be read */
} rtvi_resize_rows;

/* Along x, every row: out is [in->height][axis->count][3] with out_stride. */
typedef void (*rtvi_resize_horizontal_fn)(const rtvi_resize_axis *axis, const rtvi_resize_rows *in, uint8_t *out, size_t out_stride);
/* Along y, one output row: rows is source row axis->first[position], out has row_bytes bytes. */
typedef void (*rtvi_resize_vertical_fn)(const rtvi_resize_axis *axis, int32_t position, const uint8_t *rows, size_t stride, uint8_t *out,
                                        size_t row_bytes);

typedef struct rtvi_resize_kernels {
    rtvi_resize_horizontal_fn horizontal;
    rtvi_resize_vertical_fn vertical;
} rtvi_resize_kernels;

/* image_resize.c: plain C, the oracle. */
void rtvi_resize_horizontal_c(const rtvi_resize_axis *axis, const rtvi_resize_rows *in, uint8_t *out, size_t out_stride);
void rtvi_resize_vertical_c(const rtvi_resize_axis *axis, int32_t position, const uint8_t *rows, size_t stride, uint8_t *out,
                            size_t row_bytes);

#if defined(__x86_64__)
/* image_resize_avx2.c: the same bits. */
void rtvi_resize_horizontal_avx2(const rtvi_resize_axis *axis, const rtvi_resize_rows *in, uint8_t *out, size_t out_stride);
void rtvi_resize_vertical_avx2(const rtvi_resize_axis *axis, int32_t position, const uint8_t *rows, size_t stride, uint8_t *out,
                               size_t row_bytes);
#endif

/* A part of the picture resized to width x height: the window of part->width x part->height pixels at left, top of the whole result. Only
 * what the window needs is read and computed. part is allocated. */
typedef struct rtvi_resize_window {
    int32_t width, height;           /* of the whole result */
    int32_t left, top;               /* of the window */
    int32_t part_width, part_height; /* >= 1, inside the whole result */
} rtvi_resize_window;
int32_t rtvi_image_resize_part(const rtvi_env *env, const rtvi_image *in, const rtvi_resize_window *window, rtvi_image *part,
                               rtv_error *error);

#endif
