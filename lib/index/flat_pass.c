/* flat_pass.c - many queries against all rows, a block of queries at a time. */
#include "index/flat_pass.h"

#include <string.h>

#include "base/base_arithmetic.h"
#include "index/flat_score.h"
#include "index/flat_state.h"

#define ROWS_PER_ITEM (8 * RTVI_COARSE_ROWS)
#define ITEMS_PER_WAVE 256 /* unless the caller says; then progress is told, too */

int32_t rtvi_pass_open(rtvi_pass *p, rtvi_flat *flat, rtvi_team *team, const rtv_search_options *options, rtv_error *error) {
    int32_t status;
    *p = (rtvi_pass){.flat = flat,
                     .team = team,
                     .rows = rtvi_flat_rows_take(flat),
                     .filter = &p->made,
                     .limit = options->min_score,
                     .progress = options->progress,
                     .progress_user = options->progress_user};
    status = rtvi_filter_init(flat, p->rows, options, NULL, 0, &p->made, error);
    if (status != RTV_OK) rtvi_flat_rows_give(flat, p->rows);
    return status;
}

void rtvi_pass_close(rtvi_pass *p) {
    rtvi_filter_destroy(p->flat, &p->made);
    rtvi_flat_rows_give(p->flat, p->rows);
}

void rtvi_pass_init(rtvi_pass *p) {
    p->lanes = p->team ? (size_t)rtvi_team_threads(p->team) : 1;
    p->max_queries = rtvi_least(p->max_queries, p->count ? p->count : 1);
    p->rows_per_item = ROWS_PER_ITEM;
    rtvi_scan_init(&p->scan, p->rows, p->filter, p->flat->env->isa, p->max_queries, p->lanes);
    p->num_rows = p->vectors ? p->rows->num_rows : p->count;
}

typedef struct shared {
    rtvi_item_fn task;
    void *arg;
} shared;

static void run_shared(void *arg, int64_t item, int32_t lane) {
    const shared *s = arg;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    s->task(s->arg, item, lane);
    rtvi_arithmetic_restore(&before);
}

int32_t rtvi_pass_share(const rtvi_pass *p, rtvi_item_fn task, void *arg, size_t count, rtv_error *error) {
    shared s = {task, arg};
    if (p->team) return rtvi_team_run_many(p->team, run_shared, &s, (int64_t)count, NULL, NULL, error);
    for (size_t i = 0; i < count; i++) run_shared(&s, (int64_t)i, 0);
    return RTV_OK;
}

static void scan_item(void *arg, int64_t item, int32_t lane) {
    rtvi_pass *p = arg;
    const size_t number = p->base_item + (size_t)item, first = p->first_row + number * p->rows_per_item;
    rtvi_scan_run(&p->scan, (size_t)lane, first, rtvi_least(first + p->rows_per_item, p->num_rows), p->take, p->arg);
    if (p->item_done) p->item_done(p->arg, (size_t)lane, number);
}

static void begin_block(rtvi_pass *p) {
    const size_t dim = p->rows->dim;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    for (size_t q = 0; !p->vectors && q < p->num_queries; q++) rtvi_score_vector(p->rows, p->numbers[p->first + q], p->own + q * dim);
    rtvi_scan_set_queries(&p->scan, rtvi_pass_query(p, 0), p->num_queries, p->limit);
    rtvi_arithmetic_restore(&before);
    p->first_row = p->vectors ? 0 : p->first;
    p->num_items = rtvi_divide_up(p->num_rows - p->first_row, p->rows_per_item);
}

/* Of this block's queries, some are told to be done when that share of the rows is. */
static int32_t tell_progress(const rtvi_pass *p, size_t done_items, rtv_error *error) {
    const size_t done = p->num_items ? (size_t)((double)p->num_queries * (double)done_items / (double)p->num_items) : p->num_queries;
    if (!p->progress || p->progress(p->progress_user, (int64_t)(p->first + done), (int64_t)p->count) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
}

static int32_t run_block(rtvi_pass *p, rtv_error *error) {
    const size_t wave = p->wave ? p->wave : ITEMS_PER_WAVE;
    int32_t status = p->begin ? p->begin(p->arg, error) : RTV_OK;
    for (p->base_item = 0; p->base_item < p->num_items && status == RTV_OK; p->base_item += wave) {
        const size_t items = rtvi_least(wave, p->num_items - p->base_item), done = p->base_item + items;
        status = rtvi_pass_share(p, scan_item, p, items, error);
        if (status == RTV_OK && p->wave_done) status = p->wave_done(p->arg, p->base_item, items, error);
        if (status == RTV_OK && done < p->num_items) status = tell_progress(p, done, error);
    }
    if (status == RTV_OK && p->end) status = p->end(p->arg, error);
    return status;
}

static int32_t run_blocks(rtvi_pass *p, rtv_error *error) {
    int32_t status = RTV_OK;
    for (p->first = 0; p->first < p->count && status == RTV_OK; p->first += p->num_queries) {
        p->num_queries = rtvi_least(p->max_queries, p->count - p->first);
        begin_block(p);
        status = run_block(p, error);
        if (status == RTV_OK) status = tell_progress(p, p->num_items, error);
    }
    return status;
}

static void lay_out(rtvi_pass *p, rtvi_arena *arena) {
    rtvi_scan_lay_out(&p->scan, arena);
    p->own = p->vectors ? NULL : rtvi_arena_carve(arena, p->max_queries, p->rows->dim, sizeof *p->own);
}

int32_t rtvi_pass_run(rtvi_pass *p, rtv_error *error) {
    rtvi_arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    int32_t status;
    if (p->count == 0) return RTV_OK;
    if (p->rows->num_rows > UINT32_MAX)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: rows: got %zu, expected at most %u", p->rows->num_rows, UINT32_MAX);
    p->scan.order = p->vectors ? NULL : p->numbers;
    p->scan.copies_records = p->scattered && rtvi_coarse_wants_side_by_side(p->flat->env->isa);
    p->scan.row_limits = p->row_limits;
    p->scan.instead = p->instead;
    lay_out(p, &measure);
    if (!measure.overflow) real.base = rtvi_alloc(p->flat->env, measure.used, 1);
    if (!real.base) return rtvi_error_out_of_memory(error, "index", measure.used);
    lay_out(p, &real);
    status = run_blocks(p, error);
    rtvi_free(p->flat->env, real.base);
    return status;
}
