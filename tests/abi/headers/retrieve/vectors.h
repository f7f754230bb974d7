/* vectors.h - the files that people move vectors with: .npy, .fvecs, .ivecs, faiss's flat index, the feature database of the CGD code. */
#ifndef RETRIEVE_VECTORS_H
#define RETRIEVE_VECTORS_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/index.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of file. Reading tells the kind by the first bytes, and .fvecs and .ivecs, which have none of their own, by the name. */
enum {
    RTV_VECTORS_NPY = 1,   /* NumPy 1.0: float32, float16 or float64, two dimensions (or one: a single vector), C order */
    RTV_VECTORS_FVECS = 2, /* int32 dim before each float32 vector */
    RTV_VECTORS_IVECS = 3, /* the same of int32 values */
    RTV_VECTORS_FAISS = 4, /* IndexFlatIP, alone or in an IndexIDMap; IndexFlatL2 is refused: its order is another */
    RTV_VECTORS_CGD = 5    /* what leftthomas/CGD saves: a dict of tensors and names, by torch.save; read only */
};

/* Vectors in a file, mapped. Thread class: shared. */
typedef struct rtv_vectors rtv_vectors;

typedef struct rtv_vectors_info {
    uint32_t struct_size;
    int32_t kind; /* RTV_VECTORS_* */
    int64_t dim;
    int64_t count;
    int32_t has_ids;     /* 1: each vector has an id */
    int32_t has_keys;    /* 1: each vector has a key (CGD) */
    int32_t has_classes; /* 1: each vector has a class (CGD) */
    int32_t reserved;
} rtv_vectors_info;

/* Errors: IO, FORMAT, UNSUPPORTED, LIMIT, OUT_OF_MEMORY. runtime may be NULL. */
RTV_API int32_t rtv_vectors_open(const char *path, rtv_runtime *runtime, rtv_vectors **vectors, rtv_error *error);
RTV_API void rtv_vectors_free(rtv_vectors *vectors);
/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_vectors_info_get(const rtv_vectors *vectors, rtv_vectors_info *info, rtv_error *error);
/* Copies vectors first .. first + count, [count][dim], and their ids, [count]; either may be NULL, as ids must be when there are none.
 * Errors: INVALID_ARGUMENT (out of range). */
RTV_API int32_t rtv_vectors_read(const rtv_vectors *vectors, int64_t first, int64_t count, float *values, int64_t *ids, rtv_error *error);
/* The key of vector i, with a final NUL; *size_bytes is the full size. Errors: NOT_FOUND (no keys), INVALID_ARGUMENT, BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_vectors_key(const rtv_vectors *vectors, int64_t i, char *key, uint64_t capacity, uint64_t *size_bytes,
                                rtv_error *error);

/* Adds all vectors of a file to an index, a block at a time, with the keys that the file has. ids, classes: [count] of the file; NULL for
 * those of the file, if it has any. What was added before an error stays. Errors: MISMATCH (dimensions), as rtv_index_add. */
RTV_API int32_t rtv_index_import(rtv_index *index, const rtv_vectors *vectors, const int64_t *ids, const int32_t *classes,
                                 rtv_error *error);

/* Writes the vectors of an index, in the order of rtv_index_visit; the file appears whole or not at all. kind: NPY, FVECS or FAISS.
 * with_ids 1: FAISS as an IndexIDMap; the other kinds have no ids. Errors: IO, INVALID_ARGUMENT, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_export(rtv_index *index, const char *path, int32_t kind, int32_t with_ids, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
