/* flat_pca.c - the directions along which items differ most: the eigenvectors of their covariance. Every sum runs over the items in their
 * order, and products of float32 are exact in double, so neither threads nor instruction sets show in the result. */
#include "index/flat_pca.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

#include "index/flat_score.h"
#include "kernels/kernels_eigen.h"
#include "kernels/kernels_gram.h"

#define BLOCK_ROWS 128 /* two panels of so many stay in a core's first-level cache */
#define NO_SPREAD                                                                                                          \
    1e-12 /* of the largest variance: what rounding the items to float32 leaves of a direction in which they do not differ \
           */
#define WIDTH RTVI_GRAM_WIDTH

typedef struct fitting {
    const rtvi_rows *rows;
    const size_t *numbers; /* [count] of the items */
    size_t count, dim, stride, num_panels;
    rtvi_gram_fn gram;
    float *vector;  /* [dim] */
    double *panels; /* [num_panels][BLOCK_ROWS][WIDTH] of this block of items, centred */
    size_t block_rows;
    double *covariance; /* [stride][stride] */
    rtvi_reduction *r;
} fitting;

static void take_mean(const fitting *f, double *sums) {
    fenv_t before;
    fegetenv(&before);
    fesetenv(FE_DFL_ENV); /* the caller may round otherwise */
    memset(sums, 0, f->dim * sizeof *sums);
    for (size_t i = 0; i < f->count; i++) {
        rtvi_score_vector(f->rows, f->numbers[i], f->vector);
        for (size_t j = 0; j < f->dim; j++) sums[j] += (double)f->vector[j];
    }
    for (size_t j = 0; j < f->dim; j++) f->r->mean[j] = (float)(sums[j] / (double)f->count);
    fesetenv(&before);
}

/* The block's items less the mean, as the reduction will round them. */
static void fill_panels(fitting *f, size_t first) {
    fenv_t before;
    fegetenv(&before);
    fesetenv(FE_DFL_ENV);
    f->block_rows = f->count - first < BLOCK_ROWS ? f->count - first : BLOCK_ROWS;
    for (size_t i = 0; i < f->block_rows; i++) {
        rtvi_score_vector(f->rows, f->numbers[first + i], f->vector);
        for (size_t j = 0; j < f->dim; j++) {
            const float centred = f->vector[j] - f->r->mean[j];
            f->panels[(j / WIDTH * BLOCK_ROWS + i) * WIDTH + j % WIDTH] = (double)centred;
        }
    }
    fesetenv(&before);
}

/* One panel with itself and those behind it. */
static void add_products(void *arg, int64_t item, int32_t lane) {
    const fitting *f = arg;
    const size_t a = (size_t)item;
    (void)lane;
    for (size_t b = a; b < f->num_panels; b++)
        f->gram(f->panels + a * BLOCK_ROWS * WIDTH, f->panels + b * BLOCK_ROWS * WIDTH, f->block_rows,
                f->covariance + a * WIDTH * f->stride + b * WIDTH, f->stride);
}

static int32_t take_covariance(fitting *f, rtvi_team *team, const rtvi_report *report, rtv_error *error) {
    int32_t status = RTV_OK;
    for (size_t first = 0; first < f->count && status == RTV_OK; first += BLOCK_ROWS) {
        fill_panels(f, first);
        status = rtvi_team_run_many(team, add_products, f, (int64_t)f->num_panels, NULL, NULL, error);
        if (status == RTV_OK) status = rtvi_report_tell(report, (int64_t)(first + f->block_rows), error);
    }
    return status;
}

/* Sums of the upper triangle become the whole matrix. */
static void finish_covariance(const fitting *f) {
    for (size_t i = 0; i < f->stride; i++) {
        for (size_t j = i; j < f->stride; j++) {
            const double value = f->covariance[i * f->stride + j] / (double)f->count;
            f->covariance[i * f->stride + j] = f->covariance[j * f->stride + i] = value;
        }
    }
}

static int32_t check_spread(const fitting *f, const double *values, rtv_error *error) {
    size_t spread = 0;
    while (spread < f->dim && values[spread] > NO_SPREAD * values[0]) spread++;
    if (!f->r->whiten || (size_t)f->r->kept_dim <= spread) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                          "index: whiten: got %d directions, expected at most %zu, in which the items differ", (int)f->r->kept_dim, spread);
}

