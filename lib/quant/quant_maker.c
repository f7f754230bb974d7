/* quant_maker.c - from samples and settings to a quantized graph. */
#include "quant/quant_maker.h"

#include <string.h>

#include "graph/graph_edit.h"
#include "quant/quant_equalize.h"

/* --- the float graph --- */

static int32_t drop_auxiliary(rtvi_graph *graph, rtv_error *error) {
    int32_t kept = 0;
    if (rtvi_graph_output(graph, RTVI_ROLE_DESCRIPTOR) < 0) return RTV_OK;
    for (int32_t i = 0; i < graph->num_outputs; i++)
        if (graph->outputs[i].role != RTVI_ROLE_LOGITS) graph->outputs[kept++] = graph->outputs[i];
    graph->num_outputs = kept;
    rtvi_graph_set_class_names(graph, NULL, 0, error);
    return rtvi_graph_edit_sweep(graph, error);
}

static int32_t run_passes(rtvi_graph *graph, const rtv_quantizer_options *options, rtv_error *error) {
    int32_t pairs, status = options->drop_auxiliary ? drop_auxiliary(graph, error) : RTV_OK;
    if (status == RTV_OK) status = rtvi_pass_fold_batch_norm(graph, error);
    if (status == RTV_OK) status = rtvi_pass_fuse_residual(graph, error);
    if (status == RTV_OK) status = rtvi_pass_fuse_activation(graph, error);
    if (status == RTV_OK && options->equalize) status = rtvi_quant_equalize(graph, &pairs, error);
    return status;
}

static rtvi_graph *prepare(const rtvi_quant_maker *m, const rtv_quantizer_options *options, rtv_error *error) {
    rtvi_graph *graph;
    if (rtvi_quant_plan_check(m->source, error) != RTV_OK) return NULL;
    graph = rtvi_graph_copy(m->source, error);
    if (graph && run_passes(graph, options, error) == RTV_OK) return graph;
    rtvi_graph_destroy(graph);
    return NULL;
}

static void drop_stats(rtvi_quant_maker *m) {
    rtvi_quant_stats_destroy(m->stats);
    m->stats = NULL;
    m->stats_samples = 0;
}

static void drop_graph(rtvi_quant_maker *m) {
    rtvi_quant_layers_destroy(m->env, m->rounded, m->layers, m->graph ? m->graph->num_nodes : 0);
    m->rounded = NULL;
    m->layers = NULL;
    rtvi_graph_destroy(m->graph);
    m->graph = NULL;
}

/* A graph that takes the place of maker's, with nothing rounded yet. */
typedef struct replacement {
    rtvi_graph *graph; /* NULL: the old one stays */
    rtvi_quant_rounded *rounded;
    rtvi_quant_layer *layers;
} replacement;

static int32_t make_replacement(const rtvi_quant_maker *m, const rtv_quantizer_options *options, replacement *r, rtv_error *error) {
    memset(r, 0, sizeof *r);
    if (m->graph && options->equalize == m->options.equalize && options->drop_auxiliary == m->options.drop_auxiliary) return RTV_OK;
    if (m->stats_are_given && options->equalize != m->options.equalize)
        return rtvi_error_set(error, RTV_E_STATE, "quantizer: equalize: got %d, expected %d, which the statistics were collected with",
                              options->equalize, m->options.equalize);
    r->graph = prepare(m, options, error);
    if (!r->graph) return error->status;
    r->rounded = rtvi_alloc_zero(m->env, r->graph->num_nodes, sizeof *r->rounded);
    r->layers = rtvi_alloc_zero(m->env, r->graph->num_nodes, sizeof *r->layers);
    return r->rounded && r->layers ? RTV_OK : rtvi_error_out_of_memory(error, "quantizer", 0);
}

static void destroy_replacement(const rtvi_env *env, replacement *r) {
    rtvi_free(env, r->rounded);
    rtvi_free(env, r->layers);
    rtvi_graph_destroy(r->graph);
}

