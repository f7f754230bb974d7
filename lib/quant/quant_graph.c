/* quant_graph.c - a float graph becomes one on codes. Node by node, in order; a value exists in the forms its readers ask for, each made
 * when the first one asks. */
#include "quant/quant_graph.h"

#include <math.h>
#include <string.h>

#include "quant/quant_build.h"

/* The forms of a value of the float graph in the new one, -1 while absent. */
typedef struct forms {
    int32_t floats;
    int32_t codes;    /* as its node makes them */
    int32_t input;    /* for a layer: U8 */
    int32_t residual; /* zero point 0 */
} forms;

typedef struct rewriting {
    rtvi_quant_build build;
    const rtvi_quant_plan *plan;
    const rtvi_quant_rounded *weights; /* [num_nodes] */
    forms *values;                     /* [num_values] of the float graph */
} rewriting;

/* --- values in the form a reader wants --- */

static const char *name_of(const rewriting *w, int32_t value) { return w->build.from->values[value].name; }

static int32_t get_floats(rewriting *w, int32_t value) {
    forms *f = &w->values[value];
    char name[256];
    if (f->floats < 0)
        f->floats = rtvi_quant_build_dequantize(&w->build, f->codes, rtvi_quant_build_name(&w->build, name_of(w, value), ".float", name));
    return f->floats;
}

/* Codes for a reader. The value's own where they fit; else quantized where it is read. */
static int32_t get_codes(rewriting *w, int32_t value, int as_residual) {
    forms *f = &w->values[value];
    int32_t *form = as_residual ? &f->residual : &f->input;
    rtvi_code_type codes;
    char name[256];
    if (*form >= 0) return *form;
    if (rtvi_quant_plan_read(w->build.from, w->plan, value, as_residual, &codes, w->build.error) != RTV_OK) return -1;
    *form = f->codes;
    if (f->codes >= 0) {
        const rtvi_value *own = &w->build.to->values[f->codes];
        if (own->dtype == codes.dtype && own->zero_point == codes.zero_point) return *form;
    }
    *form =
        rtvi_quant_build_quantize(&w->build, get_floats(w, value),
                                  rtvi_quant_build_name(&w->build, name_of(w, value), as_residual ? ".residual" : ".codes", name), codes);
    return *form;
}

/* --- nodes --- */

/* Weight, scale and bias of a layer into inputs[1..3]. */
static void add_weights(rewriting *w, const rtvi_node *node, const rtvi_quant_rounded *rounded, int32_t *inputs) {
    const rtvi_graph *from = w->build.from;
    const rtvi_value *weight = &from->values[node->inputs[1]];
    const int has_bias = node->num_inputs - node->attr.residual == 3;
    char name[256];
    inputs[1] = rtvi_quant_build_copy(&w->build, weight->name, RTVI_I8, weight->rank, weight->dims, rounded->codes);
    inputs[2] = rtvi_quant_build_copy(&w->build, rtvi_quant_build_name(&w->build, weight->name, "_scale", name), RTVI_F32, 1, weight->dims,
                                      rounded->scales);
    inputs[3] = rtvi_quant_build_copy(&w->build,
                                      has_bias ? name_of(w, node->inputs[2]) : rtvi_quant_build_name(&w->build, node->name, ".bias", name),
                                      RTVI_F32, 1, weight->dims, rounded->bias);
}

static void add_layer(rewriting *w, size_t index) {
    const rtvi_node *node = &w->build.from->nodes[index];
    forms *f = &w->values[node->output];
    const rtvi_code_type *codes = &w->plan->values[node->output].codes;
    int32_t inputs[5], count = 4;
    inputs[0] = get_codes(w, node->inputs[0], 0);
    add_weights(w, node, &w->weights[index], inputs);
    if (node->attr.residual) inputs[count++] = get_codes(w, node->inputs[node->num_inputs - 1], 1);
    if (node->op == RTVI_OP_LINEAR)
        f->floats = rtvi_graph_add_node(w->build.to, RTVI_OP_QLINEAR, node->name, inputs, count, &node->attr, w->build.error);
    else
        f->codes = rtvi_graph_add_quantized_node(w->build.to, RTVI_OP_QCONV, node->name, inputs, count, &node->attr, codes->dtype,
                                                 codes->scale, codes->zero_point, w->build.error);
}

