/* embedder.c - from pictures to descriptors. Each lane of the team has a context of its own, made with its first picture and used by no
 * other thread, so that nothing is locked and nothing is allocated between two pictures. */
#include "search/embedder.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

struct rtvi_embedder {
    const rtvi_env *env;
    rtvi_team *team;
    rtvi_exec *exec;
    rtvi_preprocess preprocess;
    rtvi_dtype input_dtype; /* F32, or U8 for codes of */
    float input_scale;      /* this scale */
    int32_t input_zero_point;
    rtvi_picture_limits limits;
    int32_t descriptor, logits; /* which graph output, or -1 */
    int64_t dim, num_classes;   /* their sizes */
    rtvi_exec_context *wide;    /* of the wide lane */
    rtvi_exec_context **narrow; /* [threads], one a narrow lane */
};

/* --- compiling ------------------------------------------------------------------------------------------------------------------- */

static int32_t optimize(rtvi_graph *graph, rtv_error *error) {
    int32_t status = rtvi_pass_fold_batch_norm_late(graph, error);
    if (status == RTV_OK) status = rtvi_pass_fuse_residual(graph, error);
    if (status == RTV_OK) status = rtvi_pass_fuse_activation(graph, error);
    return status;
}

typedef struct compile_job {
    rtvi_embedder *embedder;
    const rtvi_graph *graph;
    int32_t executor, status;
    rtv_error *error;
} compile_job;

static void compile_here(void *arg) {
    compile_job *job = arg;
    rtvi_embedder *e = job->embedder;
    rtvi_graph *copy = rtvi_graph_copy(job->graph, job->error);
    job->status = copy ? optimize(copy, job->error) : job->error->status;
    if (job->status == RTV_OK) job->status = rtvi_exec_compile(e->env, copy, job->executor, &e->exec, job->error);
    rtvi_graph_destroy(copy);
    if (job->status == RTV_OK) job->status = rtvi_exec_context_create(e->exec, rtvi_team_threads(e->team), &e->wide, job->error);
}

static void find_outputs(rtvi_embedder *e, const rtvi_graph *graph) {
    e->descriptor = e->logits = -1;
    for (int32_t i = 0; i < graph->num_outputs; i++) {
        const rtvi_value *value = &graph->values[graph->outputs[i].value];
        if (graph->outputs[i].role == RTVI_ROLE_DESCRIPTOR) {
            e->descriptor = i;
            e->dim = value->dims[1];
        } else if (graph->outputs[i].role == RTVI_ROLE_LOGITS) {
            e->logits = i;
            e->num_classes = value->dims[1];
        }
    }
}

int32_t rtvi_embedder_create(const rtvi_env *env, rtvi_team *team, const rtvi_graph *graph, int32_t executor,
                             const rtvi_picture_limits *limits, rtvi_embedder **out, rtv_error *error) {
    rtvi_embedder *e = rtvi_alloc_zero(env, 1, sizeof *e);
    compile_job job = {e, graph, executor, RTV_OK, error};
    int32_t status;
    if (!e) return rtvi_error_out_of_memory(error, "model", sizeof *e);
    e->env = env;
    e->team = team;
    e->preprocess = graph->preprocess;
    e->input_dtype = graph->values[graph->input].dtype;
    e->input_scale = graph->values[graph->input].scale;
    e->input_zero_point = graph->values[graph->input].zero_point;
    e->limits = *limits;
    find_outputs(e, graph);
    e->narrow = rtvi_alloc_zero(env, (size_t)rtvi_team_threads(team), sizeof *e->narrow);
    if (!e->narrow)
        status = rtvi_error_out_of_memory(error, "model", 0);
    else if (e->descriptor < 0)
        status = rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: its graph has no descriptor output");
    else
        status = rtvi_team_run(team, compile_here, &job, error);
    if (status == RTV_OK) status = job.status;
    if (status == RTV_OK)
        *out = e;
    else
        rtvi_embedder_destroy(e);
    return status;
}

void rtvi_embedder_destroy(rtvi_embedder *e) {
    if (!e) return;
    for (int32_t i = 0; e->narrow && i < rtvi_team_threads(e->team); i++) rtvi_exec_context_destroy(e->narrow[i]);
    rtvi_exec_context_destroy(e->wide);
    rtvi_exec_destroy(e->exec);
    rtvi_free(e->env, e->narrow);
    rtvi_free(e->env, e);
}

const rtvi_exec *rtvi_embedder_exec(const rtvi_embedder *e) { return e->exec; }
int64_t rtvi_embedder_dim(const rtvi_embedder *e) { return e->dim; }

size_t rtvi_embedder_activation_bytes(const rtvi_embedder *e) { return rtvi_exec_activation_bytes(e->wide); }

/* --- one picture ----------------------------------------------------------------------------------------------------------------- */

static int32_t check_finite(const float *values, int64_t count, const char *what, rtv_error *error) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return rtvi_error_set(error, RTV_E_FORMAT,
                                  "model: %s %lld: got %g, expected a finite number: the weights do not suit this input", what,
                                  (long long)i, (double)values[i]);
    return RTV_OK;
}

