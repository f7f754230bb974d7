/* flat_strings.c - many short texts in one block: UTF-8 without control characters. */
#include "index/flat_strings.h"

#include <string.h>

int rtvi_strings_reserve(const rtvi_env *env, rtvi_strings *strings, size_t more, size_t bytes) {
    const int fresh = strings->offsets == NULL;
    size_t offsets, all, used = rtvi_strings_bytes(strings);
    if (!rtvi_add(strings->count + 1, more, &offsets) || !rtvi_add(used, bytes, &all)) return 0;
    if (!rtvi_grow(env, (void **)&strings->offsets, &strings->offsets_capacity, fresh ? 0 : strings->count + 1, offsets,
                   sizeof *strings->offsets))
        return 0;
    if (fresh) strings->offsets[0] = 0;
    return rtvi_grow(env, (void **)&strings->bytes, &strings->bytes_capacity, used, all, 1);
}

void rtvi_strings_push(rtvi_strings *strings, const char *text, size_t length) {
    const size_t at = (size_t)strings->offsets[strings->count];
    if (length) memcpy(strings->bytes + at, text, length);
    strings->offsets[++strings->count] = at + length;
}

int rtvi_strings_append(const rtvi_env *env, rtvi_strings *strings, const rtvi_strings *from) {
    size_t length;
    if (!rtvi_strings_reserve(env, strings, from->count, rtvi_strings_bytes(from))) return 0;
    for (size_t i = 0; i < from->count; i++) {
        const char *text = rtvi_strings_at(from, i, &length);
        rtvi_strings_push(strings, text, length);
    }
    return 1;
}

void rtvi_strings_destroy(const rtvi_env *env, rtvi_strings *strings) {
    rtvi_free(env, strings->offsets);
    rtvi_free(env, strings->bytes);
    memset(strings, 0, sizeof *strings);
}

size_t rtvi_strings_bytes(const rtvi_strings *strings) { return strings->offsets ? (size_t)strings->offsets[strings->count] : 0; }

const char *rtvi_strings_at(const rtvi_strings *strings, size_t i, size_t *length) {
    *length = (size_t)(strings->offsets[i + 1] - strings->offsets[i]);
    return *length ? strings->bytes + strings->offsets[i] : "";
}

size_t rtvi_strings_find(const rtvi_strings *strings, const char *text, size_t length) {
    for (size_t i = 0; i < strings->count; i++) {
        size_t size;
        const char *candidate = rtvi_strings_at(strings, i, &size);
        if (size == length && memcmp(candidate, text, length) == 0) return i;
    }
    return strings->count;
}

size_t rtvi_strings_memory(const rtvi_strings *strings) {
    return strings->offsets_capacity * sizeof *strings->offsets + strings->bytes_capacity;
}

/* The table of well-formed sequences in chapter 3 of the Unicode standard (table 3-7): which second bytes follow a first one. */
static size_t sequence_length(const unsigned char *at, size_t left) {
    const unsigned char c = at[0];
    unsigned char low = 0x80, high = 0xbf;
    size_t length;
    if (c < 0x80) return c >= 0x20 && c != 0x7f;
    if (c < 0xc2 || c > 0xf4) return 0;
    length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (left < length) return 0;
    if (c == 0xc2) low = 0xa0; /* U+0080..U+009F are control characters */
    if (c == 0xe0) low = 0xa0;
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return length;
}

size_t rtvi_strings_check_text(const char *text, size_t length) {
    size_t at = 0, step;
    while (at < length && (step = sequence_length((const unsigned char *)text + at, length - at)) != 0) at += step;
    return at;
}

int32_t rtvi_strings_copy_out(const char *text, size_t length, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    if (size_bytes) *size_bytes = (uint64_t)length + 1;
    if (capacity < (uint64_t)length + 1)
        return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "index: buffer: got %llu bytes, expected at least %zu",
                              (unsigned long long)capacity, length + 1);
    memcpy(to, text, length);
    to[length] = 0;
    return rtvi_error_clear(error);
}
