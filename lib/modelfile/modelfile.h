/* modelfile.h - our model file: a safetensors container with graph and preprocessing as JSON in its metadata. docs/formats.md */
#ifndef RTVI_MODELFILE_H
#define RTVI_MODELFILE_H

#include <retrieve/model.h>

#include "base/base_file.h"
#include "graph/graph.h"

typedef struct rtvi_modelfile_info {
    char fingerprint[RTV_FINGERPRINT_CHARS + 1];
} rtvi_modelfile_info;

/* The graph's constants point into the source's bytes, which must outlive it. Verifies checksum, graph and preprocessing. */
int32_t rtvi_modelfile_read(const rtvi_env *env, const rtvi_source *source, rtvi_graph **graph, rtvi_modelfile_info *info,
                            rtv_error *error);
/* 1 when the bytes are a model file of any version, damaged or not; 0 for everything else. */
int rtvi_modelfile_recognizes(const rtvi_env *env, const rtvi_source *source);

/* store: RTV_STORE_FLOAT32 writes every constant as float32, RTV_STORE_FLOAT16 as float16, rounded to nearest even; a value that float16
 * has no room for is refused (UNSUPPORTED, naming the tensor). One graph gives one file, bit for bit. */
int32_t rtvi_modelfile_write(const rtvi_env *env, const rtvi_graph *graph, int32_t store, const char *path, rtvi_modelfile_info *info,
                             rtv_error *error);
/* What a write would give. */
int32_t rtvi_modelfile_fingerprint(const rtvi_env *env, const rtvi_graph *graph, int32_t store, rtvi_modelfile_info *info,
                                   rtv_error *error);

#endif
