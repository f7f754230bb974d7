/* drift.h - how far one model is from another on the same pictures: an int8 model from its float parent, or any two whose descriptors have
 * as many dimensions. */
#ifndef RETRIEVE_DRIFT_H
#define RETRIEVE_DRIFT_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/model.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A finished report on model A (the one to be faithful to) and model B. Thread class: shared; it never changes. */
typedef struct rtv_drift rtv_drift;

#define RTV_DRIFT_KS_MAX 16

typedef struct rtv_drift_options {
    uint32_t struct_size;
    int32_t mode;             /* RTV_MODE_* for embedding; init writes AUTO */
    const int32_t *classes;   /* [count] >= 0, or -1 for none; NULL (init): no recall is measured */
    const int64_t *ks;        /* [num_ks] rising, 1..1000: for which recall@k is measured; NULL (init) for 1, 2, 4, 8 */
    int64_t num_ks;           /* 1..RTV_DRIFT_KS_MAX; init writes 4 */
    int64_t layer_pictures;   /* the two networks are compared layer by layer on the first so many; init writes 16, 0 for none */
    rtv_progress_fn progress; /* counts pictures: those of A, those of B, those of the layers; NULL (init) for none */
    void *progress_user;
} rtv_drift_options;

RTV_API void rtv_drift_options_init_sized(rtv_drift_options *options, uint32_t struct_size);
#define rtv_drift_options_init(options) rtv_drift_options_init_sized((options), (uint32_t)sizeof(rtv_drift_options))

/* Embeds count >= 1 pictures with both models and compares. Every picture with a class is a query among all the others (leave-one-out),
 * three times: A among A's, B among B's, and mixed, B's descriptor among A's. One bad picture fails alone and is left out.
 * Errors: INVALID_ARGUMENT; MISMATCH (descriptors of other dimensions); FORMAT (no picture could be embedded: the first one's message);
 * CANCELLED, FORKED, BUSY, IO (no thread can be started), OUT_OF_MEMORY. */
RTV_API int32_t rtv_drift_measure(rtv_model *a, rtv_model *b, const rtv_picture *pictures, int64_t count, const rtv_drift_options *options,
                                  rtv_drift **drift, rtv_error *error);

/* NULL is allowed. */
RTV_API void rtv_drift_free(rtv_drift *drift);

typedef struct rtv_drift_info {
    uint32_t struct_size;
    int32_t descriptor_dim;
    int64_t num_pictures;   /* given */
    int64_t num_compared;   /* that both models could embed; all that follows is about these */
    int64_t num_queries;    /* with a class */
    int64_t num_lone;       /* queries whose class no other picture has: they count as misses */
    int64_t num_calibrated; /* that B or A was calibrated with: on those a quantized model looks better than it is */
    int64_t num_moved;      /* pictures whose nearest other picture is not the same in A and in B */
    double cosine_mean;     /* between A's and B's descriptor of one picture */
    double cosine_min;
    double cosine_1_percent; /* quantiles, between neighbours linear */
    double cosine_5_percent;
    double cosine_median;
} rtv_drift_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_drift_info_get(const rtv_drift *drift, rtv_drift_info *info, rtv_error *error);

/* Recall at one k: the share of queries that find their class among the first k. Intervals are those of Bonett and Price (2012) for the
 * difference of two paired proportions, 95 %; p values McNemar's exact test of "no difference", two-sided. */
typedef struct rtv_recall_drift {
    uint32_t struct_size; /* of the first element; the array is walked by it */
    int32_t reserved;
    int64_t k;
    double recall_a, recall_b, recall_mixed; /* 0..1 */
    int64_t gained, lost;                    /* queries right in B and wrong in A; wrong in B and right in A */
    double low, high;                        /* interval of recall_b - recall_a */
    double p_value;
    int64_t mixed_gained, mixed_lost; /* the same for the mixed search against A */
    double mixed_low, mixed_high;
    double mixed_p_value;
} rtv_recall_drift;

/* Writes min(capacity, count) rows and the count: the k asked for, none without classes. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_drift_recalls(const rtv_drift *drift, rtv_recall_drift *recalls, int64_t capacity, int64_t *count, rtv_error *error);

/* One value that both networks compute under the same name and in the same shape, over the pictures compared by layer. Codes are taken for
 * what they stand for. */
typedef struct rtv_layer_drift {
    uint32_t struct_size; /* of the first element; the array is walked by it */
    int32_t reserved;
    double signal;        /* mean square of A's numbers */
    double noise;         /* mean square of B's minus A's */
    double snr_db;        /* 10 log10(signal / noise): infinite where they are equal */
    char name[96];        /* as in rtv_layer_info */
    char op[24];          /* of B */
    char precision_a[16]; /* "f32", "int8" */
    char precision_b[16];
} rtv_layer_drift;

/* Writes min(capacity, count) rows, in the order of A's network, and the count. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_drift_layers(const rtv_drift *drift, rtv_layer_drift *layers, int64_t capacity, int64_t *count, rtv_error *error);

/* One picture. Frozen, without padding. */
typedef struct rtv_picture_drift {
    int32_t status;   /* RTV_OK, or why a model could not embed it; then the rest says nothing */
    int32_t is_query; /* 1: it has a class */
    int32_t rank_a;   /* the place of the first of its class, from 1; 0: none among the first k, for the largest k */
    int32_t rank_b;   /* so at a smaller k: right when 1 <= rank <= k */
    int32_t rank_mixed;
    int32_t is_calibrated; /* 1: A or B was calibrated with it */
    int64_t nearest_a;     /* the number of the nearest other picture, -1 for none */
    int64_t nearest_b;
    int64_t nearest_mixed;
    double cosine;
} rtv_picture_drift;

/* Writes min(capacity, count) rows, in the order of the pictures, and the count. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_drift_pictures(const rtv_drift *drift, rtv_picture_drift *pictures, int64_t capacity, int64_t *count, rtv_error *error);

/* Why a picture could not be embedded, for people; "" for one that could, or that is not there. Lives as long as the report. */
RTV_API const char *rtv_drift_picture_message(const rtv_drift *drift, int64_t picture);

#ifdef __cplusplus
}
#endif

#endif
