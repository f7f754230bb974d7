/* flat_strings.h - many short texts in one block: UTF-8 without control characters. */
#ifndef RTVI_FLAT_STRINGS_H
#define RTVI_FLAT_STRINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"

/* Text i is bytes[offsets[i] .. offsets[i + 1]), without a final NUL. Zeroed, it is an empty table. */
typedef struct rtvi_strings {
    uint64_t *offsets; /* [count + 1], the first is 0; NULL while nothing was reserved */
    char *bytes;
    size_t count;
    size_t offsets_capacity, bytes_capacity;
} rtvi_strings;

/* Room for more texts with bytes in all; 0 when there is no memory. */
int rtvi_strings_reserve(const rtvi_env *env, rtvi_strings *strings, size_t more, size_t bytes);
/* Appends into reserved room. text may be NULL when length is 0. */
void rtvi_strings_push(rtvi_strings *strings, const char *text, size_t length);
/* Appends all texts of another table; 0 when there is no memory. */
int rtvi_strings_append(const rtvi_env *env, rtvi_strings *strings, const rtvi_strings *from);
void rtvi_strings_destroy(const rtvi_env *env, rtvi_strings *strings);

size_t rtvi_strings_bytes(const rtvi_strings *strings); /* of all texts */
const char *rtvi_strings_at(const rtvi_strings *strings, size_t i, size_t *length);
/* The number of the first text equal to this one, or count. */
size_t rtvi_strings_find(const rtvi_strings *strings, const char *text, size_t length);
size_t rtvi_strings_memory(const rtvi_strings *strings);

/* Well-formed UTF-8 (no overlong forms, no surrogates) without control characters: the position of the first bad byte, or length. */
size_t rtvi_strings_check_text(const char *text, size_t length);

/* As rtv_index_key and rtv_index_class_name give texts out. */
int32_t rtvi_strings_copy_out(const char *text, size_t length, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

#endif
