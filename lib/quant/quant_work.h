/* quant_work.h - one quantization on its way: what each of its stages needs from those before it.
 *   quant_collect  statistics of the float network's values, ranges
 *   quant_layers   weights as codes
 *   quant_correct  biases */
#ifndef RTVI_QUANT_WORK_H
#define RTVI_QUANT_WORK_H

#include "quant/quant_choices.h"
#include "quant/quant_plan.h"
#include "quant/quant_runner.h"
#include "quant/quant_weights.h"

/* A layer's weights, kept from one quantization to the next: they stay good while nothing they depend on changes. */
typedef struct rtvi_quant_layer {
    int32_t is_rounded;
    rtvi_code_type reads;
    int32_t weights; /* RTV_WEIGHTS_* */
    int32_t centered;
    int64_t moment_samples; /* 0 when nothing was compensated */
    float *bias;            /* [outputs] before correction */
} rtvi_quant_layer;

typedef struct rtvi_quant_work {
    const rtvi_env *env;
    rtvi_team *team;
    int32_t executor;
    const rtvi_graph *graph; /* float, folded and fused */
    const rtvi_quant_choices *choices;
    const rtvi_quant_sample *samples; /* [num_samples] */
    int64_t num_samples;
    const int64_t *moment_numbers; /* [num_moments] samples that passes after the first look at; all of them are there */
    int64_t num_moments;
    rtvi_quant_runner *runner; /* of graph, made when the first pass asks: rtvi_quant_work_runner */
    rtvi_quant_stats *stats;
    const rtvi_quant_plan *plan;
    rtvi_quant_rounded *rounded; /* [num_nodes] */
    rtvi_quant_layer *layers;    /* [num_nodes] */
    rtvi_quant_progress progress;
} rtvi_quant_work;

/* work->runner, compiled. */
int32_t rtvi_quant_work_runner(rtvi_quant_work *work, rtv_error *error);

/* --- quant_collect.c --- */
/* 1 when stats hold all that the choices need. stats may be NULL. */
int rtvi_quant_collect_is_complete(const rtvi_graph *graph, const rtvi_quant_choices *choices, const rtvi_quant_stats *stats);
/* work->stats anew, of all samples; numbers[num_samples] counts from 0. */
int32_t rtvi_quant_collect_run(rtvi_quant_work *work, const int64_t *numbers, rtv_error *error);
/* ranges[num_values], lo > hi where nothing is known; presets[num_values]. */
int32_t rtvi_quant_collect_ranges(const rtvi_quant_work *work, rtvi_quant_range *ranges, rtvi_quant_preset *presets, rtv_error *error);

/* --- quant_layers.c --- */
/* Rounds the weights of every layer that the plan has in int8 and that is not rounded in the same way already. */
int32_t rtvi_quant_layers_round(rtvi_quant_work *work, rtv_error *error);
/* Whether what is left to do looks at pictures: moments of layers that are not rounded yet, full bias correction. */
int rtvi_quant_layers_need_pictures(const rtvi_quant_work *work);
void rtvi_quant_layers_destroy(const rtvi_env *env, rtvi_quant_rounded *rounded, rtvi_quant_layer *layers, size_t count);

/* --- quant_correct.c --- */
/* Biases from those before correction, as the choices have it. */
int32_t rtvi_quant_correct_run(rtvi_quant_work *work, rtv_error *error);

#endif
