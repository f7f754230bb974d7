/* flat_format0.c - index files of the provisional format 0 (docs/formats.md), which are read but no longer written: a header, a table of
 * sections, and the sections, which become one segment. */
#include <stdlib.h>
#include <string.h>

#include "base/base_bytes.h"
#include "index/flat_checksum.h"
#include "index/flat_load.h"
#include "index/flat_codes.h"
#include "index/flat_state.h"

enum { FLAG_PROVISIONAL = 1, HEADER_SIZE = 64, ENTRY_SIZE = 32, CHECKSUM_AT = 40, ALIGNMENT = 64 };

/* In the order of the file. */
enum {
    FINGERPRINT,
    MODEL_NAME,
    IDS,
    CLASSES,
    PREDICTED,
    KEY_OFFSETS,
    KEY_BYTES,
    CLASS_NAME_OFFSETS,
    CLASS_NAME_BYTES,
    PREDICTED_NAME_OFFSETS,
    PREDICTED_NAME_BYTES,
    VECTORS,
    NUM_SECTIONS
};

static const char *const section_names[NUM_SECTIONS] = {
    [FINGERPRINT] = "fingerprint",
    [MODEL_NAME] = "model name",
    [IDS] = "ids",
    [CLASSES] = "classes",
    [PREDICTED] = "predicted classes",
    [KEY_OFFSETS] = "key offsets",
    [KEY_BYTES] = "keys",
    [CLASS_NAME_OFFSETS] = "class name offsets",
    [CLASS_NAME_BYTES] = "class names",
    [PREDICTED_NAME_OFFSETS] = "predicted class name offsets",
    [PREDICTED_NAME_BYTES] = "predicted class names",
    [VECTORS] = "vectors",
};

enum { TABLE_END = HEADER_SIZE + NUM_SECTIONS * ENTRY_SIZE }; /* 448, where the first section begins */

typedef struct section {
    const void *data;
    size_t offset, size;
} section;

static size_t align_up(size_t offset) { return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

typedef struct header {
    size_t dim, count;
    section sections[NUM_SECTIONS];
    uint64_t checksums[NUM_SECTIONS];
} header;

static int32_t bad(rtv_error *error, size_t offset, const char *what, uint64_t got, uint64_t expected) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offset, "index: %s: got %llu, expected %llu", what, (unsigned long long)got,
                             (unsigned long long)expected);
}

/* The magic number and the version have been read. */
static int32_t check_start(const rtvi_source *source, rtv_error *error) {
    const uint8_t *data = source->data;
    uint8_t copy[TABLE_END];
    uint64_t stored;
    if (source->size < TABLE_END)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size, "index: file: got %zu bytes, expected a header of %d",
                                 source->size, TABLE_END);
    memcpy(copy, data, TABLE_END);
    memset(copy + CHECKSUM_AT, 0, 8);
    stored = rtvi_load_le(data + CHECKSUM_AT, 8);
    if (XXH3_64bits(copy, TABLE_END) != stored)
        return rtvi_error_set_at(error, RTV_E_CHECKSUM, 0, "index: checksum of the header: got %016llx, expected %016llx",
                                 (unsigned long long)XXH3_64bits(copy, TABLE_END), (unsigned long long)stored);
    return RTV_OK;
}

static int32_t parse_numbers(const rtvi_source *source, header *h, rtv_error *error) {
    const uint8_t *data = source->data;
    const uint64_t flags = rtvi_load_le(data + 12, 4), dim = rtvi_load_le(data + 16, 4), sections = rtvi_load_le(data + 20, 4),
                   count = rtvi_load_le(data + 24, 8), file_size = rtvi_load_le(data + 32, 8);
    if (flags != FLAG_PROVISIONAL) return bad(error, 12, "flags", flags, FLAG_PROVISIONAL);
    if (dim < 1 || dim > RTVI_FORMAT_MAX_DIM)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 16, "index: dim: got %llu, expected 1 to %d", (unsigned long long)dim,
                                 RTVI_FORMAT_MAX_DIM);
    if (sections != NUM_SECTIONS) return bad(error, 20, "number of sections", sections, NUM_SECTIONS);
    if (count > PTRDIFF_MAX / 8)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 24, "index: count: got %llu, expected items that fit into the file",
                                 (unsigned long long)count);
    if (file_size != source->size)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size, "index: file: got %zu bytes, expected %llu%s", source->size,
                                 (unsigned long long)file_size, file_size > source->size ? ": it is cut off" : "");
    for (size_t i = 48; i < HEADER_SIZE; i++) {
        if (data[i] != 0) return bad(error, i, "a reserved byte", data[i], 0);
    }
    h->dim = (size_t)dim;
    h->count = (size_t)count;
    return RTV_OK;
}

