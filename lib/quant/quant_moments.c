/* quant_moments.c - sums of products of a layer's input codes. The inputs of a sample are gathered as a matrix [dim][places] of int16; the
 * products of its rows are summed in int32, which 255 * 255 * MAX_PLACES fits, and then in int64. */
#include "quant/quant_moments.h"

#include <string.h>

#define MAX_PLACES 8192 /* a sample */
#define LANES 8         /* rows of the matrix are a multiple, filled with zeros */

rtvi_quant_shape rtvi_quant_moments_shape(const rtvi_graph *graph, const rtvi_node *node) {
    const rtvi_value *weight = &graph->values[node->inputs[1]];
    rtvi_quant_shape shape = {weight->dims[0], 1, weight->dims[1], 1};
    if (weight->rank == 4) {
        shape.groups = node->attr.groups;
        shape.positions = weight->dims[2] * weight->dims[3];
    }
    return shape;
}

static size_t triangle(int64_t dim) { return (size_t)(dim * (dim + 1) / 2); }

int32_t rtvi_quant_moments_create(const rtvi_env *env, rtvi_quant_shape shape, rtvi_quant_moments_kind kind, rtvi_quant_moments *moments,
                                  rtv_error *error) {
    size_t size;
    memset(moments, 0, sizeof *moments);
    moments->env = env;
    moments->kind = kind;
    moments->shape = shape;
    moments->dim = shape.channels * (kind == RTVI_QUANT_MOMENTS_FULL ? shape.positions : 1);
    if (moments->dim > INT32_MAX || !rtvi_mul(triangle(moments->dim), (size_t)shape.groups, &size))
        return rtvi_error_out_of_memory(error, "quantizer", 0);
    moments->products = rtvi_alloc_zero(env, size, sizeof *moments->products);
    moments->sums = rtvi_alloc_zero(env, (size_t)(shape.groups * moments->dim), sizeof *moments->sums);
    if (moments->products && moments->sums) return rtvi_error_clear(error);
    rtvi_quant_moments_destroy(moments);
    return rtvi_error_out_of_memory(error, "quantizer", size * sizeof *moments->products);
}

void rtvi_quant_moments_destroy(rtvi_quant_moments *moments) {
    if (!moments->env) return;
    rtvi_free(moments->env, moments->products);
    rtvi_free(moments->env, moments->sums);
    memset(moments, 0, sizeof *moments);
}

/* --- gathering --- */

/* Where the layer looks: a grid of places, and for each kernel position an offset from them. */
typedef struct looking {
    const rtvi_tensor *input; /* dense [1][C][H][W] or [1][C] */
    rtvi_code_type codes;
    int64_t height, width;              /* of the input */
    int64_t grid_height, grid_width;    /* of the places */
    int64_t stride[2], pad[2], step[2]; /* step: between kernel positions */
    int64_t kernel_width;
    int64_t first, every; /* of the places, which are numbered by rows */
    int64_t places, padded;
} looking;

/* All places of a linear layer: one. For CHANNELS, a kernel of more than one position sees nearly every pixel at each of them. */
static looking look(const rtvi_quant_moments *m, const rtvi_graph *graph, const rtvi_node *node, const rtvi_tensor *input,
                    rtvi_code_type codes, int64_t sample, int64_t max_places) {
    looking l = {.input = input, .codes = codes, .height = 1, .width = 1, .grid_height = 1, .grid_width = 1, .kernel_width = 1};
    const int as_layer = m->kind == RTVI_QUANT_MOMENTS_FULL || m->shape.positions == 1;
    int64_t all;
    l.stride[0] = l.stride[1] = 1;
    if (input->rank == 4) {
        const rtvi_value *output = &graph->values[node->output];
        l.height = input->dims[2];
        l.width = input->dims[3];
        l.grid_height = as_layer ? output->dims[2] : l.height;
        l.grid_width = as_layer ? output->dims[3] : l.width;
        l.kernel_width = graph->values[node->inputs[1]].dims[3];
        for (int32_t i = 0; i < 2 && as_layer; i++) {
            l.stride[i] = node->attr.stride[i];
            l.pad[i] = node->attr.pad[i];
            l.step[i] = node->attr.dilation[i];
        }
    }
    all = l.grid_height * l.grid_width;
    if (max_places > MAX_PLACES) max_places = MAX_PLACES;
    l.every = (all + max_places - 1) / max_places;
    l.first = (int64_t)((uint64_t)sample * 2654435761u % (uint64_t)l.every);
    l.places = (all - l.first + l.every - 1) / l.every;
    l.padded = (l.places + LANES - 1) / LANES * LANES;
    return l;
}

