/* test_image_decode.c - every kind of picture, every way it can be wrong, formats told apart, the decoder callback. */
#include "unit/image_support.h"

#include <errno.h>
#include <sys/stat.h>

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
    rtvi_decode_options options;
    rtvi_image image;
    rtv_error error;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_env_init(&f->env, &f->heap);
    f->options = test_decode_options();
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    rtvi_image_release(&f->env, &f->image);
    assert_int_equal(f->heap.live, 0);
    rtvi_env_destroy(&f->env);
    free(f);
    return 0;
}

static int32_t decode(fixture *f, rtv_picture picture) {
    int32_t status;
    rtvi_image_release(&f->env, &f->image);
    status = rtvi_image_decode(&f->env, &picture, &f->options, &f->image, &f->error);
    assert_int_equal(f->error.status, status);
    if (status != RTV_OK) assert_null(f->image.pixels);
    return status;
}

static int32_t decode_path(fixture *f, const char *path) {
    rtv_picture picture = {.kind = RTV_PICTURE_PATH, .path = path};
    return decode(f, picture);
}

static void names_foreign_formats(void **state) {
    static const struct {
        const char *name, *bytes;
        size_t size;
    } files[] = {
        {"WebP", "RIFF\x10\0\0\0WEBPVP8 ", 16},
        {"GIF", "GIF89a\1\0\1\0\0\0", 12},
        {"GIF", "GIF87a\1\0\1\0\0\0", 12},
        {"BMP", "BM\x46\0\0\0\0\0\0\0\x36\0", 12},
        {"TIFF", "II*\0\x08\0\0\0", 8},
        {"TIFF", "MM\0*\0\0\0\x08", 8},
        {"BigTIFF", "II+\0\x08\0\0\0", 8},
        {"HEIC",
         "\0\0\0\x18"
         "ftypheic\0\0\0\0",
         16},
        {"HEIC",
         "\0\0\0\x18"
         "ftyphevc\0\0\0\0",
         16},
        {"HEIF",
         "\0\0\0\x18"
         "ftypmif1\0\0\0\0",
         16},
        {"AVIF",
         "\0\0\0\x18"
         "ftypavif\0\0\0\0",
         16},
        {"JPEG XL", "\xff\x0a\x10\x10", 4},
        {"JPEG XL", "\0\0\0\x0cJXL \r\n\x87\n", 12},
        {"JPEG 2000", "\0\0\0\x0cjP  \r\n\x87\n", 12},
        {"JPEG 2000", "\xff\x4f\xff\x51\0\x2f", 6},
        {"PSD", "8BPS\0\1", 6},
        {"ICO", "\0\0\1\0\1\0", 6},
        {"QOI", "qoif\0\0", 6},
        {"an unknown one", "hello", 5},
        {"an unknown one", "\x89PNG", 4},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char expected[160];
        uint8_t *copy = test_exact_copy((const uint8_t *)files[i].bytes, files[i].size);
        assert_int_equal(decode(f, test_encoded(copy, files[i].size)), RTV_E_UNSUPPORTED);
        snprintf(expected, sizeof expected, "image: memory: unsupported format: got %s, expected JPEG or PNG, or set a decoder callback",
                 files[i].name);
        assert_string_equal(f->error.message, expected);
        free(copy);
    }
}

static void names_the_file(void **state) {
    fixture *f = *state;
    char folder[64], path[512], expected[768], name[130];
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/file.webp", folder);
    test_write_file(path, "RIFF\x10\0\0\0WEBPVP8 ", 16);
    assert_int_equal(decode_path(f, path), RTV_E_UNSUPPORTED);
    snprintf(expected, sizeof expected, "image: %s: unsupported format: got WebP, expected JPEG or PNG, or set a decoder callback", path);
    assert_string_equal(f->error.message, expected);
    memset(name, 'x', sizeof name - 1); /* of a long path the end is kept; control characters are not */
    name[sizeof name - 1] = 0;
    snprintf(path, sizeof path, "%s/%s/../%s\n.jpg", folder, name, "bild");
    snprintf(expected, sizeof expected, "%s/%s", folder, name);
    assert_int_equal(mkdir(expected, 0700), 0);
    test_write_file(path, "\xff\xd8\xff\xe0", 4);
    assert_int_equal(decode_path(f, path), RTV_E_FORMAT);
    assert_contains(f->error.message, "image: ...xxx");
    assert_contains(f->error.message, "/../bild?.jpg: truncated JPEG");
    assert_int_equal(f->error.byte_offset, 4);
    test_folder_remove(folder);
}

