/* test_exec_reference_codes.c - convolution and linear layers on codes: odd shapes against the formula, computed another way, and against
 * the float layers that they stand for. */
#include "support.h"

#include <math.h>

#include "exec/exec_reference_ops.h"

static uint32_t random_state;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}
static int64_t between(int64_t low, int64_t high) { return low + (int64_t)pick((uint32_t)(high - low + 1)); }
static float noise(void) { return (float)pick(1u << 24) * 0x1p-23f - 1.0f; }

/* --- float32 arithmetic by way of double: a sum, product or quotient of two floats rounded to double and then to float is rounded right,
 * for 53 bits are more than twice 24 and two (Figueroa 1995). A product and a sum are not; there the double is rounded to odd. --- */

static float product(float a, float b) { return (float)((double)a * (double)b); }
static float sum(float a, float b) { return (float)((double)a + (double)b); }

static float fused(float a, float b, float c) {
    double p = (double)a * (double)b, s = p + (double)c, t = s - p, lost = (p - (s - t)) + ((double)c - t); /* Knuth's two-sum */
    uint64_t bits;
    memcpy(&bits, &s, sizeof bits);
    if (lost != 0 && !(bits & 1)) s = nextafter(s, lost > 0 ? (double)INFINITY : -(double)INFINITY);
    return (float)s;
}

static int32_t code(const rtvi_array *x, int64_t i) { return x->type.dtype == RTVI_U8 ? x->codes[i] : (int8_t)x->codes[i]; }

/* --- one convolution, inputs and output --- */

typedef struct layer {
    rtvi_node node;
    int64_t dims[6][4]; /* of x, weight, scale, bias, residual, and the result */
    rtvi_array inputs[5], out;
} layer;

static rtvi_array make(int64_t *dims, int32_t rank, rtvi_code_type type) {
    rtvi_array a = {.rank = rank, .dims = dims, .count = 1, .type = type};
    for (int32_t i = 0; i < rank; i++) a.count *= dims[i];
    if (type.dtype == RTVI_F32)
        a.data = malloc((size_t)a.count * sizeof(float));
    else
        a.codes = malloc((size_t)a.count);
    return a;
}

static void fill_codes(rtvi_array *a) {
    for (int64_t i = 0; i < a->count; i++) a->codes[i] = (uint8_t)pick(256);
}

static rtvi_code_type random_type(int has_zero_point) {
    rtvi_code_type type = {pick(3) ? RTVI_U8 : RTVI_I8, 0.01f + 0.02f * fabsf(noise()), 0};
    if (has_zero_point && type.dtype == RTVI_U8) type.zero_point = (int32_t)pick(256);
    return type;
}

static const rtvi_code_type floats = {RTVI_F32, 0, 0};

/* Weights small enough that results spread over the codes, with some of them clipped. ties: so that many lie between two codes. */
static void fill_weights(layer *l, int64_t fan_in, int ties) {
    float spread = 1.0f / (sqrtf((float)fan_in) * 64.0f);
    for (int64_t i = 0; i < l->inputs[1].count; i++) l->inputs[1].codes[i] = (uint8_t)between(-127, 127);
    for (int64_t k = 0; k < l->inputs[2].count; k++) {
        l->inputs[2].data[k] = ties ? 0.5f : spread * (0.5f + fabsf(noise()));
        l->inputs[3].data[k] = ties ? (float)between(-4, 4) * 0.25f : noise();
    }
    if (ties) {
        for (int64_t i = 0; i < l->inputs[1].count; i++) l->inputs[1].codes[i] = (uint8_t)between(-1, 1);
        l->inputs[0].type.scale = 1.0f;
        l->inputs[4].type.scale = 0.5f;
        l->out.type.scale = 2.0f;
    }
}

