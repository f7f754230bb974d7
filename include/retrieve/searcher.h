/* searcher.h - a model and an index together: pictures in, similar pictures out. */
#ifndef RETRIEVE_SEARCHER_H
#define RETRIEVE_SEARCHER_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/index.h>
#include <retrieve/model.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Keeps its model and its index alive. Thread class: shared. */
typedef struct rtv_searcher rtv_searcher;

/* accept: RTV_ACCEPT_*, whose index is taken; it has the model's dimension. To an index of the parent nothing can be added with this model
 * (rtv_searcher_add answers MISMATCH). Errors: MISMATCH (both fingerprints named), INVALID_ARGUMENT, OUT_OF_MEMORY. */
RTV_API int32_t rtv_searcher_create(rtv_model *model, rtv_index *index, int32_t accept, rtv_searcher **searcher, rtv_error *error);

RTV_API void rtv_searcher_free(rtv_searcher *searcher);

/* Where per-picture results go besides the hits; arrays of the caller as in rtv_embedding, each NULL when not wanted. result may be NULL.
 * Searches for count pictures; hits[count][k], num_hits[count] (0 for a picture that failed). options NULL for the defaults;
 * predicted_class = RTV_PREDICTED_OWN restricts each query to items predicted as the class predicted for the query.
 * Errors: as rtv_model_embed and rtv_index_search. */
#define RTV_PREDICTED_OWN (-2)
RTV_API int32_t rtv_searcher_search(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, int64_t k,
                                    const rtv_search_options *options, rtv_hit *hits, int64_t *num_hits, const rtv_embedding *result,
                                    rtv_error *error);

/* Embeds count pictures and adds those that succeed, in order, with their predicted classes. items: ids, keys and classes as in
 * rtv_index_add, its vectors and predicted ignored; NULL for none of them. result as above, its statuses or errors tell which failed.
 * Errors: as rtv_model_embed and rtv_index_add. */
RTV_API int32_t rtv_searcher_add(rtv_searcher *searcher, const rtv_picture *pictures, int64_t count, const rtv_items *items,
                                 const rtv_embed_options *options, const rtv_embedding *result, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
