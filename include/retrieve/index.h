/* index.h - exact flat inner-product search over descriptors. */
#ifndef RETRIEVE_INDEX_H
#define RETRIEVE_INDEX_H

#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/model.h>
#include <retrieve/runtime.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Items of an int64 id, a float32 vector, and, each optional, a UTF-8 key (a path), a class, a predicted class.
 * Thread class: guarded; searches run side by side, each on one consistent state; a change waits for them. */
typedef struct rtv_index rtv_index;

/* One result. Frozen, without padding. */
typedef struct rtv_hit {
    int64_t id;
    float score;      /* inner product */
    int32_t class_id; /* of the item; -1 when it has none */
} rtv_hit;

/* An empty index for vectors of dim floats (1..65536). runtime may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_create(int32_t dim, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* How vectors are kept; what is searched, scored and given back is what is kept. FLOAT16 takes half of FLOAT32's memory, INT8 (codes of
 * 8 bits and a scale for each vector) a quarter. */
enum { RTV_STORAGE_FLOAT32 = 1, RTV_STORAGE_FLOAT16 = 2, RTV_STORAGE_INT8 = 3 };

/* An empty index for the descriptors of a model; its fingerprint is kept, and other models are refused later. */
RTV_API int32_t rtv_index_create_for_model(const rtv_model *model, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* Reads an index file (docs/formats.md, provisional format 0). The bytes are copied.
 * Errors: IO, FORMAT, CHECKSUM, UNSUPPORTED (another version), OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_open(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error);
RTV_API int32_t rtv_index_open_bytes(const void *data, uint64_t size_bytes, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* Writes the whole index and replaces the file at once: after a failure or a crash the old one is there. Errors: IO, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_save(rtv_index *index, const char *path, rtv_error *error);

RTV_API void rtv_index_free(rtv_index *index);

/* What rtv_index_add adds; arrays of the caller, each but vectors may be NULL. Zero it, set struct_size, set what you have. */
typedef struct rtv_items {
    uint32_t struct_size;
    int32_t reserved;
    const float *vectors;     /* [count][dim], row-major, finite; unit length is the caller's affair (a model's descriptors have it) */
    const int64_t *ids;       /* [count], >= 0; NULL: one more than the largest so far, on and on */
    const char *const *keys;  /* [count] UTF-8 without control characters, an element may be NULL */
    const int32_t *classes;   /* [count], >= 0, or -1 for none */
    const int32_t *predicted; /* [count] predicted classes, >= 0, or -1 for none */
} rtv_items;

/* Adds all or nothing. Errors: INVALID_ARGUMENT (which item, what is wrong: NaN, infinite, negative id), EXISTS (an id twice),
 * OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_add(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error);

/* Names for class numbers, [0..]; kept in the file. kind: RTV_CLASSES_LABEL or RTV_CLASSES_PREDICTED. Replaces the names of that kind.
 * Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
enum { RTV_CLASSES_LABEL = 1, RTV_CLASSES_PREDICTED = 2 };
RTV_API int32_t rtv_index_set_class_names(rtv_index *index, int32_t kind, const char *const *names, int64_t count, rtv_error *error);

/* Copies the name of a class, with a final NUL; *size_bytes is the full size with NUL. NOT_FOUND when it has none; BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_index_class_name(rtv_index *index, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                                     rtv_error *error);

/* The number of a class name. Errors: NOT_FOUND. */
RTV_API int32_t rtv_index_class_id(rtv_index *index, int32_t kind, const char *name, int32_t *class_id, rtv_error *error);

typedef struct rtv_index_info {
    uint32_t struct_size;
    int32_t dim;
    int64_t count;         /* items */
    int64_t memory_bytes;  /* held by this handle */
    int64_t num_classes;   /* names of kind LABEL */
    int64_t num_predicted; /* names of kind PREDICTED */
    int32_t format;        /* of the file it would write */
    int32_t has_classes;   /* 1: some item has a class */
    int32_t has_predicted; /* 1: some item has a predicted class */
    int32_t reserved;
    char fingerprint[RTV_FINGERPRINT_CHARS + 8]; /* of the model; empty for none */
    char model_name[64];
} rtv_index_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_index_info_get(rtv_index *index, rtv_index_info *info, rtv_error *error);

/* The key of an item, as rtv_index_class_name. An item without key has the empty one. Errors: NOT_FOUND (no such id), BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_index_key(rtv_index *index, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* Asked whether an item may be a hit: anything but 0 takes it. Called on the thread that called the library, and only for items that would
 * be in the result if they are taken, the best first: once for every hit, and as often as it says no. */
typedef int32_t (*rtv_filter_fn)(void *user, int64_t query, const rtv_hit *hit);

typedef struct rtv_search_options {
    uint32_t struct_size;
    int32_t class_id;           /* only items of this class; init writes -1 for all */
    int32_t predicted_class;    /* only items predicted as this class; init writes -1 for all; searchers: also RTV_PREDICTED_OWN */
    float min_score;            /* only hits with at least this score; init writes minus infinity */
    const int64_t *exclude_ids; /* [count] the id that each query must not find (itself), -1 for none; NULL (init) for none */
    int32_t mode;               /* searchers: RTV_MODE_* for the network; init writes AUTO */
    int32_t reserved;
    rtv_progress_fn progress; /* NULL (init) for none */
    void *progress_user;
    const int64_t *only_ids; /* [num_only_ids] only these items, in any order; ids that are not there do no harm; NULL (init) for all */
    int64_t num_only_ids;
    const uint8_t *only_bits; /* only items whose bit is set: bit id % 8 of byte id / 8, ids below num_only_bits; NULL (init) for all */
    int64_t num_only_bits;
    rtv_filter_fn filter; /* NULL (init) for none */
    void *filter_user;
} rtv_search_options;

RTV_API void rtv_search_options_init_sized(rtv_search_options *options, uint32_t struct_size);
#define rtv_search_options_init(options) rtv_search_options_init_sized((options), (uint32_t)sizeof(rtv_search_options))

/* The k items with the highest scores for each of count queries (float32 [count][dim]): score descending, then id ascending.
 * hits[count][k] and num_hits[count]; fewer than k hits are no error, the rest of a row is {-1, -inf, -1}.
 * A score is the same bits on every processor, in every batch, for every number of threads. The progress callback must not use the index:
 * it would wait for itself. After CANCELLED hits and num_hits are unspecified. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, CANCELLED. */
RTV_API int32_t rtv_index_search(rtv_index *index, const float *queries, int64_t count, int64_t k, const rtv_search_options *options,
                                 rtv_hit *hits, int64_t *num_hits, rtv_error *error);

/* As rtv_index_search, with items of the index as queries. An item does not find itself; exclude_ids must be NULL.
 * Errors: NOT_FOUND (an id that is not there), as rtv_index_search. */
RTV_API int32_t rtv_index_search_ids(rtv_index *index, const int64_t *ids, int64_t count, int64_t k, const rtv_search_options *options,
                                     rtv_hit *hits, int64_t *num_hits, rtv_error *error);

/* One query from several: "like this, unlike that". Zero it, set struct_size, set what you have; at least one vector or id.
 * The weighted sum is taken in double and rounded once. */
typedef struct rtv_blend {
    uint32_t struct_size;
    int32_t keep_length;         /* 1: the sum is the query as it is; 0: it is scaled to unit length (a zero sum stays zero) */
    const float *vectors;        /* [num_vectors][dim] */
    const float *vector_weights; /* [num_vectors], finite, negative for "unlike"; NULL: 1 each */
    int64_t num_vectors;
    const int64_t *ids;      /* [num_ids] items of the index */
    const float *id_weights; /* [num_ids], as above */
    int64_t num_ids;
    int32_t keep_items; /* 1: the items named by ids may be hits; 0: they are left out */
    int32_t reserved;
} rtv_blend;

/* The k best hits[k] for a blend; exclude_ids may name one id. Errors: NOT_FOUND (an id that is not there), as rtv_index_search. */
RTV_API int32_t rtv_index_search_blend(rtv_index *index, const rtv_blend *blend, int64_t k, const rtv_search_options *options,
                                       rtv_hit *hits, int64_t *num_hits, rtv_error *error);

/* Takes what a search finds, on the thread that called the library. hits[count] live until it returns. Anything but 0 stops the search with
 * RTV_E_CANCELLED. */
typedef int32_t (*rtv_hits_fn)(void *user, int64_t query, const rtv_hit *hits, int64_t count);

/* Every item with at least options->min_score (all of them when it is minus infinity): one call of found for each query, in turn, with its
 * hits in order. Errors: as rtv_index_search. */
RTV_API int32_t rtv_index_search_range(rtv_index *index, const float *queries, int64_t count, const rtv_search_options *options,
                                       rtv_hits_fn found, void *user, rtv_error *error);

/* Every item's k best among the others, in half the time that searching for each would take. ids[capacity], hits[capacity][k] and
 * num_hits[capacity] get a row for each item, in the order in which they were added; *count is their number. The filters of the options say
 * which items take part, as query and as hit; exclude_ids and filter must be NULL.
 * Errors: BUFFER_TOO_SMALL (*count tells), as rtv_index_search. */
RTV_API int32_t rtv_index_neighbors(rtv_index *index, int64_t k, const rtv_search_options *options, int64_t *ids, rtv_hit *hits,
                                    int64_t *num_hits, int64_t capacity, int64_t *count, rtv_error *error);

/* Two items and their score; a was added before b. Frozen, without padding. */
typedef struct rtv_pair {
    int64_t a, b;
    float score;
    int32_t reserved;
} rtv_pair;

/* Takes pairs[count] as rtv_hits_fn takes hits. */
typedef int32_t (*rtv_pairs_fn)(void *user, const rtv_pair *pairs, int64_t count);

/* Every pair of items with at least options->min_score, near-duplicates, each once, as a stream that needs little memory however many there
 * are. Its order is always the same for the same index. Filters as in rtv_index_neighbors. Errors: as rtv_index_search. */
RTV_API int32_t rtv_index_pairs(rtv_index *index, const rtv_search_options *options, rtv_pairs_fn found, void *user, rtv_error *error);

#ifdef __cplusplus
}
#endif

#endif
