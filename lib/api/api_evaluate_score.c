/* api_evaluate_score.c - the step of an evaluation that looks at scores: for some queries, those of their nearest items and of pairs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_evaluation.h"
#include "eval/eval_random.h"
#include "eval/eval_scores.h"

enum { QUERIES_AT_ONCE = 256, PAIRS_EACH = 100, LIST_MOST = 64 };
#define PAIRS_MOST ((int64_t)1 << 24) /* kept of one kind: 64 MiB */

/* Some of the drawn queries, whose answers come together. */
typedef struct sampled {
    rtvi_evaluating *work;
    int64_t *drawn; /* [all] places in asked, ascending */
    int64_t all, count, each;
    uint64_t state;
    size_t dim;
    const int64_t *at;  /* [count] of drawn */
    float *vectors;     /* [count][dim] */
    int64_t *ids;       /* [count] */
    int32_t *predicted; /* [count] */
    int64_t *pairs;     /* [count][2 * each] ids: relevant items, then others; -1 for none */
    float *scores;      /* [count][2 * each] */
    rtv_hit *hits;      /* [count][LIST_MOST] */
    int64_t *num_hits;  /* [count] */
} sampled;

static void keep(rtv_evaluation *e, int kind, float score) {
    if (!isnan(score)) e->scores[kind][e->num_scores[kind]++] = score;
}

/* --- drawing ------------------------------------------------------------------------------------------------------------------------ */

