/* safetensors_write.c - writes the safetensors container. */
#include <stdio.h>
#include <string.h>

#include "base/base_bytes.h"
#include "weights/safetensors.h"
#include "weights/weights_names.h"
#include "base/base_utf8.h"

#define ALIGNMENT 64 /* of the tensors' first byte */

typedef struct text { /* a growing text; failed: no memory */
    const rtvi_env *env;
    char *data;
    size_t size, capacity;
    int failed;
} text;

static void put(text *t, const void *bytes, size_t size) {
    size_t needed;
    if (t->failed || !rtvi_add(t->size, size, &needed) || !rtvi_grow(t->env, (void **)&t->data, &t->capacity, t->size, needed, 1)) {
        t->failed = 1;
        return;
    }
    if (size) memcpy(t->data + t->size, bytes, size);
    t->size += size;
}
static void put_text(text *t, const char *s) { put(t, s, strlen(s)); }
static void put_number(text *t, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    put_text(t, digits);
}

static void put_string(text *t, const char *s) {
    put_text(t, "\"");
    for (; *s; s++) {
        char escape[8];
        if (*s == '"' || *s == '\\')
            snprintf(escape, sizeof escape, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned)(unsigned char)*s);
        else
            snprintf(escape, sizeof escape, "%c", *s);
        put_text(t, escape);
    }
    put_text(t, "\"");
}

static void put_metadata(text *t, const rtvi_safetensors_pair *pairs, size_t count, const char *patch_key, uint64_t *value_offset) {
    put_text(t, "\"__metadata__\":{");
    for (size_t i = 0; i < count; i++) {
        if (i) put_text(t, ",");
        put_string(t, pairs[i].key);
        put_text(t, ":");
        if (value_offset && patch_key && strcmp(pairs[i].key, patch_key) == 0) *value_offset = t->size + 1;
        put_string(t, pairs[i].value);
    }
    put_text(t, "}");
}

static void put_tensor(text *t, const rtvi_safetensors_entry *entry, uint64_t begin, uint64_t end) {
    put_string(t, entry->name);
    put_text(t, ":{\"dtype\":\"");
    put_text(t, rtvi_dtype_name(entry->tensor.dtype));
    put_text(t, "\",\"shape\":[");
    for (int32_t i = 0; i < entry->tensor.rank; i++) {
        if (i) put_text(t, ",");
        put_number(t, (uint64_t)entry->tensor.dims[i]);
    }
    put_text(t, "],\"data_offsets\":[");
    put_number(t, begin);
    put_text(t, ",");
    put_number(t, end);
    put_text(t, "]}");
}

/* 0 on overflow. */
static int tensor_bytes(const rtvi_tensor *tensor, size_t *bytes) {
    int64_t count = rtvi_tensor_count(tensor);
    return count >= 0 && rtvi_mul((size_t)count, rtvi_dtype_size(tensor->dtype), bytes);
}

/* The 8 bytes of the size and the JSON, padded; offsets count from the end of the header. */
static int32_t make_header(text *t, const rtvi_safetensors_pair *metadata, size_t num_metadata, const rtvi_safetensors_entry *entries,
                           size_t num_entries, const char *patch_key, uint64_t *value_offset, rtv_error *error) {
    size_t at = 0, bytes, end;
    put(t, "\0\0\0\0\0\0\0\0", 8);
    put_text(t, "{");
    if (num_metadata > 0) put_metadata(t, metadata, num_metadata, patch_key, value_offset);
    for (size_t i = 0; i < num_entries; i++) {
        if (!tensor_bytes(&entries[i].tensor, &bytes) || !rtvi_add(at, bytes, &end))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "safetensors: sizes: got more bytes than fit, expected fewer");
        if (i > 0 || num_metadata > 0) put_text(t, ",");
        put_tensor(t, &entries[i], at, end);
        at = end;
    }
    put_text(t, "}");
    while (!t->failed && t->size % ALIGNMENT != 0) put_text(t, " ");
    if (t->failed) return rtvi_error_out_of_memory(error, "safetensors", 0);
    if (t->size - 8 > RTVI_SAFETENSORS_MAX_HEADER)
        return rtvi_error_set(error, RTV_E_LIMIT, "safetensors: header: got %zu bytes, expected at most %u", t->size - 8,
                              RTVI_SAFETENSORS_MAX_HEADER);
    rtvi_store_le((uint8_t *)t->data, t->size - 8, 8);
    return RTV_OK;
}

