/* quant_weights.c - rounding of weights to codes. One output's weights are a row in the order [position][channel], in which the members of
 * a pair are neighbours, in units of its scale. */
#include "quant/quant_weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/quant_factor.h"

#define AROUND 4     /* codes tried on both sides of the best place */
#define ROWS 8       /* outputs rounded together: each factor is read once for all */
#define SCALE_STEP 3 /* between the largest codes tried: 127, 124, ... 64 */
#define PATIENCE 4   /* steps without a gain after which no more are tried */

rtvi_quant_rounding rtvi_quant_weights_default(void) { return (rtvi_quant_rounding){127, 1, 1, 1, 0.01f}; }

/* --- one code, one pair --- */

static int32_t nearest(float value, int32_t low, int32_t high) {
    const float code = rintf(value);
    return code < (float)low ? low : code > (float)high ? high : (int32_t)code;
}

static int is_safe(int32_t a, int32_t b) { return (int64_t)a * b <= 0 || abs(a) + abs(b) <= RTVI_QUANT_PAIR_SUM; }

/* The error of a pair's two codes is (d0 e0 + a0)^2 + (d1 e1 + c e0 + a1)^2 with e = value - code; a is what earlier errors add. */
typedef struct pair_error {
    float value[2];
    float d[2], c, a[2];
} pair_error;

static float pair_cost(const pair_error *p, int32_t q0, int32_t q1) {
    const float e0 = p->value[0] - (float)q0, e1 = p->value[1] - (float)q1;
    const float t0 = p->d[0] * e0 + p->a[0], t1 = p->d[1] * e1 + p->c * e0 + p->a[1];
    return t0 * t0 + t1 * t1;
}

/* The best second code beside the first. */
static int32_t second_code(const pair_error *p, int32_t q0, int32_t limit, int32_t safe) {
    const float e0 = p->value[0] - (float)q0;
    const float target = p->value[1] + (p->d[1] > 0 ? (p->c * e0 + p->a[1]) / p->d[1] : 0);
    const int32_t beside = RTVI_QUANT_PAIR_SUM - abs(q0);
    int32_t low = -limit, high = limit;
    if (safe && q0 > 0 && high > beside) high = beside;
    if (safe && q0 < 0 && low < -beside) low = -beside;
    return nearest(target, low, high);
}

/* The first code where the error is least on the line q0 + q1 = sum. */
static float best_on_line(const pair_error *p, float sum) {
    const float rest = p->value[0] + p->value[1] - sum, slope = p->c - p->d[1]; /* e1 = rest - e0 */
    const float curve = p->d[0] * p->d[0] + slope * slope;
    const float e0 = -(p->d[0] * p->a[0] + slope * (p->d[1] * rest + p->a[1])) / curve;
    return p->value[0] - (curve > 0 ? e0 : rest / 2);
}

/* The best codes without the rule lie beyond the line, so the best with it lie on it, but for what rounding to codes moves: the first codes
 * around the best place are tried, each with its best second one. */
static void mend_pair(const pair_error *p, int32_t limit, int32_t codes[2]) {
    const int32_t middle = nearest(best_on_line(p, codes[0] > 0 ? RTVI_QUANT_PAIR_SUM : -RTVI_QUANT_PAIR_SUM), -limit, limit);
    const int32_t first = middle - AROUND < -limit ? -limit : middle - AROUND, last = middle + AROUND > limit ? limit : middle + AROUND;
    float best = INFINITY;
    for (int32_t q0 = first; q0 <= last; q0++) {
        const int32_t q1 = second_code(p, q0, limit, 1);
        const float cost = pair_cost(p, q0, q1);
        if (!(cost < best) && q0 != first) continue;
        best = cost;
        codes[0] = q0;
        codes[1] = q1;
    }
}

/* --- a row --- */

/* One block of the weights under one factor. */
typedef struct block {
    const float *factor; /* [dim][dim] lower triangular, L of H = L' L; when compensating */
    const float *pairs;  /* [dim][2]: the same of pairs alone; when not */
    int64_t dim;
    int64_t channels; /* pairs stay within so many neighbours */
    int32_t limit;
    int32_t pair_safe, compensate;
    int64_t mended;
} block;

