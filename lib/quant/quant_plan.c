/* quant_plan.c - what runs in int8 and why. Placed as oneDNN computes: a convolution with its bias, residual and ReLU is one operation from
 * codes to codes, pools read the codes of their input, and what has no form on codes gets floats. */
#include "quant/quant_plan.h"

#include <math.h>
#include <string.h>

typedef struct planning {
    const rtvi_graph *graph;
    rtvi_quant_plan *plan;
    uint8_t *for_descriptor; /* [num_values] 1 for what the descriptor needs */
    rtv_error *error;
} planning;

/* --- ranges --- */

rtvi_quant_range rtvi_quant_plan_input_range(const rtvi_graph *graph, const rtvi_quant_settings *settings) {
    const rtvi_preprocess *p = &graph->preprocess;
    rtvi_quant_range range = {INFINITY, -INFINITY};
    if (p->width == 0) return settings->ranges[graph->input];
    for (int32_t c = 0; c < 3; c++) {
        const float black = (0.0f - p->mean[c]) / p->std[c], white = (1.0f - p->mean[c]) / p->std[c];
        range.lo = fminf(range.lo, fminf(black, white));
        range.hi = fmaxf(range.hi, fmaxf(black, white));
    }
    return range;
}

static int32_t range_of(const rtvi_graph *graph, const rtvi_quant_settings *settings, int32_t value, rtvi_quant_range *range,
                        rtv_error *error) {
    const char *what;
    rtvi_quoted quoted;
    int32_t status = RTV_E_FORMAT;
    *range = value == graph->input ? rtvi_quant_plan_input_range(graph, settings) : settings->ranges[value];
    if (range->lo < range->hi && isfinite(range->lo) && isfinite(range->hi)) return RTV_OK;
    what = "a range that is finite";
    if (range->lo == range->hi) what = "activations that vary (or a scope that ignores the layer)";
    if (range->lo > range->hi) {
        what = "one from calibration";
        status = RTV_E_NOT_FOUND;
    }
    return rtvi_error_set(error, status, "quantizer: value \"%s\": got %s %g..%g, expected %s",
                          rtvi_error_quote_string(&quoted, graph->values[value].name), range->lo > range->hi ? "no range" : "range",
                          (double)range->lo, (double)range->hi, what);
}

/* --- codes --- */

static rtvi_quant_preset preset_of(const rtvi_quant_settings *settings, int32_t value) {
    return settings->presets ? settings->presets[value] : settings->preset;
}

/* Codes with a sign become U8 around 128 for a layer: the same numbers. */
static rtvi_code_type as_unsigned(rtvi_code_type codes) {
    if (codes.dtype == RTVI_I8) return (rtvi_code_type){RTVI_U8, codes.scale, 128};
    return codes;
}

int32_t rtvi_quant_plan_read(const rtvi_graph *graph, const rtvi_quant_plan *plan, int32_t value, int as_residual, rtvi_code_type *codes,
                             rtv_error *error) {
    const rtvi_quant_value_plan *v = &plan->values[value];
    rtvi_quant_range range;
    int32_t status;
    *codes = as_residual ? v->codes : as_unsigned(v->codes);
    if (v->is_codes && (!as_residual || codes->zero_point == 0)) return RTV_OK;
    status = range_of(graph, &plan->settings, value, &range, error);
    if (status != RTV_OK) return status;
    if (!as_residual)
        *codes = rtvi_quant_params_activation(range, preset_of(&plan->settings, value));
    else
        *codes = range.lo >= 0 ? rtvi_quant_params_unsigned(range) : rtvi_quant_params_signed(range);
    return RTV_OK;
}

/* --- nodes --- */

static void mark_for_descriptor(const planning *p) {
    const rtvi_graph *graph = p->graph;
    const int32_t descriptor = rtvi_graph_output(graph, RTVI_ROLE_DESCRIPTOR);
    memset(p->for_descriptor, descriptor < 0, graph->num_values);
    if (descriptor >= 0) p->for_descriptor[descriptor] = 1;
    for (size_t i = graph->num_nodes; i-- > 0;) {
        const rtvi_node *node = &graph->nodes[i];
        for (int32_t j = 0; j < node->num_inputs && p->for_descriptor[node->output]; j++) p->for_descriptor[node->inputs[j]] = 1;
    }
}

static int is_pool(rtvi_op op) {
    return op == RTVI_OP_MAX_POOL || op == RTVI_OP_GLOBAL_AVG_POOL || op == RTVI_OP_GLOBAL_MAX_POOL || op == RTVI_OP_GLOBAL_GEM_POOL;
}

