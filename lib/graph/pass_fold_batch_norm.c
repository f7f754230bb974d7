/* pass_fold_batch_norm.c - batch norms into the weights beside them. In inference a batch norm is y = scale * x + shift for each channel,
 *   scale = gamma / sqrt(variance + epsilon),  shift = beta - mean * scale,
 * so that after a convolution or linear layer (w, b) and before a linear layer (v, b) it goes away:
 *   scale_k * (w_k . x + b_k) + shift_k  =  (scale_k * w_k) . x + (scale_k * b_k + shift_k)
 *   v_k . (scale * x + shift) + b_k      =  (v_k * scale) . x + (v_k . shift + b_k)
 * All of it in double, rounded once. */
#include "graph/graph_edit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct folding {
    rtvi_graph *graph;
    const int32_t *uses;
    rtvi_node *norm;
    rtvi_node *layer; /* takes the batch norm in */
    int64_t outputs;  /* of the layer */
    int64_t row;      /* weights of one output */
    int64_t channels; /* of the batch norm: outputs, or row when it comes before the layer */
    double *scale;    /* [channels] */
    double *shift;    /* [channels] */
    float *weight;    /* [outputs][row], the layer's */
    float *bias;      /* [outputs] */
    int late;         /* weights keep their place and get factors */
    rtv_error *error;
} folding;

/* The float32 values of a constant in a new block, NULL on failure; zeros for value -1. */
static float *copy_values(const rtvi_graph *graph, int32_t value, int64_t count) {
    float *values = rtvi_alloc(graph->env, (size_t)count, sizeof *values);
    if (values && value >= 0)
        rtvi_constant_to_f32(&graph->values[value], values);
    else if (values)
        memset(values, 0, (size_t)count * sizeof *values);
    return values;
}

static int32_t check_variance(const folding *f, const float *variance) {
    for (int64_t c = 0; c < f->channels; c++) {
        rtvi_quoted name;
        if (isfinite(variance[c]) && (double)variance[c] + (double)f->norm->attr.epsilon > 0) continue;
        return rtvi_error_set(f->error, RTV_E_FORMAT, "graph: variance of \"%s\", channel %lld: got %g, expected 0 or more",
                              rtvi_error_quote_string(&name, f->norm->name), (long long)c, (double)variance[c]);
    }
    return RTV_OK;
}

static int32_t read_norm(folding *f) {
    const rtvi_env *env = f->graph->env;
    float *terms[4]; /* gamma, beta, mean, variance */
    int32_t status = RTV_OK;
    f->scale = rtvi_alloc(env, (size_t)f->channels, sizeof *f->scale);
    f->shift = rtvi_alloc(env, (size_t)f->channels, sizeof *f->shift);
    for (int32_t i = 0; i < 4; i++) terms[i] = copy_values(f->graph, f->norm->inputs[i + 1], f->channels);
    if (!f->scale || !f->shift || !terms[0] || !terms[1] || !terms[2] || !terms[3])
        status = rtvi_error_out_of_memory(f->error, "graph", 0);
    else
        status = check_variance(f, terms[3]);
    for (int64_t c = 0; c < f->channels && status == RTV_OK; c++) {
        f->scale[c] = (double)terms[0][c] / sqrt((double)terms[3][c] + (double)f->norm->attr.epsilon);
        f->shift[c] = (double)terms[1][c] - (double)terms[2][c] * f->scale[c];
    }
    for (int32_t i = 0; i < 4; i++) rtvi_free(env, terms[i]);
    return status;
}

static int32_t read_layer(folding *f) {
    f->weight = copy_values(f->graph, f->layer->inputs[1], f->outputs * f->row);
    f->bias = copy_values(f->graph, f->layer->num_inputs == 3 ? f->layer->inputs[2] : -1, f->outputs);
    return f->weight && f->bias ? RTV_OK : rtvi_error_out_of_memory(f->error, "graph", 0);
}

