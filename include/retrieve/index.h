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

/* Items of an int64 id, a vector, and, each optional, a UTF-8 key (a path), a class, a predicted class, a payload of bytes. In memory, or
 * over an index file, which is mapped: opening reads no vectors, and the set need not fit into RAM.
 * Thread class: guarded; every call sees one consistent state, searches never wait for a change, changes take turns. */
typedef struct rtv_index rtv_index;

/* Which vectors may be compared with those of a model, or of another index. */
enum {
    RTV_ACCEPT_OWN = 0,    /* made with this model: same fingerprint */
    RTV_ACCEPT_ANY = 1,    /* whatever they were made with */
    RTV_ACCEPT_PARENTS = 2 /* made with this model, or with the float32 model that it was quantized from: nothing to embed again */
};

/* One result. Frozen, without padding. */
typedef struct rtv_hit {
    int64_t id;
    float score;      /* inner product */
    int32_t class_id; /* of the item; -1 when it has none */
} rtv_hit;

/* An empty index for vectors of dim floats (1..65536). runtime may be NULL. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_create(int32_t dim, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* An empty index for the descriptors of a model; its fingerprint is kept, and other models are refused later. */
RTV_API int32_t rtv_index_create_for_model(const rtv_model *model, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* How vectors are kept; what is searched, scored and given back is what is kept. FLOAT16 takes half of FLOAT32's memory, INT8 (codes of
 * 8 bits and a scale for each vector) a quarter. */
enum { RTV_STORAGE_FLOAT32 = 1, RTV_STORAGE_FLOAT16 = 2, RTV_STORAGE_INT8 = 3 };

typedef struct rtv_index_options {
    uint32_t struct_size;
    int32_t dim;            /* floats in a vector, 1..65536; init writes 0: the model's */
    int32_t storage;        /* RTV_STORAGE_*; init writes FLOAT32 */
    int32_t normalize;      /* 1: vectors are divided by their lengths when they are added; init writes 0: they are kept as they come */
    const rtv_model *model; /* whose descriptors these will be: other models are refused later; NULL (init) for none. Used only during the
                               call */
} rtv_index_options;

RTV_API void rtv_index_options_init_sized(rtv_index_options *options, uint32_t struct_size);
#define rtv_index_options_init(options) rtv_index_options_init_sized((options), (uint32_t)sizeof(rtv_index_options))

/* An empty index in memory. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_create_with(const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* A new, empty index file, open for writing as by rtv_index_open_writable. A build from a stream needs no more memory than some 64 MiB.
 * Errors: EXISTS (there is a file), INVALID_ARGUMENT, IO, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_create_file(const char *path, const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index,
                                      rtv_error *error);

/* Opens an index file (docs/formats.md) as its last commit left it, whatever a writer does meanwhile. Changes of this index stay in
 * memory; rtv_index_save writes them to a file. A file of format 0 is read and copied. Index files are replaced or appended to, never
 * written over: do not cut one short while it is open.
 * Errors: IO, FORMAT, CHECKSUM, UNSUPPORTED (a newer version, a big-endian processor), OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_open(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error);
/* The same from memory; the bytes are copied. */
RTV_API int32_t rtv_index_open_bytes(const void *data, uint64_t size_bytes, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* Opens an index file for changes that rtv_index_commit makes durable. One writer at a time, over all processes; a crash ends its lock.
 * A file of format 0 is converted by the first commit. Errors: as rtv_index_open, BUSY (another writer has the file). */
RTV_API int32_t rtv_index_open_writable(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error);

/* Makes every change since the last commit durable, all or nothing, whatever happens: after a crash the file is as the last commit
 * that returned, or the one that did not, left it. What was not committed when the index is freed is dropped. After a failure the
 * changes are still there, and commit may be tried again; only after a sync that did not succeed, when nobody knows what the disk holds,
 * it answers STATE until rtv_index_compact has made a new file or the file is opened anew. Writes about what was changed.
 * Errors: STATE (not open for writing, or an earlier sync), IO, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_commit(rtv_index *index, rtv_error *error);

/* Gives the space of removed, replaced and merged items back. Over a file open for writing: commits into a new file, which then replaces
 * the old one; whoever reads the old one keeps it. In memory: moves what is left together. Errors: IO, OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_compact(rtv_index *index, rtv_error *error);

/* Reads a whole index file and checks all of it; the message names the damaged block and its offset. runtime and progress may be NULL.
 * Errors: as rtv_index_open, CANCELLED. */
RTV_API int32_t rtv_index_verify(const char *path, rtv_runtime *runtime, rtv_progress_fn progress, void *progress_user, rtv_error *error);

/* Writes the whole index without what was removed to a file of its own, and replaces what is there at once: after a failure or a crash
 * the old file is there. Errors: IO, BUSY (a writer has the file), OUT_OF_MEMORY. */
RTV_API int32_t rtv_index_save(rtv_index *index, const char *path, rtv_error *error);

RTV_API void rtv_index_free(rtv_index *index);

/* Bytes of the caller. Frozen. */
typedef struct rtv_bytes {
    const void *data; /* may be NULL when size_bytes is 0 */
    uint64_t size_bytes;
} rtv_bytes;

/* What rtv_index_add adds; arrays of the caller, each but vectors may be NULL. Zero it, set struct_size, set what you have. */
typedef struct rtv_items {
    uint32_t struct_size;
    int32_t reserved;
    const float *vectors;      /* [count][dim], row-major, finite; unit length is the caller's affair (a model's descriptors have it) */
    const int64_t *ids;        /* [count], >= 0; NULL: one more than the largest so far, on and on */
    const char *const *keys;   /* [count] UTF-8 without control characters, an element may be NULL */
    const int32_t *classes;    /* [count], >= 0, or -1 for none */
    const int32_t *predicted;  /* [count] predicted classes, >= 0, or -1 for none */
    const rtv_bytes *payloads; /* [count] kept with the items and given back, of at most RTV_PAYLOAD_MAX bytes each */
} rtv_items;

#define RTV_PAYLOAD_MAX 65536

/* Adds all or nothing. Errors: INVALID_ARGUMENT (which item, what is wrong: NaN, infinite, negative id), EXISTS (an id twice),
 * OUT_OF_MEMORY, IO (a file open for writing takes what does not stay in memory). */
RTV_API int32_t rtv_index_add(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error);

/* As rtv_index_add, but an item whose id is there already takes its place. ids are needed. */
RTV_API int32_t rtv_index_replace(rtv_index *index, const rtv_items *items, int64_t count, rtv_error *error);

/* Removes items by id; one that is not there is no error. *removed (may be NULL): how many were. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY.
 */
RTV_API int32_t rtv_index_remove(rtv_index *index, const int64_t *ids, int64_t count, int64_t *removed, rtv_error *error);

/* Adds the items of another index. Classes with names keep their names and take this index's numbers for them; those without keep their
 * numbers. new_ids 0: items keep their ids; 1: they get ids after the largest, in the order of other. Errors: MISMATCH (dimensions, models,
 * reductions, a class without a name whose number others have), EXISTS (an id), OUT_OF_MEMORY, IO.
 */
RTV_API int32_t rtv_index_merge(rtv_index *index, rtv_index *other, int32_t new_ids, rtv_error *error);

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
    int32_t dim;                                 /* floats of a vector as it is given: added, asked for */
    int64_t count;                               /* items */
    int64_t memory_bytes;                        /* held by this handle */
    int64_t num_classes;                         /* names of kind LABEL */
    int64_t num_predicted;                       /* names of kind PREDICTED */
    int32_t format;                              /* of the file it came from; in memory, of the file it would write */
    int32_t has_classes;                         /* 1: some item has a class */
    int32_t has_predicted;                       /* 1: some item has a predicted class */
    int32_t kept_dim;                            /* floats of a vector as it is kept; fewer than dim in a reduced index (reduce.h) */
    char fingerprint[RTV_FINGERPRINT_CHARS + 8]; /* of the model; empty for none */
    char model_name[64];
    int32_t storage;       /* RTV_STORAGE_* */
    int32_t normalize;     /* as in the options */
    int32_t writable;      /* 1: open for writing */
    float min_score;       /* as set by rtv_index_set_min_score; minus infinity for none */
    int64_t num_segments;  /* pieces it lies in */
    int64_t num_removed;   /* items that are removed and still take space */
    int64_t file_bytes;    /* of the file as committed; 0 in memory */
    int64_t reclaim_bytes; /* of these, what rtv_index_compact would give back, about */
    int64_t uncommitted;   /* items added since the last commit */
    int64_t commits;       /* since the file was made */
} rtv_index_info;

