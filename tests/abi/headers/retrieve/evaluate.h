/* evaluate.h - how good retrieval is: recall@k and its relatives, leave-one-out or queries against a gallery. */
#ifndef RETRIEVE_EVALUATE_H
#define RETRIEVE_EVALUATE_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/index.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The outcome of one evaluation; keeps nothing else alive. Thread class: shared (it never changes).
 * A query is an item with a class; its relevant items are the gallery's other items of that class. Its ranking is all of the gallery, but
 * in leave-one-out for the query itself, in the order of a search: score descending, then id ascending. The rank of the first is 1.
 * docs/evaluation.md has the definitions and their sources. */
typedef struct rtv_evaluation rtv_evaluation;

typedef struct rtv_evaluation_options {
    uint32_t struct_size;
    int32_t accept;    /* RTV_ACCEPT_OWN (init), or ANY: two indexes of different models may be evaluated together */
    const int64_t *ks; /* [num_ks] of recall@k and precision@k, rising, >= 1; NULL (init) for 1, 10, 100, 1000 */
    int64_t num_ks;    /* 1..RTV_EVALUATION_KS_MAX; init writes 4 */
    int32_t predicted; /* 1: a query's ranking holds only items predicted as its own predicted class, as a search with RTV_PREDICTED_OWN; a
                          query without predicted class sees all. What the filter hides stays relevant and is never found. Init writes 0 */
    int32_t reserved;
    int64_t bootstrap_samples; /* for confidence intervals; 0 for none; init writes 1000 */
    int64_t score_queries;     /* so many queries, drawn by seed, are searched for scores (histogram, threshold); 0 for none, -1 for
                                  all; init writes 2000 */
    double confidence;         /* of the intervals, above 0, below 1; init writes 0.95 */
    uint64_t seed;             /* of every draw; init writes 1 */
    rtv_progress_fn progress;  /* NULL (init) for none */
    void *progress_user;
} rtv_evaluation_options;

#define RTV_EVALUATION_KS_MAX 64

RTV_API void rtv_evaluation_options_init_sized(rtv_evaluation_options *options, uint32_t struct_size);
#define rtv_evaluation_options_init(options) rtv_evaluation_options_init_sized((options), (uint32_t)sizeof(rtv_evaluation_options))

/* queries NULL: leave-one-out, every item of the gallery is a query. Else the items of queries, against the whole gallery: nothing is left
 * out, also when the two are the same index. Classes are matched by name where both indexes name theirs, else by number. One state
 * of each index is evaluated, whatever happens to them meanwhile. Where the gallery is reduced (reduce.h), the queries are reduced alike
 * or not at all.
 * Errors: INVALID_ARGUMENT (options; no item has a class), MISMATCH (dimensions, models, reductions), OUT_OF_MEMORY, CANCELLED. */
RTV_API int32_t rtv_evaluation_create(rtv_index *gallery, rtv_index *queries, const rtv_evaluation_options *options,
                                      rtv_evaluation **evaluation, rtv_error *error);

RTV_API void rtv_evaluation_free(rtv_evaluation *evaluation);

typedef struct rtv_evaluation_info {
    uint32_t struct_size;
    int32_t leave_one_out;     /* 1: leave-one-out; 0: queries against a gallery */
    int64_t num_gallery;       /* items that rankings are made of, the query itself included */
    int64_t num_queries;       /* items with a class */
    int64_t num_answerable;    /* of these, queries with at least one relevant item */
    int64_t num_unlabelled;    /* items without a class, which are no queries */
    int64_t num_classes;       /* classes of the queries */
    int64_t num_score_queries; /* queries whose scores were looked at */
    /* The options that were used. */
    const int64_t *ks; /* [num_ks]; live as long as the evaluation */
    int64_t num_ks;
    int64_t bootstrap_samples;
    int32_t predicted;
    int32_t reserved;
    double confidence;
    uint64_t seed;
} rtv_evaluation_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_evaluation_info_get(const rtv_evaluation *evaluation, rtv_evaluation_info *info, rtv_error *error);

/* Each is a mean over queries. For a query with R relevant items, of which i are among the first r when the i-th has rank r: */
enum {
    RTV_METRIC_RECALL = 1,      /* recall@k: 1 when a relevant item is among the first k */
    RTV_METRIC_PRECISION = 2,   /* precision@k: relevant items among the first k, divided by k */
    RTV_METRIC_R_PRECISION = 3, /* relevant items among the first R, divided by R */
    RTV_METRIC_MAP_AT_R = 4,    /* sum of i/r over relevant items with r <= R, divided by R */
    RTV_METRIC_MAP = 5,         /* sum of i/r over all relevant items, divided by R: average precision */
    RTV_METRIC_MRR = 6          /* 1/r of the first relevant item */
};

