/* base_error.c - writing the caller-owned error. */
#include "base/base_error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at text (table 3-7 of the Unicode standard), 0 when it is none or a control character. */
static size_t printable_length(const unsigned char *text, size_t left) {
    const unsigned char c = text[0];
    unsigned char low = 0x80, high = 0xbf;
    size_t length = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (c < 0x80) return c >= 0x20 && c != 0x7f;
    if (c < 0xc2 || c > 0xf4 || length > left) return 0;
    if (c == 0xc2 || c == 0xe0) low = 0xa0; /* after 0xc2: C1 controls */
    if (c == 0xed) high = 0x9f;
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;
    if (text[1] < low || text[1] > high) return 0;
    for (size_t i = 2; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    return length;
}

/* Names of files hold any bytes; a message is one line that a terminal may show. */
static void clean(char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        size_t step = printable_length((unsigned char *)text + at, length - at);
        if (step == 0) text[at] = '?';
        at += step ? step : 1;
    }
}

static int inside_character(char byte) { return ((unsigned char)byte & 0xc0) == 0x80; }

/* Formats into message; what does not fit is cut out of the middle, so that both the module and the tail of a path stay readable. */
static void format_message(char *message, size_t capacity, const char *format, va_list args) RTVI_PRINTF(3, 0);
static void format_message(char *message, size_t capacity, const char *format, va_list args) {
    char whole[4096];
    int wanted = vsnprintf(whole, sizeof whole, format, args);
    size_t length = wanted < 0 ? 0 : strlen(whole);
    if (wanted < 0) whole[0] = 0;
    clean(whole, length);
    if (length < capacity) {
        memcpy(message, whole, length + 1);
    } else {
        size_t head = capacity / 3, tail = capacity - 1 - head - 3;
        while (inside_character(whole[head])) head--;
        while (inside_character(whole[length - tail])) tail--;
        memcpy(message, whole, head);
        memcpy(message + head, "...", 3);
        memcpy(message + head + 3, whole + length - tail, tail + 1);
    }
}

static int32_t fill(rtv_error *error, int32_t status, int32_t os_error, int64_t byte_offset, const char *format, va_list args)
    RTVI_PRINTF(5, 0);
static int32_t fill(rtv_error *error, int32_t status, int32_t os_error, int64_t byte_offset, const char *format, va_list args) {
    if (!error) return status;
    error->status = status;
    error->os_error = os_error;
    error->byte_offset = byte_offset;
    memset(error->message, 0, sizeof error->message);
    format_message(error->message, sizeof error->message, format, args);
    return status;
}

int32_t rtvi_error_set(rtv_error *error, int32_t status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(error, status, 0, -1, format, args);
    va_end(args);
    return status;
}

int32_t rtvi_error_set_at(rtv_error *error, int32_t status, int64_t byte_offset, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fill(error, status, 0, byte_offset, format, args);
    va_end(args);
    return status;
}

int32_t rtvi_error_set_os(rtv_error *error, int32_t os_error, const char *format, ...) {
    char reason[128] = "", whole[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(whole, sizeof whole, format, args);
    va_end(args);
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    snprintf(reason, sizeof reason, "%s", strerror_r(os_error, reason, sizeof reason)); /* GNU's returns the text */
#else
    strerror_r(os_error, reason, sizeof reason);
#endif
    rtvi_error_set(error, RTV_E_IO, "%s: %s", whole, reason);
    if (error) error->os_error = os_error;
    return RTV_E_IO;
}

int32_t rtvi_error_out_of_memory(rtv_error *error, const char *module, size_t size_bytes) {
    if (size_bytes == 0) return rtvi_error_set(error, RTV_E_OUT_OF_MEMORY, "%s: out of memory", module);
    return rtvi_error_set(error, RTV_E_OUT_OF_MEMORY, "%s: out of memory: %zu bytes asked for", module, size_bytes);
}

int32_t rtvi_error_clear(rtv_error *error) {
    if (error) {
        memset(error, 0, sizeof *error);
        error->byte_offset = -1;
    }
    return RTV_OK;
}

void rtvi_error_prefix(rtv_error *error, const char *name) {
    rtv_error before;
    if (!error) return;
    before = *error;
    rtvi_error_set(error, before.status, "%s: %s", name, before.message);
    error->os_error = before.os_error;
    error->byte_offset = before.byte_offset;
}

const char *rtvi_error_quote(rtvi_quoted *buffer, const char *text, size_t size_bytes) {
    size_t in = 0, out = 0;
    while (in < size_bytes) {
        size_t length = printable_length((const unsigned char *)text + in, size_bytes - in);
        size_t taken = length ? length : 1;
        if (out + taken > RTVI_QUOTE_MAX - 4) {
            memcpy(buffer->text + out, "...", 3);
            out += 3;
            break;
        }
        if (length)
            memcpy(buffer->text + out, text + in, length);
        else
            buffer->text[out] = '?';
        in += taken;
        out += taken;
    }
    buffer->text[out] = 0;
    return buffer->text;
}

const char *rtvi_error_quote_string(rtvi_quoted *buffer, const char *text) { return rtvi_error_quote(buffer, text, strlen(text)); }