/* Fill info->struct_size before the call. Errors: INVALID_ARGUMENT. */
RTV_API int32_t rtv_index_info_get(rtv_index *index, rtv_index_info *info, rtv_error *error);

/* The key of an item, as rtv_index_class_name. An item without key has the empty one. Errors: NOT_FOUND (no such id), BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_index_key(rtv_index *index, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* The payload of an item; *size_bytes is its size. Errors: NOT_FOUND (no such id), BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_index_payload(rtv_index *index, int64_t id, void *payload, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);

/* The id of the item with this key, the smallest when there are several. Errors: NOT_FOUND. */
RTV_API int32_t rtv_index_find(rtv_index *index, const char *key, int64_t *id, rtv_error *error);

/* The vectors of count items, as they are kept, [count][kept_dim]. Errors: NOT_FOUND (no such id). */
RTV_API int32_t rtv_index_vectors(rtv_index *index, const int64_t *ids, int64_t count, float *vectors, rtv_error *error);

/* The ids of all items in the order in which rtv_index_visit goes; up to capacity of them. *count: how many there are.
 * Errors: BUFFER_TOO_SMALL. */
RTV_API int32_t rtv_index_ids(rtv_index *index, int64_t *ids, int64_t capacity, int64_t *count, rtv_error *error);

/* One item, for the time of the callback. */
typedef struct rtv_item {
    uint32_t struct_size;
    int32_t class_id;        /* -1 for none */
    int32_t predicted_class; /* -1 for none */
    int32_t reserved;
    int64_t id;
    const char *key; /* [key_bytes] without a final NUL */
    uint64_t key_bytes;
    rtv_bytes payload;
    const float *vector; /* [kept_dim] */
} rtv_item;

/* Calls visit for every item of one state, on the caller's thread, in the order they were added; what happens to the index meanwhile does
 * not show. Anything but 0 from visit stops with CANCELLED. Errors: CANCELLED, OUT_OF_MEMORY. */
typedef int32_t (*rtv_visit_fn)(void *user, const rtv_item *item);
RTV_API int32_t rtv_index_visit(rtv_index *index, rtv_visit_fn visit, void *user, rtv_error *error);

/* The score below which nothing is similar, found on data of this index's model; kept in the file beside the model's fingerprint, for
 * the application to use. Minus infinity for none. Errors: INVALID_ARGUMENT (NaN). */
RTV_API int32_t rtv_index_set_min_score(rtv_index *index, float min_score, rtv_error *error);

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
 * A score is the same bits on every processor, in every batch, for every number of threads. After CANCELLED hits and num_hits are
 * unspecified. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, CANCELLED. */
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
