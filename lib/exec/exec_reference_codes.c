/* exec_reference_codes.c - convolution and linear layers on codes, literally as docs/quantization.md defines them. */
#include "exec/exec_reference_ops.h"

#include <math.h>
#include <string.h>

/* As for floats: output channels and columns computed together, sums in the first cache (16 KB). */
#define CHANNELS 8
#define COLUMNS 512

/* One type for both kinds of codes: a byte with its sign bit flipped, less 128, is an s8 code. */
typedef struct reading {
    const uint8_t *codes;
    uint8_t flip;
    int16_t zero;
    float scale;
} reading;

typedef struct qconv {
    rtvi_conv_loops loops;
    reading x, residual;   /* residual.codes may be NULL */
    const int8_t *weight;  /* [K][C/groups][R][S] */
    const float *w_scale;  /* [K] */
    const float *bias;     /* [K] */
    const rtvi_array *out; /* codes */
    int32_t low, high;     /* of its codes */
    float inverse_scale;   /* fl(1 / s_y) */
} qconv;

static reading reading_of(const rtvi_array *array) {
    int is_signed = array->type.dtype == RTVI_I8;
    return (reading){array->codes, is_signed ? 0x80 : 0, (int16_t)(array->type.zero_point + (is_signed ? 128 : 0)), array->type.scale};
}

static int32_t value_at(const reading *r, int64_t i) { return (r->codes[i] ^ r->flip) - r->zero; }

static qconv qconv_of(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out) {
    qconv c;
    memset(&c, 0, sizeof c);
    c.loops = rtvi_exec_reference_conv_loops(node, inputs, out);
    c.x = reading_of(&inputs[0]);
    c.weight = (const int8_t *)inputs[1].codes;
    c.w_scale = inputs[2].data;
    c.bias = inputs[3].data;
    if (node->attr.residual) c.residual = reading_of(&inputs[4]);
    c.out = out;
    c.low = out->type.dtype == RTVI_U8 ? 0 : -128;
    c.high = c.low + 255;
    c.inverse_scale = 1.0f / out->type.scale;
    return c;
}

/* out[i] = q - z of x[i * stride] */
static void centre(const reading *r, const uint8_t *restrict x, int64_t count, int64_t stride, int16_t *restrict out) {
    const uint8_t flip = r->flip;
    const int16_t zero = r->zero;
    if (stride == 1) {
        for (int64_t i = 0; i < count; i++) out[i] = (int16_t)((x[i] ^ flip) - zero);
    } else {
        for (int64_t i = 0; i < count; i++) out[i] = (int16_t)((x[i * stride] ^ flip) - zero);
    }
}

/* sums[i] += weight * x[i]: 16-bit factors, so that compilers find the multiplication that processors have. */
static void add_products(int32_t *restrict sums, int16_t weight, const int16_t *restrict x, int64_t count) {
    for (int64_t i = 0; i < count; i++) sums[i] += weight * x[i];
}

/* Adds one input row x through kernel row `weight` (of the first of `span` channels) to sums[span][COLUMNS], columns begin..end-1. */
static void add_row(const qconv *c, const uint8_t *x, const int8_t *weight, int64_t span, int64_t begin, int64_t end,
                    int32_t (*sums)[COLUMNS]) {
    const rtvi_conv_loops *l = &c->loops;
    int64_t weights_a_channel = l->in_channels * l->kernel[0] * l->kernel[1];
    int16_t values[COLUMNS];
    for (int64_t s = 0; s < l->kernel[1]; s++) {
        int64_t from, to, offset;
        rtvi_exec_reference_conv_columns(l, s, begin, end, &from, &to, &offset);
        if (from >= to) continue;
        centre(&c->x, x + from * l->stride[1] + offset, to - from, l->stride[1], values);
        for (int64_t k = 0; k < span; k++) {
            add_products(sums[k] + (from - begin), weight[k * weights_a_channel + s], values, to - from);
        }
    }
}

