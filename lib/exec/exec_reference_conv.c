/* exec_reference_conv.c - convolution and linear layers of the reference executor. */
#include "exec/exec_reference_ops.h"

#include <string.h>

/* Output channels and columns computed together: the sums stay in the first cache (16 KB), an input row is read once for four channels. */
#define CHANNELS 4
#define COLUMNS 512

typedef struct conv {
    rtvi_conv_loops loops;
    const float *x, *weight, *bias, *residual; /* bias and residual may be NULL */
    float *out;
} conv;

/* A 1x1 convolution without stride and padding sees one long row. */
static void flatten_pointwise(rtvi_conv_loops *c) {
    if (c->kernel[0] * c->kernel[1] != 1 || c->stride[0] * c->stride[1] != 1) return;
    if (c->in_height != c->out_height || c->in_width != c->out_width || c->pad[0] != 0 || c->pad[1] != 0) return;
    c->in_width *= c->in_height;
    c->out_width = c->in_width;
    c->in_height = c->out_height = 1;
}

rtvi_conv_loops rtvi_exec_reference_conv_loops(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out) {
    const rtvi_attr *attr = &node->attr;
    rtvi_conv_loops c;
    memset(&c, 0, sizeof c);
    c.in_channels = inputs[1].dims[1];
    c.in_height = inputs[0].dims[2];
    c.in_width = inputs[0].dims[3];
    c.out_channels = out->dims[1];
    c.out_height = out->dims[2];
    c.out_width = out->dims[3];
    c.group_size = c.out_channels / attr->groups;
    for (int i = 0; i < 2; i++) {
        c.kernel[i] = inputs[1].dims[2 + i];
        c.stride[i] = attr->stride[i];
        c.dilation[i] = attr->dilation[i];
        c.pad[i] = attr->pad[i];
    }
    c.relu = attr->activation == RTVI_ACTIVATION_RELU;
    flatten_pointwise(&c);
    return c;
}

static conv conv_of(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out) {
    int32_t num_plain = node->num_inputs - (node->attr.residual ? 1 : 0);
    conv c;
    c.loops = rtvi_exec_reference_conv_loops(node, inputs, out);
    c.x = inputs[0].data;
    c.weight = inputs[1].data;
    c.bias = num_plain > 2 ? inputs[2].data : NULL;
    c.residual = node->attr.residual ? inputs[num_plain].data : NULL;
    c.out = out->data;
    return c;
}

/* sums[i] += weight * x[i * stride] */
static void add_scaled(double *restrict sums, double weight, const float *restrict x, int64_t count, int64_t stride) {
    if (stride == 1) {
        for (int64_t i = 0; i < count; i++) sums[i] += weight * (double)x[i];
    } else {
        for (int64_t i = 0; i < count; i++) sums[i] += weight * (double)x[i * stride];
    }
}

/* The first column whose input column is not below `bound`: ceil((bound - offset) / stride), clipped to [0,width]. */
static int64_t first_column(int64_t bound, int64_t offset, int64_t stride, int64_t width) {
    int64_t distance = bound - offset, column = distance <= 0 ? 0 : (distance + stride - 1) / stride;
    return column < width ? column : width;
}

void rtvi_exec_reference_conv_columns(const rtvi_conv_loops *loops, int64_t s, int64_t begin, int64_t end, int64_t *from, int64_t *to,
                                      int64_t *offset) {
    *offset = s * loops->dilation[1] - loops->pad[1];
    *from = first_column(0, *offset, loops->stride[1], end);
    *to = first_column(loops->in_width, *offset, loops->stride[1], end);
    if (*from < begin) *from = begin;
}

