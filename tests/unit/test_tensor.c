/* test_tensor.c - dtypes, shapes, half precision for all 65,536 values, strided copies. */
#include "support.h"

#include <math.h>

#include "tensor/tensor.h"

/* The value of a half by its definition (IEEE 754 binary16). */
static double half_value(unsigned half) {
    const double sign = half & 0x8000u ? -1.0 : 1.0;
    const int exponent = (int)(half >> 10 & 31u), mantissa = (int)(half & 1023u);
    if (exponent == 31) return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(mantissa, -24);
    return sign * ldexp(1024 + mantissa, exponent - 25);
}

static void halves_are_exact(void **state) {
    static uint16_t halves[65536];
    static float values[65536];
    const int64_t dims[] = {65536};
    rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F16, 1, dims, halves);
    (void)state;
    for (unsigned h = 0; h < 65536; h++) halves[h] = (uint16_t)h;
    rtvi_tensor_to_f32(&tensor, values); /* the vector path where there is one */
    for (unsigned h = 0; h < 65536; h++) {
        const double expected = half_value(h);
        if (isnan(expected)) {
            assert_true(isnan(values[h]) && isnan(rtvi_f16_to_f32((uint16_t)h)));
            assert_true((rtvi_f32_to_f16(values[h]) & 0x7c00) == 0x7c00 && (rtvi_f32_to_f16(values[h]) & 0x3ff));
        } else {
            assert_true((double)values[h] == expected && (double)rtvi_f16_to_f32((uint16_t)h) == expected);
            assert_int_equal(rtvi_f32_to_f16(values[h]), h);
        }
    }
}

static void rounding_to_half_is_to_nearest_even(void **state) {
    (void)state;
    for (unsigned h = 0; h < 0x7bff; h++) { /* between each finite half and the next */
        const double low = half_value(h), high = half_value(h + 1), middle = (low + high) / 2;
        assert_int_equal(rtvi_f32_to_f16((float)middle), h + (h & 1u)); /* a tie goes to the even one */
        assert_int_equal(rtvi_f32_to_f16(nextafterf((float)middle, 0.0f)), h);
        assert_int_equal(rtvi_f32_to_f16(nextafterf((float)middle, 1e9f)), h + 1);
        assert_int_equal(rtvi_f32_to_f16(-(float)middle), 0x8000u | (h + (h & 1u)));
    }
    assert_int_equal(rtvi_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(rtvi_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(rtvi_f32_to_f16(-1e30f), 0xfc00);
    assert_int_equal(rtvi_f32_to_f16(1e-30f), 0);
}

static void strides(void **state) {
    const int32_t data[] = {0, 1, 2, 3, 4, 5};
    const int64_t dims[] = {3, 2};
    float values[6];
    int32_t copy[6];
    rtvi_tensor transposed = rtvi_tensor_contiguous(RTVI_I32, 2, dims, data);
    (void)state;
    assert_true(rtvi_tensor_is_contiguous(&transposed));
    transposed.strides[0] = 1; /* the transpose of [2][3] */
    transposed.strides[1] = 3;
    assert_false(rtvi_tensor_is_contiguous(&transposed));
    rtvi_tensor_to_f32(&transposed, values);
    rtvi_tensor_to_bytes(&transposed, copy);
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 2; j++) {
            assert_true(values[i * 2 + j] == (float)(j * 3 + i));
            assert_int_equal(copy[i * 2 + j], j * 3 + i);
        }
    transposed.strides[0] = transposed.strides[1] = 0; /* one element seen everywhere */
    rtvi_tensor_to_f32(&transposed, values);
    assert_true(values[5] == 0.0f);
}

static void every_dtype_converts(void **state) {
    const double f64 = -2.5;
    const int64_t i64 = -3;
    const int16_t i16 = -4;
    const int8_t i8 = -5;
    const uint8_t u8 = 250, yes = 1;
    const uint16_t bf16 = 0xc020; /* -2.5 */
    const struct {
        rtvi_dtype dtype;
        const void *data;
        float expected;
    } cases[] = {{RTVI_F64, &f64, -2.5f}, {RTVI_I64, &i64, -3.0f}, {RTVI_I16, &i16, -4.0f},  {RTVI_I8, &i8, -5.0f},
                 {RTVI_U8, &u8, 250.0f},  {RTVI_BOOL, &yes, 1.0f}, {RTVI_BF16, &bf16, -2.5f}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *name = rtvi_dtype_name(cases[i].dtype);
        rtvi_tensor scalar = rtvi_tensor_contiguous(cases[i].dtype, 0, NULL, cases[i].data);
        float value = 0;
        rtvi_tensor_to_f32(&scalar, &value);
        assert_true(value == cases[i].expected);
        assert_int_equal(rtvi_dtype_from_name(name, strlen(name)), cases[i].dtype);
    }
    assert_int_equal(rtvi_dtype_from_name("F3", 2), 0);
}

static void counting_and_shapes(void **state) {
    const int64_t dims[] = {2, 0, 3}, huge[] = {INT64_MAX, 3};
    rtvi_tensor empty = rtvi_tensor_contiguous(RTVI_F32, 3, dims, NULL), large = rtvi_tensor_contiguous(RTVI_F32, 2, huge, NULL);
    char text[32];
    (void)state;
    assert_int_equal(rtvi_tensor_count(&empty), 0);
    assert_int_equal(rtvi_tensor_count(&large), -1);
    assert_string_equal(rtvi_shape_text(text, sizeof text, 3, dims), "[2,0,3]");
    assert_string_equal(rtvi_shape_text(text, sizeof text, 0, NULL), "[]");
    rtvi_shape_text(text, 6, 2, huge);
    assert_true(strlen(text) < 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_exact),
        cmocka_unit_test(rounding_to_half_is_to_nearest_even),
        cmocka_unit_test(strides),
        cmocka_unit_test(every_dtype_converts),
        cmocka_unit_test(counting_and_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
