/* safetensors.c - reads the safetensors container. Rules: the format section of the safetensors project's README and the checks of its
 * reference implementation (header at most 100 MB, tensors side by side from the first byte to the last). */
#include "weights/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>

#include "base/base_bytes.h"
#include "weights/weights_names.h"
#include "base/base_utf8.h"

#define MAX_EXACT 9007199254740992.0 /* 2^53: JSON numbers come as doubles */

typedef struct span { /* one tensor of the header, before sorting */
    rtvi_safetensors_entry entry;
    uint64_t begin, end; /* in the bytes after the header */
} span;

typedef struct reader {
    rtvi_safetensors *file;
    const char *module;
    const uint8_t *data; /* the tensors' bytes [size] */
    uint64_t size;
    span *spans;
    rtv_error *error;
} reader;

static int32_t refuse(const reader *r, int32_t status, const char *name, const char *what) {
    rtvi_quoted quoted;
    return rtvi_error_set(r->error, status, "%s: tensor \"%s\": %s", r->module, rtvi_error_quote_string(&quoted, name), what);
}

static int32_t refuse_header(const reader *r, uint64_t at, const char *what) {
    return rtvi_error_set_at(r->error, RTV_E_FORMAT, (int64_t)at, "%s: safetensors header at byte %llu: %s", r->module,
                             (unsigned long long)at, what);
}

/* What cJSON lets through: broken UTF-8, control characters in strings, NUL written as an escape, nesting deeper than the format has. */
static int32_t check_text(const reader *r, const uint8_t *text, size_t size) {
    int in_string = 0, depth = 0;
    for (size_t i = 0; i < size;) {
        size_t length = rtvi_utf8_length(text + i, size - i);
        uint8_t c = text[i];
        if (length == 0) return refuse_header(r, 8 + i, "got broken UTF-8");
        if (c == '"') in_string = !in_string;
        if (in_string && c < 0x20) return refuse_header(r, 8 + i, "got a control character in a string");
        if (in_string && c == '\\') {
            if (size - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0) return refuse_header(r, 8 + i, "got a NUL in a string");
            length = size - i > 1 && text[i + 1] < 0x80 ? 2 : 1;
        }
        if (!in_string && (c == '{' || c == '[') && ++depth > 3) return refuse_header(r, 8 + i, "got more than 3 levels of nesting");
        if (!in_string && (c == '}' || c == ']')) depth--;
        i += length;
    }
    return RTV_OK;
}

static int whole(const cJSON *item, uint64_t *number) {
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= MAX_EXACT)) return 0;
    *number = (uint64_t)item->valuedouble;
    return (double)*number == item->valuedouble;
}

static int32_t read_shape(const reader *r, const char *name, const cJSON *shape, int64_t dims[RTVI_MAX_RANK], int32_t *rank) {
    const cJSON *item;
    uint64_t number;
    *rank = 0;
    if (!cJSON_IsArray(shape)) return refuse(r, RTV_E_FORMAT, name, "got no shape, expected an array");
    cJSON_ArrayForEach(item, shape) {
        if (*rank == RTVI_MAX_RANK) return refuse(r, RTV_E_UNSUPPORTED, name, "got more than 8 dimensions, expected at most 8");
        if (!whole(item, &number)) return refuse(r, RTV_E_FORMAT, name, "got a dimension that is no whole number, expected 0 or more");
        dims[(*rank)++] = (int64_t)number;
    }
    return RTV_OK;
}

static int32_t read_offsets(const reader *r, const char *name, const cJSON *offsets, span *out) {
    const cJSON *first = cJSON_IsArray(offsets) ? offsets->child : NULL;
    if (!first || !first->next || first->next->next || !whole(first, &out->begin) || !whole(first->next, &out->end))
        return refuse(r, RTV_E_FORMAT, name, "got other data_offsets, expected two whole numbers");
    if (out->begin > out->end || out->end > r->size)
        return refuse(r, RTV_E_FORMAT, name, "got data_offsets outside of the file, expected them inside");
    return RTV_OK;
}

