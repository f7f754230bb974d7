/* weights_support.h - reading golden checkpoints and checking their values by the formula of tests/golden/make_checkpoints.py. */
#ifndef TESTS_WEIGHTS_SUPPORT_H
#define TESTS_WEIGHTS_SUPPORT_H

#include "unit/support.h"

#include "weights/weights.h"

static inline const char *checkpoint_path(const char *file) {
    static char name[256];
    snprintf(name, sizeof name, "checkpoints/%s", file);
    return test_golden(name);
}

/* Reads bytes of the caller as a checkpoint. */
static inline int32_t read_bytes(const rtvi_env *env, const void *data, size_t size, rtvi_weights **weights, rtv_error *error) {
    rtvi_source source;
    int32_t status = rtvi_source_from_memory(env, "weights", data, size, 0, &source, error);
    *weights = NULL;
    return status == RTV_OK ? rtvi_weights_read(&source, weights, error) : status;
}

static inline int32_t read_path(const rtvi_env *env, const char *path, rtvi_weights **weights, rtv_error *error) {
    rtvi_source source;
    int32_t status = rtvi_source_open(env, "weights", path, &source, error);
    *weights = NULL;
    return status == RTV_OK ? rtvi_weights_read(&source, weights, error) : status;
}

/* k of element i, see make_checkpoints.py. */
static inline int formula(const char *name, int64_t i) {
    int64_t sum = 7 * i;
    for (; *name; name++) sum += (unsigned char)*name;
    return (int)(sum % 101) - 50;
}

/* Compares every element, exactly: all values of the formula have an exact form in every dtype. */
static inline void check_values(const char *name, const rtvi_tensor *tensor) {
    int64_t count = rtvi_tensor_count(tensor);
    uint8_t *bytes = malloc((size_t)count * 8 + 1);
    float *values = malloc((size_t)count * sizeof *values + 1);
    assert_non_null(bytes);
    assert_non_null(values);
    rtvi_tensor_to_bytes(tensor, bytes);
    if (tensor->dtype != RTVI_BOOL) rtvi_tensor_to_f32(tensor, values);
    for (int64_t i = 0; i < count; i++) {
        int k = formula(name, i);
        if (tensor->dtype == RTVI_BOOL)
            assert_int_equal(bytes[i], k % 2 == 0);
        else if (tensor->dtype == RTVI_U8)
            assert_int_equal(bytes[i], k + 50);
        else if (values[i] != (tensor->dtype <= RTVI_F64 ? (float)k / 8 : (float)k))
            fail_msg("%s[%d] is %g, k is %d", name, (int)i, values[i], k);
    }
    free(bytes);
    free(values);
}

#endif
