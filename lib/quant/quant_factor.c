/* quant_factor.c - H = L' L, from the last row up: row j is divided by the root of its diagonal, and its products leave the rows above.
 * Rows are taken in blocks, so that the large rest of the matrix is read once a block and not once a row. */
#include "quant/quant_factor.h"

#include <math.h>

#define BLOCK 32

static float mean_diagonal(const float *matrix, int64_t dim) {
    double sum = 0;
    for (int64_t i = 0; i < dim; i++) sum += (double)matrix[i * dim + i];
    return (float)(sum / (double)dim);
}

/* Inputs that are always 0 leave H empty there: any code will do, and 1 keeps the arithmetic finite. */
static float damp_of(const float *matrix, int64_t dim, float damping) {
    const float mean = mean_diagonal(matrix, dim);
    return mean > 0 ? damping * mean : 1;
}

static float root(float value, float least) { return sqrtf(value > least ? value : least); }

/* to[0..count-1] -= sum of the factors times the four rows. */
static void subtract4(float *to, const float *rows, int64_t dim, const float *factors, int64_t count) {
    const float f0 = factors[0], f1 = factors[1], f2 = factors[2], f3 = factors[3];
    const float *r0 = rows, *r1 = rows + dim, *r2 = rows + 2 * dim, *r3 = rows + 3 * dim;
    for (int64_t i = 0; i < count; i++) to[i] -= f0 * r0[i] + f1 * r1[i] + f2 * r2[i] + f3 * r3[i];
}

static void subtract(float *to, const float *row, float factor, int64_t count) {
    for (int64_t i = 0; i < count; i++) to[i] -= factor * row[i];
}

/* A pivot that float32 has lost becomes the damping, without which it would be near 0 anyway. */
static void scale_row(float *row, int64_t j, float damp) {
    const float pivot = root(row[j], damp);
    for (int64_t i = 0; i < j; i++) row[i] /= pivot;
    row[j] = pivot;
}

/* Takes rows first..end-1, finished, out of row p above them. */
static void clear_row(float *matrix, int64_t dim, int64_t p, int64_t first, int64_t end) {
    float *to = matrix + p * dim;
    int64_t j = first;
    for (; j + 4 <= end; j += 4) {
        const float factors[4] = {matrix[j * dim + p], matrix[(j + 1) * dim + p], matrix[(j + 2) * dim + p], matrix[(j + 3) * dim + p]};
        subtract4(to, matrix + j * dim, dim, factors, p + 1);
    }
    for (; j < end; j++) subtract(to, matrix + j * dim, matrix[j * dim + p], p + 1);
}

void rtvi_quant_factor(float *matrix, int64_t dim, float damping) {
    const float damp = damp_of(matrix, dim, damping);
    for (int64_t i = 0; i < dim; i++) matrix[i * dim + i] += damp;
    for (int64_t end = dim; end > 0;) {
        const int64_t first = end > BLOCK ? end - BLOCK : 0;
        for (int64_t j = end - 1; j >= first; j--) {
            scale_row(matrix + j * dim, j, damp);
            for (int64_t p = first; p < j; p++) subtract(matrix + p * dim, matrix + j * dim, matrix[j * dim + p], p + 1);
        }
        for (int64_t p = 0; p < first; p++) clear_row(matrix, dim, p, first, end);
        end = first;
    }
}

void rtvi_quant_factor_pairs(const float *matrix, int64_t dim, int64_t channels, float damping, float *pairs) {
    const float damp = damp_of(matrix, dim, damping);
    int64_t step;
    for (int64_t i = 0; i < dim; i += step) {
        float left = 0;
        step = i % channels + 1 < channels ? 2 : 1;
        if (step == 2) {
            const int64_t j = i + 1;
            pairs[2 * j] = root(matrix[j * dim + j] + damp, damp);
            left = pairs[2 * j + 1] = matrix[j * dim + i] / pairs[2 * j];
        }
        pairs[2 * i] = root(matrix[i * dim + i] + damp - left * left, damp);
        pairs[2 * i + 1] = 0;
    }
}
