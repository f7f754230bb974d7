/* quant_bias.c - bias correction. */
#include "quant/quant_bias.h"

#include <math.h>
#include <string.h>

/* The share of output places at which a kernel position along one axis lies inside the picture and not in the padding. */
static double share_inside(int64_t size, int64_t places, int32_t stride, int32_t pad, int32_t dilation, int64_t position) {
    int64_t inside = 0;
    for (int64_t o = 0; o < places; o++) {
        const int64_t at = o * stride - pad + position * dilation;
        inside += at >= 0 && at < size;
    }
    return (double)inside / (double)places;
}

/* Of kernel position p (by rows). */
static double share_of(const rtvi_graph *graph, const rtvi_node *node, int64_t p) {
    const rtvi_value *x = &graph->values[node->inputs[0]], *y = &graph->values[node->output];
    const rtvi_value *weight = &graph->values[node->inputs[1]];
    const rtvi_attr *attr = &node->attr;
    if (weight->rank != 4) return 1;
    return share_inside(x->dims[2], y->dims[2], attr->stride[0], attr->pad[0], attr->dilation[0], p / weight->dims[3]) *
           share_inside(x->dims[3], y->dims[3], attr->stride[1], attr->pad[1], attr->dilation[1], p % weight->dims[3]);
}

static void predict(const rtvi_graph *graph, const rtvi_node *node, const float *weights, const double *mean_in, double *mean_out) {
    const rtvi_quant_shape s = rtvi_quant_moments_shape(graph, node);
    memset(mean_out, 0, (size_t)s.outputs * sizeof *mean_out);
    for (int64_t p = 0; p < s.positions; p++) {
        const double share = share_of(graph, node, p);
        for (int64_t k = 0; k < s.outputs; k++) {
            const double *in = mean_in + k / (s.outputs / s.groups) * s.channels;
            double sum = 0;
            for (int64_t c = 0; c < s.channels; c++) sum += (double)weights[(k * s.channels + c) * s.positions + p] * in[c];
            mean_out[k] += sum * share;
        }
    }
}

static void read_weights(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounded *rounded, int64_t count, float *weights) {
    if (!rounded) {
        rtvi_tensor_to_f32(&graph->values[node->inputs[1]].constant, weights);
        return;
    }
    for (int64_t i = 0; i < count; i++) weights[i] = (float)rounded->codes[i] * rounded->scales[i / (count / rounded->shape.outputs)];
}

static void add_bias(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounded *rounded, float *bias, double *mean_out) {
    const int64_t outputs = graph->values[node->inputs[1]].dims[0];
    if (rounded)
        memcpy(bias, rounded->bias, (size_t)outputs * sizeof *bias);
    else if (node->num_inputs - node->attr.residual == 3)
        rtvi_tensor_to_f32(&graph->values[node->inputs[2]].constant, bias);
    else
        memset(bias, 0, (size_t)outputs * sizeof *bias);
    for (int64_t k = 0; k < outputs; k++) mean_out[k] += (double)bias[k];
}

int32_t rtvi_quant_bias_predict(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounded *rounded, const double *mean_in,
                                double *mean_out, rtv_error *error) {
    const int64_t count = rtvi_tensor_count(&graph->values[node->inputs[1]].constant);
    float *weights = rtvi_alloc(graph->env, (size_t)count, sizeof *weights); /* the bias too, which has no more */
    if (!weights) return rtvi_error_out_of_memory(error, "quantizer", (size_t)count * sizeof *weights);
    read_weights(graph, node, rounded, count, weights);
    predict(graph, node, weights, mean_in, mean_out);
    add_bias(graph, node, rounded, weights, mean_out);
    rtvi_free(graph->env, weights);
    return rtvi_error_clear(error);
}

int32_t rtvi_quant_bias_correct(const rtvi_node *node, rtvi_quant_rounded *rounded, const double *mean_float, const double *mean_now,
                                rtv_error *error) {
    rtvi_quoted quoted;
    for (int64_t k = 0; k < rounded->shape.outputs; k++) {
        const float bias = (float)((double)rounded->bias[k] + (mean_float[k] - mean_now[k]));
        if (!isfinite(bias))
            return rtvi_error_set(error, RTV_E_FORMAT,
                                  "quantizer: layer \"%s\": got a bias shift of %g for output %lld, expected a finite number",
                                  rtvi_error_quote_string(&quoted, node->name), mean_float[k] - mean_now[k], (long long)k);
    }
    for (int64_t k = 0; k < rounded->shape.outputs; k++)
        rounded->bias[k] = (float)((double)rounded->bias[k] + (mean_float[k] - mean_now[k]));
    return rtvi_error_clear(error);
}
