/* api_quantizer.c - quantizer.h: pictures and settings in, models out. */
#include <math.h>
#include <string.h>

#include "api/api_provenance.h"
#include "api/api_quantizer.h"
#include "quant/quant_maker.h"

struct rtv_quantizer {
    rtv_model *model;
    rtvi_settings settings;
    rtvi_quant_maker maker; /* its options are those of settings */
    atomic_flag in_use;
};

void rtv_quantizer_options_init_sized(rtv_quantizer_options *options, uint32_t struct_size) {
    rtv_quantizer_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.bias_correction = RTV_BIAS_FAST;
    defaults.moment_samples = 64;
    defaults.max_samples = 300;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

/* --- one caller at a time ---------------------------------------------------------------------------------------------------------- */

static int32_t enter(rtv_quantizer *q, rtv_error *error) {
    const int32_t status = rtvi_team_check(q->model->runtime->team, error);
    if (status != RTV_OK) return status;
    if (!atomic_flag_test_and_set(&q->in_use)) return RTV_OK;
    return rtvi_error_set(error, RTV_E_BUSY, "quantizer: got a second call at the same time, expected one after the other");
}

static int32_t leave(rtv_quantizer *q, int32_t status) {
    atomic_flag_clear(&q->in_use);
    return status;
}

/* --- life -------------------------------------------------------------------------------------------------------------------------- */

static int32_t configure(rtv_quantizer *q, const rtv_quantizer_options *given, rtv_error *error) {
    rtv_quantizer_options options;
    rtvi_settings settings;
    int32_t status;
    rtv_quantizer_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_quantizer_options", error);
    if (status == RTV_OK) status = rtvi_settings_copy(&q->model->runtime->env, &options, &settings, error);
    if (status != RTV_OK) return status;
    status = rtvi_quant_maker_configure(&q->maker, &settings.options, error);
    if (status != RTV_OK) {
        rtvi_settings_destroy(&settings);
        return status;
    }
    rtvi_settings_destroy(&q->settings);
    q->settings = settings;
    return RTV_OK;
}

int32_t rtv_quantizer_create(rtv_model *model, const rtv_quantizer_options *options, rtv_quantizer **out, rtv_error *error) {
    rtv_quantizer *q;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(out, error, "quantizer is NULL");
    q = rtvi_alloc_zero(&model->runtime->env, 1, sizeof *q);
    if (!q) return rtvi_error_out_of_memory(error, "quantizer", sizeof *q);
    rtvi_model_retain(model);
    q->model = model;
    q->maker.env = &model->runtime->env;
    q->maker.team = model->runtime->team;
    q->maker.executor = model->executor;
    q->maker.source = model->graph;
    atomic_flag_clear(&q->in_use);
    status = configure(q, options, error);
    if (status == RTV_OK)
        *out = q;
    else
        rtv_quantizer_free(q);
    return status;
}

void rtv_quantizer_free(rtv_quantizer *q) {
    rtv_model *model;
    if (!q) return;
    model = q->model;
    rtvi_quant_maker_destroy(&q->maker);
    rtvi_settings_destroy(&q->settings);
    rtvi_free(&model->runtime->env, q);
    rtv_model_free(model);
}

int32_t rtv_quantizer_configure(rtv_quantizer *q, const rtv_quantizer_options *options, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    status = enter(q, error);
    return status == RTV_OK ? leave(q, configure(q, options, error)) : status;
}

static int32_t write_settings(rtv_quantizer *q, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    rtvi_text text = {.env = &q->model->runtime->env};
    int32_t status;
    rtvi_settings_to_json(&q->settings.options, &text);
    if (text.failed)
        status = rtvi_error_out_of_memory(error, "quantizer", text.size);
    else
        status = rtvi_api_text(text.data, to, capacity, size_bytes, error);
    rtvi_text_destroy(&text);
    return status;
}

int32_t rtv_quantizer_settings(rtv_quantizer *q, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(to || capacity == 0, error, "text is NULL");
    status = enter(q, error);
    return status == RTV_OK ? leave(q, write_settings(q, to, capacity, size_bytes, error)) : status;
}

rtv_model *rtvi_quantizer_model(const rtv_quantizer *q) { return q->model; }

const rtv_quantizer_options *rtvi_quantizer_options(const rtv_quantizer *q) { return &q->settings.options; }

/* --- pictures ---------------------------------------------------------------------------------------------------------------------- */

/* One call of rtv_quantizer_add. */
typedef struct reading {
    rtv_quantizer *quantizer;
    const rtv_picture *pictures;
    int64_t count;
    rtvi_quant_sample *samples; /* [count] */
    rtv_error *errors;          /* [count], the caller's or our own */
    float **values;             /* [threads] */
} reading;

static const rtvi_env *env_of(const rtv_quantizer *q) { return &q->model->runtime->env; }

static size_t input_size(const rtv_quantizer *q) {
    return 3 * (size_t)q->model->graph->preprocess.width * (size_t)q->model->graph->preprocess.height;
}

static void read_picture(void *arg, int64_t item, int32_t lane) {
    const reading *r = arg;
    const rtvi_env *env = env_of(r->quantizer);
    const rtvi_preprocess *how = &r->quantizer->model->graph->preprocess;
    rtv_error *error = &r->errors[item];
    if (!r->values[lane]) r->values[lane] = rtvi_alloc(env, input_size(r->quantizer), sizeof(float));
    if (!r->values[lane]) {
        rtvi_error_out_of_memory(error, "quantizer", input_size(r->quantizer) * sizeof(float));
        return;
    }
    if (rtvi_embedder_preprocess(r->quantizer->model->embedder, &r->pictures[item], r->values[lane], error) == RTV_OK)
        rtvi_quant_samples_pack(env, how, r->values[lane], &r->samples[item], error);
}

/* The first picture that failed, for a caller who could not see which. */
static int32_t first_failure(const reading *r, rtv_error *error) {
    for (int64_t i = 0; i < r->count; i++) {
        if (r->errors[i].status == RTV_OK) continue;
        *error = r->errors[i];
        return error->status;
    }
    return RTV_OK;
}

/* In the order of the pictures, whatever thread read them. */
static int64_t keep(reading *r) {
    int64_t added = 0;
    for (int64_t i = 0; i < r->count; i++) {
        rtvi_quant_sample *sample = &r->samples[i];
        if (r->errors[i].status != RTV_OK || rtvi_quant_maker_add(&r->quantizer->maker, sample, &r->errors[i]) != RTV_OK) continue;
        sample->data = NULL;
        added++;
    }
    return added;
}

static int32_t read_all(reading *r, int strict, int64_t *num_added, rtv_error *error) {
    const rtv_quantizer_options *o = &r->quantizer->settings.options;
    int32_t status = rtvi_quant_maker_reserve(&r->quantizer->maker, (size_t)r->count, error);
    if (status == RTV_OK)
        status = rtvi_team_run_many(r->quantizer->model->runtime->team, read_picture, r, r->count, o->progress, o->progress_user, error);
    if (status == RTV_OK && strict) status = first_failure(r, error);
    if (status == RTV_OK) *num_added = keep(r);
    return status == RTV_OK && strict ? first_failure(r, error) : status;
}

static void release(reading *r, const rtv_error *errors) {
    const rtvi_env *env = env_of(r->quantizer);
    for (int64_t i = 0; r->samples && i < r->count; i++) rtvi_free(env, r->samples[i].data);
    for (int32_t i = 0; r->values && i < rtvi_team_threads(r->quantizer->model->runtime->team); i++) rtvi_free(env, r->values[i]);
    rtvi_free(env, r->samples);
    rtvi_free(env, r->values);
    if (r->errors != errors) rtvi_free(env, r->errors);
}

static int32_t add(rtv_quantizer *q, const rtv_picture *pictures, int64_t count, int32_t *statuses, rtv_error *errors, int64_t *num_added,
                   rtv_error *error) {
    const rtvi_env *env = env_of(q);
    reading r = {q, pictures, count, NULL, errors, NULL};
    int32_t status;
    if (!errors) r.errors = rtvi_alloc(env, (size_t)count, sizeof *r.errors);
    r.samples = rtvi_alloc_zero(env, (size_t)count, sizeof *r.samples);
    r.values = rtvi_alloc_zero(env, (size_t)rtvi_team_threads(q->model->runtime->team), sizeof *r.values);
    for (int64_t i = 0; r.errors && i < count; i++) rtvi_error_set(&r.errors[i], RTV_E_CANCELLED, "quantizer: not added");
    if (r.errors && r.samples && r.values)
        status = read_all(&r, !statuses && !errors, num_added, error);
    else
        status = rtvi_error_out_of_memory(error, "quantizer", 0);
    for (int64_t i = 0; statuses && r.errors && i < count; i++) statuses[i] = status == RTV_OK ? r.errors[i].status : status;
    release(&r, errors);
    return status;
}

int32_t rtv_quantizer_add(rtv_quantizer *q, const rtv_picture *pictures, int64_t count, int32_t *statuses, rtv_error *errors,
                          int64_t *num_added, rtv_error *error) {
    int64_t added = 0;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(count >= 0, error, "count is negative");
    RTVI_REQUIRE(pictures || count == 0, error, "pictures is NULL");
    status = enter(q, error);
    if (status != RTV_OK) return status;
    if (count > 0) status = add(q, pictures, count, statuses, errors, &added, error);
    if (num_added) *num_added = added;
    return leave(q, status);
}

static int32_t add_values(rtv_quantizer *q, const float *values, int64_t number, rtv_error *error) {
    const size_t count = input_size(q);
    rtvi_quant_sample sample;
    int32_t status;
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i]))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: sample %lld: value %zu: got %g, expected a finite number",
                                  (long long)number, i, (double)values[i]);
    }
    status = rtvi_quant_maker_reserve(&q->maker, 1, error);
    if (status == RTV_OK) status = rtvi_quant_samples_pack(env_of(q), &q->model->graph->preprocess, values, &sample, error);
    if (status != RTV_OK) return status;
    status = rtvi_quant_maker_add(&q->maker, &sample, error);
    if (status != RTV_OK) rtvi_free(env_of(q), sample.data);
    return status;
}

