/* base_bytes.h - a cursor over untrusted bytes, little-endian. Reading past the end sets failed and gives zeros. */
#ifndef RTVI_BASE_BYTES_H
#define RTVI_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct rtvi_bytes {
    const uint8_t *data;
    size_t size;
    size_t pos;
    int failed;
} rtvi_bytes;

static inline rtvi_bytes rtvi_bytes_over(const void *data, size_t size) {
    rtvi_bytes b = {(const uint8_t *)data, size, 0, 0};
    return b;
}
static inline size_t rtvi_bytes_left(const rtvi_bytes *b) { return b->size - b->pos; }

/* The next count bytes, or NULL. */
static inline const uint8_t *rtvi_bytes_take(rtvi_bytes *b, size_t count) {
    const uint8_t *at;
    if (b->failed || count > rtvi_bytes_left(b)) {
        b->failed = 1;
        return NULL;
    }
    at = b->data + b->pos;
    b->pos += count;
    return at;
}
static inline uint64_t rtvi_load_le(const uint8_t *p, size_t count) {
    uint64_t v = 0;
    for (size_t i = 0; i < count; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}
static inline void rtvi_store_le(uint8_t *p, uint64_t v, size_t count) {
    for (size_t i = 0; i < count; i++) p[i] = (uint8_t)(v >> (8 * i));
}
static inline uint64_t rtvi_bytes_uint(rtvi_bytes *b, size_t count) {
    const uint8_t *p = rtvi_bytes_take(b, count);
    return p ? rtvi_load_le(p, count) : 0;
}
static inline uint8_t rtvi_bytes_u8(rtvi_bytes *b) { return (uint8_t)rtvi_bytes_uint(b, 1); }
static inline uint16_t rtvi_bytes_u16(rtvi_bytes *b) { return (uint16_t)rtvi_bytes_uint(b, 2); }
static inline uint32_t rtvi_bytes_u32(rtvi_bytes *b) { return (uint32_t)rtvi_bytes_uint(b, 4); }
static inline uint64_t rtvi_bytes_u64(rtvi_bytes *b) { return rtvi_bytes_uint(b, 8); }

#endif
