/* api_struct.c - structs that grow: reading and writing those of callers compiled against another version. */
#include <string.h>

#include "api/api_handles.h"

enum { SMALLEST_STRUCT = 8, LARGEST_STRUCT = 65536 }; /* anything else is a struct that was never initialised */

static int32_t given_size(const void *given, const char *type, uint32_t *size, rtv_error *error) {
    memcpy(size, given, sizeof *size); /* struct_size comes first in all of them */
    if (*size >= SMALLEST_STRUCT && *size <= LARGEST_STRUCT) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: struct_size of %s: got %u, expected sizeof(%s)", type, *size, type);
}

int32_t rtvi_api_options(void *options, size_t size, const void *given, const char *type, rtv_error *error) {
    const uint32_t own_size = (uint32_t)size;
    uint32_t theirs;
    int32_t status;
    if (!given) return RTV_OK;
    status = given_size(given, type, &theirs, error);
    if (status != RTV_OK) return status;
    for (size_t i = size; i < theirs; i++)
        if (((const uint8_t *)given)[i] != 0)
            return rtvi_error_set(error, RTV_E_UNSUPPORTED, "api: %s: byte %zu is set, expected zeros from %zu on: this library is older",
                                  type, i, size);
    memcpy(options, given, theirs < size ? theirs : size);
    memcpy(options, &own_size, sizeof own_size);
    return RTV_OK;
}

void rtvi_api_init(void *options, uint32_t struct_size, const void *defaults, size_t size) {
    if (!options || struct_size < SMALLEST_STRUCT) return;
    memset(options, 0, struct_size);
    memcpy(options, defaults, struct_size < size ? struct_size : size);
    memcpy(options, &struct_size, sizeof struct_size);
}

int32_t rtvi_api_info(void *info, const void *filled, size_t size, const char *type, rtv_error *error) {
    uint32_t theirs;
    int32_t status = given_size(info, type, &theirs, error);
    if (status == RTV_OK) rtvi_api_init(info, theirs, filled, size);
    return status;
}

int32_t rtvi_api_text(const char *text, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    const size_t size = strlen(text) + 1;
    RTVI_REQUIRE(to || capacity == 0, error, "text is NULL");
    if (size_bytes) *size_bytes = size;
    if (capacity > 0) rtvi_copy_clipped(to, (size_t)(capacity < size ? capacity : size), text);
    if (size <= capacity) return RTV_OK;
    return rtvi_error_set(error, RTV_E_BUFFER_TOO_SMALL, "api: capacity: got %llu bytes, expected %zu", (unsigned long long)capacity, size);
}

int32_t rtvi_api_row(void *array, size_t i, const void *filled, size_t size, const char *type, rtv_error *error) {
    uint32_t theirs;
    void *row;
    memcpy(&theirs, array, sizeof theirs);
    row = (uint8_t *)array + i * theirs;
    memcpy(row, &theirs, sizeof theirs);
    return rtvi_api_info(row, filled, size, type, error);
}

int32_t rtvi_api_room(const void *array, int64_t capacity, int64_t num_rows, int64_t *count, size_t *num_written, rtv_error *error) {
    RTVI_REQUIRE(count, error, "count is NULL");
    RTVI_REQUIRE(capacity == 0 || (capacity > 0 && array), error, "the array is NULL, or its capacity negative");
    *count = num_rows;
    *num_written = (size_t)(capacity < num_rows ? capacity : num_rows);
    return RTV_OK;
}

int32_t rtvi_api_rows(void *array, int64_t capacity, int64_t *count, const void *rows, size_t size, int64_t num_rows, const char *type,
                      rtv_error *error) {
    size_t written = 0;
    int64_t all = 0;
    int32_t status = rtvi_api_room(array, capacity, num_rows, count ? &all : NULL, &written, error);
    for (size_t i = 0; i < written && status == RTV_OK; i++)
        status = rtvi_api_row(array, i, (const uint8_t *)rows + i * size, size, type, error);
    if (status == RTV_OK) *count = all;
    return status;
}
