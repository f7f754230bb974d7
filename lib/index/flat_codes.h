/* flat_codes.h - 8-bit codes of vectors, for a coarse score with a proven bound on its error (docs/search.md). */
#ifndef RTVI_FLAT_CODES_H
#define RTVI_FLAT_CODES_H

#include "kernels/kernels_coarse.h"

#define RTVI_CODES_VERSION 1 /* of the record; another version means other bytes */

/* Records of finite vectors [count][dim], one after the other; records is aligned to 16 bytes. Equal vectors give equal bytes everywhere.
 * isa: RTV_ISA_*. */
void rtvi_codes_encode(int32_t isa, const float *vectors, size_t count, size_t dim, void *records);
/* The same for an index that keeps nothing but codes: its vectors are from then on the decoded ones. */
void rtvi_codes_encode_alone(int32_t isa, const float *vectors, size_t count, size_t dim, void *records);
/* vector[dim] = float(scale * code[]) */
void rtvi_codes_decode(const void *record, size_t dim, float *vector);
/* Whether bytes from outside can be a record of vectors of dim floats: 0 when not. */
int rtvi_codes_check(const void *record, size_t dim);

#endif