static int32_t read_tensor(const reader *r, const cJSON *item, span *out) {
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(item, "dtype");
    int64_t dims[RTVI_MAX_RANK], count;
    int32_t rank, status;
    uint64_t bytes;
    rtvi_dtype type;
    if (!cJSON_IsObject(item)) return refuse(r, RTV_E_FORMAT, item->string, "got another value, expected an object");
    if (!cJSON_IsString(dtype)) return refuse(r, RTV_E_FORMAT, item->string, "got no dtype, expected a string");
    type = rtvi_dtype_from_name(dtype->valuestring, strlen(dtype->valuestring));
    if (type == 0) {
        rtvi_quoted name, quoted;
        return rtvi_error_set(r->error, RTV_E_UNSUPPORTED,
                              "%s: tensor \"%s\": got dtype \"%s\", expected F32, F16, BF16, F64, I64 to I8, U8 or BOOL", r->module,
                              rtvi_error_quote_string(&name, item->string), rtvi_error_quote_string(&quoted, dtype->valuestring));
    }
    status = read_shape(r, item->string, cJSON_GetObjectItemCaseSensitive(item, "shape"), dims, &rank);
    if (status == RTV_OK) status = read_offsets(r, item->string, cJSON_GetObjectItemCaseSensitive(item, "data_offsets"), out);
    if (status != RTV_OK) return status;
    out->entry.tensor = rtvi_tensor_contiguous(type, rank, dims, r->data + out->begin);
    count = rtvi_tensor_count(&out->entry.tensor);
    if (count < 0 || __builtin_mul_overflow((uint64_t)count, rtvi_dtype_size(type), &bytes) || bytes != out->end - out->begin)
        return refuse(r, RTV_E_FORMAT, item->string, "got another number of bytes than dtype and shape have");
    out->entry.name = rtvi_copy_string(r->file->env, item->string, strlen(item->string));
    return out->entry.name ? RTV_OK : rtvi_error_out_of_memory(r->error, r->module, 0);
}

static int32_t read_pair(const reader *r, const cJSON *item, rtvi_safetensors_pair *out) {
    if (!cJSON_IsString(item)) return refuse(r, RTV_E_FORMAT, "__metadata__", "got a value that is no string, expected strings");
    out->key = rtvi_copy_string(r->file->env, item->string, strlen(item->string));
    out->value = rtvi_copy_string(r->file->env, item->valuestring, strlen(item->valuestring));
    return out->key && out->value ? RTV_OK : rtvi_error_out_of_memory(r->error, r->module, 0);
}

static size_t count_children(const cJSON *object) {
    size_t count = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) count++;
    return count;
}

/* cJSON keeps two members of one name. */
static int32_t check_unique(const reader *r, const cJSON *object) {
    rtvi_names names;
    const cJSON *item;
    int32_t status = RTV_OK;
    if (!rtvi_names_init(&names, r->file->env, count_children(object))) return rtvi_error_out_of_memory(r->error, r->module, 0);
    cJSON_ArrayForEach(item, object) {
        if (status == RTV_OK && rtvi_names_add(&names, item->string, strlen(item->string), 0) != RTVI_NAMES_NONE)
            status = refuse(r, RTV_E_FORMAT, item->string, "got two of that name, expected one");
    }
    rtvi_names_destroy(&names);
    return status;
}

static int32_t read_metadata(const reader *r, const cJSON *object) {
    rtvi_safetensors *file = r->file;
    const cJSON *item;
    int32_t status;
    if (!cJSON_IsObject(object)) return refuse(r, RTV_E_FORMAT, "__metadata__", "got another value, expected an object");
    status = check_unique(r, object);
    if (status != RTV_OK) return status;
    file->metadata = rtvi_alloc_zero(file->env, count_children(object), sizeof *file->metadata);
    if (!file->metadata) return rtvi_error_out_of_memory(r->error, r->module, 0);
    cJSON_ArrayForEach(item, object) {
        if (status == RTV_OK) status = read_pair(r, item, &file->metadata[file->num_metadata++]);
    }
    return status;
}

static int by_place(const void *a, const void *b) {
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->entry.name, y->entry.name); /* tensors without elements */
}

static int32_t check_places(const reader *r, size_t count) {
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (r->spans[i].begin != at)
            return refuse(r, RTV_E_FORMAT, r->spans[i].entry.name, "got a gap or an overlap before it, expected the bytes side by side");
        at = r->spans[i].end;
    }
    if (at != r->size)
        return rtvi_error_set(r->error, RTV_E_FORMAT, "%s: safetensors: got %llu bytes of tensors, expected %llu as the header says",
                              r->module, (unsigned long long)r->size, (unsigned long long)at);
    return RTV_OK;
}

