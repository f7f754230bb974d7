/* tensor.c - dtypes, shapes, and copies out of strided bytes. */
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[] = {
    [RTVI_F32] = {"F32", 4}, [RTVI_F16] = {"F16", 2}, [RTVI_BF16] = {"BF16", 2}, [RTVI_F64] = {"F64", 8}, [RTVI_I64] = {"I64", 8},
    [RTVI_I32] = {"I32", 4}, [RTVI_I16] = {"I16", 2}, [RTVI_I8] = {"I8", 1},     [RTVI_U8] = {"U8", 1},   [RTVI_BOOL] = {"BOOL", 1},
};

size_t rtvi_dtype_size(rtvi_dtype dtype) { return dtypes[dtype].size; }
const char *rtvi_dtype_name(rtvi_dtype dtype) { return dtypes[dtype].name; }

rtvi_dtype rtvi_dtype_from_name(const char *name, size_t length) {
    for (int i = RTVI_F32; i <= RTVI_BOOL; i++)
        if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) return (rtvi_dtype)i;
    return (rtvi_dtype)0;
}

rtvi_tensor rtvi_tensor_contiguous(rtvi_dtype dtype, int32_t rank, const int64_t *dims, const void *data) {
    rtvi_tensor tensor;
    int64_t stride = 1;
    memset(&tensor, 0, sizeof tensor);
    tensor.dtype = dtype;
    tensor.rank = rank;
    tensor.data = data;
    for (int32_t i = rank - 1; i >= 0; i--) {
        tensor.dims[i] = dims[i];
        tensor.strides[i] = stride;
        if (__builtin_mul_overflow(stride, dims[i], &stride)) stride = INT64_MAX; /* rtvi_tensor_count tells */
    }
    return tensor;
}

int rtvi_tensor_is_contiguous(const rtvi_tensor *tensor) {
    int64_t stride = 1;
    for (int32_t i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->dims[i] == 0) return 1;
        if (tensor->dims[i] != 1 && tensor->strides[i] != stride) return 0;
        stride *= tensor->dims[i];
    }
    return 1;
}

int64_t rtvi_tensor_count(const rtvi_tensor *tensor) {
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] == 0) return 0;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (__builtin_mul_overflow(count, tensor->dims[i], &count)) return -1;
    return count;
}

const char *rtvi_shape_text(char *text, size_t capacity, int32_t rank, const int64_t *dims) {
    size_t used = 0;
    snprintf(text, capacity, "[");
    used = strlen(text);
    for (int32_t i = 0; i < rank && used + 1 < capacity; i++) {
        snprintf(text + used, capacity - used, i ? ",%lld" : "%lld", (long long)dims[i]);
        used = strlen(text);
    }
    if (used + 1 < capacity) memcpy(text + used, "]", 2);
    return text;
}

/* Exact: a half has 5 exponent and 10 mantissa bits, all inside a float's. */
float rtvi_f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 31u, mantissa = half & 0x3ffu, bits;
    float value;
    if (exponent == 31) {
        bits = sign | 0x7f800000u | (mantissa << 13);
    } else if (exponent == 0) {
        value = (float)mantissa * 0x1p-24f; /* subnormal halves are normal floats */
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else {
        bits = sign | ((exponent + 112u) << 23) | (mantissa << 13);
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t rtvi_f32_to_f16(float value) {
    uint32_t bits, sign, magnitude;
    memcpy(&bits, &value, sizeof bits);
    sign = (bits >> 16) & 0x8000u;
    magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);  /* NaN */
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and up round to infinity */
    if (magnitude < 0x38800000u) {                                   /* below 2^-14: a multiple of 2^-24, rounded by the addition */
        float scaled;
        uint32_t sum;
        memcpy(&scaled, &magnitude, sizeof scaled);
        scaled += 0.5f; /* ulp of [0.5, 1) is 2^-24 */
        memcpy(&sum, &scaled, sizeof sum);
        return (uint16_t)(sign | (sum - 0x3f000000u));
    }
    return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13));
}

