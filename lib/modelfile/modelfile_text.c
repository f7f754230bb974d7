/* modelfile_text.c - text that grows: the pieces of canonical JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modelfile/modelfile_json.h"

static void add_bytes(rtvi_text *text, const char *bytes, size_t size) {
    size_t needed;
    if (text->failed || !rtvi_add(text->size, size, &needed) || !rtvi_add(needed, 1, &needed) ||
        !rtvi_grow(text->env, (void **)&text->data, &text->capacity, text->size, needed, 1)) {
        text->failed = 1;
        return;
    }
    memcpy(text->data + text->size, bytes, size);
    text->size += size;
    text->data[text->size] = 0;
}

void rtvi_text_add(rtvi_text *text, const char *raw) { add_bytes(text, raw, strlen(raw)); }

void rtvi_text_add_int(rtvi_text *text, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    rtvi_text_add(text, digits);
}

/* Significant digits of a float, shortest that reads back, and the power of ten of the first. Whatever stands for the locale's point
 * in the C library's text is passed over. */
static int shortest_digits(float value, char digits[16], int *exponent) {
    char text[48];
    int count = 0;
    for (int precision = 0; precision < 9; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value && (float)strtod(text, NULL) == value) break; /* readers may go through double */
    }
    for (const char *c = text; *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9') digits[count++] = *c;
    }
    digits[count] = 0;
    *exponent = atoi(strchr(text, 'e') + 1);
    return count;
}

void rtvi_text_add_float(rtvi_text *text, float value) {
    char digits[16], zeros[] = "0.000000000";
    int exponent, count = shortest_digits(value, digits, &exponent);
    if (value < 0.0f) rtvi_text_add(text, "-");
    if (exponent < 0 && exponent >= -5) { /* 0.00485 */
        add_bytes(text, zeros, (size_t)(1 - exponent));
        rtvi_text_add(text, digits);
    } else if (exponent >= 0 && exponent < 9) { /* 48.5, 48500 */
        int whole = exponent + 1 < count ? exponent + 1 : count;
        add_bytes(text, digits, (size_t)whole);
        add_bytes(text, zeros + 2, (size_t)(exponent + 1 - whole));
        if (whole < count) rtvi_text_add(text, ".");
        rtvi_text_add(text, digits + whole);
    } else { /* 4.85e-12 */
        add_bytes(text, digits, 1);
        if (count > 1) rtvi_text_add(text, ".");
        rtvi_text_add(text, digits + 1);
        rtvi_text_add(text, "e");
        rtvi_text_add_int(text, exponent);
    }
}

void rtvi_text_add_string(rtvi_text *text, const char *string) {
    rtvi_text_add(text, "\"");
    for (const char *c = string; *c; c++) {
        char escaped[8];
        if (*c == '"' || *c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", *c);
            rtvi_text_add(text, escaped);
        } else if ((unsigned char)*c < 0x20) {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)(unsigned char)*c);
            rtvi_text_add(text, escaped);
        } else {
            add_bytes(text, c, 1);
        }
    }
    rtvi_text_add(text, "\"");
}

void rtvi_text_destroy(rtvi_text *text) {
    rtvi_free(text->env, text->data);
    memset(text, 0, sizeof *text);
}

/* The length of the character at c, 0 for a control character or bytes that are none (Unicode 15, table 3-7). */
static size_t character_length(const unsigned char *c) {
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;
    if (c[0] < 0x20 || c[0] == 0x7f) return 0;
    if (c[0] == 0xc2 && c[1] < 0xa0) return 0;                                    /* C1 controls */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f)) return 0; /* overlong, surrogates */
    if ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)) return 0; /* overlong, above U+10FFFF */
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) return 0; /* the final NUL too */
    }
    return length;
}

int rtvi_text_is_name(const char *name) {
    size_t size = strlen(name), at = 0;
    if (size == 0 || size > RTVI_MODELFILE_MAX_NAME) return 0;
    while (at < size) {
        size_t length = character_length((const unsigned char *)name + at);
        if (length == 0) return 0;
        at += length;
    }
    return 1;
}
