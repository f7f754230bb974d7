/* flat_ranks.c - where the relevant items stand among all, by counting. The relevant items of a query are scored canonically and put in
 * order: its marks. For every other item it is then asked between which marks it lies (flat_rank_pairs.c). In a set against itself the
 * hardest queries come first, those whose lowest mark is the lowest: what concerns the other item of a pair then concerns the query, too,
 * and after the hard ones there is little to ask. */
#include "index/flat_ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/flat_ranking.h"
#include "index/flat_score.h"
#include "index/flat_search.h"
#include "index/flat_state.h"

#define QUERIES_PER_BLOCK (80 * RTVI_COARSE_WIDTH) /* for each block 16-bit codes of rows are made anew */

void rtvi_ranks_destroy(const rtvi_flat *flat, rtvi_ranks *ranks) {
    rtvi_free(flat->env, ranks->ids);
    rtvi_free(flat->env, ranks->relevant);
    rtvi_free(flat->env, ranks->offsets);
    rtvi_free(flat->env, ranks->ranks);
    memset(ranks, 0, sizeof *ranks);
}

/* --- blocks of queries ---------------------------------------------------------------------------------------------------------------- */

static float lowest(const rtvi_marks *marks, size_t query) {
    const size_t count = rtvi_marks_count(marks, query);
    return count > 0 ? marks->all[marks->first[query] + count - 1].score : INFINITY;
}

rtvi_place_side rtvi_ranking_side(const rtvi_ranking *r, size_t query, uint32_t *passed) {
    return (rtvi_place_side){.marks = rtvi_ranking_marks(r, query),
                             .passed = passed,
                             .lowest = lowest(&r->marks, query),
                             .id = r->order ? r->q.exclude[query] : -1,
                             .exclude = r->q.exclude ? r->q.exclude[query] : -1,
                             .num_marks = rtvi_marks_count(&r->marks, query),
                             .class_id = r->q.classes[query] < 0 ? -1 : r->q.classes[query],
                             .predicted = r->q.predicted ? r->q.predicted[query] : -1,
                             .wanted = r->q.predicted ? r->q.predicted[query] : -1};
}

/* Makes a query of this block ready, in each lane. Its slack at each level is what the product with that of a row gives. */
static void begin_query(void *arg, int64_t item, int32_t lane) {
    const rtvi_ranking *r = arg;
    const rtvi_scan *scan = &r->pass.scan;
    const size_t dim = r->pass.rows->dim, q = (size_t)item, query = rtvi_ranking_query(r, r->pass.first + q);
    rtvi_count_panel *panel = &r->panels[q / RTVI_COARSE_WIDTH];
    rtvi_coarse_head *fine = (rtvi_coarse_head *)(void *)(r->fine + q * rtvi_fine_size(dim));
    const float length = scan->rest_slope[q]; /* somewhat more */
    rtvi_place_side side = rtvi_ranking_side(r, query, NULL);
    (void)lane;
    r->encode(rtvi_pass_query(&r->pass, q), dim, length, fine);
    side.slack[RTVI_RANK_COARSE][0] = scan->length_slope[q];
    side.slack[RTVI_RANK_COARSE][1] = scan->rest_slope[q];
    rtvi_coarse_slopes(fine, &side.slack[RTVI_RANK_FINE][0], &side.slack[RTVI_RANK_FINE][1]);
    side.slack[RTVI_RANK_NEAR][0] = rtvi_near_slack(dim, length, 1);
    side.slack[RTVI_RANK_NEAR][1] = 0x1p-60F;
    for (size_t l = 0; l < r->pass.lanes; l++) {
        side.passed = r->lanes[l].passed + r->passed_at[q];
        r->lanes[l].queries[q] = side;
        rtvi_scan_limits(scan, l)[q] = side.lowest;
    }
    if (r->is_hard && panel->num_marks <= RTVI_COUNT_MARKS)
        rtvi_count_put(panel, q % RTVI_COARSE_WIDTH, fine, rtvi_ranking_marks(r, query), rtvi_marks_count(&r->marks, query));
}

