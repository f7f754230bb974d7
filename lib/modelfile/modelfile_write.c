/* modelfile_write.c - from a graph to a model file (docs/formats.md, "Model file"). What is about to be written is first read back by the
 * reader's own functions: no file is written that would be refused. */
#include "modelfile/modelfile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <sodium/crypto_hash_sha256.h>

#include "base/base_bytes.h"
#include "modelfile/modelfile_checksum.h"
#include "modelfile/modelfile_json.h"

/* The parts of a file. */
typedef struct parts {
    const rtvi_env *env;
    const rtvi_graph *source;
    rtvi_text graph, preprocess, class_names;
    rtvi_safetensors_entry *entries; /* [num_entries] by name; data in the source's constants or in blocks */
    void **blocks;                   /* [num_entries] converted data, or NULL; in no order */
    size_t num_entries;
} parts;

static void destroy_parts(parts *p) {
    for (size_t i = 0; i < p->num_entries; i++) rtvi_free(p->env, p->blocks[i]);
    rtvi_free(p->env, p->blocks);
    rtvi_free(p->env, p->entries);
    rtvi_text_destroy(&p->graph);
    rtvi_text_destroy(&p->preprocess);
    rtvi_text_destroy(&p->class_names);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const rtvi_safetensors_entry *)a)->name, ((const rtvi_safetensors_entry *)b)->name);
}

/* from and to have any alignment. Returns the first element that is finite in float32 and infinite in float16, or count. */
static int64_t to_halves(const uint8_t *from, uint8_t *to, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float value;
        uint16_t half;
        memcpy(&value, from + i * 4, sizeof value);
        half = rtvi_f32_to_f16(value);
        if ((half & 0x7fffu) == 0x7c00u && isfinite(value)) return i;
        memcpy(to + i * 2, &half, sizeof half);
    }
    return count;
}

/* Gives an entry the dtype it is stored in. */
static int32_t convert(parts *p, size_t i, rtvi_dtype dtype, rtv_error *error) {
    rtvi_tensor *tensor = &p->entries[i].tensor;
    int64_t count = rtvi_tensor_count(tensor), bad = count;
    if (tensor->dtype == dtype) return RTV_OK;
    p->blocks[i] = rtvi_alloc(p->env, (size_t)count, rtvi_dtype_size(dtype));
    if (!p->blocks[i]) return rtvi_error_out_of_memory(error, "model", (size_t)count * rtvi_dtype_size(dtype));
    if (dtype == RTVI_F16) {
        bad = to_halves(tensor->data, p->blocks[i], count);
    } else {
        rtvi_tensor_to_f32(tensor, p->blocks[i]);
    }
    if (bad < count) {
        rtvi_quoted name;
        float value;
        memcpy(&value, (const uint8_t *)tensor->data + bad * 4, sizeof value);
        return rtvi_error_set(error, RTV_E_UNSUPPORTED,
                              "model: tensor \"%s\" as float16: got %.9g at %lld, expected at most 65504; store float32",
                              rtvi_error_quote_string(&name, p->entries[i].name), (double)value, (long long)bad);
    }
    *tensor = rtvi_tensor_contiguous(dtype, tensor->rank, tensor->dims, p->blocks[i]);
    return RTV_OK;
}

/* Weights in codes stay codes and what belongs to them stays float32; the others are stored as asked. */
static rtvi_dtype stored_dtype(const rtvi_value *value, int32_t store, int32_t of_codes) {
    if (value->dtype == RTVI_I8) return RTVI_I8;
    return store == RTV_STORE_FLOAT16 && !of_codes ? RTVI_F16 : RTVI_F32;
}

/* of_codes[v]: 1 for a constant that arithmetic on codes reads. */
static void mark_codes(const rtvi_graph *graph, uint8_t *of_codes) {
    for (size_t n = 0; n < graph->num_nodes; n++) {
        const rtvi_node *node = &graph->nodes[n];
        for (int32_t i = 0; i < node->num_inputs && rtvi_op_has_quantized_weight(node->op); i++) of_codes[node->inputs[i]] = 1;
    }
}