/* Sections follow one another, each at the next multiple of 64, with zeros between. *end: of the one before, then of this one. */
static int32_t parse_section(const rtvi_source *source, size_t i, header *h, size_t *end, rtv_error *error) {
    const size_t at = HEADER_SIZE + i * ENTRY_SIZE, begin = align_up(*end);
    const uint8_t *entry = source->data + at;
    const uint64_t kind = rtvi_load_le(entry, 8), offset = rtvi_load_le(entry + 8, 8), size = rtvi_load_le(entry + 16, 8);
    if (kind != i + 1) return bad(error, at, "kind of a section", kind, i + 1);
    if (offset != begin) return bad(error, at + 8, "offset of a section", offset, begin);
    if (begin > source->size || size > source->size - begin)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)at + 16, "index: size of section \"%s\": got %llu, expected at most %llu",
                                 section_names[i], (unsigned long long)size,
                                 (unsigned long long)(begin > source->size ? 0 : source->size - begin));
    for (; *end < begin; ++*end) {
        if (source->data[*end] != 0) return bad(error, *end, "a byte between sections", source->data[*end], 0);
    }
    h->sections[i] = (section){source->data + begin, begin, (size_t)size};
    h->checksums[i] = rtvi_load_le(entry + 24, 8);
    *end = begin + (size_t)size;
    return RTV_OK;
}

static int32_t check_section_size(const header *h, size_t i, size_t count, size_t each, rtv_error *error) {
    size_t expected;
    if (rtvi_mul(count, each, &expected) && h->sections[i].size == expected) return RTV_OK;
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(HEADER_SIZE + i * ENTRY_SIZE + 16),
                             "index: size of section \"%s\": got %zu, expected %zu items of %zu bytes", section_names[i],
                             h->sections[i].size, count, each);
}

static int32_t parse(const rtvi_source *source, header *h, rtv_error *error) {
    size_t end = TABLE_END;
    int32_t status = check_start(source, error);
    if (status == RTV_OK) status = parse_numbers(source, h, error);
    for (size_t i = 0; i < NUM_SECTIONS && status == RTV_OK; i++) status = parse_section(source, i, h, &end, error);
    if (status == RTV_OK && end != source->size) status = bad(error, end, "end of the last section", end, source->size);
    if (status == RTV_OK) status = check_section_size(h, IDS, h->count, sizeof(int64_t), error);
    if (status == RTV_OK) status = check_section_size(h, CLASSES, h->count, sizeof(int32_t), error);
    if (status == RTV_OK) status = check_section_size(h, PREDICTED, h->count, sizeof(int32_t), error);
    if (status == RTV_OK) status = check_section_size(h, KEY_OFFSETS, h->count + 1, sizeof(uint64_t), error);
    if (status == RTV_OK) status = check_section_size(h, VECTORS, h->count, h->dim * sizeof(float), error);
    return status;
}

static int32_t check_checksums(const header *h, rtv_error *error) {
    for (size_t i = 0; i < NUM_SECTIONS; i++) {
        const section *s = &h->sections[i];
        const uint64_t sum = XXH3_64bits(s->data, s->size);
        if (sum != h->checksums[i])
            return rtvi_error_set_at(error, RTV_E_CHECKSUM, (int64_t)s->offset,
                                     "index: checksum of section \"%s\": got %016llx, expected %016llx", section_names[i],
                                     (unsigned long long)sum, (unsigned long long)h->checksums[i]);
    }
    return RTV_OK;
}

