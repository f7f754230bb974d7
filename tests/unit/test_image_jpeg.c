/* test_image_jpeg.c - JPEG against Pillow's pixels, and damaged JPEG. */
#include "unit/image_support.h"

static void decodes_as_pillow(void **state) {
    (void)state;
    test_golden_images("images/images.txt", ".jpg", 0, 36);
}

static void shrinks_as_pillows_draft(void **state) {
    char name[64], path[96];
    int target_width, target_height, width, height, lines = 0;
    unsigned long crc;
    FILE *list = fopen(test_golden("images/draft.txt"), "r");
    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%63s %d %d %d %d %lu", name, &target_width, &target_height, &width, &height, &crc) == 6) {
        rtvi_env env;
        rtvi_image image;
        rtv_picture picture = {.kind = RTV_PICTURE_PATH};
        rtvi_decode_options options = test_decode_options();
        snprintf(path, sizeof path, "images/%s", name);
        picture.path = test_golden(path);
        options.fast_decode = 1;
        options.target_width = target_width;
        options.target_height = target_height;
        rtvi_env_init(&env, NULL, RTV_ISA_ANY);
        assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, NULL), RTV_OK);
        if (image.width != width || image.height != height || test_crc_image(&image) != crc)
            fail_msg("%s for %d x %d differs from Pillow's draft", name, target_width, target_height);
        rtvi_image_release(&env, &image);
        rtvi_env_destroy(&env);
        lines++;
    }
    fclose(list);
    assert_int_equal(lines, 48);
}

static void size_shrunk(const char *name, int32_t fast, int32_t exif, int32_t inside, int32_t width, int32_t height, int32_t *got_width,
                        int32_t *got_height) {
    rtvi_env env;
    rtvi_image image;
    rtv_picture picture = {.kind = RTV_PICTURE_PATH, .path = test_golden(name)};
    rtvi_decode_options options = test_decode_options();
    options.fast_decode = fast;
    options.apply_exif = exif;
    options.target_fits_inside = inside;
    options.target_width = width;
    options.target_height = height;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, NULL), RTV_OK);
    *got_width = image.width;
    *got_height = image.height;
    rtvi_image_release(&env, &image);
    rtvi_env_destroy(&env);
}

static void keeps_twice_the_target(void **state) {
    int32_t width, height; /* large.jpg has 161 x 83 pixels, exif_6.jpg 20 x 12 */
    (void)state;
    size_shrunk("images/large.jpg", 1, 0, 0, 20, 10, &width, &height);
    assert_int_equal(width, 41); /* by 4: 161 >= 2 * 4 * 20 and 83 >= 2 * 4 * 10 */
    assert_int_equal(height, 21);
    size_shrunk("images/large.jpg", 1, 0, 0, 20, 11, &width, &height);
    assert_int_equal(width, 81); /* by 2: 83 < 2 * 4 * 11 */
    size_shrunk("images/large.jpg", 0, 0, 0, 20, 10, &width, &height);
    assert_int_equal(width, 161);
    size_shrunk("images/large.jpg", 1, 0, 0, 20, 40, &width, &height);
    assert_int_equal(width, 161);
    size_shrunk("images/large.jpg", 1, 0, 1, 20, 40, &width, &height);
    assert_int_equal(width, 41); /* fitted inside 20 x 40 it becomes 20 wide: the width decides */
    size_shrunk("images/exif_6.jpg", 1, 0, 0, 5, 3, &width, &height);
    assert_int_equal(width, 10);
    size_shrunk("images/exif_6.jpg", 1, 1, 0, 3, 5, &width, &height);
    assert_int_equal(width, 6); /* upright 12 x 20, shrunk by 2 */
    assert_int_equal(height, 10);
    size_shrunk("images/exif_6.jpg", 1, 1, 0, 5, 3, &width, &height);
    assert_int_equal(width, 12);
}

static const char *const samples[] = {
    "images/one.jpg",  "images/420.jpg",        "images/progressive_420.jpg", "images/restart_progressive.jpg",
    "images/cmyk.jpg", "images/arithmetic.jpg", "images/exif_6.jpg"};
enum { NUM_SAMPLES = sizeof samples / sizeof *samples };

static void refuses_every_truncation(void **state) {
    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t size;
        uint8_t *data = test_read_file(test_golden(samples[i]), &size);
        rtv_error error;
        for (size_t cut = 0; cut < size; cut++) {
            int32_t status = test_decode_damaged(data, cut, &error);
            assert_int_equal(status, cut == 1 || cut == 2 ? RTV_E_UNSUPPORTED : RTV_E_FORMAT); /* two bytes are not yet a JPEG */
            if (cut >= 3) assert_contains(error.message, "truncated JPEG: got ");
        }
        assert_int_equal(test_decode_damaged(data, size, &error), RTV_OK);
        free(data);
    }
}

