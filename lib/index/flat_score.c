/* flat_score.c - canonical scores of any rows: those stored as float32 where they lie, others decoded a few at a time. */
#include "index/flat_score.h"

#include <string.h>

#include "index/flat_codes.h"
#include "tensor/tensor.h"

size_t rtvi_score_scratch(const rtvi_rows *rows) { return rows->storage == RTV_STORAGE_FLOAT32 ? 0 : RTVI_SCORE_ROWS * rows->dim; }

const float *rtvi_score_floats(const rtvi_rows *rows, size_t row, float *scratch) {
    const rtvi_chunk *chunk = rtvi_rows_locate(rows, &row);
    const size_t dim = rows->dim;
    if (rows->storage == RTV_STORAGE_FLOAT32) return (const float *)chunk->vectors + row * dim;
    if (rows->storage == RTV_STORAGE_FLOAT16) {
        const uint16_t *halves = (const uint16_t *)chunk->vectors + row * dim;
        for (size_t i = 0; i < dim; i++) scratch[i] = rtvi_f16_to_f32(halves[i]);
    } else {
        rtvi_codes_decode(chunk->codes + row * rtvi_codes_size(dim), dim, scratch);
    }
    return scratch;
}

void rtvi_score_rows(const rtvi_rows *rows, int32_t isa, const double *panel, size_t num_queries, const size_t *numbers, size_t count,
                     float *scores, size_t stride, float *scratch) {
    const rtvi_dot_panel_fn dot = rtvi_dot_select(isa);
    const float *at[RTVI_SCORE_ROWS];
    for (size_t first = 0; first < count; first += RTVI_SCORE_ROWS) {
        const size_t part = count - first < RTVI_SCORE_ROWS ? count - first : RTVI_SCORE_ROWS;
        for (size_t i = 0; i < part; i++) at[i] = rtvi_score_floats(rows, numbers[first + i], scratch ? scratch + i * rows->dim : NULL);
        dot(panel, num_queries, rows->dim, at, part, scores + first, stride);
    }
}

void rtvi_score_vector(const rtvi_rows *rows, size_t row, float *vector) {
    const float *at = rtvi_score_floats(rows, row, vector);
    if (at != vector) memcpy(vector, at, rows->dim * sizeof *vector);
}
