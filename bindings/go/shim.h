/* shim.h - what Go cannot say to C itself.
 *
 * A call may pass pointers to Go's memory as arguments, but not inside a struct; so structs that name the caller's arrays are put together
 * here. And callbacks: user points to memory of C with a cgo.Handle, a number for the Go side of the call. */
#ifndef RETRIEVE_GO_SHIM_H
#define RETRIEVE_GO_SHIM_H

#include <retrieve/retrieve.h>

/* A search for one query for which Go allocates nothing, as it would for results by address, and to check a pointer to a type it does not
 * know (the index). The result is NULL, or an error to be freed; behind the last hit stand some with the id -1. */
rtv_error *rtvgo_index_search_one(void *index, const float *query, int64_t k, const rtv_search_options *options, rtv_hit *hits);

/* The fields of an rtv_items. */
int32_t rtvgo_index_add(rtv_index *index, int32_t replace, const float *vectors, const int64_t *ids, const char *const *keys,
                        const int32_t *classes, const int32_t *predicted, const rtv_bytes *payloads, int64_t count, rtv_error *error);

/* The fields of an rtv_embedding, [count] each. */
int32_t rtvgo_model_embed(rtv_model *model, const rtv_picture *pictures, int64_t count, const rtv_embed_options *options,
                          float *descriptors, int32_t *classes, float *class_scores, rtv_error *errors, rtv_error *error);
int32_t rtvgo_searcher_search(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, int64_t k,
                              const rtv_search_options *options, rtv_hit *hits, int64_t *num_hits, rtv_error *errors, rtv_error *error);
int32_t rtvgo_searcher_add(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, const int64_t *ids, const char *const *keys,
                           const int32_t *classes, const rtv_bytes *payloads, const rtv_embed_options *options, rtv_error *errors,
                           rtv_error *error);

/* The user pointer of callbacks. */
typedef struct rtvgo_user {
    uintptr_t handle;
    int64_t tick;  /* of the clock at the last progress; 0 before the first */
    int32_t quiet; /* 1: progress is only to hear whether to stop, and goes on to Go some 250 times a second: that takes a while */
    int32_t reserved;
} rtvgo_user;

/* Callbacks, which go on to Go. */
int32_t rtvgo_progress(void *user, int64_t done, int64_t total);
int32_t rtvgo_filter(void *user, int64_t query, const rtv_hit *hit);
int32_t rtvgo_hits(void *user, int64_t query, const rtv_hit *hits, int64_t count);
int32_t rtvgo_pairs(void *user, const rtv_pair *pairs, int64_t count);
int32_t rtvgo_visit(void *user, const rtv_item *item);
int32_t rtvgo_sample(void *user, int64_t sample, float *values);
int32_t rtvgo_decode(void *user, const void *data, uint64_t size_bytes, int32_t *width_px, int32_t *height_px, uint8_t *pixels);
void rtvgo_log(void *user, int32_t level, const char *line);

#endif