/* How many marks the panels have. A panel that is not full has too many. */
static void begin_panels(rtvi_ranking *r) {
    const size_t count = r->pass.num_queries;
    for (size_t p = 0; p < r->num_panels; p++) r->panels[p].num_marks = (p + 1) * RTVI_COARSE_WIDTH <= count ? 0 : SIZE_MAX;
    for (size_t q = 0; q < count; q++) {
        const size_t marks = rtvi_marks_count(&r->marks, rtvi_ranking_query(r, r->pass.first + q));
        size_t *most = &r->panels[q / RTVI_COARSE_WIDTH].num_marks;
        if (*most < marks) *most = marks;
    }
    for (size_t lane = 0; lane < r->pass.lanes; lane++)
        memset(r->lanes[lane].before, 0, r->num_panels * RTVI_RANK_BEFORE * sizeof(uint32_t));
}

static int32_t begin_block(void *arg, rtv_error *error) {
    rtvi_ranking *r = arg;
    for (size_t q = 0; q < r->pass.num_queries; q++)
        r->passed_at[q + 1] = r->passed_at[q] + rtvi_marks_count(&r->marks, rtvi_ranking_query(r, r->pass.first + q)) + 1;
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        rtvi_rank_pairs_begin(&r->lanes[lane]);
        memset(r->lanes[lane].passed, 0, r->passed_at[r->pass.num_queries] * sizeof(uint32_t));
    }
    if (r->is_hard) begin_panels(r);
    return rtvi_pass_share(&r->pass, begin_query, r, r->pass.num_queries, error);
}

/* Items that lanes have counted before a query's marks, the highest first. */
static void add_before(const rtvi_ranking *r, size_t q, int64_t *ranks, size_t count) {
    const size_t panel = q / RTVI_COARSE_WIDTH, place = q % RTVI_COARSE_WIDTH;
    if (r->panels[panel].num_marks > RTVI_COUNT_MARKS) return;
    for (size_t m = 0; m < count; m++)
        for (size_t lane = 0; lane < r->pass.lanes; lane++)
            ranks[m] += r->lanes[lane].before[panel * RTVI_RANK_BEFORE + (count - 1 - m) * RTVI_COARSE_WIDTH + place];
}

