/* eval_random.h - seeded draws, the same everywhere: SplitMix64 (Steele, Lea, Flood 2014). */
#ifndef RTVI_EVAL_RANDOM_H
#define RTVI_EVAL_RANDOM_H

#include <stdint.h>

static inline uint64_t rtvi_eval_random(uint64_t *state) {
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* 0..limit-1, limit at most 2^32; the bias is below 2^-32. */
static inline uint64_t rtvi_eval_draw(uint64_t *state, uint64_t limit) { return (rtvi_eval_random(state) >> 32) * limit >> 32; }

#endif