/* Where the results of one picture go; each may be NULL. */
typedef struct picture_result {
    float *descriptor;
    int32_t *class_id;
    float *class_score;
} picture_result;

/* The picture as the network reads it. */
static int32_t put_input(const rtvi_embedder *e, rtvi_exec_context *context, const rtv_picture *picture, rtv_error *error) {
    void *input = rtvi_exec_context_input(context);
    if (e->input_dtype == RTVI_F32) return rtvi_preprocess_run(e->env, &e->preprocess, &e->limits, picture, input, error);
    return rtvi_preprocess_codes(e->env, &e->preprocess, &e->limits, picture, e->input_scale, e->input_zero_point, input, error);
}

static int32_t embed_one(const rtvi_embedder *e, rtvi_exec_context *context, const rtv_picture *picture, const picture_result *result,
                         rtv_error *error) {
    const float *outputs[RTVI_MAX_OUTPUTS];
    int32_t status = put_input(e, context, picture, error);
    if (status == RTV_OK) status = rtvi_exec_run(context, outputs, NULL, error);
    if (status == RTV_OK) status = check_finite(outputs[e->descriptor], e->dim, "descriptor element", error);
    if (status == RTV_OK && e->logits >= 0) status = check_finite(outputs[e->logits], e->num_classes, "score of class", error);
    if (status != RTV_OK) return status;
    if (result->descriptor) memcpy(result->descriptor, outputs[e->descriptor], (size_t)e->dim * sizeof(float));
    if (e->logits >= 0 && (result->class_id || result->class_score)) {
        float score;
        int32_t class_id = rtvi_argmax_softmax(outputs[e->logits], e->num_classes, &score);
        if (result->class_id) *result->class_id = class_id;
        if (result->class_score) *result->class_score = score;
    }
    return RTV_OK;
}

/* --- many pictures --------------------------------------------------------------------------------------------------------------- */

typedef struct batch {
    rtvi_embedder *embedder;
    const rtv_picture *pictures;
    const rtv_embedding *result;
    int64_t current;       /* latency mode: the picture whose turn it is */
    pthread_mutex_t mutex; /* of first_failed and first_error */
    int64_t first_failed;  /* -1 for none */
    rtv_error first_error;
} batch;

static void note_failure(batch *b, int64_t item, const rtv_error *error) {
    if (b->result->descriptors) memset(b->result->descriptors + item * b->embedder->dim, 0, (size_t)b->embedder->dim * sizeof(float));
    pthread_mutex_lock(&b->mutex);
    if (b->first_failed < 0 || item < b->first_failed) {
        b->first_failed = item;
        b->first_error = *error;
    }
    pthread_mutex_unlock(&b->mutex);
}

static void embed_item(batch *b, int64_t item, rtvi_exec_context **context, int32_t threads) {
    const rtvi_embedder *e = b->embedder;
    const rtv_embedding *r = b->result;
    const picture_result to = {r->descriptors ? r->descriptors + item * e->dim : NULL, r->classes ? r->classes + item : NULL,
                               r->class_scores ? r->class_scores + item : NULL};
    rtv_error error;
    int32_t status = rtvi_error_clear(&error);
    if (!*context) status = rtvi_exec_context_create(e->exec, threads, context, &error);
    if (status == RTV_OK) status = embed_one(e, *context, &b->pictures[item], &to, &error);
    if (status != RTV_OK) note_failure(b, item, &error);
    if (r->statuses) r->statuses[item] = status;
    if (r->errors) r->errors[item] = error;
}

static void embed_narrow(void *arg, int64_t item, int32_t lane) {
    batch *b = arg;
    embed_item(b, item, &b->embedder->narrow[lane], 1);
}

static void embed_wide(void *arg) {
    batch *b = arg;
    embed_item(b, b->current, &b->embedder->wide, rtvi_team_threads(b->embedder->team));
}

static int32_t run_in_turn(batch *b, int64_t count, rtv_progress_fn progress, void *progress_user, rtv_error *error) {
    int32_t status = RTV_OK;
    for (b->current = 0; b->current < count && status == RTV_OK; b->current++) {
        status = rtvi_team_run(b->embedder->team, embed_wide, b, error);
        if (status == RTV_OK && progress && progress(progress_user, b->current + 1, count) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "model: stopped by the progress callback");
    }
    return status;
}

/* What a picture has that no lane reached. */
static void fill_unreached(const rtvi_embedder *e, const rtv_embedding *r, int64_t count, int32_t status, const rtv_error *error) {
    for (int64_t i = 0; i < count; i++) {
        if (r->statuses) r->statuses[i] = status;
        if (r->errors) r->errors[i] = *error;
        if (r->classes) r->classes[i] = -1;
        if (r->class_scores) r->class_scores[i] = 0.0f;
    }
    if (r->descriptors && count > 0) memset(r->descriptors, 0, (size_t)count * (size_t)e->dim * sizeof(float));
}

