/* flat.h - the flat index: items, exact search, its file. */
#ifndef RTVI_FLAT_H
#define RTVI_FLAT_H

#include <retrieve/index.h>

#include "base/base_file.h"
#include "base/base_team.h"

typedef struct rtvi_flat rtvi_flat;

int32_t rtvi_flat_create(const rtvi_env *env, int32_t dim, rtvi_flat **flat, rtv_error *error);
void rtvi_flat_destroy(rtvi_flat *flat);
/* Reads the file's bytes, which are copied. */
int32_t rtvi_flat_read(const rtvi_env *env, const rtvi_source *source, rtvi_flat **flat, rtv_error *error);
int32_t rtvi_flat_write(rtvi_flat *flat, const char *path, rtv_error *error);
/* Who made the vectors; clipped to the public struct's sizes. */
void rtvi_flat_set_model(rtvi_flat *flat, const char *fingerprint, const char *model_name);
/* The rest is as the public functions of the same name; items and options have been size-checked (full structs of this version). */
int32_t rtvi_flat_add(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error);
int32_t rtvi_flat_set_class_names(rtvi_flat *flat, int32_t kind, const char *const *names, int64_t count, rtv_error *error);
int32_t rtvi_flat_class_name(rtvi_flat *flat, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                             rtv_error *error);
int32_t rtvi_flat_class_id(rtvi_flat *flat, int32_t kind, const char *name, int32_t *class_id, rtv_error *error);
int32_t rtvi_flat_key(rtvi_flat *flat, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);
void rtvi_flat_info(rtvi_flat *flat, rtv_index_info *info);
/* predicted_classes (may be NULL): [count] a predicted-class filter for each query, -1 for none, in place of options->predicted_class. */
int32_t rtvi_flat_search(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, int64_t k,
                         const rtv_search_options *options, const int32_t *predicted_classes, rtv_hit *hits, int64_t *num_hits,
                         rtv_error *error);
int32_t rtvi_flat_search_ids(rtvi_flat *flat, rtvi_team *team, const int64_t *ids, int64_t count, int64_t k,
                             const rtv_search_options *options, rtv_hit *hits, int64_t *num_hits, rtv_error *error);
int32_t rtvi_flat_search_blend(rtvi_flat *flat, rtvi_team *team, const rtv_blend *blend, int64_t k, const rtv_search_options *options,
                               rtv_hit *hits, int64_t *num_hits, rtv_error *error);
int32_t rtvi_flat_search_range(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, const rtv_search_options *options,
                               rtv_hits_fn found, void *user, rtv_error *error);
int32_t rtvi_flat_neighbors(rtvi_flat *flat, rtvi_team *team, int64_t k, const rtv_search_options *options, int64_t *ids, rtv_hit *hits,
                            int64_t *num_hits, int64_t capacity, int64_t *count, rtv_error *error);
int32_t rtvi_flat_pairs(rtvi_flat *flat, rtvi_team *team, const rtv_search_options *options, rtv_pairs_fn found, void *user,
                        rtv_error *error);

#endif
