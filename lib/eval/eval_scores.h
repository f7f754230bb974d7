/* eval_scores.h - what scores tell: histograms, and the score below which nothing is similar. */
#ifndef RTVI_EVAL_SCORES_H
#define RTVI_EVAL_SCORES_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/evaluate.h>

/* counts[bins] of scores[count]; low < high, bins > 0. What lies outside goes to the first and the last bin. */
void rtvi_eval_histogram(const float *scores, size_t count, double low, double high, size_t bins, int64_t *counts);

/* Scores of the best item for each of some queries, both descending; a query without such an item has none. */
typedef struct rtvi_eval_nearest {
    const float *others; /* [num_others] of another class */
    const float *sames;  /* [num_sames] relevant */
    size_t num_others, num_sames;
    size_t queries;    /* >= num_others */
    size_t answerable; /* queries with relevant items, found or not */
} rtvi_eval_nearest;

void rtvi_eval_sort_descending(float *scores, size_t count);
/* The least score that at most the given share of the queries' others have; minus infinity when all may. */
rtv_threshold rtvi_eval_threshold(const rtvi_eval_nearest *nearest, double false_accept_rate);

#endif
