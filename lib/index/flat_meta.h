/* flat_meta.h - what an index knows besides its items: who made the vectors, names of classes, the score from which things are similar. */
#ifndef RTVI_FLAT_META_H
#define RTVI_FLAT_META_H

#include <retrieve/index.h>

#include "index/flat_strings.h"

typedef struct rtvi_meta {
    char fingerprint[RTV_FINGERPRINT_CHARS + 1];
    char model_name[64];
    float min_score;       /* minus infinity for none */
    rtvi_strings names[2]; /* of classes and of predicted classes */
} rtvi_meta;

void rtvi_meta_init(rtvi_meta *meta);
void rtvi_meta_destroy(const rtvi_env *env, rtvi_meta *meta);

/* As the block of an index file (docs/formats.md): a new block of memory. */
int32_t rtvi_meta_write(const rtvi_env *env, const rtvi_meta *meta, uint8_t **bytes, size_t *size, rtv_error *error);
/* Into a meta that was initialised; it is to be destroyed also after a failure. file_offset: of the bytes, for messages. */
int32_t rtvi_meta_read(const rtvi_env *env, const uint8_t *bytes, size_t size, uint64_t file_offset, rtvi_meta *meta, rtv_error *error);

/* Offsets that begin with 0, never fall and end with size, of texts of UTF-8 without control characters. */
int32_t rtvi_meta_check_texts(const uint64_t *offsets, size_t count, const char *bytes, size_t size, uint64_t offsets_at, uint64_t bytes_at,
                              rtv_error *error);

#endif
