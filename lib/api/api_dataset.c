/* api_dataset.c - dataset.h. */
#include "api/api_handles.h"

int32_t rtv_dataset_read(const char *path, int32_t format, rtv_runtime *runtime, rtv_dataset **dataset, rtv_error *error) {
    (void)path;
    (void)format;
    (void)runtime;
    (void)dataset;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "dataset: not there yet");
}

void rtv_dataset_free(rtv_dataset *dataset) { (void)dataset; }

int32_t rtv_dataset_info_get(const rtv_dataset *dataset, rtv_dataset_info *info, rtv_error *error) {
    (void)dataset;
    (void)info;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "dataset: not there yet");
}

int32_t rtv_dataset_entry_get(const rtv_dataset *dataset, int64_t index, rtv_dataset_entry *entry, rtv_error *error) {
    (void)dataset;
    (void)index;
    (void)entry;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "dataset: not there yet");
}

const char *rtv_dataset_class_name(const rtv_dataset *dataset, int32_t class_id) {
    (void)dataset;
    (void)class_id;
    return NULL;
}
