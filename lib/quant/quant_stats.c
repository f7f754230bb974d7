/* quant_stats.c - what calibration learns about activations. A sample's own numbers are computed outside the lock, in one order; entering
 * them is a store by sample number, or an addition of integers. */
#include "quant/quant_stats_state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define OUTLIERS 1e-4 /* share of the values beyond a quantile */
#define LANES 8
#define MAX_MEAN 4294967296.0 /* 2^32, see rtvi_stats_sum */

/* --- estimators by name --- */

static const struct {
    const char *name;
    uint32_t needs;
} estimators[RTVI_QUANT_ESTIMATOR_COUNT] = {
    [RTVI_QUANT_MEAN_MIN_MAX] = {"mean_min_max", 0},
    [RTVI_QUANT_MIN_MAX] = {"min_max", 0},
    [RTVI_QUANT_MEDIAN] = {"median", 0},
    [RTVI_QUANT_QUANTILE] = {"quantile", RTVI_QUANT_QUANTILES},
    [RTVI_QUANT_NO_OUTLIERS] = {"no_outliers", 0},
    [RTVI_QUANT_SQUARED_ERROR] = {"squared_error", RTVI_QUANT_HISTOGRAM},
};

const char *rtvi_quant_stats_estimator_name(rtvi_quant_estimator estimator) { return estimators[estimator].name; }

rtvi_quant_estimator rtvi_quant_stats_find_estimator(const char *name) {
    int32_t i = 0;
    while (i < RTVI_QUANT_ESTIMATOR_COUNT && strcmp(estimators[i].name, name) != 0) i++;
    return (rtvi_quant_estimator)i;
}

uint32_t rtvi_quant_stats_needs(rtvi_quant_estimator estimator) { return estimators[estimator].needs; }

/* --- making --- */