static int16_t read_code(const looking *l, int64_t index) {
    const int32_t zero = l->codes.zero_point;
    if (l->input->dtype == RTVI_U8) return (int16_t)(((const uint8_t *)l->input->data)[index] - zero);
    if (l->input->dtype == RTVI_I8) return (int16_t)(((const int8_t *)l->input->data)[index] - zero);
    return (int16_t)(rtvi_quant_params_encode(l->codes, ((const float *)l->input->data)[index]) - zero);
}

/* One row of the matrix: a channel at a kernel position, over the places. Padding is 0. */
static void gather_row(const looking *l, int64_t channel, int64_t position, int16_t *row) {
    const int64_t shift_y = position / l->kernel_width * l->step[0] - l->pad[0];
    const int64_t shift_x = position % l->kernel_width * l->step[1] - l->pad[1];
    memset(row, 0, (size_t)l->padded * sizeof *row);
    for (int64_t i = 0; i < l->places; i++) {
        const int64_t place = l->first + i * l->every;
        const int64_t y = place / l->grid_width * l->stride[0] + shift_y, x = place % l->grid_width * l->stride[1] + shift_x;
        if (y < 0 || y >= l->height || x < 0 || x >= l->width) continue;
        row[i] = read_code(l, (channel * l->height + y) * l->width + x);
    }
}

/* --- products --- */

static int32_t dot(const int16_t *a, const int16_t *b, int64_t count) {
    int32_t sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* Four rows b at once: a is loaded once for all. */
static void dot4(const int16_t *a, const int16_t *b, int64_t count, int64_t *sums) {
    int32_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (int64_t i = 0; i < count; i++) {
        s0 += a[i] * b[i];
        s1 += a[i] * b[count + i];
        s2 += a[i] * b[2 * count + i];
        s3 += a[i] * b[3 * count + i];
    }
    sums[0] += s0;
    sums[1] += s1;
    sums[2] += s2;
    sums[3] += s3;
}

static void add_products(const int16_t *matrix, int64_t dim, int64_t padded, int64_t *products, int64_t *sums) {
    for (int64_t i = 0; i < dim; i++) {
        const int16_t *row = matrix + i * padded;
        int64_t j = 0;
        for (; j + 4 <= i + 1; j += 4) dot4(row, matrix + j * padded, padded, products + j);
        for (; j <= i; j++) products[j] += dot(row, matrix + j * padded, padded);
        products += i + 1;
        for (int64_t k = 0; k < padded; k++) sums[i] += row[k];
    }
}

int32_t rtvi_quant_moments_add(rtvi_quant_moments *moments, const rtvi_graph *graph, const rtvi_node *node, const rtvi_tensor *input,
                               rtvi_code_type codes, int64_t sample, int64_t max_places, rtv_error *error) {
    const looking l = look(moments, graph, node, input, codes, sample, max_places < 1 ? 1 : max_places);
    const int64_t channels = moments->shape.channels;
    int16_t *matrix = rtvi_alloc(moments->env, (size_t)(moments->dim * l.padded), sizeof *matrix);
    if (!matrix) return rtvi_error_out_of_memory(error, "quantizer", (size_t)(moments->dim * l.padded) * sizeof *matrix);
    for (int64_t group = 0; group < moments->shape.groups; group++) {
        for (int64_t i = 0; i < moments->dim; i++) gather_row(&l, group * channels + i % channels, i / channels, matrix + i * l.padded);
        add_products(matrix, moments->dim, l.padded, moments->products + (size_t)group * triangle(moments->dim),
                     moments->sums + group * moments->dim);
    }
    moments->count += l.places;
    rtvi_free(moments->env, matrix);
    return rtvi_error_clear(error);
}

void rtvi_quant_moments_matrix(const rtvi_quant_moments *moments, int64_t group, int centered, float *matrix) {
    const int64_t dim = moments->dim, *products = moments->products + (size_t)group * triangle(dim), *sums = moments->sums + group * dim;
    const double count = moments->count > 0 ? (double)moments->count : 1;
    for (int64_t i = 0; i < dim; i++) {
        const double mean = centered ? (double)sums[i] / count : 0;
        for (int64_t j = 0; j <= i; j++) matrix[i * dim + j] = (float)((double)products[j] / count - mean * ((double)sums[j] / count));
        products += i + 1;
    }
}
