/* flat_segment.c - rows side by side, in memory or in a mapped file. */
#include "index/flat_segment.h"

#include <string.h>

#include "index/flat_checksum.h"
#include "index/flat_codes.h"

int32_t rtvi_mapping_create(rtvi_source *source, rtvi_mapping **out, rtv_error *error) {
    rtvi_mapping *mapping = rtvi_alloc_zero(source->env, 1, sizeof *mapping);
    if (!mapping) {
        rtvi_source_close(source);
        return rtvi_error_out_of_memory(error, "index", sizeof *mapping);
    }
    atomic_init(&mapping->references, 1);
    mapping->source = *source;
    memset(source, 0, sizeof *source);
    *out = mapping;
    return RTV_OK;
}

void rtvi_mapping_release(rtvi_mapping *mapping) {
    const rtvi_env *env;
    if (!mapping || atomic_fetch_sub(&mapping->references, 1) != 1) return;
    env = mapping->source.env;
    rtvi_source_close(&mapping->source);
    rtvi_free(env, mapping);
}

size_t rtvi_column_width(int column, size_t dim, int32_t storage) {
    switch (column) {
        case RTVI_COLUMN_VECTORS:
            return storage == RTV_STORAGE_FLOAT32 ? dim * sizeof(float) : storage == RTV_STORAGE_FLOAT16 ? dim * sizeof(uint16_t) : 0;
        case RTVI_COLUMN_CODES:
            return rtvi_codes_size(dim);
        case RTVI_COLUMN_IDS:
            return sizeof(int64_t);
        case RTVI_COLUMN_CLASSES:
        case RTVI_COLUMN_PREDICTED:
            return sizeof(int32_t);
        default:
            return 0;
    }
}

size_t rtvi_row_width(size_t dim, int32_t storage) {
    size_t width = 0;
    for (int column = 0; column < RTVI_NUM_COLUMNS; column++) width += rtvi_column_width(column, dim, storage);
    return width;
}

static rtvi_segment *new_segment(const rtvi_env *env, size_t dim, int32_t storage, size_t rows) {
    rtvi_segment *segment = rtvi_alloc_zero(env, 1, sizeof *segment);
    if (!segment) return NULL;
    segment->env = env;
    segment->dim = dim;
    segment->storage = storage;
    segment->capacity = rows;
    atomic_init(&segment->references, 1);
    pthread_mutex_init(&segment->lock, NULL);
    return segment;
}

static int allocate_columns(rtvi_segment *s) {
    int ok = 1;
    for (int column = 0; column < RTVI_NUM_COLUMNS; column++) {
        const size_t width = rtvi_column_width(column, s->dim, s->storage);
        if (width > 0 && !(s->columns[column] = rtvi_alloc(s->env, s->capacity, width))) ok = 0;
    }
    s->columns[RTVI_COLUMN_KEY_OFFSETS] = rtvi_alloc(s->env, s->capacity + 1, sizeof(uint64_t));
    s->columns[RTVI_COLUMN_KEYS] = rtvi_alloc(s->env, s->key_capacity, 1);
    s->columns[RTVI_COLUMN_PAYLOAD_OFFSETS] = rtvi_alloc(s->env, s->capacity + 1, sizeof(uint64_t));
    s->columns[RTVI_COLUMN_PAYLOADS] = rtvi_alloc(s->env, s->payload_capacity, 1);
    for (int column = RTVI_COLUMN_KEY_OFFSETS; column < RTVI_NUM_COLUMNS; column++) ok &= s->columns[column] != NULL;
    return ok;
}

int32_t rtvi_segment_create(const rtvi_env *env, size_t dim, int32_t storage, size_t rows, size_t key_bytes, size_t payload_bytes,
                            rtvi_segment **out, rtv_error *error) {
    rtvi_segment *segment = new_segment(env, dim, storage, rows);
    if (segment) {
        segment->key_capacity = key_bytes;
        segment->payload_capacity = payload_bytes;
    }
    if (!segment || !allocate_columns(segment)) {
        rtvi_segment_release(segment);
        return rtvi_error_out_of_memory(error, "index", rows * rtvi_row_width(dim, storage));
    }
    *(uint64_t *)segment->columns[RTVI_COLUMN_KEY_OFFSETS] = 0;
    *(uint64_t *)segment->columns[RTVI_COLUMN_PAYLOAD_OFFSETS] = 0;
    *out = segment;
    return RTV_OK;
}

