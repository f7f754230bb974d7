/* flat_format.c - index file, format 1: its records as structs, to and from bytes. */
#include "index/flat_format.h"

#include <string.h>

#include "base/base_bytes.h"
#include "index/flat_checksum.h"
#include "index/flat_codes.h"

static const uint8_t magic[8] = {0x89, 'R', 'T', 'V', 'I', 'X', '\r', '\n'}; /* spoilt by whatever mends line ends or drops bit 7 */
static const uint8_t root_magic[8] = {'R', 'T', 'V', 'R', 'O', 'O', 'T', '\n'};
static const uint8_t block_magic[4] = {'R', 'T', 'V', 'B'};

enum { HEADER_SUM = 40, LAST_SUM = 56 };
enum { FLAG_NORMALIZE = 1, FLAG_REDUCED = 2 }; /* one or the other: a reduction scales by itself */

const char *rtvi_block_name(uint64_t kind) {
    static const char *const names[RTVI_NUM_BLOCK_KINDS] = {
        "?",    "vectors",         "codes",    "ids",          "classes", "predicted classes", "key offsets",
        "keys", "payload offsets", "payloads", "removed rows", "names",   "manifest",          "reduction"};
    return kind < RTVI_NUM_BLOCK_KINDS ? names[kind] : "?";
}

void rtvi_header_put(const rtvi_header *header, uint8_t bytes[RTVI_FORMAT_RECORD]) {
    memset(bytes, 0, RTVI_FORMAT_RECORD);
    memcpy(bytes, magic, sizeof magic);
    rtvi_store_le(bytes + 8, RTVI_FORMAT_VERSION, 4);
    rtvi_store_le(bytes + 12, header->given_dim ? FLAG_REDUCED : header->normalize ? FLAG_NORMALIZE : 0, 4);
    rtvi_store_le(bytes + 16, (uint64_t)header->dim, 4);
    rtvi_store_le(bytes + 20, (uint64_t)header->storage, 4);
    rtvi_store_le(bytes + 24, RTVI_CODES_VERSION, 4);
    rtvi_store_le(bytes + 28, (uint64_t)header->given_dim, 4);
    rtvi_store_le(bytes + HEADER_SUM, XXH3_64bits(bytes, RTVI_FORMAT_RECORD), 8);
}

/* What has to be right before any other number can be believed. */
static int32_t check_version(const uint8_t *bytes, size_t size, uint64_t *version, rtv_error *error) {
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "index: the first %zu bytes: are not those of an index file", sizeof magic);
    if (size < RTVI_FORMAT_RECORD)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)size, "index: file: got %zu bytes, expected a header of %d: it is cut off",
                                 size, RTVI_FORMAT_RECORD);
    *version = rtvi_load_le(bytes + 8, 4);
    if (*version == (uint64_t)RTVI_FORMAT_VERSION << 24)
        return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 8, "index: byte order: got big-endian numbers, expected little-endian ones");
    if (*version > RTVI_FORMAT_VERSION)
        return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 8,
                                 "index: file format: got version %llu, expected at most %d: it was written by a newer release",
                                 (unsigned long long)*version, RTVI_FORMAT_VERSION);
    return RTV_OK;
}

static int32_t bad_number(rtv_error *error, int64_t offset, const char *what, uint64_t got, const char *expected) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, offset, "index: %s: got %llu, expected %s", what, (unsigned long long)got, expected);
}

int32_t rtvi_header_get(const uint8_t *bytes, size_t size, rtvi_header *header, uint64_t *version, rtv_error *error) {
    uint8_t copy[RTVI_FORMAT_RECORD];
    uint64_t stored, sum, flags, dim, storage, codes, given;
    int32_t status = check_version(bytes, size, version, error);
    if (status != RTV_OK || *version == 0) return status;
    memcpy(copy, bytes, sizeof copy);
    memset(copy + HEADER_SUM, 0, 8);
    stored = rtvi_load_le(bytes + HEADER_SUM, 8);
    sum = XXH3_64bits(copy, sizeof copy);
    if (sum != stored)
        return rtvi_error_set_at(error, RTV_E_CHECKSUM, 0, "index: checksum of the header: got %016llx, expected %016llx",
                                 (unsigned long long)sum, (unsigned long long)stored);
    flags = rtvi_load_le(bytes + 12, 4);
    dim = rtvi_load_le(bytes + 16, 4);
    storage = rtvi_load_le(bytes + 20, 4);
    codes = rtvi_load_le(bytes + 24, 4);
    given = rtvi_load_le(bytes + 28, 4);
    if (flags > FLAG_REDUCED) return bad_number(error, 12, "flags", flags, "0 to 2");
    if (dim < 1 || dim > RTVI_FORMAT_MAX_DIM) return bad_number(error, 16, "dim", dim, "1 to 65536");
    if (storage < RTV_STORAGE_FLOAT32 || storage > RTV_STORAGE_INT8) return bad_number(error, 20, "storage", storage, "1 to 3");
    if (flags == FLAG_REDUCED ? given < dim || given > RTVI_FORMAT_MAX_DIM : given != 0)
        return bad_number(error, 28, "dim before the reduction", given, flags == FLAG_REDUCED ? "at least dim, at most 65536" : "0");
    if (codes != RTVI_CODES_VERSION)
        return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 24, "index: codes: got version %llu, expected %d", (unsigned long long)codes,
                                 RTVI_CODES_VERSION);
    *header = (rtvi_header){(int32_t)dim, (int32_t)storage, flags == FLAG_NORMALIZE, (int32_t)given};
    return RTV_OK;
}