static int is_utf8(const char *s) {
    size_t size = strlen(s), length;
    for (size_t i = 0; i < size; i += length)
        if ((length = rtvi_utf8_length((const uint8_t *)s + i, size - i)) == 0) return 0;
    return 1;
}

static int32_t refuse(const char *name, const char *what, rtv_error *error) {
    rtvi_quoted quoted;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "safetensors: \"%s\": got %s", rtvi_error_quote_string(&quoted, name), what);
}

static int32_t check_names(const rtvi_env *env, const rtvi_safetensors_entry *entries, size_t num_entries, rtv_error *error) {
    rtvi_names names;
    int32_t status = RTV_OK;
    if (!rtvi_names_init(&names, env, num_entries + 1)) return rtvi_error_out_of_memory(error, "safetensors", 0);
    rtvi_names_add(&names, "__metadata__", 12, 0);
    for (size_t i = 0; i < num_entries && status == RTV_OK; i++) {
        if (!is_utf8(entries[i].name)) status = refuse(entries[i].name, "a tensor name that is no UTF-8", error);
        if (rtvi_names_add(&names, entries[i].name, strlen(entries[i].name), i) != RTVI_NAMES_NONE)
            status = refuse(entries[i].name, "a tensor name that is taken, expected a new one", error);
    }
    rtvi_names_destroy(&names);
    return status;
}

static int32_t check_metadata(const rtvi_env *env, const rtvi_safetensors_pair *pairs, size_t count, rtv_error *error) {
    rtvi_names names;
    int32_t status = RTV_OK;
    if (!rtvi_names_init(&names, env, count)) return rtvi_error_out_of_memory(error, "safetensors", 0);
    for (size_t i = 0; i < count && status == RTV_OK; i++) {
        if (!is_utf8(pairs[i].key) || !is_utf8(pairs[i].value)) status = refuse(pairs[i].key, "metadata that is no UTF-8", error);
        if (rtvi_names_add(&names, pairs[i].key, strlen(pairs[i].key), i) != RTVI_NAMES_NONE)
            status = refuse(pairs[i].key, "a metadata key that is taken, expected a new one", error);
    }
    rtvi_names_destroy(&names);
    return status;
}

static int32_t send(rtvi_writer *writer, const void *data, size_t size, rtvi_safetensors_visit visit, void *user, rtv_error *error) {
    if (size == 0) return RTV_OK;
    if (visit) visit(user, data, size);
    return rtvi_writer_write(writer, data, size, error);
}

static int32_t write_tensor(const rtvi_env *env, rtvi_writer *writer, const rtvi_tensor *tensor, rtvi_safetensors_visit visit, void *user,
                            rtv_error *error) {
    size_t size;
    void *copy;
    int32_t status;
    if (!tensor_bytes(tensor, &size)) return RTV_E_INTERNAL; /* make_header has checked it */
    if (rtvi_tensor_is_contiguous(tensor)) return send(writer, tensor->data, size, visit, user, error);
    copy = rtvi_alloc(env, size, 1);
    if (!copy) return rtvi_error_out_of_memory(error, "safetensors", size);
    rtvi_tensor_to_bytes(tensor, copy);
    status = send(writer, copy, size, visit, user, error);
    rtvi_free(env, copy);
    return status;
}

int32_t rtvi_safetensors_write(const rtvi_env *env, rtvi_writer *writer, const rtvi_safetensors_pair *metadata, size_t num_metadata,
                               const rtvi_safetensors_entry *entries, size_t num_entries, const char *patch_key, uint64_t *value_offset,
                               rtvi_safetensors_visit visit, void *user, rtv_error *error) {
    text header = {env, NULL, 0, 0, 0};
    int32_t status = check_names(env, entries, num_entries, error);
    if (status == RTV_OK) status = check_metadata(env, metadata, num_metadata, error);
    if (status == RTV_OK) status = make_header(&header, metadata, num_metadata, entries, num_entries, patch_key, value_offset, error);
    if (status == RTV_OK) status = send(writer, header.data, header.size, visit, user, error);
    for (size_t i = 0; i < num_entries && status == RTV_OK; i++) status = write_tensor(env, writer, &entries[i].tensor, visit, user, error);
    rtvi_free(env, header.data);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
