/* dataset_mat.c - as much of MATLAB's version 5 files as lists need ("MAT-File Format", The MathWorks). A library would read more, but
 * Debian's needs HDF5, which brings libcurl along. Every size is held against the bytes that are there before it is used. */
#include "dataset/dataset_mat.h"

#include <string.h>

#include <zlib.h>

#include "base/base_bytes.h"

enum { HEADER = 128, INT8 = 1, UINT8 = 2, INT16 = 3, UINT16 = 4, INT32 = 5, UINT32 = 6, SINGLE = 7, DOUBLE = 9, MATRIX = 14, PACKED = 15 };
enum { UTF8 = 16, UTF16 = 17, CLASS_CELL = 1, CLASS_STRUCT = 2, CLASS_CHAR = 4, CLASS_DOUBLE = 6, CLASS_UINT64 = 15 };
#define UNPACKED_MOST ((size_t)1 << 28) /* Cars-196 needs 17 MB */

/* One element: a tag (8 bytes, or 4 with up to 4 bytes of data behind them) and data, padded to 8 bytes unless it is packed. 0 when it is
 * not whole. */
static int take_element(rtvi_span *left, uint32_t *type, rtvi_span *data) {
    rtvi_bytes b = rtvi_bytes_over(left->text, left->size);
    const uint32_t first = rtvi_bytes_u32(&b);
    const size_t small = first >> 16, size = small ? small : rtvi_bytes_u32(&b);
    const uint8_t *at = rtvi_bytes_take(&b, size);
    size_t padding;
    *type = first & 0xffff;
    if (!at || small > 4) return 0;
    padding = small ? 4 - size : *type == PACKED ? 0 : -size & 7;
    rtvi_bytes_take(&b, padding < rtvi_bytes_left(&b) ? padding : rtvi_bytes_left(&b)); /* the last may lack it */
    *data = (rtvi_span){(const char *)at, size};
    *left = (rtvi_span){left->text + b.pos, left->size - b.pos};
    return 1;
}

static int take_type(rtvi_span *left, uint32_t wanted, rtvi_span *data) {
    uint32_t type;
    return take_element(left, &type, data) && type == wanted;
}

static size_t load(rtvi_span data, size_t at, size_t size) { return (size_t)rtvi_load_le((const uint8_t *)data.text + at, size); }

/* --- unpacking ---------------------------------------------------------------------------------------------------------------------- */

static voidpf z_allocate(voidpf env, uInt count, uInt size) { return rtvi_alloc(env, count, size); }
static void z_release(voidpf env, voidpf block) { rtvi_free(env, block); }

typedef struct unpacked {
    const rtvi_env *env;
    void *block;
    size_t size, capacity;
} unpacked;

static int reserve(unpacked *u, size_t more) { return rtvi_grow(u->env, &u->block, &u->capacity, u->size, u->size + more, 1); }

/* 1, 0 for damage, -1 when there is no memory, -2 when it is too much. */
static int inflate_all(unpacked *u, z_stream *z) {
    int status = Z_OK;
    while (status == Z_OK) {
        const size_t room = 1 << 16;
        if (u->size > UNPACKED_MOST) return -2;
        if (!reserve(u, room)) return -1;
        z->next_out = (Bytef *)u->block + u->size;
        z->avail_out = room;
        status = inflate(z, Z_NO_FLUSH);
        u->size += room - z->avail_out;
    }
    return status == Z_STREAM_END ? 1 : status == Z_MEM_ERROR ? -1 : 0;
}

static int add_packed(unpacked *u, rtvi_span data) {
    z_stream z;
    int result;
    memset(&z, 0, sizeof z);
    z.zalloc = z_allocate;
    z.zfree = z_release;
    z.opaque = (voidpf)u->env;
    z.next_in = (z_const Bytef *)data.text;
    z.avail_in = (uInt)data.size;
    if (inflateInit(&z) != Z_OK) return -1;
    result = inflate_all(u, &z);
    inflateEnd(&z);
    return result;
}

/* A variable that is not packed goes as it is, its tag included. */
static int add_plain(unpacked *u, const char *begin, const char *end) {
    const size_t size = (size_t)(end - begin);
    if (!reserve(u, size)) return -1;
    memcpy((char *)u->block + u->size, begin, size);
    u->size += size;
    return 1;
}

static int32_t unpack_all(unpacked *u, rtvi_span left, rtv_error *error) {
    int result = 1;
    while (left.size > 0 && result == 1) {
        const char *begin = left.text;
        uint32_t type;
        rtvi_span data;
        if (!take_element(&left, &type, &data)) result = 0;
        if (result == 1) result = type == PACKED ? add_packed(u, data) : add_plain(u, begin, left.text);
    }
    if (result == -1) return rtvi_error_out_of_memory(error, "dataset", u->size);
    if (result == -2)
        return rtvi_error_set(error, RTV_E_LIMIT, "dataset: MAT-file: got more unpacked bytes, expected at most %zu", UNPACKED_MOST);
    return result == 1 ? RTV_OK : rtvi_error_set(error, RTV_E_FORMAT, "dataset: MAT-file: got damaged or cut bytes, expected variables");
}

