/* exec_plan.c - places buffers in one arena by their lives. Large buffers first is close to the best on most networks; on a plain chain it
 * may not be, and there filling a given arena from both its ends in the order of time always is. */
#include "exec/exec_plan.h"

#include <stdlib.h>

/* Bytes in the arena: a multiple of a cache line. */
static size_t room(const rtvi_plan_buffer *buffer) { return (buffer->size + RTVI_CACHE_LINE - 1) / RTVI_CACHE_LINE * RTVI_CACHE_LINE; }

/* Equals keep their order, so that the plan does not depend on the C library's qsort. */
static int larger_first(const void *a, const void *b) {
    const rtvi_plan_buffer *x = *(const rtvi_plan_buffer *const *)a, *y = *(const rtvi_plan_buffer *const *)b;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return (x > y) - (x < y);
}

static int earlier_first(const void *a, const void *b) {
    const rtvi_plan_buffer *x = *(const rtvi_plan_buffer *const *)a, *y = *(const rtvi_plan_buffer *const *)b;
    if (x->first != y->first) return x->first < y->first ? -1 : 1;
    return (x > y) - (x < y);
}

static int live_together(const rtvi_plan_buffer *a, const rtvi_plan_buffer *b) { return a->first <= b->last && b->first <= a->last; }

/* The lowest offset where the buffer fits between those of placed[count] (lowest offset first) that live with it. */
static size_t find_offset(const rtvi_plan_buffer *buffer, rtvi_plan_buffer *const *placed, size_t count) {
    size_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        const rtvi_plan_buffer *other = placed[i];
        if (!live_together(buffer, other)) continue;
        if (other->offset >= offset + room(buffer)) break;
        if (other->offset + room(other) > offset) offset = other->offset + room(other);
    }
    return offset;
}

/* placed[count] is room for the buffers in the order of their offsets. Returns the arena's size. */
static size_t place_by_size(rtvi_plan_buffer **order, rtvi_plan_buffer **placed, size_t count) {
    size_t arena = 0;
    qsort(order, count, sizeof *order, larger_first);
    for (size_t i = 0; i < count; i++) {
        rtvi_plan_buffer *buffer = order[i];
        size_t at = i;
        buffer->offset = find_offset(buffer, placed, i);
        for (; at > 0 && placed[at - 1]->offset > buffer->offset; at--) placed[at] = placed[at - 1];
        placed[at] = buffer;
        if (buffer->offset + room(buffer) > arena) arena = buffer->offset + room(buffer);
    }
    return arena;
}

/* The most that lives at one time, which no plan can beat. Only the first step of a buffer can be such a time. */
static size_t most_live(rtvi_plan_buffer *const *order, size_t count) {
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t live = 0;
        for (size_t j = 0; j < count; j++) {
            if (order[j]->first <= order[i]->first && order[i]->first <= order[j]->last) live += room(order[j]);
        }
        if (live > most) most = live;
    }
    return most;
}

/* Whether the offset is free of order[0..count-1] for the whole life of the buffer. */
static int is_free(const rtvi_plan_buffer *buffer, size_t offset, rtvi_plan_buffer *const *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const rtvi_plan_buffer *other = order[i];
        if (live_together(buffer, other) && other->offset < offset + room(buffer) && offset < other->offset + room(other)) return 0;
    }
    return 1;
}

/* Each buffer at the bottom of the arena or at its top; 0 when one fits at neither. */
static int place_at_ends(rtvi_plan_buffer **order, size_t count, size_t arena) {
    qsort(order, count, sizeof *order, earlier_first);
    for (size_t i = 0; i < count; i++) {
        order[i]->offset = 0;
        if (is_free(order[i], 0, order, i)) continue;
        order[i]->offset = arena - room(order[i]);
        if (!is_free(order[i], order[i]->offset, order, i)) return 0;
    }
    return 1;
}

/* When the sum of all rooms fits size_t, every offset does. */
static int sum_fits(const rtvi_plan_buffer *buffers, size_t count) {
    size_t sum = 0, rounded;
    for (size_t i = 0; i < count; i++) {
        if (!rtvi_add(buffers[i].size, RTVI_CACHE_LINE - 1, &rounded) || !rtvi_add(sum, rounded, &sum)) return 0;
    }
    return 1;
}

int32_t rtvi_plan_buffers(const rtvi_env *env, rtvi_plan_buffer *buffers, size_t count, size_t *arena_size, rtv_error *error) {
    rtvi_plan_buffer **order, **placed; /* [count] each, in one block */
    size_t least;
    *arena_size = 0;
    if (!sum_fits(buffers, count)) {
        return rtvi_error_set(error, RTV_E_LIMIT, "exec: activations: got more bytes than fit in memory addresses, expected fewer");
    }
    order = rtvi_alloc(env, count, 2 * sizeof *order);
    if (!order) return rtvi_error_out_of_memory(error, "exec", count * 2 * sizeof *order);
    placed = order + count;
    for (size_t i = 0; i < count; i++) order[i] = &buffers[i];
    least = most_live(order, count);
    *arena_size = place_by_size(order, placed, count);
    if (*arena_size > least) {
        if (place_at_ends(order, count, least)) {
            *arena_size = least;
        } else {
            for (size_t i = 0; i < count; i++) order[i] = &buffers[i];
            *arena_size = place_by_size(order, placed, count);
        }
    }
    rtvi_free(env, order);
    return RTV_OK;
}
