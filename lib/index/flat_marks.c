/* flat_marks.c - the relevant items of queries, in order. */
#include "index/flat_marks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/flat_score.h"
#include "index/flat_state.h"
#include "kernels/kernels_place.h"

/* A live row that has a class. */
typedef struct member {
    int32_t class_id;
    uint32_t row;
} member;

typedef struct making {
    const rtvi_pass *pass;
    const rtvi_rank_queries *q;
    member *members; /* [num_members] by class, then row */
    size_t num_members, panel_size, scratch_size;
    double *panels;           /* [lanes] of one vector */
    float *vectors, *scratch; /* [lanes] */
    rtvi_ranks *out;
    rtvi_marks *marks;
} making;

void *rtvi_marks_room(const rtvi_env *env, size_t count, size_t size, int32_t *status, rtv_error *error) {
    void *block = *status == RTV_OK ? rtvi_alloc_zero(env, count, size) : NULL;
    if (*status == RTV_OK && !block) *status = rtvi_error_out_of_memory(error, "index", count * size);
    return block;
}

void rtvi_marks_destroy(const rtvi_env *env, rtvi_marks *marks) {
    rtvi_free(env, marks->first);
    rtvi_free(env, marks->first_score);
    rtvi_free(env, marks->all);
    rtvi_free(env, marks->scores);
    memset(marks, 0, sizeof *marks);
}

/* --- who is relevant ------------------------------------------------------------------------------------------------------------------ */

static int by_class(const void *a, const void *b) {
    const member *x = a, *y = b;
    if (x->class_id != y->class_id) return x->class_id < y->class_id ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static void gather_members(making *m) {
    const rtvi_rows *rows = m->pass->rows;
    for (size_t c = 0; c < rows->num_chunks; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++)
            if (chunk->classes[i] >= 0 && !rtvi_chunk_is_removed(chunk, i))
                m->members[m->num_members++] = (member){chunk->classes[i], (uint32_t)(chunk->first_row + i)};
    }
    qsort(m->members, m->num_members, sizeof *m->members, by_class);
}