int32_t rtvi_quant_stats_create(const rtvi_env *env, int64_t max_samples, rtvi_quant_stats **stats, rtv_error *error) {
    rtvi_quant_stats *s;
    if (max_samples < 1 || max_samples > RTVI_QUANT_MAX_SAMPLES)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: samples: got %lld, expected 1..32768", (long long)max_samples);
    s = rtvi_alloc_zero(env, 1, sizeof *s);
    if (!s) return rtvi_error_out_of_memory(error, "quantizer", sizeof *s);
    s->env = env;
    s->max_samples = max_samples;
    if (pthread_mutex_init(&s->mutex, NULL) != 0) {
        rtvi_free(env, s);
        return rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    *stats = s;
    return rtvi_error_clear(error);
}

void rtvi_quant_stats_destroy(rtvi_quant_stats *stats) {
    if (!stats) return;
    for (size_t i = 0; i < stats->num_values; i++) {
        rtvi_free(stats->env, stats->values[i].name);
        rtvi_free(stats->env, stats->values[i].records);
        rtvi_free(stats->env, stats->values[i].sums);
        rtvi_free(stats->env, stats->values[i].histogram);
    }
    rtvi_free(stats->env, stats->values);
    pthread_mutex_destroy(&stats->mutex);
    rtvi_free(stats->env, stats);
}

rtvi_stats_value *rtvi_quant_stats_find(const rtvi_quant_stats *stats, const char *value) {
    for (size_t i = 0; i < stats->num_values; i++)
        if (strcmp(stats->values[i].name, value) == 0) return &stats->values[i];
    return NULL;
}

static rtvi_stats_value *append(rtvi_quant_stats *stats, const char *value, int64_t channels) {
    rtvi_stats_value *t;
    if (!rtvi_grow(stats->env, (void **)&stats->values, &stats->cap_values, stats->num_values, stats->num_values + 1,
                   sizeof *stats->values))
        return NULL;
    t = &stats->values[stats->num_values++];
    memset(t, 0, sizeof *t);
    t->channels = channels;
    t->name = rtvi_copy_string(stats->env, value, strlen(value));
    t->records = rtvi_alloc(stats->env, (size_t)stats->max_samples, sizeof *t->records);
    for (int64_t i = 0; t->records && i < stats->max_samples; i++) t->records[i] = (rtvi_stats_record){1, 0, 0, 0};
    if (t->name && t->records) return t;
    rtvi_free(stats->env, t->name);
    rtvi_free(stats->env, t->records);
    stats->num_values--;
    return NULL;
}

int32_t rtvi_quant_stats_track(rtvi_quant_stats *stats, const char *value, int64_t channels, uint32_t what, rtv_error *error) {
    rtvi_stats_value *t = rtvi_quant_stats_find(stats, value);
    if (!t) t = append(stats, value, channels);
    if (!t) return rtvi_error_out_of_memory(error, "quantizer", 0);
    if (what & RTVI_QUANT_MEANS && !t->sums) t->sums = rtvi_alloc_zero(stats->env, (size_t)channels, sizeof *t->sums);
    if (what & RTVI_QUANT_HISTOGRAM && !t->histogram) t->histogram = rtvi_alloc_zero(stats->env, 1, sizeof *t->histogram);
    if ((what & RTVI_QUANT_MEANS && !t->sums) || (what & RTVI_QUANT_HISTOGRAM && !t->histogram))
        return rtvi_error_out_of_memory(error, "quantizer", 0);
    t->what |= what;
    return rtvi_error_clear(error);
}

/* --- a sample --- */

/* What one sample says about one value. */
typedef struct sample_stats {
    rtvi_stats_record record;
    double *means;                   /* [channels] */
    rtvi_quant_histogram *histogram; /* or NULL */
} sample_stats;

/* Sum, minimum and maximum in lanes, whose order is fixed; compilers keep them in vectors. A sum that is not finite tells of a value that
 * is not. */
static double scan(const float *values, int64_t count, rtvi_stats_record *r) {
    double sums[LANES] = {0}, sum = 0;
    float lo[LANES], hi[LANES];
    int64_t i = 0;
    for (int32_t l = 0; l < LANES; l++) {
        lo[l] = r->lo;
        hi[l] = r->hi;
    }
    for (; i + LANES <= count; i += LANES) {
        for (int32_t l = 0; l < LANES; l++) {
            const float x = values[i + l];
            sums[l] += (double)x;
            lo[l] = x < lo[l] ? x : lo[l];
            hi[l] = x > hi[l] ? x : hi[l];
        }
    }
    for (; i < count; i++) {
        sum += (double)values[i];
        lo[0] = values[i] < lo[0] ? values[i] : lo[0];
        hi[0] = values[i] > hi[0] ? values[i] : hi[0];
    }
    for (int32_t l = 0; l < LANES; l++) {
        sum += sums[l];
        r->lo = lo[l] < r->lo ? lo[l] : r->lo;
        r->hi = hi[l] > r->hi ? hi[l] : r->hi;
    }
    return sum;
}

static int compare_floats(const void *a, const void *b) {
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of sorted values, between neighbours in proportion, as NumPy has it. */
static double quantile(const float *sorted, int64_t count, double share) {
    const double at = share * (double)(count - 1);
    const int64_t below = (int64_t)at, above = below + 1 < count ? below + 1 : below;
    return (double)sorted[below] + ((double)sorted[above] - (double)sorted[below]) * (at - (double)below);
}

/* Only what lies beyond a first guess at the quantiles has to be sorted, but a sample is sorted whole: this estimator is not the default.
 */
static int measure_quantiles(const rtvi_env *env, const float *values, int64_t count, rtvi_stats_record *r) {
    float *sorted = rtvi_alloc(env, (size_t)count, sizeof *sorted);
    if (!sorted) return 0;
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare_floats);
    r->low_quantile = (float)quantile(sorted, count, OUTLIERS);
    r->high_quantile = (float)quantile(sorted, count, 1 - OUTLIERS);
    rtvi_free(env, sorted);
    return 1;
}

static int32_t not_finite(const rtvi_stats_value *t, int64_t sample, const float *values, int64_t count, rtv_error *error) {
    rtvi_quoted quoted;
    int64_t i = 0;
    while (i + 1 < count && isfinite(values[i]) && fabs((double)values[i]) < MAX_MEAN) i++;
    return rtvi_error_set(error, RTV_E_FORMAT, "quantizer: value \"%s\" of sample %lld: got %g, expected finite numbers below %g",
                          rtvi_error_quote_string(&quoted, t->name), (long long)sample, (double)values[i], MAX_MEAN);
}

static int32_t measure(const rtvi_quant_stats *stats, const rtvi_stats_value *t, int64_t sample, const rtvi_tensor *tensor, sample_stats *m,
                       rtv_error *error) {
    const float *values = tensor->data;
    const int64_t count = rtvi_tensor_count(tensor), area = count / t->channels;
    m->record = (rtvi_stats_record){values[0], values[0], 0, 0};
    for (int64_t c = 0; c < t->channels; c++) {
        m->means[c] = scan(values + c * area, area, &m->record) / (double)area;
        if (!(fabs(m->means[c]) < MAX_MEAN)) return not_finite(t, sample, values + c * area, area, error);
    }
    if (t->what & RTVI_QUANT_QUANTILES && !measure_quantiles(stats->env, values, count, &m->record))
        return rtvi_error_out_of_memory(error, "quantizer", (size_t)count * sizeof *values);
    if (m->histogram) rtvi_quant_histogram_add(m->histogram, values, count, fmaxf(fabsf(m->record.lo), fabsf(m->record.hi)));
    return RTV_OK;
}

static void add_mean(rtvi_stats_sum *sum, double mean) {
    const double scaled = mean * 65536, high = floor(scaled);
    sum->high += (int64_t)high;
    sum->low += (int64_t)rint((scaled - high) * 4294967296.0);
}

static int32_t enter(rtvi_quant_stats *stats, rtvi_stats_value *t, int64_t sample, const sample_stats *m, rtv_error *error) {
    rtvi_quoted quoted;
    int taken;
    pthread_mutex_lock(&stats->mutex);
    taken = t->records[sample].lo <= t->records[sample].hi;
    if (!taken) {
        t->records[sample] = m->record;
        t->count++;
        for (int64_t c = 0; t->sums && c < t->channels; c++) add_mean(&t->sums[c], m->means[c]);
        if (t->histogram) rtvi_quant_histogram_merge(t->histogram, m->histogram);
    }
    pthread_mutex_unlock(&stats->mutex);
    if (!taken) return rtvi_error_clear(error);
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: value \"%s\": got sample %lld again, expected each once",
                          rtvi_error_quote_string(&quoted, t->name), (long long)sample);
}

