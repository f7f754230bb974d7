/* quant_scope.c - which nodes of a graph somebody means. */
#include "quant/quant_scope.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

typedef struct matching {
    const rtvi_graph *graph;
    const rtvi_quant_scope *scope;
    uint8_t *hit; /* [num_nodes] */
    rtv_error *error;
} matching;

static const char *const kinds[] = {"name", "expression", "op", "subgraph", "reverted"};

static void match_texts(const matching *m) {
    for (size_t i = 0; i < m->graph->num_nodes; i++) {
        const rtvi_node *node = &m->graph->nodes[i];
        m->hit[i] = strcmp(m->scope->kind == RTVI_QUANT_SCOPE_OP ? rtvi_op_name(node->op) : node->name, m->scope->text) == 0;
    }
}

/* POSIX takes the longest of the leftmost matches: if the whole name can match, it does. */
static int matches_whole(const regex_t *expression, const char *name) {
    regmatch_t at;
    return regexec(expression, name, 1, &at, 0) == 0 && at.rm_so == 0 && (size_t)at.rm_eo == strlen(name);
}

static int32_t match_regex(const matching *m) {
    regex_t expression;
    rtvi_quoted quoted;
    char reason[80];
    const int code = regcomp(&expression, m->scope->text, REG_EXTENDED);
    if (code != 0) {
        regerror(code, &expression, reason, sizeof reason);
        return rtvi_error_set(m->error, RTV_E_INVALID_ARGUMENT,
                              "quantizer: scope: got expression \"%s\" (%s), expected a POSIX extended one",
                              rtvi_error_quote_string(&quoted, m->scope->text), reason);
    }
    for (size_t i = 0; i < m->graph->num_nodes; i++) m->hit[i] = (uint8_t)matches_whole(&expression, m->graph->nodes[i].name);
    regfree(&expression);
    return RTV_OK;
}

/* after[v]: value v is computed from the first one; before[v]: the last one is computed from it. */
static void match_between(const matching *m, int32_t first, int32_t last, uint8_t *after, uint8_t *before) {
    const rtvi_graph *graph = m->graph;
    after[first] = before[last] = 1;
    for (size_t i = 0; i < graph->num_nodes; i++)
        for (int32_t j = 0; j < graph->nodes[i].num_inputs; j++) after[graph->nodes[i].output] |= after[graph->nodes[i].inputs[j]];
    for (size_t i = graph->num_nodes; i-- > 0;)
        for (int32_t j = 0; j < graph->nodes[i].num_inputs; j++) before[graph->nodes[i].inputs[j]] |= before[graph->nodes[i].output];
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const int32_t output = graph->nodes[i].output;
        m->hit[i] = output != first && after[output] && before[output];
    }
}

static int32_t match_subgraph(const matching *m) {
    const rtvi_graph *graph = m->graph;
    const int32_t first = rtvi_graph_find_value(graph, m->scope->text);
    const int32_t last = m->scope->to ? rtvi_graph_find_value(graph, m->scope->to) : -1;
    uint8_t *marks;
    if (first < 0 || last < 0) return RTV_OK;
    marks = rtvi_alloc_zero(graph->env, graph->num_values, 2);
    if (!marks) return rtvi_error_out_of_memory(m->error, "quantizer", 0);
    match_between(m, first, last, marks, marks + graph->num_values);
    rtvi_free(graph->env, marks);
    return RTV_OK;
}

static int32_t match(const matching *m) {
    memset(m->hit, 0, m->graph->num_nodes);
    if (m->scope->kind == RTVI_QUANT_SCOPE_REGEX) return match_regex(m);
    if (m->scope->kind == RTVI_QUANT_SCOPE_SUBGRAPH) return match_subgraph(m);
    match_texts(m);
    return RTV_OK;
}

static int32_t nothing(const matching *m) {
    rtvi_quoted text, to;
    const int between = m->scope->kind == RTVI_QUANT_SCOPE_SUBGRAPH;
    return rtvi_error_set(m->error, RTV_E_NOT_FOUND, "quantizer: scope: got %s \"%s\"%s%s%s, which matches nothing, expected a match",
                          kinds[m->scope->kind], rtvi_error_quote_string(&text, m->scope->text), between ? " to \"" : "",
                          between ? rtvi_error_quote_string(&to, m->scope->to ? m->scope->to : "") : "", between ? "\"" : "");
}

int32_t rtvi_quant_scope_match(const rtvi_graph *graph, const rtvi_quant_scope *scopes, int32_t count, int relaxed, int32_t *matched,
                               rtv_error *error) {
    matching m = {graph, scopes, rtvi_alloc(graph->env, graph->num_nodes, 1), error};
    int32_t status = m.hit ? rtvi_error_clear(error) : rtvi_error_out_of_memory(error, "quantizer", graph->num_nodes);
    for (size_t i = 0; i < graph->num_nodes; i++) matched[i] = -1;
    for (int32_t s = 0; s < count && status == RTV_OK; s++) {
        size_t hits = 0;
        m.scope = &scopes[s];
        status = match(&m);
        for (size_t i = 0; i < graph->num_nodes && status == RTV_OK; i++) {
            hits += m.hit[i];
            if (m.hit[i] && matched[i] < 0) matched[i] = s;
        }
        if (status == RTV_OK && hits == 0 && !relaxed) status = nothing(&m);
    }
    rtvi_free(graph->env, m.hit);
    return status;
}

void rtvi_quant_scope_text(const rtvi_quant_scope *scope, char *text, size_t capacity) {
    const int between = scope->kind == RTVI_QUANT_SCOPE_SUBGRAPH && scope->to;
    if (scope->kind == RTVI_QUANT_SCOPE_REVERTED) {
        snprintf(text, capacity, "accuracy control");
        return;
    }
    snprintf(text, capacity, "ignored: %s %s%s%s", kinds[scope->kind], scope->text, between ? " to " : "", between ? scope->to : "");
}