/* ---- records that end with the checksum of what stands before ---- */

static void seal(uint8_t bytes[RTVI_FORMAT_RECORD]) { rtvi_store_le(bytes + LAST_SUM, XXH3_64bits(bytes, LAST_SUM), 8); }

static int is_sealed(const uint8_t bytes[RTVI_FORMAT_RECORD]) { return rtvi_load_le(bytes + LAST_SUM, 8) == XXH3_64bits(bytes, LAST_SUM); }

static void put_extent(const rtvi_extent *extent, uint8_t bytes[24]) {
    rtvi_store_le(bytes, extent->offset, 8);
    rtvi_store_le(bytes + 8, extent->size, 8);
    rtvi_store_le(bytes + 16, extent->checksum, 8);
}

static rtvi_extent get_extent(const uint8_t bytes[24]) {
    return (rtvi_extent){rtvi_load_le(bytes, 8), rtvi_load_le(bytes + 8, 8), rtvi_load_le(bytes + 16, 8)};
}

void rtvi_root_put(const rtvi_root *root, uint8_t bytes[RTVI_FORMAT_RECORD]) {
    memset(bytes, 0, RTVI_FORMAT_RECORD);
    memcpy(bytes, root_magic, sizeof root_magic);
    rtvi_store_le(bytes + 8, root->sequence, 8);
    put_extent(&root->manifest, bytes + 16);
    rtvi_store_le(bytes + 40, root->end, 8);
    seal(bytes);
}

int rtvi_root_get(const uint8_t bytes[RTVI_FORMAT_RECORD], rtvi_root *root) {
    if (memcmp(bytes, root_magic, sizeof root_magic) != 0 || !is_sealed(bytes)) return 0;
    root->sequence = rtvi_load_le(bytes + 8, 8);
    root->manifest = get_extent(bytes + 16);
    root->end = rtvi_load_le(bytes + 40, 8);
    return 1;
}

void rtvi_block_put(uint64_t kind, const rtvi_extent *extent, uint8_t bytes[RTVI_FORMAT_RECORD]) {
    memset(bytes, 0, RTVI_FORMAT_RECORD);
    memcpy(bytes, block_magic, sizeof block_magic);
    rtvi_store_le(bytes + 4, kind, 4);
    put_extent(extent, bytes + 8);
    seal(bytes);
}

int rtvi_block_get(const uint8_t bytes[RTVI_FORMAT_RECORD], uint64_t *kind, rtvi_extent *extent) {
    if (memcmp(bytes, block_magic, sizeof block_magic) != 0 || !is_sealed(bytes)) return 0;
    *kind = rtvi_load_le(bytes + 4, 4);
    *extent = get_extent(bytes + 8);
    return *kind > 0 && *kind < RTVI_NUM_BLOCK_KINDS;
}

/* ---- the manifest ---- */

void rtvi_manifest_put(const rtvi_manifest *manifest, uint8_t bytes[RTVI_FORMAT_RECORD]) {
    memset(bytes, 0, RTVI_FORMAT_RECORD);
    rtvi_store_le(bytes, manifest->num_segments, 8);
    rtvi_store_le(bytes + 8, manifest->num_live, 8);
    rtvi_store_le(bytes + 16, (uint64_t)manifest->largest_id, 8);
    put_extent(&manifest->meta, bytes + 24);
}

