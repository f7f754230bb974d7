/* quant_stats_file.c - statistics in a file, version 1 (docs/formats.md). The file is made in memory, for it is small: a few megabytes. */
#include "quant/quant_stats_file.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base_bytes.h"
#include "base/base_file.h"
#include "quant/quant_stats_state.h"

enum { VERSION = 1, HEADER_SIZE = 48, CHECKSUM_AT = 32, MAX_ABOUT = 1 << 20, MAX_NAME = 1 << 16, KNOWN = 7 /* statistics */ };

static const uint8_t magic[8] = {0x89, 'R', 'T', 'V', 'Q', 'S', '\r', '\n'};

static uint64_t checksum(const uint8_t *data, size_t size) {
    static const uint8_t zeros[8] = {0};
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, data, CHECKSUM_AT);
    XXH3_64bits_update(&state, zeros, sizeof zeros);
    XXH3_64bits_update(&state, data + CHECKSUM_AT + 8, size - CHECKSUM_AT - 8);
    return XXH3_64bits_digest(&state);
}

/* --- writing --- */

/* Bytes in the making; failed once memory is short. */
typedef struct making {
    const rtvi_env *env;
    uint8_t *data;
    size_t size, capacity;
    int failed;
} making;

static void put_bytes(making *m, const void *data, size_t size) {
    if (!m->failed) m->failed = !rtvi_grow(m->env, (void **)&m->data, &m->capacity, m->size, m->size + size, 1);
    if (m->failed) return;
    memcpy(m->data + m->size, data, size);
    m->size += size;
}

static void put(making *m, uint64_t value, size_t size) {
    uint8_t bytes[8];
    rtvi_store_le(bytes, value, size);
    put_bytes(m, bytes, size);
}

static void put_float(making *m, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(m, bits, 4);
}

static void put_record(making *m, uint64_t sample, const rtvi_stats_record *record) {
    put(m, sample, 8);
    put_float(m, record->lo);
    put_float(m, record->hi);
    put_float(m, record->low_quantile);
    put_float(m, record->high_quantile);
}

static void put_histogram(making *m, const rtvi_quant_histogram *h) {
    const uint64_t *bins = h->bins[0]; /* both sides, one after the other */
    uint32_t used = 0;
    for (uint32_t i = 0; i < 2 * RTVI_QUANT_BINS; i++) used += bins[i] != 0;
    put(m, (uint32_t)h->exponent, 4);
    put(m, used, 4);
    for (uint32_t i = 0; i < 2 * RTVI_QUANT_BINS; i++) {
        if (bins[i] == 0) continue;
        put(m, i, 4);
        put(m, bins[i], 8);
    }
}

static void put_value(making *m, const rtvi_stats_value *v, int64_t max_samples) {
    put(m, strlen(v->name), 4);
    put(m, v->what, 4);
    put(m, (uint64_t)v->channels, 8);
    put(m, (uint64_t)v->count, 8);
    put_bytes(m, v->name, strlen(v->name));
    for (int64_t i = 0; i < max_samples; i++)
        if (v->records[i].lo <= v->records[i].hi) put_record(m, (uint64_t)i, &v->records[i]);
    for (int64_t c = 0; v->sums && c < v->channels; c++) {
        put(m, (uint64_t)v->sums[c].high, 8);
        put(m, (uint64_t)v->sums[c].low, 8);
    }
    if (v->histogram) put_histogram(m, v->histogram);
}

static void make_file(making *m, const rtvi_quant_stats *stats, const char *about) {
    put_bytes(m, magic, sizeof magic);
    put(m, VERSION, 4);
    put(m, stats->num_values, 4);
    put(m, (uint64_t)stats->max_samples, 8);
    put(m, 0, 8); /* size and checksum follow */
    put(m, 0, 8);
    put(m, strlen(about), 8);
    put_bytes(m, about, strlen(about));
    for (size_t i = 0; i < stats->num_values; i++) put_value(m, &stats->values[i], stats->max_samples);
    if (m->failed) return;
    rtvi_store_le(m->data + 24, m->size, 8);
    rtvi_store_le(m->data + CHECKSUM_AT, checksum(m->data, m->size), 8);
}

static int32_t write_file(const making *m, const char *path, rtv_error *error) {
    rtvi_writer *writer;
    int32_t status = rtvi_writer_open(m->env, "statistics", path, &writer, error);
    if (status != RTV_OK) return status;
    status = rtvi_writer_write(writer, m->data, m->size, error);
    if (status == RTV_OK) return rtvi_writer_commit(writer, error);
    rtvi_writer_abort(writer);
    return status;
}

