/* api_handles.h - the insides of the public handles, and the checks that every public function begins with. */
#ifndef RTVI_API_HANDLES_H
#define RTVI_API_HANDLES_H

#include <stdatomic.h>

#include <retrieve/retrieve.h>

#include "base/base_team.h"
#include "graph/graph.h"
#include "index/flat.h"
#include "modelfile/modelfile.h"
#include "search/embedder.h"
#include "weights/weights.h"

struct rtv_runtime {
    atomic_int references;
    rtvi_env env;
    rtvi_team *team;
};

struct rtv_model {
    atomic_int references;
    rtv_runtime *runtime;
    rtvi_source source;    /* bytes of a model file, under the graph's constants */
    rtvi_weights *weights; /* or the checkpoint's */
    rtvi_graph *graph;     /* as loaded, before any pass */
    int32_t store;         /* RTV_STORE_* of the next save */
    int32_t executor;      /* RTV_EXECUTOR_* in use */
    rtvi_embedder *embedder;
    rtvi_modelfile_info file;
};

struct rtv_index {
    atomic_int references;
    rtv_runtime *runtime;
    rtvi_flat *flat;
};

struct rtv_searcher {
    rtv_model *model;
    rtv_index *index;
    int32_t is_parents; /* 1: the index is one of the model's parent, and stays one */
};

/* A model of a graph that the library made, which is taken over (also on failure). The runtime is shared; given may be NULL. */
int32_t rtvi_model_adopt(rtv_runtime *runtime, rtvi_graph *graph, const rtv_model_options *given, rtv_model **model, rtv_error *error);
/* A text to a caller: at most capacity bytes with a final NUL, and the full size (with NUL) to *size_bytes, which may be NULL.
 * BUFFER_TOO_SMALL. */
int32_t rtvi_api_text(const char *text, char *to, uint64_t capacity, uint64_t *size_bytes, rtv_error *error);
/* One more reference. */
void rtvi_model_retain(rtv_model *model);
void rtvi_index_retain(rtv_index *index);
/* A handle of flat, which is taken over (also on failure), as is, on success, the reference to the runtime. */
int32_t rtvi_index_wrap(rtv_runtime *runtime, rtvi_flat *flat, rtv_index **index, rtv_error *error);
/* What every call on an index asks first: after a fork or on a lane it might wait for ever. */
int32_t rtvi_index_check(const rtv_index *index, rtv_error *error);
/* given, or a new runtime with the defaults; either way *runtime is a reference of the caller's own, for rtv_runtime_free. */
int32_t rtvi_runtime_take(rtv_runtime *given, rtv_runtime **runtime, rtv_error *error);

/* Reads an option struct of the caller into options, which the caller of this function has filled with the defaults: as many bytes as
 * both know; bytes only the caller's newer struct has must be zero. given may be NULL. type names it in messages. */
int32_t rtvi_api_options(void *options, size_t size, const void *given, const char *type, rtv_error *error);
/* Writes the defaults to a caller's struct of another size: as many bytes as both know, then zeros. */
void rtvi_api_init(void *options, uint32_t struct_size, const void *defaults, size_t size);
/* The same way out for info structs, whose struct_size the caller has set. */
int32_t rtvi_api_info(void *info, const void *filled, size_t size, const char *type, rtv_error *error);
/* The same for element i of an array that is walked by the first one's struct_size. */
int32_t rtvi_api_row(void *array, size_t i, const void *filled, size_t size, const char *type, rtv_error *error);
/* What a caller's array has room for: *num_written of num_rows rows; *count is all of them. */
int32_t rtvi_api_room(const void *array, int64_t capacity, int64_t num_rows, int64_t *count, size_t *num_written, rtv_error *error);
/* All of rows[num_rows] that there is room for, and *count. */
int32_t rtvi_api_rows(void *array, int64_t capacity, int64_t *count, const void *rows, size_t size, int64_t num_rows, const char *type,
                      rtv_error *error);

/* How a public function begins: whoever gave no error gets one of the function's own, so that the layers below always have one. */
#define RTVI_ENTER(error)                    \
    rtv_error rtvi_own_error;                \
    if (!(error)) (error) = &rtvi_own_error; \
    rtvi_error_clear(error)

/* The same for a call on an index. */
#define RTVI_ENTER_INDEX(index, error)                                        \
    RTVI_ENTER(error);                                                        \
    do {                                                                      \
        const int32_t rtvi_check_status = rtvi_index_check((index), (error)); \
        if (rtvi_check_status != RTV_OK) return rtvi_check_status;            \
    } while (0)

#define RTVI_REQUIRE(condition, error, what)                                                    \
    do {                                                                                        \
        if (!(condition)) return rtvi_error_set((error), RTV_E_INVALID_ARGUMENT, "api: " what); \
    } while (0)

#endif
