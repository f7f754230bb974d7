/* api_evaluate.c - evaluate.h: making an evaluation. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_evaluation.h"
#include "api/api_ranks.h"
#include "eval/eval_metrics.h"

enum { SAMPLES_MOST = 100000 };
static const int64_t customary_ks[RTVI_CUSTOMARY_KS] = {1, 10, 100, 1000};

void rtv_evaluation_options_init_sized(rtv_evaluation_options *options, uint32_t struct_size) {
    rtv_evaluation_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.num_ks = RTVI_CUSTOMARY_KS;
    defaults.bootstrap_samples = 1000;
    defaults.score_queries = 2000;
    defaults.confidence = 0.95;
    defaults.seed = 1;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

static int32_t check_ks(rtv_evaluation_options *o, rtv_error *error) {
    int32_t status;
    if (o->num_ks < 1 || o->num_ks > RTV_EVALUATION_KS_MAX)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: num_ks: got %lld, expected 1..%d", (long long)o->num_ks,
                              RTV_EVALUATION_KS_MAX);
    status = rtvi_api_take_ks(&o->ks, o->num_ks, customary_ks, error);
    for (int64_t i = 0; status == RTV_OK && i < o->num_ks; i++)
        if (o->ks[i] < 1 || (i > 0 && o->ks[i] <= o->ks[i - 1]))
            status = rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: ks[%lld]: got %lld, expected ascending numbers from 1",
                                    (long long)i, (long long)o->ks[i]);
    return status;
}

static int32_t check_options(rtv_evaluation_options *o, rtv_error *error) {
    const int32_t status = check_ks(o, error);
    if (status != RTV_OK) return status;
    if (o->accept != RTV_ACCEPT_OWN && o->accept != RTV_ACCEPT_ANY)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: accept: got %d, expected RTV_ACCEPT_OWN or RTV_ACCEPT_ANY",
                              o->accept);
    if (o->bootstrap_samples < 0 || o->bootstrap_samples > SAMPLES_MOST)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: bootstrap_samples: got %lld, expected 0..%d",
                              (long long)o->bootstrap_samples, (int)SAMPLES_MOST);
    if (o->score_queries < -1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: score_queries: got %lld, expected a number, or -1 for all",
                              (long long)o->score_queries);
    if (!(o->confidence > 0) || !(o->confidence < 1))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "evaluate: confidence: got %g, expected above 0, below 1", o->confidence);
    return RTV_OK;
}

static int32_t check_pair(const rtvi_evaluating *work) {
    rtv_index_info gallery, queries;
    rtvi_flat_info(work->gallery->flat, &gallery);
    rtvi_flat_info(work->queries->flat, &queries);
    if (gallery.dim != queries.dim)
        return rtvi_error_set(work->error, RTV_E_MISMATCH, "evaluate: dimension of the queries: got %d, expected %d, the gallery's",
                              (int)queries.dim, (int)gallery.dim);
    if (work->queries != work->gallery) {
        const int32_t status = rtvi_flat_check_reduction(work->gallery->flat, work->queries->flat, "evaluate: queries", work->error);
        if (status != RTV_OK) return status;
    }
    if (work->o.accept == RTV_ACCEPT_ANY || strcmp(gallery.fingerprint, queries.fingerprint) == 0) return RTV_OK;
    return rtvi_error_set(work->error, RTV_E_MISMATCH,
                          "evaluate: the queries were made with model \"%s\" (%.16s), expected \"%s\" (%.16s); RTV_ACCEPT_ANY accepts it",
                          queries.model_name, queries.fingerprint, gallery.model_name, gallery.fingerprint);
}

/* What both hold now; what happens to the indexes from here on does not show. */
static int32_t take_views(rtvi_evaluating *work) {
    int32_t status = rtvi_flat_view(work->gallery->flat, &work->in, work->error);
    if (status != RTV_OK) return status;
    if (work->queries == work->gallery)
        work->from = work->in;
    else
        status = rtvi_flat_view(work->queries->flat, &work->from, work->error);
    return status;
}

static void drop_views(rtvi_evaluating *work) {
    if (work->from != work->in) rtvi_flat_destroy(work->from);
    rtvi_flat_destroy(work->in);
}

int32_t rtvi_evaluating_vectors(const rtvi_evaluating *work, const int64_t *ids, int64_t count, float *vectors) {
    const rtvi_env *env = &work->e->runtime->env;
    rtv_index_info info;
    float *given;
    int32_t status;
    if (!rtvi_flat_would_reduce(work->gallery->flat, work->queries->flat))
        return rtvi_flat_vectors(work->from, ids, count, vectors, work->error);
    rtvi_flat_info(work->from, &info);
    given = rtvi_alloc(env, (size_t)count, (size_t)info.dim * sizeof *given);
    if (!given) return rtvi_error_out_of_memory(work->error, "evaluate", (size_t)count * (size_t)info.dim * sizeof *given);
    status = rtvi_flat_vectors(work->from, ids, count, given, work->error);
    if (status == RTV_OK) status = rtvi_flat_project(work->gallery->flat, work->gallery->runtime->team, given, count, vectors, work->error);
    rtvi_free(env, given);
    return status;
}

