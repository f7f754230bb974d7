/* base_error.h - writing the caller-owned error. The function that detects an error writes it. */
#ifndef RTVI_BASE_ERROR_H
#define RTVI_BASE_ERROR_H

#include <stddef.h>

#include <retrieve/status.h>

#if defined(__GNUC__) || defined(__clang__)
#define RTVI_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define RTVI_PRINTF(text, first)
#endif

/* Each writes *error (which may be NULL) and returns status. Control characters and broken UTF-8 become '?'; a message that is too long is
 * cut in the middle, so that the tail of a path survives. */
int32_t rtvi_error_set(rtv_error *error, int32_t status, const char *format, ...) RTVI_PRINTF(3, 4);
int32_t rtvi_error_set_at(rtv_error *error, int32_t status, int64_t byte_offset, const char *format, ...) RTVI_PRINTF(4, 5);
/* Appends ": <strerror>". */
int32_t rtvi_error_set_os(rtv_error *error, int32_t os_error, const char *format, ...) RTVI_PRINTF(3, 4);
int32_t rtvi_error_out_of_memory(rtv_error *error, const char *module, size_t size_bytes);

/* Resets to success and returns RTV_OK. */
int32_t rtvi_error_clear(rtv_error *error);

/* Puts "name: " before the message, for a caller that alone knows the name of the file. Returns error->status (RTV_E_INTERNAL for NULL). */
void rtvi_error_prefix(rtv_error *error, const char *name);

/* Text from outside for a message: control characters and broken UTF-8 become '?', clipped to the buffer with a trailing "..." in its
 * place. Returns buffer. */
#define RTVI_QUOTE_MAX 100
typedef struct rtvi_quoted {
    char text[RTVI_QUOTE_MAX];
} rtvi_quoted;
const char *rtvi_error_quote(rtvi_quoted *buffer, const char *text, size_t size_bytes);
const char *rtvi_error_quote_string(rtvi_quoted *buffer, const char *text);

#endif
