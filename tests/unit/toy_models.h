/* toy_models.h - the toy checkpoints of tests/golden/models with their inputs and PyTorch's results. Include support.h first. */
#ifndef TESTS_TOY_MODELS_H
#define TESTS_TOY_MODELS_H

#include <cjson/cJSON.h>
#include <math.h>

#include <retrieve/model.h>

#define TOY_MAX_CASES 32
#define TOY_MAX_DIM 256
#define TOY_TOLERANCE 1e-5 /* of the largest value: ten times what float32 in PyTorch differs from the float64 results stored */

typedef struct toy_case {
    char model[64]; /* the file in golden/models */
    char architecture[32];
    char descriptors[8];
    int32_t layer3_stride;
    int32_t input_height, input_width;
    int32_t dim, classes;
    double descriptor[TOY_MAX_DIM]; /* [dim] */
    double logits[TOY_MAX_DIM];     /* [classes] */
} toy_case;

static inline int32_t toy_numbers(const cJSON *entry, const char *name, double *values) {
    int32_t count = 0;
    for (const cJSON *item = cJSON_GetObjectItem(entry, name)->child; item; item = item->next) values[count++] = item->valuedouble;
    return count;
}

static inline void toy_text(const cJSON *entry, const char *name, char *text, size_t capacity) {
    const char *value = cJSON_GetStringValue(cJSON_GetObjectItem(entry, name));
    snprintf(text, capacity, "%s", value ? value : "");
}

static inline int32_t toy_integer(const cJSON *entry, const char *name) {
    const cJSON *value = cJSON_GetObjectItem(entry, name);
    return value ? value->valueint : 0;
}

/* All entries of a file in golden/models into cases[TOY_MAX_CASES]; returns how many. */
static inline int32_t toy_read_file(const char *file, toy_case *cases) {
    size_t size;
    int32_t count = 0;
    uint8_t *text = test_read_file(test_golden(file), &size);
    cJSON *list = cJSON_ParseWithLength((const char *)text, size);
    assert_non_null(list);
    assert_in_range(cJSON_GetArraySize(list), 1, TOY_MAX_CASES);
    for (const cJSON *entry = list->child; entry; entry = entry->next) {
        toy_case *c = &cases[count++];
        toy_text(entry, "model", c->model, sizeof c->model);
        toy_text(entry, "architecture", c->architecture, sizeof c->architecture);
        toy_text(entry, "descriptors", c->descriptors, sizeof c->descriptors);
        c->layer3_stride = toy_integer(entry, "layer3_stride");
        c->input_height = toy_integer(entry, "input_height");
        c->input_width = toy_integer(entry, "input_width");
        c->dim = toy_numbers(entry, "descriptor", c->descriptor);
        c->classes = toy_numbers(entry, "logits", c->logits);
    }
    cJSON_Delete(list);
    free(text);
    return count;
}

static inline int32_t toy_read_cases(toy_case *cases) { return toy_read_file("models/expected.json", cases); }

/* The options to import a case with; they point into it. */
static inline void toy_import_options(const toy_case *c, rtv_import_options *options) {
    rtv_import_options_init(options);
    options->architecture = c->architecture;
    options->descriptors = c->descriptors[0] ? c->descriptors : NULL;
    options->layer3_stride = c->layer3_stride;
    options->input_height = c->input_height;
    options->input_width = c->input_width;
}

/* The hash and the noise of golden/models/README.md. */
static inline uint32_t toy_hash_at(uint32_t i) {
    uint32_t h = i * 2654435761u;
    h = (h ^ h >> 15) * 2246822519u;
    h = (h ^ h >> 13) * 3266489917u;
    return h ^ h >> 16;
}

static inline float toy_noise_at(uint32_t i) { return (float)((double)(toy_hash_at(i) >> 8) / 4194304.0 - 2.0); }

static inline void toy_noise(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = toy_noise_at((uint32_t)i);
}

/* values[count] against PyTorch's. */
static inline void toy_assert_close(const char *what, const float *values, const double *expected, int32_t count) {
    double largest = 0;
    for (int32_t i = 0; i < count; i++) largest = fmax(largest, fabs(expected[i]));
    for (int32_t i = 0; i < count; i++) {
        if (!(fabs((double)values[i] - expected[i]) <= TOY_TOLERANCE * largest))
            fail_msg("%s[%d]: got %.9g, expected %.9g", what, i, (double)values[i], expected[i]);
    }
}

#endif
