/* quant_maker.h - a float model's graph, samples and settings: everything that a quantized graph is made of, kept for the next one. */
#ifndef RTVI_QUANT_MAKER_H
#define RTVI_QUANT_MAKER_H

#include <retrieve/quantizer.h>

#include "quant/quant_graph.h"
#include "quant/quant_work.h"

typedef struct rtvi_quant_maker {
    const rtvi_env *env;
    rtvi_team *team;
    int32_t executor;
    const rtvi_graph *source; /* the model's, before any pass */
    rtv_quantizer_options options;
    rtvi_graph *graph; /* of the options: folded, fused */
    rtvi_quant_choices choices;
    rtvi_quant_rounded *rounded; /* [graph->num_nodes] */
    rtvi_quant_layer *layers;    /* [graph->num_nodes] */
    rtvi_quant_sample *samples;  /* [num_samples] */
    size_t num_samples, cap_samples;
    rtvi_quant_stats *stats; /* or NULL */
    int64_t stats_samples;   /* that stats are of */
    int32_t stats_are_given; /* 1: loaded; samples without data are known by their hashes */
} rtvi_quant_maker;

/* Zero it before. source and what the options point to must outlive the maker, or the options the next configure. Errors: as
 * rtvi_quant_choices_check, rtvi_quant_scope_match, rtvi_quant_plan_check; STATE for options that the loaded statistics are not of. */
int32_t rtvi_quant_maker_configure(rtvi_quant_maker *maker, const rtv_quantizer_options *options, rtv_error *error);
void rtvi_quant_maker_destroy(rtvi_quant_maker *maker);

/* Room for so many more samples: LIMIT, OUT_OF_MEMORY. Nothing is needed with loaded statistics. */
int32_t rtvi_quant_maker_reserve(rtvi_quant_maker *maker, size_t count, rtv_error *error);
/* Takes a packed sample over, for which there is room. With loaded statistics it takes the place that has its hash; MISMATCH when there is
 * none: the sample stays the caller's. */
int32_t rtvi_quant_maker_add(rtvi_quant_maker *maker, const rtvi_quant_sample *sample, rtv_error *error);

/* Takes loaded statistics over, with the hashes of their samples. STATE when there are samples already. */
int32_t rtvi_quant_maker_give(rtvi_quant_maker *maker, rtvi_quant_stats *stats, const uint64_t *hashes, size_t count, rtv_error *error);
/* maker->stats, complete for the options. */
int32_t rtvi_quant_maker_collect(rtvi_quant_maker *maker, rtv_error *error);

/* *quantized owns its constants. rows[graph->num_nodes] (texts live until the next configure). */
int32_t rtvi_quant_maker_finish(rtvi_quant_maker *maker, rtvi_graph **quantized, rtvi_quant_report_row *rows, rtv_error *error);

#endif