/* What becomes of queries without relevant items, such as the only picture of a class in leave-one-out. */
enum {
    RTV_RULE_MISS = 1,    /* each metric is 0 for them: CGD's rule */
    RTV_RULE_LEFT_OUT = 2 /* they do not count: pytorch-metric-learning's rule */
};

/* A mean and its confidence interval: percentile bootstrap over classes (queries of one class are not independent), seeded. NaN where
 * there is nothing to take a mean of, and interval bounds without samples or with fewer than two classes. Frozen. */
typedef struct rtv_metric_value {
    double value, low, high;
} rtv_metric_value;

/* k: one of the options' for RECALL and PRECISION, ignored for the others. Errors: INVALID_ARGUMENT, NOT_FOUND (no such k). */
RTV_API int32_t rtv_evaluation_metric(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, rtv_metric_value *value,
                                      rtv_error *error);

/* The per-class table. Frozen, without padding. */
typedef struct rtv_class_count {
    int32_t class_id; /* in the gallery's numbers; one that only the queries have: -2 - its number there */
    int32_t reserved;
    int64_t num_queries;
    int64_t num_answerable;
} rtv_class_count;

/* Writes min(capacity, count) rows, class_id ascending, and the count, info's num_classes. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_evaluation_classes(const rtv_evaluation *evaluation, rtv_class_count *classes, int64_t capacity, int64_t *count,
                                       rtv_error *error);
/* The metric's mean over each class's queries, NaN for none; in the order of rtv_evaluation_classes, so written and counted. Errors: as
 * rtv_evaluation_metric. */
RTV_API int32_t rtv_evaluation_class_values(const rtv_evaluation *evaluation, int32_t metric, int64_t k, int32_t rule, double *values,
                                            int64_t capacity, int64_t *count, rtv_error *error);

/* One query. Frozen, without padding. */
typedef struct rtv_query_result {
    int64_t id;           /* of the item */
    int64_t num_relevant; /* R */
    int64_t first_rank;   /* of the first relevant item; 0 when none is found */
    double average_precision;
    int32_t class_id; /* as in rtv_class_count */
    int32_t reserved;
} rtv_query_result;

/* Writes min(capacity, count) rows, in the order of the items, and the count, info's num_queries. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_evaluation_queries(const rtv_evaluation *evaluation, rtv_query_result *results, int64_t capacity, int64_t *count,
                                       rtv_error *error);
/* The same of the queries that have relevant items, the hardest first: by first_rank descending (not found at all is hardest), then
 * average precision ascending, then id; the count is info's num_answerable. */
RTV_API int32_t rtv_evaluation_hardest(const rtv_evaluation *evaluation, rtv_query_result *results, int64_t capacity, int64_t *count,
                                       rtv_error *error);

/* Scores of the drawn queries. NEAREST: one a query, of the best item that is relevant, or that is of another class: what a search's first
 * hits are like. PAIRS: with every relevant item, and with up to 100 drawn items of other classes (or of none). */
enum { RTV_SCORES_NEAREST_SAME = 1, RTV_SCORES_NEAREST_OTHER = 2, RTV_SCORES_PAIRS_SAME = 3, RTV_SCORES_PAIRS_OTHER = 4 };

/* counts[bins]: bin i holds the scores in [low + i * width, low + (i+1) * width), width = (high - low) / bins; those outside go to the
 * first and the last. *total (may be NULL): their sum. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_evaluation_histogram(const rtv_evaluation *evaluation, int32_t scores, double low, double high, int64_t bins,
                                         int64_t *counts, int64_t *total, rtv_error *error);

/* A score for "nothing similar here". Frozen. */
typedef struct rtv_threshold {
    float min_score; /* accept scores of at least this; for rtv_search_options and rtv_index_set_min_score */
    int32_t reserved;
    double false_accept_rate; /* share of queries whose best item of another class has it: what a query with nothing similar would bring */
    double false_reject_rate; /* share of answerable queries whose best relevant item has less */
} rtv_threshold;

/* The least min_score that accepts no more than the given share. The rates are those of the drawn queries.
 * Errors: INVALID_ARGUMENT (rate outside 0..1), STATE (no scores: score_queries was 0, or no query met an item of another class). */
RTV_API int32_t rtv_evaluation_threshold(const rtv_evaluation *evaluation, double false_accept_rate, rtv_threshold *threshold,
                                         rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