static float element_to_f32(rtvi_dtype dtype, const uint8_t *at) {
    union {
        float f32;
        double f64;
        uint16_t u16;
        uint32_t u32;
        int16_t i16;
        int32_t i32;
        int64_t i64;
    } v;
    memcpy(&v, at, rtvi_dtype_size(dtype));
    switch (dtype) {
        case RTVI_F32:
            return v.f32;
        case RTVI_F16:
            return rtvi_f16_to_f32(v.u16);
        case RTVI_BF16:
            v.u32 = (uint32_t)v.u16 << 16;
            return v.f32;
        case RTVI_F64:
            return (float)v.f64;
        case RTVI_I64:
            return (float)v.i64;
        case RTVI_I32:
            return (float)v.i32;
        case RTVI_I16:
            return (float)v.i16;
        case RTVI_I8:
            return (float)(int8_t)*at;
        case RTVI_U8:
            return (float)*at;
        case RTVI_BOOL:
            return *at ? 1.0f : 0.0f;
    }
    return 0.0f;
}

/* Visits the start of every innermost row: row-major odometer over the outer dims. */
typedef struct row_walk {
    int64_t at[RTVI_MAX_RANK];
    int64_t rows, length, stride; /* of the innermost dim, in elements */
} row_walk;

static row_walk walk_begin(const rtvi_tensor *tensor) {
    row_walk walk;
    memset(&walk, 0, sizeof walk);
    walk.length = walk.stride = 1;
    walk.rows = rtvi_tensor_count(tensor);
    if (tensor->rank > 0) {
        walk.length = tensor->dims[tensor->rank - 1];
        walk.stride = tensor->strides[tensor->rank - 1];
        walk.rows = walk.length ? walk.rows / walk.length : 0;
    }
    return walk;
}

static const uint8_t *walk_next(row_walk *walk, const rtvi_tensor *tensor) {
    int64_t offset = 0;
    for (int32_t i = 0; i + 1 < tensor->rank; i++) offset += walk->at[i] * tensor->strides[i];
    for (int32_t i = tensor->rank - 2; i >= 0; i--) {
        if (++walk->at[i] < tensor->dims[i]) break;
        walk->at[i] = 0;
    }
    return (const uint8_t *)tensor->data + (size_t)offset * rtvi_dtype_size(tensor->dtype);
}

#if defined(__x86_64__)
#include <immintrin.h>

#include "base/base_cpu.h"

__attribute__((target("avx2,f16c"))) static int64_t halves_to_f32(const uint8_t *from, int64_t count, float *to) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8)
        _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(from + 2 * i))));
    return i;
}

/* How many of count halves it converted: all but a remainder, or none where the processor cannot. */
static int64_t convert_halves(const uint8_t *from, int64_t count, float *to) {
    return count >= 8 && rtvi_cpu_isa() >= RTV_ISA_AVX2 ? halves_to_f32(from, count, to) : 0;
}
#else
static int64_t convert_halves(const uint8_t *from, int64_t count, float *to) {
    (void)from, (void)count, (void)to;
    return 0;
}
#endif

void rtvi_tensor_to_f32(const rtvi_tensor *tensor, float *values) {
    rtvi_tensor flat = *tensor;
    size_t size = rtvi_dtype_size(tensor->dtype);
    row_walk walk;
    if (rtvi_tensor_is_contiguous(tensor)) { /* one long row */
        flat.rank = 1;
        flat.dims[0] = rtvi_tensor_count(tensor);
        flat.strides[0] = 1;
    }
    walk = walk_begin(&flat);
    for (int64_t row = 0; row < walk.rows; row++) {
        const uint8_t *from = walk_next(&walk, &flat);
        int64_t i = 0;
        if (walk.stride == 1 && flat.dtype == RTVI_F32) {
            memcpy(values, from, (size_t)walk.length * 4);
            i = walk.length;
        } else if (walk.stride == 1 && flat.dtype == RTVI_F16) {
            i = convert_halves(from, walk.length, values);
        }
        for (; i < walk.length; i++) values[i] = element_to_f32(flat.dtype, from + (size_t)(i * walk.stride) * size);
        values += walk.length;
    }
}

void rtvi_tensor_to_bytes(const rtvi_tensor *tensor, void *bytes) {
    size_t size = rtvi_dtype_size(tensor->dtype);
    row_walk walk = walk_begin(tensor);
    uint8_t *to = bytes;
    for (int64_t row = 0; row < walk.rows; row++) {
        const uint8_t *from = walk_next(&walk, tensor);
        for (int64_t i = 0; i < walk.length; i++, to += size) memcpy(to, from + (size_t)(i * walk.stride) * size, size);
    }
}
