/* safetensors.h - the safetensors container: read into a table, written from one. Format: the safetensors project's README
 * (8 bytes little-endian header size, a JSON header, then the tensors' bytes without gaps). */
#ifndef RTVI_SAFETENSORS_H
#define RTVI_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_file.h"
#include "tensor/tensor.h"

typedef struct rtvi_safetensors_pair { /* of __metadata__, string to string */
    const char *key;
    const char *value;
} rtvi_safetensors_pair;

typedef struct rtvi_safetensors_entry {
    const char *name;
    rtvi_tensor tensor; /* contiguous, data inside the bytes given */
} rtvi_safetensors_entry;

typedef struct rtvi_safetensors {
    const rtvi_env *env;
    rtvi_safetensors_entry *entries; /* in the order of their bytes */
    size_t num_entries;
    rtvi_safetensors_pair *metadata;
    size_t num_metadata;
    uint64_t header_bytes; /* the tensors' bytes begin here */
} rtvi_safetensors;

#define RTVI_SAFETENSORS_MAX_HEADER 100000000u /* the reference implementation's limit */

/* Checks everything the format demands: offsets inside the file, no overlap, no gap, sizes that fit dtype and shape, unique names. */
int32_t rtvi_safetensors_parse(const rtvi_env *env, const char *module, const void *data, size_t size, rtvi_safetensors *out,
                               rtv_error *error);
void rtvi_safetensors_destroy(rtvi_safetensors *file);
const char *rtvi_safetensors_metadata(const rtvi_safetensors *file, const char *key); /* NULL when absent */

/* Writes header and tensors (made contiguous) in the order given; the header is padded with spaces so that the tensors begin at a
 * multiple of 64 bytes. Callers put tensors of larger alignment first. visit (may be NULL) sees every byte in order as it goes out.
 * Values of metadata are written as they are, so a fixed-width value can be patched afterwards: *value_offset (may be NULL) is the offset
 * in the file of the value of the pair named patch_key. */
typedef void (*rtvi_safetensors_visit)(void *user, const void *data, size_t size);
int32_t rtvi_safetensors_write(const rtvi_env *env, rtvi_writer *writer, const rtvi_safetensors_pair *metadata, size_t num_metadata,
                               const rtvi_safetensors_entry *entries, size_t num_entries, const char *patch_key, uint64_t *value_offset,
                               rtvi_safetensors_visit visit, void *user, rtv_error *error);

#endif
