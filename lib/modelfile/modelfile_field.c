/* modelfile_field.c - one field of a JSON object at a time, with its type and range. */
#include "modelfile/modelfile_field.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "modelfile/modelfile_json.h"

#define MAX_DEPTH 8

int32_t rtvi_field_wrong(const char *where, const char *key, const char *expected, rtv_error *error) {
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: \"%s\": got something else, expected %s", where, key, expected);
}

/* cJSON recurses for every level; brackets in strings count too, no text of ours comes near the limit. */
static int is_shallow(const char *json) {
    int depth = 0;
    for (; *json; json++) {
        if (*json == '[' || *json == '{') depth++;
        if (*json == ']' || *json == '}') depth--;
        if (depth > MAX_DEPTH) return 0;
    }
    return 1;
}

int32_t rtvi_field_parse(const char *where, const char *json, cJSON **root, rtv_error *error) {
    const char *end = json;
    size_t size = strlen(json);
    *root = NULL;
    if (size > RTVI_MODELFILE_MAX_JSON) {
        return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got %zu bytes of JSON, expected at most %d", where, size,
                              RTVI_MODELFILE_MAX_JSON);
    }
    *root = is_shallow(json) ? cJSON_ParseWithLengthOpts(json, size + 1, &end, 1) : NULL;
    if (*root) return RTV_OK;
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got malformed JSON at character %zu, expected one value of at most %d levels",
                          where, (size_t)(end - json), MAX_DEPTH);
}

/* Each key must be one of known[] (NULL at the end) and appear once. */
static int32_t check_keys(const char *where, const cJSON *object, const char *const *known, rtv_error *error) {
    unsigned seen = 0;
    const cJSON *child;
    rtvi_quoted quoted;
    cJSON_ArrayForEach(child, object) {
        unsigned i = 0;
        while (known[i] && strcmp(known[i], child->string) != 0) i++;
        if (!known[i]) {
            return rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: %s: got unknown field \"%s\", expected those of version %d", where,
                                  rtvi_error_quote_string(&quoted, child->string), RTVI_MODELFILE_VERSION);
        }
        if (seen & 1u << i) return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got \"%s\" twice, expected it once", where, known[i]);
        seen |= 1u << i;
    }
    return RTV_OK;
}

int32_t rtvi_field_object(const char *where, const cJSON *value, const char *const *known, rtv_error *error) {
    if (!cJSON_IsObject(value)) return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: got something else, expected a JSON object", where);
    return check_keys(where, value, known, error);
}

/* An array of low..high elements. */
int32_t rtvi_field_array(const char *where, const cJSON *object, const char *key, int low, int high, const cJSON **array,
                         rtv_error *error) {
    int count;
    *array = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!cJSON_IsArray(*array)) return rtvi_field_wrong(where, key, "an array", error);
    count = cJSON_GetArraySize(*array);
    if (count >= low && count <= high) return RTV_OK;
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: \"%s\": got %d elements, expected %d..%d", where, key, count, low, high);
}

int32_t rtvi_field_name(const char *where, const cJSON *object, const char *key, const char **name, rtv_error *error) {
    *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
    if (*name && rtvi_text_is_name(*name)) return RTV_OK;
    return rtvi_field_wrong(where, key, "a name: 1..512 bytes of UTF-8 without control characters", error);
}

int32_t rtvi_field_to_int(const char *where, const char *key, const cJSON *value, int32_t low, int32_t high, int32_t *out,
                          rtv_error *error) {
    double number = cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
    if (number >= (double)low && number <= (double)high && number == floor(number)) {
        *out = (int32_t)number;
        return RTV_OK;
    }
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: \"%s\": got %.9g, expected an integer in %d..%d", where, key, number, low, high);
}

int32_t rtvi_field_int(const char *where, const cJSON *object, const char *key, int32_t low, int32_t high, int32_t *out, rtv_error *error) {
    return rtvi_field_to_int(where, key, cJSON_GetObjectItemCaseSensitive(object, key), low, high, out, error);
}

int32_t rtvi_field_to_float(const char *where, const char *key, const cJSON *value, float low, float *out, rtv_error *error) {
    double number = cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
    if (number >= (double)low && number <= (double)FLT_MAX) {
        *out = (float)number;
        return RTV_OK;
    }
    return rtvi_error_set(error, RTV_E_FORMAT, "model: %s: \"%s\": got %.9g, expected a number in %.9g..%.9g", where, key, number,
                          (double)low, (double)FLT_MAX);
}