/* In place: the arrays point to its dims. */
static void make_conv(layer *l, int ties) {
    rtvi_attr *a = &l->node.attr;
    int64_t height, width, span[2], channels = between(1, 6), outputs = between(1, 6);
    int is_wide = pick(40) == 0; /* more than one run of columns */
    memset(l, 0, sizeof *l);
    l->node.op = RTVI_OP_QCONV;
    *a = rtvi_attr_default();
    a->groups = (int32_t)between(1, 2);
    a->residual = (int32_t)pick(2);
    a->activation = (int32_t)pick(2);
    l->node.num_inputs = 4 + a->residual;
    memcpy(l->dims[1], (int64_t[]){outputs * a->groups, channels, between(1, 3), between(1, 5)}, sizeof l->dims[1]);
    for (int i = 0; i < 4; i++) a->pad[i] = (int32_t)pick(3);
    for (int i = 0; i < 2; i++) {
        a->stride[i] = (int32_t)between(1, 3);
        a->dilation[i] = (int32_t)between(1, 2);
        span[i] = a->dilation[i] * (l->dims[1][2 + i] - 1) + 1;
    }
    height = span[0] + (is_wide ? 0 : between(0, 8));
    width = span[1] + (is_wide ? between(500, 1100) : between(0, 12));
    memcpy(l->dims[0], (int64_t[]){1, channels * a->groups, height, width}, sizeof l->dims[0]);
    l->dims[2][0] = l->dims[3][0] = l->dims[1][0];
    memcpy(l->dims[5],
           (int64_t[]){1, l->dims[1][0], (height + a->pad[0] + a->pad[2] - span[0]) / a->stride[0] + 1,
                       (width + a->pad[1] + a->pad[3] - span[1]) / a->stride[1] + 1},
           sizeof l->dims[5]);
    l->inputs[0] = make(l->dims[0], 4, random_type(1));
    l->inputs[1] = make(l->dims[1], 4, (rtvi_code_type){RTVI_I8, 0, 0});
    l->inputs[2] = make(l->dims[2], 1, floats);
    l->inputs[3] = make(l->dims[3], 1, floats);
    l->inputs[4] = make(l->dims[5], 4, random_type(0));
    l->out = make(l->dims[5], 4, random_type(0));
    fill_codes(&l->inputs[0]);
    fill_codes(&l->inputs[4]);
    fill_weights(l, channels * l->dims[1][2] * l->dims[1][3], ties);
}

static void destroy(layer *l) {
    for (int i = 0; i < 5; i++) {
        free(l->inputs[i].data);
        free(l->inputs[i].codes);
    }
    free(l->out.data);
    free(l->out.codes);
}

/* The sum of products of output element (k, y, x), over the window one element at a time. */
static int64_t accumulate(const layer *l, int64_t k, int64_t y, int64_t x) {
    const rtvi_attr *a = &l->node.attr;
    const int64_t *d = l->dims[0], *w = l->dims[1];
    int64_t total = 0, first = k / (w[0] / a->groups) * w[1];
    for (int64_t i = 0; i < w[1] * w[2] * w[3]; i++) {
        int64_t c = i / (w[2] * w[3]), row = y * a->stride[0] - a->pad[0] + i / w[3] % w[2] * a->dilation[0];
        int64_t column = x * a->stride[1] - a->pad[1] + i % w[3] * a->dilation[1];
        if (row < 0 || row >= d[2] || column < 0 || column >= d[3]) continue;
        total += (int64_t)(code(&l->inputs[0], ((first + c) * d[2] + row) * d[3] + column) - l->inputs[0].type.zero_point) *
                 (int8_t)l->inputs[1].codes[k * w[1] * w[2] * w[3] + i];
    }
    return total;
}

/* The code of output element i. */
static int32_t convolve_plainly(const layer *l, int64_t i) {
    int64_t width = l->dims[5][3], plane = l->dims[5][2] * width, k = i / plane;
    int32_t low = l->out.type.dtype == RTVI_U8 ? 0 : -128;
    float v = product((float)accumulate(l, k, i % plane / width, i % width), product(l->inputs[0].type.scale, l->inputs[2].data[k]));
    double q;
    v = sum(v, l->inputs[3].data[k]);
    if (l->node.attr.residual) v = fused((float)code(&l->inputs[4], i), l->inputs[4].type.scale, v);
    if (l->node.attr.activation && v < 0) v = 0;
    q = nearbyint((double)product(v, (float)(1.0 / (double)l->out.type.scale)));
    return q < low ? low : q > low + 255 ? low + 255 : (int32_t)q;
}

/* --- the tests --- */

static void test_odd_convolutions(void **state) {
    int64_t clipped = 0, elements = 0;
    (void)state;
    for (uint32_t seed = 0; seed < 400; seed++) {
        layer l;
        random_state = seed * 31u + 5u;
        make_conv(&l, seed % 4 == 3);
        rtvi_exec_reference_run_node(&l.node, l.inputs, &l.out, 1 + (int32_t)seed % 3);
        for (int64_t i = 0; i < l.out.count; i++) {
            int32_t expected = convolve_plainly(&l, i);
            if (code(&l.out, i) != expected) fail_msg("seed %u, element %lld: %d, not %d", seed, (long long)i, code(&l.out, i), expected);
            clipped += expected == (l.out.type.dtype == RTVI_U8 ? 255 : 127);
            elements++;
        }
        if (l.node.attr.residual && l.inputs[4].type.dtype == l.out.type.dtype) { /* in the residual's place */
            rtvi_array place = l.inputs[4];
            place.type = l.out.type;
            rtvi_exec_reference_run_node(&l.node, l.inputs, &place, 2);
            assert_memory_equal(place.codes, l.out.codes, (size_t)l.out.count);
        }
        destroy(&l);
    }
    assert_true(clipped > elements / 100 && clipped < elements / 2);
}