/* Adds one input row x through kernel row `weight` (of the first of `span` channels) to sums[span][COLUMNS], columns begin..end-1. */
static void add_row(const rtvi_conv_loops *c, const float *x, const float *weight, int64_t span, int64_t begin, int64_t end,
                    double (*sums)[COLUMNS]) {
    int64_t weights_a_channel = c->in_channels * c->kernel[0] * c->kernel[1];
    for (int64_t s = 0; s < c->kernel[1]; s++) {
        int64_t from, to, offset;
        rtvi_exec_reference_conv_columns(c, s, begin, end, &from, &to, &offset);
        for (int64_t k = 0; k < span && from < to; k++) {
            add_scaled(sums[k] + (from - begin), (double)weight[k * weights_a_channel + s], x + from * c->stride[1] + offset, to - from,
                       c->stride[1]);
        }
    }
}

static void store_row(const conv *c, int64_t channel, const double *sums, int64_t at, int64_t count) {
    double bias = c->bias ? (double)c->bias[channel] : 0.0;
    for (int64_t i = 0; i < count; i++) {
        double value = sums[i] + bias;
        if (c->residual) value += (double)c->residual[at + i];
        if (c->loops.relu && value < 0.0) value = 0.0;
        c->out[at + i] = (float)value;
    }
}

/* Columns begin..end-1 of output row y, channels channel..channel+span-1 (of one group). */
static void convolve_row(const conv *c, const float *x, int64_t channel, int64_t span, int64_t y, int64_t begin, int64_t end) {
    const rtvi_conv_loops *l = &c->loops;
    double sums[CHANNELS][COLUMNS];
    int64_t plane = l->in_height * l->in_width;
    for (int64_t k = 0; k < span; k++) memset(sums[k], 0, (size_t)(end - begin) * sizeof sums[k][0]);
    for (int64_t i = 0; i < l->in_channels; i++) {
        for (int64_t r = 0; r < l->kernel[0]; r++) {
            int64_t row = y * l->stride[0] + r * l->dilation[0] - l->pad[0];
            const float *weight = c->weight + ((channel * l->in_channels + i) * l->kernel[0] + r) * l->kernel[1];
            if (row >= 0 && row < l->in_height) add_row(l, x + i * plane + row * l->in_width, weight, span, begin, end, sums);
        }
    }
    for (int64_t k = 0; k < span; k++) {
        store_row(c, channel + k, sums[k], ((channel + k) * l->out_height + y) * l->out_width + begin, end - begin);
    }
}

/* A block of channels: the block-th run of at most CHANNELS in its group. */
static void convolve_block(const conv *c, int64_t block) {
    const rtvi_conv_loops *l = &c->loops;
    int64_t blocks = (l->group_size + CHANNELS - 1) / CHANNELS, group = block / blocks, first = block % blocks * CHANNELS;
    int64_t span = l->group_size - first < CHANNELS ? l->group_size - first : CHANNELS;
    const float *x = c->x + group * l->in_channels * l->in_height * l->in_width;
    for (int64_t y = 0; y < l->out_height; y++) {
        for (int64_t begin = 0; begin < l->out_width; begin += COLUMNS) {
            int64_t end = begin + COLUMNS < l->out_width ? begin + COLUMNS : l->out_width;
            convolve_row(c, x, group * l->group_size + first, span, y, begin, end);
        }
    }
}

void rtvi_exec_reference_conv(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    conv c = conv_of(node, inputs, out);
    int64_t blocks = (c.loops.group_size + CHANNELS - 1) / CHANNELS * node->attr.groups;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1)
#endif
    for (int64_t block = 0; block < blocks; block++) convolve_block(&c, block);
}

void rtvi_exec_reference_linear(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    int64_t in_count = inputs[0].dims[1], out_count = out->dims[1];
    const float *x = inputs[0].data, *bias = node->num_inputs > 2 ? inputs[2].data : NULL;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1)
#endif
    for (int64_t k = 0; k < out_count; k++) {
        const float *weight = inputs[1].data + k * in_count;
        double sum = 0.0;
        for (int64_t i = 0; i < in_count; i++) sum += (double)weight[i] * (double)x[i];
        out->data[k] = (float)(bias ? sum + (double)bias[k] : sum);
    }
}
