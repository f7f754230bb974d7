/* api_index.c - index.h. */
#include <math.h>
#include <string.h>

#include "api/api_handles.h"

int32_t rtvi_index_wrap(rtv_runtime *runtime, rtvi_flat *flat, rtv_index **out, rtv_error *error) {
    rtv_index *index = rtvi_alloc_zero(&runtime->env, 1, sizeof *index);
    if (!index) {
        rtvi_flat_destroy(flat);
        return rtvi_error_out_of_memory(error, "index", sizeof *index);
    }
    atomic_init(&index->references, 1);
    index->runtime = runtime;
    index->flat = flat;
    rtvi_flat_use_team(flat, runtime->team);
    *out = index;
    return rtvi_error_clear(error);
}

/* The runtime for a new index: taken, and usable in this process. */
static int32_t begin(rtv_runtime *given, rtv_runtime **runtime, rtv_error *error) {
    int32_t status = rtvi_runtime_take(given, runtime, error);
    if (status != RTV_OK) return status;
    status = rtvi_team_check((*runtime)->team, error);
    if (status != RTV_OK) rtv_runtime_free(*runtime);
    return status;
}

void rtv_index_options_init_sized(rtv_index_options *options, uint32_t struct_size) {
    rtv_index_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.storage = RTV_STORAGE_FLOAT32;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

/* path NULL: in memory. */
static int32_t make(const rtv_index_options *options, const rtv_model_info *model, const char *path, rtv_runtime *runtime,
                    rtv_index **index, rtv_error *error) {
    const int32_t dim = options->dim == 0 ? model->descriptor_dim : options->dim;
    rtvi_flat *flat = NULL;
    int32_t status = rtvi_flat_create_with(&runtime->env, dim, options->storage, options->normalize, &flat, error);
    if (status != RTV_OK) return status;
    rtvi_flat_set_model(flat, model->fingerprint, model->name);
    if (path) status = rtvi_flat_attach(flat, &rtvi_io_system, path, error);
    if (status == RTV_OK) return rtvi_index_wrap(runtime, flat, index, error);
    rtvi_flat_destroy(flat);
    return status;
}

static int32_t create(const rtv_index_options *given, const char *path, rtv_runtime *given_runtime, rtv_index **index, rtv_error *error) {
    rtv_index_options options;
    rtv_model_info model;
    rtv_runtime *runtime;
    int32_t status;
    memset(&model, 0, sizeof model);
    model.struct_size = (uint32_t)sizeof model;
    rtv_index_options_init(&options);
    status = rtvi_api_options(&options, sizeof options, given, "rtv_index_options", error);
    if (status == RTV_OK && options.model) status = rtv_model_info_get(options.model, &model, error);
    if (status != RTV_OK) return status;
    if (options.model && options.dim != 0 && options.dim != model.descriptor_dim)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "api: dim: got %d, expected 0 or the model's %d", (int)options.dim,
                              (int)model.descriptor_dim);
    status = begin(given_runtime, &runtime, error);
    if (status != RTV_OK) return status;
    status = make(&options, &model, path, runtime, index, error);
    if (status != RTV_OK) rtv_runtime_free(runtime);
    return status;
}

