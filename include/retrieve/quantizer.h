/* quantizer.h - from a float32 model and some hundred pictures to a model on 8-bit codes. docs/quantization.md has the arithmetic.
 *
 *     rtv_quantizer_create(model, NULL, &quantizer, &e);
 *     rtv_quantizer_add(quantizer, pictures, count, statuses, NULL, NULL, &e);     // some hundred, such as the model will see
 *     rtv_quantizer_finish(quantizer, NULL, &quantized, &e);                       // a model like any other: embed, save, search
 *     rtv_quantizer_free(quantizer);
 */
#ifndef RETRIEVE_QUANTIZER_H
#define RETRIEVE_QUANTIZER_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/image.h>
#include <retrieve/model.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* MIXED: activations with a sign get a zero point where it fits their range best. PERFORMANCE: in the middle. */
enum { RTV_PRESET_MIXED = 0, RTV_PRESET_PERFORMANCE = 1 };

/* From what the pictures' activations were to the range that codes cover. */
enum {
    RTV_ESTIMATOR_MEAN_MIN_MAX = 0, /* mean over pictures of each one's minimum and maximum */
    RTV_ESTIMATOR_MIN_MAX = 1,
    RTV_ESTIMATOR_MEDIAN = 2,       /* of the pictures' minima and maxima */
    RTV_ESTIMATOR_QUANTILE = 3,     /* mean of each picture's quantiles 1e-4 and 1 - 1e-4; slow */
    RTV_ESTIMATOR_NO_OUTLIERS = 4,  /* mean of the minima (maxima) without the outermost 1e-4 */
    RTV_ESTIMATOR_SQUARED_ERROR = 5 /* the range of least squared error, from a histogram */
};

/* How weights become codes. All but NEAREST are exact on every processor; a model with NEAREST weights is refused by oneDNN where products
 * of codes are summed with saturation (rtv_cpu_info.int8_exact 0). */
enum {
    RTV_WEIGHTS_COMPENSATED = 0, /* pair-safe, and each weight absorbs what rounding those before it does to the output */
    RTV_WEIGHTS_PAIR_SAFE = 1,   /* nearest; pairs that could saturate take the nearest codes that cannot */
    RTV_WEIGHTS_HALF_RANGE = 2,  /* nearest of -64..64: 7 bits, what others do for processors without VNNI */
    RTV_WEIGHTS_NEAREST = 3      /* nearest of -127..127 */
};

/* What is done about the shift of a layer's mean output. FAST: predicted from float32 activations. FULL: from those of the quantized
 * network up to the layer, layer by layer; some ten times slower. */
enum { RTV_BIAS_NONE = 0, RTV_BIAS_FAST = 1, RTV_BIAS_FULL = 2 };

/* Which layers of the network are meant. Frozen. */
enum {
    RTV_SCOPE_NAME = 0,     /* text: the whole name, as rtv_model_quantized_layers tells it */
    RTV_SCOPE_REGEX = 1,    /* text: a POSIX extended regular expression that matches the whole name */
    RTV_SCOPE_OP = 2,       /* text: "conv", "linear", "max_pool" ... */
    RTV_SCOPE_SUBGRAPH = 3, /* all on a way from value text to value to, whose names are those of the layers that make them, or "input" */
    RTV_SCOPE_REVERTED = 4  /* as NAME; so rtv_quantizer_finish_within names the layers that it returned to float32 */
};
typedef struct rtv_scope {
    int32_t kind; /* RTV_SCOPE_* */
    int32_t reserved;
    const char *text;
    const char *to;        /* SUBGRAPH; NULL for the others */
    uint64_t reserved2[2]; /* zeros, like reserved, or UNSUPPORTED: room for what later kinds need */
} rtv_scope;

/* Other settings for some layers; RTV_AS_ELSEWHERE leaves one as it is. The last override that matches a layer counts. Frozen. */
#define RTV_AS_ELSEWHERE (-1)
typedef struct rtv_scope_settings {
    rtv_scope scope;
    int32_t preset;          /* RTV_PRESET_*, of the codes of the layer's result */
    int32_t estimator;       /* RTV_ESTIMATOR_*, of the range of the layer's result */
    int32_t weights;         /* RTV_WEIGHTS_* */
    int32_t bias_correction; /* RTV_BIAS_NONE or the quantizer's own */
    int32_t reserved[4];     /* zeros, or UNSUPPORTED: room for later settings */
} rtv_scope_settings;

