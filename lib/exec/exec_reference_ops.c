/* exec_reference_ops.c - every operation but convolution and linear layers. */
#include "exec/exec_reference_ops.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

typedef void (*run_fn)(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads);

static int64_t product(const int64_t *dims, int32_t from, int32_t to) {
    int64_t count = 1;
    for (int32_t i = from; i < to; i++) count *= dims[i];
    return count;
}

static void run_batch_norm(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    int64_t channels = out->dims[1], positions = product(out->dims, 2, out->rank);
    (void)threads;
    for (int64_t c = 0; c < channels; c++) {
        double gamma = (double)inputs[1].data[c], beta = (double)inputs[2].data[c], mean = (double)inputs[3].data[c];
        double deviation = sqrt((double)inputs[4].data[c] + (double)node->attr.epsilon);
        for (int64_t i = c * positions; i < (c + 1) * positions; i++) {
            out->data[i] = (float)(((double)inputs[0].data[i] - mean) / deviation * gamma + beta);
        }
    }
}

static void run_relu(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    (void)node, (void)threads;
    for (int64_t i = 0; i < out->count; i++) out->data[i] = inputs[0].data[i] < 0.0f ? 0.0f : inputs[0].data[i];
}

static void run_add(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    (void)node, (void)threads;
    for (int64_t i = 0; i < out->count; i++) out->data[i] = inputs[0].data[i] + inputs[1].data[i];
}

/* The largest of the window's elements that lie in the plane [height][width]; minus infinity when none does, NaN when one is NaN. */
static float window_max(const float *plane, int64_t height, int64_t width, int64_t top, int64_t left, const int32_t kernel[2]) {
    int64_t bottom = top + kernel[0] < height ? top + kernel[0] : height, right = left + kernel[1] < width ? left + kernel[1] : width;
    float best = -INFINITY;
    for (int64_t y = top < 0 ? 0 : top; y < bottom; y++) {
        for (int64_t x = left < 0 ? 0 : left; x < right; x++) {
            float value = plane[y * width + x];
            if (value > best || value != value) best = value;
        }
    }
    return best;
}

/* An s8 code's byte with the sign bit flipped compares as the code does. */
static uint8_t window_max_code(const uint8_t *plane, uint8_t flip, int64_t height, int64_t width, int64_t top, int64_t left,
                               const int32_t kernel[2]) {
    int64_t bottom = top + kernel[0] < height ? top + kernel[0] : height, right = left + kernel[1] < width ? left + kernel[1] : width;
    uint8_t best = 0;
    for (int64_t y = top < 0 ? 0 : top; y < bottom; y++) {
        for (int64_t x = left < 0 ? 0 : left; x < right; x++) {
            uint8_t code = plane[y * width + x] ^ flip;
            if (code > best) best = code;
        }
    }
    return best ^ flip;
}

static void run_max_pool(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    const rtvi_attr *attr = &node->attr;
    int64_t height = inputs[0].dims[2], width = inputs[0].dims[3], out_height = out->dims[2], out_width = out->dims[3], to = 0;
    uint8_t flip = inputs[0].type.dtype == RTVI_I8 ? 0x80 : 0;
    (void)threads;
    for (int64_t c = 0; c < out->dims[1]; c++) {
        int64_t plane = c * height * width;
        for (int64_t y = 0; y < out_height; y++) {
            int64_t top = y * attr->stride[0] - attr->pad[0];
            for (int64_t x = 0; x < out_width; x++, to++) {
                int64_t left = x * attr->stride[1] - attr->pad[1];
                if (inputs[0].codes)
                    out->codes[to] = window_max_code(inputs[0].codes + plane, flip, height, width, top, left, attr->kernel);
                else
                    out->data[to] = window_max(inputs[0].data + plane, height, width, top, left, attr->kernel);
            }
        }
    }
}

