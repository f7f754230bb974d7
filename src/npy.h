/* npy.h - NumPy's .npy files, version 1.0: float32 rows, as many as will come. */
#ifndef NPY_H
#define NPY_H

#include "output.h"

typedef struct npy {
    output out;
    int64_t rows, columns;
} npy;

int npy_open(npy *file, const char *path, int64_t columns);
void npy_add(npy *file, const float *row);
/* Puts the number of rows into the header; then as output_commit. */
int npy_commit(npy *file);
void npy_abort(npy *file);

#endif