static void scale_outputs(folding *f) {
    for (int64_t k = 0; k < f->outputs; k++) {
        float *row = f->weight + k * f->row;
        double scale = f->scale[k];
        for (int64_t i = 0; i < f->row; i++) row[i] = (float)((double)row[i] * scale);
        f->bias[k] = (float)((double)f->bias[k] * scale + f->shift[k]);
    }
}

static void scale_inputs(folding *f) {
    for (int64_t k = 0; k < f->outputs; k++) {
        float *row = f->weight + k * f->row;
        double sum = (double)f->bias[k];
        for (int64_t c = 0; c < f->row; c++) {
            sum += (double)row[c] * f->shift[c];
            row[c] = (float)((double)row[c] * f->scale[c]);
        }
        f->bias[k] = (float)sum;
    }
}

/* "conv1.weight" gives "conv1.bias": the layer's constants keep the checkpoint's way of naming. A name already taken gets a "_". */
static void name_beside(const rtvi_graph *graph, const char *weight, const char *ending, char *name, size_t capacity) {
    size_t length = strlen(weight);
    if (length > 7 && strcmp(weight + length - 7, ".weight") == 0) length -= 7;
    if (length > capacity - 20) length = capacity - 20; /* room for the ending and a few "_" */
    snprintf(name, capacity, "%.*s%s", (int)length, weight, ending);
    while (rtvi_graph_find_value(graph, name) >= 0 && strlen(name) + 1 < capacity) strcat(name, "_");
}

/* The layer's input i becomes the block, under its old name when the layer alone reads it, else under a new one. The block is taken over.
 */
static int32_t set_input(folding *f, int32_t i, const char *ending, int32_t rank, const int64_t *dims, float **block) {
    const rtvi_graph *graph = f->graph;
    float *taken = *block;
    int32_t value = i < f->layer->num_inputs ? f->layer->inputs[i] : -1;
    *block = NULL;
    if (value < 0 || f->uses[value] > 1) {
        char name[256];
        rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, rank, dims, taken);
        name_beside(graph, graph->values[f->layer->inputs[1]].name, ending, name, sizeof name);
        value = rtvi_graph_add_owned(f->graph, name, &tensor, taken, f->error);
        if (value < 0) return f->error ? f->error->status : RTV_E_OUT_OF_MEMORY;
        f->layer->inputs[i] = value;
        if (i >= f->layer->num_inputs) f->layer->num_inputs = i + 1;
    } else {
        rtvi_graph_edit_set_constant(f->graph, value, rank, dims, taken);
    }
    return RTV_OK;
}

/* Replaces weight and bias, and takes the batch norm out of the way. */
static int32_t install(folding *f, int forward) {
    rtvi_value weight = f->graph->values[f->layer->inputs[1]]; /* a copy: adding values may move them */
    int32_t status = set_input(f, 2, ".bias", 1, &f->outputs, &f->bias);
    if (status == RTV_OK) status = set_input(f, 1, ".folded_weight", weight.rank, weight.dims, &f->weight);
    if (status != RTV_OK) return status;
    if (forward)
        f->layer->inputs[0] = f->norm->inputs[0];
    else
        rtvi_graph_edit_redirect(f->graph, f->norm->output, f->layer->output);
    rtvi_graph_edit_retire(f->norm);
    return RTV_OK;
}

/* scale_outputs without touching the weight: it takes the scale over as its factors. */
static int32_t install_late(folding *f) {
    rtvi_value *weight = &f->graph->values[f->layer->inputs[1]];
    int32_t status;
    f->bias = copy_values(f->graph, f->layer->num_inputs == 3 ? f->layer->inputs[2] : -1, f->outputs);
    if (!f->bias) return rtvi_error_out_of_memory(f->error, "graph", 0);
    for (int64_t k = 0; k < f->outputs; k++) f->bias[k] = (float)((double)f->bias[k] * f->scale[k] + f->shift[k]);
    weight->factor = weight->owned_factor = f->scale;
    f->scale = NULL;
    status = set_input(f, 2, ".bias", 1, &f->outputs, &f->bias);
    if (status != RTV_OK) return status;
    rtvi_graph_edit_redirect(f->graph, f->norm->output, f->layer->output);
    rtvi_graph_edit_retire(f->norm);
    return RTV_OK;
}