int32_t rtvi_segment_over(rtvi_mapping *mapping, uint64_t offset, const rtvi_place *place, size_t dim, int32_t storage, rtvi_segment **out,
                          rtv_error *error) {
    rtvi_segment *segment = new_segment(mapping->source.env, dim, storage, (size_t)place->rows);
    if (!segment) return rtvi_error_out_of_memory(error, "index", sizeof *segment);
    segment->mapping = mapping;
    atomic_fetch_add(&mapping->references, 1);
    segment->place = *place;
    segment->key_capacity = (size_t)place->key_bytes;
    segment->payload_capacity = (size_t)place->payload_bytes;
    for (int column = 0; column < RTVI_NUM_COLUMNS; column++) {
        if (place->columns[column])
            segment->columns[column] = (void *)(uintptr_t)(mapping->source.data + (place->columns[column] - offset));
    }
    *out = segment;
    return RTV_OK;
}

void rtvi_segment_retain(rtvi_segment *segment) { atomic_fetch_add(&segment->references, 1); }

static void free_table(const rtvi_env *env, rtvi_row_table *table) {
    rtvi_free(env, table->heads);
    rtvi_free(env, table->next);
}

void rtvi_segment_release(rtvi_segment *segment) {
    if (!segment || atomic_fetch_sub(&segment->references, 1) != 1) return;
    for (int column = 0; column < RTVI_NUM_COLUMNS && !segment->mapping; column++) rtvi_free(segment->env, segment->columns[column]);
    rtvi_free(segment->env, segment->made_codes);
    rtvi_mapping_release(segment->mapping);
    free_table(segment->env, &segment->by_id);
    free_table(segment->env, &segment->by_key);
    pthread_mutex_destroy(&segment->lock);
    rtvi_free(segment->env, segment);
}

static size_t table_memory(const rtvi_row_table *table, size_t capacity) {
    return table->heads ? (table->size + capacity) * sizeof *table->heads : 0;
}

size_t rtvi_segment_memory(rtvi_segment *segment) {
    size_t sum = sizeof *segment;
    if (!segment->mapping)
        sum += segment->capacity * (rtvi_row_width(segment->dim, segment->storage) + 2 * sizeof(uint64_t)) + segment->key_capacity +
               segment->payload_capacity;
    if (segment->made_codes) sum += segment->capacity * rtvi_codes_size(segment->dim);
    pthread_mutex_lock(&segment->lock);
    sum += table_memory(&segment->by_id, segment->capacity) + table_memory(&segment->by_key, segment->capacity);
    pthread_mutex_unlock(&segment->lock);
    return sum;
}

rtvi_chunk rtvi_segment_chunk(const rtvi_segment *segment, size_t rows) {
    return (rtvi_chunk){.num_rows = rows,
                        .vectors = segment->columns[RTVI_COLUMN_VECTORS],
                        .codes = segment->columns[RTVI_COLUMN_CODES],
                        .ids = segment->columns[RTVI_COLUMN_IDS],
                        .classes = segment->columns[RTVI_COLUMN_CLASSES],
                        .predicted = segment->columns[RTVI_COLUMN_PREDICTED]};
}

static rtv_bytes text_at(const rtvi_segment *segment, int column, size_t capacity, size_t row) {
    const uint64_t *offsets = segment->columns[column];
    const uint8_t *bytes = segment->columns[column + 1];
    rtv_bytes text = {"", 0};
    if (!offsets || !bytes || offsets[row] >= offsets[row + 1] || offsets[row + 1] > capacity) return text;
    text.data = bytes + offsets[row];
    text.size_bytes = offsets[row + 1] - offsets[row];
    return text;
}

rtv_bytes rtvi_segment_key(const rtvi_segment *segment, size_t row) {
    return text_at(segment, RTVI_COLUMN_KEY_OFFSETS, segment->key_capacity, row);
}

rtv_bytes rtvi_segment_payload(const rtvi_segment *segment, size_t row) {
    return text_at(segment, RTVI_COLUMN_PAYLOAD_OFFSETS, segment->payload_capacity, row);
}

int rtvi_segment_fits(const rtvi_segment *segment, size_t rows, size_t more, size_t key_bytes, size_t payload_bytes) {
    const uint64_t *keys = segment->columns[RTVI_COLUMN_KEY_OFFSETS], *payloads = segment->columns[RTVI_COLUMN_PAYLOAD_OFFSETS];
    return !segment->mapping && more <= segment->capacity - rows && key_bytes <= segment->key_capacity - keys[rows] &&
           payload_bytes <= segment->payload_capacity - payloads[rows];
}

static void put_text(rtvi_segment *segment, int column, size_t row, rtv_bytes text) {
    uint64_t *offsets = segment->columns[column];
    if (text.size_bytes > 0) memcpy((uint8_t *)segment->columns[column + 1] + offsets[row], text.data, (size_t)text.size_bytes);
    offsets[row + 1] = offsets[row] + text.size_bytes;
}