typedef struct rtv_quantizer_options {
    uint32_t struct_size;
    int32_t preset;             /* RTV_PRESET_*; init writes MIXED */
    int32_t estimator;          /* RTV_ESTIMATOR_*; init writes MEAN_MIN_MAX */
    int32_t weights;            /* RTV_WEIGHTS_*; init writes COMPENSATED */
    int32_t bias_correction;    /* RTV_BIAS_*; init writes FAST */
    int32_t equalize;           /* 1: even out the channels between two convolutions first (cross-layer equalization); init writes 0 */
    int32_t quantize_auxiliary; /* 1: what only the class scores need runs in int8 too; init writes 0 */
    int32_t drop_auxiliary;     /* 1: the new model gives no class scores, and what only they need is left out; init writes 0 */
    int32_t relaxed_scopes;     /* 1: a scope that matches nothing is no error; init writes 0 */
    int32_t reserved;
    int64_t moment_samples;   /* pictures that compensated weights look at; init writes 32 */
    int64_t max_samples;      /* pictures that can be added, 1 to 32768; init writes 300. They are kept, 3 bytes a pixel of the network's
                                 input (tensors: 12) */
    const rtv_scope *ignored; /* [num_ignored] layers that stay in float32; init writes NULL. Whatever has no form on codes does anyway:
                                 L2 normalisation, GeM's powers, sums that stand alone */
    int64_t num_ignored;
    const rtv_scope_settings *overrides; /* [num_overrides]; init writes NULL */
    int64_t num_overrides;
    const char *json; /* the same settings as JSON (docs/quantization.md), which are read after these fields: one that is there replaces its
                         field, ignored and overrides come after those here. Unknown members are errors. NULL (init) for none */
    rtv_progress_fn progress; /* of add and of finish; NULL (init) for none */
    void *progress_user;
} rtv_quantizer_options;

RTV_API void rtv_quantizer_options_init_sized(rtv_quantizer_options *options, uint32_t struct_size);
#define rtv_quantizer_options_init(options) rtv_quantizer_options_init_sized((options), (uint32_t)sizeof(rtv_quantizer_options))

/* Collects pictures and makes quantized models. Thread class: single; a second caller gets RTV_E_BUSY at once. Its functions answer as
 * those of its model's runtime do (FORKED, BUSY, IO). */
typedef struct rtv_quantizer rtv_quantizer;

/* Keeps the model alive. options are copied; NULL for the defaults. Errors: INVALID_ARGUMENT (a setting out of range, no regular
 * expression, an unknown member of the JSON; a model that is quantized already), FORMAT (no JSON), NOT_FOUND (a scope that matches
 * nothing), OUT_OF_MEMORY. */
RTV_API int32_t rtv_quantizer_create(rtv_model *model, const rtv_quantizer_options *options, rtv_quantizer **quantizer, rtv_error *error);

/* Other settings for the same pictures. What they have in common with the old ones (statistics, weights of layers whose settings stay) is
 * not computed again. max_samples must not fall below the pictures that are there. Errors: as create; the old settings then stay. */
RTV_API int32_t rtv_quantizer_configure(rtv_quantizer *quantizer, const rtv_quantizer_options *options, rtv_error *error);

/* The settings in use, as the JSON that options.json takes, complete. As rtv_model_dump writes. Errors: BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_quantizer_settings(rtv_quantizer *quantizer, char *text, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* Reads count pictures: decoded, resized, kept. One bad picture is skipped alone; statuses[count] and errors[count] tell which and why
 * (each may be NULL; with both NULL the first failure is returned and no picture is added). *num_added (may be NULL): how many are new.
 * Errors of the call: INVALID_ARGUMENT, LIMIT (more than max_samples; nothing is added), CANCELLED (nothing is added), OUT_OF_MEMORY.
 * Errors of a picture: as rtv_model_embed; MISMATCH also for one that the loaded statistics are not of. */
RTV_API int32_t rtv_quantizer_add(rtv_quantizer *quantizer, const rtv_picture *pictures, int64_t count, int32_t *statuses,
                                  rtv_error *errors, int64_t *num_added, rtv_error *error);

/* A source of finished network inputs: writes sample number `sample` as float32 [3][input_height][input_width] to values and returns 0; 1
 * when there are no more; anything else is a failure. Called on the caller's thread. */
typedef int32_t (*rtv_sample_fn)(void *user, int64_t sample, float *values);

/* Adds what the source gives until it ends or max_samples are there. Errors: CALLBACK, INVALID_ARGUMENT (a value is not finite), CANCELLED,
 * OUT_OF_MEMORY; those added before stay. */
RTV_API int32_t rtv_quantizer_add_from(rtv_quantizer *quantizer, rtv_sample_fn source, void *user, int64_t *num_added, rtv_error *error);

