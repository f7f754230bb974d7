/* flat_file.c - the index file, provisional format 0 (docs/formats.md): a header, a table of sections, and the sections as they lie in
 * memory. */
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base_bytes.h"
#include "index/flat_codes.h"
#include "index/flat_state.h"

enum { VERSION = 0, FLAG_PROVISIONAL = 1, HEADER_SIZE = 64, ENTRY_SIZE = 32, CHECKSUM_AT = 40, ALIGNMENT = 64 };

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

static const uint8_t magic[8] = {0x89, 'R', 'T', 'V', 'I', 'X', '\r', '\n'}; /* spoilt by whatever mends line ends or drops bit 7 */

typedef struct section {
    const void *data;
    size_t offset, size;
} section;

static size_t align_up(size_t offset) { return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

/* Sections are written and read as they lie in memory. */
static int32_t check_byte_order(rtv_error *error) {
    const uint32_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    if (first == 1) return RTV_OK;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: index files: got a big-endian processor, expected a little-endian one");
}

/* ---- writing ---- */

static void describe_strings(section sections[2], const rtvi_strings *strings) {
    static const uint64_t empty[1] = {0};
    sections[0].data = strings->offsets ? strings->offsets : empty;
    sections[0].size = (strings->count + 1) * sizeof *strings->offsets;
    sections[1].data = strings->bytes;
    sections[1].size = rtvi_strings_bytes(strings);
}

/* Cannot overflow: all of it is in memory already. */
static size_t describe(const rtvi_flat *flat, section sections[NUM_SECTIONS]) {
    const size_t count = flat->ids.count;
    size_t end = TABLE_END;
    sections[FINGERPRINT] = (section){flat->fingerprint, 0, strlen(flat->fingerprint)};
    sections[MODEL_NAME] = (section){flat->model_name, 0, strlen(flat->model_name)};
    sections[IDS] = (section){flat->ids.ids, 0, count * sizeof *flat->ids.ids};
    sections[CLASSES] = (section){flat->classes, 0, count * sizeof *flat->classes};
    sections[PREDICTED] = (section){flat->predicted, 0, count * sizeof *flat->predicted};
    describe_strings(sections + KEY_OFFSETS, &flat->keys);
    describe_strings(sections + CLASS_NAME_OFFSETS, &flat->names[0]);
    describe_strings(sections + PREDICTED_NAME_OFFSETS, &flat->names[1]);
    sections[VECTORS] = (section){flat->vectors, 0, count * (size_t)flat->dim * sizeof *flat->vectors};
    for (size_t i = 0; i < NUM_SECTIONS; i++) {
        sections[i].offset = align_up(end);
        end = sections[i].offset + sections[i].size;
    }
    return end;
}

static void fill_header(const rtvi_flat *flat, const section sections[NUM_SECTIONS], size_t file_size, uint8_t header[TABLE_END]) {
    memset(header, 0, TABLE_END);
    memcpy(header, magic, sizeof magic);
    rtvi_store_le(header + 8, VERSION, 4);
    rtvi_store_le(header + 12, FLAG_PROVISIONAL, 4);
    rtvi_store_le(header + 16, (uint64_t)flat->dim, 4);
    rtvi_store_le(header + 20, NUM_SECTIONS, 4);
    rtvi_store_le(header + 24, flat->ids.count, 8);
    rtvi_store_le(header + 32, file_size, 8);
    for (size_t i = 0; i < NUM_SECTIONS; i++) {
        uint8_t *entry = header + HEADER_SIZE + i * ENTRY_SIZE;
        rtvi_store_le(entry, i + 1, 8);
        rtvi_store_le(entry + 8, sections[i].offset, 8);
        rtvi_store_le(entry + 16, sections[i].size, 8);
        rtvi_store_le(entry + 24, XXH3_64bits(sections[i].data, sections[i].size), 8);
    }
    rtvi_store_le(header + CHECKSUM_AT, XXH3_64bits(header, TABLE_END), 8);
}

static int32_t write_sections(rtvi_writer *writer, const section sections[NUM_SECTIONS], rtv_error *error) {
    static const uint8_t zeros[ALIGNMENT] = {0};
    size_t end = TABLE_END;
    int32_t status = RTV_OK;
    for (size_t i = 0; i < NUM_SECTIONS && status == RTV_OK; i++) {
        status = rtvi_writer_write(writer, zeros, sections[i].offset - end, error);
        if (status == RTV_OK) status = rtvi_writer_write(writer, sections[i].data, sections[i].size, error);
        end = sections[i].offset + sections[i].size;
    }
    return status;
}

static int32_t write_locked(const rtvi_flat *flat, rtvi_writer *writer, rtv_error *error) {
    section sections[NUM_SECTIONS];
    uint8_t header[TABLE_END];
    const size_t file_size = describe(flat, sections);
    int32_t status;
    fill_header(flat, sections, file_size, header);
    status = rtvi_writer_write(writer, header, sizeof header, error);
    return status == RTV_OK ? write_sections(writer, sections, error) : status;
}

int32_t rtvi_flat_write(rtvi_flat *flat, const char *path, rtv_error *error) {
    rtvi_writer *writer;
    int32_t status = check_byte_order(error);
    if (status == RTV_OK) status = rtvi_writer_open(flat->env, "index", path, &writer, error);
    if (status != RTV_OK) return status;
    pthread_rwlock_rdlock(&flat->lock);
    status = write_locked(flat, writer, error);
    pthread_rwlock_unlock(&flat->lock);
    if (status != RTV_OK) {
        rtvi_writer_abort(writer);
        return status;
    }
    status = rtvi_writer_commit(writer, error);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

/* ---- reading ---- */

typedef struct header {
    size_t dim, count;
    section sections[NUM_SECTIONS];
    uint64_t checksums[NUM_SECTIONS];
} header;

static int32_t bad(rtv_error *error, size_t offset, const char *what, uint64_t got, uint64_t expected) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offset, "index: %s: got %llu, expected %llu", what, (unsigned long long)got,
                             (unsigned long long)expected);
}

