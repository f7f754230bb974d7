/* quant_choices.c - a quantizer's options, layer by layer. */
#include "quant/quant_choices.h"

#include <string.h>

#include "quant/quant_scope.h"

#define MAX_SAMPLES 32768

_Static_assert((int)RTV_PRESET_PERFORMANCE == (int)RTVI_QUANT_PERFORMANCE, "presets");
_Static_assert((int)RTV_ESTIMATOR_SQUARED_ERROR == (int)RTVI_QUANT_SQUARED_ERROR && (int)RTVI_QUANT_ESTIMATOR_COUNT == 6, "estimators");
_Static_assert((int)RTV_SCOPE_REVERTED == (int)RTVI_QUANT_SCOPE_REVERTED, "scopes");

/* --- checking --- */

static int32_t check_range(const char *name, int64_t value, int64_t low, int64_t high, rtv_error *error) {
    if (value >= low && value <= high) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: %s: got %lld, expected %lld..%lld", name, (long long)value,
                          (long long)low, (long long)high);
}

static int32_t check_scope(const char *name, int64_t number, const rtv_scope *scope, rtv_error *error) {
    if (scope->kind >= RTV_SCOPE_NAME && scope->kind <= RTV_SCOPE_REVERTED && scope->text &&
        (scope->kind != RTV_SCOPE_SUBGRAPH || scope->to))
        return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: %s[%lld]: got kind %d%s%s, expected an RTV_SCOPE_* with its texts",
                          name, (long long)number, scope->kind, scope->text ? "" : ", no text",
                          scope->kind == RTV_SCOPE_SUBGRAPH && !scope->to ? ", no end" : "");
}

static int32_t check_numbers(const rtv_quantizer_options *o, rtv_error *error) {
    const struct {
        const char *name;
        int64_t value, low, high;
    } fields[] = {
        {"preset", o->preset, 0, RTV_PRESET_PERFORMANCE},
        {"estimator", o->estimator, 0, RTV_ESTIMATOR_SQUARED_ERROR},
        {"weights", o->weights, 0, RTV_WEIGHTS_NEAREST},
        {"bias_correction", o->bias_correction, 0, RTV_BIAS_FULL},
        {"equalize", o->equalize, 0, 1},
        {"quantize_auxiliary", o->quantize_auxiliary, 0, 1},
        {"drop_auxiliary", o->drop_auxiliary, 0, 1},
        {"relaxed_scopes", o->relaxed_scopes, 0, 1},
        {"moment_samples", o->moment_samples, 1, MAX_SAMPLES},
        {"max_samples", o->max_samples, 1, MAX_SAMPLES},
        {"num_ignored", o->num_ignored, 0, o->ignored ? INT32_MAX : 0},
        {"num_overrides", o->num_overrides, 0, o->overrides ? INT32_MAX : 0},
    };
    int32_t status = RTV_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && status == RTV_OK; i++)
        status = check_range(fields[i].name, fields[i].value, fields[i].low, fields[i].high, error);
    return status;
}

static int32_t check_override(const rtv_quantizer_options *o, int64_t number, rtv_error *error) {
    const rtv_scope_settings *s = &o->overrides[number];
    int32_t status = check_scope("overrides", number, &s->scope, error);
    if (status == RTV_OK) status = check_range("overrides: preset", s->preset, RTV_AS_ELSEWHERE, RTV_PRESET_PERFORMANCE, error);
    if (status == RTV_OK) status = check_range("overrides: estimator", s->estimator, RTV_AS_ELSEWHERE, RTV_ESTIMATOR_SQUARED_ERROR, error);
    if (status == RTV_OK) status = check_range("overrides: weights", s->weights, RTV_AS_ELSEWHERE, RTV_WEIGHTS_NEAREST, error);
    if (status == RTV_OK && s->bias_correction != o->bias_correction)
        status = check_range("overrides: bias_correction", s->bias_correction, RTV_AS_ELSEWHERE, RTV_BIAS_NONE, error);
    return status;
}