/* The residual sum is one rounding: biases such that the sum lies next to a tie, where two roundings give another code. */
static void test_residual_sum_is_fused(void **state) {
    enum { COUNT = 2000 };
    int64_t one[4] = {1, 1, 1, 1}, weight[4] = {COUNT, 1, 1, 1}, result[4] = {1, COUNT, 1, 1};
    static uint8_t w[COUNT], residual[COUNT], codes[COUNT];
    static float scales[COUNT], biases[COUNT];
    uint8_t zero = 0;
    const rtvi_code_type plain = {RTVI_U8, 1.0f, 0}, odd = {RTVI_U8, 0.1234567f, 0};
    const rtvi_array inputs[] = {
        {.rank = 4, .dims = one, .count = 1, .codes = &zero, .type = plain},
        {.rank = 4, .dims = weight, .count = COUNT, .codes = w, .type = {RTVI_I8, 0, 0}},
        {.rank = 1, .dims = weight, .count = COUNT, .data = scales, .type = floats},
        {.rank = 1, .dims = weight, .count = COUNT, .data = biases, .type = floats},
        {.rank = 4, .dims = result, .count = COUNT, .codes = residual, .type = odd},
    };
    const rtvi_array out = {.rank = 4, .dims = result, .count = COUNT, .codes = codes, .type = plain};
    rtvi_node node = {.op = RTVI_OP_QCONV, .num_inputs = 5};
    int fusion_shows = 0;
    (void)state;
    random_state = 1;
    node.attr = rtvi_attr_default();
    node.attr.residual = 1;
    for (int k = 0; k < COUNT; k++) {
        float tie;
        residual[k] = (uint8_t)pick(256);
        tie = (float)between(32, 200) + 0.5f;
        biases[k] = (float)((double)tie + (double)(noise() * (nextafterf(tie, INFINITY) - tie)) - (double)residual[k] * (double)odd.scale);
    }
    rtvi_exec_reference_run_node(&node, inputs, &out, 1);
    for (int k = 0; k < COUNT; k++) {
        assert_int_equal(codes[k], (int)nearbyint((double)fused((float)residual[k], odd.scale, biases[k])));
        fusion_shows += codes[k] != (int)nearbyint((double)sum(product((float)residual[k], odd.scale), biases[k]));
    }
    assert_true(fusion_shows > 20);
}

/* Bias without anything else to compute: the scales tell nothing, padding is nothing. */
static void test_padding_stands_for_zero(void **state) {
    layer l;
    (void)state;
    random_state = 9;
    make_conv(&l, 0);
    l.node.attr.residual = l.node.attr.activation = 0;
    l.node.num_inputs = 4;
    l.inputs[0].type = (rtvi_code_type){RTVI_U8, 0.02f, 77};
    l.out.type = (rtvi_code_type){RTVI_I8, 0.01f, 0};
    memset(l.inputs[0].codes, 77, (size_t)l.inputs[0].count);
    rtvi_exec_reference_run_node(&l.node, l.inputs, &l.out, 1);
    for (int64_t i = 0; i < l.out.count; i++) {
        float bias = l.inputs[3].data[i / (l.dims[5][2] * l.dims[5][3])], scaled = product(bias, (float)(1.0 / 0.01f));
        assert_int_equal(code(&l.out, i), fmax(-128, fmin(127, nearbyint((double)scaled))));
    }
    destroy(&l);
}

/* Float inputs of a layer on codes: what they stand for. */
static rtvi_array dequantized(const rtvi_array *a, const rtvi_array *scales) {
    rtvi_array out = make((int64_t *)(uintptr_t)a->dims, a->rank, floats);
    for (int64_t i = 0; i < a->count; i++) {
        float scale = scales ? scales->data[i / (a->count / scales->count)] : a->type.scale;
        out.data[i] = (float)(code(a, i) - a->type.zero_point) * scale;
    }
    return out;
}

/* A layer on codes gives the float layer's result, rounded: within half a code where it is not clipped. The float layer rounds its result
 * once, the integer one four times, each time by less than 2^-24 of the largest term, which is at most 2^12 codes: 0.501. */
