/* reduce.h - fewer dimensions: a PCA or a truncation, fitted on an index and kept in its file. */
#ifndef RETRIEVE_REDUCE_H
#define RETRIEVE_REDUCE_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/index.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A reduced index is used like any other, and with the same model: what it is given, queries, vectors to add, pictures, has dim floats and
 * goes through the reduction on its way in; what it gives out (rtv_index_vectors, rtv_index_visit, rtv_index_export) is what it keeps,
 * vectors of kept_dim floats. The arithmetic of a reduction is fixed (docs/search.md): the same bits on every processor, in every batch,
 * for every number of threads. */
enum {
    RTV_REDUCE_PCA = 1,     /* the directions along which the items differ most */
    RTV_REDUCE_TRUNCATE = 2 /* the first coordinates: for models that were trained for it */
};

typedef struct rtv_reduce_options {
    uint32_t struct_size;
    int32_t method;    /* RTV_REDUCE_*; init writes PCA */
    int32_t kept_dim;  /* 1 to the index's dim; init writes 0: not chosen yet */
    int32_t whiten;    /* PCA: 1: each coordinate is divided by its standard deviation; 0 (init): it is not */
    int32_t normalize; /* 1 (init): what is kept is scaled to unit length (zeros stay zeros), so that scores are cosines; 0: it is not */
    int32_t storage;   /* of the new index, RTV_STORAGE_*; init writes 0: as in the index */
    int64_t fit_items; /* PCA: fitted on at most so many items, evenly spread; init writes 100000 */
    rtv_index *like;   /* its reduction is taken as it is, and of the fields above only storage counts; NULL (init): a new one is fitted */
    rtv_progress_fn progress; /* NULL (init) for none */
    void *progress_user;
} rtv_reduce_options;

RTV_API void rtv_reduce_options_init_sized(rtv_reduce_options *options, uint32_t struct_size);
#define rtv_reduce_options_init(options) rtv_reduce_options_init_sized((options), (uint32_t)sizeof(rtv_reduce_options))

/* A new index with all that one state of the index holds (ids, keys, classes and their names, payloads, the model's fingerprint), but with
 * reduced vectors, and without the min_score, for scores are others now. path NULL: in memory; else a new file, open for writing and
 * committed. Of PCA's two directions along an axis the one is taken in which the largest coordinate is positive.
 * Errors: INVALID_ARGUMENT (options; the index is reduced already, or empty; whitening of directions in which the items do not differ),
 * UNSUPPORTED (PCA of more than 4096 dimensions), MISMATCH (like is not reduced, or has another dim), EXISTS (there is a file), IO,
 * CANCELLED, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_reduce(rtv_index *index, const rtv_reduce_options *options, const char *path, rtv_index **reduced,
                                 rtv_error *error);

typedef struct rtv_reduction_info {
    uint32_t struct_size;
    int32_t method;    /* RTV_REDUCE_*; 0: the index is not reduced */
    int32_t dim;       /* floats of what is given */
    int32_t kept_dim;  /* floats of what is kept; dim when not reduced */
    int32_t whiten;    /* as in the options */
    int32_t normalize; /* as in the options */
    double variance;   /* PCA: share of the fitted items' variance that lies in the kept directions; else 0 */
    int64_t fit_items; /* it was fitted on; 0 for a truncation */
} rtv_reduction_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_reduction_info_get(rtv_index *index, rtv_reduction_info *info, rtv_error *error);

/* vectors[count][dim] through the reduction, kept[count][kept_dim]; as they are when the index is not reduced.
 * Errors: INVALID_ARGUMENT (NaN, infinite; what comes out does not fit float32), OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_project(rtv_index *index, const float *vectors, int64_t count, float *kept, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