/* The ranks of the block's queries; those of rows are complete, for the pairs with rows before them were met before. */
static int32_t end_block(void *arg, rtv_error *error) {
    rtvi_ranking *r = arg;
    int is_hard = 0;
    (void)error;
    for (size_t q = 0; q < r->pass.num_queries; q++) {
        const size_t query = rtvi_ranking_query(r, r->pass.first + q), first = r->marks.first[query];
        const size_t count = rtvi_marks_count(&r->marks, query);
        int64_t before = 0;
        for (size_t m = 0; m < count; m++) {
            if (r->order) before += r->passed[first + query + m];
            for (size_t lane = 0; lane < r->pass.lanes; lane++) before += r->lanes[lane].passed[r->passed_at[q] + m];
            r->out->ranks[first + m] = 1 + (int64_t)m + before;
        }
        r->out->offsets[query + 1] = (int64_t)r->marks.first[query + 1];
        if (r->is_hard) add_before(r, q, r->out->ranks + first, count);
    }
    for (size_t lane = 0; lane < r->pass.lanes; lane++) is_hard |= rtvi_rank_pairs_are_hard(&r->lanes[lane]);
    r->is_hard &= is_hard;
    return RTV_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------------------ */

/* The most marks of a block of queries, and one more for each of these. */
static size_t most_passed(const rtvi_ranking *r) {
    size_t most = 0, now = 0;
    for (size_t place = 0; place < r->pass.count; place++) {
        if (place % r->pass.max_queries == 0) now = 0;
        now += rtvi_marks_count(&r->marks, rtvi_ranking_query(r, place)) + 1;
        if (most < now) most = now;
    }
    return most;
}

static void lay_out_panels(rtvi_ranking *r, rtvi_arena *a) {
    const size_t depth = rtvi_fine_depth(r->pass.rows->dim), width = RTVI_COARSE_WIDTH;
    r->panels = rtvi_arena_carve(a, r->num_panels, 1, sizeof *r->panels);
    for (size_t p = 0; r->count && p < r->num_panels; p++) {
        rtvi_count_panel panel = {.depth = depth};
        panel.codes = rtvi_arena_carve(a, width, depth, sizeof *panel.codes);
        panel.scale = rtvi_arena_carve(a, width, 1, sizeof *panel.scale);
        panel.length_slope = rtvi_arena_carve(a, width, 1, sizeof *panel.length_slope);
        panel.rest_slope = rtvi_arena_carve(a, width, 1, sizeof *panel.rest_slope);
        panel.marks = rtvi_arena_carve(a, RTVI_RANK_BEFORE, 1, sizeof *panel.marks);
        if (r->panels) r->panels[p] = panel;
    }
}

static void lay_out(rtvi_ranking *r, rtvi_arena *a) {
    const size_t dim = r->pass.rows->dim, queries = r->pass.max_queries;
    r->passed = rtvi_arena_carve(a, r->order ? r->marks.first[r->pass.count] + r->pass.count : 0, 1, sizeof *r->passed);
    r->passed_at = rtvi_arena_carve(a, queries + 1, 1, sizeof *r->passed_at);
    r->fine = rtvi_arena_carve(a, queries, rtvi_fine_size(dim), 1);
    lay_out_panels(r, a);
    for (size_t lane = 0; lane < r->pass.lanes; lane++) {
        rtvi_rank_lane *own = &r->lanes[lane];
        own->queries = rtvi_arena_carve(a, queries, 1, sizeof *own->queries);
        own->passed = rtvi_arena_carve(a, r->most_passed, 1, sizeof *own->passed);
        own->before = rtvi_arena_carve(a, r->count ? r->num_panels : 0, RTVI_RANK_BEFORE, sizeof *own->before);
        own->fine = rtvi_arena_carve(a, RTVI_RANK_ROWS, rtvi_fine_size(dim), 1);
        own->panel = rtvi_arena_carve(a, rtvi_dot_panel_size(1, dim), 1, sizeof *own->panel);
        own->vector = rtvi_arena_carve(a, dim, 1, sizeof *own->vector);
        for (size_t i = 0; i < RTVI_PLACE_MARKS; i++) own->no_marks[i] = -INFINITY;
    }
}

static int32_t make_room(rtvi_ranking *r, rtv_error *error) {
    rtvi_arena measure = {NULL, 0, 0}, real = {NULL, 0, 0};
    int32_t status = RTV_OK;
    r->num_panels = rtvi_divide_up(r->pass.max_queries, RTVI_COARSE_WIDTH);
    r->most_passed = most_passed(r);
    r->lanes = rtvi_marks_room(r->pass.flat->env, r->pass.lanes, sizeof *r->lanes, &status, error);
    if (status != RTV_OK) return status;
    lay_out(r, &measure);
    if (!measure.overflow) real.base = rtvi_alloc_zero(r->pass.flat->env, measure.used, 1);
    if (!real.base) return rtvi_error_out_of_memory(error, "index", measure.used);
    r->room = real.base;
    lay_out(r, &real);
    return RTV_OK;
}

typedef struct ordered {
    float lowest;
    uint32_t query;
} ordered;

static int by_lowest(const void *a, const void *b) {
    const ordered *x = a, *y = b;
    if (x->lowest != y->lowest) return x->lowest < y->lowest ? -1 : 1;
    return (x->query > y->query) - (x->query < y->query);
}

/* Puts the rows that are queries in order. */
static int32_t sort_queries(rtvi_ranking *r, rtv_error *error) {
    const rtvi_env *env = r->pass.flat->env;
    const size_t count = r->pass.count;
    int32_t status = RTV_OK;
    ordered *all = rtvi_marks_room(env, count, sizeof *all, &status, error);
    r->order = rtvi_marks_room(env, count, sizeof *r->order, &status, error);
    r->numbers = rtvi_marks_room(env, count, sizeof *r->numbers, &status, error);
    for (size_t i = 0; status == RTV_OK && i < count; i++) {
        const float mark = lowest(&r->marks, i);
        all[i] = (ordered){isnan(mark) ? -INFINITY : mark, (uint32_t)i}; /* a damaged file has NaN */
    }
    if (status == RTV_OK) qsort(all, count, sizeof *all, by_lowest);
    for (size_t place = 0; status == RTV_OK && place < count; place++) {
        r->order[place] = all[place].query;
        r->numbers[place] = r->pass.numbers[all[place].query];
    }
    rtvi_free(env, all);
    r->pass.numbers = r->numbers;
    r->pass.scattered = 1;
    return status;
}

static int32_t rank(rtvi_ranking *r, rtv_error *error) {
    const rtvi_env *env = r->pass.flat->env;
    int32_t status = rtvi_marks_make(&r->pass, &r->q, r->out, &r->marks, error);
    if (status == RTV_OK && r->pass.numbers) status = sort_queries(r, error);
    if (status == RTV_OK && r->order && !r->q.predicted) r->count = rtvi_count_select(env->isa);
    r->is_hard = r->count != NULL;
    if (status == RTV_OK) status = make_room(r, error);
    if (status == RTV_OK) status = rtvi_pass_run(&r->pass, error);
    rtvi_marks_destroy(env, &r->marks);
    rtvi_free(env, r->lanes);
    rtvi_free(env, r->room);
    rtvi_free(env, r->order);
    rtvi_free(env, r->numbers);
    return status;
}

static rtvi_ranking begin(rtvi_flat *flat, rtvi_team *team, const rtvi_rows *rows, rtv_progress_fn progress, void *progress_user,
                          rtvi_ranks *out) {
    static const rtvi_filter every_row = {.class_id = -1, .predicted = -1};
    rtvi_ranking r = {.pass = {.flat = flat,
                               .team = team,
                               .rows = rows,
                               .filter = &every_row,
                               .limit = INFINITY,
                               .progress = progress,
                               .progress_user = progress_user,
                               .begin = begin_block,
                               .take = rtvi_rank_pairs_take,
                               .instead = rtvi_rank_pairs_count,
                               .end = end_block,
                               .max_queries = QUERIES_PER_BLOCK},
                      .place = rtvi_place_select(flat->env->isa),
                      .encode = rtvi_fine_select_encode(flat->env->isa),
                      .score_fine = rtvi_fine_select_scores(flat->env->isa),
                      .near = rtvi_near_select(flat->env->isa),
                      .dot = rtvi_dot_select(flat->env->isa),
                      .out = out};
    return r;
}

int32_t rtvi_flat_ranks(rtvi_flat *flat, rtvi_team *team, const rtvi_rank_queries *queries, rtv_progress_fn progress, void *progress_user,
                        rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows;
    rtvi_ranking r;
    int32_t status = rtvi_search_check(flat, queries->vectors, queries->count, 1, error);
    if (status != RTV_OK) return status;
    rows = rtvi_flat_rows_take(flat);
    r = begin(flat, team, rows, progress, progress_user, ranks);
    r.q = *queries;
    r.pass.arg = &r;
    r.pass.vectors = queries->vectors;
    r.pass.count = (size_t)queries->count;
    rtvi_pass_init(&r.pass);
    status = rank(&r, error);
    rtvi_flat_rows_give(flat, rows);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}

/* The live rows as queries. */
typedef struct own_queries {
    uint32_t *numbers;
    int32_t *classes, *predicted;
} own_queries;

static void gather_own(const rtvi_rows *rows, own_queries *own, int64_t *ids) {
    uint32_t at = 0;
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++) {
            if (rtvi_chunk_is_removed(chunk, i)) continue;
            own->classes[at] = chunk->classes[i];
            own->predicted[at] = chunk->predicted[i];
            own->numbers[at] = (uint32_t)(chunk->first_row + i);
            ids[at++] = chunk->ids[i];
        }
    }
}