static void survives_every_flip(void **state) {
    test_silence silence = test_silence_begin();
    (void)state;
    for (size_t i = 0; i < NUM_SAMPLES; i++) {
        size_t size, refused = 0;
        uint8_t *data = test_read_file(test_golden(samples[i]), &size);
        rtv_error error;
        for (size_t at = 0; at < size; at++) {
            const uint8_t masks[] = {0xff, 0x01, 0x80};
            for (size_t m = 0; m < sizeof masks; m++) {
                data[at] ^= masks[m];
                if (test_decode_damaged(data, size, &error) != RTV_OK) refused++;
                data[at] ^= masks[m];
            }
        }
        assert_true(refused > 20);
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

/* The offset of the first segment with this marker. */
static size_t find_marker(const uint8_t *data, size_t size, uint8_t marker) {
    size_t at = 2;
    while (at + 4 < size && data[at + 1] != marker) at += 2 + (size_t)(data[at + 2] << 8 | data[at + 3]);
    assert_int_equal(data[at + 1], marker);
    return at;
}

static void names_what_is_unsupported(void **state) {
    size_t size, frame;
    uint8_t *data = test_read_file(test_golden("images/420.jpg"), &size);
    rtv_error error;
    (void)state;
    frame = find_marker(data, size, 0xc0);
    data[frame + 4] = 12; /* bits a sample */
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "image: memory: unsupported JPEG: got \"Unsupported JPEG data precision 12\"");
    data[frame + 4] = 8;
    data[frame + 1] = 0xc3; /* lossless */
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_UNSUPPORTED);
    data[frame + 1] = 0xc0;
    data[frame + 5] = data[frame + 6] = 0; /* height 0 */
    assert_int_equal(test_decode_damaged(data, size, &error), RTV_E_FORMAT);
    assert_contains(error.message, "damaged JPEG: got \"");
    free(data);
}

static void refuses_two_components(void **state) {
    static const uint8_t head[] = {0xff, 0xd8, 0xff, 0xc0, 0,    14, 8,  0, 8, 0, 8, 2, 1, 0x11, 0,
                                   2,    0x11, 0,    0xff, 0xda, 0,  10, 2, 1, 0, 2, 0, 0, 63,   0};
    rtv_error error;
    (void)state;
    assert_int_equal(test_decode_damaged(head, sizeof head, &error), RTV_E_UNSUPPORTED);
    assert_contains(error.message, "unsupported JPEG: got 2 components, expected 1, 3 or 4");
}

static void limits_pixels(void **state) {
    size_t size, frame;
    uint8_t *data = test_read_file(test_golden("images/420.jpg"), &size);
    rtv_picture picture = test_encoded(data, size);
    rtvi_decode_options options = test_decode_options();
    rtvi_image image;
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    options.max_pixels = 37 * 29 - 1;
    assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, &error), RTV_E_LIMIT);
    assert_string_equal(error.message, "image: memory: size: got 37 x 29 pixels, expected at most 1072 in all (max_pixels)");
    options.max_pixels++;
    assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, &error), RTV_OK);
    rtvi_image_release(&env, &image);
    frame = find_marker(data, size, 0xc0); /* 65500 x 65500, libjpeg's largest */
    data[frame + 5] = data[frame + 7] = 0xff;
    data[frame + 6] = data[frame + 8] = 0xdc;
    options = test_decode_options();
    assert_int_equal(rtvi_image_decode(&env, &picture, &options, &image, &error), RTV_E_LIMIT);
    assert_contains(error.message, "got 65500 x 65500 pixels, expected at most 178956970 in all (max_pixels)");
    rtvi_env_destroy(&env);
    free(data);
}

/* The last scan of a progressive file, over and over. */
static void limits_scans(void **state) {
    size_t size, scan, used, length;
    uint8_t *data = test_read_file(test_golden("images/progressive_gray.jpg"), &size), *bomb;
    rtv_error error;
    (void)state;
    for (scan = size - 2; data[scan] != 0xff || data[scan + 1] != 0xda; scan--) continue;
    length = size - 2 - scan;
    bomb = malloc(size + 600 * length);
    assert_non_null(bomb);
    memcpy(bomb, data, size - 2);
    used = size - 2;
    for (int i = 0; i < 600; i++, used += length) memcpy(bomb + used, data + scan, length);
    memcpy(bomb + used, "\xff\xd9", 2);
    assert_int_equal(test_decode_damaged(bomb, used + 2, &error), RTV_E_LIMIT);
    assert_contains(error.message, "progressive JPEG: got more than 500 scans");
    memcpy(bomb + size - 2 + 100 * length, "\xff\xd9", 2);
    assert_int_equal(test_decode_damaged(bomb, size + 100 * length, &error), RTV_OK);
    free(bomb);
    free(data);
}

static void passes_over_what_follows_the_end(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("images/420.jpg"), &size), *longer = malloc(size + 100);
    rtv_error error;
    (void)state;
    assert_non_null(longer);
    memcpy(longer, data, size);
    memset(longer + size, 0x5a, 100);
    assert_int_equal(test_decode_damaged(longer, size + 100, &error), RTV_OK);
    free(longer);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_as_pillow),
        cmocka_unit_test(shrinks_as_pillows_draft),
        cmocka_unit_test(keeps_twice_the_target),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(survives_every_flip),
        cmocka_unit_test(survives_failing_memory),
        cmocka_unit_test(names_what_is_unsupported),
        cmocka_unit_test(refuses_two_components),
        cmocka_unit_test(limits_pixels),
        cmocka_unit_test(limits_scans),
        cmocka_unit_test(passes_over_what_follows_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
