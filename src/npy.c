/* npy.c - NumPy's .npy files, version 1.0 (numpy.lib.format): magic, version, header length, a Python dict padded with spaces so that the
 * data begin at a multiple of 64 bytes, then the rows. */
#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HEADER_BYTES = 128, PREFIX_BYTES = 10 };

static void write_header(npy *file) {
    char header[HEADER_BYTES + 1];
    const uint8_t prefix[PREFIX_BYTES] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, HEADER_BYTES - PREFIX_BYTES, 0};
    const char *type = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? "<f4" : ">f4";
    int length = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRId64 ", %" PRId64 "), }", type,
                          file->rows, file->columns);
    memset(header + length, ' ', (size_t)(HEADER_BYTES - PREFIX_BYTES - length - 1));
    header[HEADER_BYTES - PREFIX_BYTES - 1] = '\n';
    output_patch(&file->out, 0, prefix, sizeof prefix);
    output_patch(&file->out, PREFIX_BYTES, header, HEADER_BYTES - PREFIX_BYTES);
}

int npy_open(npy *file, const char *path, int64_t columns) {
    memset(file, 0, sizeof *file);
    file->columns = columns;
    if (output_open(&file->out, path) != STATUS_OK) return STATUS_ERROR;
    write_header(file);
    return STATUS_OK;
}

void npy_add(npy *file, const float *row) {
    output_write(&file->out, row, (size_t)file->columns * sizeof *row);
    file->rows++;
}

int npy_commit(npy *file) {
    write_header(file);
    return output_commit(&file->out);
}

void npy_abort(npy *file) { output_abort(&file->out); }
