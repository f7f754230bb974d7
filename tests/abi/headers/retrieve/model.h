/* model.h - a network with its preprocessing: from pictures to descriptors. */
#ifndef RETRIEVE_MODEL_H
#define RETRIEVE_MODEL_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/image.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A loaded network. Thread class: shared; any call from any thread. Loading does all the work that the first picture would wait for. */
typedef struct rtv_model rtv_model;

#define RTV_FINGERPRINT_CHARS 64 /* SHA-256 in hexadecimal, lower case */

enum { RTV_EXECUTOR_AUTO = 0, RTV_EXECUTOR_REFERENCE = 1, RTV_EXECUTOR_ONEDNN = 2 };

typedef struct rtv_model_options {
    uint32_t struct_size;
    int32_t executor; /* RTV_EXECUTOR_*; init writes AUTO: oneDNN where it is built in, else the plain-C reference */
    int32_t
        borrow_bytes; /* rtv_model_load_bytes and _import_bytes. 0 (init): the bytes are copied. 1: they stay valid as long as the model */
    int32_t reserved;
    uint64_t max_pixels;        /* of one picture before resizing; init writes 178956970 (Pillow's limit) */
    uint64_t max_picture_bytes; /* of one encoded picture; init writes 268435456 */
    rtv_decode_fn decode;       /* asked for formats other than JPEG and PNG; NULL (init) for none */
    void *decode_user;
} rtv_model_options;

RTV_API void rtv_model_options_init_sized(rtv_model_options *options, uint32_t struct_size);
#define rtv_model_options_init(options) rtv_model_options_init_sized((options), (uint32_t)sizeof(rtv_model_options))

/* Loads a model file (docs/formats.md). The file stays mapped as long as the model is there: replace it, as rtv_model_save does, but do
 * not write into it or cut it short. runtime may be NULL for one of the model's own, options NULL for the defaults.
 * Errors: IO, FORMAT, CHECKSUM, UNSUPPORTED (a newer version, an operation this build lacks), OUT_OF_MEMORY, INVALID_ARGUMENT. */
RTV_API int32_t rtv_model_load(const char *path, rtv_runtime *runtime, const rtv_model_options *options, rtv_model **model,
                               rtv_error *error);
RTV_API int32_t rtv_model_load_bytes(const void *data, uint64_t size_bytes, rtv_runtime *runtime, const rtv_model_options *options,
                                     rtv_model **model, rtv_error *error);

enum { RTV_RESIZE_SQUASH = 1, RTV_RESIZE_CENTER_CROP = 2, RTV_RESIZE_LETTERBOX = 3 };
enum { RTV_STORE_FLOAT32 = 1, RTV_STORE_FLOAT16 = 2 };

/* What a checkpoint does not say about its network. Part of the model's fingerprint. */
typedef struct rtv_import_options {
    uint32_t struct_size;
    const char *architecture; /* NULL (init): told from the tensor names; "cgd_resnet" or "resnet_classifier" */
    const char *descriptors;  /* CGD: the letters of the branches, S (SPoC), M (MAC), G (GeM), in order; init writes NULL = "SG" */
    int32_t input_width;      /* init writes 224 */
    int32_t input_height;     /* init writes 224 */
    int32_t layer3_stride;    /* stride of the third stage: init writes 0 = 1 for cgd_resnet (the CGD paper), 2 for resnet_classifier */
    int32_t resize;           /* RTV_RESIZE_*; init writes SQUASH, the reference */
    int32_t resize_shorter;   /* CENTER_CROP: the shorter side before the crop; init writes 0 = 256/224 of the input's shorter side */
    int32_t letterbox_value;  /* LETTERBOX: the gray level (0..255) around the picture; init writes 114 */
    int32_t apply_exif;       /* 1: turn the picture by its EXIF orientation; init writes 0, the reference */
    int32_t fast_decode;      /* 1: let libjpeg shrink by 2, 4 or 8 while both sides stay at least twice the target; init writes 0 */
    float mean[3];            /* of R, G, B in 0..1; init writes ImageNet's 0.485 0.456 0.406 */
    float std[3];             /* init writes ImageNet's 0.229 0.224 0.225 */
    int32_t store; /* RTV_STORE_*: how rtv_model_save writes float weights; init writes FLOAT32. FLOAT16 rounds to nearest even */
    int32_t reserved;
    const char *name;               /* NULL (init): the architecture's name */
    const char *const *class_names; /* of the auxiliary classifier or of fc, one for each row; NULL (init) for none */
    int64_t num_class_names;
} rtv_import_options;

RTV_API void rtv_import_options_init_sized(rtv_import_options *options, uint32_t struct_size);
#define rtv_import_options_init(options) rtv_import_options_init_sized((options), (uint32_t)sizeof(rtv_import_options))

/* Makes a model from trained weights (the file stays mapped, see above): a PyTorch state_dict (.pth, zip or the older stream; no code in it
 * is ever run) or safetensors. import_options NULL for the defaults. Errors: as rtv_model_load; UNSUPPORTED also for a model file; MISMATCH
 * for missing, surplus or mis-shaped tensors (all named, with shapes, as far as the message holds). */
RTV_API int32_t rtv_model_import(const char *path, const rtv_import_options *import_options, rtv_runtime *runtime,
                                 const rtv_model_options *options, rtv_model **model, rtv_error *error);
RTV_API int32_t rtv_model_import_bytes(const void *data, uint64_t size_bytes, const rtv_import_options *import_options,
                                       rtv_runtime *runtime, const rtv_model_options *options, rtv_model **model, rtv_error *error);