int32_t rtv_index_create_with(const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(options, error, "options is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    return create(options, NULL, runtime, index, error);
}

int32_t rtv_index_create_file(const char *path, const rtv_index_options *options, rtv_runtime *runtime, rtv_index **index,
                              rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    RTVI_REQUIRE(options, error, "options is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    return create(options, path, runtime, index, error);
}

int32_t rtv_index_create(int32_t dim, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    rtv_index_options options;
    RTVI_ENTER(error);
    RTVI_REQUIRE(index, error, "index is NULL");
    rtv_index_options_init(&options);
    options.dim = dim == 0 ? -1 : dim; /* 0 would be the model's */
    return create(&options, NULL, runtime, index, error);
}

int32_t rtv_index_create_for_model(const rtv_model *model, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    rtv_index_options options;
    RTVI_ENTER(error);
    RTVI_REQUIRE(model, error, "model is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    rtv_index_options_init(&options);
    options.model = model;
    return create(&options, NULL, runtime, index, error);
}

/* Where an index is read from: a file, for reading or for writing, or bytes. */
typedef struct origin {
    const char *path;
    int writable;
    const void *data;
    uint64_t size_bytes;
} origin;

static int32_t read_origin(const rtvi_env *env, const origin *from, rtvi_flat **flat, rtv_error *error) {
    rtvi_source source;
    int32_t status;
    if (from->writable) return rtvi_flat_open(env, &rtvi_io_system, from->path, flat, error);
    status = from->path ? rtvi_source_open(env, "index", from->path, &source, error)
                        : rtvi_source_from_memory(env, "index", from->data, from->size_bytes, 0, &source, error);
    return status == RTV_OK ? rtvi_flat_read(env, &source, flat, error) : status;
}

static int32_t open_from(const origin *from, rtv_runtime *given, rtv_index **index, rtv_error *error) {
    rtv_runtime *runtime;
    rtvi_flat *flat = NULL;
    int32_t status = begin(given, &runtime, error);
    if (status != RTV_OK) return status;
    status = read_origin(&runtime->env, from, &flat, error);
    if (status == RTV_OK) status = rtvi_index_wrap(runtime, flat, index, error);
    if (status != RTV_OK) rtv_runtime_free(runtime);
    return status;
}

int32_t rtv_index_open(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    return open_from(&(origin){.path = path}, runtime, index, error);
}

int32_t rtv_index_open_writable(const char *path, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(path, error, "path is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    return open_from(&(origin){.path = path, .writable = 1}, runtime, index, error);
}

int32_t rtv_index_open_bytes(const void *data, uint64_t size_bytes, rtv_runtime *runtime, rtv_index **index, rtv_error *error) {
    RTVI_ENTER(error);
    RTVI_REQUIRE(data, error, "data is NULL");
    RTVI_REQUIRE(index, error, "index is NULL");
    return open_from(&(origin){.data = data, .size_bytes = size_bytes}, runtime, index, error);
}

void rtvi_index_retain(rtv_index *index) { atomic_fetch_add(&index->references, 1); }

void rtv_index_free(rtv_index *index) {
    rtv_runtime *runtime;
    if (!index || atomic_fetch_sub(&index->references, 1) != 1) return;
    runtime = index->runtime;
    rtvi_flat_destroy(index->flat);
    rtvi_free(&runtime->env, index);
    rtv_runtime_free(runtime);
}

int32_t rtvi_index_check(const rtv_index *index, rtv_error *error) {
    RTVI_REQUIRE(index, error, "index is NULL");
    return rtvi_team_check(index->runtime->team, error);
}

int32_t rtv_index_save(rtv_index *index, const char *path, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(path, error, "path is NULL");
    return rtvi_flat_write(index->flat, path, error);
}

int32_t rtv_index_set_class_names(rtv_index *index, int32_t kind, const char *const *names, int64_t count, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    return rtvi_flat_set_class_names(index->flat, kind, names, count, error);
}

int32_t rtv_index_class_name(rtv_index *index, int32_t kind, int32_t class_id, char *name, uint64_t capacity, uint64_t *size_bytes,
                             rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(name || capacity == 0, error, "name is NULL");
    return rtvi_flat_class_name(index->flat, kind, class_id, name, capacity, size_bytes, error);
}

int32_t rtv_index_class_id(rtv_index *index, int32_t kind, const char *name, int32_t *class_id, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(name, error, "name is NULL");
    RTVI_REQUIRE(class_id, error, "class_id is NULL");
    return rtvi_flat_class_id(index->flat, kind, name, class_id, error);
}

int32_t rtv_index_info_get(rtv_index *index, rtv_index_info *info, rtv_error *error) {
    rtv_index_info own;
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(info, error, "info is NULL");
    rtvi_flat_info(index->flat, &own);
    return rtvi_api_info(info, &own, sizeof own, "rtv_index_info", error);
}

int32_t rtv_index_key(rtv_index *index, int64_t id, char *key, uint64_t capacity, uint64_t *size_bytes, rtv_error *error) {
    RTVI_ENTER_INDEX(index, error);
    RTVI_REQUIRE(key || capacity == 0, error, "key is NULL");
    return rtvi_flat_key(index->flat, id, key, capacity, size_bytes, error);
}

void rtv_search_options_init_sized(rtv_search_options *options, uint32_t struct_size) {
    rtv_search_options defaults;
    memset(&defaults, 0, sizeof defaults);
    defaults.class_id = -1;
    defaults.predicted_class = -1;
    defaults.min_score = -INFINITY;
    defaults.mode = RTV_MODE_AUTO;
    rtvi_api_init(options, struct_size, &defaults, sizeof defaults);
}

/* What the searches ask first: the index, and the options as this version knows them. */
static int32_t begin_search(rtv_index *index, const rtv_search_options *given, rtv_search_options *options, rtv_error *error) {
    int32_t status = rtvi_index_check(index, error);
    if (status != RTV_OK) return status;
    rtv_search_options_init(options);
    return rtvi_api_options(options, sizeof *options, given, "rtv_search_options", error);
}

int32_t rtv_index_search(rtv_index *index, const float *queries, int64_t count, int64_t k, const rtv_search_options *options, rtv_hit *hits,
                         int64_t *num_hits, rtv_error *error) {
    rtv_search_options own;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(queries || count == 0, error, "queries is NULL");
    RTVI_REQUIRE(hits || count == 0, error, "hits is NULL");
    RTVI_REQUIRE(num_hits || count == 0, error, "num_hits is NULL");
    return rtvi_flat_search(index->flat, index->runtime->team, queries, count, k, &own, NULL, hits, num_hits, error);
}

int32_t rtv_index_search_ids(rtv_index *index, const int64_t *ids, int64_t count, int64_t k, const rtv_search_options *options,
                             rtv_hit *hits, int64_t *num_hits, rtv_error *error) {
    rtv_search_options own;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(ids || count == 0, error, "ids is NULL");
    RTVI_REQUIRE(hits || count == 0, error, "hits is NULL");
    RTVI_REQUIRE(num_hits || count == 0, error, "num_hits is NULL");
    return rtvi_flat_search_ids(index->flat, index->runtime->team, ids, count, k, &own, hits, num_hits, error);
}

int32_t rtv_index_search_blend(rtv_index *index, const rtv_blend *given, int64_t k, const rtv_search_options *options, rtv_hit *hits,
                               int64_t *num_hits, rtv_error *error) {
    rtv_search_options own;
    rtv_blend blend;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(given, error, "blend is NULL");
    RTVI_REQUIRE(hits, error, "hits is NULL");
    RTVI_REQUIRE(num_hits, error, "num_hits is NULL");
    memset(&blend, 0, sizeof blend);
    status = rtvi_api_options(&blend, sizeof blend, given, "rtv_blend", error);
    if (status != RTV_OK) return status;
    return rtvi_flat_search_blend(index->flat, index->runtime->team, &blend, k, &own, hits, num_hits, error);
}

int32_t rtv_index_search_range(rtv_index *index, const float *queries, int64_t count, const rtv_search_options *options, rtv_hits_fn found,
                               void *user, rtv_error *error) {
    rtv_search_options own;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(queries || count == 0, error, "queries is NULL");
    RTVI_REQUIRE(found, error, "found is NULL");
    return rtvi_flat_search_range(index->flat, index->runtime->team, queries, count, &own, found, user, error);
}

int32_t rtv_index_neighbors(rtv_index *index, int64_t k, const rtv_search_options *options, int64_t *ids, rtv_hit *hits, int64_t *num_hits,
                            int64_t capacity, int64_t *count, rtv_error *error) {
    rtv_search_options own;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE((ids && hits && num_hits) || capacity == 0, error, "ids, hits or num_hits is NULL");
    RTVI_REQUIRE(capacity >= 0, error, "capacity is negative");
    RTVI_REQUIRE(count, error, "count is NULL");
    return rtvi_flat_neighbors(index->flat, index->runtime->team, k, &own, ids, hits, num_hits, capacity, count, error);
}

int32_t rtv_index_pairs(rtv_index *index, const rtv_search_options *options, rtv_pairs_fn found, void *user, rtv_error *error) {
    rtv_search_options own;
    int32_t status;
    RTVI_ENTER(error);
    status = begin_search(index, options, &own, error);
    if (status != RTV_OK) return status;
    RTVI_REQUIRE(found, error, "found is NULL");
    return rtvi_flat_pairs(index->flat, index->runtime->team, &own, found, user, error);
}