/* What has to be right before any other number can be believed. */
static int32_t check_start(const rtvi_source *source, rtv_error *error) {
    const uint8_t *data = source->data;
    uint8_t copy[TABLE_END];
    uint64_t version, stored;
    if (source->size < sizeof magic || memcmp(data, magic, sizeof magic) != 0)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 0, "index: the first %zu bytes: are not those of an index file", sizeof magic);
    if (source->size < TABLE_END)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size, "index: file: got %zu bytes, expected a header of %d",
                                 source->size, TABLE_END);
    version = rtvi_load_le(data + 8, 4);
    if (version != VERSION)
        return rtvi_error_set_at(error, RTV_E_UNSUPPORTED, 8,
                                 "index: file format: got version %llu, expected %d, the one this library reads",
                                 (unsigned long long)version, VERSION);
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
    if (dim < 1 || dim > RTVI_FLAT_MAX_DIM)
        return rtvi_error_set_at(error, RTV_E_FORMAT, 16, "index: dim: got %llu, expected 1 to %d", (unsigned long long)dim,
                                 RTVI_FLAT_MAX_DIM);
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

/* What is a caller's mistake in rtv_index_add is a defect of the file here. */
static int32_t as_format(int32_t status, const section *s, rtv_error *error) {
    if (status != RTV_E_INVALID_ARGUMENT && status != RTV_E_EXISTS) return status;
    if (error) {
        error->status = RTV_E_FORMAT;
        error->byte_offset = (int64_t)s->offset;
    }
    return RTV_E_FORMAT;
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

/* A copy of a section of count elements. A file's sections are aligned, a caller's bytes need not be. */
static int32_t load_array(const rtvi_env *env, const section *s, size_t count, size_t each, void **array, size_t *capacity,
                          rtv_error *error) {
    if (count == 0) return RTV_OK;
    *array = rtvi_alloc(env, count, each);
    if (!*array) return rtvi_error_out_of_memory(error, "index", s->size);
    memcpy(*array, s->data, count * each);
    *capacity = count;
    return RTV_OK;
}

static int32_t load_ids(rtvi_flat *flat, const header *h, rtv_error *error) {
    const section *s = &h->sections[IDS];
    void *ids = NULL;
    size_t capacity;
    int32_t status = load_array(flat->env, s, h->count, sizeof(int64_t), &ids, &capacity, error);
    if (status == RTV_OK && h->count > 0) status = as_format(rtvi_ids_append(flat->env, &flat->ids, ids, h->count, error), s, error);
    rtvi_free(flat->env, ids);
    return status;
}

static int32_t load_classes(rtvi_flat *flat, const header *h, size_t i, int32_t **classes, size_t *capacity, rtv_error *error) {
    const section *s = &h->sections[i];
    int32_t status = load_array(flat->env, s, h->count, sizeof(int32_t), (void **)classes, capacity, error);
    if (status == RTV_OK)
        status = as_format(rtvi_flat_check_classes(*classes, h->count, i == CLASSES ? "class" : "predicted class", error), s, error);
    return status;
}

static int32_t load_vectors(rtvi_flat *flat, const header *h, rtv_error *error) {
    const section *s = &h->sections[VECTORS];
    int32_t status = load_array(flat->env, s, h->count, h->dim * sizeof(float), (void **)&flat->vectors, &flat->vectors_capacity, error);
    if (status == RTV_OK) status = as_format(rtvi_flat_check_vectors(flat->vectors, h->count, h->dim, "item", error), s, error);
    if (status != RTV_OK || h->count == 0) return status;
    flat->codes = rtvi_alloc(flat->env, h->count, rtvi_codes_size(h->dim));
    if (!flat->codes) return rtvi_error_out_of_memory(error, "index", h->count * rtvi_codes_size(h->dim));
    flat->codes_capacity = h->count;
    rtvi_codes_encode(flat->env->isa, flat->vectors, h->count, h->dim, flat->codes);
    return RTV_OK;
}

/* The offsets are loaded and so are the bytes: do they fit together? */
static int32_t check_strings(const rtvi_strings *strings, size_t count, const section *s, rtv_error *error) {
    const size_t bytes = s[1].size;
    if (strings->offsets[0] != 0) return bad(error, s[0].offset, "the first offset of texts", strings->offsets[0], 0);
    if (strings->offsets[count] != bytes)
        return bad(error, s[0].offset + count * sizeof(uint64_t), "the last offset of texts", strings->offsets[count], bytes);
    for (size_t i = 0; i < count; i++) {
        const uint64_t begin = strings->offsets[i], end = strings->offsets[i + 1];
        size_t at;
        if (end < begin || end > bytes)
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(s[0].offset + (i + 1) * sizeof(uint64_t)),
                                     "index: offset of a text: got %llu, expected %llu to %zu", (unsigned long long)end,
                                     (unsigned long long)begin, bytes);
        if (begin == end) continue;
        at = rtvi_strings_check_text(strings->bytes + begin, (size_t)(end - begin));
        if (at < end - begin)
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(s[1].offset + begin + at),
                                     "index: text %zu: is not UTF-8 without control characters", i);
    }
    return RTV_OK;
}

