/* weights_legacy.c - PyTorch's format before 1.6: five pickles (magic number, protocol version, system, the object, the keys of its
 * storages), then for each key a little-endian int64 number of elements and the elements. Source: _legacy_load in
 * torch/serialization.py. */
#include <string.h>

#include "base/base_bytes.h"
#include "weights/weights_torch.h"

typedef struct storage {
    const char *key;
    size_t key_length;
    rtvi_dtype dtype;
    rtvi_storage_bytes bytes; /* data NULL before the stream has given it */
} storage;

typedef struct legacy {
    rtvi_weights *weights;
    rtvi_bytes in;
    rtvi_pickle object;
    storage *storages;
    size_t count, capacity;
    rtvi_names names;
    rtv_error *error;
} legacy;

static const uint8_t magic_number[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19}; /* 0x1950a86a20f9469cfc6c */

static int32_t fail_stream(const legacy *l, int32_t status, const char *what) {
    return rtvi_error_set_at(l->error, status, (int64_t)l->in.pos, "%s: pickle stream at byte %zu: %s", l->weights->label, l->in.pos, what);
}

/* The next pickle of the stream. */
static int32_t next_pickle(legacy *l, rtvi_pickle *pickle) {
    int32_t status =
        rtvi_pickle_load(pickle, l->weights->env, l->weights->label, l->in.data + l->in.pos, rtvi_bytes_left(&l->in), l->in.pos, l->error);
    rtvi_bytes_take(&l->in, pickle->used);
    return status;
}

static int32_t read_magic(legacy *l) {
    rtvi_pickle pickle;
    int32_t status = next_pickle(l, &pickle);
    const rtvi_pickle_value *root = status == RTV_OK ? rtvi_pickle_at(&pickle, pickle.root) : NULL;
    if (root && (root->kind != RTVI_PICKLE_LONG || root->size != sizeof magic_number ||
                 memcmp(rtvi_pickle_text(&pickle, root), magic_number, sizeof magic_number) != 0))
        status = fail_stream(l, RTV_E_UNSUPPORTED, "got a plain pickle, expected one of torch.save");
    rtvi_pickle_destroy(&pickle);
    return status;
}

static int32_t read_version(legacy *l) {
    rtvi_pickle pickle;
    int32_t status = next_pickle(l, &pickle);
    if (status == RTV_OK &&
        (!rtvi_pickle_is(&pickle, pickle.root, RTVI_PICKLE_INT) || rtvi_pickle_at(&pickle, pickle.root)->as.number != 1001))
        status = fail_stream(l, RTV_E_UNSUPPORTED, "got an unknown protocol version, expected 1001");
    rtvi_pickle_destroy(&pickle);
    return status;
}

static int32_t read_system(legacy *l) {
    rtvi_pickle pickle;
    int32_t status = next_pickle(l, &pickle);
    if (status == RTV_OK) {
        rtvi_pickle_id little = rtvi_pickle_lookup(&pickle, pickle.root, "little_endian");
        if (rtvi_pickle_is(&pickle, little, RTVI_PICKLE_BOOL) && rtvi_pickle_at(&pickle, little)->as.number == 0)
            status = rtvi_error_set(l->error, RTV_E_UNSUPPORTED, "%s: byte order: got \"big\", expected \"little\"", l->weights->label);
    }
    rtvi_pickle_destroy(&pickle);
    return status;
}

/* Every storage that the object mentions; the first mention says the dtype, as in PyTorch. */
static int32_t collect_storages(legacy *l) {
    const rtvi_pickle *p = &l->object;
    for (size_t i = 0; i < p->num_values; i++) {
        rtvi_pickle_id tuple = p->values[i].kind == RTVI_PICKLE_PERSISTENT ? (rtvi_pickle_id)p->values[i].as.number : 0;
        rtvi_pickle_id class_id = rtvi_pickle_item(p, tuple, 1);
        const rtvi_pickle_value *key = rtvi_pickle_at(p, rtvi_pickle_item(p, tuple, 2));
        if (key->kind != RTVI_PICKLE_TEXT || !rtvi_pickle_has_role(p, class_id, RTVI_PICKLE_GLOBAL, RTVI_ROLE_STORAGE)) continue;
        if (!rtvi_grow(l->weights->env, (void **)&l->storages, &l->capacity, l->count, l->count + 1, sizeof *l->storages))
            return rtvi_error_out_of_memory(l->error, l->weights->label, 0);
        l->storages[l->count++] =
            (storage){rtvi_pickle_text(p, key), key->size, rtvi_pickle_global(rtvi_pickle_at(p, class_id))->dtype, {NULL, 0}};
    }
    if (!rtvi_names_init(&l->names, l->weights->env, l->count)) return rtvi_error_out_of_memory(l->error, l->weights->label, 0);
    for (size_t i = 0; i < l->count; i++) rtvi_names_add(&l->names, l->storages[i].key, l->storages[i].key_length, i);
    return RTV_OK;
}