int32_t rtvi_quant_stats_save(const rtvi_quant_stats *stats, const char *about, const char *path, rtv_error *error) {
    making m = {.env = stats->env};
    int32_t status;
    if (strlen(about) > MAX_ABOUT)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "statistics: description: got %zu bytes, expected at most %d", strlen(about),
                              MAX_ABOUT);
    make_file(&m, stats, about);
    status = m.failed ? rtvi_error_out_of_memory(error, "statistics", m.size) : write_file(&m, path, error);
    rtvi_free(stats->env, m.data);
    return status;
}

/* --- reading --- */

typedef struct reading {
    rtvi_quant_stats *stats;
    rtvi_bytes bytes;
    rtv_error *error;
} reading;

static int32_t wrong(const reading *r, const char *what) {
    return rtvi_error_set_at(r->error, RTV_E_FORMAT, (int64_t)r->bytes.pos, "statistics: byte %zu: %s", r->bytes.pos, what);
}

static float take_float(rtvi_bytes *bytes) {
    const uint32_t bits = rtvi_bytes_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static int is_range(float lo, float hi) { return isfinite(lo) && isfinite(hi) && lo <= hi; }

static int32_t read_records(reading *r, rtvi_stats_value *v, uint64_t count) {
    int64_t last = -1;
    for (v->count = 0; (uint64_t)v->count < count; v->count++) {
        const uint64_t sample = rtvi_bytes_u64(&r->bytes);
        rtvi_stats_record record;
        record.lo = take_float(&r->bytes);
        record.hi = take_float(&r->bytes);
        record.low_quantile = take_float(&r->bytes);
        record.high_quantile = take_float(&r->bytes);
        if (r->bytes.failed) return wrong(r, "the file ends within the samples of a value");
        if (sample >= (uint64_t)r->stats->max_samples || (int64_t)sample <= last)
            return wrong(r, "a sample number is out of order or range");
        if (!is_range(record.lo, record.hi) || !is_range(record.low_quantile, record.high_quantile))
            return wrong(r, "a range is not finite or ends before it begins");
        v->records[sample] = record;
        last = (int64_t)sample;
    }
    return RTV_OK;
}

static int32_t read_histogram(reading *r, rtvi_quant_histogram *h) {
    const int32_t exponent = (int32_t)rtvi_bytes_u32(&r->bytes);
    const uint32_t used = rtvi_bytes_u32(&r->bytes);
    int64_t last = -1;
    if (exponent < -200 || exponent > 200) return wrong(r, "the width of a histogram's bins is out of range");
    h->exponent = exponent;
    for (uint32_t i = 0; i < used; i++) {
        const uint32_t bin = rtvi_bytes_u32(&r->bytes);
        const uint64_t count = rtvi_bytes_u64(&r->bytes);
        if (r->bytes.failed) return wrong(r, "the file ends within a histogram");
        if (bin >= 2 * RTVI_QUANT_BINS || (int64_t)bin <= last || count == 0 || count > UINT64_MAX - h->total)
            return wrong(r, "a histogram's bin is out of order or range");
        h->bins[bin / RTVI_QUANT_BINS][bin % RTVI_QUANT_BINS] = count;
        h->total += count;
        last = bin;
    }
    return r->bytes.failed ? wrong(r, "the file ends within a histogram") : RTV_OK;
}

static int32_t read_sums(reading *r, rtvi_stats_value *v) {
    for (int64_t c = 0; c < v->channels; c++) {
        v->sums[c].high = (int64_t)rtvi_bytes_u64(&r->bytes);
        v->sums[c].low = (int64_t)rtvi_bytes_u64(&r->bytes);
    }
    return r->bytes.failed ? wrong(r, "the file ends within the means of a value") : RTV_OK;
}

/* The value's name, in a buffer of MAX_NAME. */
static int32_t read_name(reading *r, uint32_t size, char *name) {
    const uint8_t *text = size < MAX_NAME ? rtvi_bytes_take(&r->bytes, size) : NULL;
    if (!text || size == 0 || memchr(text, 0, size)) return wrong(r, "the name of a value is missing, too long, or cut off");
    memcpy(name, text, size);
    name[size] = 0;
    if (rtvi_quant_stats_find(r->stats, name)) return wrong(r, "two values have one name");
    return RTV_OK;
}

static int32_t read_value(reading *r, char *name) {
    const uint32_t name_size = rtvi_bytes_u32(&r->bytes), what = rtvi_bytes_u32(&r->bytes);
    const uint64_t channels = rtvi_bytes_u64(&r->bytes), count = rtvi_bytes_u64(&r->bytes);
    rtvi_stats_value *v;
    int32_t status = read_name(r, name_size, name);
    if (status != RTV_OK) return status;
    if ((what & ~(uint32_t)KNOWN) != 0 || count > (uint64_t)r->stats->max_samples)
        return wrong(r, "statistics or samples of a value are unknown");
    if (channels == 0 || channels > (what & RTVI_QUANT_MEANS ? rtvi_bytes_left(&r->bytes) / 16 : INT32_MAX))
        return wrong(r, "the channels of a value are none or more than the file has room for");
    status = rtvi_quant_stats_track(r->stats, name, (int64_t)channels, what, r->error);
    if (status != RTV_OK) return status;
    v = rtvi_quant_stats_find(r->stats, name);
    status = read_records(r, v, count);
    if (status == RTV_OK && v->sums) status = read_sums(r, v);
    if (status == RTV_OK && v->histogram) status = read_histogram(r, v->histogram);
    return status;
}

/* Everything up to the description; *num_values. */
static int32_t read_header(reading *r, const rtvi_env *env, uint32_t *num_values, char **about) {
    const uint8_t *first = rtvi_bytes_take(&r->bytes, sizeof magic), *text;
    const uint32_t version = rtvi_bytes_u32(&r->bytes);
    uint64_t max_samples, size, sum, about_size;
    *num_values = rtvi_bytes_u32(&r->bytes);
    max_samples = rtvi_bytes_u64(&r->bytes);
    size = rtvi_bytes_u64(&r->bytes);
    sum = rtvi_bytes_u64(&r->bytes);
    about_size = rtvi_bytes_u64(&r->bytes);
    if (!first || memcmp(first, magic, sizeof magic) != 0) return wrong(r, "this is no file of statistics");
    if (r->bytes.failed) return wrong(r, "the file ends within its header");
    if (version != VERSION)
        return rtvi_error_set(r->error, RTV_E_UNSUPPORTED, "statistics: version: got %u, expected %d", version, VERSION);
    if (size != r->bytes.size)
        return rtvi_error_set(r->error, RTV_E_FORMAT, "statistics: file size: got %zu bytes, expected %llu", r->bytes.size,
                              (unsigned long long)size);
    if (sum != checksum(r->bytes.data, r->bytes.size))
        return rtvi_error_set(r->error, RTV_E_CHECKSUM, "statistics: checksum: got another than the file's bytes have");
    if (max_samples < 1 || max_samples > RTVI_QUANT_MAX_SAMPLES) return wrong(r, "the number of samples is out of range");
    text = about_size <= MAX_ABOUT ? rtvi_bytes_take(&r->bytes, (size_t)about_size) : NULL;
    if (!text || memchr(text, 0, (size_t)about_size)) return wrong(r, "the description is too long or cut off");
    *about = rtvi_copy_string(env, (const char *)text, (size_t)about_size);
    if (!*about) return rtvi_error_out_of_memory(r->error, "statistics", (size_t)about_size);
    return rtvi_quant_stats_create(env, (int64_t)max_samples, &r->stats, r->error);
}

static int32_t read_all(reading *r, const rtvi_env *env, char **about) {
    uint32_t num_values = 0;
    char *name = rtvi_alloc(env, MAX_NAME, 1);
    int32_t status = name ? read_header(r, env, &num_values, about) : rtvi_error_out_of_memory(r->error, "statistics", MAX_NAME);
    for (uint32_t i = 0; status == RTV_OK && i < num_values; i++) status = read_value(r, name);
    if (status == RTV_OK && rtvi_bytes_left(&r->bytes) != 0) status = wrong(r, "more bytes follow than the file should have");
    rtvi_free(env, name);
    return status;
}

int32_t rtvi_quant_stats_load(const rtvi_env *env, const char *path, rtvi_quant_stats **stats, char **about, rtv_error *error) {
    rtvi_source source;
    reading r = {.error = error};
    int32_t status = rtvi_source_open(env, "statistics", path, &source, error);
    *stats = NULL;
    *about = NULL;
    if (status != RTV_OK) return status;
    r.bytes = rtvi_bytes_over(source.data, source.size);
    status = read_all(&r, env, about);
    rtvi_source_close(&source);
    if (status == RTV_OK) {
        *stats = r.stats;
        return rtvi_error_clear(error);
    }
    rtvi_quant_stats_destroy(r.stats);
    rtvi_free(env, *about);
    *about = NULL;
    return status;
}
