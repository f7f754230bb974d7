/* image_decode.c - a picture of the caller, whatever it is, to RGB pixels. */
#include "image/image_codec.h"

#include <string.h>

#include "base/base_file.h"

int32_t rtvi_image_allocate(const rtvi_env *env, int32_t width, int32_t height, rtvi_image *image, rtv_error *error) {
    size_t stride = 3 * (size_t)width, size = 0;
    memset(image, 0, sizeof *image);
    if (rtvi_mul(stride, (size_t)height, &size) && rtvi_add(size, RTVI_IMAGE_SLACK, &size)) image->owned = rtvi_alloc(env, size, 1);
    if (!image->owned) return rtvi_error_out_of_memory(error, "image", size);
    image->pixels = image->owned;
    memset(image->pixels + (size - RTVI_IMAGE_SLACK), 0, RTVI_IMAGE_SLACK);
    image->stride = stride;
    image->width = width;
    image->height = height;
    return RTV_OK;
}

void rtvi_image_release(const rtvi_env *env, rtvi_image *image) {
    rtvi_free(env, image->owned);
    memset(image, 0, sizeof *image);
}

static int32_t check_pixels(const char *name, uint64_t width, uint64_t height, uint64_t max_pixels, rtv_error *error) {
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX)
        return rtvi_error_set(error, RTV_E_FORMAT, "image: %s: size: got %llu x %llu pixels, expected 1 to %d each", name,
                              (unsigned long long)width, (unsigned long long)height, INT32_MAX);
    if (width * height > max_pixels)
        return rtvi_error_set(error, RTV_E_LIMIT, "image: %s: size: got %llu x %llu pixels, expected at most %llu in all (max_pixels)",
                              name, (unsigned long long)width, (unsigned long long)height, (unsigned long long)max_pixels);
    return RTV_OK;
}

int32_t rtvi_image_check_pixels(const rtvi_encoded *in, uint64_t width, uint64_t height, rtv_error *error) {
    return check_pixels(in->name, width, height, in->options->max_pixels, error);
}

/* What a file begins with. */
typedef struct signature {
    const char *name;
    size_t offset, length;
    const char *bytes;
} signature;

static const signature signatures[] = {
    {"JPEG", 0, 3, "\xff\xd8\xff"},
    {"PNG", 0, 8, "\x89PNG\r\n\x1a\n"},
    {"WebP", 8, 4, "WEBP"},
    {"GIF", 0, 4, "GIF8"},
    {"BMP", 0, 2, "BM"},
    {"TIFF", 0, 4, "II*\0"},
    {"TIFF", 0, 4, "MM\0*"},
    {"BigTIFF", 0, 4, "II+\0"},
    {"BigTIFF", 0, 4, "MM\0+"},
    {"AVIF", 4, 8, "ftypavif"},
    {"AVIF", 4, 8, "ftypavis"},
    {"HEIC", 4, 7, "ftyphei"}, /* heic, heix, heim, heis */
    {"HEIC", 4, 7, "ftyphev"}, /* hevc, hevx, hevm, hevs */
    {"HEIF", 4, 8, "ftypmif1"},
    {"HEIF", 4, 8, "ftypmsf1"},
    {"JPEG XL", 0, 2, "\xff\x0a"},
    {"JPEG XL", 4, 8, "JXL \r\n\x87\n"},
    {"JPEG 2000", 4, 8, "jP  \r\n\x87\n"},
    {"JPEG 2000", 0, 4, "\xff\x4f\xff\x51"},
    {"PSD", 0, 4, "8BPS"},
    {"ICO", 0, 4, "\0\0\1\0"},
    {"QOI", 0, 4, "qoif"},
};

/* NULL for a format that is not known at all. */
static const char *sniff(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        const signature *s = &signatures[i];
        if (size >= s->offset + s->length && memcmp(data + s->offset, s->bytes, s->length) == 0) return s->name;
    }
    return NULL;
}

static int32_t refuse_format(const rtvi_encoded *in, const char *format, rtv_error *error) {
    const char *hope = in->options->decode ? "or one that the decoder callback takes" : "or set a decoder callback";
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "image: %s: unsupported format: got %s, expected JPEG or PNG, %s", in->name,
                          format ? format : "an unknown one", hope);
}

static int32_t callback_failed(const rtvi_encoded *in, const char *format, int32_t answer, rtv_error *error) {
    if (answer == 1) return refuse_format(in, format, error);
    return rtvi_error_set(error, RTV_E_CALLBACK, "image: %s: decoder callback: got %d, expected 0 (or 1 for a foreign format)", in->name,
                          answer);
}