/* The constants that nodes read, as they are stored, by name. */
static int32_t collect_constants(parts *p, int32_t store, rtv_error *error) {
    const rtvi_graph *graph = p->source;
    int32_t *uses = rtvi_alloc(p->env, graph->num_values, sizeof *uses), status = RTV_OK;
    uint8_t *of_codes = rtvi_alloc_zero(p->env, graph->num_values, 1);
    p->entries = rtvi_alloc_zero(p->env, graph->num_values, sizeof *p->entries);
    p->blocks = rtvi_alloc_zero(p->env, graph->num_values, sizeof *p->blocks);
    if (uses && of_codes && p->entries && p->blocks) {
        rtvi_graph_count_uses(graph, uses);
        mark_codes(graph, of_codes);
    } else {
        status = rtvi_error_out_of_memory(error, "model", graph->num_values * sizeof *p->entries);
    }
    for (size_t v = 0; v < graph->num_values && status == RTV_OK; v++) {
        const rtvi_value *value = &graph->values[v];
        if (!value->is_constant || uses[v] == 0) continue;
        p->entries[p->num_entries++] = (rtvi_safetensors_entry){value->name, value->constant};
        status = convert(p, p->num_entries - 1, stored_dtype(value, store, of_codes[v]), error);
    }
    rtvi_free(p->env, uses);
    rtvi_free(p->env, of_codes);
    if (status == RTV_OK) qsort(p->entries, p->num_entries, sizeof *p->entries, by_name);
    return status;
}

static int32_t make_texts(parts *p, rtv_error *error) {
    p->graph.env = p->preprocess.env = p->class_names.env = p->env;
    rtvi_modelfile_graph_to_json(p->source, &p->graph);
    rtvi_modelfile_preprocess_to_json(&p->source->preprocess, &p->preprocess);
    rtvi_modelfile_class_names_to_json(p->source, &p->class_names);
    if (!p->graph.failed && !p->preprocess.failed && !p->class_names.failed) return RTV_OK;
    return rtvi_error_out_of_memory(error, "model", p->graph.size + p->preprocess.size + p->class_names.size);
}

static rtvi_modelfile_texts texts_of(const parts *p) {
    const rtvi_graph *graph = p->source;
    rtvi_modelfile_texts texts = {graph->name,
                                  graph->architecture ? graph->architecture : "",
                                  graph->descriptors ? graph->descriptors : "",
                                  p->graph.data,
                                  p->preprocess.data,
                                  graph->num_class_names > 0 ? p->class_names.data : NULL,
                                  graph->quantization};
    return texts;
}

static int32_t check_readable(const parts *p, rtv_error *error) {
    const rtvi_modelfile_texts texts = texts_of(p);
    rtvi_graph *copy;
    int32_t status = rtvi_modelfile_assemble(p->env, &texts, p->entries, p->num_entries, &copy, error);
    rtvi_graph_destroy(copy);
    return status;
}

static int32_t make_parts(parts *p, const rtvi_env *env, const rtvi_graph *graph, int32_t store, rtv_error *error) {
    int32_t status = rtvi_graph_verify(graph, error);
    memset(p, 0, sizeof *p);
    p->env = env;
    p->source = graph;
    if (status == RTV_OK && store != RTV_STORE_FLOAT32 && store != RTV_STORE_FLOAT16) {
        status = rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "model: store: got %d, expected an RTV_STORE_*", store);
    }
    if (status == RTV_OK) status = make_texts(p, error);
    if (status == RTV_OK) status = collect_constants(p, store, error);
    return status == RTV_OK ? check_readable(p, error) : status;
}

/* --- the fingerprint --- */

static void hash_number(crypto_hash_sha256_state *hash, uint64_t number) {
    uint8_t bytes[8];
    rtvi_store_le(bytes, number, sizeof bytes);
    crypto_hash_sha256_update(hash, bytes, sizeof bytes);
}

static void hash_bytes(crypto_hash_sha256_state *hash, const void *data, size_t size) {
    hash_number(hash, size);
    crypto_hash_sha256_update(hash, data, size);
}

static void hash_text(crypto_hash_sha256_state *hash, const char *text) { hash_bytes(hash, text, strlen(text)); }

/* Format and version, graph, preprocessing, then each tensor by name: name, dtype, dims, bytes. Every text and block of bytes with its
 * size before it, so that no two networks give the same stream. Libsodium's SHA-256 needs no initialising. */
