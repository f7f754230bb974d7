/* api_accuracy.c - accuracy.h: what the search for layers (quant/quant_accuracy) asks, answered with models and pictures. */
#include <math.h>
#include <string.h>

#include <retrieve/accuracy.h>

#include "api/api_quantizer.h"
#include "api/api_ranks.h"
#include "eval/eval_drift.h"
#include "quant/quant_accuracy.h"

static const int64_t customary_ks[RTVI_CUSTOMARY_KS] = {1, 2, 4, 8};

/* A layer that is in int8 when nothing has gone back. */
typedef struct candidate {
    const char *name; /* in the model of all in int8 */
    double macs;
} candidate;

/* What a model came out as. */
typedef struct measured {
    double values[RTV_ACCURACY_VALUES_MAX], drop, float_share;
} measured;

typedef struct controlling {
    const rtvi_env *env;
    rtv_quantizer *quantizer;
    const rtv_accuracy_options *options;
    const rtv_model_options *model_options;
    rtvi_settings before; /* the quantizer's */
    rtv_model *parent;    /* borrowed */
    rtv_model *all;       /* in int8 */
    double macs;          /* of the network */
    candidate *candidates;
    int32_t num_candidates;
    int64_t num_values;
    rtv_scope *ignored;     /* those of before, and room for the candidates */
    uint8_t *alone;         /* [num_candidates] a choice with one layer */
    measured parents, last; /* the float32 model; the model that was measured last */
    rtv_picture *ranking;   /* [num_ranking] */
    float *reference;       /* [num_ranking][dim] the float32 model's descriptors; NULL before the first layer is ranked */
    float *descriptors;     /* [num_ranking][dim] another one's */
    int64_t num_ranking;
    double cosine; /* of all in int8 */
    int64_t num_made;
    rtv_accuracy_step *steps; /* [2 + 2 * num_candidates] */
    int64_t num_steps;
} controlling;

/* --- models ----------------------------------------------------------------------------------------------------------------------- */

static int32_t tell_progress(controlling *c, rtv_error *error) {
    if (!c->options->progress || c->options->progress(c->options->progress_user, c->num_made++, -1) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CANCELLED, "quantizer: stopped by the progress callback");
}

/* is_float NULL: all in int8. */
static int32_t make(controlling *c, const uint8_t *is_float, rtv_model **model, rtv_error *error) {
    rtv_quantizer_options options = c->before.options;
    int32_t status = tell_progress(c, error);
    for (int32_t i = 0; is_float && i < c->num_candidates; i++)
        if (is_float[i]) c->ignored[options.num_ignored++] = (rtv_scope){.kind = RTV_SCOPE_REVERTED, .text = c->candidates[i].name};
    if (is_float) options.ignored = c->ignored;
    options.progress = NULL; /* it counts one finish */
    if (status == RTV_OK) status = rtv_quantizer_configure(c->quantizer, &options, error);
    return status == RTV_OK ? rtv_quantizer_finish(c->quantizer, c->model_options, model, error) : status;
}

static int32_t measure(const controlling *c, rtv_model *model, measured *out, rtv_error *error) {
    const rtv_accuracy_options *o = c->options;
    const rtvi_recall_question question = {o->pictures, o->classes, o->count, o->ks, o->num_ks};
    int32_t answer;
    if (!o->metric) return rtvi_api_recall(model, &question, out->values, error);
    answer = o->metric(o->metric_user, model, out->values, c->num_values);
    if (answer != 0) return rtvi_error_set(error, RTV_E_CALLBACK, "quantizer: the metric: got %d, expected 0", answer);
    for (int64_t i = 0; i < c->num_values; i++)
        if (!isfinite(out->values[i]))
            return rtvi_error_set(error, RTV_E_CALLBACK, "quantizer: the metric: value %lld: got %g, expected a finite number",
                                  (long long)i, out->values[i]);
    return RTV_OK;
}

