/* test_kernels_codes.c - rounding to codes, and pooling of codes, against their definitions. */
#include "support.h"

#include <math.h>

#include "kernels/kernels.h"
#include "kernels/kernels_codes.h"

static uint32_t random_state = 1;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

/* By way of the C library, in double. */
static int32_t round_plainly(float value, int32_t zero_point, int32_t low, int32_t high) {
    double code = nearbyint((double)value) + zero_point;
    return code < low ? low : code > high ? high : (int32_t)code;
}

static void check_rounding(float value) {
    static const int32_t zero_points[] = {0, 1, 114, 255};
    for (int i = 0; i < 4; i++)
        assert_int_equal(rtvi_round_to_code(value, zero_points[i], 0, 255), round_plainly(value, zero_points[i], 0, 255));
    assert_int_equal(rtvi_round_to_code(value, 0, -128, 127), round_plainly(value, 0, -128, 127));
}

/* Every half, where ties are, and its neighbours. */
static void test_rounding(void **state) {
    static const float far[] = {511.99997f, 512.0f, 1e6f, 8388609.0f, 3e9f, 1e30f, INFINITY, 0x1p-149f, 0x1p-126f, 0.0f};
    (void)state;
    for (int half = -1300; half <= 1300; half++) {
        float value = (float)half / 2.0f;
        check_rounding(value);
        check_rounding(nextafterf(value, -INFINITY));
        check_rounding(nextafterf(value, INFINITY));
    }
    for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
        check_rounding(far[i]);
        check_rounding(-far[i]);
    }
    for (int i = 0; i < 100000; i++) check_rounding(((float)pick(1u << 24) - 0x1p23f) * 0x1p-13f);
    assert_int_equal(rtvi_round_to_code(NAN, 100, 0, 255), 0);
    assert_int_equal(rtvi_round_to_code(NAN, 0, -128, 127), -128);
}

static void test_quantize_and_back(void **state) {
    static const rtvi_code_type types[] = {{RTVI_U8, 0.0186f, 114}, {RTVI_U8, 0.25f, 0}, {RTVI_I8, 0.037f, 0}, {RTVI_U8, 1e-30f, 255}};
    float x[1000], back[1000];
    uint8_t codes[1000];
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        int32_t low = types[t].dtype == RTVI_U8 ? 0 : -128;
        for (int i = 0; i < 1000; i++) x[i] = ((float)pick(1u << 16) - 0x1p15f) * 0x1p-7f * types[t].scale;
        rtvi_quantize(x, 1000, &types[t], codes);
        rtvi_dequantize(codes, 1000, &types[t], back);
        for (int i = 0; i < 1000; i++) {
            int32_t code = types[t].dtype == RTVI_U8 ? codes[i] : (int8_t)codes[i];
            float quotient =
                (float)((double)x[i] / (double)types[t].scale); /* of floats: the double's rounding does not show in the float */
            assert_int_equal(code, round_plainly(quotient, types[t].zero_point, low, low + 255));
            assert_true(back[i] == (float)((double)(code - types[t].zero_point) * (double)types[t].scale));
        }
        rtvi_quantize(back, 1000, &types[t], codes); /* what a code stands for becomes that code */
        rtvi_dequantize(codes, 1000, &types[t], x);
        assert_memory_equal(x, back, sizeof x);
    }
}

/* --- pools --- */

typedef void (*pool_fn)(const void *x, const rtvi_code_type *type, int64_t channels, int64_t positions, int64_t block, float *out);
static const pool_fn pools[] = {rtvi_pool_codes_avg, rtvi_pool_codes_max, rtvi_pool_codes_gem};

/* The formulas of docs/quantization.md for one channel's codes [positions]. */
static float pool_plainly(int which, const uint8_t *x, const rtvi_code_type *type, int64_t positions) {
    int64_t sum = 0, cubes = 0, largest = INT64_MIN;
    double scale = (double)type->scale;
    for (int64_t p = 0; p < positions; p++) {
        int64_t value = (type->dtype == RTVI_U8 ? x[p] : (int8_t)x[p]) - type->zero_point;
        sum += value;
        cubes += value * value * value;
        if (value > largest) largest = value;
    }
    if (which == 0) return (float)((double)sum * scale / (double)positions);
    if (which == 1) return (float)((double)largest * scale); /* 8 and 24 bits: exact before it is rounded */
    return (float)cbrt((double)(float)((double)cubes * (scale * scale * scale) / (double)positions));
}

/* x [channels][positions] in each layout. */
static void check_pools(const uint8_t *x, const rtvi_code_type *type, int64_t channels, int64_t positions) {
    static const int64_t blocks[] = {1, 2, 8, 16, 48, 0};
    size_t size = (size_t)(channels * positions);
    uint8_t *blocked = malloc(size);
    float *out = malloc((size_t)channels * sizeof *out);
    for (int b = 0; b < 6; b++) {
        int64_t block = blocks[b] ? blocks[b] : channels;
        if (channels % block != 0) continue;
        for (int64_t c = 0; c < channels; c++) {
            for (int64_t p = 0; p < positions; p++) blocked[(c / block * positions + p) * block + c % block] = x[c * positions + p];
        }
        for (int which = 0; which < 3; which++) {
            memset(out, 0xff, (size_t)channels * sizeof *out);
            pools[which](blocked, type, channels, positions, block, out);
            for (int64_t c = 0; c < channels; c++) assert_true(out[c] == pool_plainly(which, x + c * positions, type, positions));
        }
    }
    free(blocked);
    free(out);
}

static void test_pools(void **state) {
    static const rtvi_code_type types[] = {{RTVI_U8, 0.0186f, 114}, {RTVI_U8, 0.031f, 0}, {RTVI_I8, 0.037f, 0}, {RTVI_U8, 3e-9f, 255}};
    static const int64_t sizes[][2] = {{1, 1}, {3, 7}, {64, 49}, {65, 127}, {96, 128}, {130, 129}, {48, 1000}};
    (void)state;
    for (size_t t = 0; t < 4; t++) {
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            size_t size = (size_t)(sizes[s][0] * sizes[s][1]);
            uint8_t *x = malloc(size);
            for (size_t i = 0; i < size; i++) x[i] = (uint8_t)pick(256);
            check_pools(x, &types[t], sizes[s][0], sizes[s][1]);
            free(x);
        }
    }
}

/* The largest sums there are: every code at the end of its range, over more positions than fit int32. */
static void test_pools_of_extremes(void **state) {
    static const rtvi_code_type types[] = {{RTVI_U8, 0.01f, 0}, {RTVI_U8, 0.01f, 255}, {RTVI_I8, 0.01f, 0}, {RTVI_I8, 0.01f, 0}};
    static const uint8_t codes[] = {255, 0, 0x80, 0x7f};
    enum { CHANNELS = 3, POSITIONS = 300000 };
    uint8_t *x = malloc(CHANNELS * POSITIONS);
    (void)state;
    for (int t = 0; t < 4; t++) {
        memset(x, codes[t], CHANNELS * POSITIONS);
        check_pools(x, &types[t], CHANNELS, POSITIONS);
    }
    free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_quantize_and_back),
        cmocka_unit_test(test_pools),
        cmocka_unit_test(test_pools_of_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