static size_t first_of_class(const making *m, int32_t class_id) {
    size_t low = 0, high = m->num_members;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (m->members[middle].class_id < class_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int finds(const making *m, size_t query, const rtvi_chunk *chunk, size_t row) {
    return !m->q->predicted || m->q->predicted[query] < 0 || chunk->predicted[row] == m->q->predicted[query];
}

/* The relevant rows of a query: how many, and those that it finds (into found, unless NULL). */
static size_t relevant_rows(const making *m, size_t query, int64_t *relevant, int64_t *found) {
    const int32_t class_id = m->q->classes[query];
    size_t count = 0;
    *relevant = 0;
    if (class_id < 0) return 0;
    for (size_t i = first_of_class(m, class_id); i < m->num_members && m->members[i].class_id == class_id; i++) {
        size_t row = m->members[i].row;
        const rtvi_chunk *chunk = rtvi_rows_locate(m->pass->rows, &row);
        if (m->q->exclude && chunk->ids[row] == m->q->exclude[query]) continue;
        ++*relevant;
        if (!finds(m, query, chunk, row)) continue;
        if (found) found[count] = m->members[i].row;
        count++;
    }
    return count;
}

/* --- marks ---------------------------------------------------------------------------------------------------------------------------- */

int rtvi_marks_compare(const void *a, const void *b) {
    const rtvi_mark *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* The marks of one query. */
static void make_marks(void *arg, int64_t item, int32_t lane) {
    const making *m = arg;
    const rtvi_rows *rows = m->pass->rows;
    const size_t query = (size_t)item, first = m->marks->first[query], count = rtvi_marks_count(m->marks, query);
    double *panel = m->panels + (size_t)lane * m->panel_size;
    float *own = m->vectors + (size_t)lane * rows->dim, *scratch = m->scratch_size ? m->scratch + (size_t)lane * m->scratch_size : NULL;
    float *scores = m->marks->scores + m->marks->first_score[query], *const end = m->marks->scores + m->marks->first_score[query + 1];
    int64_t *found = m->out->ranks + first; /* not needed before the end */
    rtvi_mark *marks = m->marks->all + first;
    int64_t relevant;
    for (float *at = scores + count; at < end; at++) *at = -INFINITY;
    if (count == 0) return;
    relevant_rows(m, query, &relevant, found);
    if (!m->q->vectors) rtvi_score_vector(rows, m->pass->numbers[query], own);
    rtvi_dot_pack(m->q->vectors ? m->q->vectors + query * rows->dim : own, 1, rows->dim, panel);
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)found[i];
        rtvi_score_rows(rows, m->pass->flat->env->isa, panel, 1, &row, 1, &marks[i].score, 1, scratch);
        marks[i].id = rtvi_rows_locate(rows, &row)->ids[row];
    }
    qsort(marks, count, sizeof *marks, rtvi_marks_compare);
    for (size_t i = 0; i < count; i++) scores[i] = marks[i].score;
}

/* Who has how many marks, and where they will be. */
static void count_marks(making *m) {
    for (size_t i = 0; i < m->pass->count; i++) {
        const size_t found = relevant_rows(m, i, &m->out->relevant[i], NULL);
        m->marks->first[i + 1] = m->marks->first[i] + found;
        m->marks->first_score[i + 1] = m->marks->first_score[i] + rtvi_divide_up(found ? found : 1, RTVI_PLACE_MARKS) * RTVI_PLACE_MARKS;
    }
}

static int32_t make_all(making *m, rtv_error *error) {
    const rtvi_pass *pass = m->pass;
    const rtvi_env *env = pass->flat->env;
    const size_t count = pass->count;
    int32_t status = RTV_OK;
    m->members = rtvi_marks_room(env, pass->rows->num_rows, sizeof *m->members, &status, error);
    m->panels = rtvi_marks_room(env, pass->lanes * m->panel_size, sizeof *m->panels, &status, error);
    m->vectors = rtvi_marks_room(env, pass->lanes * pass->rows->dim, sizeof *m->vectors, &status, error);
    m->scratch = rtvi_marks_room(env, pass->lanes * m->scratch_size, sizeof *m->scratch, &status, error);
    m->marks->first = rtvi_marks_room(env, count + 1, sizeof *m->marks->first, &status, error);
    m->marks->first_score = rtvi_marks_room(env, count + 1, sizeof *m->marks->first_score, &status, error);
    m->out->relevant = rtvi_marks_room(env, count, sizeof *m->out->relevant, &status, error);
    m->out->offsets = rtvi_marks_room(env, count + 1, sizeof *m->out->offsets, &status, error);
    if (status != RTV_OK) return status;
    gather_members(m);
    count_marks(m);
    m->marks->all = rtvi_marks_room(env, m->marks->first[count], sizeof *m->marks->all, &status, error);
    m->marks->scores = rtvi_marks_room(env, m->marks->first_score[count], sizeof *m->marks->scores, &status, error);
    m->out->ranks = rtvi_marks_room(env, m->marks->first[count], sizeof *m->out->ranks, &status, error);
    return status == RTV_OK ? rtvi_pass_share(pass, make_marks, m, count, error) : status;
}

int32_t rtvi_marks_make(const rtvi_pass *pass, const rtvi_rank_queries *queries, rtvi_ranks *ranks, rtvi_marks *marks, rtv_error *error) {
    const rtvi_env *env = pass->flat->env;
    making m = {.pass = pass, .q = queries, .out = ranks, .marks = marks};
    int32_t status;
    m.panel_size = rtvi_dot_panel_size(1, pass->rows->dim);
    m.scratch_size = rtvi_score_scratch(pass->rows);
    ranks->count = (int64_t)pass->count;
    status = make_all(&m, error);
    rtvi_free(env, m.members);
    rtvi_free(env, m.panels);
    rtvi_free(env, m.vectors);
    rtvi_free(env, m.scratch);
    return status;
}
