/* eval_metrics.c - a query's metrics from the ranks of its relevant items alone: no list of results is needed. The i-th relevant item (from
 * 1) has rank ranks[i-1], so the precision there is i / rank. Sums run in that order, in double. */
#include "eval/eval_metrics.h"

int rtvi_eval_column(const int64_t *ks, size_t num_ks, int32_t metric, int64_t k, size_t *column) {
    size_t at = 0;
    if (metric < RTV_METRIC_RECALL || metric > RTV_METRIC_MRR) return 0;
    if (metric >= RTV_METRIC_R_PRECISION) {
        *column = 2 * num_ks + (size_t)(metric - RTV_METRIC_R_PRECISION);
        return 1;
    }
    while (at < num_ks && ks[at] != k) at++;
    *column = (metric == RTV_METRIC_RECALL ? 0 : num_ks) + at;
    return at < num_ks;
}

static size_t count_within(const int64_t *ranks, size_t found, int64_t limit) {
    size_t count = 0;
    while (count < found && ranks[count] <= limit) count++;
    return count;
}

static double sum_precisions(const int64_t *ranks, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += (double)(i + 1) / (double)ranks[i];
    return sum;
}

void rtvi_eval_row(const int64_t *ranks, size_t found, int64_t relevant, const int64_t *ks, size_t num_ks, double *row) {
    double *const last = row + 2 * num_ks;
    const double share = relevant > 0 ? (double)relevant : 1;
    const size_t within = count_within(ranks, found, relevant);
    for (size_t i = 0; i < num_ks; i++) {
        const size_t count = count_within(ranks, found, ks[i]);
        row[i] = count > 0;
        row[num_ks + i] = (double)count / (double)ks[i];
    }
    last[0] = (double)within / share;
    last[1] = sum_precisions(ranks, within) / share;
    last[2] = sum_precisions(ranks, found) / share;
    last[3] = found > 0 ? 1.0 / (double)ranks[0] : 0;
}
