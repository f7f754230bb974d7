/* flat.h - the flat index: items, exact search, its file. */
#ifndef RTVI_FLAT_H
#define RTVI_FLAT_H

#include <retrieve/index.h>
#include <retrieve/reduce.h>

#include "base/base_file.h"
#include "base/base_team.h"

typedef struct rtvi_flat rtvi_flat;

int32_t rtvi_flat_create(const rtvi_env *env, int32_t dim, rtvi_flat **flat, rtv_error *error);
int32_t rtvi_flat_create_with(const rtvi_env *env, int32_t dim, int32_t storage, int32_t normalize, rtvi_flat **flat, rtv_error *error);
void rtvi_flat_destroy(rtvi_flat *flat);
/* The state as it is now, with its names, as an index in memory that nobody changes; its vectors are those that are kept. */
int32_t rtvi_flat_view(rtvi_flat *flat, rtvi_flat **view, rtv_error *error);
/* Threads for adding many; before the index is shared. */
void rtvi_flat_use_team(rtvi_flat *flat, rtvi_team *team);
/* Bytes of a segment in a file, and of what a writer keeps in memory: small ones for tests. */
void rtvi_flat_set_block_bytes(rtvi_flat *flat, size_t block_bytes);
/* Takes the source over, also on failure; a mapped file stays mapped, other bytes are copied. */
int32_t rtvi_flat_read(const rtvi_env *env, rtvi_source *source, rtvi_flat **flat, rtv_error *error);
/* Opens for writing; io: how. */
int32_t rtvi_flat_open(const rtvi_env *env, const rtvi_io *io, const char *path, rtvi_flat **flat, rtv_error *error);
/* A new file for an index that was just created. */
int32_t rtvi_flat_attach(rtvi_flat *flat, const rtvi_io *io, const char *path, rtv_error *error);
int32_t rtvi_flat_commit(rtvi_flat *flat, rtv_error *error);
int32_t rtvi_flat_compact(rtvi_flat *flat, rtv_error *error);
int32_t rtvi_flat_write(rtvi_flat *flat, const char *path, rtv_error *error);
int32_t rtvi_flat_verify(const rtvi_env *env, const char *path, rtv_progress_fn progress, void *user, rtv_error *error);
/* Who made the vectors, of an index that was just created; clipped to the public struct's sizes. */
void rtvi_flat_set_model(rtvi_flat *flat, const char *fingerprint, const char *model_name);
/* The rest is as the public functions of the same name; items and options have been size-checked (full structs of this version). */
int32_t rtvi_flat_add(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error);
int32_t rtvi_flat_replace(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error);
int32_t rtvi_flat_remove(rtvi_flat *flat, const int64_t *ids, int64_t count, int64_t *removed, rtv_error *error);
int32_t rtvi_flat_merge(rtvi_flat *flat, rtvi_flat *other, int32_t new_ids, rtv_error *error);
int32_t rtvi_flat_set_class_names(rtvi_flat *flat, int32_t kind, const char *const *names, int64_t count, rtv_error *error);
int32_t rtvi_flat_class_name(rtvi_flat *flat, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                             rtv_error *error);
int32_t rtvi_flat_class_id(rtvi_flat *flat, int32_t kind, const char *name, int32_t *class_id, rtv_error *error);
int32_t rtvi_flat_key(rtvi_flat *flat, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);
int32_t rtvi_flat_payload(rtvi_flat *flat, int64_t id, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);
int32_t rtvi_flat_find(rtvi_flat *flat, const char *key, int64_t *id, rtv_error *error);
int32_t rtvi_flat_vectors(rtvi_flat *flat, const int64_t *ids, int64_t count, float *vectors, rtv_error *error);
int32_t rtvi_flat_ids(rtvi_flat *flat, int64_t *ids, int64_t capacity, int64_t *count, rtv_error *error);
int32_t rtvi_flat_visit(rtvi_flat *flat, rtv_visit_fn visit, void *user, rtv_error *error);
int32_t rtvi_flat_set_min_score(rtvi_flat *flat, float min_score, rtv_error *error);
/* Takes neither lock nor copy: a reduction never changes. */
void rtvi_flat_reduction_info(const rtvi_flat *flat, rtv_reduction_info *info);
/* team: of like's and the new index. */
int32_t rtvi_flat_reduce(rtvi_flat *flat, rtvi_team *team, const rtv_reduce_options *options, const rtvi_flat *like, const char *path,
                         rtvi_flat **reduced, rtv_error *error);
/* 1: vectors kept by other go through this index's reduction before they meet its own. */
int rtvi_flat_would_reduce(const rtvi_flat *flat, const rtvi_flat *other);
/* MISMATCH when vectors kept by other cannot meet this index's: other is reduced, and not in the same way. what begins the message. */
int32_t rtvi_flat_check_reduction(const rtvi_flat *flat, const rtvi_flat *other, const char *what, rtv_error *error);
int32_t rtvi_flat_project(rtvi_flat *flat, rtvi_team *team, const float *vectors, int64_t count, float *kept, rtv_error *error);
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