int rtvi_manifest_get(const uint8_t *bytes, uint64_t size, rtvi_manifest *manifest) {
    if (size < RTVI_FORMAT_RECORD) return 0;
    manifest->num_segments = rtvi_load_le(bytes, 8);
    manifest->num_live = rtvi_load_le(bytes + 8, 8);
    manifest->largest_id = (int64_t)rtvi_load_le(bytes + 16, 8);
    manifest->meta = get_extent(bytes + 24);
    return (size - RTVI_FORMAT_RECORD) % RTVI_FORMAT_ENTRY == 0 &&
           manifest->num_segments == (size - RTVI_FORMAT_RECORD) / RTVI_FORMAT_ENTRY;
}

void rtvi_entry_put(const rtvi_entry *entry, uint8_t bytes[RTVI_FORMAT_ENTRY]) {
    const rtvi_place *place = &entry->place;
    memset(bytes, 0, RTVI_FORMAT_ENTRY);
    rtvi_store_le(bytes, place->rows, 8);
    rtvi_store_le(bytes + 8, entry->num_removed, 8);
    rtvi_store_le(bytes + 16, entry->removed.offset, 8);
    rtvi_store_le(bytes + 24, entry->removed.checksum, 8);
    rtvi_store_le(bytes + 32, (uint64_t)place->min_id, 8);
    rtvi_store_le(bytes + 40, (uint64_t)place->max_id, 8);
    rtvi_store_le(bytes + 48, place->flags, 8);
    for (size_t i = 0; i < RTVI_NUM_COLUMNS; i++) rtvi_store_le(bytes + 56 + 8 * i, place->columns[i], 8);
    rtvi_store_le(bytes + 128, place->key_bytes, 8);
    rtvi_store_le(bytes + 136, place->payload_bytes, 8);
}

uint64_t rtvi_column_size(int column, const rtvi_place *place, size_t dim, int32_t storage) {
    switch (column) {
        case RTVI_COLUMN_KEY_OFFSETS:
        case RTVI_COLUMN_PAYLOAD_OFFSETS:
            return place->columns[column] ? (place->rows + 1) * sizeof(uint64_t) : 0;
        case RTVI_COLUMN_KEYS:
            return place->key_bytes;
        case RTVI_COLUMN_PAYLOADS:
            return place->payload_bytes;
        default:
            return place->rows * rtvi_column_width(column, dim, storage);
    }
}

static int lies_inside(uint64_t offset, uint64_t size, uint64_t end) {
    return offset % RTVI_FORMAT_RECORD == 0 && offset >= RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD && offset <= end && size <= end - offset;
}

/* A column is there when it has bytes; a text's offsets are there when its bytes are. */
static int columns_are_right(const rtvi_place *place, const rtvi_header *header, uint64_t end) {
    for (int column = 0; column < RTVI_NUM_COLUMNS; column++) {
        const uint64_t size = rtvi_column_size(column, place, (size_t)header->dim, header->storage);
        if (size == 0 ? place->columns[column] != 0 : !lies_inside(place->columns[column], size, end)) return 0;
    }
    return (place->columns[RTVI_COLUMN_KEYS] != 0) == (place->columns[RTVI_COLUMN_KEY_OFFSETS] != 0) &&
           (place->columns[RTVI_COLUMN_PAYLOADS] != 0) == (place->columns[RTVI_COLUMN_PAYLOAD_OFFSETS] != 0);
}

int rtvi_entry_get(const uint8_t bytes[RTVI_FORMAT_ENTRY], const rtvi_header *header, uint64_t end, rtvi_entry *entry) {
    rtvi_place *place = &entry->place;
    place->rows = rtvi_load_le(bytes, 8);
    entry->num_removed = rtvi_load_le(bytes + 8, 8);
    place->min_id = (int64_t)rtvi_load_le(bytes + 32, 8);
    place->max_id = (int64_t)rtvi_load_le(bytes + 40, 8);
    place->flags = (uint32_t)rtvi_load_le(bytes + 48, 8);
    for (size_t i = 0; i < RTVI_NUM_COLUMNS; i++) place->columns[i] = rtvi_load_le(bytes + 56 + 8 * i, 8);
    place->key_bytes = rtvi_load_le(bytes + 128, 8);
    place->payload_bytes = rtvi_load_le(bytes + 136, 8);
    if (place->rows < 1 || place->rows >= RTVI_FORMAT_MAX_ROWS || entry->num_removed >= place->rows) return 0;
    entry->removed = (rtvi_extent){rtvi_load_le(bytes + 16, 8), (place->rows + 63) / 64 * 8, rtvi_load_le(bytes + 24, 8)};
    if (entry->num_removed > 0 ? !lies_inside(entry->removed.offset, entry->removed.size, end) : entry->removed.offset != 0) return 0;
    return place->min_id >= 0 && place->min_id <= place->max_id && columns_are_right(place, header, end);
}
