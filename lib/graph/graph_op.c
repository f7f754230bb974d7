/* graph_op.c - the table of ops: name, inputs, attributes, and the shape that comes out. A new op is a new row. */
#include "graph/graph.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What an inference function works on. */
typedef struct shaping {
    const rtvi_graph *graph;
    const rtvi_node *node;
    const rtvi_value *x; /* the first input */
    int32_t rank;        /* the output's */
    int64_t *dims;
    rtv_error *error;
} shaping;

typedef struct op_row {
    const char *name;
    int32_t min_inputs, max_inputs;
    enum { ACTIVATIONS, WEIGHTED, WEIGHTED_RESIDUAL } weighted; /* inputs: all activations; constants after the first; but a residual */
    enum { FLOATS = 1, CODES = 2, EITHER = 3 } takes;           /* activations; the weight of an op on codes is codes too */
    enum { GIVES_FLOATS, GIVES_THE_SAME, GIVES_CODES, GIVES_CODES_AT_ZERO } gives; /* at zero: the zero point is 0 */
    int32_t rank;                                                                  /* of the first input; 0 for any */
    const rtvi_attr_field *attrs;
    int32_t num_attrs;
    int32_t (*infer)(shaping *s);
} op_row;

static const op_row ops[RTVI_OP_COUNT];