static int32_t rank_among(rtvi_ranking *r, int32_t by_predicted, own_queries *own, rtv_error *error) {
    const rtvi_rows *rows = r->pass.rows;
    int32_t status = RTV_OK;
    own->numbers = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->numbers, &status, error);
    own->classes = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->classes, &status, error);
    own->predicted = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *own->predicted, &status, error);
    r->out->ids = rtvi_marks_room(r->pass.flat->env, rows->num_live, sizeof *r->out->ids, &status, error);
    if (status != RTV_OK) return status;
    gather_own(rows, own, r->out->ids);
    r->q = (rtvi_rank_queries){.count = (int64_t)rows->num_live,
                               .classes = own->classes,
                               .predicted = by_predicted ? own->predicted : NULL,
                               .exclude = r->out->ids};
    r->pass.arg = r;
    r->pass.count = rows->num_live;
    r->pass.numbers = own->numbers;
    rtvi_pass_init(&r->pass);
    return rank(r, error);
}

int32_t rtvi_flat_ranks_among(rtvi_flat *flat, rtvi_team *team, int32_t by_predicted, rtv_progress_fn progress, void *progress_user,
                              rtvi_ranks *ranks, rtv_error *error) {
    const rtvi_rows *rows = rtvi_flat_rows_take(flat);
    rtvi_ranking r = begin(flat, team, rows, progress, progress_user, ranks);
    own_queries own = {0};
    int32_t status = rank_among(&r, by_predicted, &own, error);
    rtvi_flat_rows_give(flat, rows);
    rtvi_free(flat->env, own.numbers);
    rtvi_free(flat->env, own.classes);
    rtvi_free(flat->env, own.predicted);
    if (status == RTV_OK) return rtvi_error_clear(error);
    rtvi_ranks_destroy(flat, ranks);
    return status;
}
