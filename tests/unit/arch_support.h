/* arch_support.h - toy checkpoints opened as they are, or changed tensor by tensor on the way. Include support.h and toy_models.h first. */
#ifndef TESTS_ARCH_SUPPORT_H
#define TESTS_ARCH_SUPPORT_H

#include "arch/arch.h"
#include "weights/safetensors.h"

/* The checkpoint's own environment, so that failing allocations of a builder leave it alone. */
typedef struct arch_world {
    rtvi_env env, weights_env;
    test_heap heap, weights_heap;
} arch_world;

static inline void arch_world_init(arch_world *w) {
    test_env_init(&w->env, &w->heap);
    test_env_init(&w->weights_env, &w->weights_heap);
}

static inline void arch_world_destroy(arch_world *w) {
    assert_int_equal(w->heap.live, 0);
    assert_int_equal(w->weights_heap.live, 0);
    rtvi_env_destroy(&w->env);
    rtvi_env_destroy(&w->weights_env);
}

static inline rtvi_weights *arch_open_path(arch_world *w, const char *path) {
    rtvi_source source;
    rtvi_weights *weights;
    rtv_error error;
    if (rtvi_source_open(&w->weights_env, "weights", path, &source, &error) != RTV_OK) fail_msg("%s", error.message);
    if (rtvi_weights_read(&source, &weights, &error) != RTV_OK) fail_msg("%s", error.message);
    return weights;
}

static inline rtvi_weights *arch_open(arch_world *w, const char *model) {
    char name[128];
    snprintf(name, sizeof name, "models/%s", model);
    return arch_open_path(w, test_golden(name));
}

/* May write another name (128 bytes) and change the tensor; 0 leaves the tensor out. */
typedef int (*arch_change)(char *name, rtvi_tensor *tensor);

/* A checkpoint written anew as safetensors with every tensor passed through change. */
static inline rtvi_weights *arch_open_changed(arch_world *w, const char *model, arch_change change) {
    enum { MAX_TENSORS = 512 };
    static rtvi_safetensors_entry entries[MAX_TENSORS];
    static char names[MAX_TENSORS][128];
    char folder[64], path[128];
    rtvi_weights *weights = arch_open(w, model), *changed;
    rtvi_writer *writer;
    size_t count = 0;
    assert_in_range(rtvi_weights_count(weights), 1, MAX_TENSORS);
    for (size_t i = 0; i < rtvi_weights_count(weights); i++) {
        snprintf(names[count], sizeof names[count], "%s", rtvi_weights_at(weights, i)->name);
        entries[count].name = names[count];
        entries[count].tensor = rtvi_weights_at(weights, i)->tensor;
        if (change(names[count], &entries[count].tensor)) count++;
    }
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/changed.safetensors", folder);
    assert_int_equal(rtvi_writer_open(&w->weights_env, "test", path, &writer, NULL), RTV_OK);
    assert_int_equal(rtvi_safetensors_write(&w->weights_env, writer, NULL, 0, entries, count, NULL, NULL, NULL, NULL, NULL), RTV_OK);
    assert_int_equal(rtvi_writer_commit(writer, NULL), RTV_OK);
    rtvi_weights_close(weights);
    changed = arch_open_path(w, path); /* stays mapped when the file's name is gone */
    test_folder_remove(folder);
    return changed;
}

/* Options for a small picture. */
static inline rtv_import_options arch_options(const char *descriptors) {
    rtv_import_options options;
    rtv_import_options_init(&options);
    options.descriptors = descriptors;
    options.input_width = options.input_height = 32;
    return options;
}

static inline void arch_fuse(rtvi_graph *graph) {
    rtv_error error;
    assert_int_equal(rtvi_pass_fold_batch_norm(graph, &error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_residual(graph, &error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(graph, &error), RTV_OK);
}

#endif
