/* test_quant_params.c - scales and zero points against NumPy, bit for bit, and what their codes promise. */
#include "support.h"
#include "quant_support.h"

#include "quant/quant_params.h"

static char *text;

static int setup(void **state) {
    size_t size;
    (void)state;
    text = (char *)test_read_file(test_golden("quant/params.txt"), &size);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    free(text);
    return 0;
}

static void expect_float(float got, float expected) {
    if (memcmp(&got, &expected, sizeof got) != 0 && !(got == 0 && expected == 0))
        fail_msg("got %.9g, expected %.9g", (double)got, (double)expected);
}

static void test_ranges(void **state) {
    char *at = text;
    quant_line line;
    int count = 0;
    (void)state;
    while (quant_next(&at, &line)) {
        const int symmetric = strcmp(line.kind, "symmetric") == 0;
        rtvi_quant_range seen, got;
        float v[8] = {0};
        if (!symmetric && strcmp(line.kind, "asymmetric") != 0) continue;
        quant_floats(line.values, v, 8);
        seen = (rtvi_quant_range){v[0], v[1]};
        got = symmetric ? rtvi_quant_params_symmetric(seen, line.a) : rtvi_quant_params_asymmetric(seen, line.a);
        expect_float(got.lo, v[2]);
        expect_float(got.hi, v[3]);
        if (!symmetric && line.a == 8 && seen.lo < 0) {
            const rtvi_code_type codes = rtvi_quant_params_activation(seen, RTVI_QUANT_MIXED);
            expect_float(codes.scale, v[4]);
            assert_int_equal(codes.zero_point, line.b);
        }
        count++;
    }
    assert_int_equal(count, 76 * 6);
}

static void test_fake(void **state) {
    char *at = text;
    quant_line line;
    int count = 0;
    (void)state;
    while (quant_next(&at, &line)) {
        float v[4] = {0};
        if (strcmp(line.kind, "fake") != 0) continue;
        quant_floats(line.values, v, 4);
        expect_float(rtvi_quant_params_fake(v[2], (rtvi_quant_range){v[0], v[1]}, (rtvi_quant_range){v[0], v[1]}, line.a), v[3]);
        count++;
    }
    assert_int_equal(count, 300);
}

/* The output range may be another than the input's. */
static void test_fake_moves(void **state) {
    const rtvi_quant_range in = {0, 3}, out = {10, 40};
    (void)state;
    expect_float(rtvi_quant_params_fake(-1, in, out, 4), 10);
    expect_float(rtvi_quant_params_fake(5, in, out, 4), 40);
    expect_float(rtvi_quant_params_fake(1.2f, in, out, 4), 20);
    expect_float(rtvi_quant_params_fake(0.5f, in, out, 4), 10); /* half to even */
    expect_float(rtvi_quant_params_fake(1.5f, in, out, 4), 30);
}

static void test_weights(void **state) {
    char *copy = malloc(strlen(text) + 1);
    quant_line line;
    float weights[60], expected[60], got[60], high[5];
    (void)state;
    assert_non_null(copy);
    line = quant_find(text, copy, "weights", 5, 12);
    assert_int_equal(quant_floats(line.values, weights, 60), 60);
    for (int per_tensor = 0; per_tensor < 2; per_tensor++) {
        line = quant_find(text, copy, "highs", per_tensor, 0);
        assert_int_equal(quant_floats(line.values, expected, 60), 5);
        rtvi_quant_params_weight_highs(weights, 5, 12, per_tensor, high);
        for (int k = 0; k < 5; k++) expect_float(high[k], expected[k]);
    }
    for (int scheme = 0; scheme < 4; scheme++) {
        for (int bits = 2; bits <= 8; bits++) {
            line = quant_find(text, copy, "schemes", scheme, bits);
            assert_int_equal(quant_floats(line.values, expected, 60), 60);
            memcpy(got, weights, sizeof got);
            rtvi_quant_params_fake_weights(got, 5, 12, (rtvi_quant_scheme)scheme, bits, high);
            for (int i = 0; i < 60; i++) expect_float(got[i], expected[i]);
        }
    }
    free(copy);
}

/* Every kind of codes: 0 is exact, the ends of the range are reached, and a value in it is at most half a step off (and a little, for the
 * ends of a range that was tuned). */
static void test_codes(void **state) {
    uint32_t seed = 3;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        const float a = (float)quant_normal(&seed), b = (float)quant_normal(&seed);
        const rtvi_quant_range seen = {fminf(a, b), fmaxf(a, b)};
        const rtvi_code_type all[] = {rtvi_quant_params_activation(seen, RTVI_QUANT_MIXED),
                                      rtvi_quant_params_activation(seen, RTVI_QUANT_PERFORMANCE), rtvi_quant_params_signed(seen)};
        for (int j = 0; j < 3; j++) {
            const float x = seen.lo + (seen.hi - seen.lo) * (float)quant_random(&seed) / 16777216.0f;
            const int32_t code = rtvi_quant_params_encode(all[j], x);
            const double off = fabs((double)rtvi_quant_params_decode(all[j], code) - (double)x);
            assert_int_equal(rtvi_quant_params_encode(all[j], 0), all[j].zero_point);
            assert_true(rtvi_quant_params_decode(all[j], all[j].zero_point) == 0);
            if (off > 0.50001 * (double)all[j].scale)
                fail_msg("%g in %g..%g is off by %g steps", (double)x, (double)seen.lo, (double)seen.hi, off / (double)all[j].scale);
            if (seen.lo >= 0 && j < 2) assert_int_equal(all[j].zero_point, 0);
            if (seen.lo < 0 && j == 1) assert_int_equal(all[j].zero_point, 128);
        }
        assert_int_equal(all[2].dtype, RTVI_I8);
    }
}

static void test_far_values_are_clipped(void **state) {
    const rtvi_code_type u8 = {RTVI_U8, 0.5f, 3}, i8 = {RTVI_I8, 0.5f, 0};
    (void)state;
    assert_int_equal(rtvi_quant_params_encode(u8, 1e30f), 255);
    assert_int_equal(rtvi_quant_params_encode(u8, -1e30f), 0);
    assert_int_equal(rtvi_quant_params_encode(i8, 1e30f), 127);
    assert_int_equal(rtvi_quant_params_encode(i8, -INFINITY), -128);
    assert_int_equal(rtvi_quant_params_encode(u8, 0.25f), 3); /* half to even */
    assert_int_equal(rtvi_quant_params_encode(u8, 0.75f), 5);
}

static void test_small_ranges_keep_a_scale(void **state) {
    const rtvi_quant_range nothing = {0, 0};
    (void)state;
    expect_float(rtvi_quant_params_unsigned(nothing).scale, 8e-4f / 255);
    expect_float(rtvi_quant_params_signed(nothing).scale, 8e-5f / 127);
    assert_int_equal(rtvi_quant_params_unsigned((rtvi_quant_range){-5, 3}).zero_point, 0);
    expect_float(rtvi_quant_params_unsigned((rtvi_quant_range){-5, 3}).scale, 3.0f / 255);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ranges, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fake, setup, teardown),
        cmocka_unit_test(test_fake_moves),
        cmocka_unit_test_setup_teardown(test_weights, setup, teardown),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_far_values_are_clipped),
        cmocka_unit_test(test_small_ranges_keep_a_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
