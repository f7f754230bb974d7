/* flat_arena.h - pieces of one block of memory. */
#ifndef RTVI_FLAT_ARENA_H
#define RTVI_FLAT_ARENA_H

#include "base/base_env.h"

/* With base NULL it only measures. */
typedef struct rtvi_arena {
    uint8_t *base;
    size_t used;
    int overflow;
} rtvi_arena;

/* Room for count * each elements of size bytes, on a cache line of its own. */
static inline void *rtvi_arena_carve(rtvi_arena *a, size_t count, size_t each, size_t size) {
    size_t bytes;
    const size_t at = a->used;
    if (!rtvi_mul(count, each, &bytes) || !rtvi_mul(bytes, size, &bytes) || !rtvi_add(bytes, RTVI_CACHE_LINE - 1, &bytes) ||
        !rtvi_add(at, bytes / RTVI_CACHE_LINE * RTVI_CACHE_LINE, &a->used))
        a->overflow = 1;
    return a->base && !a->overflow ? a->base + at : NULL;
}

static inline size_t rtvi_divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }
static inline size_t rtvi_least(size_t a, size_t b) { return a < b ? a : b; }

#endif
