/* dataset.h - the lists that come with customary data sets: which pictures there are, their classes, what is for training and what for
 * testing. */
#ifndef RETRIEVE_DATASET_H
#define RETRIEVE_DATASET_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A list, read. Thread class: shared (it never changes). */
typedef struct rtv_dataset rtv_dataset;

enum {
    RTV_DATASET_SOP = 1,    /* Stanford Online Products: Ebay_train.txt or Ebay_test.txt */
    RTV_DATASET_CUB = 2,    /* CUB-200-2011: the folder with images.txt, image_class_labels.txt, classes.txt ... */
    RTV_DATASET_CARS = 3,   /* Cars-196: cars_annos.mat */
    RTV_DATASET_INSHOP = 4, /* In-shop Clothes Retrieval: list_eval_partition.txt */
    RTV_DATASET_CSV = 5     /* a header line that names the columns: path, and, each optional, class, split; others are ignored */
};

enum { RTV_SPLIT_NONE = 0, RTV_SPLIT_TRAIN = 1, RTV_SPLIT_TEST = 2, RTV_SPLIT_QUERY = 3, RTV_SPLIT_GALLERY = 4 };

/* Reads all of it. runtime may be NULL: the C library's allocator. Nothing is asked of the pictures.
 * Errors: INVALID_ARGUMENT (no such format), IO, FORMAT (file and line), LIMIT (more than 2^31 bytes or 2^24 pictures), OUT_OF_MEMORY. */
RTV_API int32_t rtv_dataset_read(const char *path, int32_t format, rtv_runtime *runtime, rtv_dataset **dataset, rtv_error *error);

RTV_API void rtv_dataset_free(rtv_dataset *dataset);

typedef struct rtv_dataset_info {
    uint32_t struct_size;
    int32_t reserved;
    int64_t num_classes;
    int64_t count;     /* pictures */
    int64_t splits[8]; /* pictures by RTV_SPLIT_*, with room for three more */
} rtv_dataset_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_dataset_info_get(const rtv_dataset *dataset, rtv_dataset_info *info, rtv_error *error);

typedef struct rtv_dataset_entry {
    uint32_t struct_size;
    int32_t class_id; /* number of its name, in the sorted order of the names; -1 for none */
    int32_t split;    /* RTV_SPLIT_* as retrieval is evaluated: for CUB and Cars the first half of the classes trains, the others test */
    int32_t listed_split; /* as the list itself says: CUB and Cars divide for classification, every class in both; else as split */
    const char *path;     /* as listed, below the folder that the list belongs to ("images/" before CUB's); lives as long as the dataset */
    int32_t has_box;      /* 1: the list says where the object is */
    int32_t reserved;
    double box[4]; /* left, top, width, height in pixels, from 0 */
} rtv_dataset_entry;

/* Fill entry->struct_size before the call. Errors: INVALID_ARGUMENT (no such index). */
RTV_API int32_t rtv_dataset_entry_get(const rtv_dataset *dataset, int64_t index, rtv_dataset_entry *entry, rtv_error *error);

/* The name of a class as the list has it (its number where it has no name); NULL when there is no such class. Lives as long as the dataset.
 */
RTV_API const char *rtv_dataset_class_name(const rtv_dataset *dataset, int32_t class_id);

#ifdef __cplusplus
}
#endif

#endif
