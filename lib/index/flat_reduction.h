/* flat_reduction.h - a reduction: what makes of a vector as it is given one as it is kept, and its bytes in a file. */
#ifndef RTVI_FLAT_REDUCTION_H
#define RTVI_FLAT_REDUCTION_H

#include <retrieve/reduce.h>

#include "base/base_env.h"
#include "base/base_team.h"

/* Never changes once it is made. */
typedef struct rtvi_reduction {
    const rtvi_env *env;
    int32_t method, dim, kept_dim;
    int32_t whiten, normalize;
    int32_t normalize_given; /* 1: what is given is scaled to unit length first, as the index did that it was fitted on */
    double variance;
    int64_t fit_items;
    float *mean;   /* [dim], of PCA */
    float *matrix; /* [kept_dim][dim], of PCA */
} rtvi_reduction;

/* With arrays to be filled, zeros as yet. */
int32_t rtvi_reduction_create(const rtvi_env *env, int32_t method, int32_t dim, int32_t kept_dim, rtvi_reduction **reduction,
                              rtv_error *error);
int32_t rtvi_reduction_copy(const rtvi_env *env, const rtvi_reduction *from, rtvi_reduction **reduction, rtv_error *error);
/* NULL is allowed. */
void rtvi_reduction_destroy(rtvi_reduction *reduction);
int rtvi_reduction_is_equal(const rtvi_reduction *a, const rtvi_reduction *b);

/* kept[count][kept_dim] of vectors[count][dim], which are finite; team may be NULL. what names a vector in messages.
 * Errors: INVALID_ARGUMENT (the result does not fit float32), OUT_OF_MEMORY, as rtvi_team_run_many. */
int32_t rtvi_reduction_apply(const rtvi_reduction *reduction, rtvi_team *team, const float *vectors, size_t count, const char *what,
                             float *kept, rtv_error *error);

/* As the block of an index file (docs/formats.md): first RTVI_REDUCTION_HEAD bytes, then the arrays as they lie. */
enum { RTVI_REDUCTION_HEAD = 64 };
size_t rtvi_reduction_array_bytes(const rtvi_reduction *reduction); /* mean and matrix are one block of memory */
void rtvi_reduction_put_head(const rtvi_reduction *reduction, uint8_t head[RTVI_REDUCTION_HEAD]);
/* bytes: of a file, whose vectors have kept_dim floats and are given with dim. file_offset: of the bytes, for messages. Errors: FORMAT. */
int32_t rtvi_reduction_read(const rtvi_env *env, const uint8_t *bytes, uint64_t size, uint64_t file_offset, int32_t dim, int32_t kept_dim,
                            rtvi_reduction **reduction, rtv_error *error);

#endif