static void make_fingerprint(const parts *p, rtvi_modelfile_info *info) {
    crypto_hash_sha256_state hash;
    uint8_t digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_init(&hash);
    hash_text(&hash, RTVI_MODELFILE_FORMAT);
    hash_number(&hash, RTVI_MODELFILE_VERSION);
    hash_text(&hash, p->graph.data);
    hash_text(&hash, p->preprocess.data);
    hash_number(&hash, p->num_entries);
    for (size_t i = 0; i < p->num_entries; i++) {
        const rtvi_tensor *tensor = &p->entries[i].tensor;
        hash_text(&hash, p->entries[i].name);
        hash_text(&hash, rtvi_dtype_name(tensor->dtype));
        hash_number(&hash, (uint64_t)tensor->rank);
        for (int32_t d = 0; d < tensor->rank; d++) hash_number(&hash, (uint64_t)tensor->dims[d]);
        hash_bytes(&hash, tensor->data, (size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype));
    }
    crypto_hash_sha256_final(&hash, digest);
    for (size_t i = 0; i < sizeof digest; i++) snprintf(info->fingerprint + 2 * i, 3, "%02x", digest[i]);
}

/* --- the file --- */

static void add_to_checksum(void *user, const void *data, size_t size) { XXH3_64bits_update(user, data, size); }

static int32_t write_parts(const parts *p, rtvi_writer *writer, const rtvi_modelfile_info *info, rtv_error *error) {
    const rtvi_modelfile_texts texts = texts_of(p);
    rtvi_safetensors_pair metadata[] = {
        {"format", RTVI_MODELFILE_FORMAT},
        {"version", RTVI_MODELFILE_VERSION_TEXT},
        {"checksum", RTVI_CHECKSUM_ZERO},
        {"fingerprint", info->fingerprint},
        {"name", texts.name},
        {"architecture", texts.architecture},
        {"descriptors", texts.descriptors},
        {"graph", texts.graph},
        {"preprocess", texts.preprocess},
        {"class_names", texts.class_names}, /* these two are left out when there are none */
        {"quantization", texts.quantization},
    };
    size_t num_metadata = 0;
    XXH3_state_t checksum;
    char digits[RTVI_CHECKSUM_DIGITS + 1];
    uint64_t at = 0;
    int32_t status;
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        if (metadata[i].value) metadata[num_metadata++] = metadata[i];
    }
    XXH3_64bits_reset(&checksum);
    status = rtvi_safetensors_write(p->env, writer, metadata, num_metadata, p->entries, p->num_entries, "checksum", &at, add_to_checksum,
                                    &checksum, error);
    if (status != RTV_OK) return status;
    rtvi_checksum_digits(XXH3_64bits_digest(&checksum), digits);
    return rtvi_writer_patch(writer, at + strlen(RTVI_CHECKSUM_PREFIX), digits, RTVI_CHECKSUM_DIGITS, error);
}

static int32_t write_file(const parts *p, const char *path, const rtvi_modelfile_info *info, rtv_error *error) {
    rtvi_writer *writer;
    int32_t status = rtvi_writer_open(p->env, "model", path, &writer, error);
    if (status != RTV_OK) return status;
    status = write_parts(p, writer, info, error);
    if (status == RTV_OK) return rtvi_writer_commit(writer, error);
    rtvi_writer_abort(writer);
    return status;
}

/* path NULL: only the fingerprint. */
static int32_t make_file(const rtvi_env *env, const rtvi_graph *graph, int32_t store, const char *path, rtvi_modelfile_info *info,
                         rtv_error *error) {
    rtv_error own;
    parts p;
    int32_t status;
    if (!error) error = &own;
    memset(info, 0, sizeof *info);
    status = make_parts(&p, env, graph, store, error);
    if (status == RTV_OK) {
        make_fingerprint(&p, info);
        if (path) status = write_file(&p, path, info, error);
    }
    destroy_parts(&p);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

int32_t rtvi_modelfile_write(const rtvi_env *env, const rtvi_graph *graph, int32_t store, const char *path, rtvi_modelfile_info *info,
                             rtv_error *error) {
    return make_file(env, graph, store, path, info, error);
}

int32_t rtvi_modelfile_fingerprint(const rtvi_env *env, const rtvi_graph *graph, int32_t store, rtvi_modelfile_info *info,
                                   rtv_error *error) {
    return make_file(env, graph, store, NULL, info, error);
}