static int32_t decode_by_callback(const rtvi_encoded *in, const char *format, rtvi_image *image, rtv_error *error) {
    const rtvi_decode_options *how = in->options;
    int32_t width = 0, height = 0, again_width, again_height, answer, status;
    answer = how->decode(how->decode_user, in->data, in->size, &width, &height, NULL);
    if (answer != 0) return callback_failed(in, format, answer, error);
    if (width < 1 || height < 1)
        return rtvi_error_set(error, RTV_E_CALLBACK, "image: %s: decoder callback: got a size of %d x %d pixels, expected 1 or more each",
                              in->name, width, height);
    status = rtvi_image_check_pixels(in, (uint64_t)width, (uint64_t)height, error);
    if (status == RTV_OK) status = rtvi_image_allocate(in->env, width, height, image, error);
    if (status != RTV_OK) return status;
    again_width = width, again_height = height;
    answer = how->decode(how->decode_user, in->data, in->size, &again_width, &again_height, image->pixels);
    if (answer != 0) return callback_failed(in, format, answer, error);
    if (again_width != width || again_height != height)
        return rtvi_error_set(error, RTV_E_CALLBACK, "image: %s: decoder callback: got %d x %d pixels, expected %d x %d as at first",
                              in->name, again_width, again_height, width, height);
    return rtvi_error_clear(error);
}

static int32_t decode_bytes(const rtvi_encoded *in, rtvi_image *image, rtv_error *error) {
    const char *format = sniff(in->data, in->size);
    int32_t status;
    if (in->size == 0) return rtvi_error_set(error, RTV_E_FORMAT, "image: %s: got 0 bytes, expected a picture", in->name);
    if (format && strcmp(format, "JPEG") == 0)
        status = rtvi_image_jpeg_decode(in, image, error);
    else if (format && strcmp(format, "PNG") == 0)
        status = rtvi_image_png_decode(in, image, error);
    else if (in->options->decode)
        return decode_by_callback(in, format, image, error);
    else
        return refuse_format(in, format, error);
    if (status == RTV_OK && in->options->apply_exif)
        status = rtvi_image_exif_apply(in->env, rtvi_image_exif_orientation(in->data, in->size), image, error);
    return status;
}

/* Of a long path the end, which tells more. */
static const char *name_of_path(rtvi_quoted *quoted, const char *path) {
    size_t length = strlen(path), room = RTVI_QUOTE_MAX - 8;
    if (length <= room) return rtvi_error_quote(quoted, path, length);
    path += length - room;
    while ((*path & 0xc0) == 0x80) path++; /* not into a UTF-8 sequence */
    memcpy(quoted->text, "...", 3);
    {
        rtvi_quoted tail;
        strcpy(quoted->text + 3, rtvi_error_quote_string(&tail, path));
    }
    return quoted->text;
}

static int32_t decode_path(const rtvi_env *env, const char *path, const rtvi_decode_options *options, rtvi_image *image, rtv_error *error) {
    rtvi_quoted quoted;
    rtvi_encoded in = {.env = env, .options = options};
    uint8_t *data = NULL;
    int32_t status;
    if (!path || !path[0]) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: path: got none, expected the name of a file");
    status = rtvi_file_read(env, "image", path, options->max_bytes, "max_picture_bytes", &data, &in.size, error);
    if (status != RTV_OK) return status;
    in.name = name_of_path(&quoted, path);
    in.data = data;
    status = decode_bytes(&in, image, error);
    rtvi_free(env, data);
    return status;
}

