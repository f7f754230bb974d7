/* flat_score.h - canonical scores of any rows, however they are stored. */
#ifndef RTVI_FLAT_SCORE_H
#define RTVI_FLAT_SCORE_H

#include "base/base_env.h"
#include "index/flat_rows.h"
#include "kernels/kernels_dot.h"

#define RTVI_SCORE_ROWS 16 /* decoded at a time */

/* Floats of scratch that rtvi_score_rows needs; none where vectors are stored as they are scored. */
size_t rtvi_score_scratch(const rtvi_rows *rows);
/* scores[q * stride + i] of the panel's num_queries with the rows numbers[count]. */
void rtvi_score_rows(const rtvi_rows *rows, int32_t isa, const double *panel, size_t num_queries, const size_t *numbers, size_t count,
                     float *scores, size_t stride, float *scratch);
/* The dim floats of a row, as it is scored: where they lie, or in scratch[dim]. */
const float *rtvi_score_floats(const rtvi_rows *rows, size_t row, float *scratch);
/* The same, always in vector[dim]. */
void rtvi_score_vector(const rtvi_rows *rows, size_t row, float *vector);

#endif
