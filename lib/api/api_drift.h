/* api_drift.h - the inside of a drift report, shared by the two files that make and show it. */
#ifndef RTVI_API_DRIFT_H
#define RTVI_API_DRIFT_H

#include "api/api_handles.h"

struct rtv_drift {
    rtv_runtime *runtime; /* of model A */
    rtv_drift_info info;
    rtv_picture_drift *pictures; /* [info.num_pictures] */
    rtv_error *errors;           /* [info.num_pictures] why a picture was left out */
    rtv_recall_drift recalls[RTV_DRIFT_KS_MAX];
    int64_t num_recalls;
    rtv_layer_drift *layers; /* [num_layers] */
    int64_t num_layers;
};

/* api_drift_measure.c: fills an empty report; the options are checked. */
int32_t rtvi_drift_measure(rtv_drift *drift, rtv_model *a, rtv_model *b, const rtv_picture *pictures, const rtv_drift_options *options,
                           rtv_error *error);

#endif
