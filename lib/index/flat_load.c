/* flat_load.c - reading an index file: header, root, manifest, names and removed rows are checked; the columns are left where they lie, for
 * nothing that they might hold can do harm (rtvi_verify reads them). */
#include "index/flat_load.h"

#include <string.h>

#include "index/flat_checksum.h"

enum { ATTEMPTS = 100 };

/* Sections and blocks are used as they lie. */
static int32_t check_byte_order(rtv_error *error) {
    const uint32_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    if (first == 1) return RTV_OK;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: index files: got a big-endian processor, expected a little-endian one");
}

static int extent_is_inside(const rtvi_extent *extent, uint64_t end) {
    return extent->offset % RTVI_FORMAT_RECORD == 0 && extent->offset >= RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD && extent->offset <= end &&
           extent->size <= end - extent->offset;
}

int32_t rtvi_load_check(const rtvi_source *source, const rtvi_extent *extent, const char *what, rtv_error *error) {
    const uint64_t sum = XXH3_64bits(source->data + extent->offset, (size_t)extent->size);
    if (sum == extent->checksum) return RTV_OK;
    return rtvi_error_set_at(error, RTV_E_CHECKSUM, (int64_t)extent->offset,
                             "index: checksum of block \"%s\" at %llu: got %016llx, expected %016llx", what,
                             (unsigned long long)extent->offset, (unsigned long long)sum, (unsigned long long)extent->checksum);
}

int32_t rtvi_load_root(const rtvi_source *source, rtvi_root *root, rtv_error *error) {
    uint8_t bytes[RTVI_FORMAT_RECORD];
    int found = 0;
    if (source->size < RTVI_FORMAT_BLOCKS)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size,
                                 "index: file: got %zu bytes, expected at least %d: it is cut off", source->size, RTVI_FORMAT_BLOCKS);
    for (int attempt = 0; attempt < ATTEMPTS && !found; attempt++) { /* a writer may be at one of them just now, then at the other */
        for (uint64_t slot = 0; slot < 2; slot++) {
            rtvi_root candidate;
            memcpy(bytes, source->data + rtvi_root_offset(slot), sizeof bytes);
            if (!rtvi_root_get(bytes, &candidate) || (found && candidate.sequence < root->sequence)) continue;
            *root = candidate;
            found = 1;
        }
    }
    if (!found)
        return rtvi_error_set_at(error, RTV_E_CHECKSUM, RTVI_FORMAT_PAGE, "index: roots: both are damaged, expected one that is whole");
    if (root->end > source->size)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size, "index: file: got %zu bytes, expected %llu: it is cut off",
                                 source->size, (unsigned long long)root->end);
    if (root->sequence == 0 || root->end < RTVI_FORMAT_BLOCKS || root->end % RTVI_FORMAT_RECORD != 0 ||
        !extent_is_inside(&root->manifest, root->end))
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)rtvi_root_offset(root->sequence),
                                 "index: root: names what is not in the file");
    return RTV_OK;
}

/* ---- segments ---- */

static int32_t load_bits(const rtvi_source *source, const rtvi_entry *entry, rtvi_bits **out, rtv_error *error) {
    const size_t rows = (size_t)entry->place.rows;
    size_t set = 0;
    rtvi_bits *bits;
    int32_t status = rtvi_load_check(source, &entry->removed, rtvi_block_name(RTVI_BLOCK_REMOVED), error);
    *out = NULL;
    if (status == RTV_OK) status = rtvi_bits_create(source->env, rows, &bits, error);
    if (status != RTV_OK) return status;
    memcpy(bits->words, source->data + entry->removed.offset, bits->num_words * sizeof *bits->words);
    for (size_t i = 0; i < bits->num_words; i++) set += (size_t)__builtin_popcountll(bits->words[i]);
    if (set != entry->num_removed || (rows % 64 != 0 && bits->words[rows / 64] >> (rows % 64) != 0)) {
        rtvi_bits_release(bits);
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)entry->removed.offset, "index: removed rows: got %zu, expected %llu of %zu",
                                 set, (unsigned long long)entry->num_removed, rows);
    }
    bits->num_set = set;
    bits->offset = entry->removed.offset;
    bits->checksum = entry->removed.checksum;
    *out = bits;
    return RTV_OK;
}

static int32_t load_segment(rtvi_mapping *mapping, const rtvi_entry *entry, rtvi_loaded *loaded, rtv_error *error) {
    rtvi_segment *segment;
    rtvi_bits *bits = NULL;
    int32_t status = entry->num_removed > 0 ? load_bits(&mapping->source, entry, &bits, error) : RTV_OK;
    if (status != RTV_OK) return status;
    status = rtvi_segment_over(mapping, 0, &entry->place, (size_t)loaded->header.dim, loaded->header.storage, &segment, error);
    if (status != RTV_OK) {
        rtvi_bits_release(bits);
        return status;
    }
    return rtvi_snapshot_push(loaded->snapshot, segment, (size_t)entry->place.rows, bits, error);
}

