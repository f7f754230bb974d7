/* eval_drift.c - two runs over the same queries compared, on arrays alone. */
#include "eval/eval_drift.h"

#include <math.h>

/* --- proportions ------------------------------------------------------------------------------------------------------------------ */

void rtvi_eval_paired_interval(int64_t count, int64_t gained, int64_t lost, double *low, double *high) {
    const double z = 1.959963984540054; /* the 97.5 % quantile of the normal distribution */
    const double size = (double)count + 2, up = ((double)gained + 1) / size, down = ((double)lost + 1) / size;
    const double middle = up - down, reach = z * sqrt((up + down - middle * middle) / size);
    *low = fmax(middle - reach, -1);
    *high = fmin(middle + reach, 1);
}

double rtvi_eval_mcnemar(int64_t gained, int64_t lost) {
    const int64_t changed = gained + lost, fewer = gained < lost ? gained : lost;
    double log_term = -(double)changed * log(2.0), sum = 0; /* the first terms may underflow; they grow up to the middle */
    for (int64_t i = 0; i <= fewer; i++) {
        sum += exp(log_term);
        log_term += log((double)(changed - i)) - log((double)(i + 1));
    }
    return fmin(2 * sum, 1);
}

rtvi_eval_change rtvi_eval_compare_ranks(const int32_t *a, const int32_t *b, int64_t count, int64_t k) {
    rtvi_eval_change change = {.p_value = 1};
    for (int64_t i = 0; i < count; i++) {
        const int in_a = a[i] >= 1 && a[i] <= k, in_b = b[i] >= 1 && b[i] <= k;
        change.right_a += in_a;
        change.right_b += in_b;
        change.gained += in_b && !in_a;
        change.lost += in_a && !in_b;
    }
    if (count == 0) return change;
    rtvi_eval_paired_interval(count, change.gained, change.lost, &change.low, &change.high);
    change.p_value = rtvi_eval_mcnemar(change.gained, change.lost);
    return change;
}

/* --- descriptors ------------------------------------------------------------------------------------------------------------------ */

double rtvi_eval_cosine(const float *a, const float *b, int64_t dim) {
    double aa = 0, bb = 0, ab = 0;
    for (int64_t i = 0; i < dim; i++) {
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
        ab += (double)a[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / (sqrt(aa) * sqrt(bb)) : 0;
}

double rtvi_eval_quantile(const double *sorted, int64_t count, double share) {
    const double place = share * (double)(count - 1);
    const int64_t below = (int64_t)place;
    if (below + 1 >= count) return sorted[count - 1];
    return sorted[below] + (place - (double)below) * (sorted[below + 1] - sorted[below]);
}
