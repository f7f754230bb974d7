/* accuracy.h - accuracy control: layers of a quantized model go back to float32, those that hurt most first, until little enough is lost.
 */
#ifndef RETRIEVE_ACCURACY_H
#define RETRIEVE_ACCURACY_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/image.h>
#include <retrieve/model.h>
#include <retrieve/quantizer.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RTV_ACCURACY_VALUES_MAX 16

/* Measures a model: writes values[num_values], of which more is better, and returns 0; anything else ends the work as CALLBACK. Called on
 * the caller's thread; must not use the quantizer. */
typedef int32_t (*rtv_metric_fn)(void *user, rtv_model *model, double *values, int64_t num_values);

typedef struct rtv_accuracy_options {
    uint32_t struct_size;
    int32_t reserved;
    int64_t max_layers;          /* that may go back, 0 or more; init writes 1000 */
    double max_drop;             /* no value of the metric may fall by more; init writes 0.0016, 0.16 points of recall */
    const rtv_picture *pictures; /* [count] what the ranking of the layers and the default metric look at; best none that calibrated */
    const int32_t *classes;      /* [count] >= 0, or -1 for none, of the default metric; NULL (init) with a metric of one's own */
    int64_t count;
    int64_t ranking_pictures; /* the layers are ranked on so many of the pictures, evenly, at least 1; init writes 100 */
    const int64_t *ks;        /* [num_ks] rising, 1..1000: of the default metric; NULL (init) for 1, 2, 4, 8 */
    int64_t num_ks;           /* 1..RTV_ACCURACY_VALUES_MAX; init writes 4 */
    rtv_metric_fn metric;     /* NULL (init) for the default: recall at each k, leave-one-out among the pictures */
    void *metric_user;
    int64_t num_values;       /* of a metric of one's own, 1..RTV_ACCURACY_VALUES_MAX */
    rtv_progress_fn progress; /* called before each model that is made, with the number of those before and a total of -1; NULL (init) for
                                 none */
    void *progress_user;
} rtv_accuracy_options;

RTV_API void rtv_accuracy_options_init_sized(rtv_accuracy_options *options, uint32_t struct_size);
#define rtv_accuracy_options_init(options) rtv_accuracy_options_init_sized((options), (uint32_t)sizeof(rtv_accuracy_options))

enum {
    RTV_ACCURACY_FLOAT = 0,   /* the float32 model */
    RTV_ACCURACY_INT8 = 1,    /* all in int8 that the quantizer's settings have so */
    RTV_ACCURACY_REVERT = 2,  /* a layer goes back to float32 */
    RTV_ACCURACY_RESTORE = 3, /* in int8 again after all: it is not needed beside the others */
    RTV_ACCURACY_KEEP = 4     /* tried so, and needed */
};

/* One model that was measured on the way. */
typedef struct rtv_accuracy_step {
    uint32_t struct_size;                   /* of the first element; the array is walked by it */
    int32_t action;                         /* RTV_ACCURACY_* */
    double drop;                            /* the most that a value of the metric fell below the float32 model's; negative when all rose */
    double gain;                            /* of the layer: how much its being the only one in float32 raises the mean cosine between the
                                               descriptors and the float32 model's */
    double float_share;                     /* of the multiply-adds that are in float32 */
    double layer_macs;                      /* multiply-adds of the layer */
    double values[RTV_ACCURACY_VALUES_MAX]; /* of the metric */
    char layer[96];                         /* empty for FLOAT and INT8 */
} rtv_accuracy_step;

/* As rtv_quantizer_finish, but measures the model. Where it loses more than max_drop, each layer is tried alone in float32 on the ranking
 * pictures; then they go back one after the other, the one of most gain first, each model measured, until little enough is lost; then those
 * that went back, but for the last, are tried in int8 again, the one of least gain first. Calibration is not repeated, and the quantizer's
 * settings are as before. Where max_layers ends it the model is given all the same: its drop tells.
 * Writes min(capacity, count) steps and the count: at most two, and two for each layer.
 * Errors: as rtv_quantizer_finish; INVALID_ARGUMENT; CALLBACK (the metric failed or gave what is not finite); CANCELLED; when no picture
 * can be read, that of the first. */
RTV_API int32_t rtv_quantizer_finish_within(rtv_quantizer *quantizer, const rtv_accuracy_options *options,
                                            const rtv_model_options *model_options, rtv_model **model, rtv_accuracy_step *steps,
                                            int64_t capacity, int64_t *num_steps, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