static int32_t add_from(rtv_quantizer *q, rtv_sample_fn source, void *user, float *values, int64_t *added, rtv_error *error) {
    const rtv_quantizer_options *o = &q->settings.options;
    const int64_t room = o->max_samples - (q->maker.stats_are_given ? 0 : (int64_t)q->maker.num_samples);
    for (*added = 0; *added < room;) {
        int32_t answer = source(user, *added, values);
        if (answer == 1) break;
        if (answer != 0)
            return rtvi_error_set(error, RTV_E_CALLBACK, "quantizer: sample %lld: got %d from its source, expected 0 or 1",
                                  (long long)*added, answer);
        answer = add_values(q, values, *added, error);
        if (answer != RTV_OK) return answer;
        ++*added;
        if (o->progress && o->progress(o->progress_user, *added, -1) != 0)
            return rtvi_error_set(error, RTV_E_CANCELLED, "quantizer: stopped by the progress callback");
    }
    return RTV_OK;
}

int32_t rtv_quantizer_add_from(rtv_quantizer *q, rtv_sample_fn source, void *user, int64_t *num_added, rtv_error *error) {
    float *values;
    int64_t added = 0;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(source, error, "source is NULL");
    status = enter(q, error);
    if (status != RTV_OK) return status;
    values = rtvi_alloc_zero(env_of(q), input_size(q), sizeof *values);
    if (values)
        status = add_from(q, source, user, values, &added, error);
    else
        status = rtvi_error_out_of_memory(error, "quantizer", input_size(q) * sizeof *values);
    rtvi_free(env_of(q), values);
    if (num_added) *num_added = added;
    return leave(q, status);
}