static int is_none(const controlling *c, const uint8_t *is_float) {
    return c->num_candidates == 0 || !memchr(is_float, 1, (size_t)c->num_candidates);
}

static int32_t find_drop(void *user, const uint8_t *is_float, double *drop, rtv_error *error) {
    controlling *c = user;
    rtv_model *made = NULL;
    int32_t status = is_none(c, is_float) ? RTV_OK : make(c, is_float, &made, error);
    if (status == RTV_OK) status = measure(c, made ? made : c->all, &c->last, error);
    rtv_model_free(made);
    if (status != RTV_OK) return status;
    c->last.drop = -INFINITY;
    for (int64_t i = 0; i < c->num_values; i++) c->last.drop = fmax(c->last.drop, c->parents.values[i] - c->last.values[i]);
    c->last.float_share = 1;
    for (int32_t i = 0; i < c->num_candidates; i++) c->last.float_share -= is_float[i] ? 0 : c->candidates[i].macs / c->macs;
    *drop = c->last.drop;
    return RTV_OK;
}

/* --- ranking ---------------------------------------------------------------------------------------------------------------------- */

/* Of a model's descriptors with the float32 model's; pictures that cannot be read count as 0 in all models. */
static int32_t find_cosine(const controlling *c, rtv_model *model, double *cosine, rtv_error *error) {
    const int64_t dim = rtvi_embedder_dim(model->embedder);
    rtv_error *errors = rtvi_alloc(c->env, (size_t)c->num_ranking, sizeof *errors);
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = c->descriptors, .errors = errors};
    double sum = 0;
    int32_t status = errors ? rtv_model_embed(model, c->ranking, c->num_ranking, NULL, &result, error)
                            : rtvi_error_out_of_memory(error, "quantizer", (size_t)c->num_ranking * sizeof *errors);
    for (int64_t i = 0; i < c->num_ranking && status == RTV_OK; i++)
        sum += rtvi_eval_cosine(c->descriptors + i * dim, c->reference + i * dim, dim);
    *cosine = sum / (double)c->num_ranking;
    rtvi_free(c->env, errors);
    return status;
}

static int32_t begin_ranking(controlling *c, rtv_error *error) {
    const rtv_accuracy_options *o = c->options;
    const size_t dim = (size_t)rtvi_embedder_dim(c->parent->embedder);
    int32_t status;
    c->num_ranking = o->ranking_pictures < o->count ? o->ranking_pictures : o->count;
    c->ranking = rtvi_alloc(c->env, (size_t)c->num_ranking, sizeof *c->ranking);
    c->reference = rtvi_alloc_zero(c->env, (size_t)c->num_ranking, dim * sizeof *c->reference);
    c->descriptors = rtvi_alloc(c->env, (size_t)c->num_ranking, dim * sizeof *c->descriptors);
    if (!c->ranking || !c->reference || !c->descriptors) return rtvi_error_out_of_memory(error, "quantizer", (size_t)c->num_ranking * dim);
    for (int64_t i = 0; i < c->num_ranking; i++) c->ranking[i] = o->pictures[i * o->count / c->num_ranking];
    status = find_cosine(c, c->parent, &c->cosine, error);
    memcpy(c->reference, c->descriptors, (size_t)c->num_ranking * dim * sizeof *c->reference);
    return status == RTV_OK ? find_cosine(c, c->all, &c->cosine, error) : status;
}

static int32_t find_gain(void *user, int32_t layer, double *gain, rtv_error *error) {
    controlling *c = user;
    rtv_model *made = NULL;
    int32_t status = c->reference ? RTV_OK : begin_ranking(c, error);
    memset(c->alone, 0, (size_t)c->num_candidates);
    c->alone[layer] = 1;
    if (status == RTV_OK) status = make(c, c->alone, &made, error);
    if (status == RTV_OK) status = find_cosine(c, made, gain, error);
    *gain -= c->cosine;
    rtv_model_free(made);
    return status;
}

