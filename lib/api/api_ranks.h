/* api_ranks.h - leave-one-out: every descriptor asks for its own class among all the others. */
#ifndef RTVI_API_RANKS_H
#define RTVI_API_RANKS_H

#include "api/api_handles.h"

/* The same items twice, as queries and as gallery; they may be of two models. */
typedef struct rtvi_descriptor_set {
    const float *queries, *gallery; /* [count][dim] */
    const int32_t *classes;         /* [count], -1 for none */
    int64_t count;
    int32_t dim;
} rtvi_descriptor_set;

/* ranks[count]: the place of the first of the query's class among the first k of the others, from 1; 0 for none. nearest[count] (may be
 * NULL): the best other item, -1 for none. */
int32_t rtvi_api_ranks(rtv_runtime *runtime, const rtvi_descriptor_set *set, int64_t k, int32_t *ranks, int64_t *nearest, rtv_error *error);

/* Pictures and what recall is measured for. */
typedef struct rtvi_recall_question {
    const rtv_picture *pictures;
    const int32_t *classes; /* [count], -1 for none */
    int64_t count;
    const int64_t *ks; /* [num_ks], rising */
    int64_t num_ks;
} rtvi_recall_question;

/* values[num_ks]: the share of the pictures with a class that find it among the first k of the others; 0 without any. Pictures that cannot
 * be read are left out; when all are, the first one's error comes back. */
int32_t rtvi_api_recall(rtv_model *model, const rtvi_recall_question *question, double *values, rtv_error *error);

/* Options whose ks is NULL (init) mean the defaults, as many as init writes to num_ks. INVALID_ARGUMENT for another number. */
enum { RTVI_CUSTOMARY_KS = 4 };
int32_t rtvi_api_take_ks(const int64_t **ks, int64_t num_ks, const int64_t defaults[RTVI_CUSTOMARY_KS], rtv_error *error);
/* ks[num_ks]: INVALID_ARGUMENT unless they rise and lie in 1..1000, 1..most of them. */
int32_t rtvi_api_check_ks(const int64_t *ks, int64_t num_ks, int64_t most, rtv_error *error);
/* classes[count]: INVALID_ARGUMENT for one below -1. */
int32_t rtvi_api_check_classes(const int32_t *classes, int64_t count, rtv_error *error);

#endif
