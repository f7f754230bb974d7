/* fuzz_index.c - fuzzing the index file: whatever the bytes are, they are refused, or make an index that searches and saves. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base_bytes.h"
#include "index/flat_load.h"
#include "index/flat_ranks.h"

enum { TABLE = 64, ENTRY = 32, NUM_SECTIONS = 12, TABLE_END = 448 }; /* docs/formats.md */

/* The last 8 of 64 bytes are the checksum of the others. */
static void seal_record(uint8_t *record) { rtvi_store_le(record + 56, XXH3_64bits(record, 56), 8); }

static void seal_extent(uint8_t *fields, const uint8_t *data, size_t size) {
    const uint64_t offset = rtvi_load_le(fields, 8), length = rtvi_load_le(fields + 8, 8);
    if (offset <= size && length <= size - offset) rtvi_store_le(fields + 16, XXH3_64bits(data + offset, (size_t)length), 8);
}

/* Format 1, from the inside out: names, manifest, roots, header. */
static void seal_format1(uint8_t *data, size_t size) {
    if (size < RTVI_FORMAT_BLOCKS) return;
    for (uint64_t slot = 0; slot < 2; slot++) {
        uint8_t *root = data + rtvi_root_offset(slot);
        const uint64_t manifest = rtvi_load_le(root + 16, 8);
        if (manifest < size && size - manifest >= RTVI_FORMAT_RECORD) seal_extent(data + manifest + 24, data, size);
        seal_extent(root + 16, data, size);
        seal_record(root);
    }
    memset(data + 40, 0, 8);
    rtvi_store_le(data + 40, XXH3_64bits(data, RTVI_FORMAT_RECORD), 8);
}

/* Makes the checksums right, or no mutation would come further than to them. */
static void seal(uint8_t *data, size_t size) {
    if (size > 8 && data[8] == RTVI_FORMAT_VERSION) {
        seal_format1(data, size);
        return;
    }
    if (size < TABLE_END) return;
    for (size_t i = 0; i < NUM_SECTIONS; i++) {
        uint8_t *entry = data + TABLE + i * ENTRY;
        const uint64_t offset = rtvi_load_le(entry + 8, 8), length = rtvi_load_le(entry + 16, 8);
        if (offset <= size && length <= size - offset) rtvi_store_le(entry + 24, XXH3_64bits(data + offset, (size_t)length), 8);
    }
    memset(data + 40, 0, 8);
    rtvi_store_le(data + 40, XXH3_64bits(data, TABLE_END), 8);
}

static int32_t seen(void *user, const rtv_item *item) { return (void)user, item->key_bytes > 1 << 20; }
static int32_t found(void *user, int64_t query, const rtv_hit *hits, int64_t count) { return (void)user, (void)hits, query + count < 0; }
static int32_t near(void *user, const rtv_pair *pairs, int64_t count) { return (void)user, (void)pairs, count == 0; }

/* The set against itself, filters, ranges. Nothing but memory may fail. */
static void use_all(rtvi_flat *flat, rtv_search_options options, const float *query) {
    enum { MOST = 4096 };
    static int64_t ids[MOST], num[MOST];
    static rtv_hit hits[MOST * 2];
    const uint8_t bits[8] = {0x5a, 0xff, 0, 0x11};
    const int64_t excluded = 1;
    int64_t count;
    rtvi_ranks ranks = {0};
    rtv_bytes payload[1];
    if (rtvi_flat_visit(flat, seen, NULL, NULL) != RTV_OK) abort();
    if (rtvi_flat_neighbors(flat, NULL, 2, &options, ids, hits, num, MOST, &count, NULL) != RTV_OK && count <= MOST) abort();
    if (rtvi_flat_pairs(flat, NULL, &options, near, NULL, NULL) != RTV_OK) abort();
    if (rtvi_flat_ranks_among(flat, NULL, 1, NULL, NULL, &ranks, NULL) != RTV_OK) abort();
    rtvi_ranks_destroy(flat, &ranks);
    for (int64_t i = 0; i < count && i < MOST; i++) rtvi_flat_payload(flat, ids[i], payload, sizeof payload, NULL, NULL);
    options.only_bits = bits;
    options.num_only_bits = 8 * sizeof bits;
    options.only_ids = count > 0 && count <= MOST ? ids : &excluded;
    options.num_only_ids = 1;
    options.exclude_ids = &excluded;
    if (rtvi_flat_search_range(flat, NULL, query, 1, &options, found, NULL, NULL) != RTV_OK) abort();
}

static void use(rtvi_flat *flat) {
    const rtv_search_options options = {
        .struct_size = (uint32_t)sizeof options, .class_id = -1, .predicted_class = -1, .min_score = -INFINITY};
    rtv_index_info info;
    rtv_hit hits[3];
    int64_t num;
    char text[64];
    float *query;
    rtvi_flat_info(flat, &info);
    query = calloc((size_t)info.dim, sizeof *query);
    if (!query || rtvi_flat_search(flat, NULL, query, 1, 3, &options, NULL, hits, &num, NULL) != RTV_OK) abort();
    for (int64_t i = 0; i < num; i++) {
        const int32_t status = rtvi_flat_key(flat, hits[i].id, text, sizeof text, NULL, NULL);
        if (status != RTV_OK && status != RTV_E_BUFFER_TOO_SMALL && status != RTV_E_NOT_FOUND) abort(); /* ids that do not rise */
        rtvi_flat_class_name(flat, RTV_CLASSES_LABEL, hits[i].class_id, text, sizeof text, NULL, NULL);
    }
    if (info.count < 4096) use_all(flat, options, query);
    free(query);
}

/* What is whole by verify's word searches like any other. */
static void verify(const rtvi_env *env, const uint8_t *data, size_t size) {
    rtvi_source source;
    rtvi_loaded loaded;
    rtv_error error;
    if (rtvi_source_from_memory(env, "index", data, size, 0, &source, &error) != RTV_OK) return;
    if (rtvi_load(&source, &loaded, &error) == RTV_OK && rtvi_verify(&loaded, NULL, NULL, &error) != RTV_OK && !error.message[0]) abort();
    rtvi_loaded_destroy(env, &loaded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (!copy) return 0;
    memcpy(copy, data, size);
    for (int sealed = 0; sealed < 2; sealed++) {
        rtvi_env env;
        rtvi_source source;
        rtvi_flat *flat = NULL;
        rtv_error error;
        rtvi_env_init(&env, NULL, RTV_ISA_ANY);
        if (sealed) seal(copy, size);
        verify(&env, copy, size);
        if (rtvi_source_from_memory(&env, "index", copy, size, 0, &source, &error) == RTV_OK) {
            if (rtvi_flat_read(&env, &source, &flat, &error) == RTV_OK) use(flat);
            rtvi_flat_destroy(flat);
            rtvi_source_close(&source);
        }
        rtvi_env_destroy(&env);
    }
    free(copy);
    return 0;
}
