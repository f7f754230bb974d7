/* quant_histogram.c - how often which values occur. */
#include "quant/quant_histogram.h"

#include <math.h>
#include <string.h>

#define BIN_BITS 11      /* 2^11 bins */
#define SEARCH_STEPS 100 /* candidates for a border: hundredths of the one seen */
#define SEARCH_ROUNDS 3

/* Bins at least so wide. Those of an empty histogram may get any width. */
static void widen(rtvi_quant_histogram *h, int32_t exponent) {
    const int32_t by = h->total == 0 ? 0 : exponent - h->exponent;
    if (h->total != 0 && by <= 0) return;
    h->exponent = exponent;
    for (int32_t side = 0; side < 2 && by > 0; side++) {
        uint64_t *bins = h->bins[side];
        for (int32_t i = 1; i < RTVI_QUANT_BINS; i++) { /* to the left, or to where it is */
            const uint64_t count = bins[i];
            bins[i] = 0;
            bins[by < BIN_BITS ? i >> by : 0] += count;
        }
    }
}

void rtvi_quant_histogram_add(rtvi_quant_histogram *histogram, const float *values, int64_t count, float magnitude) {
    int32_t exponent;
    double factor;
    if (magnitude == 0) return;
    frexp((double)magnitude, &exponent); /* magnitude < 2^exponent */
    widen(histogram, exponent - BIN_BITS);
    factor = ldexp(1, -histogram->exponent);
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)values[i] * factor; /* exact */
        if (x == 0) continue;
        histogram->bins[x < 0][(int32_t)(x < 0 ? -x : x)]++;
        histogram->total++;
    }
}

void rtvi_quant_histogram_merge(rtvi_quant_histogram *histogram, const rtvi_quant_histogram *other) {
    int32_t by;
    if (other->total == 0) return;
    widen(histogram, other->exponent);
    by = histogram->exponent - other->exponent;
    for (int32_t side = 0; side < 2; side++)
        for (int32_t i = 0; i < RTVI_QUANT_BINS; i++) histogram->bins[side][by < BIN_BITS ? i >> by : 0] += other->bins[side][i];
    histogram->total += other->total;
}

/* --- the search --- */

/* Squared error of the bins' middles. */
static double error_of(const rtvi_quant_histogram *h, rtvi_quant_range range, rtvi_quant_preset preset) {
    const rtvi_code_type codes = rtvi_quant_params_activation(range, preset);
    double sum = 0;
    for (int32_t side = 0; side < 2; side++) {
        for (int32_t i = 0; i < RTVI_QUANT_BINS; i++) {
            const float middle = (float)ldexp(side ? -0.5 - i : 0.5 + i, h->exponent);
            double lost;
            if (h->bins[side][i] == 0) continue;
            lost = (double)middle - (double)rtvi_quant_params_decode(codes, rtvi_quant_params_encode(codes, middle));
            sum += (double)h->bins[side][i] * lost * lost;
        }
    }
    return sum;
}

/* The best of the hundredths of *border, which range holds; of equals the widest. */
static void search_border(const rtvi_quant_histogram *h, const rtvi_quant_range *range, float *border, float seen,
                          rtvi_quant_preset preset) {
    double best = INFINITY;
    float chosen = seen;
    for (int32_t i = SEARCH_STEPS; i > 0; i--) {
        double error;
        *border = seen * (float)i / SEARCH_STEPS;
        error = error_of(h, *range, preset);
        if (!(error < best)) continue;
        best = error;
        chosen = *border;
    }
    *border = chosen;
}

rtvi_quant_range rtvi_quant_histogram_search(const rtvi_quant_histogram *histogram, rtvi_quant_range seen, rtvi_quant_preset preset) {
    rtvi_quant_range range = seen;
    for (int32_t i = 0; i < SEARCH_ROUNDS; i++) {
        if (seen.hi > 0) search_border(histogram, &range, &range.hi, seen.hi, preset);
        if (seen.lo < 0) search_border(histogram, &range, &range.lo, seen.lo, preset);
        if (seen.hi <= 0 || seen.lo >= 0) break; /* one border: done */
    }
    return range;
}