/* Statistics of the activations in a file (docs/formats.md), bound to the model and its pictures: collected when they are not there yet.
 * With statistics loaded, finish runs pictures through the network only where settings ask for more (COMPENSATED weights, FULL bias
 * correction): for these some of the same pictures have to be added again. load before the first add. Errors of save: as finish, IO; of
 * load: IO, FORMAT, CHECKSUM, UNSUPPORTED (another version), MISMATCH (of another model), STATE (pictures are there already). */
RTV_API int32_t rtv_quantizer_save_statistics(rtv_quantizer *quantizer, const char *path, rtv_error *error);
RTV_API int32_t rtv_quantizer_load_statistics(rtv_quantizer *quantizer, const char *path, rtv_error *error);

/* Makes a quantized model of what was added; as often as wanted. options: as for rtv_model_load (executor REFERENCE gives the same codes in
 * plain C); NULL for the defaults. Equal pictures in equal order give equal models, whatever the number of threads.
 * Errors: STATE (no picture; statistics without what the settings need), FORMAT (activations that are constant or not finite, weights or
 * biases that are not: the message names the layer), CANCELLED, OUT_OF_MEMORY, and those of rtv_model_load. */
RTV_API int32_t rtv_quantizer_finish(rtv_quantizer *quantizer, const rtv_model_options *options, rtv_model **model, rtv_error *error);

/* NULL is allowed. */
RTV_API void rtv_quantizer_free(rtv_quantizer *quantizer);

/* --- looking at quantized models, just made or loaded --- */

/* One layer. */
typedef struct rtv_quantized_layer {
    uint32_t struct_size; /* of the first element; the array is walked by it */
    int32_t zero_point;   /* of the output's codes */
    float scale;          /* of the output's codes; 0 when it is floats */
    int32_t reserved;
    int64_t pairs_mended; /* pairs of weights that gave way to the pair-sum rule */
    double weight_snr_db; /* of the rounding of the weights; 0 where nothing was rounded */
    char name[96];
    char op[24];
    char precision[16]; /* what it computes on: "f32", "int8" */
    char output[8];     /* "f32", "u8", "s8" */
    char why[136];      /* why it computes on that */
} rtv_quantized_layer;

/* Every layer of the network in execution order; a float32 model's all run in float32. Writes min(capacity, count) layers and the count.
 * Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_model_quantized_layers(const rtv_model *model, rtv_quantized_layer *layers, int64_t capacity, int64_t *count,
                                           rtv_error *error);

/* Where a quantized model comes from, as JSON: parent, pictures, settings, versions, layers (docs/formats.md). As rtv_model_dump writes; an
 * empty text for a float32 model. Errors: BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_model_provenance(const rtv_model *model, char *text, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* A number for the network's input of this picture, and whether (1 or 0) a quantized model was calibrated with a picture of that number.
 * Models of one preprocessing give one number. Errors: as rtv_model_preprocess. */
RTV_API int32_t rtv_model_picture_hash(rtv_model *model, const rtv_picture *picture, uint64_t *hash, rtv_error *error);
RTV_API int32_t rtv_model_is_calibrated_with(const rtv_model *model, uint64_t hash);

/* The fake-quantize run of a quantized model: float32 layers on what the codes stand for, results quantized again; for comparing. */
enum {
    RTV_SIMULATE_CODES = 0, /* the model's own weights */
    RTV_SIMULATE_CHANNEL_SYMMETRIC = 1,
    RTV_SIMULATE_TENSOR_SYMMETRIC = 2,
    RTV_SIMULATE_CHANNEL_ASYMMETRIC = 3,
    RTV_SIMULATE_TENSOR_ASYMMETRIC = 4
};
typedef struct rtv_simulate_options {
    uint32_t struct_size;
    int32_t weights; /* RTV_SIMULATE_*; init writes CODES */
    int32_t bits;    /* 2 to 8, of weights other than CODES; init writes 8 */
    int32_t reserved;
    const rtv_model *parent; /* whose weights are rounded so, needed for all but CODES; init writes NULL */
} rtv_simulate_options;

RTV_API void rtv_simulate_options_init_sized(rtv_simulate_options *options, uint32_t struct_size);
#define rtv_simulate_options_init(options) rtv_simulate_options_init_sized((options), (uint32_t)sizeof(rtv_simulate_options))

/* options and model_options NULL for the defaults. The result embeds like any model; it is not meant to be saved. Errors: INVALID_ARGUMENT
 * (a model that is not quantized, an option out of range), MISMATCH (a parent that is another model's), and those of rtv_model_load. */
RTV_API int32_t rtv_model_simulate(const rtv_model *quantized, const rtv_simulate_options *options, const rtv_model_options *model_options,
                                   rtv_model **model, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
