/* api_dataset.c - dataset.h. */
#include "api/api_handles.h"

#include "dataset/dataset_read.h"

struct rtv_dataset {
    rtv_runtime *runtime;
    rtvi_dataset *lists;
};

int32_t rtv_dataset_read(const char *path, int32_t format, rtv_runtime *given, rtv_dataset **out, rtv_error *error) {
    rtv_runtime *runtime;
    rtvi_dataset *lists = NULL;
    rtv_dataset *dataset;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    RTVI_REQUIRE(out, error, "dataset is NULL");
    status = rtvi_runtime_take(given, &runtime, error);
    if (status != RTV_OK) return status;
    dataset = rtvi_alloc_zero(&runtime->env, 1, sizeof *dataset);
    status = dataset ? rtvi_dataset_read(&runtime->env, path, format, &lists, error)
                     : rtvi_error_out_of_memory(error, "dataset", sizeof *dataset);
    if (status != RTV_OK) {
        rtvi_free(&runtime->env, dataset);
        rtv_runtime_free(runtime);
        return status;
    }
    dataset->runtime = runtime;
    dataset->lists = lists;
    *out = dataset;
    return rtvi_error_clear(error);
}

void rtv_dataset_free(rtv_dataset *dataset) {
    rtv_runtime *runtime;
    if (!dataset) return;
    runtime = dataset->runtime;
    rtvi_dataset_destroy(dataset->lists);
    rtvi_free(&runtime->env, dataset);
    rtv_runtime_free(runtime);
}

int32_t rtv_dataset_info_get(const rtv_dataset *dataset, rtv_dataset_info *info, rtv_error *error) {
    rtv_dataset_info own;
    RTVI_ENTER(error);
    RTVI_REQUIRE(dataset, error, "dataset is NULL");
    RTVI_REQUIRE(info, error, "info is NULL");
    rtvi_dataset_info(dataset->lists, &own);
    return rtvi_api_info(info, &own, sizeof own, "rtv_dataset_info", error);
}

int32_t rtv_dataset_entry_get(const rtv_dataset *dataset, int64_t index, rtv_dataset_entry *entry, rtv_error *error) {
    rtv_dataset_entry own;
    RTVI_ENTER(error);
    RTVI_REQUIRE(dataset, error, "dataset is NULL");
    RTVI_REQUIRE(entry, error, "entry is NULL");
    RTVI_REQUIRE(rtvi_dataset_entry(dataset->lists, index, &own), error, "no such index");
    return rtvi_api_info(entry, &own, sizeof own, "rtv_dataset_entry", error);
}

const char *rtv_dataset_class_name(const rtv_dataset *dataset, int32_t class_id) {
    return dataset ? rtvi_dataset_class_name(dataset->lists, class_id) : NULL;
}
