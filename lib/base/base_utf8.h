/* base_utf8.h - UTF-8, strictly. */
#ifndef RTVI_BASE_UTF8_H
#define RTVI_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the sequence at text, 0 when it is none (too long a form, a surrogate, beyond U+10FFFF). left > 0 */
static inline size_t rtvi_utf8_length(const uint8_t *text, size_t left) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = text[0] < 0x80 ? 1 : text[0] >> 5 == 6 ? 2 : text[0] >> 4 == 14 ? 3 : text[0] >> 3 == 30 ? 4 : 0;
    uint32_t code = length > 1 ? text[0] & (0x7fu >> length) : text[0];
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

#endif
