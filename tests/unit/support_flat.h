/* support_flat.h - what tests of the index share: random data and the canonical formula, written down a second time. */
#ifndef TESTS_SUPPORT_FLAT_H
#define TESTS_SUPPORT_FLAT_H

#include <math.h>

#include "support.h"

#include "index/flat.h"

/* Of a public function that is given &error, the test's own: the status is the expected one, and the error says the same. */
#define assert_status(call, expected)                                                                    \
    do {                                                                                                 \
        memset(&error, 0x7f, sizeof error);                                                              \
        const int32_t got_ = (call);                                                                     \
        if (got_ != (expected)) fail_msg("%s: got %s: %s", #call, rtv_status_name(got_), error.message); \
        assert_int_equal(error.status, got_);                                                            \
        assert_int_equal(error.message[0] == 0, got_ == RTV_OK);                                         \
        assert_true(strlen(error.message) < 200);                                                        \
    } while (0)

/* xorshift64*: the same numbers everywhere. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static inline float test_random_float(uint64_t *state) { return (float)((double)(test_random(state) >> 40) / (1 << 23) - 1.0); }

/* Values from a small set make many equal scores. */
static inline void test_random_vectors(uint64_t *state, float *x, size_t count, int coarse) {
    for (size_t i = 0; i < count; i++) x[i] = coarse ? (float)(int)(test_random(state) % 3) - 1.0F : test_random_float(state);
}

/* kernels_dot.h's definition, term by term. */
static inline float test_canonical_dot(const float *a, const float *b, size_t dim) {
    double lane[8] = {0};
    for (size_t i = 0; i < dim; i++) {
        volatile double product = (double)a[i] * (double)b[i]; /* volatile: nothing is fused or reordered */
        volatile double sum = lane[i % 8] + product;
        lane[i % 8] = sum;
    }
    {
        volatile double a04 = lane[0] + lane[4], a26 = lane[2] + lane[6], a15 = lane[1] + lane[5], a37 = lane[3] + lane[7];
        volatile double even = a04 + a26, odd = a15 + a37;
        return (float)(even + odd);
    }
}

static inline uint32_t test_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline rtv_search_options test_search_options(void) {
    rtv_search_options options = {.struct_size = (uint32_t)sizeof options, .class_id = -1, .predicted_class = -1, .min_score = -INFINITY};
    return options;
}

static inline rtv_items test_items(const float *vectors) {
    rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = vectors};
    return items;
}

#endif