int32_t rtvi_mat_unpack(const rtvi_env *env, const void *data, size_t size, void **block, rtvi_span *variables, rtv_error *error) {
    const char *text = data;
    unpacked u = {.env = env};
    int32_t status;
    *block = NULL;
    if (size < HEADER || memcmp(text, "MATLAB", 6) != 0)
        return rtvi_error_set(error, RTV_E_FORMAT, "dataset: got something else, expected a MAT-file");
    if (memcmp(text + HEADER - 4, "\x00\x01IM", 4) != 0)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED,
                              "dataset: MAT-file: got another version or byte order, expected version 5, little-endian");
    status = unpack_all(&u, (rtvi_span){text + HEADER, size - HEADER}, error);
    *block = u.block;
    *variables = (rtvi_span){u.block, u.size};
    return status;
}

/* --- arrays ------------------------------------------------------------------------------------------------------------------------- */

/* The product of the dimensions; 0 when it does not fit. */
static int count_elements(rtvi_span dimensions, size_t *count) {
    *count = 1;
    for (size_t i = 0; i + 4 <= dimensions.size; i += 4)
        if (!rtvi_mul(*count, load(dimensions, i, 4), count)) return 0;
    return dimensions.size >= 8;
}

static int take_names(rtvi_span *body, rtvi_mat *array) {
    rtvi_span size;
    if (!take_type(body, INT32, &size) || size.size < 4 || !take_type(body, INT8, &array->names)) return 0;
    array->name_size = load(size, 0, 4);
    if (array->name_size == 0) return 0;
    array->num_fields = array->names.size / array->name_size;
    return 1;
}

int rtvi_mat_next(rtvi_span *left, rtvi_mat *array) {
    rtvi_span body, flags, dimensions;
    uint32_t class_id;
    memset(array, 0, sizeof *array);
    if (left->size == 0 || !take_type(left, MATRIX, &body)) return 0;
    if (body.size == 0) return 1; /* an empty array */
    if (!take_type(&body, UINT32, &flags) || flags.size < 8 || !take_type(&body, INT32, &dimensions) ||
        !take_type(&body, INT8, &array->name) || !count_elements(dimensions, &array->count))
        return 0;
    class_id = (uint32_t)load(flags, 0, 1);
    if (class_id == CLASS_STRUCT && !take_names(&body, array)) return 0;
    array->body = body;
    if (class_id == CLASS_CELL || class_id == CLASS_STRUCT || class_id == CLASS_CHAR) array->kind = (int32_t)class_id;
    if (class_id >= CLASS_DOUBLE && class_id <= CLASS_UINT64) array->kind = RTVI_MAT_NUMBERS;
    if (array->kind == RTVI_MAT_TEXT || array->kind == RTVI_MAT_NUMBERS) return take_element(&body, &array->type, &array->body);
    return 1;
}

size_t rtvi_mat_field(const rtvi_mat *array, const char *name) {
    const size_t length = strlen(name);
    size_t field = 0;
    for (; field < array->num_fields; field++) {
        const char *at = array->names.text + field * array->name_size;
        if (length < array->name_size && memcmp(at, name, length + 1) == 0) break;
    }
    return field;
}

int rtvi_mat_text(const rtvi_mat *array, char *text, size_t capacity, size_t *size) {
    const size_t width = array->type == UINT16 || array->type == UTF16 ? 2 : 1;
    *size = array->body.size / width;
    if (array->kind == RTVI_MAT_OTHER && array->count == 0) return 1;
    if (array->kind != RTVI_MAT_TEXT || *size > capacity || (array->type != UTF8 && array->type > UINT16 && width == 1)) return 0;
    for (size_t i = 0; i < *size; i++) {
        const size_t letter = load(array->body, i * width, width);
        if (letter == 0 || letter > 0x7f) return 0;
        text[i] = (char)letter;
    }
    return 1;
}

int rtvi_mat_number(const rtvi_mat *array, double *value) {
    static const uint8_t sizes[] = {
        [INT8] = 1, [UINT8] = 1, [INT16] = 2, [UINT16] = 2, [INT32] = 4, [UINT32] = 4, [SINGLE] = 4, [DOUBLE] = 8};
    const size_t size = array->type <= DOUBLE ? sizes[array->type] : 0;
    uint64_t bits;
    uint32_t half;
    float single;
    if (array->kind != RTVI_MAT_NUMBERS || array->count != 1 || size == 0 || array->body.size < size) return 0;
    bits = rtvi_load_le((const uint8_t *)array->body.text, size);
    half = (uint32_t)bits;
    memcpy(&single, &half, sizeof single);
    if (array->type == DOUBLE)
        memcpy(value, &bits, sizeof bits);
    else if (array->type == SINGLE)
        *value = (double)single;
    else if (array->type == INT8 || array->type == INT16 || array->type == INT32)
        *value = (double)((int64_t)(bits << (64 - 8 * size)) >> (64 - 8 * size));
    else
        *value = (double)bits;
    return 1;
}