void rtvi_segment_put_key(rtvi_segment *segment, size_t row, rtv_bytes key) { put_text(segment, RTVI_COLUMN_KEY_OFFSETS, row, key); }

void rtvi_segment_put_payload(rtvi_segment *segment, size_t row, rtv_bytes payload) {
    put_text(segment, RTVI_COLUMN_PAYLOAD_OFFSETS, row, payload);
}

/* ---- finding ---- */

static uint64_t hash_id(const rtvi_segment *segment, size_t row) {
    return XXH3_64bits((const int64_t *)segment->columns[RTVI_COLUMN_IDS] + row, sizeof(int64_t));
}

static uint64_t hash_key(const rtvi_segment *segment, size_t row) {
    const rtv_bytes key = rtvi_segment_key(segment, row);
    return XXH3_64bits(key.data, (size_t)key.size_bytes);
}

typedef uint64_t (*hash_row)(const rtvi_segment *segment, size_t row);

static void put_row(rtvi_row_table *table, size_t row, uint64_t hash) {
    uint32_t *head = &table->heads[hash & (table->size - 1)];
    table->next[row] = *head;
    *head = (uint32_t)row + 1;
}

static int make_table(const rtvi_segment *segment, rtvi_row_table *table) {
    size_t size = 16;
    while (size < segment->capacity) size *= 2;
    table->heads = rtvi_alloc_zero(segment->env, size, sizeof *table->heads);
    table->next = rtvi_alloc(segment->env, segment->capacity, sizeof *table->next);
    table->size = size;
    if (table->heads && table->next) return 1;
    free_table(segment->env, table);
    memset(table, 0, sizeof *table);
    return 0;
}

/* Under the lock. The first row + 1 of the chain for this hash; without memory for a table, every row is looked at. */
static uint32_t first_of(rtvi_segment *segment, rtvi_row_table *table, hash_row hash_of, size_t rows, uint64_t hash) {
    if (!table->heads && !make_table(segment, table)) return (uint32_t)rows;
    for (; table->filled < rows; table->filled++) put_row(table, table->filled, hash_of(segment, table->filled));
    return table->heads[hash & (table->size - 1)];
}

static uint32_t next_of(const rtvi_row_table *table, uint32_t at) { return table->heads ? table->next[at - 1] : at - 1; }

static int find_sorted(const rtvi_chunk *chunk, int64_t id, size_t *row) {
    size_t low = 0, high = chunk->num_rows;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (chunk->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    *row = low;
    return low < chunk->num_rows && chunk->ids[low] == id && !rtvi_chunk_is_removed(chunk, low);
}

int rtvi_segment_find_id(rtvi_segment *segment, const rtvi_chunk *chunk, int64_t id, size_t *row) {
    int found = 0;
    if (segment->mapping && (id < segment->place.min_id || id > segment->place.max_id)) return 0;
    if (segment->mapping && (segment->place.flags & RTVI_SEGMENT_ASCENDING)) return find_sorted(chunk, id, row);
    pthread_mutex_lock(&segment->lock);
    for (uint32_t at = first_of(segment, &segment->by_id, hash_id, chunk->num_rows, XXH3_64bits(&id, sizeof id)); at && !found;
         at = next_of(&segment->by_id, at)) {
        *row = at - 1;
        found = *row < chunk->num_rows && chunk->ids[*row] == id && !rtvi_chunk_is_removed(chunk, *row);
    }
    pthread_mutex_unlock(&segment->lock);
    return found;
}

int rtvi_segment_find_key(rtvi_segment *segment, const rtvi_chunk *chunk, rtv_bytes key, size_t *row) {
    const size_t size = (size_t)key.size_bytes;
    int found = 0;
    if (!segment->columns[RTVI_COLUMN_KEYS]) return 0;
    pthread_mutex_lock(&segment->lock);
    for (uint32_t at = first_of(segment, &segment->by_key, hash_key, chunk->num_rows, XXH3_64bits(key.data, size)); at;
         at = next_of(&segment->by_key, at)) {
        const size_t candidate = at - 1;
        rtv_bytes own;
        if (candidate >= chunk->num_rows || rtvi_chunk_is_removed(chunk, candidate)) continue;
        own = rtvi_segment_key(segment, candidate);
        if (own.size_bytes != key.size_bytes || memcmp(own.data, key.data, size) != 0) continue;
        if (!found || chunk->ids[candidate] < chunk->ids[*row]) *row = candidate;
        found = 1;
    }
    pthread_mutex_unlock(&segment->lock);
    return found;
}