/* --- classes ------------------------------------------------------------------------------------------------------------------------ */

/* The gallery's number for a class of the queries; -2 - its own number when the gallery has none of its name. */
static int32_t translate(const rtvi_evaluating *work, int32_t class_id, char **name, size_t *capacity, int32_t *translated) {
    rtvi_flat *from = work->from, *to = work->in;
    const rtvi_env *env = &work->e->runtime->env;
    uint64_t size = 0;
    void *block = *name;
    int32_t status = rtvi_flat_class_name(from, RTV_CLASSES_LABEL, class_id, *name, *capacity, &size, NULL);
    *translated = class_id;
    if (status == RTV_E_BUFFER_TOO_SMALL) {
        if (!rtvi_grow(env, &block, capacity, 0, (size_t)size, 1)) return rtvi_error_out_of_memory(work->error, "evaluate", (size_t)size);
        *name = block;
        status = rtvi_flat_class_name(from, RTV_CLASSES_LABEL, class_id, *name, *capacity, &size, NULL);
    }
    if (status != RTV_OK) return RTV_OK; /* it has no name */
    if (rtvi_flat_class_id(to, RTV_CLASSES_LABEL, *name, translated, NULL) != RTV_OK) *translated = -2 - class_id;
    return RTV_OK;
}

/* Classes of the queries in the gallery's numbers. Queries of one class stand together more often than not: the last answer is kept. */
static int32_t translate_all(rtvi_evaluating *work) {
    rtvi_flat_labels *asked = &work->asked;
    rtv_index_info info;
    char *name = NULL;
    size_t capacity = 0;
    int32_t last = -1, known = -1, status = RTV_OK;
    rtvi_flat_info(work->in, &info);
    if (work->from == work->in || info.num_classes == 0) return RTV_OK;
    for (int64_t i = 0; i < asked->count && status == RTV_OK; i++) {
        if (asked->classes[i] != last) status = translate(work, last = asked->classes[i], &name, &capacity, &known);
        asked->classes[i] = known;
    }
    rtvi_free(&work->e->runtime->env, name);
    return status;
}

static void drop_unlabelled(rtvi_flat_labels *labels) {
    int64_t kept = 0;
    for (int64_t i = 0; i < labels->count; i++) {
        if (labels->classes[i] < 0) continue;
        labels->ids[kept] = labels->ids[i];
        labels->classes[kept] = labels->classes[i];
        labels->predicted[kept++] = labels->predicted[i];
    }
    labels->count = kept;
}

/* A place in items with what it is sorted by. */
typedef struct placed {
    int32_t class_id;
    int32_t reserved;
    int64_t place;
} placed;