/* Writes the model file, whole or not at all. Errors: IO, OUT_OF_MEMORY. */
RTV_API int32_t rtv_model_save(const rtv_model *model, const char *path, rtv_error *error);

/* Gives the caller's reference back. NULL is allowed. */
RTV_API void rtv_model_free(rtv_model *model);

typedef struct rtv_model_info {
    uint32_t struct_size;
    int32_t descriptor_dim; /* floats in a descriptor */
    int32_t input_width;
    int32_t input_height;
    int32_t executor; /* RTV_EXECUTOR_REFERENCE or RTV_EXECUTOR_ONEDNN */
    int32_t reserved;
    int64_t num_classes; /* of the classifier output; 0 without one */
    int64_t num_parameters;
    int64_t weights_bytes;    /* as float32 */
    int64_t resident_bytes;   /* weights as the executor holds them */
    int64_t activation_bytes; /* of one execution context: planned activations and scratchpad */
    double macs;              /* multiply-adds for one picture */
    char name[64];
    char architecture[32];
    char descriptors[16];                        /* "SG"; empty for a classifier */
    char preprocessing[224];                     /* one line */
    char fingerprint[RTV_FINGERPRINT_CHARS + 8]; /* with a final NUL */
    char parent[RTV_FINGERPRINT_CHARS + 8];      /* the float32 model's that a quantized one was made of; empty for a float32 model */
    int64_t calibration_pictures;                /* that a quantized model was made with; 0 for a float32 model */
} rtv_model_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_model_info_get(const rtv_model *model, rtv_model_info *info, rtv_error *error);

/* The name of a class of the classifier output; NULL when it has none. Lives as long as the model. */
RTV_API const char *rtv_model_class_name(const rtv_model *model, int32_t class_id);

/* The graph as text, one line a value; the golden form of docs/formats.md. Writes at most capacity bytes with a final NUL and the full
 * size (with NUL) to *size_bytes. Errors: BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_model_dump(const rtv_model *model, char *text, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* One step of the compiled network. */
typedef struct rtv_layer_info {
    uint32_t struct_size; /* of the first element; the array is walked by it */
    int32_t reserved;
    double macs;         /* multiply-adds, 0 where the notion does not fit */
    double milliseconds; /* median of the profiled runs; 0 before rtv_model_profile */
    char name[96];
    char op[24];
    char kernel[64];    /* oneDNN's implementation name, or our own kernel's */
    char precision[16]; /* what it computes on: "f32", "int8" */
    char shape[40];     /* of the output, "[1,64,112,112]" */
    float scale;        /* of the output when it is codes, (code - zero_point) * scale; 0 when it is floats */
    int32_t zero_point;
    char output[8]; /* "f32", "u8", "s8" */
} rtv_layer_info;

/* Writes min(capacity, count) layers and the count. runs > 0: times each layer in that many runs on noise (latency mode);
 * 0: milliseconds are 0. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, FORKED, BUSY. */
RTV_API int32_t rtv_model_profile(rtv_model *model, int32_t runs, rtv_layer_info *layers, int64_t capacity, int64_t *count,
                                  rtv_error *error);

/* LATENCY: one picture at a time over all threads of the runtime. THROUGHPUT: one picture a thread, decoding included.
 * AUTO (init): LATENCY for a single picture, THROUGHPUT for more. */
enum { RTV_MODE_AUTO = 0, RTV_MODE_LATENCY = 1, RTV_MODE_THROUGHPUT = 2 };

typedef struct rtv_embed_options {
    uint32_t struct_size;
    int32_t mode;             /* RTV_MODE_* */
    rtv_progress_fn progress; /* NULL (init) for none */
    void *progress_user;
} rtv_embed_options;

RTV_API void rtv_embed_options_init_sized(rtv_embed_options *options, uint32_t struct_size);
#define rtv_embed_options_init(options) rtv_embed_options_init_sized((options), (uint32_t)sizeof(rtv_embed_options))

/* Where rtv_model_embed writes; arrays of the caller, each NULL when not wanted. Zero it, set struct_size, set what you want. */
typedef struct rtv_embedding {
    uint32_t struct_size;
    int32_t reserved;
    float *descriptors;  /* [count][descriptor_dim], row-major, L2-normalised; rows of failed pictures are zeroed */
    int32_t *statuses;   /* [count] RTV_OK or why this picture failed */
    rtv_error *errors;   /* [count] the same in full */
    int32_t *classes;    /* [count] predicted class, -1 without a classifier or on failure */
    float *class_scores; /* [count] its softmax probability */
} rtv_embedding;

/* Descriptors of count pictures. One bad picture fails alone: with statuses or errors given, the call returns RTV_OK and they tell;
 * with neither, the first failure is returned. Errors of the call itself: INVALID_ARGUMENT (nothing is written); CANCELLED, FORKED, BUSY,
 * IO (no thread can be started): then every picture not yet reached has that one.
 * Errors of a picture: INVALID_ARGUMENT, IO, FORMAT (also a network whose result is not finite), UNSUPPORTED, LIMIT, MISMATCH (a tensor
 * of another size), CALLBACK, OUT_OF_MEMORY. */
RTV_API int32_t rtv_model_embed(rtv_model *model, const rtv_picture *pictures, int64_t count, const rtv_embed_options *options,
                                const rtv_embedding *result, rtv_error *error);

/* The network's input for one picture: float32 [3][input_height][input_width] into values (capacity in floats).
 * Errors: as a picture's in rtv_model_embed, BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_model_preprocess(rtv_model *model, const rtv_picture *picture, float *values, uint64_t capacity, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
