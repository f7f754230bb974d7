/* api_provenance.h - where a quantized model comes from: the JSON beside its graph (docs/formats.md). */
#ifndef RTVI_API_PROVENANCE_H
#define RTVI_API_PROVENANCE_H

#include "api/api_settings.h"
#include "graph/graph.h"
#include "quant/quant_maker.h"

/* Sets the quantization text of a graph that maker has just finished. */
int32_t rtvi_provenance_write(const rtvi_quant_maker *maker, const char *parent, const rtvi_quant_report_row *rows, rtvi_graph *quantized,
                              rtv_error *error);

/* What is read of it again; what a foreign file lacks is empty. */
typedef struct rtvi_provenance {
    void *root;         /* parsed */
    const char *parent; /* fingerprint, or "" */
    int64_t samples;
} rtvi_provenance;

/* Of any graph: a float one has none. For rtvi_provenance_close in any case. */
void rtvi_provenance_open(const rtvi_graph *graph, rtvi_provenance *provenance);
void rtvi_provenance_close(rtvi_provenance *provenance);
/* 1 when a picture of this hash was among the samples. */
int rtvi_provenance_has_picture(const rtvi_provenance *provenance, uint64_t hash);

typedef struct rtvi_provenance_layer {
    const char *why; /* "" when nothing is known */
    int64_t pairs_mended;
    double weight_snr_db;
} rtvi_provenance_layer;
rtvi_provenance_layer rtvi_provenance_find_layer(const rtvi_provenance *provenance, const char *name);

/* --- statistics in a file, bound to the model of that fingerprint (api_statistics.c) --- */
int32_t rtvi_statistics_save(const rtvi_quant_maker *maker, const char *fingerprint, const char *path, rtv_error *error);
int32_t rtvi_statistics_load(rtvi_quant_maker *maker, const char *fingerprint, const char *path, rtv_error *error);

#endif
