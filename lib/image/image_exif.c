/* image_exif.c - the EXIF orientation of a JPEG or a PNG, and turning a picture upright by it.
 *
 * EXIF is a TIFF file in an APP1 segment after "Exif\\0\\0" (JPEG) or in an eXIf chunk (PNG). Damaged EXIF is no error: it says nothing. */
#include "image/image_codec.h"

#include <string.h>

#include "base/base_bytes.h"

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4 };

static uint32_t load(const uint8_t *p, size_t count, int big_endian) {
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++) value |= (uint32_t)p[i] << 8 * (big_endian ? count - 1 - i : i);
    return value;
}

static uint32_t take(rtvi_bytes *bytes, size_t count, int big_endian) {
    const uint8_t *p = rtvi_bytes_take(bytes, count);
    return p ? load(p, count, big_endian) : 0;
}

/* 0 when the entry is another tag or says nothing valid. */
static int32_t orientation_of_entry(rtvi_bytes *tiff, int big_endian) {
    uint32_t tag = take(tiff, 2, big_endian), type = take(tiff, 2, big_endian), count = take(tiff, 4, big_endian), value;
    const uint8_t *at = rtvi_bytes_take(tiff, 4);
    if (!at || tag != TAG_ORIENTATION || count != 1 || (type != TYPE_SHORT && type != TYPE_LONG)) return 0;
    value = load(at, type == TYPE_SHORT ? 2 : 4, big_endian);
    return value <= 8 ? (int32_t)value : 0;
}

static int32_t orientation_of_tiff(const uint8_t *data, size_t size) {
    rtvi_bytes tiff = rtvi_bytes_over(data, size);
    const uint8_t *order = rtvi_bytes_take(&tiff, 2);
    int big_endian = order && order[0] == 'M';
    int32_t orientation = 0;
    uint32_t offset, entries;
    if (!order || (memcmp(order, "II", 2) != 0 && memcmp(order, "MM", 2) != 0) || take(&tiff, 2, big_endian) != 42) return 1;
    offset = take(&tiff, 4, big_endian);
    if (tiff.failed || offset > size) return 1;
    tiff.pos = offset;
    entries = take(&tiff, 2, big_endian);
    for (uint32_t i = 0; i < entries && !tiff.failed && orientation == 0; i++) orientation = orientation_of_entry(&tiff, big_endian);
    return orientation ? orientation : 1;
}

static int32_t orientation_of_jpeg(const uint8_t *data, size_t size) {
    rtvi_bytes file = rtvi_bytes_over(data, size);
    rtvi_bytes_take(&file, 2);
    while (!file.failed) {
        uint8_t marker;
        const uint8_t *segment;
        size_t length;
        if (rtvi_bytes_u8(&file) != 0xff) continue; /* what libjpeg skips between segments */
        do marker = rtvi_bytes_u8(&file);
        while (marker == 0xff);
        if (marker == 0xda || marker == 0xd9) break; /* the picture's data, or its end */
        if (marker == 0 || marker == 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
        length = take(&file, 2, 1);
        segment = length >= 2 ? rtvi_bytes_take(&file, length - 2) : NULL;
        if (!segment) break;
        if (marker == 0xe1 && length >= 8 && memcmp(segment, "Exif\0\0", 6) == 0) return orientation_of_tiff(segment + 6, length - 8);
    }
    return 1;
}

static int32_t orientation_of_png(const uint8_t *data, size_t size) {
    rtvi_bytes file = rtvi_bytes_over(data, size);
    rtvi_bytes_take(&file, 8);
    for (;;) {
        uint32_t length = take(&file, 4, 1);
        const uint8_t *type = rtvi_bytes_take(&file, 4), *body = rtvi_bytes_take(&file, length);
        rtvi_bytes_take(&file, 4);
        if (file.failed || memcmp(type, "IEND", 4) == 0) return 1;
        if (memcmp(type, "eXIf", 4) == 0) return orientation_of_tiff(body, length);
    }
}

int32_t rtvi_image_exif_orientation(const uint8_t *data, size_t size) {
    if (size > 2 && data[0] == 0xff && data[1] == 0xd8) return orientation_of_jpeg(data, size);
    if (size > 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0) return orientation_of_png(data, size);
    return 1;
}

/* Where the pixel at column x, row y of the upright picture comes from, as a start and two steps in bytes. */
typedef struct turn {
    ptrdiff_t start, step_x, step_y;
} turn;

static turn turn_of(int32_t orientation, const rtvi_image *image) {
    ptrdiff_t right = (ptrdiff_t)(image->width - 1) * 3, bottom = (ptrdiff_t)(image->height - 1) * (ptrdiff_t)image->stride;
    ptrdiff_t row = (ptrdiff_t)image->stride;
    const turn turns[9] = {{0, 3, row},       {0, 3, row}, {right, -3, row},  {right + bottom, -3, -row},
                           {bottom, 3, -row}, {0, row, 3}, {bottom, -row, 3}, {right + bottom, -row, -3},
                           {right, row, -3}};
    return turns[orientation];
}

int32_t rtvi_image_exif_apply(const rtvi_env *env, int32_t orientation, rtvi_image *image, rtv_error *error) {
    int turned = rtvi_image_exif_is_turned(orientation);
    turn from;
    rtvi_image upright;
    int32_t status;
    if (orientation <= 1 || orientation > 8) return rtvi_error_clear(error);
    status = rtvi_image_allocate(env, turned ? image->height : image->width, turned ? image->width : image->height, &upright, error);
    if (status != RTV_OK) return status;
    from = turn_of(orientation, image);
    for (ptrdiff_t y = 0; y < upright.height; y++) {
        const uint8_t *in = image->pixels + from.start + y * from.step_y;
        uint8_t *out = upright.pixels + (size_t)y * upright.stride;
        for (int32_t x = 0; x < upright.width; x++, in += from.step_x, out += 3) memcpy(out, in, 3);
    }
    rtvi_image_release(env, image);
    *image = upright;
    return rtvi_error_clear(error);
}