/* The work ended early for another reason than the one noted beforehand. No picture by itself ends as CANCELLED. */
static void renote_unreached(const rtv_embedding *r, int64_t count, const rtv_error *error) {
    for (int64_t i = 0; i < count; i++) {
        if (r->statuses && r->statuses[i] == RTV_E_CANCELLED) r->statuses[i] = error->status;
        if (r->errors && r->errors[i].status == RTV_E_CANCELLED) r->errors[i] = *error;
    }
}

int32_t rtvi_embedder_run(rtvi_embedder *e, const rtv_picture *pictures, int64_t count, int32_t mode, rtv_progress_fn progress,
                          void *progress_user, const rtv_embedding *result, int32_t strict, rtv_error *error) {
    const int wide = mode == RTV_MODE_LATENCY || (mode == RTV_MODE_AUTO && count == 1);
    rtv_error unreached;
    batch b;
    int32_t status;
    if (mode < RTV_MODE_AUTO || mode > RTV_MODE_THROUGHPUT)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "model: mode: got %d, expected an RTV_MODE_*", mode);
    memset(&b, 0, sizeof b);
    b.embedder = e;
    b.pictures = pictures;
    b.result = result;
    b.first_failed = -1;
    status = rtvi_team_check(e->team, error);
    if (status != RTV_OK) {
        fill_unreached(e, result, count, status, error);
        return status;
    }
    rtvi_error_set(&unreached, RTV_E_CANCELLED, "model: not reached before the work was stopped");
    fill_unreached(e, result, count, RTV_E_CANCELLED, &unreached);
    pthread_mutex_init(&b.mutex, NULL);
    if (wide)
        status = run_in_turn(&b, count, progress, progress_user, error);
    else
        status = rtvi_team_run_many(e->team, embed_narrow, &b, count, progress, progress_user, error);
    pthread_mutex_destroy(&b.mutex);
    if (status != RTV_OK && status != RTV_E_CANCELLED) renote_unreached(result, count, error);
    if (status != RTV_OK || b.first_failed < 0 || !strict) return status;
    *error = b.first_error;
    return error->status;
}

int32_t rtvi_embedder_preprocess(rtvi_embedder *e, const rtv_picture *picture, float *values, rtv_error *error) {
    return rtvi_preprocess_run(e->env, &e->preprocess, &e->limits, picture, values, error);
}

/* --- looking inside ----------------------------------------------------------------------------------------------------------------- */

typedef struct observing {
    rtvi_embedder *embedder;
    const rtv_picture *picture;
    rtvi_exec_observer observer;
    void *user;
    int32_t status;
    rtv_error *error;
} observing;

static void observe_here(void *arg) {
    observing *job = arg;
    const rtvi_embedder *e = job->embedder;
    const float *outputs[RTVI_MAX_OUTPUTS];
    job->status = put_input(e, e->wide, job->picture, job->error);
    if (job->status == RTV_OK) job->status = rtvi_exec_run_observed(e->wide, outputs, job->observer, job->user, job->error);
}

int32_t rtvi_embedder_observe(rtvi_embedder *e, const rtv_picture *picture, rtvi_exec_observer observer, void *user, rtv_error *error) {
    observing job = {e, picture, observer, user, RTV_OK, error};
    int32_t status = rtvi_team_run(e->team, observe_here, &job, error);
    return status == RTV_OK ? job.status : status;
}

/* --- profile --------------------------------------------------------------------------------------------------------------------- */

typedef struct profile_job {
    rtvi_embedder *embedder;
    int32_t runs, status;
    double *times; /* [runs][num_steps] */
    rtv_error *error;
} profile_job;

/* Noise like normalised pixels, or codes; a constant input could take short cuts through denormals or zeros. */
static void fill_noise(void *input, rtvi_dtype dtype, size_t count) {
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        if (dtype == RTVI_F32)
            ((float *)input)[i] = (float)(state >> 8) * 0x1p-22f - 2.0f;
        else
            ((uint8_t *)input)[i] = (uint8_t)(state >> 24);
    }
}

static void profile_here(void *arg) {
    profile_job *job = arg;
    const rtvi_embedder *e = job->embedder;
    const size_t num_steps = rtvi_exec_num_steps(e->exec);
    const float *outputs[RTVI_MAX_OUTPUTS];
    for (int32_t run = 0; run < job->runs && job->status == RTV_OK; run++) {
        fill_noise(rtvi_exec_context_input(e->wide), e->input_dtype, 3 * (size_t)e->preprocess.height * (size_t)e->preprocess.width);
        job->status = rtvi_exec_run(e->wide, outputs, job->times + (size_t)run * num_steps, job->error);
    }
}

int32_t rtvi_embedder_profile(rtvi_embedder *e, int32_t runs, double *times, rtv_error *error) {
    profile_job job = {e, runs, RTV_OK, times, error};
    int32_t status = rtvi_team_run(e->team, profile_here, &job, error);
    return status == RTV_OK ? job.status : status;
}
