/* test_kernels_pool.c - pooling in every layout, and the cube root on every magnitude. */
#include "support.h"

#include <math.h>

#include "kernels/kernels.h"

typedef void (*pool_fn)(const float *x, int64_t channels, int64_t positions, int64_t block, float *out);

static const pool_fn pools[] = {rtvi_pool_avg, rtvi_pool_max, rtvi_pool_gem};

static float noise(uint32_t i) {
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    return (float)(int32_t)(h ^ h >> 13) * 0x1p-29f;
}

/* nchw[c][p] -> [channels/block][positions][block] */
static void to_blocked(const float *nchw, int64_t channels, int64_t positions, int64_t block, float *out) {
    for (int64_t c = 0; c < channels; c++) {
        for (int64_t p = 0; p < positions; p++) out[(c / block * positions + p) * block + c % block] = nchw[c * positions + p];
    }
}

/* The definition, sums over positions in order in double. */
static float pool_plainly(int which, const float *x, int64_t positions) {
    double sum = 0.0, largest = -INFINITY;
    for (int64_t p = 0; p < positions; p++) {
        double value = (double)x[p];
        sum += which == 2 ? value * value * value : value;
        if (value > largest) largest = value;
    }
    return (float)(which == 1 ? largest : which == 0 ? sum / (double)positions : cbrt(sum / (double)positions));
}

static void test_definition(void **state) {
    static const int64_t sizes[][2] = {{1, 1}, {3, 7}, {15, 196}, {16, 49}, {17, 50}, {64, 1}, {100, 13}};
    (void)state;
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t channels = sizes[s][0], positions = sizes[s][1];
        float *x = malloc((size_t)(channels * positions) * sizeof *x), *out = malloc((size_t)channels * sizeof *out);
        for (int64_t i = 0; i < channels * positions; i++) x[i] = noise((uint32_t)(i + 1000 * (int64_t)s));
        for (int which = 0; which < 3; which++) {
            pools[which](x, channels, positions, 1, out);
            for (int64_t c = 0; c < channels; c++) {
                float expected = pool_plainly(which, x + c * positions, positions);
                assert_memory_equal(&out[c], &expected, sizeof expected); /* the same sums in the same order; both cube roots round once */
            }
        }
        free(x);
        free(out);
    }
}

static void test_layouts_give_the_same_bits(void **state) {
    enum { CHANNELS = 96, POSITIONS = 50 };
    static const int64_t blocks[] = {2, 3, 4, 6, 8, 16, 24, 32, 48, CHANNELS};
    static float x[CHANNELS * POSITIONS], blocked[CHANNELS * POSITIONS];
    float expected[CHANNELS], out[CHANNELS];
    (void)state;
    for (uint32_t i = 0; i < CHANNELS * POSITIONS; i++) x[i] = noise(i) * (i % 7 ? 1.0f : 1e6f);
    for (int which = 0; which < 3; which++) {
        pools[which](x, CHANNELS, POSITIONS, 1, expected);
        for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++) {
            to_blocked(x, CHANNELS, POSITIONS, blocks[b], blocked);
            memset(out, 0, sizeof out);
            pools[which](blocked, CHANNELS, POSITIONS, blocks[b], out);
            assert_memory_equal(out, expected, sizeof out);
        }
    }
}

static void test_special_values(void **state) {
    const float one_nan[] = {1.0f, NAN, 3.0f}, infinite[] = {-INFINITY, 2.0f, 5.0f}, lowest[] = {-INFINITY, -INFINITY};
    const float negative[] = {-2.0f, -2.0f, -2.0f, -2.0f}, mixed[] = {-1.0f, 1.0f}, huge[] = {3e38f, 3e38f}, tiny[] = {1e-30f, 1e-30f};
    float out;
    (void)state;
    for (int which = 0; which < 3; which++) {
        pools[which](one_nan, 1, 3, 1, &out);
        assert_true(isnan(out));
    }
    rtvi_pool_max(infinite, 1, 3, 1, &out);
    assert_true(out == 5.0f);
    rtvi_pool_max(lowest, 1, 2, 1, &out);
    assert_true(out == -INFINITY);
    rtvi_pool_gem(negative, 1, 4, 1, &out);
    assert_true(out == -2.0f);
    rtvi_pool_gem(mixed, 1, 2, 1, &out);
    assert_true(out == 0.0f);
    rtvi_pool_gem(huge, 1, 2, 1, &out); /* the cube would overflow float32 */
    assert_true(out == 3e38f);
    rtvi_pool_gem(tiny, 1, 2, 1, &out); /* and here vanish */
    assert_true(out == 1e-30f);
    rtvi_pool_avg(huge, 1, 2, 1, &out);
    assert_true(out == 3e38f);
}

/* Whether r is the float nearest to the cube root of x, in exact integers: for midpoints a < b around r, a^3 < x < b^3. With x in [1,8) and
 * r in [1,2], in units of 2^-24 the midpoints are integers below 2^26 and their cubes, in units of 2^-72, below 2^78. */
static int is_nearest(float x, float r) {
    unsigned __int128 target = (unsigned __int128)(uint64_t)ldexpf(x, 23) << 49;
    int64_t at = (int64_t)ldexpf(r, 24);
    unsigned __int128 below = (unsigned __int128)(at - 1), above = (unsigned __int128)(at + 1);
    return below * below * below <= target && target <= above * above * above;
}

/* One period of magnitudes: every float of [1,8). */
static void test_cube_root_is_correctly_rounded(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 3u << 23; i++) {
        uint32_t bits = 0x3f800000u + i;
        float x, r;
        memcpy(&x, &bits, sizeof x);
        r = rtvi_cube_root(x);
        if (!is_nearest(x, r)) fail_msg("cube root of %a: got %a", (double)x, (double)r);
    }
}

/* Scaling by 8 scales the root by 2, exactly, down to the smallest float; so the period above stands for all. */
static void test_cube_root_of_every_exponent(void **state) {
    (void)state;
    for (int exponent = -149; exponent < 128; exponent++) {
        for (uint32_t i = 0; i < 2000; i++) {
            float mantissa = 1.0f + (float)(noise(i) + 4.0f) * 0.124f, x = ldexpf(mantissa, exponent), reduced, r = rtvi_cube_root(x);
            int eighths = (exponent + 150) / 3 - 50;
            reduced = ldexpf(x, -3 * eighths);
            assert_true(r == ldexpf(rtvi_cube_root(reduced), eighths));
            assert_true(rtvi_cube_root(-x) == -r);
        }
    }
}

static void test_cube_root_of_special_values(void **state) {
    (void)state;
    assert_true(rtvi_cube_root(0.0f) == 0.0f && !signbit(rtvi_cube_root(0.0f)));
    assert_true(signbit(rtvi_cube_root(-0.0f)));
    assert_true(rtvi_cube_root(INFINITY) == INFINITY);
    assert_true(rtvi_cube_root(-INFINITY) == -INFINITY);
    assert_true(isnan(rtvi_cube_root(NAN)));
    for (int i = 1; i < 256; i++) assert_true(rtvi_cube_root((float)(i * i * i)) == (float)i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_layouts_give_the_same_bits),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_cube_root_is_correctly_rounded),
        cmocka_unit_test(test_cube_root_of_every_exponent),
        cmocka_unit_test(test_cube_root_of_special_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
