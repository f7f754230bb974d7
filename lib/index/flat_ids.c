/* flat_ids.c - the ids of an index, by row and by value. */
#include "index/flat_ids.h"

#include <string.h>

void rtvi_ids_destroy(const rtvi_env *env, rtvi_ids *ids) {
    rtvi_free(env, ids->ids);
    rtvi_free(env, ids->by_id);
    memset(ids, 0, sizeof *ids);
}

size_t rtvi_ids_memory(const rtvi_ids *ids) { return ids->ids_capacity * sizeof *ids->ids + ids->by_id_capacity * sizeof *ids->by_id; }

static size_t row_of_rank(const rtvi_ids *ids, size_t rank) { return ids->by_id ? ids->by_id[rank] : rank; }

int rtvi_ids_find(const rtvi_ids *ids, int64_t id, size_t *row) {
    size_t low = 0, high = ids->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        *row = row_of_rank(ids, middle);
        if (ids->ids[*row] == id) return 1;
        if (ids->ids[*row] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return 0;
}

static int64_t largest(const rtvi_ids *ids) { return ids->count ? ids->ids[row_of_rank(ids, ids->count - 1)] : -1; }

static void sink(const int64_t *ids, size_t *order, size_t count, size_t at, size_t moving) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && ids[order[child]] < ids[order[child + 1]]) child++;
        if (ids[moving] >= ids[order[child]]) break;
        order[at] = order[child];
    }
    order[at] = moving;
}

/* Heap sort: in place, and n log n whatever the input. */
static void sort_by_id(const int64_t *ids, size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count / 2; i-- > 0;) sink(ids, order, count, i, order[i]);
    for (size_t left = count; left > 1; left--) {
        size_t top = order[0];
        sink(ids, order, left - 1, 0, order[left - 1]);
        order[left - 1] = top;
    }
}

static int32_t check_values(const int64_t *fresh, size_t more, rtv_error *error) {
    for (size_t i = 0; i < more; i++)
        if (fresh[i] < 0)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: id of item %zu: got %lld, expected at least 0", i,
                                  (long long)fresh[i]);
    return RTV_OK;
}

static int32_t check_unique(const rtvi_ids *ids, const int64_t *fresh, const size_t *order, size_t more, rtv_error *error) {
    for (size_t i = 0; i < more; i++) {
        size_t row;
        if (i > 0 && fresh[order[i]] == fresh[order[i - 1]])
            return rtvi_error_set(error, RTV_E_EXISTS, "index: id %lld: got it twice, for items %zu and %zu, expected ids once",
                                  (long long)fresh[order[i]], order[i - 1] < order[i] ? order[i - 1] : order[i],
                                  order[i - 1] < order[i] ? order[i] : order[i - 1]);
        if (rtvi_ids_find(ids, fresh[order[i]], &row))
            return rtvi_error_set(error, RTV_E_EXISTS, "index: id %lld of item %zu: is in the index already, expected a new one",
                                  (long long)fresh[order[i]], order[i]);
    }
    return RTV_OK;
}

static int reserve(const rtvi_env *env, rtvi_ids *ids, size_t more, int ordered) {
    size_t needed;
    const int had_order = ids->by_id != NULL;
    if (!rtvi_add(ids->count, more, &needed)) return 0;
    if (!rtvi_grow(env, (void **)&ids->ids, &ids->ids_capacity, ids->count, needed, sizeof *ids->ids)) return 0;
    if (ordered && !had_order) return 1;
    if (!rtvi_grow(env, (void **)&ids->by_id, &ids->by_id_capacity, had_order ? ids->count : 0, needed, sizeof *ids->by_id)) return 0;
    if (!had_order)
        for (size_t i = 0; i < ids->count; i++) ids->by_id[i] = i;
    return 1;
}

/* Both runs are in ascending order of ids; merged from the back, so that nothing is overwritten before it is read. */
static void merge(rtvi_ids *ids, const int64_t *fresh, const size_t *order, size_t more) {
    size_t old = ids->count, added = more;
    while (added > 0) {
        if (old > 0 && ids->ids[ids->by_id[old - 1]] > fresh[order[added - 1]]) {
            ids->by_id[old + added - 1] = ids->by_id[old - 1];
            old--;
        } else {
            ids->by_id[old + added - 1] = ids->count + order[added - 1];
            added--;
        }
    }
}

/* fresh ascends and lies above all that is there. */
static int32_t append_above(const rtvi_env *env, rtvi_ids *ids, const int64_t *fresh, size_t more, rtv_error *error) {
    const int64_t first = largest(ids) + 1;
    if (!reserve(env, ids, more, 1)) return rtvi_error_out_of_memory(error, "index", 0);
    for (size_t i = 0; i < more; i++) {
        ids->ids[ids->count + i] = fresh ? fresh[i] : first + (int64_t)i;
        if (ids->by_id) ids->by_id[ids->count + i] = ids->count + i;
    }
    ids->count += more;
    return RTV_OK;
}

static int32_t append_any(const rtvi_env *env, rtvi_ids *ids, const int64_t *fresh, size_t more, rtv_error *error) {
    size_t *order = rtvi_alloc(env, more, sizeof *order);
    int32_t status;
    if (!order) return rtvi_error_out_of_memory(error, "index", more * sizeof *order);
    sort_by_id(fresh, order, more);
    status = check_unique(ids, fresh, order, more, error);
    if (status == RTV_OK && !reserve(env, ids, more, 0)) status = rtvi_error_out_of_memory(error, "index", 0);
    if (status == RTV_OK) {
        merge(ids, fresh, order, more);
        memcpy(ids->ids + ids->count, fresh, more * sizeof *fresh);
        ids->count += more;
    }
    rtvi_free(env, order);
    return status;
}

int32_t rtvi_ids_append(const rtvi_env *env, rtvi_ids *ids, const int64_t *fresh, size_t more, rtv_error *error) {
    int32_t status;
    int64_t last = largest(ids);
    size_t i = 0;
    if (more == 0) return RTV_OK;
    if (!fresh) {
        if (more > (uint64_t)INT64_MAX - (uint64_t)last) /* unsigned: last is -1 in an empty index */
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: ids: got %zu items after id %lld, expected ids of their own", more,
                                  (long long)last);
        return append_above(env, ids, NULL, more, error);
    }
    status = check_values(fresh, more, error);
    if (status != RTV_OK) return status;
    for (; i < more && fresh[i] > last; i++) last = fresh[i];
    return i == more ? append_above(env, ids, fresh, more, error) : append_any(env, ids, fresh, more, error);
}