static void decide(const planning *p, size_t index) {
    const rtvi_node *node = &p->graph->nodes[index];
    const rtvi_quant_settings *s = &p->plan->settings;
    rtvi_quant_node_plan *n = &p->plan->nodes[index];
    const char *kept = s->keep_float ? s->keep_float[index] : NULL;
    const int is_layer = node->op == RTVI_OP_CONV || node->op == RTVI_OP_LINEAR;
    n->form = RTVI_QUANT_FLOAT;
    if (kept)
        n->why = kept;
    else if (is_layer && !p->for_descriptor[node->output] && !s->quantize_auxiliary)
        n->why = "only the class scores need it";
    else if (is_layer) {
        n->form = RTVI_QUANT_INT8;
        n->why = "weights and input are codes";
    } else if (!is_pool(node->op)) {
        n->why = "has no form on codes";
    } else if (p->plan->values[node->inputs[0]].is_codes) {
        n->form = RTVI_QUANT_ON_CODES;
        n->why = "its input is codes";
    } else {
        n->why = "its input is float32";
    }
}

/* Codes of what a node makes: U8 from 0 after a ReLU; else with a sign, for it can be a residual. */
static int32_t give_codes(const planning *p, size_t index) {
    const rtvi_node *node = &p->graph->nodes[index];
    rtvi_quant_value_plan *v = &p->plan->values[node->output];
    rtvi_quant_range range;
    int32_t status;
    if (p->plan->nodes[index].form == RTVI_QUANT_ON_CODES && node->op == RTVI_OP_MAX_POOL) *v = p->plan->values[node->inputs[0]];
    if (p->plan->nodes[index].form != RTVI_QUANT_INT8 || node->op != RTVI_OP_CONV) return RTV_OK;
    status = range_of(p->graph, &p->plan->settings, node->output, &range, p->error);
    if (status != RTV_OK) return status;
    v->is_codes = 1;
    v->codes = node->attr.activation == RTVI_ACTIVATION_RELU ? rtvi_quant_params_unsigned(range) : rtvi_quant_params_signed(range);
    return RTV_OK;
}

/* The input is codes when convolutions on codes alone read it. They need not be decided yet: a convolution is decided by itself. */
static int32_t plan_input(const planning *p) {
    const rtvi_graph *graph = p->graph;
    rtvi_quant_value_plan *v = &p->plan->values[graph->input];
    rtvi_quant_range range;
    int32_t status;
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const rtvi_node *node = &graph->nodes[i];
        for (int32_t j = 0; j < node->num_inputs; j++) {
            if (node->inputs[j] != graph->input) continue;
            decide(p, i);
            if (j != 0 || node->op != RTVI_OP_CONV || p->plan->nodes[i].form != RTVI_QUANT_INT8) return RTV_OK;
        }
    }
    status = range_of(graph, &p->plan->settings, graph->input, &range, p->error);
    if (status != RTV_OK) return status;
    v->is_codes = 1;
    v->codes = rtvi_quant_params_activation(range, preset_of(&p->plan->settings, graph->input));
    return RTV_OK;
}

int32_t rtvi_quant_plan_check(const rtvi_graph *graph, rtv_error *error) {
    rtvi_quoted quoted;
    const char *name = rtvi_error_quote_string(&quoted, graph->name);
    if (graph->quantization)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: model \"%s\": got one that is quantized, expected float32", name);
    for (size_t i = 0; i < graph->num_values; i++) {
        if (!graph->values[i].is_constant && graph->values[i].dtype != RTVI_F32)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: model \"%s\": got one that is quantized, expected float32",
                                  name);
    }
    return rtvi_error_clear(error);
}

static int32_t make(planning *p) {
    int32_t status = plan_input(p);
    for (size_t i = 0; i < p->graph->num_nodes && status == RTV_OK; i++) {
        rtvi_quant_node_plan *n = &p->plan->nodes[i];
        decide(p, i);
        if (n->form == RTVI_QUANT_INT8)
            status = rtvi_quant_plan_read(p->graph, p->plan, p->graph->nodes[i].inputs[0], 0, &n->reads, p->error);
        if (status == RTV_OK) status = give_codes(p, i);
    }
    return status;
}

int32_t rtvi_quant_plan_make(const rtvi_graph *graph, const rtvi_quant_settings *settings, rtvi_quant_plan *plan, rtv_error *error) {
    planning p = {graph, plan, NULL, error};
    int32_t status = rtvi_quant_plan_check(graph, error);
    memset(plan, 0, sizeof *plan);
    if (status != RTV_OK) return status;
    plan->env = graph->env;
    plan->settings = *settings;
    plan->nodes = rtvi_alloc_zero(graph->env, graph->num_nodes, sizeof *plan->nodes);
    plan->values = rtvi_alloc_zero(graph->env, graph->num_values, sizeof *plan->values);
    p.for_descriptor = rtvi_alloc(graph->env, graph->num_values, 1);
    if (plan->nodes && plan->values && p.for_descriptor) {
        mark_for_descriptor(&p);
        status = make(&p);
    } else {
        status = rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    rtvi_free(graph->env, p.for_descriptor);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_quant_plan_destroy(plan);
    return status;
}

void rtvi_quant_plan_destroy(rtvi_quant_plan *plan) {
    if (!plan->env) return;
    rtvi_free(plan->env, plan->nodes);
    rtvi_free(plan->env, plan->values);
    memset(plan, 0, sizeof *plan);
}