int32_t rtvi_quant_choices_check(const rtv_quantizer_options *options, rtv_error *error) {
    int32_t status = check_numbers(options, error);
    for (int64_t i = 0; i < options->num_ignored && status == RTV_OK; i++) status = check_scope("ignored", i, &options->ignored[i], error);
    for (int64_t i = 0; i < options->num_overrides && status == RTV_OK; i++) status = check_override(options, i, error);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* --- making --- */

static rtvi_quant_scope scope_of(const rtv_scope *scope) {
    return (rtvi_quant_scope){(rtvi_quant_scope_kind)scope->kind, scope->text, scope->to};
}

/* One at a time: of several that match a layer the first one tells why. */
static int32_t match_ignored(const rtvi_graph *graph, const rtv_quantizer_options *o, rtvi_quant_choices *c, int32_t *matched,
                             rtv_error *error) {
    int32_t status = RTV_OK;
    for (int64_t s = 0; s < o->num_ignored && status == RTV_OK; s++) {
        const rtvi_quant_scope scope = scope_of(&o->ignored[s]);
        status = rtvi_quant_scope_match(graph, &scope, 1, o->relaxed_scopes, matched, error);
        rtvi_quant_scope_text(&scope, c->texts[s], sizeof c->texts[s]);
        for (size_t i = 0; i < graph->num_nodes; i++)
            if (matched[i] >= 0 && !c->keep_float[i]) c->keep_float[i] = c->texts[s];
    }
    return status;
}

static void override(rtvi_quant_choice *choice, const rtv_scope_settings *by) {
    if (by->preset != RTV_AS_ELSEWHERE) choice->preset = (rtvi_quant_preset)by->preset;
    if (by->estimator != RTV_AS_ELSEWHERE) choice->estimator = (rtvi_quant_estimator)by->estimator;
    if (by->weights != RTV_AS_ELSEWHERE) choice->weights = by->weights;
    if (by->bias_correction != RTV_AS_ELSEWHERE) choice->bias_correction = by->bias_correction;
}

static int32_t match_overrides(const rtvi_graph *graph, const rtv_quantizer_options *o, rtvi_quant_choices *c, int32_t *matched,
                               rtv_error *error) {
    int32_t status = RTV_OK;
    for (int64_t s = 0; s < o->num_overrides && status == RTV_OK; s++) {
        const rtvi_quant_scope scope = scope_of(&o->overrides[s].scope);
        status = rtvi_quant_scope_match(graph, &scope, 1, o->relaxed_scopes, matched, error);
        for (size_t i = 0; i < graph->num_nodes; i++)
            if (matched[i] >= 0) override(&c->nodes[i], &o->overrides[s]);
    }
    return status;
}

int32_t rtvi_quant_choices_make(const rtvi_graph *graph, const rtv_quantizer_options *o, rtvi_quant_choices *c, rtv_error *error) {
    int32_t *matched = rtvi_alloc(graph->env, graph->num_nodes, sizeof *matched);
    int32_t status = RTV_OK;
    memset(c, 0, sizeof *c);
    c->env = graph->env;
    c->all = (rtvi_quant_choice){(rtvi_quant_preset)o->preset, (rtvi_quant_estimator)o->estimator, o->weights, o->bias_correction};
    c->nodes = rtvi_alloc(graph->env, graph->num_nodes, sizeof *c->nodes);
    c->keep_float = rtvi_alloc_zero(graph->env, graph->num_nodes, sizeof *c->keep_float);
    c->texts = rtvi_alloc(graph->env, (size_t)o->num_ignored, sizeof *c->texts);
    if (!matched || !c->nodes || !c->keep_float || !c->texts) status = rtvi_error_out_of_memory(error, "quantizer", 0);
    for (size_t i = 0; i < graph->num_nodes && status == RTV_OK; i++) c->nodes[i] = c->all;
    if (status == RTV_OK) status = match_ignored(graph, o, c, matched, error);
    if (status == RTV_OK) status = match_overrides(graph, o, c, matched, error);
    rtvi_free(graph->env, matched);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_quant_choices_destroy(c);
    return status;
}

void rtvi_quant_choices_destroy(rtvi_quant_choices *c) {
    if (!c->env) return;
    rtvi_free(c->env, c->nodes);
    rtvi_free(c->env, c->keep_float);
    rtvi_free(c->env, c->texts);
    memset(c, 0, sizeof *c);
}
