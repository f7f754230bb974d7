/* flat_load.h - reading an index file. */
#ifndef RTVI_FLAT_LOAD_H
#define RTVI_FLAT_LOAD_H

#include "index/flat_format.h"
#include "index/flat_meta.h"
#include "index/flat_reduction.h"
#include "index/flat_snapshot.h"

/* The newest state of a file. */
typedef struct rtvi_loaded {
    uint64_t format; /* 0 or 1 */
    rtvi_header header;
    rtvi_root root; /* of format 1 */
    rtvi_extent meta_place;
    int64_t largest_id;
    rtvi_meta meta;
    rtvi_reduction *reduction; /* NULL for none */
    rtvi_mapping *mapping;     /* of the whole file */
    rtvi_snapshot *snapshot;
} rtvi_loaded;

/* Takes the source over, also on failure. Format 1: checks everything but the columns, which stay where they are; format 0: everything.
 * The loaded state is to be destroyed, also after a failure. */
int32_t rtvi_load(rtvi_source *source, rtvi_loaded *loaded, rtv_error *error);
void rtvi_loaded_destroy(const rtvi_env *env, rtvi_loaded *loaded);

/* The newest root that is whole. Writers go on meanwhile, so bytes are read once. */
int32_t rtvi_load_root(const rtvi_source *source, rtvi_root *root, rtv_error *error);
/* XXH3 of an extent in a file against its checksum; the message names it. */
int32_t rtvi_load_check(const rtvi_source *source, const rtvi_extent *extent, const char *what, rtv_error *error);

/* Format 0 (flat_format0.c): its sections as one segment over the mapping. */
int32_t rtvi_load_format0(rtvi_mapping *mapping, rtvi_loaded *loaded, rtv_error *error);

/* Reads the whole file and checks what rtvi_load does not. */
int32_t rtvi_verify(const rtvi_loaded *loaded, rtv_progress_fn progress, void *user, rtv_error *error);

#endif
