/* flat_ids.h - the ids of an index, by row and by value. */
#ifndef RTVI_FLAT_IDS_H
#define RTVI_FLAT_IDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"

/* Ids that come in ascending order, as most do, need no second array. Others get the rows in ascending order of their ids: a sorted array
 * takes half the memory of a hash table and has no bad case that a hostile file could provoke. Zeroed, it is empty. */
typedef struct rtvi_ids {
    int64_t *ids;  /* [count], by row */
    size_t *by_id; /* [count] rows in ascending order of ids; NULL while that is 0, 1, 2 ... */
    size_t count;
    size_t ids_capacity, by_id_capacity;
} rtvi_ids;

void rtvi_ids_destroy(const rtvi_env *env, rtvi_ids *ids);
/* The row of an id; 0 when there is none. */
int rtvi_ids_find(const rtvi_ids *ids, int64_t id, size_t *row);
/* Adds more ids, all or none. fresh NULL: those after the largest, one by one. Errors: INVALID_ARGUMENT (negative), EXISTS,
 * OUT_OF_MEMORY. */
int32_t rtvi_ids_append(const rtvi_env *env, rtvi_ids *ids, const int64_t *fresh, size_t more, rtv_error *error);
size_t rtvi_ids_memory(const rtvi_ids *ids);

#endif
