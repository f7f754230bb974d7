/* flat_items.c - items of an index by number: what they are, and how they score. */
#include "index/flat_items.h"

#include <math.h>
#include <string.h>

#include "base/base_arithmetic.h"
#include "index/flat_rows.h"
#include "index/flat_score.h"
#include "index/flat_state.h"

static void copy_chunk(const rtvi_chunk *chunk, rtvi_flat_labels *labels) {
    for (size_t r = 0; r < chunk->num_rows; r++) {
        if (rtvi_chunk_is_removed(chunk, r)) continue;
        labels->ids[labels->count] = chunk->ids[r];
        labels->classes[labels->count] = chunk->classes[r];
        labels->predicted[labels->count] = chunk->predicted[r];
        labels->count++;
    }
}

int32_t rtvi_flat_labels_copy(rtvi_flat *flat, rtvi_flat_labels *labels, rtv_error *error) {
    const rtvi_rows *rows = rtvi_flat_rows_take(flat);
    memset(labels, 0, sizeof *labels);
    labels->ids = rtvi_alloc(flat->env, rows->num_live, sizeof *labels->ids);
    labels->classes = rtvi_alloc(flat->env, rows->num_live, sizeof *labels->classes);
    labels->predicted = rtvi_alloc(flat->env, rows->num_live, sizeof *labels->predicted);
    const int has_room = labels->ids && labels->classes && labels->predicted;
    for (size_t c = 0; has_room && c < rows->num_chunks; c++) copy_chunk(&rows->chunks[c], labels);
    rtvi_flat_rows_give(flat, rows);
    if (has_room) return RTV_OK;
    rtvi_flat_labels_destroy(flat, labels);
    return rtvi_error_out_of_memory(error, "index", 0);
}

void rtvi_flat_labels_destroy(const rtvi_flat *flat, rtvi_flat_labels *labels) {
    rtvi_free(flat->env, labels->ids);
    rtvi_free(flat->env, labels->classes);
    rtvi_free(flat->env, labels->predicted);
    memset(labels, 0, sizeof *labels);
}

typedef struct scoring {
    rtvi_flat *flat;
    const rtvi_rows *rows;
    const float *queries; /* [count][dim] */
    const int64_t *ids;   /* [count][each] */
    size_t each;
    float *scores;     /* [count][each] */
    size_t panel_size; /* doubles */
    double *panels;    /* [lanes][panel_size] */
    float *scratch;    /* [lanes][rtvi_score_scratch], or NULL */
} scoring;

static void score_query(void *arg, int64_t item, int32_t lane) {
    const scoring *s = arg;
    const size_t dim = s->rows->dim, first = (size_t)item * s->each;
    double *panel = s->panels + (size_t)lane * s->panel_size;
    float *scratch = s->scratch ? s->scratch + (size_t)lane * rtvi_score_scratch(s->rows) : NULL;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before);
    rtvi_dot_pack(s->queries + (size_t)item * dim, 1, dim, panel);
    for (size_t i = first; i < first + s->each; i++) {
        size_t row;
        s->scores[i] = NAN;
        if (s->ids[i] >= 0 && rtvi_flat_rows_find(s->flat, s->rows, s->ids[i], &row))
            rtvi_score_rows(s->rows, s->flat->env->isa, panel, 1, &row, 1, &s->scores[i], 1, scratch);
    }
    rtvi_arithmetic_restore(&before);
}

int32_t rtvi_flat_scores(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, const int64_t *ids, int64_t each,
                         float *scores, rtv_error *error) {
    const size_t lanes = (size_t)rtvi_team_threads(team);
    scoring s = {.flat = flat, .queries = queries, .ids = ids, .each = (size_t)each, .scores = scores};
    int32_t status;
    s.rows = rtvi_flat_rows_take(flat);
    s.panel_size = (rtvi_dot_panel_size(1, s.rows->dim) + 7) / 8 * 8; /* panels are aligned to 64 bytes */
    s.panels = rtvi_alloc(flat->env, lanes * s.panel_size, sizeof *s.panels);
    s.scratch = rtvi_alloc(flat->env, lanes * rtvi_score_scratch(s.rows), sizeof *s.scratch);
    status = s.panels && s.scratch ? rtvi_team_run_many(team, score_query, &s, count, NULL, NULL, error)
                                   : rtvi_error_out_of_memory(error, "index", lanes * s.panel_size * sizeof *s.panels);
    rtvi_flat_rows_give(flat, s.rows);
    rtvi_free(flat->env, s.panels);
    rtvi_free(flat->env, s.scratch);
    return status;
}