static void reports_the_operating_system(void **state) {
    fixture *f = *state;
    char folder[64], path[128];
    assert_int_equal(decode_path(f, "no/such/file.jpg"), RTV_E_IO);
    assert_int_equal(f->error.os_error, ENOENT);
    assert_contains(f->error.message, "no/such/file.jpg");
    assert_contains(f->error.message, strerror(ENOENT));
    test_folder_make(folder);
    assert_int_equal(decode_path(f, folder), RTV_E_IO);
    assert_contains(f->error.message, folder);
    snprintf(path, sizeof path, "%s/locked.jpg", folder);
    test_write_file(path, "x", 1);
    assert_int_equal(chmod(path, 0), 0);
    if (geteuid() != 0) { /* root may read everything */
        assert_int_equal(decode_path(f, path), RTV_E_IO);
        assert_int_equal(f->error.os_error, EACCES);
    }
    test_write_file(strcat(folder, "/empty.jpg"), "", 0);
    assert_int_equal(decode_path(f, folder), RTV_E_FORMAT);
    assert_contains(f->error.message, "empty.jpg: got 0 bytes, expected a picture");
    *strrchr(folder, '/') = 0;
    test_folder_remove(folder);
    assert_int_equal(decode_path(f, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(decode_path(f, ""), RTV_E_INVALID_ARGUMENT);
}

static void limits_bytes(void **state) {
    fixture *f = *state;
    const char *path = test_golden("images/420.jpg");
    size_t size;
    uint8_t *data = test_read_file(path, &size);
    f->options.max_bytes = size;
    assert_int_equal(decode_path(f, path), RTV_OK);
    assert_int_equal(decode(f, test_encoded(data, size)), RTV_OK);
    f->options.max_bytes = size - 1;
    assert_int_equal(decode_path(f, path), RTV_E_LIMIT);
    assert_contains(f->error.message, "max_picture_bytes");
    assert_int_equal(decode(f, test_encoded(data, size)), RTV_E_LIMIT);
    assert_contains(f->error.message, "max_picture_bytes");
    free(data);
}

static void refuses_wrong_pictures(void **state) {
    fixture *f = *state;
    rtv_picture picture = {.kind = 77};
    assert_int_equal(decode(f, picture), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "image: kind: got 77");
    picture.kind = RTV_PICTURE_TENSOR;
    assert_int_equal(decode(f, picture), RTV_E_INVALID_ARGUMENT);
    picture.kind = RTV_PICTURE_PATH;
    picture.reserved[3] = 7;
    assert_int_equal(decode(f, picture), RTV_E_UNSUPPORTED);
    assert_string_equal(f->error.message, "image: reserved[3]: got 7, expected 0: this library is older");
    assert_int_equal(decode(f, test_encoded(NULL, 10)), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(decode(f, test_encoded(NULL, 0)), RTV_E_FORMAT);
    assert_int_equal(decode(f, test_encoded("", 0)), RTV_E_FORMAT);
    assert_string_equal(f->error.message, "image: memory: got 0 bytes, expected a picture");
}

/* Two rows of two pixels in each format; gray, alpha and gaps between rows included. */
static void reads_pixels_of_every_format(void **state) {
    static const uint8_t rgb[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, gray[12] = {1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10};
    static const struct {
        int32_t format, channels;
        uint8_t order[4]; /* which of R G B A (3) comes */
    } formats[] = {{RTV_PIXEL_RGB8, 3, {0, 1, 2}},
                   {RTV_PIXEL_BGR8, 3, {2, 1, 0}},
                   {RTV_PIXEL_RGBA8, 4, {0, 1, 2, 3}},
                   {RTV_PIXEL_BGRA8, 4, {2, 1, 0, 3}},
                   {RTV_PIXEL_GRAY8, 1, {0}}};
    fixture *f = *state;
    for (size_t i = 0; i < 5; i++) {
        for (int gap = 0; gap < 3; gap += 2) {
            for (int bottom_up = 0; bottom_up < 2; bottom_up++) {
                int32_t channels = formats[i].channels, stride = 2 * channels + gap;
                uint8_t *memory = malloc((size_t)(stride + 2 * channels)); /* no byte more than the rows reach */
                rtv_picture picture = {.kind = RTV_PICTURE_PIXELS, .pixel_format = formats[i].format, .width_px = 2, .height_px = 2};
                assert_non_null(memory);
                memset(memory, 200, (size_t)(stride + 2 * channels));
                for (int32_t y = 0; y < 2; y++)
                    for (int32_t x = 0; x < 2; x++)
                        for (int32_t c = 0; c < channels; c++) {
                            uint8_t value = formats[i].order[c] == 3 ? 99 : rgb[6 * y + 3 * x + formats[i].order[c]];
                            memory[(bottom_up ? 1 - y : y) * stride + x * channels + c] = value;
                        }
                picture.stride_bytes = bottom_up ? -stride : stride;
                picture.data = memory + (bottom_up ? stride : 0);
                assert_int_equal(decode(f, picture), RTV_OK);
                assert_int_equal(f->image.width, 2);
                assert_int_equal(f->image.height, 2);
                for (size_t y = 0; y < 2; y++)
                    assert_memory_equal(f->image.pixels + y * f->image.stride, (channels == 1 ? gray : rgb) + 6 * y, 6);
                rtvi_image_release(&f->env, &f->image);
                free(memory);
            }
        }
    }
}

static void refuses_wrong_pixels(void **state) {
    static const uint8_t pixels[64] = {0};
    fixture *f = *state;
    rtv_picture good = test_rgb(pixels, 4, 4), bad = good;
    assert_int_equal(decode(f, good), RTV_OK);
    assert_null(f->image.owned); /* used where it is */
    bad.data = NULL;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad = good, bad.pixel_format = 0;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad.pixel_format = 6;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "image: pixels: pixel_format: got 6");
    bad = good, bad.width_px = 0;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad = good, bad.height_px = -1;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "image: pixels: size: got 4 x -1");
    bad = good, bad.stride_bytes = 11;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "stride_bytes: got 11, expected at least 12");
    bad.stride_bytes = -11;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad.stride_bytes = INT64_MAX / 2;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad.stride_bytes = INT64_MIN;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT);
    bad = good, bad.width_px = bad.height_px = INT32_MAX, bad.stride_bytes = 3 * (int64_t)INT32_MAX;
    assert_int_equal(decode(f, bad), RTV_E_INVALID_ARGUMENT); /* 3 * (2^31)^2 bytes do not fit 63 bits */
    bad = good, bad.width_px = bad.height_px = 20000, bad.stride_bytes = 60000;
    assert_int_equal(decode(f, bad), RTV_E_LIMIT);
    assert_contains(f->error.message, "image: pixels: size: got 20000 x 20000 pixels, expected at most 178956970 in all (max_pixels)");
}