/* Sections i (offsets) and i + 1 (bytes). */
static int32_t load_strings(rtvi_flat *flat, const header *h, size_t i, rtvi_strings *strings, rtv_error *error) {
    const section *s = &h->sections[i];
    const size_t num_offsets = s[0].size / sizeof(uint64_t), most = i == KEY_OFFSETS ? h->count : INT32_MAX;
    int32_t status;
    if (num_offsets == 0 || s[0].size % sizeof(uint64_t) != 0 || num_offsets - 1 > most)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)s[0].offset, "index: section \"%s\": got %zu bytes, expected whole offsets",
                                 section_names[i], s[0].size);
    status = load_array(flat->env, &s[0], num_offsets, sizeof(uint64_t), (void **)&strings->offsets, &strings->offsets_capacity, error);
    if (status == RTV_OK) status = load_array(flat->env, &s[1], s[1].size, 1, (void **)&strings->bytes, &strings->bytes_capacity, error);
    if (status == RTV_OK) status = check_strings(strings, num_offsets - 1, s, error);
    if (status == RTV_OK) strings->count = num_offsets - 1;
    return status;
}

static int32_t load(rtvi_flat *flat, const header *h, rtv_error *error) {
    const section *s = h->sections;
    int32_t status = load_text(&s[FINGERPRINT], "fingerprint", flat->fingerprint, sizeof flat->fingerprint, error);
    if (status == RTV_OK) status = load_text(&s[MODEL_NAME], "model name", flat->model_name, sizeof flat->model_name, error);
    if (status == RTV_OK) status = load_ids(flat, h, error);
    if (status == RTV_OK) status = load_classes(flat, h, CLASSES, &flat->classes, &flat->classes_capacity, error);
    if (status == RTV_OK) status = load_classes(flat, h, PREDICTED, &flat->predicted, &flat->predicted_capacity, error);
    if (status == RTV_OK) status = load_strings(flat, h, KEY_OFFSETS, &flat->keys, error);
    if (status == RTV_OK) status = load_strings(flat, h, CLASS_NAME_OFFSETS, &flat->names[0], error);
    if (status == RTV_OK) status = load_strings(flat, h, PREDICTED_NAME_OFFSETS, &flat->names[1], error);
    if (status == RTV_OK) status = load_vectors(flat, h, error);
    if (status == RTV_OK) rtvi_flat_show_rows(flat);
    return status;
}

static int32_t read_file(const rtvi_env *env, const rtvi_source *source, rtvi_flat **out, rtv_error *error) {
    header h;
    rtvi_flat *flat = NULL;
    int32_t status = check_byte_order(error);
    memset(&h, 0, sizeof h);
    if (status == RTV_OK) status = parse(source, &h, error);
    if (status == RTV_OK) status = check_checksums(&h, error);
    if (status == RTV_OK) status = rtvi_flat_create(env, (int32_t)h.dim, &flat, error);
    if (status == RTV_OK) status = load(flat, &h, error);
    if (status == RTV_OK)
        *out = flat;
    else
        rtvi_flat_destroy(flat);
    return status;
}

int32_t rtvi_flat_read(const rtvi_env *env, const rtvi_source *source, rtvi_flat **flat, rtv_error *error) {
    int32_t status = read_file(env, source, flat, error);
    rtvi_quoted quoted;
    if (status != RTV_OK) {
        if (source->path) rtvi_error_prefix(error, rtvi_error_quote_string(&quoted, source->path));
        return status;
    }
    return rtvi_error_clear(error);
}