/* --- models ------------------------------------------------------------------------------------------------------------------------ */

static int32_t finish(rtv_quantizer *q, const rtv_model_options *options, rtv_model **model, rtv_error *error) {
    rtvi_quant_report_row *rows = rtvi_alloc(env_of(q), q->maker.graph->num_nodes, sizeof *rows);
    rtvi_graph *graph = NULL;
    int32_t status = rows ? rtvi_quant_maker_finish(&q->maker, &graph, rows, error) : rtvi_error_out_of_memory(error, "quantizer", 0);
    if (status == RTV_OK) status = rtvi_provenance_write(&q->maker, q->model->file.fingerprint, rows, graph, error);
    rtvi_free(env_of(q), rows);
    if (status == RTV_OK) return rtvi_model_adopt(q->model->runtime, graph, options, model, error);
    rtvi_graph_destroy(graph);
    return status;
}

int32_t rtv_quantizer_finish(rtv_quantizer *q, const rtv_model_options *options, rtv_model **model, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(model, error, "model is NULL");
    status = enter(q, error);
    return status == RTV_OK ? leave(q, finish(q, options, model, error)) : status;
}

int32_t rtv_quantizer_save_statistics(rtv_quantizer *q, const char *path, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(path, error, "path is NULL");
    status = enter(q, error);
    if (status != RTV_OK) return status;
    status = rtvi_quant_maker_collect(&q->maker, error);
    if (status == RTV_OK) status = rtvi_statistics_save(&q->maker, q->model->file.fingerprint, path, error);
    return leave(q, status);
}

int32_t rtv_quantizer_load_statistics(rtv_quantizer *q, const char *path, rtv_error *error) {
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(q, error, "quantizer is NULL");
    RTVI_REQUIRE(path, error, "path is NULL");
    status = enter(q, error);
    return status == RTV_OK ? leave(q, rtvi_statistics_load(&q->maker, q->model->file.fingerprint, path, error)) : status;
}
