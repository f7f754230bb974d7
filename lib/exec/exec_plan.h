/* exec_plan.h - where each intermediate array lies in one arena: arrays whose lives do not overlap share memory. */
#ifndef RTVI_EXEC_PLAN_H
#define RTVI_EXEC_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"

typedef struct rtvi_plan_buffer {
    size_t size;         /* bytes; 0 takes no room */
    int32_t first, last; /* steps of its first write and last read, both included */
    size_t offset;       /* result, a multiple of 64 */
} rtvi_plan_buffer;

/* Greedy by size: large buffers first, each at the lowest offset free during its life; on chains no plan is smaller. Writes offsets and
 * *arena_size. */
int32_t rtvi_plan_buffers(const rtvi_env *env, rtvi_plan_buffer *buffers, size_t count, size_t *arena_size, rtv_error *error);

#endif
