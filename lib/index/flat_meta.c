/* flat_meta.c - what an index knows besides its items. */
#include "index/flat_meta.h"

#include <math.h>
#include <string.h>

#include "base/base_bytes.h"

enum { HEAD = 48 };

void rtvi_meta_init(rtvi_meta *meta) {
    memset(meta, 0, sizeof *meta);
    meta->min_score = -INFINITY;
}

void rtvi_meta_destroy(const rtvi_env *env, rtvi_meta *meta) {
    rtvi_strings_destroy(env, &meta->names[0]);
    rtvi_strings_destroy(env, &meta->names[1]);
}

static size_t align8(size_t size) { return (size + 7) / 8 * 8; }

static size_t strings_size(const rtvi_strings *strings) { return (strings->count + 1) * 8 + align8(rtvi_strings_bytes(strings)); }

static uint8_t *put_strings(uint8_t *at, const rtvi_strings *strings) {
    const size_t bytes = rtvi_strings_bytes(strings);
    for (size_t i = 0; i < strings->count; i++) rtvi_store_le(at + 8 * (i + 1), strings->offsets[i + 1], 8);
    at += (strings->count + 1) * 8;
    if (bytes) memcpy(at, strings->bytes, bytes);
    return at + align8(bytes);
}

int32_t rtvi_meta_write(const rtvi_env *env, const rtvi_meta *meta, uint8_t **out, size_t *size, rtv_error *error) {
    const size_t fingerprint = strlen(meta->fingerprint), name = strlen(meta->model_name);
    uint8_t *bytes, *at;
    uint32_t score;
    *size = HEAD + align8(fingerprint) + align8(name) + strings_size(&meta->names[0]) + strings_size(&meta->names[1]);
    bytes = rtvi_alloc_zero(env, *size, 1);
    if (!bytes) return rtvi_error_out_of_memory(error, "index", *size);
    memcpy(&score, &meta->min_score, sizeof score);
    rtvi_store_le(bytes, fingerprint, 4);
    rtvi_store_le(bytes + 4, name, 4);
    rtvi_store_le(bytes + 8, score, 4);
    for (size_t kind = 0; kind < 2; kind++) {
        rtvi_store_le(bytes + 16 + 16 * kind, meta->names[kind].count, 8);
        rtvi_store_le(bytes + 24 + 16 * kind, rtvi_strings_bytes(&meta->names[kind]), 8);
    }
    memcpy(bytes + HEAD, meta->fingerprint, fingerprint);
    at = bytes + HEAD + align8(fingerprint);
    memcpy(at, meta->model_name, name);
    at = put_strings(at + align8(name), &meta->names[0]);
    put_strings(at, &meta->names[1]);
    *out = bytes;
    return RTV_OK;
}

int32_t rtvi_meta_check_texts(const uint64_t *offsets, size_t count, const char *bytes, size_t size, uint64_t offsets_at, uint64_t bytes_at,
                              rtv_error *error) {
    if (offsets[0] != 0)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offsets_at, "index: the first offset of texts: got %llu, expected 0",
                                 (unsigned long long)offsets[0]);
    if (offsets[count] != size)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(offsets_at + count * 8),
                                 "index: the last offset of texts: got %llu, expected %zu", (unsigned long long)offsets[count], size);
    for (size_t i = 0; i < count; i++) {
        const uint64_t begin = offsets[i], end = offsets[i + 1];
        size_t at;
        if (end < begin || end > size)
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(offsets_at + (i + 1) * 8),
                                     "index: offset of a text: got %llu, expected %llu to %zu", (unsigned long long)end,
                                     (unsigned long long)begin, size);
        if (begin == end || !bytes) continue;
        at = rtvi_strings_check_text(bytes + begin, (size_t)(end - begin));
        if (at < end - begin)
            return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(bytes_at + begin + at),
                                     "index: text %zu: is not UTF-8 without control characters", i);
    }
    return RTV_OK;
}

static int32_t bad(rtv_error *error, uint64_t offset, const char *what) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offset, "index: names: got %s", what);
}

static int32_t read_text(rtvi_bytes *from, size_t length, size_t capacity, uint64_t file_offset, char *to, rtv_error *error) {
    const uint64_t at = file_offset + from->pos;
    const uint8_t *text = rtvi_bytes_take(from, align8(length));
    if (!text || length >= capacity) return bad(error, at, "a text that is too long");
    if (rtvi_strings_check_text((const char *)text, length) < length)
        return bad(error, at, "a text that is not UTF-8 without control characters");
    memcpy(to, text, length);
    to[length] = 0;
    return RTV_OK;
}

static int32_t read_strings(const rtvi_env *env, rtvi_bytes *from, uint64_t count, uint64_t size, uint64_t file_offset,
                            rtvi_strings *strings, rtv_error *error) {
    const uint64_t at = file_offset + from->pos;
    const uint8_t *offsets, *bytes;
    if (count > INT32_MAX || size > rtvi_bytes_left(from)) return bad(error, at, "more names than fit");
    offsets = rtvi_bytes_take(from, ((size_t)count + 1) * 8);
    bytes = rtvi_bytes_take(from, align8((size_t)size));
    if (!offsets || !bytes) return bad(error, at, "names that are cut off");
    if (count == 0 && size == 0) return RTV_OK;
    if (!rtvi_strings_reserve(env, strings, (size_t)count, (size_t)size)) return rtvi_error_out_of_memory(error, "index", (size_t)size);
    for (size_t i = 0; i <= count; i++) strings->offsets[i] = rtvi_load_le(offsets + 8 * i, 8);
    if (size > 0) memcpy(strings->bytes, bytes, (size_t)size);
    strings->count = (size_t)count;
    return rtvi_meta_check_texts(strings->offsets, (size_t)count, strings->bytes, (size_t)size, at, at + (count + 1) * 8, error);
}

int32_t rtvi_meta_read(const rtvi_env *env, const uint8_t *bytes, size_t size, uint64_t file_offset, rtvi_meta *meta, rtv_error *error) {
    rtvi_bytes from = rtvi_bytes_over(bytes, size);
    const uint8_t *head = rtvi_bytes_take(&from, HEAD);
    uint32_t score;
    int32_t status;
    if (!head) return bad(error, file_offset, "too few bytes");
    score = (uint32_t)rtvi_load_le(head + 8, 4);
    memcpy(&meta->min_score, &score, sizeof score);
    if (isnan(meta->min_score)) return bad(error, file_offset + 8, "a smallest score that is NaN");
    status = read_text(&from, (size_t)rtvi_load_le(head, 4), sizeof meta->fingerprint, file_offset, meta->fingerprint, error);
    if (status == RTV_OK)
        status = read_text(&from, (size_t)rtvi_load_le(head + 4, 4), sizeof meta->model_name, file_offset, meta->model_name, error);
    for (size_t kind = 0; kind < 2 && status == RTV_OK; kind++)
        status = read_strings(env, &from, rtvi_load_le(head + 16 + 16 * kind, 8), rtvi_load_le(head + 24 + 16 * kind, 8), file_offset,
                              &meta->names[kind], error);
    if (status == RTV_OK && rtvi_bytes_left(&from) != 0) status = bad(error, file_offset + from.pos, "bytes beyond the last name");
    return status;
}