#define FIELD(name, kind, count, min) \
    { #name, kind, count, offsetof(rtvi_attr, name), min }

static const rtvi_attr_field conv_attrs[] = {
    FIELD(stride, RTVI_ATTR_INTS, 2, 1), FIELD(pad, RTVI_ATTR_INTS, 4, 0),       FIELD(dilation, RTVI_ATTR_INTS, 2, 1),
    FIELD(groups, RTVI_ATTR_INT, 1, 1),  FIELD(activation, RTVI_ATTR_INT, 1, 0), FIELD(residual, RTVI_ATTR_INT, 1, 0),
};
static const rtvi_attr_field pool_attrs[] = {
    FIELD(kernel, RTVI_ATTR_INTS, 2, 1),
    FIELD(stride, RTVI_ATTR_INTS, 2, 1),
    FIELD(pad, RTVI_ATTR_INTS, 4, 0),
};
static const rtvi_attr_field epsilon_attrs[] = {FIELD(epsilon, RTVI_ATTR_FLOAT, 1, 0)};
static const rtvi_attr_field concat_attrs[] = {FIELD(axis, RTVI_ATTR_INT, 1, 1)};

/* --- messages --- */

static int32_t wrong(const shaping *s, const char *format, ...) RTVI_PRINTF(2, 3);
static int32_t wrong(const shaping *s, const char *format, ...) {
    char what[300];
    rtvi_quoted name;
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return rtvi_error_set(s->error, RTV_E_FORMAT, "graph: %s \"%s\": %s", ops[s->node->op].name,
                          rtvi_error_quote_string(&name, s->node->name), what);
}

static const rtvi_value *input(const shaping *s, int32_t i) { return &s->graph->values[s->node->inputs[i]]; }

static int same_shape(const rtvi_value *value, int32_t rank, const int64_t *dims) {
    return value->rank == rank && memcmp(value->dims, dims, (size_t)rank * sizeof *dims) == 0;
}

/* The i-th input must have this shape. */
static int32_t expect_shape(const shaping *s, int32_t i, const char *what, int32_t rank, const int64_t *dims) {
    char got[200], expected[200];
    const rtvi_value *value = input(s, i);
    if (same_shape(value, rank, dims)) return RTV_OK;
    return wrong(s, "%s: got shape %s, expected %s", what, rtvi_shape_text(got, sizeof got, value->rank, value->dims),
                 rtvi_shape_text(expected, sizeof expected, rank, dims));
}

/* --- inference, one function for each kind of shape --- */

/* Windows along one spatial axis, after PyTorch: floor((size + pads - span) / stride) + 1. */
static int32_t infer_axis(shaping *s, int32_t axis, int64_t kernel) {
    const rtvi_attr *attr = &s->node->attr;
    int64_t span = (int64_t)attr->dilation[axis] * (kernel - 1) + 1;
    int64_t padded = s->x->dims[2 + axis] + attr->pad[axis] + attr->pad[axis + 2];
    if (span > padded)
        return wrong(s, "kernel: got a span of %lld, expected at most the padded input's %lld", (long long)span, (long long)padded);
    s->dims[2 + axis] = (padded - span) / attr->stride[axis] + 1;
    return RTV_OK;
}

static int32_t infer_windows(shaping *s, int64_t channels, int64_t kernel_height, int64_t kernel_width) {
    int32_t status;
    s->rank = 4;
    s->dims[0] = s->x->dims[0];
    s->dims[1] = channels;
    status = infer_axis(s, 0, kernel_height);
    return status == RTV_OK ? infer_axis(s, 1, kernel_width) : status;
}

/* A constant with one value for each output; residual: of the output's shape. low..high inputs without the residual. */
static int32_t infer_conv_of(shaping *s, int32_t low, int32_t high) {
    static const char *const names[2][4] = {{"", "", "bias", ""}, {"", "", "weight scale", "bias"}};
    const rtvi_attr *attr = &s->node->attr;
    const rtvi_value *weight = input(s, 1);
    const int64_t *w = weight->dims; /* [K][C/groups][R][S] */
    int32_t num_plain = s->node->num_inputs - attr->residual;
    int32_t status;
    if (attr->activation > RTVI_ACTIVATION_RELU) return wrong(s, "activation: got %d, expected 0 or 1", attr->activation);
    if (attr->residual > 1) return wrong(s, "residual: got %d, expected 0 or 1", attr->residual);
    if (num_plain < low || num_plain > high)
        return wrong(s, "inputs: got %d, expected %d..%d", s->node->num_inputs, low + attr->residual, high + attr->residual);
    if (weight->rank != 4) return wrong(s, "weight: got rank %d, expected 4", weight->rank);
    if (w[1] * attr->groups != s->x->dims[1] || w[0] % attr->groups != 0)
        return wrong(s, "weight: got %lld outputs and %lld inputs in %d groups, expected a multiple of the groups and %lld inputs in all",
                     (long long)w[0], (long long)w[1], attr->groups, (long long)s->x->dims[1]);
    status = infer_windows(s, w[0], w[2], w[3]);
    for (int32_t i = 2; i < num_plain && status == RTV_OK; i++) status = expect_shape(s, i, names[low == 4][i], 1, w);
    if (status == RTV_OK && attr->residual) status = expect_shape(s, num_plain, "residual", 4, s->dims);
    return status;
}

static int32_t infer_conv(shaping *s) { return infer_conv_of(s, 2, 3); }

/* Sums of products of codes, 255 * 127 at most each, must fit int32. */
static int32_t check_sums(const shaping *s) {
    const rtvi_value *weight = input(s, 1);
    int64_t products = 1;
    for (int32_t i = 1; i < weight->rank; i++) products *= weight->dims[i];
    if (products <= INT32_MAX / (255 * 127)) return RTV_OK;
    return wrong(s, "weight: got %lld values for an output, expected at most %d", (long long)products, INT32_MAX / (255 * 127));
}

static int32_t infer_qconv(shaping *s) {
    const rtvi_value *residual = input(s, s->node->num_inputs - 1);
    int32_t status = infer_conv_of(s, 4, 4);
    if (status == RTV_OK && s->node->attr.residual && residual->zero_point != 0)
        return wrong(s, "residual: got zero point %d, expected 0", residual->zero_point);
    return status == RTV_OK ? check_sums(s) : status;
}

static int32_t infer_max_pool(shaping *s) {
    const rtvi_attr *attr = &s->node->attr;
    for (int32_t i = 0; i < 4; i++) { /* so that no window lies in the padding alone */
        if (attr->pad[i] >= attr->kernel[i % 2])
            return wrong(s, "pad: got %d, expected less than the kernel's %d", attr->pad[i], attr->kernel[i % 2]);
    }
    return infer_windows(s, s->x->dims[1], attr->kernel[0], attr->kernel[1]);
}

static int32_t infer_same(shaping *s) {
    s->rank = s->x->rank;
    memcpy(s->dims, s->x->dims, (size_t)s->rank * sizeof *s->dims);
    return RTV_OK;
}

static int32_t infer_batch_norm(shaping *s) {
    static const char *const names[] = {"", "gamma", "beta", "mean", "variance"};
    if (s->x->rank < 2) return wrong(s, "input: got rank %d, expected 2 or more", s->x->rank);
    for (int32_t i = 1; i < 5; i++) {
        int32_t status = expect_shape(s, i, names[i], 1, &s->x->dims[1]);
        if (status != RTV_OK) return status;
    }
    return infer_same(s);
}

static int32_t infer_add(shaping *s) {
    int32_t status = expect_shape(s, 1, "second input", s->x->rank, s->x->dims);
    return status == RTV_OK ? infer_same(s) : status;
}

static int32_t infer_global_pool(shaping *s) {
    s->rank = 2;
    memcpy(s->dims, s->x->dims, 2 * sizeof *s->dims);
    return RTV_OK;
}

static int32_t infer_linear(shaping *s) {
    const rtvi_value *weight = input(s, 1);
    if (weight->rank != 2 || weight->dims[1] != s->x->dims[1]) {
        char shape[200];
        return wrong(s, "weight: got shape %s, expected rank 2 and %lld columns",
                     rtvi_shape_text(shape, sizeof shape, weight->rank, weight->dims), (long long)s->x->dims[1]);
    }
    s->rank = 2;
    s->dims[0] = s->x->dims[0];
    s->dims[1] = weight->dims[0];
    return s->node->num_inputs == 3 ? expect_shape(s, 2, "bias", 1, weight->dims) : RTV_OK;
}

static int32_t infer_qlinear(shaping *s) {
    int32_t status = infer_linear(s);
    if (status == RTV_OK) status = expect_shape(s, 2, "weight scale", 1, input(s, 1)->dims);
    if (status == RTV_OK) status = expect_shape(s, 3, "bias", 1, input(s, 1)->dims);
    return status == RTV_OK ? check_sums(s) : status;
}

static int32_t infer_l2(shaping *s) {
    if (!(s->node->attr.epsilon > 0)) return wrong(s, "epsilon: got %g, expected more than 0", (double)s->node->attr.epsilon);
    return infer_same(s);
}

static int32_t infer_concat(shaping *s) {
    int32_t axis = s->node->attr.axis;
    int64_t joined = 0;
    infer_same(s);
    if (axis >= s->rank) return wrong(s, "axis: got %d, expected 1..%d", axis, s->rank - 1);
    for (int32_t i = 0; i < s->node->num_inputs; i++) {
        const rtvi_value *value = input(s, i);
        s->dims[axis] = value->rank == s->rank ? value->dims[axis] : -1;
        if (!same_shape(value, s->rank, s->dims)) {
            char shape[200];
            return wrong(s, "input %d: got shape %s, expected that of input 0 but along axis %d", i,
                         rtvi_shape_text(shape, sizeof shape, value->rank, value->dims), axis);
        }
        joined += value->dims[axis];
    }
    s->dims[axis] = joined;
    return RTV_OK;
}

/* --- the table --- */

#define ATTRS(fields) fields, (int32_t)(sizeof(fields) / sizeof *(fields))

static const op_row ops[RTVI_OP_COUNT] = {
    [RTVI_OP_CONV] = {"conv", 2, 4, WEIGHTED_RESIDUAL, FLOATS, GIVES_FLOATS, 4, ATTRS(conv_attrs), infer_conv},
    [RTVI_OP_BATCH_NORM] = {"batch_norm", 5, 5, WEIGHTED, FLOATS, GIVES_FLOATS, 0, ATTRS(epsilon_attrs), infer_batch_norm},
    [RTVI_OP_RELU] = {"relu", 1, 1, ACTIVATIONS, FLOATS, GIVES_FLOATS, 0, NULL, 0, infer_same},
    [RTVI_OP_ADD] = {"add", 2, 2, ACTIVATIONS, FLOATS, GIVES_FLOATS, 0, NULL, 0, infer_add},
    [RTVI_OP_MAX_POOL] = {"max_pool", 1, 1, ACTIVATIONS, EITHER, GIVES_THE_SAME, 4, ATTRS(pool_attrs), infer_max_pool},
    [RTVI_OP_GLOBAL_AVG_POOL] = {"global_avg_pool", 1, 1, ACTIVATIONS, EITHER, GIVES_FLOATS, 4, NULL, 0, infer_global_pool},
    [RTVI_OP_GLOBAL_MAX_POOL] = {"global_max_pool", 1, 1, ACTIVATIONS, EITHER, GIVES_FLOATS, 4, NULL, 0, infer_global_pool},
    [RTVI_OP_GLOBAL_GEM_POOL] = {"global_gem_pool", 1, 1, ACTIVATIONS, EITHER, GIVES_FLOATS, 4, NULL, 0, infer_global_pool},
    [RTVI_OP_LINEAR] = {"linear", 2, 3, WEIGHTED, FLOATS, GIVES_FLOATS, 2, NULL, 0, infer_linear},
    [RTVI_OP_L2_NORMALIZE] = {"l2_normalize", 1, 1, ACTIVATIONS, FLOATS, GIVES_FLOATS, 2, ATTRS(epsilon_attrs), infer_l2},
    [RTVI_OP_CONCAT] = {"concat", 1, RTVI_MAX_INPUTS, ACTIVATIONS, FLOATS, GIVES_FLOATS, 0, ATTRS(concat_attrs), infer_concat},
    [RTVI_OP_QUANTIZE] = {"quantize", 1, 1, ACTIVATIONS, FLOATS, GIVES_CODES, 0, NULL, 0, infer_same},
    [RTVI_OP_DEQUANTIZE] = {"dequantize", 1, 1, ACTIVATIONS, CODES, GIVES_FLOATS, 0, NULL, 0, infer_same},
    [RTVI_OP_QCONV] = {"qconv", 4, 5, WEIGHTED_RESIDUAL, CODES, GIVES_CODES_AT_ZERO, 4, ATTRS(conv_attrs), infer_qconv},
    [RTVI_OP_QLINEAR] = {"qlinear", 4, 4, WEIGHTED, CODES, GIVES_FLOATS, 2, NULL, 0, infer_qlinear},
};

const char *rtvi_op_name(rtvi_op op) { return ops[op].name; }

rtvi_op rtvi_op_from_name(const char *name) {
    int32_t op = 0;
    while (op < RTVI_OP_COUNT && strcmp(ops[op].name, name) != 0) op++;
    return (rtvi_op)op;
}

const rtvi_attr_field *rtvi_op_attrs(rtvi_op op, int32_t *count) {
    *count = ops[op].num_attrs;
    return ops[op].attrs;
}

int rtvi_op_has_own_scale(rtvi_op op) { return ops[op].gives >= GIVES_CODES; }

int rtvi_op_has_quantized_weight(rtvi_op op) { return ops[op].weighted != ACTIVATIONS && ops[op].takes == CODES; }

static int is_codes(rtvi_dtype dtype) { return dtype == RTVI_U8 || dtype == RTVI_I8; }

/* Activations as the table says; constants F32 or F16, but of an op on codes I8 (the weight) and F32. */
static int32_t check_type(const shaping *s, int32_t i, int is_constant) {
    static const char *const activations[] = {"", "F32", "U8 or I8", "F32, U8 or I8"};
    const op_row *op = &ops[s->node->op];
    rtvi_dtype type = input(s, i)->dtype;
    const char *expected = activations[op->takes];
    int fits = (type == RTVI_F32 && op->takes & FLOATS) || (is_codes(type) && op->takes & CODES);
    if (is_constant && op->takes == FLOATS) {
        fits = type == RTVI_F32 || type == RTVI_F16;
        expected = "F32 or F16";
    } else if (is_constant) {
        fits = type == (i == 1 ? RTVI_I8 : RTVI_F32);
        expected = i == 1 ? "I8" : "F32";
    }
    return fits ? RTV_OK : wrong(s, "input %d: got type %s, expected %s", i, rtvi_dtype_name(type), expected);
}

static int32_t check_inputs(const shaping *s) {
    const op_row *op = &ops[s->node->op];
    int32_t count = s->node->num_inputs;
    if (count < op->min_inputs || count > op->max_inputs)
        return wrong(s, "inputs: got %d, expected %d..%d", count, op->min_inputs, op->max_inputs);
    for (int32_t i = 0; i < count; i++) {
        int32_t is_residual = op->weighted == WEIGHTED_RESIDUAL && s->node->attr.residual != 0 && i == count - 1;
        int32_t wants_constant = op->weighted != ACTIVATIONS && i > 0 && !is_residual;
        int32_t status;
        if (s->node->inputs[i] < 0 || (size_t)s->node->inputs[i] >= s->graph->num_values)
            return wrong(s, "input %d: got value %d, expected one of %zu", i, s->node->inputs[i], s->graph->num_values);
        if (input(s, i)->is_constant != wants_constant)
            return wrong(s, "input %d: got %s, expected %s", i, input(s, i)->is_constant ? "a constant" : "a computed value",
                         wants_constant ? "a constant" : "a computed value");
        status = check_type(s, i, wants_constant);
        if (status != RTV_OK) return status;
    }
    if (op->rank != 0 && input(s, 0)->rank != op->rank) return wrong(s, "input: got rank %d, expected %d", input(s, 0)->rank, op->rank);
    return RTV_OK;
}

static int32_t check_attrs(const shaping *s) {
    const op_row *op = &ops[s->node->op];
    for (int32_t i = 0; i < op->num_attrs; i++) {
        const rtvi_attr_field *field = &op->attrs[i];
        const char *at = (const char *)&s->node->attr + field->offset;
        for (int32_t j = 0; j < field->count; j++) {
            int32_t number = field->min;
            float real = 0;
            if (field->kind == RTVI_ATTR_FLOAT)
                memcpy(&real, at, sizeof real);
            else
                memcpy(&number, at + (size_t)j * sizeof number, sizeof number);
            if (number < field->min) return wrong(s, "%s: got %d, expected %d or more", field->name, number, field->min);
            if (!isfinite(real) || real < 0) return wrong(s, "%s: got %g, expected 0 or more", field->name, (double)real);
        }
    }
    return RTV_OK;
}

int32_t rtvi_op_check_codes(const char *name, rtvi_dtype dtype, float scale, int32_t zero_point, rtv_error *error) {
    rtvi_quoted quoted;
    const char *text = rtvi_error_quote_string(&quoted, name);
    int32_t high = dtype == RTVI_U8 ? 255 : 0;
    if (!is_codes(dtype))
        return rtvi_error_set(error, RTV_E_FORMAT, "graph: codes \"%s\": got type %s, expected U8 or I8", text, rtvi_dtype_name(dtype));
    if (!(scale >= FLT_MIN && scale <= FLT_MAX)) /* below lies what has no finite reciprocal */
        return rtvi_error_set(error, RTV_E_FORMAT, "graph: codes \"%s\": got scale %.9g, expected %.9g..%.9g", text, (double)scale,
                              (double)FLT_MIN, (double)FLT_MAX);
    if (zero_point < 0 || zero_point > high)
        return rtvi_error_set(error, RTV_E_FORMAT, "graph: codes \"%s\": got zero point %d, expected 0%s", text, zero_point,
                              high ? "..255" : " for I8");
    return RTV_OK;
}

/* The output's dtype, scale and zero point. */
static int32_t infer_type(const shaping *s, rtvi_value *output) {
    const op_row *op = &ops[s->node->op];
    const rtvi_value floats = {.dtype = RTVI_F32}, *like = op->gives == GIVES_THE_SAME ? s->x : &floats;
    if (op->gives == GIVES_CODES_AT_ZERO && output->zero_point != 0)
        return wrong(s, "output: got zero point %d, expected 0", output->zero_point);
    if (rtvi_op_has_own_scale(s->node->op))
        return rtvi_op_check_codes(s->node->name, output->dtype, output->scale, output->zero_point, s->error);
    output->dtype = like->dtype;
    output->scale = like->scale;
    output->zero_point = like->zero_point;
    return RTV_OK;
}

int32_t rtvi_op_infer(const rtvi_graph *graph, const rtvi_node *node, rtvi_value *output, rtv_error *error) {
    shaping s = {graph, node, NULL, 0, output->dims, error};
    char shape[200];
    int32_t status;
    if ((uint32_t)node->op >= RTVI_OP_COUNT)
        return rtvi_error_set(error, RTV_E_FORMAT, "graph: op: got number %d, expected 0..%d", (int)node->op, RTVI_OP_COUNT - 1);
    status = check_inputs(&s);
    if (status == RTV_OK) status = check_attrs(&s);
    if (status != RTV_OK) return status;
    s.x = input(&s, 0);
    status = ops[node->op].infer(&s);
    if (status != RTV_OK) return status;
    output->rank = s.rank;
    if (!rtvi_graph_shape_is_valid(s.rank, s.dims))
        return wrong(&s, "output: got shape %s, expected at most %d elements", rtvi_shape_text(shape, sizeof shape, s.rank, s.dims),
                     INT32_MAX);
    return infer_type(&s, output);
}
