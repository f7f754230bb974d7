/* preprocess.c - from a picture to the network's input.
 *
 * Squash: Pillow's resize. Centre crop: torchvision's Resize(shorter) and CenterCrop. Letterbox: Pillow's ImageOps.pad, but the picture
 * keeps at least one pixel. Normalising: torchvision's ToTensor and Normalize. All to the bit. */
#include "image/preprocess.h"

#include <math.h>
#include <string.h>

#include <retrieve/model.h>

#include "image/image_codec.h"
#include "image/image_resize.h"
#include "tensor/tensor_codes.h"

/* How a picture comes into the output: a window of its resized form, put at x, y; around it is fill. */
typedef struct placement {
    rtvi_resize_window window;
    int32_t x, y;
    uint8_t fill;
} placement;

static int32_t half_even(int32_t doubled) { return (int32_t)rint(doubled / 2.0); /* Python's round() */ }

static placement place_squashed(const rtvi_preprocess *how) {
    return (placement){.window = {how->width, how->height, 0, 0, how->width, how->height}};
}

/* One axis of CenterCrop(target): a size-long side is cut, or shifted into a larger output. */
static void crop_axis(int32_t size, int32_t target, int32_t *from, int32_t *count, int32_t *at) {
    *from = size > target ? half_even(size - target) : 0;
    *count = size > target ? target : size;
    *at = size > target ? 0 : (target - size) / 2;
}

static int32_t place_cropped(const rtvi_preprocess *how, int32_t width, int32_t height, placement *place, rtv_error *error) {
    int32_t shorter = width < height ? width : height, longer = width < height ? height : width;
    double resized = (double)((int64_t)how->resize_shorter * longer) / shorter;
    rtvi_resize_window *window = &place->window;
    if (resized > INT32_MAX)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "image: centre crop: got %d x %d pixels, expected a less extreme shape", width,
                              height);
    window->width = width <= height ? how->resize_shorter : (int32_t)resized;
    window->height = width <= height ? (int32_t)resized : how->resize_shorter;
    crop_axis(window->width, how->width, &window->left, &window->part_width, &place->x);
    crop_axis(window->height, how->height, &window->top, &window->part_height, &place->y);
    return RTV_OK;
}

static placement place_letterboxed(const rtvi_preprocess *how, int32_t width, int32_t height) {
    placement place = place_squashed(how);
    rtvi_resize_window *window = &place.window;
    double ratio = (double)width / height, wanted = (double)how->width / how->height;
    if (ratio > wanted) window->height = (int32_t)rint((double)height / width * how->width);
    if (ratio < wanted) window->width = (int32_t)rint(ratio * how->height);
    if (window->height < 1) window->height = 1;
    if (window->width < 1) window->width = 1;
    window->part_width = window->width;
    window->part_height = window->height;
    place.x = half_even(how->width - window->width);
    place.y = half_even(how->height - window->height);
    place.fill = (uint8_t)how->letterbox_value;
    return place;
}

static int32_t place_picture(const rtvi_preprocess *how, const rtvi_image *image, placement *place, rtv_error *error) {
    memset(place, 0, sizeof *place);
    if (how->width < 1 || how->height < 1 || (how->resize == RTV_RESIZE_CENTER_CROP && how->resize_shorter < 1))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: target: got %d x %d (shorter side %d), expected 1 or more each",
                              how->width, how->height, how->resize_shorter);
    switch (how->resize) {
        case RTV_RESIZE_SQUASH:
            *place = place_squashed(how);
            return RTV_OK;
        case RTV_RESIZE_CENTER_CROP:
            return place_cropped(how, image->width, image->height, place, error);
        case RTV_RESIZE_LETTERBOX:
            *place = place_letterboxed(how, image->width, image->height);
            return RTV_OK;
        default:
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: resize: got %d, expected one of RTV_RESIZE_*", how->resize);
    }
}

/* Puts a smaller picture on a filled ground of the output's size. */
static int32_t paste(const rtvi_env *env, const rtvi_preprocess *how, const placement *place, rtvi_image *image, rtv_error *error) {
    rtvi_image ground;
    int32_t status = rtvi_image_allocate(env, how->width, how->height, &ground, error);
    if (status != RTV_OK) return status;
    memset(ground.pixels, place->fill, ground.stride * (size_t)ground.height);
    for (size_t y = 0; y < (size_t)image->height; y++)
        memcpy(ground.pixels + ((size_t)place->y + y) * ground.stride + 3 * (size_t)place->x, image->pixels + y * image->stride,
               3 * (size_t)image->width);
    rtvi_image_release(env, image);
    *image = ground;
    return RTV_OK;
}

static rtvi_decode_options decode_options(const rtvi_preprocess *how, const rtvi_picture_limits *limits) {
    int cropped = how->resize == RTV_RESIZE_CENTER_CROP;
    return (rtvi_decode_options){
        .max_pixels = limits->max_pixels,
        .max_bytes = limits->max_bytes,
        .decode = limits->decode,
        .decode_user = limits->decode_user,
        .apply_exif = how->apply_exif,
        .fast_decode = how->fast_decode,
        .target_width = cropped ? how->resize_shorter : how->width, /* the shape is kept: the shorter side decides */
        .target_height = cropped ? how->resize_shorter : how->height,
        .target_fits_inside = how->resize == RTV_RESIZE_LETTERBOX,
    };
}

