/* api_drift_measure.c - the work behind a drift report: both models embed the pictures, their descriptors search each other, their networks
 * are compared layer by layer. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_drift.h"
#include "api/api_provenance.h"
#include "api/api_ranks.h"
#include "eval/eval_drift.h"
#include "search/layer_drift.h"

typedef struct measuring {
    rtv_drift *drift;
    const rtvi_env *env;
    const rtv_drift_options *options;
    const rtv_picture *pictures; /* [info.num_pictures] */
    rtv_model *models[2];
    float *descriptors[2]; /* [info.num_pictures][dim], then the info.num_compared good ones moved together */
    int64_t *numbers;      /* [num_compared] of the pictures that both models could embed */
    int32_t *classes;      /* [num_compared] */
    int64_t done, total;   /* pictures, for the progress */
    rtv_error *error;
} measuring;

/* --- descriptors ------------------------------------------------------------------------------------------------------------------ */

static int32_t tell_progress(void *user, int64_t done, int64_t total) {
    const measuring *m = user;
    (void)total;
    return m->options->progress(m->options->progress_user, m->done + done, m->total);
}

static int32_t embed(measuring *m, int i, rtv_error *errors) {
    const int64_t count = m->drift->info.num_pictures;
    const rtv_embedding result = {.struct_size = sizeof result, .descriptors = m->descriptors[i], .errors = errors};
    rtv_embed_options how;
    int32_t status;
    rtv_embed_options_init(&how);
    how.mode = m->options->mode;
    if (m->options->progress) how.progress = tell_progress;
    how.progress_user = m;
    status = rtv_model_embed(m->models[i], m->pictures, count, &how, &result, m->error);
    m->done += count;
    return status;
}

/* B's errors where A has none. */
static int32_t embed_both(measuring *m) {
    const size_t count = (size_t)m->drift->info.num_pictures;
    rtv_error *errors = rtvi_alloc_zero(m->env, count, sizeof *errors);
    int32_t status = errors ? embed(m, 0, m->drift->errors) : rtvi_error_out_of_memory(m->error, "drift", count * sizeof *errors);
    if (status == RTV_OK) status = embed(m, 1, errors);
    for (size_t i = 0; i < count && status == RTV_OK; i++)
        if (m->drift->errors[i].status == RTV_OK) m->drift->errors[i] = errors[i];
    rtvi_free(m->env, errors);
    return status;
}

