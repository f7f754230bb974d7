/* api_evaluate_rank.c - the step of an evaluation that ranks: from the ranks of relevant items to the metrics of each query. */
#include <string.h>

#include "api/api_evaluation.h"
#include "eval/eval_metrics.h"
#include "index/flat_ranks.h"

#define PAIRS_MOST ((int64_t)1 << 24) /* of queries and relevant items at once: 128 MiB of ranks */
#define QUERIES_MOST 4096             /* whose vectors are copied at once */

int32_t rtvi_evaluating_progress(void *user, int64_t done, int64_t total) {
    const rtvi_evaluating *work = user;
    const double share = total > 0 ? (double)done / (double)total : 1;
    return work->o.progress(work->o.progress_user, work->done + (int64_t)(share * (double)work->part), work->full);
}

static int64_t first_gap(const int64_t *ranks, int64_t found) {
    int64_t rank = 1;
    while (rank <= found && ranks[rank - 1] == rank) rank++;
    return rank;
}

/* Query number i of those asked is number n of the ranks. */
static void take_query(rtvi_evaluating *work, const rtvi_ranks *ranks, int64_t i, int64_t n) {
    const size_t num_ks = (size_t)work->e->info.num_ks, columns = rtvi_eval_columns(num_ks);
    const int64_t *own = ranks->ranks + ranks->offsets[n], found = ranks->offsets[n + 1] - ranks->offsets[n];
    double *row = work->rows + (size_t)i * columns;
    size_t column = 0;
    rtvi_eval_row(own, (size_t)found, ranks->relevant[n], work->e->info.ks, num_ks, row);
    rtvi_eval_column(work->e->info.ks, num_ks, RTV_METRIC_MAP, 0, &column);
    work->first_other[i] = first_gap(own, found);
    work->e->queries[i] = (rtv_query_result){.id = work->asked.ids[i],
                                             .num_relevant = ranks->relevant[n],
                                             .first_rank = found > 0 ? own[0] : 0,
                                             .average_precision = row[column],
                                             .class_id = work->asked.classes[i]};
}

/* Every item among the others in one go, which takes half the products. */
static int32_t rank_among(rtvi_evaluating *work) {
    const rtvi_flat_labels *items = &work->items;
    rtvi_ranks ranks;
    int32_t status;
    memset(&ranks, 0, sizeof ranks);
    status = rtvi_flat_ranks_among(work->in, work->gallery->runtime->team, work->o.predicted,
                                   work->o.progress ? rtvi_evaluating_progress : NULL, work, &ranks, work->error);
    for (int64_t n = 0, i = 0; status == RTV_OK && n < items->count; n++)
        if (items->classes[n] >= 0) take_query(work, &ranks, i++, n);
    rtvi_ranks_destroy(work->in, &ranks);
    return status;
}

/* The first place in by_class whose class is at least this. */
static int64_t lower_bound(const rtvi_evaluating *work, int64_t class_id) {
    int64_t low = 0, high = work->items.count;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (work->items.classes[work->by_class[middle]] < class_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t rtvi_evaluating_members(const rtvi_evaluating *work, int32_t class_id, int64_t *first) {
    *first = lower_bound(work, class_id);
    return class_id >= 0 ? lower_bound(work, (int64_t)class_id + 1) - *first : 0;
}

static int64_t pairs_of(const rtvi_evaluating *work, int64_t i) {
    int64_t first;
    return rtvi_evaluating_members(work, work->asked.classes[i], &first);
}

/* Queries from i on whose ranks fit, one at least. */
static int64_t fitting(const rtvi_evaluating *work, int64_t i) {
    int64_t count = 1, pairs = pairs_of(work, i);
    while (i + count < work->asked.count && count < QUERIES_MOST && (pairs += pairs_of(work, i + count)) <= PAIRS_MOST) count++;
    return count;
}

/* vectors[count][dim]: room for those of the queries from i on. */
static int32_t rank_some(rtvi_evaluating *work, int64_t i, int64_t count, float *vectors) {
    const rtvi_flat_labels *asked = &work->asked;
    rtvi_rank_queries queries = {.count = count,
                                 .vectors = vectors,
                                 .classes = asked->classes + i,
                                 .predicted = work->o.predicted ? asked->predicted + i : NULL,
                                 .exclude = work->e->info.leave_one_out ? asked->ids + i : NULL};
    rtvi_ranks ranks;
    int32_t status = rtvi_evaluating_vectors(work, asked->ids + i, count, vectors);
    if (status != RTV_OK) return status;
    memset(&ranks, 0, sizeof ranks);
    work->part = count;
    status = rtvi_flat_ranks(work->in, work->gallery->runtime->team, &queries, work->o.progress ? rtvi_evaluating_progress : NULL, work,
                             &ranks, work->error);
    for (int64_t n = 0; status == RTV_OK && n < count; n++) take_query(work, &ranks, i + n, n);
    rtvi_ranks_destroy(work->in, &ranks);
    work->done += count;
    return status;
}

static int32_t rank_in_parts(rtvi_evaluating *work) {
    const rtvi_env *env = &work->e->runtime->env;
    const int64_t most = work->asked.count < QUERIES_MOST ? work->asked.count : QUERIES_MOST;
    rtv_index_info info;
    int32_t status = RTV_OK;
    float *vectors;
    rtvi_flat_info(work->in, &info);
    vectors = rtvi_alloc(env, (size_t)most, (size_t)info.kept_dim * sizeof *vectors);
    if (!vectors) return rtvi_error_out_of_memory(work->error, "evaluate", (size_t)most * (size_t)info.kept_dim * sizeof *vectors);
    for (int64_t i = 0, count; i < work->asked.count && status == RTV_OK; i += count) {
        count = fitting(work, i);
        status = rank_some(work, i, count, vectors);
    }
    rtvi_free(env, vectors);
    return status;
}

int32_t rtvi_evaluating_rank(rtvi_evaluating *work) {
    int64_t pairs = 0;
    int32_t status;
    for (int64_t i = 0; i < work->asked.count && pairs <= PAIRS_MOST; i++) pairs += pairs_of(work, i);
    if (!work->e->info.leave_one_out || pairs > PAIRS_MOST) return rank_in_parts(work);
    work->part = work->asked.count;
    status = rank_among(work);
    work->done += work->part;
    return status;
}