static int32_t check(const rtvi_quant_stats *stats, const rtvi_stats_value *t, int64_t sample, const rtvi_tensor *tensor,
                     rtv_error *error) {
    rtvi_quoted quoted;
    char shape[200];
    if (sample < 0 || sample >= stats->max_samples)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: sample: got number %lld, expected 0..%lld", (long long)sample,
                              (long long)stats->max_samples - 1);
    if (tensor->dtype == RTVI_F32 && tensor->rank >= 2 && tensor->dims[0] == 1 && tensor->dims[1] == t->channels &&
        rtvi_tensor_count(tensor) > 0 && rtvi_tensor_is_contiguous(tensor))
        return RTV_OK;
    return rtvi_error_set(error, RTV_E_MISMATCH, "quantizer: value \"%s\": got %s %s, expected dense F32 of one sample and %lld channels",
                          rtvi_error_quote_string(&quoted, t->name), rtvi_dtype_name(tensor->dtype),
                          rtvi_shape_text(shape, sizeof shape, tensor->rank, tensor->dims), (long long)t->channels);
}

int32_t rtvi_quant_stats_add(rtvi_quant_stats *stats, int64_t sample, const char *value, const rtvi_tensor *tensor, rtv_error *error) {
    rtvi_stats_value *t = rtvi_quant_stats_find(stats, value);
    sample_stats m = {.means = NULL};
    int32_t status = t ? check(stats, t, sample, tensor, error) : RTV_OK;
    if (!t || status != RTV_OK) return t ? status : rtvi_error_clear(error);
    m.means = rtvi_alloc(stats->env, (size_t)t->channels, sizeof *m.means);
    if (t->histogram) m.histogram = rtvi_alloc_zero(stats->env, 1, sizeof *m.histogram);
    if (!m.means || (t->histogram && !m.histogram))
        status = rtvi_error_out_of_memory(error, "quantizer", 0);
    else
        status = measure(stats, t, sample, tensor, &m, error);
    if (status == RTV_OK) status = enter(stats, t, sample, &m, error);
    rtvi_free(stats->env, m.means);
    rtvi_free(stats->env, m.histogram);
    return status;
}

/* --- asking --- */

static int64_t gather(const rtvi_quant_stats *stats, const rtvi_stats_value *t, size_t field, float *values) {
    int64_t count = 0;
    for (int64_t i = 0; i < stats->max_samples; i++) {
        if (t->records[i].lo > t->records[i].hi) continue;
        memcpy(&values[count++], (const char *)&t->records[i] + field, sizeof *values);
    }
    return count;
}

