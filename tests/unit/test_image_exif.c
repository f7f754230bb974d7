/* test_image_exif.c - turning pictures upright, and EXIF that lies. */
#include "unit/image_support.h"

#include "image/image_codec.h"

static void turns_as_pillow(void **state) {
    (void)state;
    test_golden_images("images/upright.txt", ".jpg", 1, 36);
    test_golden_images("images/upright.txt", ".png", 1, 41);
}

static void reads_orientations(void **state) {
    char name[64];
    size_t size;
    (void)state;
    for (int i = 1; i <= 9; i++) {
        uint8_t *data;
        snprintf(name, sizeof name, "images/exif_%d.jpg", i);
        data = test_read_file(test_golden(name), &size);
        assert_int_equal(rtvi_image_exif_orientation(data, size), i == 9 ? 1 : i);
        free(data);
    }
}

static int32_t orientation_of_copy(const uint8_t *data, size_t size) {
    uint8_t *copy = test_exact_copy(data, size);
    int32_t orientation = rtvi_image_exif_orientation(copy, size);
    free(copy);
    return orientation;
}

static void survives_damage(void **state) {
    const char *const names[] = {"images/exif_6.jpg", "images/exif_5.jpg", "images/exif_6.png", "images/exif_5_late.png"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        size_t size;
        uint8_t *data = test_read_file(test_golden(names[i]), &size);
        int32_t whole = orientation_of_copy(data, size);
        assert_int_equal(whole, names[i][12] - '0');
        for (size_t cut = 0; cut < size; cut++) {
            int32_t orientation = orientation_of_copy(data, cut);
            assert_true(orientation == 1 || orientation == whole);
        }
        for (size_t at = 0; at < size; at++)
            for (int mask = 1; mask < 256; mask <<= 1) {
                int32_t orientation;
                data[at] ^= (uint8_t)mask;
                orientation = orientation_of_copy(data, size);
                assert_in_range(orientation, 1, 8);
                data[at] ^= (uint8_t)mask;
            }
        free(data);
    }
}

static void nothing_stated_is_upright(void **state) {
    (void)state;
    assert_int_equal(rtvi_image_exif_orientation((const uint8_t *)"", 0), 1);
    assert_int_equal(orientation_of_copy((const uint8_t *)"\xff\xd8\xff\xff\xff\xff\xff", 7), 1);
    assert_int_equal(orientation_of_copy((const uint8_t *)"RIFF....WEBP", 12), 1);
    assert_int_equal(orientation_of_copy((const uint8_t *)"\x89PNG\r\n\x1a\n\xff\xff\xff\xff"
                                                          "eXIf",
                                         16),
                     1);
}

static void keeps_the_picture_without_memory(void **state) {
    uint8_t pixels[6] = {1, 2, 3, 4, 5, 6};
    rtvi_image image = {2, 1, 6, pixels, NULL};
    test_heap heap;
    rtvi_env env;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    heap.fail_at = 1;
    assert_int_equal(rtvi_image_exif_apply(&env, 6, &image, &error), RTV_E_OUT_OF_MEMORY);
    assert_ptr_equal(image.pixels, pixels);
    assert_int_equal(image.width, 2);
    assert_int_equal(rtvi_image_exif_apply(&env, 6, &image, &error), RTV_OK);
    assert_int_equal(image.width, 1);
    assert_int_equal(image.height, 2);
    assert_memory_equal(image.pixels, pixels, 6);
    rtvi_image_release(&env, &image);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_as_pillow),
        cmocka_unit_test(reads_orientations),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(nothing_stated_is_upright),
        cmocka_unit_test(keeps_the_picture_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