static int32_t load_text(const section *s, const char *what, char *to, size_t capacity, rtv_error *error) {
    size_t at;
    if (s->size >= capacity)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)s->offset, "index: %s: got %zu bytes, expected at most %zu", what, s->size,
                                 capacity - 1);
    at = rtvi_strings_check_text(s->data, s->size);
    if (at < s->size)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(s->offset + at), "index: %s: is not UTF-8 without control characters",
                                 what);
    memcpy(to, s->data, s->size);
    return RTV_OK;
}

static int32_t check_items(const header *h, rtv_error *error) {
    static const size_t with_classes[] = {CLASSES, PREDICTED};
    const section *s = h->sections;
    int32_t status = RTV_OK;
    for (size_t i = 0; i < 2 && status == RTV_OK; i++) {
        const int32_t *classes = s[with_classes[i]].data;
        for (size_t row = 0; row < h->count; row++)
            if (classes[row] < -1)
                return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(s[with_classes[i]].offset + 4 * row),
                                         "index: %s of item %zu: got %d, expected at least 0, or -1 for none",
                                         i ? "predicted class" : "class", row, (int)classes[row]);
    }
    status = rtvi_flat_check_vectors(s[VECTORS].data, h->count, h->dim, "item", error);
    if (status != RTV_OK && error) error->byte_offset = (int64_t)s[VECTORS].offset;
    if (status != RTV_OK && error) error->status = RTV_E_FORMAT;
    return status == RTV_OK ? RTV_OK : RTV_E_FORMAT;
}

static int compare_ids(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Ids are at least 0 and there once. */
static int32_t check_ids(const rtvi_env *env, const header *h, rtvi_place *place, rtv_error *error) {
    const section *s = &h->sections[IDS];
    const int64_t *ids = s->data;
    int64_t *sorted = rtvi_alloc(env, h->count, sizeof *sorted);
    int32_t status = RTV_OK;
    if (!sorted) return rtvi_error_out_of_memory(error, "index", s->size);
    place->flags = RTVI_SEGMENT_ASCENDING;
    for (size_t i = 0; i < h->count && status == RTV_OK; i++) {
        if (i > 0 && ids[i] <= ids[i - 1]) place->flags = 0;
        if (ids[i] < 0)
            status = rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(s->offset + 8 * i),
                                       "index: id of item %zu: got %lld, expected at least 0", i, (long long)ids[i]);
    }
    if (h->count) memcpy(sorted, ids, s->size);
    qsort(sorted, h->count, sizeof *sorted, compare_ids);
    for (size_t i = 1; i < h->count && status == RTV_OK; i++)
        if (sorted[i] == sorted[i - 1])
            status = rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)s->offset, "index: id %lld: got it twice, expected ids once",
                                       (long long)sorted[i]);
    if (h->count > 0) {
        place->min_id = sorted[0];
        place->max_id = sorted[h->count - 1];
    }
    rtvi_free(env, sorted);
    return status;
}

static size_t num_texts(const section *s) { return s->size / sizeof(uint64_t) - 1; }

/* Sections i (offsets) and i + 1 (bytes). */
static int32_t check_strings(const header *h, size_t i, rtv_error *error) {
    const section *s = &h->sections[i];
    const size_t most = i == KEY_OFFSETS ? h->count : INT32_MAX;
    if (s->size < sizeof(uint64_t) || s->size % sizeof(uint64_t) != 0 || num_texts(s) > most)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)s->offset, "index: section \"%s\": got %zu bytes, expected whole offsets",
                                 section_names[i], s->size);
    return rtvi_meta_check_texts(s->data, num_texts(s), s[1].data, s[1].size, s->offset, s[1].offset, error);
}

static int32_t load_names(const rtvi_env *env, const header *h, size_t i, rtvi_strings *names, rtv_error *error) {
    const section *s = &h->sections[i];
    const int32_t status = check_strings(h, i, error);
    if (status != RTV_OK || num_texts(s) == 0) return status;
    if (!rtvi_strings_reserve(env, names, num_texts(s), s[1].size)) return rtvi_error_out_of_memory(error, "index", s[1].size);
    memcpy(names->offsets, s->data, s->size);
    if (s[1].size) memcpy(names->bytes, s[1].data, s[1].size);
    names->count = num_texts(s);
    return RTV_OK;
}

