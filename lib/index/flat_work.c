/* flat_work.c - the workspaces of searches: a small pool. */
#include "index/flat_state.h"

#define KEEP_AT_MOST ((size_t)64 << 20) /* bytes; a larger workspace (a very large k) goes back to the allocator */

static rtvi_flat_work *take_from_pool(rtvi_flat *flat) {
    rtvi_flat_work *work;
    pthread_mutex_lock(&flat->pool_lock);
    work = flat->pool;
    if (work) {
        flat->pool = work->next;
        flat->pool_count--;
        flat->pool_bytes -= work->size;
    }
    pthread_mutex_unlock(&flat->pool_lock);
    return work;
}

static void drop(rtvi_flat *flat, rtvi_flat_work *work) {
    rtvi_free(flat->env, work->block);
    rtvi_free(flat->env, work);
}

int32_t rtvi_flat_work_take(rtvi_flat *flat, size_t size, rtvi_flat_work **out, rtv_error *error) {
    rtvi_flat_work *work = take_from_pool(flat);
    if (!work) work = rtvi_alloc_zero(flat->env, 1, sizeof *work);
    if (!work) return rtvi_error_out_of_memory(error, "index", sizeof *work);
    if (work->size < size) {
        rtvi_free(flat->env, work->block);
        work->block = rtvi_alloc(flat->env, size, 1);
        work->size = work->block ? size : 0;
    }
    if (!work->block) {
        drop(flat, work);
        return rtvi_error_out_of_memory(error, "index", size);
    }
    *out = work;
    return RTV_OK;
}

void rtvi_flat_work_give(rtvi_flat *flat, rtvi_flat_work *work) {
    int keep;
    pthread_mutex_lock(&flat->pool_lock);
    keep = flat->pool_count < RTVI_FLAT_POOL && work->size <= KEEP_AT_MOST;
    if (keep) {
        work->next = flat->pool;
        flat->pool = work;
        flat->pool_count++;
        flat->pool_bytes += work->size;
    }
    pthread_mutex_unlock(&flat->pool_lock);
    if (!keep) drop(flat, work);
}

void rtvi_flat_work_destroy(rtvi_flat *flat) {
    /* Nobody else is here any more. No lock: in a forked child it may be held for ever. */
    while (flat->pool) {
        rtvi_flat_work *work = flat->pool;
        flat->pool = work->next;
        drop(flat, work);
    }
}
