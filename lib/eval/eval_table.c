/* eval_table.c - metrics of many queries by class: sums, means, confidence intervals. */
#include "eval/eval_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/eval_drift.h"
#include "eval/eval_random.h"

static int by_class(const void *a, const void *b) {
    const int32_t x = ((const rtv_class_count *)a)->class_id, y = ((const rtv_class_count *)b)->class_id;
    return (x > y) - (x < y);
}

static size_t drop_repeated(rtv_class_count *classes, size_t count) {
    size_t unique = 0;
    for (size_t i = 0; i < count; i++)
        if (unique == 0 || classes[unique - 1].class_id != classes[i].class_id) classes[unique++] = classes[i];
    return unique;
}

static void add_query(rtvi_eval_table *table, int32_t class_id, int64_t relevant, const double *row) {
    const rtv_class_count wanted = {.class_id = class_id};
    rtv_class_count *found = bsearch(&wanted, table->classes, table->num_classes, sizeof *found, by_class);
    double *sums = table->sums + (size_t)(found - table->classes) * table->columns;
    found->num_queries++;
    found->num_answerable += relevant > 0;
    for (size_t i = 0; i < table->columns; i++) sums[i] += row[i];
}

int32_t rtvi_eval_table_build(const rtvi_env *env, const int32_t *classes, const int64_t *relevant, const double *rows, size_t count,
                              size_t columns, rtvi_eval_table *table, rtv_error *error) {
    memset(table, 0, sizeof *table);
    table->columns = columns;
    table->classes = rtvi_alloc_zero(env, count, sizeof *table->classes);
    table->bounds = rtvi_alloc(env, columns, 4 * sizeof *table->bounds);
    if (table->classes && table->bounds) {
        for (size_t i = 0; i < count; i++) table->classes[i].class_id = classes[i];
        qsort(table->classes, count, sizeof *table->classes, by_class);
        table->num_classes = drop_repeated(table->classes, count);
        table->sums = rtvi_alloc_zero(env, table->num_classes, columns * sizeof *table->sums);
    }
    if (!table->sums) {
        rtvi_eval_table_destroy(env, table);
        return rtvi_error_out_of_memory(error, "evaluate", count * sizeof *table->classes);
    }
    for (size_t i = 0; i < 4 * columns; i++) table->bounds[i] = NAN;
    for (size_t i = 0; i < count; i++) add_query(table, classes[i], relevant[i], rows + i * columns);
    return RTV_OK;
}

void rtvi_eval_table_destroy(const rtvi_env *env, rtvi_eval_table *table) {
    rtvi_free(env, table->classes);
    rtvi_free(env, table->sums);
    rtvi_free(env, table->bounds);
    memset(table, 0, sizeof *table);
}

/* What one draw of classes sums up to. */
typedef struct draw {
    int64_t counts[2]; /* of queries, by rule */
    double *sums;      /* [columns] */
} draw;

static void draw_classes(const rtvi_eval_table *table, uint64_t *state, draw *d) {
    memset(d->sums, 0, table->columns * sizeof *d->sums);
    d->counts[0] = d->counts[1] = 0;
    for (size_t i = 0; i < table->num_classes; i++) {
        const size_t at = (size_t)rtvi_eval_draw(state, table->num_classes);
        const double *sums = table->sums + at * table->columns;
        d->counts[0] += table->classes[at].num_queries;
        d->counts[1] += table->classes[at].num_answerable;
        for (size_t c = 0; c < table->columns; c++) d->sums[c] += sums[c];
    }
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Draws without any query give no mean and are passed over. */
static void set_bounds(double *means, size_t samples, double confidence, double *bounds) {
    size_t count = 0;
    for (size_t i = 0; i < samples; i++)
        if (!isnan(means[i])) means[count++] = means[i];
    if (count == 0) return;
    qsort(means, count, sizeof *means, by_value);
    bounds[0] = rtvi_eval_quantile(means, (int64_t)count, (1 - confidence) / 2);
    bounds[1] = rtvi_eval_quantile(means, (int64_t)count, (1 + confidence) / 2);
}

int32_t rtvi_eval_table_bootstrap(const rtvi_env *env, rtvi_eval_table *table, int64_t samples, double confidence, uint64_t seed,
                                  rtv_error *error) {
    const size_t count = (size_t)samples, series = 2 * table->columns;
    double *means; /* [columns][2 rules][samples] */
    draw d;
    if (samples == 0 || table->num_classes < 2) return RTV_OK;
    means = rtvi_alloc(env, series * count, sizeof *means);
    d.sums = rtvi_alloc(env, table->columns, sizeof *d.sums);
    if (means && d.sums) {
        for (size_t s = 0; s < count; s++) {
            draw_classes(table, &seed, &d);
            for (size_t i = 0; i < series; i++) means[i * count + s] = d.sums[i / 2] / (double)d.counts[i % 2]; /* 0 / 0 is NaN */
        }
        for (size_t i = 0; i < series; i++) set_bounds(means + i * count, count, confidence, table->bounds + 2 * i);
    }
    const int32_t status = means && d.sums ? RTV_OK : rtvi_error_out_of_memory(error, "evaluate", series * count * sizeof *means);
    rtvi_free(env, means);
    rtvi_free(env, d.sums);
    return status;
}

static double divide(double sum, int64_t count) { return count > 0 ? sum / (double)count : NAN; }

static int64_t count_of(const rtv_class_count *c, int32_t rule) { return rule == RTV_RULE_MISS ? c->num_queries : c->num_answerable; }

rtv_metric_value rtvi_eval_table_mean(const rtvi_eval_table *table, size_t column, int32_t rule) {
    const double *bounds = table->bounds + 4 * column + 2 * (rule != RTV_RULE_MISS);
    int64_t count = 0;
    double sum = 0;
    for (size_t i = 0; i < table->num_classes; i++) {
        count += count_of(&table->classes[i], rule);
        sum += table->sums[i * table->columns + column];
    }
    return (rtv_metric_value){divide(sum, count), bounds[0], bounds[1]};
}

double rtvi_eval_table_class_mean(const rtvi_eval_table *table, size_t place, size_t column, int32_t rule) {
    return divide(table->sums[place * table->columns + column], count_of(&table->classes[place], rule));
}