/* --- the way ---------------------------------------------------------------------------------------------------------------------- */

static void add_step(controlling *c, int32_t action, int32_t layer, double gain, const measured *found) {
    rtv_accuracy_step *step = &c->steps[c->num_steps++];
    memset(step, 0, sizeof *step);
    step->struct_size = sizeof *step;
    step->action = action;
    step->drop = found->drop;
    step->gain = gain;
    step->float_share = found->float_share;
    memcpy(step->values, found->values, (size_t)c->num_values * sizeof *step->values);
    if (layer < 0) return;
    step->layer_macs = c->candidates[layer].macs;
    rtvi_copy_clipped(step->layer, sizeof step->layer, c->candidates[layer].name);
}

static void note_step(void *user, rtvi_quant_accuracy_action action, int32_t layer, double gain, double drop) {
    static const int32_t actions[] = {RTV_ACCURACY_INT8, RTV_ACCURACY_REVERT, RTV_ACCURACY_RESTORE, RTV_ACCURACY_KEEP};
    controlling *c = user;
    (void)drop; /* the last one measured */
    add_step(c, actions[action], layer, gain, &c->last);
}

/* The model of all layers in int8, and which those are. */
static int32_t begin(controlling *c, rtv_error *error) {
    const rtvi_graph *graph;
    size_t most;
    int32_t status = rtvi_settings_copy(c->env, rtvi_quantizer_options(c->quantizer), &c->before, error);
    if (status == RTV_OK) status = make(c, NULL, &c->all, error);
    if (status != RTV_OK) return status;
    graph = c->all->graph;
    most = graph->num_nodes;
    c->candidates = rtvi_alloc(c->env, most, sizeof *c->candidates);
    c->alone = rtvi_alloc(c->env, most, 1);
    c->ignored = rtvi_alloc(c->env, (size_t)c->before.options.num_ignored + most, sizeof *c->ignored);
    c->steps = rtvi_alloc(c->env, 2 + 2 * most, sizeof *c->steps);
    if (!c->candidates || !c->alone || !c->ignored || !c->steps)
        return rtvi_error_out_of_memory(error, "quantizer", most * sizeof *c->steps);
    for (int64_t i = 0; i < c->before.options.num_ignored; i++) c->ignored[i] = c->before.options.ignored[i];
    for (size_t i = 0; i < graph->num_nodes; i++) {
        const double macs = rtvi_graph_node_macs(graph, &graph->nodes[i]);
        c->macs += macs;
        if (graph->nodes[i].op == RTVI_OP_QCONV || graph->nodes[i].op == RTVI_OP_QLINEAR)
            c->candidates[c->num_candidates++] = (candidate){graph->nodes[i].name, macs};
    }
    return RTV_OK;
}

static int32_t run(controlling *c, rtv_model **model, rtv_error *error) {
    const int64_t most = c->options->max_layers < c->num_candidates ? c->options->max_layers : c->num_candidates;
    const rtvi_quant_accuracy search = {c->env, c->num_candidates, (int32_t)most, c->options->max_drop, c, find_gain, find_drop, note_step};
    uint8_t *is_float = rtvi_alloc(c->env, (size_t)c->num_candidates, 1);
    int32_t status = is_float ? measure(c, c->parent, &c->parents, error) : rtvi_error_out_of_memory(error, "quantizer", 0);
    c->parents.float_share = 1;
    if (status == RTV_OK) {
        add_step(c, RTV_ACCURACY_FLOAT, -1, 0, &c->parents);
        status = rtvi_quant_accuracy_search(&search, is_float, error);
    }
    if (status == RTV_OK && !is_none(c, is_float)) {
        status = make(c, is_float, model, error);
    } else if (status == RTV_OK) {
        rtvi_model_retain(c->all);
        *model = c->all;
    }
    rtvi_free(c->env, is_float);
    return status;
}

