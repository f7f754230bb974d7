/* eval_scores.c - what scores tell: histograms, and the score below which nothing is similar. */
#include "eval/eval_scores.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void rtvi_eval_histogram(const float *scores, size_t count, double low, double high, size_t bins, int64_t *counts) {
    const double scale = (double)bins / (high - low);
    memset(counts, 0, bins * sizeof *counts);
    for (size_t i = 0; i < count; i++) {
        const double at = ((double)scores[i] - low) * scale;
        counts[at < 0 ? 0 : at >= (double)bins ? bins - 1 : (size_t)at]++;
    }
}

static int descending(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

void rtvi_eval_sort_descending(float *scores, size_t count) { qsort(scores, count, sizeof *scores, descending); }

/* The largest number whose share of all is no more than rate. */
static size_t most_allowed(double rate, size_t all) {
    size_t count = (size_t)(rate * (double)all) + 1;
    while (count > 0 && (double)count / (double)all > rate) count--;
    return count;
}

static size_t count_accepted(const float *scores, size_t count, float least) {
    size_t accepted = 0;
    while (accepted < count && scores[accepted] >= least) accepted++;
    return accepted;
}

static double share(size_t part, size_t all) { return all > 0 ? (double)part / (double)all : NAN; }

rtv_threshold rtvi_eval_threshold(const rtvi_eval_nearest *nearest, double false_accept_rate) {
    const size_t allowed = most_allowed(false_accept_rate, nearest->queries);
    const float least = allowed < nearest->num_others ? nextafterf(nearest->others[allowed], INFINITY) : -INFINITY;
    return (rtv_threshold){.min_score = least,
                           .false_accept_rate = share(count_accepted(nearest->others, nearest->num_others, least), nearest->queries),
                           .false_reject_rate = 1 - share(count_accepted(nearest->sames, nearest->num_sames, least), nearest->answerable)};
}
