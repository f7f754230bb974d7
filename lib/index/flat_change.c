/* flat_change.c - adding, replacing, removing, merging. A change is made in a draft of the next state, which is shown when nothing can fail
 * any more. */
#include <limits.h>
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_state.h"

#define FIRST_ROWS 64 /* of an index that grows one by one */
#define SPARE_TEXT 16 /* bytes of text for a row that is not there yet */

/* ---- what is added ---- */

static rtv_bytes key_of(const rtvi_batch *batch, size_t i) {
    if (batch->texts) return batch->texts[i];
    return batch->keys && batch->keys[i] ? (rtv_bytes){batch->keys[i], strlen(batch->keys[i])} : (rtv_bytes){"", 0};
}

static rtv_bytes payload_of(const rtvi_batch *batch, size_t i) { return batch->payloads ? batch->payloads[i] : (rtv_bytes){"", 0}; }

static int32_t check_keys(const rtvi_batch *batch, rtv_error *error) {
    for (size_t i = 0; batch->keys && i < batch->count; i++) {
        const rtv_bytes key = key_of(batch, i);
        const size_t length = (size_t)key.size_bytes, at = rtvi_strings_check_text(key.data, length);
        rtvi_quoted quoted;
        if (at < length)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                                  "index: key of item %zu: got \"%s\" with byte 0x%02x at %zu, expected UTF-8 without control characters",
                                  i, rtvi_error_quote(&quoted, key.data, length), ((const unsigned char *)key.data)[at], at);
    }
    return RTV_OK;
}

static int32_t check_payloads(const rtvi_batch *batch, rtv_error *error) {
    for (size_t i = 0; batch->payloads && i < batch->count; i++) {
        const rtv_bytes *payload = &batch->payloads[i];
        if (payload->size_bytes > RTV_PAYLOAD_MAX || (payload->size_bytes > 0 && !payload->data))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: payload of item %zu: got %s%llu bytes, expected at most %d", i,
                                  payload->data ? "" : "NULL, ", (unsigned long long)payload->size_bytes, RTV_PAYLOAD_MAX);
    }
    return RTV_OK;
}

static void sink(const int64_t *ids, size_t *order, size_t count, size_t at, size_t moving) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && ids[order[child]] < ids[order[child + 1]]) child++;
        if (ids[moving] >= ids[order[child]]) break;
        order[at] = order[child];
    }
    order[at] = moving;
}

/* Heap sort: in place, and n log n whatever the input. */
static void sort_by_id(const int64_t *ids, size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) order[i] = i;
    for (size_t i = count / 2; i-- > 0;) sink(ids, order, count, i, order[i]);
    for (size_t left = count; left > 1; left--) {
        size_t top = order[0];
        sink(ids, order, left - 1, 0, order[left - 1]);
        order[left - 1] = top;
    }
}

static int32_t check_twice(const rtvi_env *env, const int64_t *ids, size_t count, rtv_error *error) {
    size_t *order = rtvi_alloc(env, count, sizeof *order);
    int32_t status = RTV_OK;
    if (!order) return rtvi_error_out_of_memory(error, "index", count * sizeof *order);
    sort_by_id(ids, order, count);
    for (size_t i = 1; i < count && status == RTV_OK; i++) {
        const size_t a = order[i - 1], b = order[i];
        if (ids[a] == ids[b])
            status = rtvi_error_set(error, RTV_E_EXISTS, "index: id %lld: got it twice, for items %zu and %zu, expected ids once",
                                    (long long)ids[a], a < b ? a : b, a < b ? b : a);
    }
    rtvi_free(env, order);
    return status;
}