static void replace(rtvi_quant_maker *m, const replacement *r, const rtv_quantizer_options *options) {
    if (m->graph && options->equalize != m->options.equalize) drop_stats(m);
    drop_graph(m);
    m->graph = r->graph;
    m->rounded = r->rounded;
    m->layers = r->layers;
}

int32_t rtvi_quant_maker_configure(rtvi_quant_maker *m, const rtv_quantizer_options *options, rtv_error *error) {
    replacement r = {NULL, NULL, NULL};
    rtvi_quant_choices choices;
    int32_t status = rtvi_quant_choices_check(options, error);
    if (status == RTV_OK && options->max_samples < (int64_t)m->num_samples)
        status = rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: max_samples: got %lld, expected at least %zu: so many are there",
                                (long long)options->max_samples, m->num_samples);
    if (status == RTV_OK) status = make_replacement(m, options, &r, error);
    if (status == RTV_OK) status = rtvi_quant_choices_make(r.graph ? r.graph : m->graph, options, &choices, error);
    if (status != RTV_OK) {
        destroy_replacement(m->env, &r);
        return status;
    }
    if (r.graph) replace(m, &r, options);
    rtvi_quant_choices_destroy(&m->choices);
    m->choices = choices;
    m->options = *options;
    return rtvi_error_clear(error);
}

void rtvi_quant_maker_destroy(rtvi_quant_maker *m) {
    if (!m->env) return;
    drop_stats(m);
    drop_graph(m);
    rtvi_quant_choices_destroy(&m->choices);
    for (size_t i = 0; i < m->num_samples; i++) rtvi_free(m->env, m->samples[i].data);
    rtvi_free(m->env, m->samples);
    memset(m, 0, sizeof *m);
}

/* --- samples --- */

int32_t rtvi_quant_maker_reserve(rtvi_quant_maker *m, size_t count, rtv_error *error) {
    if (m->stats_are_given) return RTV_OK;
    if ((int64_t)(m->num_samples + count) > m->options.max_samples)
        return rtvi_error_set(error, RTV_E_LIMIT, "quantizer: got %zu samples, expected at most max_samples, %lld", m->num_samples + count,
                              (long long)m->options.max_samples);
    if (!rtvi_grow(m->env, (void **)&m->samples, &m->cap_samples, m->num_samples, m->num_samples + count, sizeof *m->samples))
        return rtvi_error_out_of_memory(error, "quantizer", 0);
    return RTV_OK;
}

int32_t rtvi_quant_maker_add(rtvi_quant_maker *m, const rtvi_quant_sample *sample, rtv_error *error) {
    size_t at = 0;
    for (size_t i = 0; i < m->graph->num_nodes; i++) m->layers[i].is_rounded = 0; /* moments will be of other samples */
    if (!m->stats_are_given) {
        m->samples[m->num_samples++] = *sample;
        return rtvi_error_clear(error);
    }
    while (at < m->num_samples && (m->samples[at].data || m->samples[at].hash != sample->hash)) at++;
    if (at == m->num_samples)
        return rtvi_error_set(error, RTV_E_MISMATCH, "quantizer: picture: got %016llx, expected one that the statistics are of, each once",
                              (unsigned long long)sample->hash);
    m->samples[at] = *sample;
    return rtvi_error_clear(error);
}

int32_t rtvi_quant_maker_give(rtvi_quant_maker *m, rtvi_quant_stats *stats, const uint64_t *hashes, size_t count, rtv_error *error) {
    int32_t status = RTV_OK;
    if (m->num_samples > 0)
        status =
            rtvi_error_set(error, RTV_E_STATE, "quantizer: statistics: got %zu samples beside them, expected none yet", m->num_samples);
    if (status == RTV_OK) status = rtvi_quant_maker_reserve(m, count, error);
    if (status != RTV_OK) return status;
    memset(m->samples, 0, count * sizeof *m->samples);
    for (size_t i = 0; i < count; i++) m->samples[i].hash = hashes[i];
    m->num_samples = count;
    drop_stats(m);
    m->stats = stats;
    m->stats_samples = (int64_t)count;
    m->stats_are_given = 1;
    return rtvi_error_clear(error);
}

