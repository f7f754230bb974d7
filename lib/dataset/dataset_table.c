/* dataset_table.c - pictures and classes in one table. */
#include "dataset/dataset_table.h"

#include <stdlib.h>
#include <string.h>

#include "base/base_utf8.h"

int32_t rtvi_dataset_bad(const rtvi_dataset_reader *reader, rtvi_span got, const char *expected) {
    rtvi_quoted quoted;
    return rtvi_error_set(reader->error, RTV_E_FORMAT, "dataset: %s, line %zu: got \"%s\", expected %s", reader->name, reader->lines.number,
                          rtvi_error_quote(&quoted, got.text, got.size), expected);
}

static int is_clean(rtvi_span span) {
    for (size_t i = 0, length; i < span.size; i += length) {
        const uint8_t *at = (const uint8_t *)span.text + i;
        length = rtvi_utf8_length(at, span.size - i);
        if (length == 0 || *at < 0x20 || *at == 0x7f) return 0;
    }
    return 1;
}

/* Relative, and no part of it is "..": a list from elsewhere names pictures of its own folder only. */
static int stays_below(rtvi_span path) {
    size_t begin = 0;
    if (path.size > 0 && path.text[0] == '/') return 0;
    for (size_t i = 0; i <= path.size; i++) {
        if (i < path.size && path.text[i] != '/') continue;
        if (i - begin == 2 && memcmp(path.text + begin, "..", 2) == 0) return 0;
        begin = i + 1;
    }
    return 1;
}

int32_t rtvi_dataset_keep(const rtvi_dataset_reader *reader, const char *prefix, rtvi_span span, size_t *place) {
    rtvi_dataset *d = reader->dataset;
    const size_t prefix_size = strlen(prefix);
    size_t needed = d->text_size + prefix_size + span.size + 1; /* the parts are of files of limited size */
    void *text = d->text;
    if (!is_clean(span)) return rtvi_dataset_bad(reader, span, "UTF-8 without control characters");
    if (!rtvi_grow(d->env, &text, &d->text_capacity, d->text_size, needed, 1))
        return rtvi_error_out_of_memory(reader->error, "dataset", needed);
    d->text = text;
    *place = d->text_size;
    memcpy(d->text + d->text_size, prefix, prefix_size);
    if (span.size > 0) memcpy(d->text + d->text_size + prefix_size, span.text, span.size);
    d->text[needed - 1] = 0;
    d->text_size = needed;
    return RTV_OK;
}

int32_t rtvi_dataset_add(const rtvi_dataset_reader *reader, const rtvi_dataset_picture *picture) {
    rtvi_dataset *d = reader->dataset;
    rtvi_dataset_row row = {.class_name = RTVI_NO_TEXT, .class_id = -1, .split = picture->split, .listed_split = picture->split};
    void *rows = d->rows;
    int32_t status;
    if (picture->path.size == 0) return rtvi_dataset_bad(reader, picture->path, "a path");
    if (!picture->any_path && !stays_below(picture->path))
        return rtvi_dataset_bad(reader, picture->path, "a path that does not leave its folder");
    if (d->count == RTVI_DATASET_MAX_COUNT)
        return rtvi_error_set(reader->error, RTV_E_LIMIT, "dataset: %s: got more pictures, expected at most %zu", reader->name, d->count);
    status = rtvi_dataset_keep(reader, picture->prefix ? picture->prefix : "", picture->path, &row.path);
    if (status == RTV_OK && picture->class_name.text) status = rtvi_dataset_keep(reader, "", picture->class_name, &row.class_name);
    if (status != RTV_OK) return status;
    if (!rtvi_grow(d->env, &rows, &d->capacity, d->count, d->count + 1, sizeof row))
        return rtvi_error_out_of_memory(reader->error, "dataset", d->count * sizeof row);
    d->rows = rows;
    d->rows[d->count++] = row;
    return RTV_OK;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* names[d->count]: scratch. */
static void number_classes(rtvi_dataset *d, const char **names) {
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++)
        if (d->rows[i].class_name != RTVI_NO_TEXT) names[count++] = d->text + d->rows[i].class_name;
    qsort(names, count, sizeof *names, by_text);
    for (size_t i = 0; i < count; i++)
        if (d->num_classes == 0 || strcmp(names[d->num_classes - 1], names[i]) != 0) names[d->num_classes++] = names[i];
    for (size_t i = 0; i < d->num_classes; i++) d->classes[i] = (size_t)(names[i] - d->text);
    for (size_t i = 0; i < d->count; i++) {
        const char *name = d->text + (d->rows[i].class_name != RTVI_NO_TEXT ? d->rows[i].class_name : 0);
        const char **found = bsearch(&name, names, d->num_classes, sizeof *names, by_text);
        if (d->rows[i].class_name != RTVI_NO_TEXT) d->rows[i].class_id = (int32_t)(found - names);
    }
}

int32_t rtvi_dataset_finish(rtvi_dataset *d, rtv_error *error) {
    const char **names = rtvi_alloc(d->env, d->count, sizeof *names);
    d->classes = rtvi_alloc(d->env, d->count, sizeof *d->classes);
    if (names && d->classes && d->count > 0) number_classes(d, names);
    rtvi_free(d->env, names);
    return names && d->classes ? RTV_OK : rtvi_error_out_of_memory(error, "dataset", d->count * sizeof *names);
}

void rtvi_dataset_destroy(rtvi_dataset *d) {
    if (!d) return;
    rtvi_free(d->env, d->rows);
    rtvi_free(d->env, d->text);
    rtvi_free(d->env, d->classes);
    rtvi_free(d->env, d);
}

void rtvi_dataset_info(const rtvi_dataset *d, rtv_dataset_info *info) {
    memset(info, 0, sizeof *info);
    info->num_classes = (int64_t)d->num_classes;
    info->count = (int64_t)d->count;
    for (size_t i = 0; i < d->count; i++) info->splits[d->rows[i].split]++;
}

int rtvi_dataset_entry(const rtvi_dataset *d, int64_t index, rtv_dataset_entry *entry) {
    const rtvi_dataset_row *row;
    if (index < 0 || (uint64_t)index >= d->count) return 0;
    row = &d->rows[index];
    memset(entry, 0, sizeof *entry);
    entry->class_id = row->class_id;
    entry->split = row->split;
    entry->listed_split = row->listed_split;
    entry->path = d->text + row->path;
    entry->has_box = row->has_box;
    memcpy(entry->box, row->box, sizeof entry->box);
    return 1;
}

const char *rtvi_dataset_class_name(const rtvi_dataset *d, int32_t class_id) {
    return class_id >= 0 && (size_t)class_id < d->num_classes ? d->text + d->classes[class_id] : NULL;
}