int32_t rtvi_flat_check_ids(const rtvi_env *env, const rtvi_snapshot *draft, const rtvi_batch *batch, int64_t largest_id, int may_exist,
                            rtv_error *error) {
    const int64_t *ids = batch->ids;
    size_t rising = 0;
    int32_t status = RTV_OK;
    if (!ids) {
        if (batch->count <= (uint64_t)INT64_MAX - (uint64_t)largest_id) return RTV_OK; /* unsigned: -1 before the first */
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: ids: got %zu items after id %lld, expected ids of their own",
                              batch->count, (long long)largest_id);
    }
    for (size_t i = 0; i < batch->count; i++)
        if (ids[i] < 0)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: id of item %zu: got %lld, expected at least 0", i,
                                  (long long)ids[i]);
    while (rising < batch->count && (rising == 0 || ids[rising] > ids[rising - 1])) rising++;
    if (rising < batch->count) status = check_twice(env, ids, batch->count, error);
    for (size_t i = 0; i < batch->count && status == RTV_OK && !may_exist; i++) {
        size_t chunk, row;
        if (ids[i] <= largest_id && rtvi_snapshot_find_id(draft, ids[i], &chunk, &row))
            status = rtvi_error_set(error, RTV_E_EXISTS, "index: id %lld of item %zu: is in the index already, expected a new one",
                                    (long long)ids[i], i);
    }
    return status;
}

/* ---- appending ---- */