static void take_directions(const fitting *f, const double *values, const double *vectors) {
    double kept = 0, all = 0;
    for (size_t k = 0; k < f->dim; k++) {
        const double value = values[k] > 0 ? values[k] : 0;
        all += value;
        if (k < (size_t)f->r->kept_dim) kept += value;
    }
    f->r->variance = all > 0 ? kept / all : 1;
    for (size_t k = 0; k < (size_t)f->r->kept_dim; k++) {
        const double scale = f->r->whiten ? 1 / sqrt(values[k]) : 1;
        for (size_t j = 0; j < f->dim; j++) f->r->matrix[k * f->dim + j] = (float)(vectors[k * f->stride + j] * scale);
    }
}

static int32_t solve(const fitting *f, double *vectors, double *work, rtv_error *error) {
    double *values = f->panels; /* which are done with */
    fenv_t before;
    int32_t status = RTV_OK;
    fegetenv(&before);
    fesetenv(FE_DFL_ENV);
    finish_covariance(f);
    if (!rtvi_eigen_symmetric(f->covariance, f->dim, (size_t)f->r->kept_dim, values, vectors, work))
        status = rtvi_error_set(error, RTV_E_INTERNAL, "index: the eigenvalues of the covariance: do not converge");
    if (status == RTV_OK) status = check_spread(f, values, error);
    if (status == RTV_OK) take_directions(f, values, vectors);
    fesetenv(&before);
    return status;
}

static int32_t fit(fitting *f, rtvi_team *team, const rtvi_report *report, rtv_error *error) {
    const rtvi_env *env = f->r->env;
    double *vectors = rtvi_alloc(env, (size_t)f->r->kept_dim, f->stride * sizeof *vectors);
    double *work = rtvi_alloc(env, rtvi_eigen_work_size(f->dim), sizeof *work);
    int32_t status = RTV_OK;
    f->vector = rtvi_alloc(env, f->dim, sizeof *f->vector);
    f->panels = rtvi_alloc_zero(env, f->num_panels, BLOCK_ROWS * WIDTH * sizeof *f->panels);
    f->covariance = rtvi_alloc_zero(env, f->stride, f->stride * sizeof *f->covariance);
    if (!vectors || !work || !f->vector || !f->panels || !f->covariance)
        status = rtvi_error_out_of_memory(error, "index", f->stride * f->stride * sizeof *f->covariance);
    if (status == RTV_OK) {
        take_mean(f, work);
        status = take_covariance(f, team, report, error);
    }
    if (status == RTV_OK) status = solve(f, vectors, work, error);
    rtvi_free(env, vectors);
    rtvi_free(env, work);
    rtvi_free(env, f->vector);
    rtvi_free(env, f->panels);
    rtvi_free(env, f->covariance);
    return status;
}

/* The numbers of count live rows, evenly spread. */
static void choose(const rtvi_snapshot *snapshot, size_t count, size_t *numbers) {
    rtvi_cursor cursor = {snapshot, 0, snapshot->rows.num_chunks, 0};
    size_t live = 0, chosen = 0;
    rtvi_run run;
    for (; rtvi_cursor_next(&cursor, SIZE_MAX, &run); live += run.count)
        for (; chosen < count && chosen * snapshot->rows.num_live / count < live + run.count; chosen++)
            numbers[chosen] = run.chunk->first_row + run.first + (chosen * snapshot->rows.num_live / count - live);
}

int32_t rtvi_pca_fit(rtvi_flat *view, rtvi_team *team, int64_t fit_items, const rtvi_report *report, rtvi_reduction *r, rtv_error *error) {
    const rtvi_snapshot *snapshot = view->current;
    const size_t live = snapshot->rows.num_live, count = (uint64_t)fit_items < live ? (size_t)fit_items : live;
    size_t *numbers = rtvi_alloc(r->env, count, sizeof *numbers);
    fitting f = {.rows = &snapshot->rows,
                 .numbers = numbers,
                 .count = count,
                 .dim = (size_t)r->dim,
                 .stride = rtvi_eigen_stride((size_t)r->dim),
                 .gram = rtvi_gram_select(r->env->isa),
                 .r = r};
    int32_t status;
    if (!numbers) return rtvi_error_out_of_memory(error, "index", count * sizeof *numbers);
    f.num_panels = f.stride / WIDTH;
    choose(snapshot, count, numbers);
    r->fit_items = (int64_t)count;
    status = fit(&f, team, report, error);
    rtvi_free(r->env, numbers);
    return status;
}
