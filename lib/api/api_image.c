/* api_image.c - image.h. */
#include <string.h>

#include <retrieve/image.h>

static void start(rtv_picture *picture, int32_t kind) {
    memset(picture, 0, sizeof *picture);
    picture->kind = kind;
}

void rtv_picture_from_path(rtv_picture *picture, const char *path) {
    start(picture, RTV_PICTURE_PATH);
    picture->path = path;
}

void rtv_picture_from_encoded(rtv_picture *picture, const void *data, uint64_t size_bytes) {
    start(picture, RTV_PICTURE_ENCODED);
    picture->data = data;
    picture->size_bytes = size_bytes;
}

void rtv_picture_from_pixels(rtv_picture *picture, const void *pixels, int32_t pixel_format, int32_t width_px, int32_t height_px,
                             int64_t stride_bytes) {
    start(picture, RTV_PICTURE_PIXELS);
    picture->data = pixels;
    picture->pixel_format = pixel_format;
    picture->width_px = width_px;
    picture->height_px = height_px;
    picture->stride_bytes = stride_bytes;
}

void rtv_picture_from_tensor(rtv_picture *picture, const float *values, uint64_t num_values) {
    start(picture, RTV_PICTURE_TENSOR);
    picture->data = values;
    picture->size_bytes = num_values > UINT64_MAX / sizeof *values ? UINT64_MAX : num_values * sizeof *values;
}