/* --- the stages --- */

/* numbers[num_samples]: every sample that is there; or of as many as moments look at, evenly. */
static int64_t list_samples(const rtvi_quant_maker *m, int64_t most, int64_t *numbers) {
    const int64_t all = (int64_t)m->num_samples;
    int64_t count = 0;
    if (most > all) most = all;
    for (int64_t i = 0; i < most; i++)
        if (m->samples[i * all / most].data) numbers[count++] = i * all / most;
    return count;
}

static int has_stats(const rtvi_quant_maker *m) {
    return m->stats_samples == (int64_t)m->num_samples && rtvi_quant_collect_is_complete(m->graph, &m->choices, m->stats);
}

static int32_t collect(rtvi_quant_maker *m, rtvi_quant_work *work, int64_t *numbers, rtv_error *error) {
    int32_t status;
    if (has_stats(m)) {
        work->stats = m->stats;
        return RTV_OK;
    }
    if (list_samples(m, work->num_samples, numbers) < work->num_samples)
        return rtvi_error_set(error, RTV_E_STATE,
                              "quantizer: statistics lack what the estimator needs, expected all of their %zu pictures "
                              "to be added again",
                              m->num_samples);
    status = rtvi_quant_collect_run(work, numbers, error);
    if (status != RTV_OK) return status;
    drop_stats(m);
    m->stats = work->stats;
    m->stats_samples = work->num_samples;
    return RTV_OK;
}

/* A guess before anything is planned; stages that find their work done count it all the same. */
static int64_t count_work(const rtvi_quant_maker *m, const rtvi_quant_work *work) {
    int64_t layers = 0;
    for (size_t i = 0; i < m->graph->num_nodes; i++)
        layers += m->graph->nodes[i].op == RTVI_OP_CONV || m->graph->nodes[i].op == RTVI_OP_LINEAR;
    return (has_stats(m) ? 0 : work->num_samples) + (m->options.weights == RTV_WEIGHTS_COMPENSATED ? work->num_moments : 0) + layers +
           (m->options.bias_correction == RTV_BIAS_FULL ? (layers + 1) * work->num_moments : 0);
}

/* numbers [2][num_samples]: the samples of later passes, and scratch. */
static void begin(rtvi_quant_maker *m, rtvi_quant_runner *runner, int64_t *numbers, rtvi_quant_work *work) {
    memset(runner, 0, sizeof *runner);
    *work = (rtvi_quant_work){
        .env = m->env,
        .team = m->team,
        .executor = m->executor,
        .graph = m->graph,
        .choices = &m->choices,
        .samples = m->samples,
        .num_samples = (int64_t)m->num_samples,
        .moment_numbers = numbers,
        .num_moments = list_samples(m, m->options.moment_samples, numbers),
        .runner = runner,
        .rounded = m->rounded,
        .layers = m->layers,
        .progress = {m->options.progress, m->options.progress_user, 0, 0},
    };
    work->progress.total = count_work(m, work);
}

static int32_t check_samples(const rtvi_quant_maker *m, const rtvi_quant_work *work, rtv_error *error) {
    if (m->num_samples == 0) return rtvi_error_set(error, RTV_E_STATE, "quantizer: samples: got none, expected at least one to be added");
    if (work->num_moments > 0 || !rtvi_quant_layers_need_pictures(work)) return RTV_OK;
    return rtvi_error_set(error, RTV_E_STATE,
                          "quantizer: pictures: got none beside the statistics, expected some of theirs: compensated "
                          "weights and full bias correction look at them");
}