static int32_t load_manifest(rtvi_mapping *mapping, rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_source *source = &mapping->source;
    const rtvi_extent *extent = &loaded->root.manifest;
    const uint8_t *bytes = source->data + extent->offset;
    const uint64_t end = loaded->root.end;
    rtvi_manifest manifest;
    int32_t status = rtvi_load_check(source, extent, rtvi_block_name(RTVI_BLOCK_MANIFEST), error);
    if (status != RTV_OK) return status;
    if (!rtvi_manifest_get(bytes, extent->size, &manifest) || !extent_is_inside(&manifest.meta, end) || manifest.largest_id < -1)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)extent->offset, "index: manifest: its numbers do not fit each other");
    for (uint64_t i = 0; i < manifest.num_segments && status == RTV_OK; i++) {
        const uint64_t at = RTVI_FORMAT_RECORD + i * RTVI_FORMAT_ENTRY;
        rtvi_entry entry;
        if (!rtvi_entry_get(bytes + at, &loaded->header, end, &entry))
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(extent->offset + at),
                                     "index: segment %llu: its numbers do not fit each other and the file", (unsigned long long)i);
        status = load_segment(mapping, &entry, loaded, error);
    }
    if (status != RTV_OK) return status;
    rtvi_snapshot_finish(loaded->snapshot);
    if (loaded->snapshot->rows.num_live != manifest.num_live)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)extent->offset + 8, "index: count: got %llu, expected %zu",
                                 (unsigned long long)manifest.num_live, loaded->snapshot->rows.num_live);
    loaded->largest_id = manifest.largest_id;
    loaded->meta_place = manifest.meta;
    return RTV_OK;
}

static int32_t load_reduction(const rtvi_source *source, rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_header *header = &loaded->header;
    uint64_t kind = 0;
    rtvi_extent extent;
    int32_t status;
    if (header->given_dim == 0) return RTV_OK;
    if (loaded->root.end < RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD || !rtvi_block_get(source->data + RTVI_FORMAT_BLOCKS, &kind, &extent) ||
        kind != RTVI_BLOCK_REDUCTION || extent.offset != RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD ||
        !extent_is_inside(&extent, loaded->root.end))
        return rtvi_error_set_at(error, RTV_E_FORMAT, RTVI_FORMAT_BLOCKS, "index: the first block: is damaged, expected the reduction");
    status = rtvi_load_check(source, &extent, rtvi_block_name(RTVI_BLOCK_REDUCTION), error);
    if (status != RTV_OK) return status;
    return rtvi_reduction_read(source->env, source->data + extent.offset, extent.size, extent.offset, header->given_dim, header->dim,
                               &loaded->reduction, error);
}

static int32_t load_format1(rtvi_mapping *mapping, rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_source *source = &mapping->source;
    int32_t status = rtvi_load_root(source, &loaded->root, error);
    if (status == RTV_OK) status = load_reduction(source, loaded, error);
    if (status == RTV_OK)
        status = rtvi_snapshot_create(source->env, (size_t)loaded->header.dim, loaded->header.storage, NULL, 0, &loaded->snapshot, error);
    if (status == RTV_OK) status = load_manifest(mapping, loaded, error);
    if (status == RTV_OK) status = rtvi_load_check(source, &loaded->meta_place, rtvi_block_name(RTVI_BLOCK_META), error);
    if (status == RTV_OK)
        status = rtvi_meta_read(source->env, source->data + loaded->meta_place.offset, (size_t)loaded->meta_place.size,
                                loaded->meta_place.offset, &loaded->meta, error);
    return status;
}

int32_t rtvi_load(rtvi_source *source, rtvi_loaded *loaded, rtv_error *error) {
    int32_t status = check_byte_order(error);
    memset(loaded, 0, sizeof *loaded);
    rtvi_meta_init(&loaded->meta);
    if (status == RTV_OK) status = rtvi_header_get(source->data, source->size, &loaded->header, &loaded->format, error);
    if (status == RTV_OK) status = rtvi_source_own("index", source, error);
    if (status != RTV_OK) {
        rtvi_source_close(source);
        return status;
    }
    status = rtvi_mapping_create(source, &loaded->mapping, error);
    if (status != RTV_OK) return status;
    return loaded->format == 0 ? rtvi_load_format0(loaded->mapping, loaded, error) : load_format1(loaded->mapping, loaded, error);
}

void rtvi_loaded_destroy(const rtvi_env *env, rtvi_loaded *loaded) {
    rtvi_meta_destroy(env, &loaded->meta);
    rtvi_reduction_destroy(loaded->reduction);
    rtvi_snapshot_release(loaded->snapshot);
    rtvi_mapping_release(loaded->mapping);
    memset(loaded, 0, sizeof *loaded);
}