/* What code i and the one after it add to the error; a[2]: what earlier errors add. */
static pair_error describe(const block *b, int64_t i, const float *values, const float a[2]) {
    pair_error p = {.value = {values[i], 0}, .d = {b->compensate ? b->factor[i * b->dim + i] : b->pairs[2 * i], 1}, .a = {a[0], a[1]}};
    if (i % b->channels + 1 == b->channels) return p;
    p.value[1] = values[i + 1];
    p.c = b->compensate ? b->factor[(i + 1) * b->dim + i] : b->pairs[2 * i + 3];
    p.d[1] = b->compensate ? b->factor[(i + 1) * b->dim + i + 1] : b->pairs[2 * i + 2];
    return p;
}

/* Codes i and i + 1 (i alone when it has no partner); returns what they add to the error. */
static float round_pair(block *b, int64_t i, const float *values, const float a[2], int32_t *codes) {
    const int has_second = i % b->channels + 1 < b->channels;
    const pair_error p = describe(b, i, values, a);
    const float moved = b->compensate && p.d[0] > 0 ? p.a[0] / p.d[0] : 0;
    codes[0] = nearest(p.value[0] + moved, -b->limit, b->limit);
    codes[1] = 0;
    if (has_second) codes[1] = b->compensate ? second_code(&p, codes[0], b->limit, 0) : nearest(p.value[1], -b->limit, b->limit);
    if (b->pair_safe && !is_safe(codes[0], codes[1])) {
        mend_pair(&p, b->limit, codes);
        b->mended++;
    }
    return pair_cost(&p, codes[0], codes[1]);
}

/* sums[s][r] = sum over p < end of factor[s][p] errors[p][r]: what the errors so far add at the two places of a pair, for ROWS outputs.
 * Both at once, for each sum waits for its last addition. */
static void earlier(const float *first, const float *second, const float *errors, int64_t end, float sums[2][ROWS]) {
    float a[ROWS] = {0}, b[ROWS] = {0};
    for (int64_t p = 0; p < end; p++) {
        for (int64_t r = 0; r < ROWS; r++) {
            a[r] += first[p] * errors[p * ROWS + r];
            b[r] += second[p] * errors[p * ROWS + r];
        }
    }
    memcpy(sums[0], a, sizeof a);
    memcpy(sums[1], b, sizeof b);
}

/* values[rows][dim] gives codes[rows][dim]. errors[dim][ROWS]: scratch. */
static void round_rows(block *b, const float *values, int64_t rows, float *errors, int32_t *codes) {
    int64_t step;
    for (int64_t i = 0; i < b->dim; i += step) {
        float sums[2][ROWS] = {{0}};
        step = i % b->channels + 1 < b->channels ? 2 : 1;
        if (b->compensate) earlier(b->factor + i * b->dim, b->factor + (i + step - 1) * b->dim, errors, i, sums);
        for (int64_t r = 0; r < rows; r++) {
            const float a[2] = {sums[0][r], sums[1][r]};
            int32_t pair[2];
            round_pair(b, i, values + r * b->dim, a, pair);
            for (int64_t s = 0; s < step; s++) {
                codes[r * b->dim + i + s] = pair[s];
                errors[(i + s) * ROWS + r] = values[r * b->dim + i + s] - (float)pair[s];
            }
        }
    }
}

/* --- a layer --- */

typedef struct layer {
    const rtvi_graph *graph;
    const rtvi_node *node;
    const rtvi_quant_rounding *how;
    const rtvi_quant_moments *moments; /* or NULL */
    rtvi_quant_rounded *rounded;
    float *weights; /* [outputs][channels][positions] */
    float *factor;  /* [dim][dim] of the block, NULL without moments */
    float *pairs;   /* [dim][2] */
    float *values;  /* [ROWS][dim] */
    float *errors;  /* [dim][ROWS] */
    int32_t *codes; /* [ROWS][dim] */
    int64_t dim;    /* of a block */
    rtv_error *error;
} layer;

static int32_t check_finite(const layer *l, const char *what, const float *values, int64_t count) {
    rtvi_quoted quoted;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return rtvi_error_set(l->error, RTV_E_FORMAT, "quantizer: layer \"%s\": got %s %g at element %lld, expected a finite number",
                                  rtvi_error_quote_string(&quoted, l->node->name), what, (double)values[i], (long long)i);
    }
    return RTV_OK;
}

