/* api_evaluation.h - the inside of an evaluation, and the steps that make one. */
#ifndef RTVI_API_EVALUATION_H
#define RTVI_API_EVALUATION_H

#include "api/api_handles.h"
#include "eval/eval_table.h"
#include "index/flat_items.h"

struct rtv_evaluation {
    rtv_runtime *runtime; /* the gallery's */
    rtv_evaluation_info info;
    rtv_query_result *queries; /* [info.num_queries] */
    rtvi_eval_table table;
    float *scores[RTV_SCORES_PAIRS_OTHER + 1]; /* by RTV_SCORES_*, descending */
    size_t num_scores[RTV_SCORES_PAIRS_OTHER + 1];
    size_t score_answerable; /* drawn queries with relevant items */
};

/* An evaluation in the making. */
typedef struct rtvi_evaluating {
    rtv_evaluation *e;
    rtv_index *gallery, *queries; /* queries is the gallery itself in leave-one-out */
    rtvi_flat *in, *from;         /* one state of each, which does not change; the same when the indexes are */
    rtv_evaluation_options o;
    rtvi_flat_labels items;   /* of the gallery */
    rtvi_flat_labels asked;   /* the queries: items of queries that have a class, in the gallery's numbers */
    int64_t *by_class;        /* [items.count] places in items, by class, then by place */
    double *rows;             /* [asked.count][columns] */
    int64_t *first_other;     /* [asked.count] the first rank where no relevant item is */
    int64_t done, part, full; /* queries before this step and in it, and all that will be done, for progress */
    rtv_error *error;
} rtvi_evaluating;

/* An rtv_progress_fn; user is the rtvi_evaluating, and done and total are of its part. */
int32_t rtvi_evaluating_progress(void *user, int64_t done, int64_t total);
/* The items of a class: by_class[*first] and on. Returns how many; 0 for a negative class. */
int64_t rtvi_evaluating_members(const rtvi_evaluating *work, int32_t class_id, int64_t *first);
/* vectors[count][kept_dim of the gallery] of items of the queries, in the gallery's form. */
int32_t rtvi_evaluating_vectors(const rtvi_evaluating *work, const int64_t *ids, int64_t count, float *vectors);
/* Metrics of every query into rows, results and first_other. */
int32_t rtvi_evaluating_rank(rtvi_evaluating *work);
/* Scores of the drawn queries. */
int32_t rtvi_evaluating_score(rtvi_evaluating *work);

#endif
