/* api_drift.c - drift.h: options, life of a report, and what it says. */
#include <string.h>

#include "api/api_drift.h"
#include "api/api_ranks.h"

static const int64_t customary_ks[RTVI_CUSTOMARY_KS] = {1, 2, 4, 8};

void rtv_drift_options_init_sized(rtv_drift_options *options, uint32_t struct_size) {
    rtv_drift_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.num_ks = RTVI_CUSTOMARY_KS;
    defaults.layer_pictures = 16;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

static int32_t check(rtv_drift_options *options, const rtv_drift_options *given, int64_t count, rtv_error *error) {
    int32_t status;
    rtv_drift_options_init(options);
    status = rtvi_api_options(options, sizeof *options, given, "rtv_drift_options", error);
    if (status != RTV_OK) return status;
    status = rtvi_api_take_ks(&options->ks, options->num_ks, customary_ks, error);
    if (status != RTV_OK) return status;
    if (options->layer_pictures < 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: layer_pictures: got %lld, expected 0 or more",
                              (long long)options->layer_pictures);
    if (options->classes) status = rtvi_api_check_classes(options->classes, count, error);
    return status == RTV_OK ? rtvi_api_check_ks(options->ks, options->num_ks, RTV_DRIFT_KS_MAX, error) : status;
}

int32_t rtv_drift_measure(rtv_model *a, rtv_model *b, const rtv_picture *pictures, int64_t count, const rtv_drift_options *given,
                          rtv_drift **out, rtv_error *error) {
    rtv_drift_options options;
    rtv_drift *drift = NULL;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(a && b, error, "model is NULL");
    RTVI_REQUIRE(pictures, error, "pictures is NULL");
    RTVI_REQUIRE(count > 0, error, "count is not positive");
    RTVI_REQUIRE(out, error, "drift is NULL");
    status = check(&options, given, count, error);
    if (status != RTV_OK) return status;
    drift = rtvi_alloc_zero(&a->runtime->env, 1, sizeof *drift);
    if (!drift) return rtvi_error_out_of_memory(error, "drift", sizeof *drift);
    rtvi_runtime_take(a->runtime, &drift->runtime, error);
    drift->info.num_pictures = count;
    status = rtvi_drift_measure(drift, a, b, pictures, &options, error);
    if (status == RTV_OK)
        *out = drift;
    else
        rtv_drift_free(drift);
    return status;
}

void rtv_drift_free(rtv_drift *drift) {
    rtv_runtime *runtime;
    if (!drift) return;
    runtime = drift->runtime;
    rtvi_free(&runtime->env, drift->pictures);
    rtvi_free(&runtime->env, drift->errors);
    rtvi_free(&runtime->env, drift->layers);
    rtvi_free(&runtime->env, drift);
    rtv_runtime_free(runtime);
}

/* --- what it says ----------------------------------------------------------------------------------------------------------------- */

int32_t rtv_drift_info_get(const rtv_drift *drift, rtv_drift_info *info, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(drift, error, "drift is NULL");
    RTVI_REQUIRE(info, error, "info is NULL");
    return rtvi_api_info(info, &drift->info, sizeof drift->info, "rtv_drift_info", error);
}

int32_t rtv_drift_recalls(const rtv_drift *drift, rtv_recall_drift *recalls, int64_t capacity, int64_t *count, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(drift, error, "drift is NULL");
    return rtvi_api_rows(recalls, capacity, count, drift->recalls, sizeof *recalls, drift->num_recalls, "rtv_recall_drift", error);
}

int32_t rtv_drift_layers(const rtv_drift *drift, rtv_layer_drift *layers, int64_t capacity, int64_t *count, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(drift, error, "drift is NULL");
    return rtvi_api_rows(layers, capacity, count, drift->layers, sizeof *layers, drift->num_layers, "rtv_layer_drift", error);
}

int32_t rtv_drift_pictures(const rtv_drift *drift, rtv_picture_drift *pictures, int64_t capacity, int64_t *count, rtv_error *error) {
    size_t written;
    int32_t status;
    RTVI_ENTER(error);
    RTVI_REQUIRE(drift, error, "drift is NULL");
    status = rtvi_api_room(pictures, capacity, drift->info.num_pictures, count, &written, error);
    if (status == RTV_OK && written > 0) memcpy(pictures, drift->pictures, written * sizeof *pictures);
    return status;
}

const char *rtv_drift_picture_message(const rtv_drift *drift, int64_t picture) {
    return drift && picture >= 0 && picture < drift->info.num_pictures ? drift->errors[picture].message : "";
}
