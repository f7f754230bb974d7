/* api_reduce.c - reduce.h. */
#include <string.h>

#include "api/api_handles.h"

void rtv_reduce_options_init_sized(rtv_reduce_options *options, uint32_t struct_size) {
    rtv_reduce_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.method = RTV_REDUCE_PCA;
    defaults.normalize = 1;
    defaults.fit_items = 100000;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

int32_t rtv_index_reduce(rtv_index *index, const rtv_reduce_options *given, const char *path, rtv_index **reduced, rtv_error *error) {
    rtv_reduce_options options;
    rtv_runtime *runtime;
    rtvi_flat *flat;
    int32_t status;
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(given, error, "options is NULL");
    RTVI_REQUIRE(reduced, error, "reduced is NULL");
    rtv_reduce_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_reduce_options", error);
    if (status == RTV_OK && options.like) status = rtvi_index_check(options.like, error);
    if (status == RTV_OK) status = rtvi_runtime_take(index->runtime, &runtime, error);
    if (status != RTV_OK) return status;
    status = rtvi_flat_reduce(index->flat, runtime->team, &options, options.like ? options.like->flat : NULL, path, &flat, error);
    if (status == RTV_OK) status = rtvi_index_wrap(runtime, flat, reduced, error);
    if (status != RTV_OK) rtv_runtime_free(runtime);
    return status;
}

int32_t rtv_reduction_info_get(rtv_index *index, rtv_reduction_info *info, rtv_error *error) {
    rtv_reduction_info own;
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(info, error, "info is NULL");
    rtvi_flat_reduction_info(index->flat, &own);
    return rtvi_api_info(info, &own, sizeof own, "rtv_reduction_info", error);
}

int32_t rtv_index_project(rtv_index *index, const float *vectors, int64_t count, float *kept, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE((vectors && kept) || count <= 0, error, "vectors or kept is NULL");
    return rtvi_flat_project(index->flat, index->runtime->team, vectors, count, kept, error);
}