static int by_class(const void *a, const void *b) {
    const placed *x = a, *y = b;
    if (x->class_id != y->class_id) return x->class_id < y->class_id ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int32_t sort_items(rtvi_evaluating *work) {
    const rtvi_env *env = &work->e->runtime->env;
    const size_t count = (size_t)work->items.count;
    placed *items = rtvi_alloc(env, count, sizeof *items);
    work->by_class = rtvi_alloc(env, count, sizeof *work->by_class);
    if (items && work->by_class) {
        for (size_t i = 0; i < count; i++) items[i] = (placed){work->items.classes[i], 0, (int64_t)i};
        qsort(items, count, sizeof *items, by_class);
        for (size_t i = 0; i < count; i++) work->by_class[i] = items[i].place;
    }
    rtvi_free(env, items);
    return items && work->by_class ? RTV_OK : rtvi_error_out_of_memory(work->error, "evaluate", count * sizeof *items);
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------- */

static int32_t gather(rtvi_evaluating *work) {
    rtv_evaluation_info *info = &work->e->info;
    int32_t status = rtvi_flat_labels_copy(work->in, &work->items, work->error);
    if (status == RTV_OK) status = rtvi_flat_labels_copy(work->from, &work->asked, work->error);
    if (status != RTV_OK) return status;
    info->num_gallery = work->items.count;
    info->num_unlabelled = work->asked.count;
    drop_unlabelled(&work->asked);
    info->num_queries = work->asked.count;
    info->num_unlabelled -= work->asked.count;
    if (info->num_queries == 0)
        return rtvi_error_set(work->error, RTV_E_INVALID_ARGUMENT, "evaluate: got no item with a class, expected queries");
    info->num_score_queries =
        work->o.score_queries < 0 || work->o.score_queries > info->num_queries ? info->num_queries : work->o.score_queries;
    if (work->items.count == 0) info->num_score_queries = 0; /* nothing is found */
    work->full = info->num_queries + info->num_score_queries;
    status = translate_all(work);
    return status == RTV_OK ? sort_items(work) : status;
}

static int32_t reserve(rtvi_evaluating *work) {
    const rtvi_env *env = &work->e->runtime->env;
    const size_t count = (size_t)work->asked.count, columns = rtvi_eval_columns((size_t)work->o.num_ks);
    int64_t *ks = rtvi_alloc(env, (size_t)work->o.num_ks, sizeof *ks);
    work->e->info.ks = ks;
    work->e->queries = rtvi_alloc(env, count, sizeof *work->e->queries);
    work->rows = rtvi_alloc(env, count, columns * sizeof *work->rows);
    work->first_other = rtvi_alloc(env, count, sizeof *work->first_other);
    if (!ks || !work->e->queries || !work->rows || !work->first_other)
        return rtvi_error_out_of_memory(work->error, "evaluate", count * columns * sizeof *work->rows);
    memcpy(ks, work->o.ks, (size_t)work->o.num_ks * sizeof *ks);
    return RTV_OK;
}

static int32_t tabulate(rtvi_evaluating *work) {
    rtv_evaluation *e = work->e;
    const rtvi_env *env = &e->runtime->env;
    const size_t count = (size_t)work->asked.count, columns = rtvi_eval_columns((size_t)e->info.num_ks);
    int64_t *relevant = rtvi_alloc(env, count, sizeof *relevant);
    int32_t status = relevant ? RTV_OK : rtvi_error_out_of_memory(work->error, "evaluate", count * sizeof *relevant);
    for (size_t i = 0; i < count && status == RTV_OK; i++) {
        relevant[i] = e->queries[i].num_relevant;
        e->info.num_answerable += relevant[i] > 0;
    }
    if (status == RTV_OK)
        status = rtvi_eval_table_build(env, work->asked.classes, relevant, work->rows, count, columns, &e->table, work->error);
    rtvi_free(env, relevant);
    if (status != RTV_OK) return status;
    e->info.num_classes = (int64_t)e->table.num_classes;
    return rtvi_eval_table_bootstrap(env, &e->table, work->o.bootstrap_samples, work->o.confidence, work->o.seed, work->error);
}

static int32_t evaluate(rtvi_evaluating *work) {
    int32_t status = check_options(&work->o, work->error);
    if (status == RTV_OK) status = check_pair(work);
    if (status == RTV_OK) status = take_views(work);
    if (status == RTV_OK) status = gather(work);
    if (status == RTV_OK) status = reserve(work);
    if (status == RTV_OK) status = rtvi_evaluating_rank(work);
    if (status == RTV_OK) status = tabulate(work);
    if (status == RTV_OK) status = rtvi_evaluating_score(work);
    rtvi_flat_labels_destroy(work->gallery->flat, &work->items);
    rtvi_flat_labels_destroy(work->queries->flat, &work->asked);
    rtvi_free(&work->e->runtime->env, work->by_class);
    rtvi_free(&work->e->runtime->env, work->rows);
    rtvi_free(&work->e->runtime->env, work->first_other);
    drop_views(work);
    return status;
}

static int32_t create(rtvi_evaluating *work, int leave_one_out, rtv_evaluation **out) {
    rtv_runtime *runtime;
    rtv_evaluation *e;
    int32_t status = rtvi_runtime_take(work->gallery->runtime, &runtime, work->error);
    if (status != RTV_OK) return status;
    e = rtvi_alloc_zero(&runtime->env, 1, sizeof *e);
    if (!e) {
        rtv_runtime_free(runtime);
        return rtvi_error_out_of_memory(work->error, "evaluate", sizeof *e);
    }
    e->runtime = runtime;
    e->info = (rtv_evaluation_info){.leave_one_out = leave_one_out,
                                    .num_ks = work->o.num_ks,
                                    .predicted = work->o.predicted != 0,
                                    .bootstrap_samples = work->o.bootstrap_samples,
                                    .confidence = work->o.confidence,
                                    .seed = work->o.seed};
    work->e = e;
    status = evaluate(work);
    if (status == RTV_OK)
        *out = e;
    else
        rtv_evaluation_free(e);
    return status;
}

int32_t rtv_evaluation_create(rtv_index *gallery, rtv_index *queries, const rtv_evaluation_options *options, rtv_evaluation **evaluation,
                              rtv_error *error) {
    rtvi_evaluating work;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(gallery, error, "gallery is NULL");
    RTVI_REQUIRE(evaluation, error, "evaluation is NULL");
    memset(&work, 0, sizeof work);
    work.gallery = gallery;
    work.queries = queries ? queries : gallery;
    work.error = error;
    rtv_evaluation_options_init(&work.o);
    status = rtvi_api_options(&work.o, sizeof work.o, options, "rtv_evaluation_options", error);
    if (status == RTV_OK) status = rtvi_team_check(gallery->runtime->team, error);
    if (status == RTV_OK) status = rtvi_team_check(work.queries->runtime->team, error);
    if (status == RTV_OK) status = create(&work, queries == NULL, evaluation);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

void rtv_evaluation_free(rtv_evaluation *e) {
    rtv_runtime *runtime;
    if (!e) return;
    runtime = e->runtime;
    for (size_t i = 0; i < sizeof e->scores / sizeof *e->scores; i++) rtvi_free(&runtime->env, e->scores[i]);
    rtvi_eval_table_destroy(&runtime->env, &e->table);
    rtvi_free(&runtime->env, e->queries);
    rtvi_free(&runtime->env, (void *)e->info.ks);
    rtvi_free(&runtime->env, e);
    rtv_runtime_free(runtime);
}
