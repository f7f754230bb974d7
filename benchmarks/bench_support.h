/* bench_support.h - what the programs here share. */
#ifndef BENCH_SUPPORT_H
#define BENCH_SUPPORT_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Of a clock that only goes forward. */
static inline int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline double now_ms(void) { return (double)now_ns() * 1e-6; }
static inline double now_s(void) { return (double)now_ns() * 1e-9; }

/* The next of one sequence of numbers of -0.5 to 0.5. */
static inline void fill(float *x, size_t count) {
    static uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = (float)(state >> 8) / 16777216.0F - 0.5F;
    }
}

#endif
