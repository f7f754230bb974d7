/* flat_state.h - what a flat index holds, for the files flat*.c alone. */
#ifndef RTVI_FLAT_STATE_H
#define RTVI_FLAT_STATE_H

#include <pthread.h>

#include "index/flat.h"
#include "index/flat_ids.h"
#include "index/flat_rows.h"
#include "index/flat_strings.h"

#define RTVI_FLAT_MAX_DIM 65536
#define RTVI_FLAT_POOL 8 /* workspaces kept for the next searches */

/* What one search needs besides the index; lent from a pool, so that a search like the last one allocates nothing. */
typedef struct rtvi_flat_work {
    struct rtvi_flat_work *next;
    void *block;
    size_t size;
} rtvi_flat_work;

struct rtvi_flat {
    const rtvi_env *env;
    int32_t dim;
    pthread_rwlock_t lock; /* searches and questions share it, changes have it alone; waiting changes go first */
    float *vectors;        /* [ids.count][dim], row-major */
    rtvi_ids ids;
    uint8_t *codes;        /* [ids.count] records of the vectors */
    int32_t *classes;      /* [ids.count], -1 for none */
    int32_t *predicted;    /* [ids.count], -1 for none */
    rtvi_strings keys;     /* ids.count of them */
    rtvi_strings names[2]; /* of classes and of predicted classes */
    size_t vectors_capacity, codes_capacity, classes_capacity, predicted_capacity;
    char fingerprint[RTV_FINGERPRINT_CHARS + 1];
    char model_name[64];
    rtvi_chunk chunk; /* all of the above, as searches see it */
    rtvi_rows rows;
    pthread_mutex_t pool_lock;
    rtvi_flat_work *pool;
    size_t pool_count, pool_bytes;
};

int32_t rtvi_flat_work_take(rtvi_flat *flat, size_t size, rtvi_flat_work **work, rtv_error *error);
void rtvi_flat_work_give(rtvi_flat *flat, rtvi_flat_work *work);
void rtvi_flat_work_destroy(rtvi_flat *flat);

/* Under the lock, after whatever may have moved the arrays: shows them to searches. */
void rtvi_flat_show_rows(rtvi_flat *flat);

/* What vectors and classes have to be like; said of item i. */
int32_t rtvi_flat_check_vectors(const float *vectors, size_t count, size_t dim, const char *what, rtv_error *error);
int32_t rtvi_flat_check_classes(const int32_t *classes, size_t count, const char *what, rtv_error *error);

#endif
