/* tensor.h - dtype, shape, strides and bytes that somebody else owns. */
#ifndef RTVI_TENSOR_H
#define RTVI_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"

#define RTVI_MAX_RANK 8

typedef enum rtvi_dtype {
    RTVI_F32 = 1,
    RTVI_F16 = 2,
    RTVI_BF16 = 3,
    RTVI_F64 = 4,
    RTVI_I64 = 5,
    RTVI_I32 = 6,
    RTVI_I16 = 7,
    RTVI_I8 = 8,
    RTVI_U8 = 9,
    RTVI_BOOL = 10
} rtvi_dtype;

typedef struct rtvi_tensor {
    rtvi_dtype dtype;
    int32_t rank;                   /* 0 is a scalar */
    int64_t dims[RTVI_MAX_RANK];    /* >= 0 */
    int64_t strides[RTVI_MAX_RANK]; /* in elements, >= 0 */
    const void *data;               /* little-endian, any alignment */
} rtvi_tensor;

size_t rtvi_dtype_size(rtvi_dtype dtype);
/* safetensors' names: "F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL". */
const char *rtvi_dtype_name(rtvi_dtype dtype);
/* 0 when unknown. */
rtvi_dtype rtvi_dtype_from_name(const char *name, size_t length);

/* A contiguous (row-major) tensor. */
rtvi_tensor rtvi_tensor_contiguous(rtvi_dtype dtype, int32_t rank, const int64_t *dims, const void *data);
int rtvi_tensor_is_contiguous(const rtvi_tensor *tensor);
/* Product of the dims; 1 for a scalar; -1 on overflow of int64. */
int64_t rtvi_tensor_count(const rtvi_tensor *tensor);
/* "[64,3,7,7]"; "[]" for a scalar. Returns text. */
const char *rtvi_shape_text(char *text, size_t capacity, int32_t rank, const int64_t *dims);

/* Copies every element, row-major, converting to float32 (from any dtype but BOOL) into values[count]. F16 and BF16 are exact. */
void rtvi_tensor_to_f32(const rtvi_tensor *tensor, float *values);
/* Copies every element, row-major, without conversion. */
void rtvi_tensor_to_bytes(const rtvi_tensor *tensor, void *bytes);

float rtvi_f16_to_f32(uint16_t half);
uint16_t rtvi_f32_to_f16(float value); /* nearest even; overflow to infinity */

#endif
