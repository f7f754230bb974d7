/* dataset_mat.h - as much of MATLAB's version 5 files as lists need: cells, structs, text, numbers; little-endian. */
#ifndef RTVI_DATASET_MAT_H
#define RTVI_DATASET_MAT_H

#include "base/base_env.h"
#include "dataset/dataset_lines.h"

/* An array in a file's bytes, which have to outlive it. */
typedef struct rtvi_mat {
    int32_t kind;    /* RTVI_MAT_* */
    size_t count;    /* elements: product of the dimensions */
    rtvi_span name;  /* of a variable */
    rtvi_span names; /* STRUCT: of the fields, each name_size bytes filled up with NULs */
    size_t name_size, num_fields;
    rtvi_span body; /* CELL and STRUCT: the elements one after the other, all fields of the first, all fields of the second ...; else the
                       data behind its tag */
    uint32_t type;  /* of the data */
} rtvi_mat;

enum { RTVI_MAT_CELL = 1, RTVI_MAT_STRUCT = 2, RTVI_MAT_TEXT = 4, RTVI_MAT_NUMBERS = 6, RTVI_MAT_OTHER = 0 };

/* The bytes of a file's variables, unpacked. rtvi_free what *block holds, whatever comes back.
 * Errors: FORMAT, UNSUPPORTED (another version), LIMIT, OUT_OF_MEMORY. */
int32_t rtvi_mat_unpack(const rtvi_env *env, const void *data, size_t size, void **block, rtvi_span *variables, rtv_error *error);
/* The next array takes its bytes off the span; 0 at its end and where it is no array. */
int rtvi_mat_next(rtvi_span *left, rtvi_mat *array);
/* The place of a struct's field among its fields; num_fields when it has none of this name. */
size_t rtvi_mat_field(const rtvi_mat *array, const char *name);
/* TEXT as bytes (ASCII only) in text[capacity]; *size may be 0. 0 when it is something else. */
int rtvi_mat_text(const rtvi_mat *array, char *text, size_t capacity, size_t *size);
/* NUMBERS with one element, a whole number or a fraction. */
int rtvi_mat_number(const rtvi_mat *array, double *value);

#endif