static void store_row(const qconv *c, int64_t channel, const int32_t *sums, int64_t at, int64_t count) {
    float scale = c->x.scale * c->w_scale[channel], bias = c->bias[channel];
    for (int64_t i = 0; i < count; i++) {
        float v = (float)sums[i] * scale + bias; /* two roundings: the build forbids contraction */
        if (c->residual.codes) v = fmaf((float)value_at(&c->residual, at + i), c->residual.scale, v);
        if (c->loops.relu) v = v > 0.0f ? v : 0.0f;
        c->out->codes[at + i] = (uint8_t)rtvi_round_to_code(v * c->inverse_scale, 0, c->low, c->high);
    }
}

/* Columns begin..end-1 of output row y, channels channel..channel+span-1 (of one group). */
static void convolve_row(const qconv *c, const uint8_t *x, int64_t channel, int64_t span, int64_t y, int64_t begin, int64_t end) {
    const rtvi_conv_loops *l = &c->loops;
    int32_t sums[CHANNELS][COLUMNS];
    int64_t plane = l->in_height * l->in_width;
    for (int64_t k = 0; k < span; k++) memset(sums[k], 0, (size_t)(end - begin) * sizeof sums[k][0]);
    for (int64_t i = 0; i < l->in_channels; i++) {
        for (int64_t r = 0; r < l->kernel[0]; r++) {
            int64_t row = y * l->stride[0] + r * l->dilation[0] - l->pad[0];
            const int8_t *weight = c->weight + ((channel * l->in_channels + i) * l->kernel[0] + r) * l->kernel[1];
            if (row >= 0 && row < l->in_height) add_row(c, x + i * plane + row * l->in_width, weight, span, begin, end, sums);
        }
    }
    for (int64_t k = 0; k < span; k++) {
        store_row(c, channel + k, sums[k], ((channel + k) * l->out_height + y) * l->out_width + begin, end - begin);
    }
}

/* A block of channels: the block-th run of at most CHANNELS in its group. */
static void convolve_block(const qconv *c, int64_t block) {
    const rtvi_conv_loops *l = &c->loops;
    int64_t blocks = (l->group_size + CHANNELS - 1) / CHANNELS, group = block / blocks, first = block % blocks * CHANNELS;
    int64_t span = l->group_size - first < CHANNELS ? l->group_size - first : CHANNELS;
    const uint8_t *x = c->x.codes + group * l->in_channels * l->in_height * l->in_width;
    for (int64_t y = 0; y < l->out_height; y++) {
        for (int64_t begin = 0; begin < l->out_width; begin += COLUMNS) {
            int64_t end = begin + COLUMNS < l->out_width ? begin + COLUMNS : l->out_width;
            convolve_row(c, x, group * l->group_size + first, span, y, begin, end);
        }
    }
}

void rtvi_exec_reference_qconv(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    qconv c = qconv_of(node, inputs, out);
    int64_t blocks = (c.loops.group_size + CHANNELS - 1) / CHANNELS * node->attr.groups;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1)
#endif
    for (int64_t block = 0; block < blocks; block++) convolve_block(&c, block);
}

void rtvi_exec_reference_qlinear(const rtvi_node *node, const rtvi_array *inputs, const rtvi_array *out, int32_t threads) {
    int64_t in_count = inputs[0].dims[1], out_count = out->dims[1];
    reading x = reading_of(&inputs[0]);
    (void)node, (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1)
#endif
    for (int64_t k = 0; k < out_count; k++) {
        const int8_t *weight = (const int8_t *)inputs[1].codes + k * in_count;
        int32_t sum = 0;
        for (int64_t i = 0; i < in_count; i++) sum += weight[i] * value_at(&x, i);
        out->data[k] = (float)sum * (x.scale * inputs[2].data[k]) + inputs[3].data[k];
    }
}