static void test_against_the_float_layer(void **state) {
    int64_t compared = 0;
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        layer l;
        rtvi_array inputs[4], out;
        rtvi_node conv;
        int32_t low, count = 0;
        random_state = seed * 17u + 3u;
        make_conv(&l, 0);
        low = l.out.type.dtype == RTVI_U8 ? 0 : -128;
        conv = l.node;
        conv.op = RTVI_OP_CONV;
        conv.num_inputs = 3 + conv.attr.residual;
        inputs[count++] = dequantized(&l.inputs[0], NULL);
        inputs[count++] = dequantized(&l.inputs[1], &l.inputs[2]);
        inputs[count++] = l.inputs[3];
        if (conv.attr.residual) inputs[count++] = dequantized(&l.inputs[4], NULL);
        out = make(l.dims[5], 4, floats);
        rtvi_exec_reference_run_node(&l.node, l.inputs, &l.out, 1);
        rtvi_exec_reference_run_node(&conv, inputs, &out, 1);
        for (int64_t i = 0; i < out.count; i++) {
            double exact = (double)out.data[i] / (double)l.out.type.scale;
            exact = exact < low ? low : exact > low + 255 ? low + 255 : exact;
            if (!(fabs(code(&l.out, i) - exact) <= 0.501)) fail_msg("seed %u: %d for %g", seed, code(&l.out, i), exact);
            compared += exact > low && exact < low + 255;
        }
        for (int32_t i = 0; i < count; i++)
            if (i != 2) free(inputs[i].data);
        free(out.data);
        destroy(&l);
    }
    assert_true(compared > 5000);
}

static void test_linear(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        int64_t x_dims[2] = {1, 0}, w_dims[2], out_dims[2] = {1, 0};
        rtvi_node node = {.op = RTVI_OP_QLINEAR, .num_inputs = 4};
        rtvi_array inputs[4], out;
        random_state = seed + 1;
        w_dims[0] = out_dims[1] = between(1, 40);
        w_dims[1] = x_dims[1] = between(1, 3000);
        inputs[0] = make(x_dims, 2, random_type(1));
        inputs[1] = make(w_dims, 2, (rtvi_code_type){RTVI_I8, 0, 0});
        inputs[2] = make(w_dims, 1, floats);
        inputs[3] = make(w_dims, 1, floats);
        out = make(out_dims, 2, floats);
        fill_codes(&inputs[0]);
        for (int64_t i = 0; i < inputs[1].count; i++) inputs[1].codes[i] = (uint8_t)between(-127, 127);
        for (int64_t k = 0; k < w_dims[0]; k++) inputs[2].data[k] = fabsf(noise()), inputs[3].data[k] = noise();
        rtvi_exec_reference_run_node(&node, inputs, &out, 1 + (int32_t)seed % 3);
        for (int64_t k = 0; k < w_dims[0]; k++) {
            int64_t total = 0;
            for (int64_t i = 0; i < x_dims[1]; i++)
                total += (int64_t)(code(&inputs[0], i) - inputs[0].type.zero_point) * (int8_t)inputs[1].codes[k * x_dims[1] + i];
            assert_true(out.data[k] == sum(product((float)total, product(inputs[0].type.scale, inputs[2].data[k])), inputs[3].data[k]));
        }
        for (int i = 0; i < 4; i++) {
            free(inputs[i].data);
            free(inputs[i].codes);
        }
        free(out.data);
    }
}

/* The longest sum that the graph allows, at its extreme: exactly at the edge of int32. */
static void test_largest_sum(void **state) {
    enum { COUNT = INT32_MAX / (255 * 127) };
    int64_t x_dims[2] = {1, COUNT}, out_dims[2] = {1, 1};
    rtvi_node node = {.op = RTVI_OP_QLINEAR, .num_inputs = 4};
    float scale = 1.0f, bias = 0.0f, result = 0.0f;
    uint8_t *x = malloc(COUNT), *w = malloc(COUNT);
    const rtvi_array inputs[] = {
        {.rank = 2, .dims = x_dims, .count = COUNT, .codes = x, .type = {RTVI_U8, 1.0f, 0}},
        {.rank = 2, .dims = x_dims, .count = COUNT, .codes = w, .type = {RTVI_I8, 0, 0}},
        {.rank = 1, .dims = out_dims, .count = 1, .data = &scale, .type = floats},
        {.rank = 1, .dims = out_dims, .count = 1, .data = &bias, .type = floats},
    };
    const rtvi_array out = {.rank = 2, .dims = out_dims, .count = 1, .data = &result, .type = floats};
    (void)state;
    memset(x, 255, COUNT);
    memset(w, 127, COUNT);
    rtvi_exec_reference_run_node(&node, inputs, &out, 1);
    assert_true(result == (float)((int64_t)COUNT * 255 * 127));
    memset(w, -127, COUNT);
    rtvi_exec_reference_run_node(&node, inputs, &out, 1);
    assert_true(result == (float)((int64_t)COUNT * 255 * -127));
    free(x);
    free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_convolutions),
        cmocka_unit_test(test_residual_sum_is_fused),
        cmocka_unit_test(test_padding_stands_for_zero),
        cmocka_unit_test(test_against_the_float_layer),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_largest_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
