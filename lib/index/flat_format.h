/* flat_format.h - index file, format 1 (docs/formats.md): its records as structs, to and from bytes. */
#ifndef RTVI_FLAT_FORMAT_H
#define RTVI_FLAT_FORMAT_H

#include "index/flat_segment.h"

enum {
    RTVI_FORMAT_VERSION = 1,
    RTVI_FORMAT_PAGE = 4096,       /* the header and each root have one to themselves: a torn write spoils no other */
    RTVI_FORMAT_BLOCKS = 3 * 4096, /* where blocks begin */
    RTVI_FORMAT_RECORD = 64,       /* bytes of the header, of a root, of a block's header; blocks begin at multiples */
    RTVI_FORMAT_ENTRY = 160        /* bytes of a segment in the manifest, after one record */
};
#define RTVI_FORMAT_MAX_DIM 65536
#define RTVI_FORMAT_MAX_ROWS ((uint64_t)1 << 31) /* of a segment */

/* Kinds of block: 1 + RTVI_COLUMN_*, then these. */
enum { RTVI_BLOCK_REMOVED = RTVI_NUM_COLUMNS + 1, RTVI_BLOCK_META, RTVI_BLOCK_MANIFEST, RTVI_BLOCK_REDUCTION, RTVI_NUM_BLOCK_KINDS };
const char *rtvi_block_name(uint64_t kind);

typedef struct rtvi_header {
    int32_t dim, storage, normalize;
    int32_t given_dim; /* of a reduced index: floats of a vector before the reduction, which is the first block; else 0 */
} rtvi_header;

/* Bytes of a block without its header. */
typedef struct rtvi_extent {
    uint64_t offset, size, checksum;
} rtvi_extent;

typedef struct rtvi_root {
    uint64_t sequence; /* of the commit, from 1 */
    rtvi_extent manifest;
    uint64_t end; /* of the file as committed */
} rtvi_root;

typedef struct rtvi_manifest {
    uint64_t num_segments, num_live;
    int64_t largest_id;
    rtvi_extent meta;
} rtvi_manifest;

typedef struct rtvi_entry {
    rtvi_place place;
    uint64_t num_removed;
    rtvi_extent removed; /* its size follows from the rows */
} rtvi_entry;

static inline uint64_t rtvi_format_align(uint64_t offset) {
    return (offset + RTVI_FORMAT_RECORD - 1) / RTVI_FORMAT_RECORD * RTVI_FORMAT_RECORD;
}
static inline uint64_t rtvi_root_offset(uint64_t sequence) { return RTVI_FORMAT_PAGE * (1 + sequence % 2); }

void rtvi_header_put(const rtvi_header *header, uint8_t bytes[RTVI_FORMAT_RECORD]);
/* Refuses what is no index file of this version; a file of format 0 gives *version 0 and nothing else. */
int32_t rtvi_header_get(const uint8_t *bytes, size_t size, rtvi_header *header, uint64_t *version, rtv_error *error);

void rtvi_root_put(const rtvi_root *root, uint8_t bytes[RTVI_FORMAT_RECORD]);
/* 1, or 0 for bytes that are no root. */
int rtvi_root_get(const uint8_t bytes[RTVI_FORMAT_RECORD], rtvi_root *root);

void rtvi_block_put(uint64_t kind, const rtvi_extent *extent, uint8_t bytes[RTVI_FORMAT_RECORD]);
int rtvi_block_get(const uint8_t bytes[RTVI_FORMAT_RECORD], uint64_t *kind, rtvi_extent *extent);

void rtvi_manifest_put(const rtvi_manifest *manifest, uint8_t bytes[RTVI_FORMAT_RECORD]);
int rtvi_manifest_get(const uint8_t *bytes, uint64_t size, rtvi_manifest *manifest);
void rtvi_entry_put(const rtvi_entry *entry, uint8_t bytes[RTVI_FORMAT_ENTRY]);
/* 1 when all that the entry names lies in the first end bytes of a file. */
int rtvi_entry_get(const uint8_t bytes[RTVI_FORMAT_ENTRY], const rtvi_header *header, uint64_t end, rtvi_entry *entry);

/* Bytes of a column of a segment. */
uint64_t rtvi_column_size(int column, const rtvi_place *place, size_t dim, int32_t storage);

#endif