static int32_t read_storage(legacy *l, const char *key, size_t length) {
    size_t i = rtvi_names_find(&l->names, key, length), size;
    uint64_t count = rtvi_bytes_u64(&l->in);
    storage *s = i == RTVI_NAMES_NONE ? NULL : &l->storages[i];
    rtvi_quoted quoted;
    if (!s || s->dtype == 0 || s->bytes.data)
        return rtvi_error_set_at(l->error, s && s->dtype == 0 ? RTV_E_UNSUPPORTED : RTV_E_FORMAT, (int64_t)l->in.pos,
                                 "%s: storage \"%s\": got %s, expected one that a tensor of plain numbers uses", l->weights->label,
                                 rtvi_error_quote(&quoted, key, length),
                                 !s              ? "one that nothing uses"
                                 : s->dtype == 0 ? "one of strange numbers"
                                                 : "it twice");
    if (count > SIZE_MAX || !rtvi_mul((size_t)count, rtvi_dtype_size(s->dtype), &size)) size = SIZE_MAX;
    s->bytes.data = rtvi_bytes_take(&l->in, size);
    s->bytes.size = size;
    if (l->in.failed)
        return rtvi_error_set_at(l->error, RTV_E_FORMAT, (int64_t)l->in.size,
                                 "%s: storage \"%s\": got the end of the file, expected %llu elements", l->weights->label,
                                 rtvi_error_quote(&quoted, key, length), (unsigned long long)count);
    return RTV_OK;
}

static int32_t read_storages(legacy *l) {
    rtvi_pickle pickle;
    int32_t status = next_pickle(l, &pickle);
    if (status == RTV_OK && !rtvi_pickle_is(&pickle, pickle.root, RTVI_PICKLE_LIST))
        status = fail_stream(l, RTV_E_FORMAT, "got another value, expected the list of storage keys");
    if (status == RTV_OK) status = collect_storages(l);
    if (status == RTV_OK) {
        uint32_t cell = rtvi_pickle_at(&pickle, pickle.root)->as.link.first;
        for (; cell && status == RTV_OK; cell = pickle.cells[cell].next) {
            const rtvi_pickle_value *key = rtvi_pickle_at(&pickle, pickle.cells[cell].value);
            status = key->kind == RTVI_PICKLE_TEXT ? read_storage(l, rtvi_pickle_text(&pickle, key), key->size)
                                                   : fail_stream(l, RTV_E_FORMAT, "got a storage key that is no string");
        }
    }
    rtvi_pickle_destroy(&pickle);
    return status;
}

static int32_t find_storage(void *user, const char *key, size_t length, rtvi_storage_bytes *bytes, rtv_error *error) {
    const legacy *l = user;
    size_t i = rtvi_names_find(&l->names, key, length);
    rtvi_quoted quoted;
    if (i == RTVI_NAMES_NONE || !l->storages[i].bytes.data)
        return rtvi_error_set(error, RTV_E_FORMAT, "%s: storage \"%s\": got no bytes, expected them after the pickles", l->weights->label,
                              rtvi_error_quote(&quoted, key, length));
    *bytes = l->storages[i].bytes;
    return RTV_OK;
}

int32_t rtvi_weights_read_legacy(rtvi_weights *weights, rtv_error *error) {
    legacy l;
    int32_t status;
    memset(&l, 0, sizeof l);
    l.weights = weights;
    l.in = rtvi_bytes_over(weights->source.data, weights->source.size);
    l.error = error;
    status = read_magic(&l);
    if (status == RTV_OK) status = read_version(&l);
    if (status == RTV_OK) status = read_system(&l);
    if (status == RTV_OK) status = next_pickle(&l, &l.object);
    if (status == RTV_OK) status = read_storages(&l);
    if (status == RTV_OK) status = rtvi_torch_collect(weights, &l.object, find_storage, &l, error);
    if (status == RTV_OK) status = rtvi_weights_collect_lists(weights, &l.object, error);
    rtvi_names_destroy(&l.names);
    rtvi_free(weights->env, l.storages);
    rtvi_pickle_destroy(&l.object);
    return status;
}