static int has_bias(const rtvi_node *node) { return node->num_inputs - node->attr.residual == 3; }

/* Reads weights and bias, makes room. */
static int32_t prepare(layer *l) {
    const rtvi_env *env = l->graph->env;
    rtvi_quant_rounded *r = l->rounded;
    const size_t outputs = (size_t)r->shape.outputs, row = (size_t)(r->shape.channels * r->shape.positions), dim = (size_t)l->dim;
    int32_t status = RTV_OK;
    r->codes = rtvi_alloc(env, outputs * row, sizeof *r->codes);
    r->scales = rtvi_alloc(env, outputs, sizeof *r->scales);
    r->bias = rtvi_alloc_zero(env, outputs, sizeof *r->bias);
    l->weights = rtvi_alloc(env, outputs * row, sizeof *l->weights);
    l->values = rtvi_alloc(env, ROWS * dim, sizeof *l->values);
    l->errors = rtvi_alloc_zero(env, ROWS * dim, sizeof *l->errors);
    l->codes = rtvi_alloc(env, ROWS * dim, sizeof *l->codes);
    l->pairs = rtvi_alloc(env, dim, 2 * sizeof *l->pairs);
    if (l->moments) l->factor = rtvi_alloc(env, dim * dim, sizeof *l->factor);
    if (!r->codes || !r->scales || !r->bias || !l->weights || !l->values || !l->errors || !l->codes || !l->pairs ||
        (l->moments && !l->factor))
        return rtvi_error_out_of_memory(l->error, "quantizer", 0);
    rtvi_tensor_to_f32(&l->graph->values[l->node->inputs[1]].constant, l->weights);
    if (has_bias(l->node)) {
        rtvi_tensor_to_f32(&l->graph->values[l->node->inputs[2]].constant, r->bias);
        status = check_finite(l, "bias", r->bias, (int64_t)outputs);
    }
    return status == RTV_OK ? check_finite(l, "weight", l->weights, (int64_t)(outputs * row)) : status;
}

/* Block `at` of outputs first..first+rows-1: a kernel position, or everything. To and from the weight's own order. */
static int64_t element(const layer *l, int64_t output, int64_t at, int64_t i) {
    const rtvi_quant_shape *s = &l->rounded->shape;
    const int64_t channel = i % s->channels, position = at + i / s->channels;
    return (output * s->channels + channel) * s->positions + position;
}

static void round_block(layer *l, block *b, int64_t first, int64_t rows, int64_t at) {
    rtvi_quant_rounded *out = l->rounded;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < l->dim; i++) l->values[r * l->dim + i] = l->weights[element(l, first + r, at, i)] / out->scales[first + r];
    round_rows(b, l->values, rows, l->errors, l->codes);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t i = 0; i < l->dim; i++) {
            const int64_t e = element(l, first + r, at, i);
            const double lost = (double)l->weights[e] - (double)l->codes[r * l->dim + i] * (double)out->scales[first + r];
            out->codes[e] = (int8_t)l->codes[r * l->dim + i];
            out->signal += (double)l->weights[e] * (double)l->weights[e];
            out->noise += lost * lost;
        }
    }
}

/* The error of one output's weights with codes up to max_code, not compensated. */
static double try_scale(layer *l, block *b, int64_t output, int32_t max_code) {
    const rtvi_quant_shape *s = &l->rounded->shape;
    const float scale = l->rounded->scales[output] / (float)max_code, none[2] = {0, 0};
    double sum = 0;
    b->limit = max_code;
    for (int64_t at = 0; at < s->positions; at += l->dim / s->channels) {
        for (int64_t i = 0; i < l->dim; i++) l->values[i] = l->weights[element(l, output, at, i)] / scale;
        for (int64_t i = 0; i < l->dim; i += i % b->channels + 1 < b->channels ? 2 : 1) {
            int32_t codes[2];
            sum += (double)round_pair(b, i, l->values, none, codes);
        }
    }
    return sum * (double)scale * (double)scale;
}

/* scales[] holds the largest magnitudes. Where many pairs would have to give way, larger steps lose less: down to the half range, where
 * none does. */