static void run_global_pool_of_codes(const rtvi_node *node, const rtvi_array *x, const rtvi_array *out) {
    int64_t channels = x->dims[1], positions = product(x->dims, 2, x->rank);
    if (node->op == RTVI_OP_GLOBAL_AVG_POOL) rtvi_pool_codes_avg(x->codes, &x->type, channels, positions, 1, out->data);
    if (node->op == RTVI_OP_GLOBAL_MAX_POOL) rtvi_pool_codes_max(x->codes, &x->type, channels, positions, 1, out->data);
    if (node->op == RTVI_OP_GLOBAL_GEM_POOL) rtvi_pool_codes_gem(x->codes, &x->type, channels, positions, 1, out->data);
}

static void run_global_pool(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    int64_t channels = inputs[0].dims[1], positions = product(inputs[0].dims, 2, inputs[0].rank);
    (void)threads;
    if (inputs[0].codes) {
        run_global_pool_of_codes(node, &inputs[0], out);
        return;
    }
    if (node->op == RTVI_OP_GLOBAL_AVG_POOL) rtvi_pool_avg(inputs[0].data, channels, positions, 1, out->data);
    if (node->op == RTVI_OP_GLOBAL_MAX_POOL) rtvi_pool_max(inputs[0].data, channels, positions, 1, out->data);
    if (node->op == RTVI_OP_GLOBAL_GEM_POOL) rtvi_pool_gem(inputs[0].data, channels, positions, 1, out->data);
}

static void run_l2_normalize(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    (void)threads;
    rtvi_l2_normalize(inputs[0].data, out->count, node->attr.epsilon, out->data);
}

/* Each input is [outer][its share of the axis][inner]. */
static void run_concat(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    int64_t outer = product(out->dims, 0, node->attr.axis), row = product(out->dims, node->attr.axis, out->rank), at = 0;
    (void)threads;
    for (int32_t i = 0; i < node->num_inputs; i++) {
        int64_t share = product(inputs[i].dims, node->attr.axis, out->rank);
        for (int64_t o = 0; o < outer; o++) memcpy(out->data + o * row + at, inputs[i].data + o * share, (size_t)share * sizeof(float));
        at += share;
    }
}

static void run_quantize(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    (void)node, (void)threads;
    rtvi_quantize(inputs[0].data, out->count, &out->type, out->codes);
}

static void run_dequantize(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    (void)node, (void)threads;
    rtvi_dequantize(inputs[0].codes, out->count, &inputs[0].type, out->data);
}

static const run_fn run_op[RTVI_OP_COUNT] = {
    [RTVI_OP_CONV] = rtvi_exec_reference_conv,
    [RTVI_OP_BATCH_NORM] = run_batch_norm,
    [RTVI_OP_RELU] = run_relu,
    [RTVI_OP_ADD] = run_add,
    [RTVI_OP_MAX_POOL] = run_max_pool,
    [RTVI_OP_GLOBAL_AVG_POOL] = run_global_pool,
    [RTVI_OP_GLOBAL_MAX_POOL] = run_global_pool,
    [RTVI_OP_GLOBAL_GEM_POOL] = run_global_pool,
    [RTVI_OP_LINEAR] = rtvi_exec_reference_linear,
    [RTVI_OP_L2_NORMALIZE] = run_l2_normalize,
    [RTVI_OP_CONCAT] = run_concat,
    [RTVI_OP_QUANTIZE] = run_quantize,
    [RTVI_OP_DEQUANTIZE] = run_dequantize,
    [RTVI_OP_QCONV] = rtvi_exec_reference_qconv,
    [RTVI_OP_QLINEAR] = rtvi_exec_reference_qlinear,
};

void rtvi_exec_reference_run_node(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    run_op[node->op](node, inputs, out, threads);
}

int rtvi_exec_reference_may_overwrite(const rtvi_node *node, int32_t i) {
    switch (node->op) {
        case RTVI_OP_BATCH_NORM:
        case RTVI_OP_RELU:
        case RTVI_OP_L2_NORMALIZE:
            return i == 0;
        case RTVI_OP_ADD:
            return 1;
        case RTVI_OP_CONV:
        case RTVI_OP_QCONV:
            return node->attr.residual && i == node->num_inputs - 1 && node->inputs[i] != node->inputs[0];
        default:
            return 0;
    }
}