/* A decoder of a format of its own: "TOY", width, height, a gray level. */
typedef struct toy {
    int32_t answer, second_answer, grow, calls;
} toy;

static int32_t decode_toy(void *user, const void *data, uint64_t size, int32_t *width, int32_t *height, uint8_t *pixels) {
    toy *t = user;
    const uint8_t *bytes = data;
    t->calls++;
    if (size != 6 || memcmp(bytes, "TOY", 3) != 0) return 1;
    *width = bytes[3] + (pixels ? t->grow : 0);
    *height = bytes[4];
    if (pixels) memset(pixels, bytes[5], 3u * bytes[3] * bytes[4]);
    return pixels ? t->second_answer : t->answer;
}

static void asks_the_decoder(void **state) {
    fixture *f = *state;
    toy t = {0};
    size_t size;
    uint8_t *png = test_read_file(test_golden("images/rgb_8.png"), &size);
    f->options.decode = decode_toy;
    f->options.decode_user = &t;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_OK);
    assert_int_equal(t.calls, 2);
    assert_int_equal(f->image.width, 5);
    assert_int_equal(f->image.height, 3);
    for (size_t i = 0; i < 45; i++) assert_int_equal(f->image.pixels[i], 0x42);
    assert_int_equal(decode(f, test_encoded(png, size)), RTV_OK); /* never asked for what the library reads itself */
    assert_int_equal(t.calls, 2);
    free(png);
    assert_int_equal(decode(f, test_encoded("GIF89a..", 8)), RTV_E_UNSUPPORTED);
    assert_string_equal(f->error.message,
                        "image: memory: unsupported format: got GIF, expected JPEG or PNG, or one that the decoder callback takes");
    t.answer = -3;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_E_CALLBACK);
    assert_contains(f->error.message, "decoder callback: got -3");
    t.answer = 0, t.second_answer = 9;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_E_CALLBACK);
    t.second_answer = 0, t.grow = 1;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_E_CALLBACK);
    assert_contains(f->error.message, "decoder callback: got 6 x 3 pixels, expected 5 x 3 as at first");
    t.grow = 0;
    assert_int_equal(decode(f, test_encoded("TOY\0\3\x42", 6)), RTV_E_CALLBACK);
    f->options.max_pixels = 14;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_E_LIMIT);
    f->options.max_pixels = 15;
    f->heap.fail_at = f->heap.calls + 1;
    assert_int_equal(decode(f, test_encoded("TOY\5\3\x42", 6)), RTV_E_OUT_OF_MEMORY);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(names_foreign_formats), WITH_FIXTURE(names_the_file),         WITH_FIXTURE(reports_the_operating_system),
        WITH_FIXTURE(limits_bytes),          WITH_FIXTURE(refuses_wrong_pictures), WITH_FIXTURE(reads_pixels_of_every_format),
        WITH_FIXTURE(refuses_wrong_pixels),  WITH_FIXTURE(asks_the_decoder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
