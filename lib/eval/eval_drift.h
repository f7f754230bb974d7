/* eval_drift.h - two runs over the same queries compared, on arrays alone. */
#ifndef RTVI_EVAL_DRIFT_H
#define RTVI_EVAL_DRIFT_H

#include <stdint.h>

/* What changed from run A to run B at one k. */
typedef struct rtvi_eval_change {
    int64_t right_a, right_b; /* queries with 1 <= rank <= k */
    int64_t gained, lost;     /* right in B only, in A only */
    double low, high;         /* 95 % interval of (right_b - right_a) / count */
    double p_value;           /* of no change */
} rtvi_eval_change;

/* a[count], b[count]: the place of the first right hit of a query, from 1; 0 for none. */
rtvi_eval_change rtvi_eval_compare_ranks(const int32_t *a, const int32_t *b, int64_t count, int64_t k);

/* The 95 % interval of Bonett and Price (2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
 * data") for the change of a proportion; count > 0. */
void rtvi_eval_paired_interval(int64_t count, int64_t gained, int64_t lost, double *low, double *high);
/* McNemar's exact test, two-sided: the binomial probability of a split as uneven as this one or more. */
double rtvi_eval_mcnemar(int64_t gained, int64_t lost);

/* Of two vectors of any length; 0 when one is zero. Sums in double, in order. */
double rtvi_eval_cosine(const float *a, const float *b, int64_t dim);
/* sorted[count] rises, count > 0; 0 <= share <= 1: linear between neighbours, as NumPy's. */
double rtvi_eval_quantile(const double *sorted, int64_t count, double share);

#endif
