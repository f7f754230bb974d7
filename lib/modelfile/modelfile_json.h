/* modelfile_json.h - graph and preprocessing as JSON: one canonical text for one network, since the fingerprint is taken over it. */
#ifndef RTVI_MODELFILE_JSON_H
#define RTVI_MODELFILE_JSON_H

#include "graph/graph.h"
#include "weights/safetensors.h"

#define RTVI_MODELFILE_FORMAT "libretrieve model"
#define RTVI_MODELFILE_VERSION 1
#define RTVI_MODELFILE_VERSION_TEXT "1"
#define RTVI_MODELFILE_MAX_JSON (4 << 20) /* bytes of one text: a hundred times ResNet-50's; bounds what parsing may allocate */
#define RTVI_MODELFILE_MAX_NAME 512       /* bytes of a name */

/* --- modelfile_text.c: text that grows. A failed allocation is remembered in failed, what follows does nothing. --- */
typedef struct rtvi_text {
    const rtvi_env *env;
    char *data; /* ends with NUL once something was added */
    size_t size, capacity;
    int failed;
} rtvi_text;

void rtvi_text_add(rtvi_text *text, const char *raw);
void rtvi_text_add_int(rtvi_text *text, int64_t value);
/* The shortest decimal that reads back as the same float, with a point whatever the locale. */
void rtvi_text_add_float(rtvi_text *text, float value);
/* In quotes, with " and \ and control characters escaped. */
void rtvi_text_add_string(rtvi_text *text, const char *string);
void rtvi_text_destroy(rtvi_text *text);

/* 1..RTVI_MODELFILE_MAX_NAME bytes of well-formed UTF-8 without control characters. */
int rtvi_text_is_name(const char *name);

/* --- modelfile_json_write.c --- */
void rtvi_modelfile_graph_to_json(const rtvi_graph *graph, rtvi_text *text);
void rtvi_modelfile_preprocess_to_json(const rtvi_preprocess *how, rtvi_text *text);
void rtvi_modelfile_class_names_to_json(const rtvi_graph *graph, rtvi_text *text);
/* "squash"; NULL for a number that is none. And back: 0 for a name that is none. */
const char *rtvi_modelfile_resize_name(int32_t resize);
int32_t rtvi_modelfile_resize_from_name(const char *name);
const char *rtvi_modelfile_role_name(rtvi_role role);
rtvi_role rtvi_modelfile_role_from_name(const char *name);

/* --- modelfile_json_graph.c, modelfile_json_preprocess.c: everything is checked; error is not NULL. --- */
/* Adds input, constants (each of entries[] exactly once), nodes and outputs to an empty graph. */
int32_t rtvi_modelfile_graph_from_json(const char *json, const rtvi_safetensors_entry *entries, size_t num_entries, rtvi_graph *graph,
                                       rtv_error *error);
/* Fields that the way of resizing does not use become 0. */
int32_t rtvi_modelfile_preprocess_from_json(const char *json, rtvi_preprocess *how, rtv_error *error);
int32_t rtvi_modelfile_class_names_from_json(const char *json, rtvi_graph *graph, rtv_error *error);

/* --- modelfile_assemble.c: the parts of a file as texts; class_names and quantization may be NULL. The graph is verified. error is not
 * NULL. --- */
typedef struct rtvi_modelfile_texts {
    const char *name, *architecture, *descriptors, *graph, *preprocess, *class_names, *quantization;
} rtvi_modelfile_texts;

int32_t rtvi_modelfile_assemble(const rtvi_env *env, const rtvi_modelfile_texts *texts, const rtvi_safetensors_entry *entries,
                                size_t num_entries, rtvi_graph **graph, rtv_error *error);

#endif