static int by_place(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* all of total places, each at most once, ascending. drawn[total]. */
static void draw_queries(int64_t *drawn, int64_t all, int64_t total, uint64_t *state) {
    for (int64_t i = 0; i < total; i++) drawn[i] = i;
    for (int64_t i = 0; i < all && all < total; i++) {
        const int64_t other = i + (int64_t)rtvi_eval_draw(state, (uint64_t)(total - i)), place = drawn[other];
        drawn[other] = drawn[i];
        drawn[i] = place;
    }
    qsort(drawn, (size_t)all, sizeof *drawn, by_place);
}

/* Whether query i ranks the item at all. */
static int is_ranked(const rtvi_evaluating *work, int64_t i, int64_t item) {
    const int32_t predicted = work->o.predicted ? work->asked.predicted[i] : -1;
    if (work->e->info.leave_one_out && work->items.ids[item] == work->asked.ids[i]) return 0;
    return predicted < 0 || work->items.predicted[item] == predicted;
}

static void draw_pairs(sampled *s, int64_t i, int64_t *pairs) {
    const rtvi_evaluating *work = s->work;
    int64_t first, members = rtvi_evaluating_members(work, work->asked.classes[i], &first);
    for (int64_t p = 0; p < s->each; p++) {
        const int64_t place = members <= s->each ? p : (int64_t)rtvi_eval_draw(&s->state, (uint64_t)members);
        const int64_t same = place < members ? work->by_class[first + place] : -1;
        const int64_t other = (int64_t)rtvi_eval_draw(&s->state, (uint64_t)work->items.count);
        const int is_other = work->items.classes[other] != work->asked.classes[i] && is_ranked(work, i, other);
        pairs[p] = same >= 0 && is_ranked(work, i, same) ? work->items.ids[same] : -1;
        pairs[s->each + p] = is_other ? work->items.ids[other] : -1;
    }
}

/* --- asking ------------------------------------------------------------------------------------------------------------------------- */

static int32_t search(sampled *s, int64_t first, int64_t count, int64_t k, int32_t class_id, rtv_hit *hits) {
    rtvi_evaluating *work = s->work;
    rtv_search_options o;
    rtv_search_options_init(&o);
    o.class_id = class_id;
    o.exclude_ids = work->e->info.leave_one_out ? s->ids + first : NULL;
    return rtvi_flat_search(work->in, work->gallery->runtime->team, s->vectors + (size_t)first * s->dim, count, k, &o,
                            work->o.predicted ? s->predicted + first : NULL, hits, s->num_hits + first, work->error);
}

/* The best item that is not relevant has a rank that is known; further down than a short list it is asked for alone. */
static int32_t ask_far_other(sampled *s, int64_t n, int64_t rank) {
    const rtvi_env *env = &s->work->e->runtime->env;
    rtv_hit *hits = rtvi_alloc(env, (size_t)rank, sizeof *hits);
    int32_t status = hits ? search(s, n, 1, rank, -1, hits) : rtvi_error_out_of_memory(s->work->error, "evaluate", (size_t)rank);
    if (status == RTV_OK && s->num_hits[n] >= rank) keep(s->work->e, RTV_SCORES_NEAREST_OTHER, hits[rank - 1].score);
    rtvi_free(env, hits);
    return status;
}

static int32_t ask_others(sampled *s) {
    int64_t k = 1;
    int32_t status;
    for (int64_t n = 0; n < s->count; n++) {
        const int64_t rank = s->work->first_other[s->at[n]];
        if (rank <= LIST_MOST && rank > k) k = rank;
    }
    status = search(s, 0, s->count, k, -1, s->hits);
    for (int64_t n = 0; n < s->count && status == RTV_OK; n++) {
        const int64_t rank = s->work->first_other[s->at[n]];
        if (rank > LIST_MOST)
            status = ask_far_other(s, n, rank);
        else if (s->num_hits[n] >= rank)
            keep(s->work->e, RTV_SCORES_NEAREST_OTHER, s->hits[n * k + rank - 1].score);
    }
    return status;
}

/* Where all relevant items are among the pairs, the best of them is known. */
static int32_t ask_same(sampled *s, int64_t n) {
    const float *scores = s->scores + n * 2 * s->each;
    int64_t first, i = s->at[n];
    rtv_hit hit;
    int32_t status;
    float best = NAN;
    if (rtvi_evaluating_members(s->work, s->work->asked.classes[i], &first) <= s->each) {
        for (int64_t p = 0; p < s->each; p++) best = fmaxf(best, scores[p]);
        keep(s->work->e, RTV_SCORES_NEAREST_SAME, best);
        return RTV_OK;
    }
    status = search(s, n, 1, 1, s->work->asked.classes[i], &hit);
    if (status == RTV_OK && s->num_hits[n] > 0) keep(s->work->e, RTV_SCORES_NEAREST_SAME, hit.score);
    return status;
}

static int32_t ask_pairs(sampled *s) {
    rtvi_evaluating *work = s->work;
    int32_t status;
    for (int64_t n = 0; n < s->count; n++) draw_pairs(s, s->at[n], s->pairs + n * 2 * s->each);
    status = rtvi_flat_scores(work->in, work->gallery->runtime->team, s->vectors, s->count, s->pairs, 2 * s->each, s->scores, work->error);
    for (int64_t n = 0; n < s->count && status == RTV_OK; n++) {
        const float *scores = s->scores + n * 2 * s->each;
        for (int64_t p = 0; p < s->each; p++) {
            keep(work->e, RTV_SCORES_PAIRS_SAME, scores[p]);
            keep(work->e, RTV_SCORES_PAIRS_OTHER, scores[s->each + p]);
        }
        work->e->score_answerable += work->e->queries[s->at[n]].num_relevant > 0;
        status = ask_same(s, n);
    }
    return status;
}

static int32_t ask(sampled *s) {
    rtvi_evaluating *work = s->work;
    int32_t status;
    for (int64_t n = 0; n < s->count; n++) {
        s->ids[n] = work->asked.ids[s->at[n]];
        s->predicted[n] = work->asked.predicted[s->at[n]];
    }
    status = rtvi_evaluating_vectors(work, s->ids, s->count, s->vectors);
    if (status == RTV_OK) status = ask_others(s);
    if (status == RTV_OK) status = ask_pairs(s);
    work->part = s->count;
    if (status == RTV_OK && work->o.progress && rtvi_evaluating_progress(work, 1, 1) != 0)
        status = rtvi_error_set(work->error, RTV_E_CANCELLED, "evaluate: stopped by the progress callback");
    work->done += s->count;
    return status;
}

/* --- all of it ---------------------------------------------------------------------------------------------------------------------- */

static int reserve(sampled *s, const rtvi_env *env) {
    rtv_evaluation *e = s->work->e;
    const size_t most = QUERIES_AT_ONCE, all = (size_t)s->all, pairs = 2 * (size_t)s->each;
    int has_all = 1;
    for (int kind = RTV_SCORES_NEAREST_SAME; kind <= RTV_SCORES_PAIRS_OTHER; kind++) {
        e->scores[kind] = rtvi_alloc(env, kind < RTV_SCORES_PAIRS_SAME ? all : all * (size_t)s->each, sizeof **e->scores);
        has_all &= e->scores[kind] != NULL;
    }
    s->drawn = rtvi_alloc(env, (size_t)s->work->asked.count, sizeof *s->drawn);
    s->vectors = rtvi_alloc(env, most, s->dim * sizeof *s->vectors);
    s->ids = rtvi_alloc(env, most, sizeof *s->ids);
    s->predicted = rtvi_alloc(env, most, sizeof *s->predicted);
    s->pairs = rtvi_alloc(env, most * pairs, sizeof *s->pairs);
    s->scores = rtvi_alloc(env, most * pairs, sizeof *s->scores);
    s->hits = rtvi_alloc(env, most, LIST_MOST * sizeof *s->hits);
    s->num_hits = rtvi_alloc(env, most, sizeof *s->num_hits);
    return has_all && s->drawn && s->vectors && s->ids && s->predicted && s->pairs && s->scores && s->hits && s->num_hits;
}

static void release(const sampled *s, const rtvi_env *env) {
    rtvi_free(env, s->drawn);
    rtvi_free(env, s->vectors);
    rtvi_free(env, s->ids);
    rtvi_free(env, s->predicted);
    rtvi_free(env, s->pairs);
    rtvi_free(env, s->scores);
    rtvi_free(env, s->hits);
    rtvi_free(env, s->num_hits);
}

int32_t rtvi_evaluating_score(rtvi_evaluating *work) {
    const rtvi_env *env = &work->e->runtime->env;
    sampled s = {.work = work, .all = work->e->info.num_score_queries, .state = work->o.seed};
    rtv_index_info info;
    int32_t status = RTV_OK;
    if (s.all == 0) return RTV_OK;
    rtvi_flat_info(work->in, &info);
    s.dim = (size_t)info.kept_dim;
    s.each = PAIRS_MOST / s.all < PAIRS_EACH ? PAIRS_MOST / s.all : PAIRS_EACH;
    if (s.each == 0) s.each = 1;
    if (!reserve(&s, env)) status = rtvi_error_out_of_memory(work->error, "evaluate", (size_t)s.all * PAIRS_EACH * sizeof(float));
    if (status == RTV_OK) draw_queries(s.drawn, s.all, work->asked.count, &s.state);
    for (int64_t first = 0; first < s.all && status == RTV_OK; first += s.count) {
        s.at = s.drawn + first;
        s.count = s.all - first < QUERIES_AT_ONCE ? s.all - first : QUERIES_AT_ONCE;
        status = ask(&s);
    }
    release(&s, env);
    for (int kind = RTV_SCORES_NEAREST_SAME; kind <= RTV_SCORES_PAIRS_OTHER && status == RTV_OK; kind++)
        rtvi_eval_sort_descending(work->e->scores[kind], work->e->num_scores[kind]);
    return status;
}