static double mean_within(const float *values, int64_t count, double low, double high) {
    double sum = 0;
    int64_t within = 0;
    for (int64_t i = 0; i < count; i++) {
        if ((double)values[i] < low || (double)values[i] > high) continue;
        sum += (double)values[i];
        within++;
    }
    return within ? sum / (double)within : 0;
}

/* One border: of values that the samples have, one each; sorted here. */
static float border(float *values, int64_t count, rtvi_quant_estimator estimator, int is_high) {
    qsort(values, (size_t)count, sizeof *values, compare_floats);
    switch (estimator) {
        case RTVI_QUANT_MIN_MAX:
            return values[is_high ? count - 1 : 0];
        case RTVI_QUANT_MEDIAN:
            return (float)quantile(values, count, 0.5);
        case RTVI_QUANT_NO_OUTLIERS:
            if (count < 3) return (float)mean_within(values, count, -INFINITY, INFINITY);
            return (float)mean_within(values, count, quantile(values, count, OUTLIERS), quantile(values, count, 1 - OUTLIERS));
        default:
            return (float)mean_within(values, count, -INFINITY, INFINITY);
    }
}

static int32_t find_for(const rtvi_quant_stats *stats, const char *value, uint32_t needs, rtvi_stats_value **t, rtv_error *error) {
    rtvi_quoted quoted;
    *t = rtvi_quant_stats_find(stats, value);
    if (!*t || (*t)->count == 0)
        return rtvi_error_set(error, RTV_E_NOT_FOUND, "quantizer: value \"%s\": got no sample, expected at least one",
                              rtvi_error_quote_string(&quoted, value));
    if ((~(*t)->what & needs) != 0)
        return rtvi_error_set(error, RTV_E_NOT_FOUND, "quantizer: value \"%s\": got statistics 0x%x, expected 0x%x among them",
                              rtvi_error_quote_string(&quoted, value), (unsigned)(*t)->what, (unsigned)needs);
    return RTV_OK;
}

int32_t rtvi_quant_stats_range(const rtvi_quant_stats *stats, const char *value, rtvi_quant_estimator estimator, rtvi_quant_preset preset,
                               rtvi_quant_range *range, rtv_error *error) {
    const int quantiles = estimator == RTVI_QUANT_QUANTILE, search = estimator == RTVI_QUANT_SQUARED_ERROR;
    rtvi_stats_value *t;
    float *values;
    int64_t count;
    int32_t status = find_for(stats, value, estimators[estimator].needs, &t, error);
    if (status != RTV_OK) return status;
    values = rtvi_alloc(stats->env, (size_t)stats->max_samples, sizeof *values);
    if (!values) return rtvi_error_out_of_memory(error, "quantizer", 0);
    count = gather(stats, t, quantiles ? offsetof(rtvi_stats_record, low_quantile) : offsetof(rtvi_stats_record, lo), values);
    range->lo = border(values, count, search ? RTVI_QUANT_MIN_MAX : estimator, 0);
    gather(stats, t, quantiles ? offsetof(rtvi_stats_record, high_quantile) : offsetof(rtvi_stats_record, hi), values);
    range->hi = border(values, count, search ? RTVI_QUANT_MIN_MAX : estimator, 1);
    rtvi_free(stats->env, values);
    if (search) *range = rtvi_quant_histogram_search(t->histogram, *range, preset);
    return rtvi_error_clear(error);
}

int32_t rtvi_quant_stats_means(const rtvi_quant_stats *stats, const char *value, double *means, rtv_error *error) {
    rtvi_stats_value *t;
    int32_t status = find_for(stats, value, RTVI_QUANT_MEANS, &t, error);
    if (status != RTV_OK) return status;
    for (int64_t c = 0; c < t->channels; c++)
        means[c] = ((double)t->sums[c].high / 65536 + (double)t->sums[c].low / 281474976710656.0) / (double)t->count;
    return rtvi_error_clear(error);
}

int64_t rtvi_quant_stats_count(const rtvi_quant_stats *stats, const char *value) {
    const rtvi_stats_value *t = rtvi_quant_stats_find(stats, value);
    return t ? t->count : 0;
}

int rtvi_quant_stats_has(const rtvi_quant_stats *stats, const char *value, uint32_t what) {
    const rtvi_stats_value *t = rtvi_quant_stats_find(stats, value);
    return t && t->count > 0 && (~t->what & what) == 0;
}
