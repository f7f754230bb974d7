/* exchange_npy.c - NumPy's .npy (numpy.lib.format): magic, version, size of the header, a Python dict, padded; then the elements. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base_bytes.h"
#include "exchange/exchange.h"

enum { ALIGNMENT = 64, PREFIX = 10, MOST_HEADER = 65535 };

static int32_t bad(const rtvi_exchange *exchange, rtv_error *error, const char *what) {
    (void)exchange;
    return rtvi_error_set_at(error, RTV_E_FORMAT, PREFIX, "vectors: npy header: got %s", what);
}

/* The text behind 'name': in the dict, or NULL. */
static const char *value_of(const char *header, const char *name) {
    char quoted[24];
    const char *at;
    snprintf(quoted, sizeof quoted, "'%s'", name);
    at = strstr(header, quoted);
    if (!at) return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at++ != ':') return NULL;
    return at + strspn(at, " ");
}

static rtvi_dtype dtype_of(const char *descr) {
    static const struct {
        const char *text;
        rtvi_dtype dtype;
    } known[] = {{"'<f4'", RTVI_F32}, {"'<f2'", RTVI_F16}, {"'<f8'", RTVI_F64}};
    for (size_t i = 0; descr && i < sizeof known / sizeof *known; i++)
        if (strncmp(descr, known[i].text, strlen(known[i].text)) == 0) return known[i].dtype;
    return (rtvi_dtype)0;
}

/* A number of the shape; *at goes on behind it and its comma. 0 when there is none. */
static int read_number(const char **at, uint64_t *number) {
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 18) return 0;
    *number = 0;
    for (; digits > 0; digits--) *number = *number * 10 + (uint64_t)(*(*at)++ - '0');
    if (**at == 'L') ++*at; /* Python 2 */
    *at += strspn(*at, " ,");
    return 1;
}

/* (count, dim), or (dim,) for a single vector. */
static int read_shape(const char *at, uint64_t *count, uint64_t *dim) {
    if (!at || *at++ != '(') return 0;
    at += strspn(at, " ");
    if (!read_number(&at, count)) return 0;
    if (*at == ')') {
        *dim = *count;
        *count = 1;
        return 1;
    }
    return read_number(&at, dim) && *at == ')';
}

int32_t rtvi_exchange_read_npy(rtvi_exchange *exchange, rtv_error *error) {
    const rtvi_source *source = &exchange->source;
    const size_t prefix = source->size > 6 && source->data[6] == 1 ? PREFIX : PREFIX + 2;
    const char *order;
    char *header;
    uint64_t count = 0, dim = 0, size;
    rtvi_dtype dtype;
    int32_t status;
    if (source->size < prefix || source->data[6] < 1 || source->data[6] > 3)
        return rtvi_error_set_at(error, source->size < prefix ? RTV_E_FORMAT : RTV_E_UNSUPPORTED, 6,
                                 "vectors: npy: got %zu bytes of version %d, expected version 1 to 3", source->size,
                                 source->size > 6 ? source->data[6] : 0);
    size = rtvi_load_le(source->data + 8, prefix - 8);
    if (size > MOST_HEADER || size > source->size - prefix) return bad(exchange, error, "a size that leaves the file, or more than 65535");
    header = rtvi_copy_string(exchange->env, (const char *)source->data + prefix, (size_t)size);
    if (!header) return rtvi_error_out_of_memory(error, "vectors", (size_t)size);
    order = value_of(header, "fortran_order");
    dtype = dtype_of(value_of(header, "descr"));
    if (dtype == 0)
        status =
            rtvi_error_set_at(error, RTV_E_UNSUPPORTED, PREFIX, "vectors: npy header: got another type, expected '<f4', '<f2' or '<f8'");
    else if (!read_shape(value_of(header, "shape"), &count, &dim))
        status = bad(exchange, error, "another shape, expected (count, dim) or (dim,)");
    else if (!order || (strncmp(order, "False", 5) != 0 && (strncmp(order, "True", 4) != 0 || (count > 1 && dim > 1))))
        status = rtvi_error_set_at(error, RTV_E_UNSUPPORTED, PREFIX, "vectors: npy header: got columns first, expected rows (C order)");
    else
        status = rtvi_exchange_set_matrix(exchange, dtype, prefix + size, count, dim, dim, error);
    rtvi_free(exchange->env, header);
    if (status == RTV_OK && prefix + size + count * dim * rtvi_dtype_size(dtype) != source->size)
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)source->size, "vectors: npy: got bytes behind the last element");
    return status;
}

size_t rtvi_exchange_npy_header(uint8_t *bytes, int64_t count, int64_t dim) {
    const uint8_t prefix[PREFIX] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 2 * ALIGNMENT - PREFIX, 0};
    char text[RTVI_EXCHANGE_HEADER];
    const int length =
        snprintf(text, sizeof text, "{'descr': '<f4', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", count, dim);
    memcpy(bytes, prefix, sizeof prefix);
    memset(bytes + PREFIX, ' ', 2 * ALIGNMENT - PREFIX);
    memcpy(bytes + PREFIX, text, (size_t)length);
    bytes[2 * ALIGNMENT - 1] = '\n';
    return 2 * ALIGNMENT;
}
