/* modelfile_support.h - model files for tests: opened, and forged with a right checksum over wrong contents. Include support.h first. */
#ifndef TESTS_MODELFILE_SUPPORT_H
#define TESTS_MODELFILE_SUPPORT_H

#include "modelfile/modelfile.h"
#include "modelfile/modelfile_checksum.h"
#include "weights/safetensors.h"

#define TOY_FILE "modelfile/toy_v1.safetensors"

/* A graph with the source that its constants point into. */
typedef struct model_fixture {
    test_heap heap;
    rtvi_env env;
    rtvi_source source;
    rtvi_graph *graph;
    rtvi_modelfile_info info;
    rtv_error error;
} model_fixture;

static inline int32_t model_open(model_fixture *m, const char *path) {
    int32_t status;
    memset(m, 0, sizeof *m);
    test_env_init(&m->env, &m->heap);
    status = rtvi_source_open(&m->env, "model", path, &m->source, &m->error);
    if (status == RTV_OK) status = rtvi_modelfile_read(&m->env, &m->source, &m->graph, &m->info, &m->error);
    assert_int_equal(status, m->error.status);
    if (status != RTV_OK) assert_null(m->graph);
    return status;
}

static inline void model_close(model_fixture *m) {
    rtvi_graph_destroy(m->graph);
    rtvi_source_close(&m->source);
    assert_int_equal(m->heap.live, 0);
    rtvi_env_destroy(&m->env);
}

/* What to change in the toy file; NULL at what stays. */
typedef struct forgery {
    const char *key, *value;                    /* this pair of the metadata; value NULL: without it */
    const char *part, *replacement;             /* in place of value: the first `part` in the pair's text */
    const char *tensor, *new_name;              /* this tensor gets another name; new_name NULL: without it */
    const rtvi_safetensors_entry *extra_tensor; /* one more */
    const char *zeroed;                         /* tensors whose names begin so are all 0 */
} forgery;

static inline char *forge_text(const char *text, const char *part, const char *replacement) {
    const char *at = strstr(text, part);
    size_t size = strlen(text) + strlen(replacement) + 1;
    char *out = malloc(size);
    assert_non_null(at);
    assert_non_null(out);
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, replacement, at + strlen(part));
    return out;
}

static inline void forge_visit(void *user, const void *data, size_t size) { XXH3_64bits_update(user, data, size); }

static inline void forge_write(const rtvi_env *env, const char *path, const rtvi_safetensors_pair *pairs, size_t num_pairs,
                               const rtvi_safetensors_entry *entries, size_t num_entries) {
    XXH3_state_t checksum;
    rtvi_writer *writer;
    rtv_error error;
    char digits[RTVI_CHECKSUM_DIGITS + 1];
    uint64_t at = 0;
    XXH3_64bits_reset(&checksum);
    assert_int_equal(rtvi_writer_open(env, "test", path, &writer, &error), RTV_OK);
    assert_int_equal(
        rtvi_safetensors_write(env, writer, pairs, num_pairs, entries, num_entries, "checksum", &at, forge_visit, &checksum, &error),
        RTV_OK);
    if (at > 0) {
        rtvi_checksum_digits(XXH3_64bits_digest(&checksum), digits);
        assert_int_equal(rtvi_writer_patch(writer, at + strlen(RTVI_CHECKSUM_PREFIX), digits, RTVI_CHECKSUM_DIGITS, &error), RTV_OK);
    }
    assert_int_equal(rtvi_writer_commit(writer, &error), RTV_OK);
}

/* Writes the toy file with the change. */
static inline void forge(const char *path, const forgery *f) {
    static const float zeros[1024]; /* more than any tensor of the toy */
    rtvi_env env;
    test_heap heap;
    rtvi_source source;
    rtvi_safetensors file;
    rtv_error error;
    rtvi_safetensors_pair pairs[16];
    rtvi_safetensors_entry entries[32];
    size_t num_pairs = 0, num_entries = 0;
    char *text = NULL;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_source_open(&env, "test", test_golden(TOY_FILE), &source, &error), RTV_OK);
    assert_int_equal(rtvi_safetensors_parse(&env, "test", source.data, source.size, &file, &error), RTV_OK);
    for (size_t i = 0; i < file.num_metadata; i++) {
        rtvi_safetensors_pair pair = file.metadata[i];
        if (strcmp(pair.key, "checksum") == 0) pair.value = RTVI_CHECKSUM_ZERO;
        if (f->key && strcmp(pair.key, f->key) == 0) {
            if (f->part) text = forge_text(pair.value, f->part, f->replacement);
            pair.value = f->part ? text : f->value;
            if (!pair.value) continue;
        }
        pairs[num_pairs++] = pair;
    }
    for (size_t i = 0; i < file.num_entries; i++) {
        rtvi_safetensors_entry entry = file.entries[i];
        if (f->tensor && strcmp(entry.name, f->tensor) == 0) entry.name = f->new_name;
        if (f->zeroed && strncmp(entry.name, f->zeroed, strlen(f->zeroed)) == 0) entry.tensor.data = (void *)(uintptr_t)zeros;
        if (entry.name) entries[num_entries++] = entry;
    }
    if (f->extra_tensor) entries[num_entries++] = *f->extra_tensor;
    forge_write(&env, path, pairs, num_pairs, entries, num_entries);
    free(text);
    rtvi_safetensors_destroy(&file);
    rtvi_source_close(&source);
    rtvi_env_destroy(&env);
}

#endif