/* The sections as columns; the codes, which the file lacks, are made. */
static int32_t make_segment(rtvi_mapping *mapping, const header *h, rtvi_place *place, rtvi_segment **out, rtv_error *error) {
    const section *s = h->sections;
    const rtvi_env *env = mapping->source.env;
    rtvi_segment *segment;
    int32_t status;
    place->rows = h->count;
    place->columns[RTVI_COLUMN_VECTORS] = s[VECTORS].offset;
    place->columns[RTVI_COLUMN_IDS] = s[IDS].offset;
    place->columns[RTVI_COLUMN_CLASSES] = s[CLASSES].offset;
    place->columns[RTVI_COLUMN_PREDICTED] = s[PREDICTED].offset;
    place->key_bytes = s[KEY_BYTES].size;
    if (place->key_bytes > 0) {
        place->columns[RTVI_COLUMN_KEY_OFFSETS] = s[KEY_OFFSETS].offset;
        place->columns[RTVI_COLUMN_KEYS] = s[KEY_BYTES].offset;
    }
    status = rtvi_segment_over(mapping, 0, place, h->dim, RTV_STORAGE_FLOAT32, &segment, error);
    if (status != RTV_OK) return status;
    segment->made_codes = rtvi_alloc(env, h->count, rtvi_codes_size(h->dim));
    if (!segment->made_codes) {
        rtvi_segment_release(segment);
        return rtvi_error_out_of_memory(error, "index", h->count * rtvi_codes_size(h->dim));
    }
    rtvi_codes_encode(env->isa, s[VECTORS].data, h->count, h->dim, segment->made_codes);
    segment->columns[RTVI_COLUMN_CODES] = segment->made_codes;
    *out = segment;
    return RTV_OK;
}

static int32_t load_items(rtvi_mapping *mapping, const header *h, rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_env *env = mapping->source.env;
    rtvi_place place = {.rows = h->count};
    rtvi_segment *segment = NULL;
    int32_t status = check_ids(env, h, &place, error);
    if (status == RTV_OK) status = check_items(h, error);
    if (status == RTV_OK) status = check_strings(h, KEY_OFFSETS, error);
    if (status == RTV_OK) status = rtvi_snapshot_create(env, h->dim, RTV_STORAGE_FLOAT32, NULL, 0, &loaded->snapshot, error);
    loaded->largest_id = h->count > 0 ? place.max_id : -1;
    if (status != RTV_OK || h->count == 0) return status;
    status = make_segment(mapping, h, &place, &segment, error);
    if (status == RTV_OK) status = rtvi_snapshot_push(loaded->snapshot, segment, h->count, NULL, error);
    if (status == RTV_OK) rtvi_snapshot_finish(loaded->snapshot);
    return status;
}

int32_t rtvi_load_format0(rtvi_mapping *mapping, rtvi_loaded *loaded, rtv_error *error) {
    const rtvi_env *env = mapping->source.env;
    rtvi_meta *meta = &loaded->meta;
    header h;
    int32_t status;
    memset(&h, 0, sizeof h);
    status = parse(&mapping->source, &h, error);
    if (status == RTV_OK) status = check_checksums(&h, error);
    loaded->header = (rtvi_header){(int32_t)h.dim, RTV_STORAGE_FLOAT32, 0, 0};
    if (status == RTV_OK) status = load_text(&h.sections[FINGERPRINT], "fingerprint", meta->fingerprint, sizeof meta->fingerprint, error);
    if (status == RTV_OK) status = load_text(&h.sections[MODEL_NAME], "model name", meta->model_name, sizeof meta->model_name, error);
    if (status == RTV_OK) status = load_names(env, &h, CLASS_NAME_OFFSETS, &meta->names[0], error);
    if (status == RTV_OK) status = load_names(env, &h, PREDICTED_NAME_OFFSETS, &meta->names[1], error);
    return status == RTV_OK ? load_items(mapping, &h, loaded, error) : status;
}