int32_t rtvi_preprocess_pixels(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits,
                               const rtv_picture *picture, rtvi_image *out, rtv_error *error) {
    rtvi_decode_options options = decode_options(how, limits);
    rtvi_image image;
    placement place;
    int32_t status;
    memset(out, 0, sizeof *out);
    status = rtvi_image_decode(env, picture, &options, &image, error);
    if (status != RTV_OK) return status;
    status = place_picture(how, &image, &place, error);
    if (status == RTV_OK) status = rtvi_image_resize_part(env, &image, &place.window, out, error);
    rtvi_image_release(env, &image);
    if (status == RTV_OK && (out->width != how->width || out->height != how->height)) status = paste(env, how, &place, out, error);
    if (status != RTV_OK) rtvi_image_release(env, out);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

static void normalize(const rtvi_image *image, const rtvi_preprocess *how, float *values) {
    float table[3][256];
    size_t plane = (size_t)image->width * (size_t)image->height;
    rtvi_preprocess_table(how, table);
    for (size_t y = 0; y < (size_t)image->height; y++) {
        const uint8_t *in = image->pixels + y * image->stride;
        for (size_t x = 0; x < (size_t)image->width; x++, in += 3, values++) {
            values[0] = table[0][in[0]];
            values[plane] = table[1][in[1]];
            values[2 * plane] = table[2][in[2]];
        }
    }
}

static uint8_t code_of(float value, float scale, int32_t zero_point) {
    return (uint8_t)rtvi_round_to_code(value / scale, zero_point, 0, 255);
}

static void quantize(const rtvi_image *image, const rtvi_preprocess *how, float scale, int32_t zero_point, uint8_t *codes) {
    float values[3][256];
    uint8_t table[3][256];
    rtvi_preprocess_table(how, values);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < 256; i++) table[c][i] = code_of(values[c][i], scale, zero_point);
    for (size_t y = 0; y < (size_t)image->height; y++) {
        const uint8_t *in = image->pixels + y * image->stride;
        for (size_t x = 0; x < (size_t)image->width; x++, in += 3, codes += 3) {
            codes[0] = table[0][in[0]];
            codes[1] = table[1][in[1]];
            codes[2] = table[2][in[2]];
        }
    }
}

/* The caller's bytes may stand anywhere. */
static float value_at(const rtv_picture *picture, uint64_t i) {
    float value;
    memcpy(&value, (const uint8_t *)picture->data + i * sizeof value, sizeof value);
    return value;
}

static int32_t check_tensor(const rtvi_preprocess *how, const rtv_picture *picture, rtv_error *error) {
    uint64_t count = 3 * (uint64_t)how->width * (uint64_t)how->height;
    int32_t status = rtvi_image_check_reserved(picture, error);
    if (status != RTV_OK) return status;
    if (!picture->data)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: tensor: data: got NULL, expected %llu values",
                              (unsigned long long)count);
    if (picture->size_bytes != count * sizeof(float))
        return rtvi_error_set(error, RTV_E_MISMATCH, "image: tensor: got %llu values (%llu bytes), expected %llu (3 x %d x %d)",
                              (unsigned long long)(picture->size_bytes / sizeof(float)), (unsigned long long)picture->size_bytes,
                              (unsigned long long)count, how->height, how->width);
    for (uint64_t i = 0; i < count; i++) {
        float value = value_at(picture, i);
        if (!isfinite(value))
            return rtvi_error_set_at(error, RTV_E_INVALID_ARGUMENT, (int64_t)(i * sizeof value),
                                     "image: tensor: value %llu: got %f, expected a finite number", (unsigned long long)i, (double)value);
    }
    return rtvi_error_clear(error);
}

static int32_t copy_tensor(const rtvi_preprocess *how, const rtv_picture *picture, float *values, rtv_error *error) {
    int32_t status = check_tensor(how, picture, error);
    if (status == RTV_OK) memcpy(values, picture->data, (size_t)picture->size_bytes);
    return status;
}

static int32_t quantize_tensor(const rtvi_preprocess *how, const rtv_picture *picture, float scale, int32_t zero_point, uint8_t *codes,
                               rtv_error *error) {
    uint64_t plane = (uint64_t)how->width * (uint64_t)how->height;
    int32_t status = check_tensor(how, picture, error);
    for (uint64_t i = 0; i < plane && status == RTV_OK; i++)
        for (uint64_t c = 0; c < 3; c++) codes[3 * i + c] = code_of(value_at(picture, c * plane + i), scale, zero_point);
    return status;
}

int32_t rtvi_preprocess_run(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits, const rtv_picture *picture,
                            float *values, rtv_error *error) {
    rtvi_image image;
    int32_t status;
    if (picture->kind == RTV_PICTURE_TENSOR) return copy_tensor(how, picture, values, error);
    status = rtvi_preprocess_pixels(env, how, limits, picture, &image, error);
    if (status != RTV_OK) return status;
    normalize(&image, how, values);
    rtvi_image_release(env, &image);
    return rtvi_error_clear(error);
}

int32_t rtvi_preprocess_codes(const rtvi_env *env, const rtvi_preprocess *how, const rtvi_picture_limits *limits,
                              const rtv_picture *picture, float scale, int32_t zero_point, uint8_t *codes, rtv_error *error) {
    rtvi_image image;
    int32_t status;
    if (picture->kind == RTV_PICTURE_TENSOR) return quantize_tensor(how, picture, scale, zero_point, codes, error);
    status = rtvi_preprocess_pixels(env, how, limits, picture, &image, error);
    if (status != RTV_OK) return status;
    quantize(&image, how, scale, zero_point, codes);
    rtvi_image_release(env, &image);
    return rtvi_error_clear(error);
}
