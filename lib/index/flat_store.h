/* flat_store.h - writing an index file: blocks behind each other, then the root that makes them count. */
#ifndef RTVI_FLAT_STORE_H
#define RTVI_FLAT_STORE_H

#include "index/flat_format.h"
#include "index/flat_reduction.h"
#include "index/flat_snapshot.h"

typedef struct rtvi_store rtvi_store;

/* A new file, which takes its path with rtvi_store_publish. reduction: of a reduced index, else NULL. */
int32_t rtvi_store_create(const rtvi_env *env, const rtvi_io *io, const char *path, const rtvi_header *header,
                          const rtvi_reduction *reduction, rtvi_store **store, rtv_error *error);
/* An index file to append to, with its lock. BUSY when another has it. */
int32_t rtvi_store_open(const rtvi_env *env, const rtvi_io *io, const char *path, rtvi_store **store, rtv_error *error);
/* Closes, without commit. NULL is allowed. */
void rtvi_store_close(rtvi_store *store);
int rtvi_store_file(const rtvi_store *store);
const char *rtvi_store_path(const rtvi_store *store);
/* 1 when the store's file is the one at that path. */
int rtvi_store_is_at(const rtvi_store *store, const char *path);

/* From where a store that was opened goes on: what its newest root says. */
void rtvi_store_resume(rtvi_store *store, const rtvi_root *root, const rtvi_extent *meta);
/* The end of what was written, and going back to it: what was written since counts no more. */
uint64_t rtvi_store_mark(const rtvi_store *store);
void rtvi_store_rewind(rtvi_store *store, uint64_t mark);

/* Writes the cursor's next rows, of which there are that many, as a segment. */
int32_t rtvi_store_segment(rtvi_store *store, rtvi_cursor *cursor, size_t rows, rtvi_place *place, rtv_error *error);
/* A mapping of what was written since the mark. */
int32_t rtvi_store_map(rtvi_store *store, uint64_t mark, rtvi_mapping **mapping, rtv_error *error);

/* What a commit says besides the segments. */
typedef struct rtvi_commit {
    const uint8_t *meta; /* [meta_size] (flat_meta.h); NULL: as in the last commit */
    size_t meta_size;
    int64_t largest_id;
} rtvi_commit;

/* Lists a segment for the commit; num_removed rows are the set bits. */
int32_t rtvi_store_list(rtvi_store *store, const rtvi_place *place, rtvi_bits *removed, rtv_error *error);
/* Writes what was listed, and the root behind a sync of everything before. *unsure: 1 when this failed so late that the commit may count.
 */
int32_t rtvi_store_commit(rtvi_store *store, const rtvi_commit *commit, int *unsure, rtv_error *error);
/* The commit of a new file, which takes its place at its path; commits: of the file that it replaces. keep 1: it stays locked, for more. */
int32_t rtvi_store_publish(rtvi_store *store, const rtvi_commit *commit, uint64_t commits, int keep, rtv_error *error);
/* 1 when the file is at its place, which it may be after a failure. */
int rtvi_store_is_published(const rtvi_store *store);

uint64_t rtvi_store_commits(const rtvi_store *store);
uint64_t rtvi_store_size(const rtvi_store *store); /* of the file as committed */

/* Keeps other writers off the file at a path, if there is one, until the lock is given back; -1 is no lock. BUSY when one is at it. */
int32_t rtvi_store_lock_path(const char *path, int *lock, rtv_error *error);
void rtvi_store_unlock(int lock);

#endif
