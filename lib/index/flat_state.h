/* flat_state.h - what a flat index holds, for the files flat*.c alone. */
#ifndef RTVI_FLAT_STATE_H
#define RTVI_FLAT_STATE_H

#include <pthread.h>

#include "index/flat.h"
#include "index/flat_load.h"
#include "index/flat_store.h"

#define RTVI_FLAT_POOL 8 /* workspaces kept for the next searches */
#define RTVI_FLAT_BLOCK_BYTES ((size_t)64 << 20)

/* What one search needs besides the index; lent from a pool, so that a search like the last one allocates nothing. */
typedef struct rtvi_flat_work {
    struct rtvi_flat_work *next;
    void *block;
    size_t size;
} rtvi_flat_work;

struct rtvi_flat {
    const rtvi_env *env;
    int32_t dim; /* of what is kept */
    rtvi_header header;
    rtvi_reduction *reduction; /* of what is given, once the index is there always the same; NULL for none */
    rtvi_team *team;           /* for adding many; NULL: the caller's thread */
    const rtvi_io *io;
    size_t block_bytes;     /* of a segment in a file, and of what a writer keeps in memory */
    pthread_mutex_t writer; /* changes take turns; guards what stands down to the next lock */
    int converts;           /* 1: the store's file has format 0 */
    int dirty, meta_dirty;  /* something is not committed; names are not */
    pthread_mutex_t lock;   /* short, never over work: guards the rest, which changes only under both */
    rtvi_snapshot *current;
    rtvi_store *store; /* of an index that is open for writing, or NULL */
    rtvi_meta meta;
    int64_t largest_id; /* ever, -1 before the first */
    int64_t uncommitted;
    int32_t format;
    uint64_t commits, file_bytes;
    pthread_mutex_t pool_lock;
    rtvi_flat_work *pool;
    size_t pool_count, pool_bytes;
};

int32_t rtvi_flat_work_take(rtvi_flat *flat, size_t size, rtvi_flat_work **work, rtv_error *error);
void rtvi_flat_work_give(rtvi_flat *flat, rtvi_flat_work *work);
void rtvi_flat_work_destroy(rtvi_flat *flat);

/* The state as it is now; a reference of the caller's. */
rtvi_snapshot *rtvi_flat_take(rtvi_flat *flat);
/* A copy of the state, to be changed; under the writer's lock. */
int32_t rtvi_flat_draft(rtvi_flat *flat, rtvi_snapshot **draft, rtv_error *error);
/* Counts it and shows it, with what goes along: the largest id so far and how many items were added. The reference becomes the index's. */
void rtvi_flat_show(rtvi_flat *flat, rtvi_snapshot *draft, int64_t largest_id, size_t added);

/* Rows for one segment in a file. */
size_t rtvi_flat_block_rows(const rtvi_flat *flat);
/* In a draft: moves what lies in memory, which comes last, to the file, with the small segments before it. */
int32_t rtvi_flat_flush(rtvi_flat *flat, rtvi_snapshot **draft, rtv_error *error);

/* Bytes of a file that hold nothing of the snapshot, about. */
uint64_t rtvi_flat_waste(const rtvi_flat *flat, const rtvi_snapshot *snapshot, uint64_t file_bytes);

/* Floats of a vector as it is given. */
static inline size_t rtvi_flat_given_dim(const rtvi_flat *flat) { return (size_t)(flat->reduction ? flat->reduction->dim : flat->dim); }
/* Finite vectors as they are given in the form in which they are kept: themselves, or what the index's reduction makes of them, in memory
 * that is the caller's to free (*owned, else NULL). what names one in messages. */
int32_t rtvi_flat_take_in(const rtvi_flat *flat, rtvi_team *team, const float *vectors, size_t count, const char *what, const float **kept,
                          float **owned, rtv_error *error);

/* What is added: as rtv_items, but keys may also be texts with their sizes. */
typedef struct rtvi_batch {
    const float *vectors;
    const int64_t *ids;
    const char *const *keys;
    const rtv_bytes *texts;
    const int32_t *classes, *predicted;
    const rtv_bytes *payloads;
    size_t count;
} rtvi_batch;

/* Appends to a draft, under the writer's lock; *largest_id: of the ids so far. The batch has been checked. */
int32_t rtvi_flat_append(rtvi_flat *flat, rtvi_snapshot **draft, const rtvi_batch *batch, int64_t *largest_id, rtv_error *error);
/* Ids of a batch: at least 0, none twice, none in the draft. */
int32_t rtvi_flat_check_ids(const rtvi_env *env, const rtvi_snapshot *draft, const rtvi_batch *batch, int64_t largest_id, int may_exist,
                            rtv_error *error);
/* Copies the vectors of a batch into a segment as they are kept, with their codes. */
int32_t rtvi_flat_ingest(rtvi_flat *flat, rtvi_segment *segment, size_t row, const float *vectors, size_t count, rtv_error *error);
int32_t rtvi_flat_check_storable(rtvi_flat *flat, const float *vectors, size_t count, rtv_error *error);

/* Progress of a part of something larger. */
typedef struct rtvi_report {
    rtv_progress_fn progress; /* NULL for none */
    void *user;
    int64_t before, total; /* of all parts */
} rtvi_report;
/* done: of this part. Errors: CANCELLED. */
int32_t rtvi_report_tell(const rtvi_report *report, int64_t done, rtv_error *error);

/* The items of another index, with their ids and the numbers of their classes, into one that is empty and nobody else's; where only this
 * one is reduced, through its reduction. */
int32_t rtvi_flat_fill(rtvi_flat *flat, rtvi_flat *from, const rtvi_report *report, rtv_error *error);

/* What vectors and classes have to be like; said of item i. */
int32_t rtvi_flat_check_vectors(const float *vectors, size_t count, size_t dim, const char *what, rtv_error *error);
int32_t rtvi_flat_check_classes(const int32_t *classes, size_t count, const char *what, rtv_error *error);

#endif
