/* test_image_png.c - PNG against Pillow's pixels, and damaged PNG. */
#include "unit/image_support.h"

static void decodes_as_pillow(void **state) {
    (void)state;
    test_golden_images("images/images.txt", ".png", 0, 41);
}

static const char *const samples[] = {"images/one.png",       "images/gray_1_interlaced.png",  "images/gray_16.png",    "images/rgb_8.png",
                                      "images/palette_4.png", "images/rgba_16_interlaced.png", "images/exif_5_late.png"};
enum { NUM_SAMPLES = sizeof samples / sizeof *samples };

static void refuses_every_truncation(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t size;
        uint8_t *data = test_read_file(test_golden(samples[i]), &size);
        rtv_error error;
        for (size_t cut = 0; cut < size; cut++) {
            int32_t status = test_decode_damaged(data, cut, &error);
            assert_int_equal(status, cut > 0 && cut < 8 ? RTV_E_UNSUPPORTED : RTV_E_FORMAT); /* its signature has 8 bytes */
            if (cut >= 8) assert_contains(error.message, "image: memory: truncated PNG: got ");
        }
        assert_int_equal(test_decode_damaged(data, size, &error), RTV_OK);
        free(data);
    }
}

static void put_u32(uint8_t *to, unsigned long value) {
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static size_t chunk_length(const uint8_t *at) { return (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]; }

/* Makes the checksum of every chunk right again, so that a flip gets past it. */
static void mend_checksums(uint8_t *data, size_t size) {
    for (size_t at = 8; at + 12 <= size && chunk_length(data + at) <= size - at - 12; at += chunk_length(data + at) + 12)
        put_u32(data + at + 8 + chunk_length(data + at), crc32(0, data + at + 4, (unsigned)chunk_length(data + at) + 4));
}

static void survives_every_flip(void **state) {
    test_silence silence = test_silence_begin();
    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t size, refused = 0;
        uint8_t *data = test_read_file(test_golden(samples[i]), &size);
        rtv_error error;
        for (size_t at = 8; at < size; at++) {
            const uint8_t masks[] = {0xff, 0x01, 0x80};
            for (size_t m = 0; m < sizeof masks; m++) {
                uint8_t *mended = test_exact_copy(data, size);
                mended[at] ^= masks[m];
                if (test_decode_damaged(mended, size, &error) != RTV_OK) refused++;
                mend_checksums(mended, size);
                test_decode_damaged(mended, size, &error);
                free(mended);
            }
        }
        assert_true(refused > 3 * 40); /* header, data and end have a checksum each */
        free(data);
    }
    test_silence_end(silence);
}

static void survives_failing_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t size;
        uint8_t *data = test_read_file(test_golden(samples[i]), &size);
        test_decode_without_memory(data, size);
        free(data);
    }
}

static void limits_pixels(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("images/rgb_8.png"), &size);
    rtv_error error;
    (void)state;
    put_u32(data + 16, 0x7fffffff);
    put_u32(data + 20, 0x7fffffff);
    mend_checksums(data, size);
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_LIMIT);
    assert_contains(error.message, "got 2147483647 x 2147483647 pixels, expected at most 1048576 in all (max_pixels)");
    put_u32(data + 16, 1000); /* fewer rows of data than the header says */
    put_u32(data + 20, 1000);
    mend_checksums(data, size);
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_FORMAT);
    put_u32(data + 16, 0);
    mend_checksums(data, size);
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_FORMAT);
    assert_contains(error.message, "image: memory: damaged PNG: got \"");
    free(data);
}

/* A zTXt chunk that unpacks to 64 MiB is passed over, unread. */
static void passes_over_text_bombs(void **state) {
    enum { TEXT = 64 << 20 };
    size_t size, header = 8 + 25;
    uint8_t *data = test_read_file(test_golden("images/rgb_8.png"), &size), *text = calloc(1, TEXT), *bomb;
    uLongf packed = compressBound(TEXT);
    test_heap heap;
    rtvi_env env;
    rtvi_image image;
    rtv_error error;
    rtv_picture picture;
    rtvi_decode_options options = test_decode_options();
    (void)state;
    bomb = malloc(size + packed + 32);
    assert_non_null(text);
    assert_non_null(bomb);
    memcpy(bomb, data, header);
    assert_int_equal(compress2(bomb + header + 8 + 6, &packed, text, TEXT, 9), Z_OK);
    memcpy(bomb + header + 4, "zTXtbomb\0\0", 10);
    put_u32(bomb + header, packed + 6);
    memcpy(bomb + header + 8 + 6 + packed + 4, data + header, size - header);
    size += packed + 6 + 12;
    mend_checksums(bomb, size);
    picture = test_encoded(bomb, size);
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, &error), RTV_OK);
    rtvi_image_release(&env, &image);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(bomb);
    free(text);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_pillow),   cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_flip), cmocka_unit_test(survives_failing_memory),
        cmocka_unit_test(limits_pixels),       cmocka_unit_test(passes_over_text_bombs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
