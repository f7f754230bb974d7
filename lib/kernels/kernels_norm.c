/* kernels_norm.c - unit length, and the most probable class. */
#include "kernels/kernels.h"

#include <math.h>

#define LANES 8

/* Lane l takes elements l, l + 8, l + 16, ... in that order; squares of floats are exact in double. */
static double sum_of_squares(const float *x, int64_t count) {
    double lanes[LANES] = {0};
    int64_t whole = count - count % LANES;
    for (int64_t i = 0; i < whole; i += LANES) {
        for (int l = 0; l < LANES; l++) lanes[l] += (double)x[i + l] * (double)x[i + l];
    }
    for (int64_t i = whole; i < count; i++) lanes[i - whole] += (double)x[i] * (double)x[i];
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

void rtvi_l2_normalize(const float *x, int64_t count, float epsilon, float *out) {
    double norm = sqrt(sum_of_squares(x, count));
    double divisor = norm < (double)epsilon ? (double)epsilon : norm; /* a NaN stays one */
    for (int64_t i = 0; i < count; i++) out[i] = (float)((double)x[i] / divisor);
}

int32_t rtvi_argmax_softmax(const float *x, int64_t count, float *probability) {
    int64_t best = 0;
    double sum = 0.0;
    for (int64_t i = 1; i < count; i++) {
        if (x[i] > x[best] || (x[i] != x[i] && x[best] == x[best])) best = i;
    }
    for (int64_t i = 0; i < count; i++) sum += exp((double)x[i] - (double)x[best]);
    *probability = (float)(1.0 / sum);
    return (int32_t)best;
}
