/* found.c - what a search found, with names, ready to show; printing as a table or as JSON lines. */
#include "found.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "json_text.h"
#include "program.h"
#include "table.h"
#include "text.h"

typedef int32_t (*read_text)(rtv_index *index, int64_t number, char *text, uint64_t capacity, uint64_t *size);

static int32_t read_key(rtv_index *index, int64_t id, char *text, uint64_t capacity, uint64_t *size) {
    return rtv_index_key(index, id, text, capacity, size, NULL);
}

static int32_t read_class(rtv_index *index, int64_t id, char *text, uint64_t capacity, uint64_t *size) {
    return rtv_index_class_name(index, RTV_CLASSES_LABEL, (int32_t)id, text, capacity, size, NULL);
}

/* New: the text, NULL when there is none. */
static char *text_of(rtv_index *index, read_text read, int64_t number) {
    uint64_t size = 256;
    char *text = allocate(size, 1);
    int32_t status = read(index, number, text, size, &size);
    if (status == RTV_E_BUFFER_TOO_SMALL) {
        free(text);
        text = allocate(size, 1);
        status = read(index, number, text, size, &size);
    }
    if (status == RTV_OK) return text;
    free(text);
    return NULL;
}

char *found_key(rtv_index *index, int64_t id) {
    char *key = text_of(index, read_key, id);
    return key ? key : copy_text("");
}

char *found_class_name(rtv_index *index, int32_t class_id) { return class_id >= 0 ? text_of(index, read_class, class_id) : NULL; }

static void name_hit(found_hit *hit, const found_query *query, rtv_index *index) {
    hit->class_name = found_class_name(index, hit->class_id);
    hit->same = -1;
    if (query->class_name) hit->same = hit->class_name && strcmp(hit->class_name, query->class_name) == 0;
}

void found_fill(found_query *query, rtv_index *index, const rtv_hit *hits, int64_t num_hits, int64_t k, int skip_self) {
    int32_t class_id;
    query->class_in_index = query->class_name && rtv_index_class_id(index, RTV_CLASSES_LABEL, query->class_name, &class_id, NULL) == RTV_OK;
    query->hits = allocate((size_t)num_hits, sizeof *query->hits);
    for (int64_t i = 0; i < num_hits && query->num_hits < k; i++) {
        found_hit *hit = &query->hits[query->num_hits];
        hit->key = found_key(index, hits[i].id);
        if (skip_self && *hit->key && files_are_same(hit->key, query->path)) {
            free(hit->key);
            continue;
        }
        hit->id = hits[i].id;
        hit->score = hits[i].score;
        hit->class_id = hits[i].class_id;
        name_hit(hit, query, index);
        query->num_hits++;
    }
}

void found_release(found_query *query) {
    for (int64_t i = 0; i < query->num_hits; i++) {
        free(query->hits[i].key);
        free(query->hits[i].class_name);
    }
    free(query->hits);
    free(query->class_name);
    memset(query, 0, sizeof *query);
}

void found_count(found_recall *recall, const found_query *query) {
    int64_t first = 0;
    if (!query->class_name) return;
    while (first < query->num_hits && query->hits[first].same != 1) first++;
    recall->queries++;
    recall->at_1 += first == 0 && query->num_hits > 0;
    recall->at_k += first < query->num_hits;
    recall->without_items += !query->class_in_index;
}

double found_percent(int64_t part, int64_t whole) { return whole > 0 ? 100.0 * (double)part / (double)whole : 0; }

static void print_head(const found_query *query) {
    char *path = text_printable(query->path), *more;
    table_print_styled(stdout, CELL_BOLD, path);
    if (query->class_name) {
        more = text_printable(query->class_name);
        printf("  %s", more);
        free(more);
    }
    if (query->predicted) {
        more = format_text("  (looks like %s, %.0f %%)", query->predicted, 100.0 * (double)query->predicted_score);
        table_print_styled(stdout, CELL_DIM, more);
        free(more);
    }
    putchar('\n');
    free(path);
}

void found_print_table(const found_query *query, int with_classes) {
    static const cell_style styles[] = {CELL_PLAIN, CELL_RED, CELL_GREEN};
    char number[32];
    table t;
    print_head(query);
    table_begin(&t, with_classes ? "rlll" : "rll");
    for (int64_t i = 0; i < query->num_hits; i++) {
        const found_hit *hit = &query->hits[i];
        snprintf(number, sizeof number, "%4" PRId64, i + 1);
        table_add(&t, CELL_DIM, number);
        snprintf(number, sizeof number, "%.4f", (double)hit->score);
        table_add(&t, CELL_PLAIN, number);
        if (with_classes) table_add(&t, styles[hit->same + 1], hit->class_name ? hit->class_name : "-");
        if (!*hit->key) snprintf(number, sizeof number, "id %" PRId64, hit->id);
        table_add(&t, CELL_PLAIN, *hit->key ? hit->key : number);
    }
    table_print(&t, stdout);
    table_destroy(&t);
    if (query->num_hits == 0) printf("      nothing similar enough\n");
    putchar('\n');
    fflush(stdout);
}

void found_print_json(const found_query *query) {
    for (int64_t i = 0; i < query->num_hits; i++) {
        const found_hit *hit = &query->hits[i];
        cJSON *line = cJSON_CreateObject();
        json_add_text(line, "query", query->path);
        cJSON_AddNumberToObject(line, "rank", (double)(i + 1));
        cJSON_AddNumberToObject(line, "id", (double)hit->id);
        json_add_text(line, "key", hit->key);
        json_add_class(line, "class", hit->class_id, hit->class_name);
        json_add_float(line, "score", hit->score);
        if (hit->same >= 0) cJSON_AddBoolToObject(line, "same_class", hit->same);
        json_print_line(line);
    }
}

void found_print_recall_json(const found_recall *recall, int64_t k) {
    cJSON *line = cJSON_CreateObject(), *summary = cJSON_AddObjectToObject(line, "summary");
    char name[40];
    cJSON_AddNumberToObject(summary, "queries", (double)recall->queries);
    cJSON_AddNumberToObject(summary, "queries_without_items", (double)recall->without_items);
    cJSON_AddNumberToObject(summary, "recall@1", found_percent(recall->at_1, recall->queries) / 100);
    snprintf(name, sizeof name, "recall@%" PRId64, k);
    if (k > 1) cJSON_AddNumberToObject(summary, name, found_percent(recall->at_k, recall->queries) / 100);
    json_print_line(line);
}