static int32_t fold(folding *f, int forward) {
    const rtvi_value *weight = &f->graph->values[f->layer->inputs[1]];
    int32_t status;
    f->outputs = weight->dims[0];
    f->row = rtvi_tensor_count(&weight->constant) / f->outputs;
    f->channels = forward ? f->row : f->outputs;
    status = read_norm(f);
    if (status == RTV_OK && f->late && !forward && !weight->factor && f->uses[f->layer->inputs[1]] == 1) {
        status = install_late(f);
    } else if (status == RTV_OK && (status = read_layer(f)) == RTV_OK) {
        (forward ? scale_inputs : scale_outputs)(f);
        status = install(f, forward);
    }
    rtvi_free(f->graph->env, f->scale);
    rtvi_free(f->graph->env, f->shift);
    rtvi_free(f->graph->env, f->weight);
    rtvi_free(f->graph->env, f->bias);
    return status;
}

/* The layer right before the batch norm, when nobody else sees its result. */
static rtvi_node *layer_before(const rtvi_graph *graph, const rtvi_node *norm, const int32_t *uses) {
    int32_t producer = graph->values[norm->inputs[0]].producer;
    rtvi_node *node = producer < 0 || uses[norm->inputs[0]] != 1 ? NULL : &graph->nodes[producer];
    if (node && node->op == RTVI_OP_LINEAR) return node;
    if (node && node->op == RTVI_OP_CONV && !node->attr.activation && !node->attr.residual) return node;
    return NULL;
}

/* The linear layer that alone reads the batch norm. (A convolution would not do: its padding is zero after the shift, not before.) */
static rtvi_node *linear_after(const rtvi_graph *graph, const rtvi_node *norm, const int32_t *uses) {
    if (uses[norm->output] != 1) return NULL;
    for (size_t i = 0; i < graph->num_nodes; i++) {
        rtvi_node *node = &graph->nodes[i];
        if (node->op == RTVI_OP_LINEAR && node->num_inputs > 0 && node->inputs[0] == norm->output) return node;
    }
    return NULL;
}

static int32_t fold_node(rtvi_graph *graph, rtvi_node *norm, int late, rtv_error *error) {
    folding f;
    int32_t *uses = rtvi_alloc(graph->env, graph->num_values, sizeof *uses);
    int32_t status = RTV_OK;
    if (!uses) return rtvi_error_out_of_memory(error, "graph", 0);
    rtvi_graph_count_uses(graph, uses);
    memset(&f, 0, sizeof f);
    f.graph = graph;
    f.uses = uses;
    f.norm = norm;
    f.late = late;
    f.error = error;
    if ((f.layer = layer_before(graph, norm, uses)) != NULL)
        status = fold(&f, 0);
    else if ((f.layer = linear_after(graph, norm, uses)) != NULL)
        status = fold(&f, 1);
    rtvi_free(graph->env, uses);
    return status;
}

static int32_t fold_all(rtvi_graph *graph, int late, rtv_error *error) {
    rtvi_error_clear(error);
    for (size_t i = 0; i < graph->num_nodes; i++) {
        int32_t status = graph->nodes[i].op == RTVI_OP_BATCH_NORM ? fold_node(graph, &graph->nodes[i], late, error) : RTV_OK;
        if (status != RTV_OK) return status;
    }
    return rtvi_graph_edit_sweep(graph, error);
}

int32_t rtvi_pass_fold_batch_norm(rtvi_graph *graph, rtv_error *error) { return fold_all(graph, 0, error); }
int32_t rtvi_pass_fold_batch_norm_late(rtvi_graph *graph, rtv_error *error) { return fold_all(graph, 1, error); }