/* Whatever happened, the quantizer has its settings back; what went wrong first is told. */
static int32_t end(controlling *c, int32_t status, rtv_error *error) {
    rtv_error second;
    if (c->before.env && rtv_quantizer_configure(c->quantizer, &c->before.options, &second) != RTV_OK && status == RTV_OK) {
        *error = second;
        status = second.status;
    }
    rtv_model_free(c->all);
    if (c->before.env) rtvi_settings_destroy(&c->before);
    rtvi_free(c->env, c->candidates);
    rtvi_free(c->env, c->ignored);
    rtvi_free(c->env, c->alone);
    rtvi_free(c->env, c->ranking);
    rtvi_free(c->env, c->reference);
    rtvi_free(c->env, c->descriptors);
    rtvi_free(c->env, c->steps);
    return status;
}

/* --- the public functions ----------------------------------------------------------------------------------------------------------- */

void rtv_accuracy_options_init_sized(rtv_accuracy_options *options, uint32_t struct_size) {
    rtv_accuracy_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.max_layers = 1000;
    defaults.max_drop = 0.0016;
    defaults.ranking_pictures = 100;
    defaults.num_ks = RTVI_CUSTOMARY_KS;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

static int32_t check(rtv_accuracy_options *o, const rtv_accuracy_options *given, rtv_error *error) {
    int32_t status;
    rtv_accuracy_options_init(o);
    status = rtvi_api_options(o, sizeof *o, given, "rtv_accuracy_options", error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(o->pictures && o->count > 0, error, "pictures: got none, expected at least one to rank layers with");
    RTVI_REQUIRE(o->ranking_pictures > 0, error, "ranking_pictures is not positive");
    RTVI_REQUIRE(o->max_layers >= 0, error, "max_layers is negative");
    RTVI_REQUIRE(!isnan(o->max_drop), error, "max_drop is not a number");
    if (o->metric && (o->num_values < 1 || o->num_values > RTV_ACCURACY_VALUES_MAX))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: num_values: got %lld, expected 1..%d", (long long)o->num_values,
                              RTV_ACCURACY_VALUES_MAX);
    if (o->metric) return RTV_OK;
    RTVI_REQUIRE(o->classes, error, "classes: got NULL, expected one for each picture, or a metric of one's own");
    status = rtvi_api_take_ks(&o->ks, o->num_ks, customary_ks, error);
    if (status == RTV_OK) status = rtvi_api_check_classes(o->classes, o->count, error);
    return status == RTV_OK ? rtvi_api_check_ks(o->ks, o->num_ks, RTV_ACCURACY_VALUES_MAX, error) : status;
}

int32_t rtv_quantizer_finish_within(rtv_quantizer *quantizer, const rtv_accuracy_options *given, const rtv_model_options *model_options,
                                    rtv_model **model, rtv_accuracy_step *steps, int64_t capacity, int64_t *num_steps, rtv_error *error) {
    rtv_accuracy_options options;
    controlling c;
    rtv_model *made = NULL;
    int64_t count = 0;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(quantizer, error, "quantizer is NULL");
    RTVI_REQUIRE(given, error, "options is NULL");
    RTVI_REQUIRE(model, error, "model is NULL");
    status = check(&options, given, error);
    if (status != RTV_OK) return status;
    memset(&c, 0, sizeof c);
    c.parent = rtvi_quantizer_model(quantizer);
    c.env = &c.parent->runtime->env;
    c.quantizer = quantizer;
    c.options = &options;
    c.model_options = model_options;
    c.num_values = options.metric ? options.num_values : options.num_ks;
    status = begin(&c, error);
    if (status == RTV_OK) status = run(&c, &made, error);
    if (status == RTV_OK)
        status = rtvi_api_rows(steps, capacity, num_steps ? num_steps : &count, c.steps, sizeof *c.steps, c.num_steps, "rtv_accuracy_step",
                               error);
    status = end(&c, status, error);
    if (status == RTV_OK)
        *model = made;
    else
        rtv_model_free(made);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
