/* modelfile_field.h - checked access to the fields of parsed JSON. Nothing unknown is passed over, nothing is converted silently.
 * where: what a message is about, "graph" or "node \"conv1\"". Parsing allocates with the C library's malloc: cJSON has one allocator for
 * the whole process, and that is not ours to change. */
#ifndef RTVI_MODELFILE_FIELD_H
#define RTVI_MODELFILE_FIELD_H

#include <cJSON.h>

#include "base/base_error.h"

/* The text's one value; *root is NULL on failure. */
int32_t rtvi_field_parse(const char *where, const char *json, cJSON **root, rtv_error *error);
/* An object with keys out of known[] (NULL at the end, at most 31), none twice. UNSUPPORTED names an unknown one. */
int32_t rtvi_field_object(const char *where, const cJSON *value, const char *const *known, rtv_error *error);
/* An array of low..high elements. */
int32_t rtvi_field_array(const char *where, const cJSON *object, const char *key, int low, int high, const cJSON **array, rtv_error *error);
/* A string that rtvi_text_is_name. */
int32_t rtvi_field_name(const char *where, const cJSON *object, const char *key, const char **name, rtv_error *error);
/* Exact integers only; 1.5 is refused. */
int32_t rtvi_field_int(const char *where, const cJSON *object, const char *key, int32_t low, int32_t high, int32_t *out, rtv_error *error);
int32_t rtvi_field_to_int(const char *where, const char *key, const cJSON *value, int32_t low, int32_t high, int32_t *out,
                          rtv_error *error);
/* low..FLT_MAX */
int32_t rtvi_field_to_float(const char *where, const char *key, const cJSON *value, float low, float *out, rtv_error *error);
/* "model: <where>: "<key>": got something else, expected <expected>" */
int32_t rtvi_field_wrong(const char *where, const char *key, const char *expected, rtv_error *error);

#endif