static int32_t decode_encoded(const rtvi_env *env, const rtv_picture *picture, const rtvi_decode_options *options, rtvi_image *image,
                              rtv_error *error) {
    rtvi_encoded in = {env, "memory", picture->data, (size_t)picture->size_bytes, options};
    if (!picture->data && picture->size_bytes > 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: memory: data: got NULL, expected the bytes of a picture");
    if (picture->size_bytes > options->max_bytes || picture->size_bytes > SIZE_MAX)
        return rtvi_error_set(error, RTV_E_LIMIT, "image: memory: got %llu bytes, expected at most %llu (max_picture_bytes)",
                              (unsigned long long)picture->size_bytes, (unsigned long long)options->max_bytes);
    return decode_bytes(&in, image, error);
}

/* Where a pixel format has its channels. */
typedef struct layout {
    size_t bytes, red, green, blue;
} layout;

/* NULL for a format that is none. */
static const layout *layout_of(int32_t pixel_format) {
    static const layout layouts[] = {
        [RTV_PIXEL_RGB8] = {3, 0, 1, 2},  [RTV_PIXEL_BGR8] = {3, 2, 1, 0},  [RTV_PIXEL_RGBA8] = {4, 0, 1, 2},
        [RTV_PIXEL_BGRA8] = {4, 2, 1, 0}, [RTV_PIXEL_GRAY8] = {1, 0, 0, 0},
    };
    return pixel_format >= RTV_PIXEL_RGB8 && pixel_format <= RTV_PIXEL_GRAY8 ? &layouts[pixel_format] : NULL;
}

static int32_t check_pixel_picture(const rtv_picture *p, const rtvi_decode_options *options, const layout *pixel, rtv_error *error) {
    int64_t row_bytes, span;
    if (!p->data) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: pixels: data: got NULL, expected the top row");
    if (!pixel)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: pixels: pixel_format: got %d, expected one of RTV_PIXEL_*",
                              p->pixel_format);
    if (p->width_px < 1 || p->height_px < 1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: pixels: size: got %d x %d, expected 1 or more each", p->width_px,
                              p->height_px);
    row_bytes = p->width_px * (int64_t)pixel->bytes;
    if (p->stride_bytes > -row_bytes && p->stride_bytes < row_bytes)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                              "image: pixels: stride_bytes: got %lld, expected at least %lld (or its negative)", (long long)p->stride_bytes,
                              (long long)row_bytes);
    if (__builtin_mul_overflow(p->stride_bytes, (int64_t)p->height_px, &span) || span == INT64_MIN)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: pixels: stride_bytes: got %lld, expected less than 2^63 / height_px",
                              (long long)p->stride_bytes);
    return check_pixels("pixels", (uint64_t)p->width_px, (uint64_t)p->height_px, options->max_pixels, error);
}

static int32_t decode_pixels(const rtvi_env *env, const rtv_picture *p, const rtvi_decode_options *options, rtvi_image *image,
                             rtv_error *error) {
    const layout *pixel = layout_of(p->pixel_format);
    int32_t status = check_pixel_picture(p, options, pixel, error);
    if (status != RTV_OK) return status;
    if (p->pixel_format == RTV_PIXEL_RGB8 && p->stride_bytes > 0) { /* used where it is */
        *image = (rtvi_image){p->width_px, p->height_px, (size_t)p->stride_bytes, (uint8_t *)(uintptr_t)p->data, NULL};
        return rtvi_error_clear(error);
    }
    status = rtvi_image_allocate(env, p->width_px, p->height_px, image, error);
    if (status != RTV_OK) return status;
    for (ptrdiff_t y = 0; y < p->height_px; y++) {
        const uint8_t *in = (const uint8_t *)p->data + y * (ptrdiff_t)p->stride_bytes;
        uint8_t *out = image->pixels + (size_t)y * image->stride;
        for (int32_t x = 0; x < p->width_px; x++, in += pixel->bytes, out += 3)
            out[0] = in[pixel->red], out[1] = in[pixel->green], out[2] = in[pixel->blue];
    }
    return rtvi_error_clear(error);
}

int32_t rtvi_image_check_reserved(const rtv_picture *picture, rtv_error *error) {
    for (size_t i = 0; i < sizeof picture->reserved / sizeof *picture->reserved; i++)
        if (picture->reserved[i] != 0)
            return rtvi_error_set(error, RTV_E_UNSUPPORTED, "image: reserved[%zu]: got %llu, expected 0: this library is older", i,
                                  (unsigned long long)picture->reserved[i]);
    return RTV_OK;
}

int32_t rtvi_image_decode(const rtvi_env *env, const rtv_picture *picture, const rtvi_decode_options *options, rtvi_image *image,
                          rtv_error *error) {
    int32_t status = rtvi_image_check_reserved(picture, error);
    memset(image, 0, sizeof *image);
    if (status != RTV_OK) return status;
    switch (picture->kind) {
        case RTV_PICTURE_PATH:
            status = decode_path(env, picture->path, options, image, error);
            break;
        case RTV_PICTURE_ENCODED:
            status = decode_encoded(env, picture, options, image, error);
            break;
        case RTV_PICTURE_PIXELS:
            status = decode_pixels(env, picture, options, image, error);
            break;
        default:
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "image: kind: got %d, expected RTV_PICTURE_PATH, ENCODED or PIXELS",
                                  picture->kind);
    }
    if (status != RTV_OK) rtvi_image_release(env, image);
    return status;
}