/* How many items from first on fit behind the rows of a segment. */
static size_t count_fitting(const rtvi_segment *segment, size_t rows, const rtvi_batch *batch, size_t first) {
    const size_t left = batch->count - first;
    uint64_t keys = 0, payloads = 0;
    size_t count = 0;
    if (!segment || segment->mapping) return 0;
    while (count < left && rtvi_segment_fits(segment, rows, count + 1, (size_t)(keys + key_of(batch, first + count).size_bytes),
                                             (size_t)(payloads + payload_of(batch, first + count).size_bytes))) {
        keys += key_of(batch, first + count).size_bytes;
        payloads += payload_of(batch, first + count).size_bytes;
        count++;
    }
    return count;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Room for texts like those that are coming, also behind the last of them. */
static size_t text_room(uint64_t bytes, size_t coming, size_t rows) {
    return (size_t)bytes + (rows - coming) * ((size_t)bytes / coming + SPARE_TEXT);
}

/* Rows of memory at the end of a draft. */
static size_t rows_in_memory(const rtvi_snapshot *draft) {
    size_t rows = 0;
    for (size_t i = draft->rows.num_chunks; i > 0 && !draft->pieces[i - 1].segment->mapping; i--) rows += draft->chunks[i - 1].num_rows;
    return rows;
}

/* Segments grow with the index, so that there are few, whether items come one by one or all at once. */
static int32_t new_segment(rtvi_flat *flat, rtvi_snapshot *draft, const rtvi_batch *batch, size_t first, rtv_error *error) {
    const size_t most = flat->store ? rtvi_flat_block_rows(flat) : (size_t)RTVI_FORMAT_MAX_ROWS - 1;
    const size_t coming = least(batch->count - first, most), grown = least(rows_in_memory(draft) / 2, most);
    size_t rows = coming > FIRST_ROWS ? coming : least(FIRST_ROWS, most);
    uint64_t keys = 0, payloads = 0;
    rtvi_segment *segment;
    int32_t status;
    if (rows < grown) rows = grown;
    for (size_t i = 0; i < coming; i++) {
        keys += key_of(batch, first + i).size_bytes;
        payloads += payload_of(batch, first + i).size_bytes;
    }
    status = rtvi_segment_create(flat->env, (size_t)flat->dim, flat->header.storage, rows, text_room(keys, coming, rows),
                                 batch->payloads ? text_room(payloads, coming, rows) : 0, &segment, error);
    return status == RTV_OK ? rtvi_snapshot_push(draft, segment, 0, NULL, error) : status;
}

static int32_t put_items(rtvi_flat *flat, rtvi_snapshot *draft, const rtvi_batch *batch, size_t first, size_t count, int64_t next_id,
                         rtv_error *error) {
    rtvi_chunk *chunk = &draft->chunks[draft->rows.num_chunks - 1];
    rtvi_segment *segment = draft->pieces[draft->rows.num_chunks - 1].segment;
    const size_t row = chunk->num_rows;
    int64_t *ids = (int64_t *)segment->columns[RTVI_COLUMN_IDS] + row;
    int32_t *classes = (int32_t *)segment->columns[RTVI_COLUMN_CLASSES] + row;
    int32_t *predicted = (int32_t *)segment->columns[RTVI_COLUMN_PREDICTED] + row;
    const int32_t status = rtvi_flat_ingest(flat, segment, row, batch->vectors + first * segment->dim, count, error);
    if (status != RTV_OK) return status;
    for (size_t i = 0; i < count; i++) {
        ids[i] = batch->ids ? batch->ids[first + i] : next_id + (int64_t)i;
        classes[i] = batch->classes ? batch->classes[first + i] : -1;
        predicted[i] = batch->predicted ? batch->predicted[first + i] : -1;
        rtvi_segment_put_key(segment, row + i, key_of(batch, first + i));
        rtvi_segment_put_payload(segment, row + i, payload_of(batch, first + i));
    }
    chunk->num_rows += count;
    return RTV_OK;
}

static int32_t append_part(rtvi_flat *flat, rtvi_snapshot **draft, const rtvi_batch *batch, size_t *first, int64_t next_id,
                           rtv_error *error) {
    size_t last = (*draft)->rows.num_chunks, count = 0;
    int32_t status = RTV_OK;
    if (last > 0) count = count_fitting((*draft)->pieces[last - 1].segment, (*draft)->chunks[last - 1].num_rows, batch, *first);
    if (count == 0) {
        if (flat->store && rows_in_memory(*draft) >= rtvi_flat_block_rows(flat)) status = rtvi_flat_flush(flat, draft, error);
        if (status == RTV_OK) status = new_segment(flat, *draft, batch, *first, error);
        if (status != RTV_OK) return status;
        last = (*draft)->rows.num_chunks;
        count = count_fitting((*draft)->pieces[last - 1].segment, 0, batch, *first);
    }
    status = put_items(flat, *draft, batch, *first, count, next_id, error);
    *first += count;
    return status;
}

int32_t rtvi_flat_append(rtvi_flat *flat, rtvi_snapshot **draft, const rtvi_batch *batch, int64_t *largest_id, rtv_error *error) {
    const int64_t next_id = *largest_id == INT64_MAX ? 0 : *largest_id + 1; /* at INT64_MAX the batch has ids of its own */
    size_t first = 0;
    int32_t status = RTV_OK;
    while (first < batch->count && status == RTV_OK)
        status = append_part(flat, draft, batch, &first, batch->ids ? 0 : next_id + (int64_t)first, error);
    if (status != RTV_OK) return status;
    if (!batch->ids) *largest_id += (int64_t)batch->count;
    for (size_t i = 0; batch->ids && i < batch->count; i++)
        if (batch->ids[i] > *largest_id) *largest_id = batch->ids[i];
    return RTV_OK;
}

/* ---- changes ---- */

/* Drops a draft that came to nothing, and what it wrote. */
static void drop_draft(rtvi_flat *flat, rtvi_snapshot *draft, uint64_t mark) {
    if (flat->store) rtvi_store_rewind(flat->store, mark);
    rtvi_snapshot_release(draft);
}

static void accept(rtvi_flat *flat, rtvi_snapshot *draft, int64_t largest_id, size_t added) {
    flat->dirty = 1;
    rtvi_flat_show(flat, draft, largest_id, added);
}

static int32_t remove_ids(rtvi_snapshot *draft, const int64_t *ids, size_t count, int64_t *removed, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t i = 0; i < count && status == RTV_OK; i++) {
        size_t chunk, row;
        if (!rtvi_snapshot_find_id(draft, ids[i], &chunk, &row)) continue;
        status = rtvi_snapshot_remove(draft, chunk, row, error);
        if (status == RTV_OK) ++*removed;
    }
    return status;
}

