/* test_image_resize.c - the resize against Pillow's pixels, plain C against SIMD, a part against the whole. */
#include "unit/image_support.h"

#include <sys/mman.h>

#include "image/image_resize.h"

static rtvi_image image_over(const uint8_t *pixels, int32_t width, int32_t height) {
    rtvi_image image = {width, height, 3 * (size_t)width, (uint8_t *)(uintptr_t)pixels, NULL};
    return image;
}

static void resizes_as_pillow(void **state) {
    int in_width, in_height, width, height, lines = 0;
    unsigned long crc;
    FILE *list = fopen(test_golden("images/resize.txt"), "r");
    (void)state;
    assert_non_null(list);
    while (fscanf(list, "%d %d %d %d %lu", &in_width, &in_height, &width, &height, &crc) == 5) {
        uint8_t *pixels = test_pattern(in_width, in_height);
        rtvi_image in = image_over(pixels, in_width, in_height), out;
        for (int32_t isa = RTV_ISA_SCALAR; isa <= RTV_ISA_AVX2; isa++) {
            rtvi_env env;
            rtvi_env_init(&env, NULL, isa);
            assert_int_equal(rtvi_image_resize(&env, &in, width, height, &out, NULL), RTV_OK);
            if (out.width != width || out.height != height || test_crc_image(&out) != crc)
                fail_msg("%d x %d to %d x %d differs from Pillow's pixels (isa %d)", in_width, in_height, width, height, env.isa);
            rtvi_image_release(&env, &out);
            rtvi_env_destroy(&env);
        }
        free(pixels);
        lines++;
    }
    fclose(list);
    assert_int_equal(lines, 27);
}

static unsigned next_random(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The pixels end where readable memory ends. */
static uint8_t *guarded_pixels(size_t size, void **mapping, size_t *mapped) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (size + page - 1) / page * page;
    uint8_t *base = mmap(NULL, whole + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    assert_int_equal(mprotect(base + whole, page, PROT_NONE), 0);
    *mapping = base;
    *mapped = whole + page;
    return base + whole - size;
}

static void simd_agrees_with_plain_c(void **state) {
    unsigned random = 7;
    rtvi_env plain, best;
    (void)state;
    rtvi_env_init(&plain, NULL, RTV_ISA_SCALAR);
    rtvi_env_init(&best, NULL, RTV_ISA_ANY);
    for (int round = 0; round < 400; round++) {
        int32_t in_width = 1 + (int32_t)(next_random(&random) % (round % 3 ? 90u : 6u)),
                in_height = 1 + (int32_t)(next_random(&random) % 70u);
        int32_t width = 1 + (int32_t)(next_random(&random) % 80u), height = 1 + (int32_t)(next_random(&random) % 80u);
        size_t stride = 3 * (size_t)in_width + next_random(&random) % 3 * 5, size = stride * (size_t)(in_height - 1) + 3 * (size_t)in_width,
               mapped;
        void *mapping;
        uint8_t *pixels = guarded_pixels(size, &mapping, &mapped);
        rtvi_image in = {in_width, in_height, stride, pixels, NULL}, a, b;
        for (size_t i = 0; i < size; i++) pixels[i] = round % 5 ? (uint8_t)next_random(&random) : 255;
        assert_int_equal(rtvi_image_resize(&plain, &in, width, height, &a, NULL), RTV_OK);
        assert_int_equal(rtvi_image_resize(&best, &in, width, height, &b, NULL), RTV_OK);
        assert_memory_equal(a.pixels, b.pixels, 3 * (size_t)width * (size_t)height);
        if (round % 5 == 0) assert_int_equal(a.pixels[0], 255); /* weights sum to one as near as 22 bits say */
        rtvi_image_release(&plain, &a);
        rtvi_image_release(&best, &b);
        munmap(mapping, mapped);
    }
    rtvi_env_destroy(&plain);
    rtvi_env_destroy(&best);
}

static void part_is_cut_from_the_whole(void **state) {
    const int32_t shapes[][4] = {{61, 47, 33, 21}, {47, 99, 40, 30}, {20, 30, 64, 71},
                                 {33, 21, 33, 21}, {33, 50, 33, 21}, {50, 21, 33, 21}};
    rtvi_env env;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        uint8_t *pixels = test_pattern(shapes[i][0], shapes[i][1]);
        rtvi_image in = image_over(pixels, shapes[i][0], shapes[i][1]), whole, part;
        rtvi_resize_window window = {shapes[i][2], shapes[i][3], 5, 3, 17, 11};
        assert_int_equal(rtvi_image_resize(&env, &in, window.width, window.height, &whole, NULL), RTV_OK);
        assert_int_equal(rtvi_image_resize_part(&env, &in, &window, &part, NULL), RTV_OK);
        assert_int_equal(part.width, 17);
        assert_int_equal(part.height, 11);
        for (size_t y = 0; y < 11; y++)
            assert_memory_equal(part.pixels + y * part.stride, whole.pixels + (y + 3) * whole.stride + 15, 17 * 3);
        rtvi_image_release(&env, &whole);
        rtvi_image_release(&env, &part);
        free(pixels);
    }
    rtvi_env_destroy(&env);
}

/* A window costs what it shows, not what the whole would: 200 million rows are never made. */
static void part_of_something_huge(void **state) {
    uint8_t *pixels = test_pattern(1, 1000);
    rtvi_image in = image_over(pixels, 1, 1000), part;
    rtvi_resize_window window = {200000, 200000000, 99900, 99999900, 200, 200};
    rtvi_env env;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_image_resize_part(&env, &in, &window, &part, NULL), RTV_OK);
    rtvi_image_release(&env, &part);
    rtvi_env_destroy(&env);
    free(pixels);
}

static void refuses_too_many_weights(void **state) {
    rtvi_image in = {2000000000, 1, 6000000000u, NULL, NULL}, out; /* refused before a pixel is read */
    rtvi_env env;
    rtv_error error;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    assert_int_equal(rtvi_image_resize(&env, &in, 160, 1, &out, &error), RTV_E_UNSUPPORTED);
    assert_string_equal(error.message, "image: resize of one side: got 2000000000 to 160 pixels, expected fewer");
    assert_null(out.pixels);
    rtvi_env_destroy(&env);
}

static void survives_failing_memory(void **state) {
    uint8_t *pixels = test_pattern(40, 90);
    rtvi_image in = image_over(pixels, 40, 90), out;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    for (long n = 1; status != RTV_OK; n++) {
        test_heap heap;
        rtvi_env env;
        rtv_error error;
        test_env_init(&env, &heap);
        heap.fail_at = n;
        status = rtvi_image_resize(&env, &in, 16, 17, &out, &error);
        if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        if (status == RTV_OK) assert_true(heap.calls < n && n > 10);
        rtvi_image_release(&env, &out);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
    }
    free(pixels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resizes_as_pillow),      cmocka_unit_test(simd_agrees_with_plain_c), cmocka_unit_test(part_is_cut_from_the_whole),
        cmocka_unit_test(part_of_something_huge), cmocka_unit_test(refuses_too_many_weights), cmocka_unit_test(survives_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
