/* flat_stream.c - every pair of a query and a row with at least some score: a pass over the codes, a wave of items of rows at a time. All
 * pairs of an item have room; they are scored by the lane that met them, and told when the wave is done. */
#include "index/flat_stream.h"

#include <stdlib.h>
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_state.h"

#define WAVE_BYTES ((size_t)4 << 20) /* for pairs, unless two items for each lane need more */

static void keep_events(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count, const rtvi_scan_block *block) {
    rtvi_stream *s = arg;
    const size_t item = (block->place - s->pass.first_row) / s->pass.rows_per_item - s->pass.base_item;
    (void)lane;
    for (size_t i = 0; i < count; i++) {
        const size_t query = first + events[i].query;
        if (!rtvi_pass_meets(&s->pass, query, block->place + events[i].row)) continue;
        s->pairs[item * s->room + s->count[item]++] = (rtvi_near){(uint32_t)query, block->numbers[events[i].row], 0};
    }
}

static int by_place(const void *a, const void *b) {
    const rtvi_near *x = a, *y = b;
    if (x->query != y->query) return x->query < y->query ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Canonical scores for pairs of one query. */
static void score_pairs(const rtvi_stream *s, size_t lane, rtvi_near *pairs, size_t count) {
    double *panel = s->panels + lane * s->panel_size;
    rtvi_dot_pack(rtvi_pass_query(&s->pass, pairs[0].query), 1, s->pass.rows->dim, panel);
    for (size_t first = 0; first < count; first += RTVI_SCORE_ROWS) {
        const size_t part = rtvi_least(count - first, RTVI_SCORE_ROWS);
        size_t numbers[RTVI_SCORE_ROWS];
        float scores[RTVI_SCORE_ROWS];
        for (size_t i = 0; i < part; i++) numbers[i] = pairs[first + i].row;
        rtvi_score_rows(s->pass.rows, s->pass.flat->env->isa, panel, 1, numbers, part, scores, RTVI_SCORE_ROWS,
                        s->scratch_size ? s->scratch + lane * s->scratch_size : NULL);
        for (size_t i = 0; i < part; i++) pairs[first + i].score = scores[i];
    }
}

static void settle_item(void *arg, size_t lane, size_t number) {
    rtvi_stream *s = arg;
    const size_t item = number - s->pass.base_item, count = s->count[item];
    rtvi_near *pairs = s->pairs + item * s->room;
    size_t kept = 0;
    qsort(pairs, count, sizeof *pairs, by_place);
    for (size_t i = 0, last; i < count; i = last) {
        for (last = i; last < count && pairs[last].query == pairs[i].query;) last++;
        score_pairs(s, lane, pairs + i, last - i);
    }
    for (size_t i = 0; i < count; i++)
        if (pairs[i].score >= s->pass.limit) pairs[kept++] = pairs[i];
    s->count[item] = kept;
}

static int32_t tell_wave(void *arg, size_t first_item, size_t items, rtv_error *error) {
    rtvi_stream *s = arg;
    int32_t status = RTV_OK;
    (void)first_item;
    for (size_t item = 0; item < items && status == RTV_OK; item++) {
        if (s->count[item] > 0) status = s->tell(s->arg, s->pairs + item * s->room, s->count[item], error);
        s->count[item] = 0;
    }
    return status;
}

static int32_t end_block(void *arg, rtv_error *error) {
    const rtvi_stream *s = arg;
    return s->end ? s->end(s->arg, error) : RTV_OK;
}

static void lay_out(rtvi_stream *s, rtvi_arena *a) {
    s->pairs = rtvi_arena_carve(a, s->pass.wave, s->room, sizeof *s->pairs);
    s->count = rtvi_arena_carve(a, s->pass.wave, 1, sizeof *s->count);
    s->panels = rtvi_arena_carve(a, s->pass.lanes, s->panel_size, sizeof *s->panels);
    s->scratch = rtvi_arena_carve(a, s->pass.lanes, s->scratch_size, sizeof *s->scratch);
}

static void plan(rtvi_stream *s) {
    rtvi_pass *p = &s->pass;
    size_t all, fitting;
    p->arg = s;
    p->take = keep_events;
    p->item_done = settle_item;
    p->wave_done = tell_wave;
    p->end = end_block;
    p->max_queries = p->max_queries ? rtvi_least(p->max_queries, RTVI_STREAM_QUERIES) : RTVI_STREAM_QUERIES;
    rtvi_pass_init(p);
    all = rtvi_divide_up(p->num_rows, p->rows_per_item);
    s->room = p->max_queries * p->rows_per_item;
    fitting = WAVE_BYTES / (s->room * sizeof *s->pairs);
    p->wave = rtvi_least(fitting > 2 * p->lanes ? fitting : 2 * p->lanes, all ? all : 1);
    s->panel_size = (rtvi_dot_panel_size(1, p->rows->dim) + 7) / 8 * 8; /* panels are aligned to 64 bytes */
    s->scratch_size = rtvi_score_scratch(p->rows);
}

int32_t rtvi_stream_run(rtvi_stream *s, rtv_error *error) {
    rtvi_arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    int32_t status;
    plan(s);
    lay_out(s, &measure);
    if (!measure.overflow) real.base = rtvi_alloc(s->pass.flat->env, measure.used, 1);
    if (!real.base) return rtvi_error_out_of_memory(error, "index", measure.used);
    lay_out(s, &real);
    memset(s->count, 0, s->pass.wave * sizeof *s->count);
    status = rtvi_pass_run(&s->pass, error);
    rtvi_free(s->pass.flat->env, real.base);
    return status;
}
