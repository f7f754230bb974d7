/* kernels_pool.c - mean, maximum and generalised mean over the positions of a map. */
#include "kernels/kernels.h"

#include <math.h>

/* Channels reduced side by side: enough to hide the latency of an addition, few enough for registers and the first cache. */
#define GROUP 16

enum { REDUCE_SUM, REDUCE_CUBES, REDUCE_MAX };

/* acc[c] over positions 0..positions-1 in that order, in double: a float's cube is rounded once (its square is exact), a sum has 29 bits to
 * spare, so what remains is the final rounding to float. A NaN wins every maximum, as in PyTorch. Inlined with constants so that the
 * compiler can vectorise over channels; every channel's order stays the same. */
static inline __attribute__((always_inline)) void reduce(const float *x, int64_t channel_step, int64_t position_step, int64_t span,
                                                         int64_t positions, int how, double acc[GROUP]) {
    for (int64_t c = 0; c < span; c++) acc[c] = how == REDUCE_MAX ? -INFINITY : 0.0;
    for (int64_t p = 0; p < positions; p++) {
        for (int64_t c = 0; c < span; c++) {
            double value = (double)x[p * position_step + c * channel_step];
            if (how == REDUCE_SUM) acc[c] += value;
            if (how == REDUCE_CUBES) acc[c] += value * value * value;
            if (how == REDUCE_MAX) acc[c] = ((value > acc[c]) | (value != value)) ? value : acc[c];
        }
    }
}

/* The next group of channels of x [channels/block][positions][block]; returns how many. */
static inline __attribute__((always_inline)) int64_t reduce_group(const float *x, int64_t channels, int64_t positions, int64_t block,
                                                                  int64_t channel, int how, double acc[GROUP]) {
    int64_t row = block == 1 ? channels : block; /* channels a constant step apart, beginning at a multiple of it */
    int64_t left = row - channel % row, span = left < GROUP ? left : GROUP;
    const float *from = x + (channel - channel % block) * positions + channel % block;
    if (block == 1) {
        reduce(from, positions, 1, span, positions, how, acc);
    } else if (span == GROUP) {
        reduce(from, 1, block, GROUP, positions, how, acc);
    } else {
        reduce(from, 1, block, span, positions, how, acc);
    }
    return span;
}

void rtvi_pool_avg(const float *x, int64_t channels, int64_t positions, int64_t block, float *out) {
    double acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, channels, positions, block, channel, REDUCE_SUM, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = (float)(acc[c] / (double)positions);
    }
}

void rtvi_pool_max(const float *x, int64_t channels, int64_t positions, int64_t block, float *out) {
    double acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, channels, positions, block, channel, REDUCE_MAX, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = (float)acc[c];
    }
}

/* t^3 = m for m in [1,8), to within 2e-16 of t. The start (a least-maximum fit) is within 1.6e-2; Halley's iteration, which is Newton's on
 * (t^3 - m) / sqrt(3 t^2), takes an error e to 2/3 e^3: 2.8e-6, then less than rounding. */
static double cube_root_of_reduced(double m) {
    double t = 0.7625 + m * (0.26808 - m * 0.014671);
    for (int i = 0; i < 2; i++) {
        double cube = t * t * t;
        t = t * ((cube + 2.0 * m) / (2.0 * cube + m));
    }
    return t;
}

/* Exact powers of 8 taken out first, so that one period of magnitudes stands for all. NaN, infinities and zeros come back as they are. */
static double cube_root(double x) {
    int exponent, eighths;
    double m = frexp(fabs(x), &exponent); /* [0.5,1) * 2^exponent */
    if (x == 0.0 || x - x != 0.0) return x;
    exponent += 3071; /* a multiple of 3 below every exponent, and 1 less: m * 2 lies in [1,2) */
    eighths = exponent / 3;
    m = cube_root_of_reduced(ldexp(m, exponent % 3 + 1));
    return copysign(ldexp(m, eighths - 1024), x);
}

float rtvi_cube_root(float x) { return (float)cube_root((double)x); }

void rtvi_pool_gem(const float *x, int64_t channels, int64_t positions, int64_t block, float *out) {
    double acc[GROUP];
    for (int64_t channel = 0, n; channel < channels; channel += n) {
        n = reduce_group(x, channels, positions, block, channel, REDUCE_CUBES, acc);
        for (int64_t c = 0; c < n; c++) out[channel + c] = (float)cube_root(acc[c] / (double)positions);
    }
}