static int32_t add_locked(rtvi_flat *flat, const rtvi_batch *batch, int replaces, rtv_error *error) {
    const uint64_t mark = flat->store ? rtvi_store_mark(flat->store) : 0;
    int64_t largest = flat->largest_id, removed = 0;
    rtvi_snapshot *draft;
    int32_t status = rtvi_flat_draft(flat, &draft, error);
    if (status != RTV_OK) return status;
    status = rtvi_flat_check_ids(flat->env, draft, batch, largest, replaces, error);
    if (status == RTV_OK && replaces) status = remove_ids(draft, batch->ids, batch->count, &removed, error);
    if (status == RTV_OK) status = rtvi_flat_append(flat, &draft, batch, &largest, error);
    if (status == RTV_OK)
        accept(flat, draft, largest, batch->count);
    else
        drop_draft(flat, draft, mark);
    return status;
}

static int32_t check_count(int64_t count, rtv_error *error) {
    if (count >= 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: count: got %lld, expected at least 0", (long long)count);
}

/* What does not depend on the state is looked at before other changes have to wait. */
static int32_t check_batch(rtvi_flat *flat, const rtvi_batch *batch, rtv_error *error) {
    int32_t status = rtvi_flat_check_storable(flat, batch->vectors, batch->count, error);
    if (status == RTV_OK && batch->classes) status = rtvi_flat_check_classes(batch->classes, batch->count, "class", error);
    if (status == RTV_OK && batch->predicted) status = rtvi_flat_check_classes(batch->predicted, batch->count, "predicted class", error);
    if (status == RTV_OK) status = check_keys(batch, error);
    return status == RTV_OK ? check_payloads(batch, error) : status;
}

static int32_t change(rtvi_flat *flat, const rtv_items *items, int64_t count, int replaces, rtv_error *error) {
    rtvi_batch batch = {.ids = items->ids,
                        .keys = items->keys,
                        .classes = items->classes,
                        .predicted = items->predicted,
                        .payloads = items->payloads,
                        .count = (size_t)count};
    size_t floats;
    float *owned = NULL;
    int32_t status = check_count(count, error);
    if (status != RTV_OK || count == 0) return status == RTV_OK ? rtvi_error_clear(error) : status;
    if (!items->vectors || (replaces && !items->ids))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s: got NULL, expected %lld of them",
                              items->vectors ? "ids" : "vectors", (long long)count);
    if (!rtvi_mul((size_t)count, rtvi_flat_given_dim(flat) * sizeof(float), &floats)) return rtvi_error_out_of_memory(error, "index", 0);
    if (flat->reduction) status = rtvi_flat_check_vectors(items->vectors, batch.count, rtvi_flat_given_dim(flat), "item", error);
    if (status == RTV_OK) status = rtvi_flat_take_in(flat, flat->team, items->vectors, batch.count, "item", &batch.vectors, &owned, error);
    if (status == RTV_OK) status = check_batch(flat, &batch, error);
    if (status == RTV_OK) {
        pthread_mutex_lock(&flat->writer);
        status = add_locked(flat, &batch, replaces, error);
        pthread_mutex_unlock(&flat->writer);
    }
    rtvi_free(flat->env, owned);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_flat_add(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error) {
    return change(flat, items, count, 0, error);
}

int32_t rtvi_flat_replace(rtvi_flat *flat, const rtv_items *items, int64_t count, rtv_error *error) {
    return change(flat, items, count, 1, error);
}

static int32_t remove_locked(rtvi_flat *flat, const int64_t *ids, size_t count, int64_t *removed, rtv_error *error) {
    rtvi_snapshot *draft;
    int32_t status = rtvi_flat_draft(flat, &draft, error);
    if (status != RTV_OK) return status;
    status = remove_ids(draft, ids, count, removed, error);
    if (status == RTV_OK && *removed > 0)
        accept(flat, draft, flat->largest_id, 0);
    else
        rtvi_snapshot_release(draft);
    return status;
}

int32_t rtvi_flat_remove(rtvi_flat *flat, const int64_t *ids, int64_t count, int64_t *removed, rtv_error *error) {
    int64_t number = 0;
    int32_t status = check_count(count, error);
    if (status != RTV_OK) return status;
    pthread_mutex_lock(&flat->writer);
    status = remove_locked(flat, ids, (size_t)count, &number, error);
    pthread_mutex_unlock(&flat->writer);
    if (status != RTV_OK) return status;
    if (removed) *removed = number;
    return rtvi_error_clear(error);
}