/* What the guess of the work had too much is done too. */
static int32_t complete(const rtvi_quant_progress *p, rtv_error *error) {
    if (!p->call || p->call(p->user, p->total, p->total) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CANCELLED, "quantizer: stopped by the progress callback");
}

/* The plan is there: weights, biases, the graph. */
static int32_t make(rtvi_quant_maker *m, rtvi_quant_work *work, rtvi_graph **quantized, rtvi_quant_report_row *rows, rtv_error *error) {
    int32_t status = check_samples(m, work, error);
    if (status == RTV_OK) status = rtvi_quant_layers_round(work, error);
    if (status == RTV_OK) status = rtvi_quant_correct_run(work, error);
    if (status == RTV_OK) status = complete(&work->progress, error);
    if (status == RTV_OK) status = rtvi_quant_graph_rewrite(m->graph, work->plan, m->rounded, quantized, error);
    if (status != RTV_OK) return status;
    for (size_t i = 0; i < m->graph->num_nodes; i++) rows[i] = rtvi_quant_graph_report(m->graph, work->plan, m->rounded, i);
    status = rtvi_graph_edit_own_constants(*quantized, error);
    if (status == RTV_OK) return RTV_OK;
    rtvi_graph_destroy(*quantized);
    *quantized = NULL;
    return status;
}

static int32_t plan_and_make(rtvi_quant_maker *m, rtvi_quant_work *work, rtvi_graph **quantized, rtvi_quant_report_row *rows,
                             rtv_error *error) {
    rtvi_quant_range *ranges = rtvi_alloc(m->env, m->graph->num_values, sizeof *ranges);
    rtvi_quant_preset *presets = rtvi_alloc(m->env, m->graph->num_values, sizeof *presets);
    const rtvi_quant_settings settings = {
        .preset = m->choices.all.preset,
        .presets = presets,
        .quantize_auxiliary = m->options.quantize_auxiliary,
        .keep_float = m->choices.keep_float,
        .ranges = ranges,
    };
    rtvi_quant_plan plan = {.env = NULL};
    int32_t status = RTV_OK;
    if (!ranges || !presets) status = rtvi_error_out_of_memory(error, "quantizer", 0);
    if (status == RTV_OK) status = rtvi_quant_collect_ranges(work, ranges, presets, error);
    if (status == RTV_OK) status = rtvi_quant_plan_make(m->graph, &settings, &plan, error);
    work->plan = &plan;
    if (status == RTV_OK) status = make(m, work, quantized, rows, error);
    rtvi_quant_plan_destroy(&plan);
    rtvi_free(m->env, ranges);
    rtvi_free(m->env, presets);
    return status;
}

/* rows NULL: statistics alone. */
static int32_t run(rtvi_quant_maker *m, rtvi_graph **quantized, rtvi_quant_report_row *rows, rtv_error *error) {
    rtvi_quant_work work;
    rtvi_quant_runner runner;
    int64_t *numbers = rtvi_alloc(m->env, m->num_samples, 2 * sizeof *numbers);
    int32_t status;
    if (!numbers) return rtvi_error_out_of_memory(error, "quantizer", 0);
    begin(m, &runner, numbers, &work);
    status = m->num_samples > 0 ? collect(m, &work, numbers + m->num_samples, error) : check_samples(m, &work, error);
    if (status == RTV_OK && rows) status = plan_and_make(m, &work, quantized, rows, error);
    rtvi_quant_runner_destroy(&runner);
    rtvi_free(m->env, numbers);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_quant_maker_collect(rtvi_quant_maker *m, rtv_error *error) { return run(m, NULL, NULL, error); }

int32_t rtvi_quant_maker_finish(rtvi_quant_maker *m, rtvi_graph **quantized, rtvi_quant_report_row *rows, rtv_error *error) {
    *quantized = NULL;
    return run(m, quantized, rows, error);
}
