/* dataset_read.h - the lists of customary data sets, read. */
#ifndef RTVI_DATASET_READ_H
#define RTVI_DATASET_READ_H

#include <retrieve/dataset.h>

#include "base/base_file.h"

#define RTVI_DATASET_MAX_COUNT ((size_t)1 << 24)
#define RTVI_DATASET_MAX_BYTES ((uint64_t)1 << 31)

typedef struct rtvi_dataset rtvi_dataset;

/* format is RTV_DATASET_*. Errors as rtv_dataset_read. */
int32_t rtvi_dataset_read(const rtvi_env *env, const char *path, int32_t format, rtvi_dataset **dataset, rtv_error *error);
/* A list that is one file. name says which in messages, and for SOP what the pictures are for. */
int32_t rtvi_dataset_parse(const rtvi_env *env, const char *name, const void *data, size_t size, int32_t format, rtvi_dataset **dataset,
                           rtv_error *error);
void rtvi_dataset_destroy(rtvi_dataset *dataset);
void rtvi_dataset_info(const rtvi_dataset *dataset, rtv_dataset_info *info);
/* 0 when there is no such index. */
int rtvi_dataset_entry(const rtvi_dataset *dataset, int64_t index, rtv_dataset_entry *entry);
const char *rtvi_dataset_class_name(const rtvi_dataset *dataset, int32_t class_id);

#endif