/* Keeps the pictures that both models could embed. */
static int32_t compact(measuring *m) {
    rtv_drift_info *info = &m->drift->info;
    const size_t row = (size_t)info->descriptor_dim;
    for (int64_t i = 0; i < info->num_pictures; i++) {
        m->drift->pictures[i].status = m->drift->errors[i].status;
        if (m->drift->errors[i].status != RTV_OK) continue;
        for (int side = 0; side < 2; side++)
            memmove(m->descriptors[side] + (size_t)info->num_compared * row, m->descriptors[side] + (size_t)i * row, row * sizeof(float));
        m->classes[info->num_compared] = m->options->classes ? m->options->classes[i] : -1;
        m->numbers[info->num_compared++] = i;
    }
    if (info->num_compared > 0) return RTV_OK;
    *m->error = m->drift->errors[0];
    return m->error->status;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int32_t compare_descriptors(measuring *m) {
    rtv_drift_info *info = &m->drift->info;
    const int64_t count = info->num_compared, dim = info->descriptor_dim;
    double *cosines = rtvi_alloc(m->env, (size_t)count, sizeof *cosines), sum = 0;
    if (!cosines) return rtvi_error_out_of_memory(m->error, "drift", (size_t)count * sizeof *cosines);
    for (int64_t i = 0; i < count; i++) {
        cosines[i] = rtvi_eval_cosine(m->descriptors[0] + i * dim, m->descriptors[1] + i * dim, dim);
        m->drift->pictures[m->numbers[i]].cosine = cosines[i];
        sum += cosines[i];
    }
    qsort(cosines, (size_t)count, sizeof *cosines, compare_doubles);
    info->cosine_mean = sum / (double)count;
    info->cosine_min = cosines[0];
    info->cosine_1_percent = rtvi_eval_quantile(cosines, count, 0.01);
    info->cosine_5_percent = rtvi_eval_quantile(cosines, count, 0.05);
    info->cosine_median = rtvi_eval_quantile(cosines, count, 0.5);
    rtvi_free(m->env, cosines);
    return RTV_OK;
}

/* --- searching -------------------------------------------------------------------------------------------------------------------- */

/* ranks[num_compared], nearest[num_compared] are places among the compared pictures. */
static int32_t ask(const measuring *m, int queries, int gallery, int32_t *ranks, int64_t *nearest) {
    const rtvi_descriptor_set set = {m->descriptors[queries], m->descriptors[gallery], m->classes, m->drift->info.num_compared,
                                     m->drift->info.descriptor_dim};
    const int32_t status = rtvi_api_ranks(m->drift->runtime, &set, m->options->ks[m->options->num_ks - 1], ranks, nearest, m->error);
    for (int64_t i = 0; i < set.count && status == RTV_OK; i++)
        if (nearest[i] >= 0) nearest[i] = m->numbers[nearest[i]];
    return status;
}

static int32_t search(const measuring *m) {
    const size_t count = (size_t)m->drift->info.num_compared;
    int32_t *ranks = rtvi_alloc(m->env, 3 * count, sizeof *ranks), status = RTV_OK; /* [3][count]: A, B, mixed */
    int64_t *nearest = rtvi_alloc(m->env, 3 * count, sizeof *nearest);
    if (!ranks || !nearest) status = rtvi_error_out_of_memory(m->error, "drift", 3 * count * sizeof *nearest);
    if (status == RTV_OK) status = ask(m, 0, 0, ranks, nearest);
    if (status == RTV_OK) status = ask(m, 1, 1, ranks + count, nearest + count);
    if (status == RTV_OK) status = ask(m, 1, 0, ranks + 2 * count, nearest + 2 * count);
    for (size_t i = 0; i < count && status == RTV_OK; i++) {
        rtv_picture_drift *picture = &m->drift->pictures[m->numbers[i]];
        picture->rank_a = ranks[i];
        picture->rank_b = ranks[count + i];
        picture->rank_mixed = ranks[2 * count + i];
        picture->nearest_a = nearest[i];
        picture->nearest_b = nearest[count + i];
        picture->nearest_mixed = nearest[2 * count + i];
    }
    rtvi_free(m->env, ranks);
    rtvi_free(m->env, nearest);
    return status;
}

/* --- recall ----------------------------------------------------------------------------------------------------------------------- */

static int compare_classes(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Sorts the classes, which nobody needs in their order any more. */
static int64_t count_lone(int32_t *classes, int64_t count) {
    int64_t lone = 0;
    qsort(classes, (size_t)count, sizeof *classes, compare_classes);
    for (int64_t i = 0; i < count; i++)
        lone += classes[i] >= 0 && (i == 0 || classes[i - 1] != classes[i]) && (i + 1 == count || classes[i + 1] != classes[i]);
    return lone;
}

/* ranks: [3][num_queries] of A, B, mixed. */
static void compare_recall(rtv_drift *drift, const int32_t *ranks, int64_t k) {
    const int64_t queries = drift->info.num_queries;
    const rtvi_eval_change own = rtvi_eval_compare_ranks(ranks, ranks + queries, queries, k);
    const rtvi_eval_change mixed = rtvi_eval_compare_ranks(ranks, ranks + 2 * queries, queries, k);
    const double all = queries > 0 ? (double)queries : 1;
    drift->recalls[drift->num_recalls++] = (rtv_recall_drift){
        .struct_size = sizeof(rtv_recall_drift),
        .k = k,
        .recall_a = (double)own.right_a / all,
        .recall_b = (double)own.right_b / all,
        .recall_mixed = (double)mixed.right_b / all,
        .gained = own.gained,
        .lost = own.lost,
        .low = own.low,
        .high = own.high,
        .p_value = own.p_value,
        .mixed_gained = mixed.gained,
        .mixed_lost = mixed.lost,
        .mixed_low = mixed.low,
        .mixed_high = mixed.high,
        .mixed_p_value = mixed.p_value,
    };
}

static int32_t measure_recall(measuring *m) {
    rtv_drift_info *info = &m->drift->info;
    int32_t *ranks;
    int64_t at = 0;
    for (int64_t i = 0; i < info->num_compared; i++) {
        rtv_picture_drift *picture = &m->drift->pictures[m->numbers[i]];
        picture->is_query = m->classes[i] >= 0;
        info->num_queries += picture->is_query;
        info->num_moved += picture->nearest_a != picture->nearest_b;
    }
    if (!m->options->classes) return RTV_OK;
    ranks = rtvi_alloc(m->env, 3 * (size_t)info->num_queries, sizeof *ranks);
    if (!ranks) return rtvi_error_out_of_memory(m->error, "drift", 3 * (size_t)info->num_queries * sizeof *ranks);
    for (int64_t i = 0; i < info->num_compared; i++) {
        const rtv_picture_drift *picture = &m->drift->pictures[m->numbers[i]];
        if (!picture->is_query) continue;
        ranks[at] = picture->rank_a;
        ranks[info->num_queries + at] = picture->rank_b;
        ranks[2 * info->num_queries + at++] = picture->rank_mixed;
    }
    for (int64_t i = 0; i < m->options->num_ks; i++) compare_recall(m->drift, ranks, m->options->ks[i]);
    rtvi_free(m->env, ranks);
    info->num_lone = count_lone(m->classes, info->num_compared);
    return RTV_OK;
}

/* --- calibration ------------------------------------------------------------------------------------------------------------------- */

/* A picture that cannot be read again is not counted. */
static void mark_calibrated(const measuring *m, int side) {
    rtvi_provenance provenance;
    rtvi_provenance_open(m->models[side]->graph, &provenance);
    for (int64_t i = 0; i < m->drift->info.num_compared && provenance.samples > 0; i++) {
        rtv_picture_drift *picture = &m->drift->pictures[m->numbers[i]];
        uint64_t hash;
        if (rtv_model_picture_hash(m->models[side], &m->pictures[m->numbers[i]], &hash, NULL) == RTV_OK &&
            rtvi_provenance_has_picture(&provenance, hash))
            picture->is_calibrated = 1;
    }
    rtvi_provenance_close(&provenance);
}

static void count_calibrated(const measuring *m) {
    for (int side = 0; side < 2; side++) mark_calibrated(m, side);
    for (int64_t i = 0; i < m->drift->info.num_pictures; i++) m->drift->info.num_calibrated += m->drift->pictures[i].is_calibrated;
}

/* --- layers ----------------------------------------------------------------------------------------------------------------------- */

static rtv_layer_drift describe_layer(const rtvi_layer_drift_row *row) {
    const double count = row->count > 0 ? (double)row->count : 1;
    rtv_layer_drift out;
    memset(&out, 0, sizeof out);
    out.struct_size = sizeof out;
    out.signal = row->signal / count;
    out.noise = row->noise / count;
    out.snr_db = out.noise > 0 ? 10 * log10(out.signal / out.noise) : INFINITY;
    rtvi_copy_clipped(out.name, sizeof out.name, row->a.name);
    snprintf(out.op, sizeof out.op, "%s", row->b.op);
    snprintf(out.precision_a, sizeof out.precision_a, "%s", row->a.precision);
    snprintf(out.precision_b, sizeof out.precision_b, "%s", row->b.precision);
    return out;
}

static int32_t run_layers(measuring *m, rtvi_layer_drift *layers, int64_t count) {
    int32_t status = RTV_OK;
    for (int64_t i = 0; i < count && status == RTV_OK; i++) {
        status = rtvi_layer_drift_add(layers, &m->pictures[m->numbers[i]], m->error);
        if (status == RTV_OK && m->options->progress && tell_progress(m, i + 1, 0) != 0)
            status = rtvi_error_set(m->error, RTV_E_CANCELLED, "drift: stopped by the progress callback");
    }
    return status;
}

static int32_t compare_layers(measuring *m) {
    rtv_drift *drift = m->drift;
    const int64_t wanted = m->options->layer_pictures, count = wanted < drift->info.num_compared ? wanted : drift->info.num_compared;
    rtvi_layer_drift *layers = NULL;
    int32_t status;
    if (count == 0) return RTV_OK;
    status = rtvi_layer_drift_create(m->env, m->models[0]->embedder, m->models[1]->embedder, &layers, m->error);
    if (status == RTV_OK) status = run_layers(m, layers, count);
    if (status == RTV_OK) {
        const size_t rows = rtvi_layer_drift_count(layers);
        drift->layers = rtvi_alloc(m->env, rows, sizeof *drift->layers);
        if (!drift->layers) status = rtvi_error_out_of_memory(m->error, "drift", rows * sizeof *drift->layers);
        for (size_t i = 0; i < rows && drift->layers; i++) drift->layers[i] = describe_layer(rtvi_layer_drift_at(layers, i));
        if (drift->layers) drift->num_layers = (int64_t)rows;
    }
    rtvi_layer_drift_destroy(layers);
    return status;
}

/* --- all of it -------------------------------------------------------------------------------------------------------------------- */

static int32_t prepare(measuring *m) {
    const size_t count = (size_t)m->drift->info.num_pictures, dim = (size_t)m->drift->info.descriptor_dim;
    m->drift->pictures = rtvi_alloc_zero(m->env, count, sizeof *m->drift->pictures);
    m->drift->errors = rtvi_alloc_zero(m->env, count, sizeof *m->drift->errors);
    m->numbers = rtvi_alloc(m->env, count, sizeof *m->numbers);
    m->classes = rtvi_alloc(m->env, count, sizeof *m->classes);
    for (int i = 0; i < 2; i++) m->descriptors[i] = rtvi_alloc(m->env, count, dim * sizeof(float));
    if (m->drift->pictures && m->drift->errors && m->numbers && m->classes && m->descriptors[0] && m->descriptors[1]) return RTV_OK;
    return rtvi_error_out_of_memory(m->error, "drift", count * dim * sizeof(float));
}

static int32_t check_dims(measuring *m) {
    const int64_t a = rtvi_embedder_dim(m->models[0]->embedder), b = rtvi_embedder_dim(m->models[1]->embedder);
    m->drift->info.descriptor_dim = (int32_t)a;
    if (a == b) return RTV_OK;
    return rtvi_error_set(m->error, RTV_E_MISMATCH, "drift: model B: got descriptors of %lld floats, expected A's %lld", (long long)b,
                          (long long)a);
}

int32_t rtvi_drift_measure(rtv_drift *drift, rtv_model *a, rtv_model *b, const rtv_picture *pictures, const rtv_drift_options *options,
                           rtv_error *error) {
    const rtvi_env *env = &a->runtime->env;
    const int64_t count = drift->info.num_pictures;
    measuring m = {.drift = drift, .env = env, .options = options, .pictures = pictures, .models = {a, b}, .error = error};
    int32_t status = check_dims(&m);
    m.total = 2 * count + (options->layer_pictures < count ? options->layer_pictures : count);
    if (status == RTV_OK) status = prepare(&m);
    if (status == RTV_OK) status = embed_both(&m);
    if (status == RTV_OK) status = compact(&m);
    if (status == RTV_OK) status = compare_descriptors(&m);
    if (status == RTV_OK) status = search(&m);
    if (status == RTV_OK) status = measure_recall(&m);
    if (status == RTV_OK) count_calibrated(&m);
    if (status == RTV_OK) status = compare_layers(&m);
    rtvi_free(env, m.numbers);
    rtvi_free(env, m.classes);
    for (int i = 0; i < 2; i++) rtvi_free(env, m.descriptors[i]);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