static void add_other(rewriting *w, size_t index) {
    const rtvi_node *node = &w->build.from->nodes[index];
    const int on_codes = w->plan->nodes[index].form == RTVI_QUANT_ON_CODES;
    forms *f = &w->values[node->output];
    int32_t inputs[RTVI_MAX_INPUTS], output;
    for (int32_t i = 0; i < node->num_inputs; i++) {
        const int32_t value = node->inputs[i];
        if (w->build.from->values[value].is_constant)
            inputs[i] = rtvi_quant_build_share(&w->build, value);
        else
            inputs[i] = on_codes ? w->values[value].codes : get_floats(w, value);
    }
    output = rtvi_graph_add_node(w->build.to, node->op, node->name, inputs, node->num_inputs, &node->attr, w->build.error);
    *(w->plan->values[node->output].is_codes ? &f->codes : &f->floats) = output;
}

static void add_input(rewriting *w) {
    const int32_t value = w->build.from->input;
    const rtvi_quant_value_plan *v = &w->plan->values[value];
    if (v->is_codes) rtvi_graph_quantize_input(w->build.to, v->codes.scale, v->codes.zero_point, w->build.error);
    *(v->is_codes ? &w->values[value].codes : &w->values[value].floats) = w->build.to->input;
}

/* A failure is remembered in the error, and nothing more is added from there on. */
static rtvi_graph *rewrite(rewriting *w) {
    const rtvi_graph *from = w->build.from;
    int32_t outputs[RTVI_MAX_OUTPUTS] = {0};
    memset(w->values, 0xff, from->num_values * sizeof *w->values);
    add_input(w);
    for (size_t i = 0; i < from->num_nodes && w->build.error->status == RTV_OK; i++)
        (w->plan->nodes[i].form == RTVI_QUANT_INT8 ? add_layer : add_other)(w, i);
    for (int32_t i = 0; i < from->num_outputs && w->build.error->status == RTV_OK; i++) outputs[i] = get_floats(w, from->outputs[i].value);
    return rtvi_quant_build_end(&w->build, outputs);
}

int32_t rtvi_quant_graph_rewrite(const rtvi_graph *graph, const rtvi_quant_plan *plan, const rtvi_quant_rounded *weights,
                                 rtvi_graph **quantized, rtv_error *error) {
    rewriting w = {.plan = plan, .weights = weights};
    rtv_error own;
    if (!error) error = &own;
    *quantized = NULL;
    if (!rtvi_quant_build_begin(&w.build, graph, error)) return error->status;
    w.values = rtvi_alloc(graph->env, graph->num_values, sizeof *w.values);
    if (w.values) {
        *quantized = rewrite(&w);
    } else {
        rtvi_graph_destroy(w.build.to);
        rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    rtvi_free(graph->env, w.values);
    return error->status;
}

rtvi_quant_report_row rtvi_quant_graph_report(const rtvi_graph *graph, const rtvi_quant_plan *plan, const rtvi_quant_rounded *weights,
                                              size_t node) {
    const rtvi_node *n = &graph->nodes[node];
    const rtvi_quant_node_plan *p = &plan->nodes[node];
    rtvi_quant_report_row row = {
        n->name, rtvi_op_name(n->op), p->form == RTVI_QUANT_FLOAT ? "float32" : "int8", p->why, {RTVI_F32, 0, 0}, 0, 0};
    if (plan->values[n->output].is_codes) row.codes = plan->values[n->output].codes;
    if (p->form == RTVI_QUANT_INT8 && weights) {
        row.pairs_mended = weights[node].pairs_mended;
        row.weight_snr_db = weights[node].noise > 0 ? 10 * log10(weights[node].signal / weights[node].noise) : 0;
    }
    return row;
}