static int32_t read_header(reader *r, const cJSON *root) {
    rtvi_safetensors *file = r->file;
    const cJSON *item;
    size_t count = 0;
    int32_t status;
    if (!cJSON_IsObject(root)) return refuse_header(r, 8, "got another value, expected an object");
    status = check_unique(r, root);
    if (status != RTV_OK) return status;
    r->spans = rtvi_alloc_zero(file->env, count_children(root), sizeof *r->spans);
    if (!r->spans) return rtvi_error_out_of_memory(r->error, r->module, 0);
    cJSON_ArrayForEach(item, root) {
        if (status == RTV_OK)
            status = strcmp(item->string, "__metadata__") == 0 ? read_metadata(r, item) : read_tensor(r, item, &r->spans[count++]);
    }
    file->entries = rtvi_alloc_zero(file->env, count, sizeof *file->entries);
    if (!file->entries) { /* the names have no owner yet */
        while (count > 0) rtvi_free(file->env, (void *)(uintptr_t)r->spans[--count].entry.name);
        return rtvi_error_out_of_memory(r->error, r->module, 0);
    }
    file->num_entries = count;
    if (status == RTV_OK) qsort(r->spans, count, sizeof *r->spans, by_place);
    for (size_t i = 0; i < count; i++) file->entries[i] = r->spans[i].entry;
    return status == RTV_OK ? check_places(r, count) : status;
}

static int32_t parse_header(reader *r, const char *text, size_t size) {
    const char *end = NULL;
    cJSON *root;
    int32_t status;
    if (size == 0 || text[0] != '{') return refuse_header(r, 8, "got another beginning, expected a brace");
    status = check_text(r, (const uint8_t *)text, size);
    if (status != RTV_OK) return status;
    root = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    if (root) {
        size_t at = (size_t)(end - text);
        while (at < size && memchr(" \t\r\n", text[at], 4)) at++;
        status = at == size ? read_header(r, root) : refuse_header(r, 8 + at, "got text after its end");
    } else {
        status = refuse_header(r, 8 + (end ? (uint64_t)(end - text) : 0), "got broken JSON");
    }
    cJSON_Delete(root);
    rtvi_free(r->file->env, r->spans);
    return status;
}

int32_t rtvi_safetensors_parse(const rtvi_env *env, const char *module, const void *data, size_t size, rtvi_safetensors *out,
                               rtv_error *error) {
    reader r = {out, module, NULL, 0, NULL, error};
    uint64_t header = size >= 8 ? rtvi_load_le(data, 8) : 0;
    int32_t status;
    memset(out, 0, sizeof *out);
    out->env = env;
    if (size < 8) return rtvi_error_set(error, RTV_E_FORMAT, "%s: safetensors: got %zu bytes, expected at least 8", module, size);
    if (header > RTVI_SAFETENSORS_MAX_HEADER)
        return rtvi_error_set(error, RTV_E_FORMAT, "%s: safetensors header: got %llu bytes, expected at most %u", module,
                              (unsigned long long)header, RTVI_SAFETENSORS_MAX_HEADER);
    if (header > size - 8)
        return rtvi_error_set(error, RTV_E_FORMAT, "%s: safetensors header: got %zu bytes, expected %llu", module, size - 8,
                              (unsigned long long)header);
    out->header_bytes = 8 + header;
    r.data = (const uint8_t *)data + out->header_bytes;
    r.size = size - out->header_bytes;
    status = parse_header(&r, (const char *)data + 8, (size_t)header);
    if (status != RTV_OK) rtvi_safetensors_destroy(out);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

void rtvi_safetensors_destroy(rtvi_safetensors *file) {
    for (size_t i = 0; i < file->num_entries; i++) rtvi_free(file->env, (void *)(uintptr_t)file->entries[i].name);
    for (size_t i = 0; i < file->num_metadata; i++) {
        rtvi_free(file->env, (void *)(uintptr_t)file->metadata[i].key);
        rtvi_free(file->env, (void *)(uintptr_t)file->metadata[i].value);
    }
    if (file->env) {
        rtvi_free(file->env, file->entries);
        rtvi_free(file->env, file->metadata);
    }
    memset(file, 0, sizeof *file);
}

const char *rtvi_safetensors_metadata(const rtvi_safetensors *file, const char *key) {
    for (size_t i = 0; i < file->num_metadata; i++)
        if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
    return NULL;
}