static void choose_scale(layer *l, const block *like, int64_t output) {
    block b = *like;
    int32_t chosen = l->how->max_code, waited = 0;
    double best = INFINITY;
    b.compensate = 0;
    for (int32_t max_code = l->how->max_code; max_code >= RTVI_QUANT_HALF_RANGE && waited < PATIENCE; max_code -= SCALE_STEP) {
        double lost;
        b.mended = 0;
        lost = try_scale(l, &b, output, max_code);
        waited++;
        if (lost < best) {
            best = lost;
            chosen = max_code;
            waited = 0;
        }
        if (b.mended == 0) break; /* smaller codes are only coarser */
    }
    l->rounded->scales[output] /= (float)chosen;
}

static void describe_errors(layer *l, int64_t group) {
    for (int64_t i = 0; i < 2 * l->dim; i++) l->pairs[i] = i % 2 == 0;
    if (!l->moments) return;
    rtvi_quant_moments_matrix(l->moments, group, l->how->centered, l->factor);
    rtvi_quant_factor_pairs(l->factor, l->dim, l->rounded->shape.channels, l->how->damping, l->pairs);
    if (l->how->compensate) rtvi_quant_factor(l->factor, l->dim, l->how->damping);
}

static void round_group(layer *l, int64_t group) {
    const rtvi_quant_shape *s = &l->rounded->shape;
    const int64_t per_group = s->outputs / s->groups, end = (group + 1) * per_group;
    block b = {l->factor, l->pairs, l->dim, s->channels, l->how->max_code, l->how->pair_safe, l->how->compensate && l->moments, 0};
    describe_errors(l, group);
    for (int64_t k = group * per_group; k < end; k++) {
        if (l->how->pair_safe)
            choose_scale(l, &b, k);
        else
            l->rounded->scales[k] /= (float)l->how->max_code;
    }
    for (int64_t first = group * per_group; first < end; first += ROWS) {
        const int64_t rows = end - first < ROWS ? end - first : ROWS;
        for (int64_t at = 0; at < s->positions; at += l->dim / s->channels) round_block(l, &b, first, rows, at);
    }
    l->rounded->pairs_mended += b.mended;
}

static int32_t round_layer(layer *l) {
    const rtvi_quant_shape *s = &l->rounded->shape;
    const int32_t status = prepare(l);
    if (status != RTV_OK) return status;
    rtvi_quant_params_weight_highs(l->weights, s->outputs, s->channels * s->positions, 0, l->rounded->scales);
    for (int64_t group = 0; group < s->groups; group++) round_group(l, group);
    return RTV_OK;
}

int32_t rtvi_quant_weights_round(const rtvi_graph *graph, const rtvi_node *node, const rtvi_quant_rounding *how,
                                 const rtvi_quant_moments *moments, rtvi_quant_rounded *rounded, rtv_error *error) {
    const rtvi_env *env = graph->env;
    layer l = {.graph = graph, .node = node, .how = how, .moments = moments, .rounded = rounded, .error = error};
    int32_t status;
    memset(rounded, 0, sizeof *rounded);
    rounded->env = env;
    rounded->shape = rtvi_quant_moments_shape(graph, node);
    if (moments && moments->count == 0) l.moments = NULL;
    l.dim = l.moments ? l.moments->dim : rounded->shape.channels;
    status = round_layer(&l);
    rtvi_free(env, l.weights);
    rtvi_free(env, l.factor);
    rtvi_free(env, l.pairs);
    rtvi_free(env, l.values);
    rtvi_free(env, l.errors);
    rtvi_free(env, l.codes);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_quant_weights_destroy(rounded);
    return status;
}

void rtvi_quant_weights_destroy(rtvi_quant_rounded *rounded) {
    if (!rounded->env) return;
    rtvi_free(rounded->env, rounded->codes);
    rtvi_free(rounded->env, rounded->scales);
    rtvi_free(rounded->env, rounded->bias);
    memset(rounded, 0, sizeof *rounded);
}

int64_t rtvi_quant_weights_count_unsafe(const int8_t *codes, rtvi_quant_shape shape) {
    int64_t count = 0;
    for (int64_t k = 0; k < shape.outputs; k++) {
        const int8_t *row = codes + k * shape.channels * shape.positions;
        for (int64_t c = 0; c + 1 < shape.channels; c += 2)
            for (int64_t p = 0; p < shape.positions; p++)
                count += !is_safe(row[c * shape.positions + p], row[(c + 1) * shape.positions + p]);
    }
    return count;
}
