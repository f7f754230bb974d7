/* sheet.c - a contact sheet: one HTML file, a row a query, its hits framed by whether they are of its class. Each picture is embedded once,
 * as the background of a CSS class, however often it is shown; a large one is linked instead. */
#include "sheet.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "output.h"
#include "sheet_style.h"
#include "text.h"

enum { EMBED_MOST_BYTES = 1 << 20 };

typedef struct gallery {
    char **paths; /* [count], sorted, each once; a picture's place is its number */
    size_t count, capacity;
    char *is_shown; /* [count]: 1 when there is a picture */
} gallery;

static char *picture_path(const sheet_facts *facts, const char *key) {
    return facts->root && *key && *key != '/' ? text_join(facts->root, key) : copy_text(key);
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void collect(gallery *all, char *path) {
    all->paths = grow(all->paths, &all->capacity, all->count + 1, sizeof *all->paths);
    all->paths[all->count++] = path;
}

static void make_gallery(gallery *all, const sheet_facts *facts, const found_query *queries, size_t count) {
    size_t unique = 0;
    memset(all, 0, sizeof *all);
    for (size_t q = 0; q < count; q++) {
        collect(all, copy_text(queries[q].path));
        for (int64_t i = 0; i < queries[q].num_hits; i++) collect(all, picture_path(facts, queries[q].hits[i].key));
    }
    if (all->count > 0) qsort(all->paths, all->count, sizeof *all->paths, compare);
    for (size_t i = 0; i < all->count; i++) {
        if (unique > 0 && strcmp(all->paths[unique - 1], all->paths[i]) == 0)
            free(all->paths[i]);
        else
            all->paths[unique++] = all->paths[i];
    }
    all->count = unique;
    all->is_shown = allocate(unique, 1);
}

static void destroy_gallery(gallery *all) {
    for (size_t i = 0; i < all->count; i++) free(all->paths[i]);
    free(all->paths);
    free(all->is_shown);
}

static void write_text(output *out, const char *text) {
    char *clean = text_printable(text);
    for (const char *at = clean; *at; at++) {
        const char *entity = *at == '&' ? "&amp;" : *at == '<' ? "&lt;" : *at == '>' ? "&gt;" : *at == '"' ? "&quot;" : NULL;
        if (entity)
            output_write(out, entity, strlen(entity));
        else
            output_write(out, at, 1);
    }
    free(clean);
}

static void write_base64(output *out, const uint8_t *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t three = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63], digits[three >> 6 & 63], digits[three & 63]};
        if (left < 3) four[3] = '=';
        if (left < 2) four[2] = '=';
        output_write(out, four, sizeof four);
    }
}

static const char *media_type(const uint8_t *data, size_t size) {
    if (size > 3 && memcmp(data, "\xFF\xD8\xFF", 3) == 0) return "image/jpeg";
    if (size > 8 && memcmp(data, "\x89PNG\r\n\x1A\n", 8) == 0) return "image/png";
    return NULL;
}

/* 1 when the file is a picture small enough to go in. */
static int embed_picture(output *out, FILE *file, size_t number) {
    uint8_t *data = allocate(EMBED_MOST_BYTES + 1, 1);
    size_t size = fread(data, 1, EMBED_MOST_BYTES + 1, file);
    const char *type = media_type(data, size);
    int fits = type && size <= EMBED_MOST_BYTES;
    if (fits) {
        output_print(out, ".p%zu{background-image:url(data:%s;base64,", number, type);
        write_base64(out, data, size);
        output_print(out, ")}\n");
    }
    free(data);
    return fits;
}

static void link_picture(output *out, const char *path, size_t number) {
    char *whole = realpath(path, NULL);
    output_print(out, ".p%zu{background-image:url(\"file://", number);
    for (const char *at = whole ? whole : path; *at; at++) {
        int is_plain = (*at >= '0' && *at <= '9') || (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z') || strchr("/._-~", *at);
        output_print(out, is_plain ? "%c" : "%%%02X", (unsigned char)*at);
    }
    output_print(out, "\")}\n");
    free(whole);
}

static void write_pictures(output *out, gallery *all) {
    for (size_t i = 0; i < all->count; i++) {
        struct stat info;
        FILE *file = stat(all->paths[i], &info) == 0 && S_ISREG(info.st_mode) ? fopen(all->paths[i], "rb") : NULL;
        if (!file) continue;
        all->is_shown[i] = 1;
        if (!embed_picture(out, file, i)) link_picture(out, all->paths[i], i);
        fclose(file);
    }
}

static void write_fact(output *out, const char *name, const char *value) {
    output_print(out, "<div><dt>%s</dt><dd>", name);
    write_text(out, value);
    output_print(out, "</dd></div>\n");
}

static void write_percent(output *out, const char *name, int64_t part, int64_t whole) {
    char text[32];
    snprintf(text, sizeof text, "%.1f %%", found_percent(part, whole));
    write_fact(out, name, text);
}

static void write_facts(output *out, const sheet_facts *facts, size_t count) {
    const found_recall *recall = facts->recall;
    short_text text;
    char name[40];
    output_print(out, "<dl class=\"facts\">\n");
    if (*facts->index->model_name) write_fact(out, "Model", facts->index->model_name);
    write_fact(out, "Pictures in the index", text_count(&text, facts->index->count));
    write_fact(out, "Queries", text_count(&text, (int64_t)count));
    write_fact(out, "Time a query", text_duration(&text, count > 0 ? facts->seconds / (double)count : 0));
    if (recall->queries > 0) {
        snprintf(name, sizeof name, "Recall@%" PRId64, facts->k);
        write_percent(out, "Recall@1", recall->at_1, recall->queries);
        if (facts->k > 1) write_percent(out, name, recall->at_k, recall->queries);
    }
    output_print(out, "</dl>\n");
}

static void write_header(output *out, const sheet_facts *facts, size_t count) {
    output_print(out, "<header>\n<h1>");
    write_text(out, text_base_name(facts->index_path));
    output_print(out, "</h1>\n<p class=\"about\">Each row: a picture, and the %" PRId64 " most similar ones of the index, best first</p>\n",
                 facts->k);
    write_facts(out, facts, count);
    if (facts->recall->queries > 0)
        output_print(out,
                     "<div class=\"bar\"><span class=\"key same\">same class</span><span class=\"key other\">another class</span>"
                     "<label><input type=\"checkbox\" id=\"misses\">only queries whose first hit is wrong</label></div>\n");
    output_print(out, "</header>\n");
}

static void write_picture(output *out, const gallery *all, const char *path, const char *label) {
    char **found = bsearch(&path, all->paths, all->count, sizeof *all->paths, compare);
    size_t number = found ? (size_t)(found - all->paths) : 0;
    if (found && all->is_shown[number])
        output_print(out, "<i class=\"p p%zu\" role=\"img\" aria-label=\"", number);
    else
        output_print(out, "<i class=\"p lost\" role=\"img\" aria-label=\"");
    write_text(out, label);
    output_print(out, "\" title=\"");
    write_text(out, label);
    output_print(out, "\"></i>");
}

static void write_line(output *out, const char *kind, const char *text) {
    output_print(out, "<p class=\"%s\">", kind);
    write_text(out, text);
    output_print(out, "</p>");
}

static void write_query(output *out, const gallery *all, const found_query *query) {
    output_print(out, "<div class=\"query\">");
    write_picture(out, all, query->path, query->path);
    if (query->class_name)
        write_line(out, "class", query->class_name);
    else
        write_line(out, "class", text_base_name(query->path));
    if (query->class_name) write_line(out, "file", text_base_name(query->path));
    if (query->predicted) {
        char *text = format_text("looks like %s", query->predicted);
        write_line(out, "file", text);
        free(text);
    }
    output_print(out, "</div>\n");
}

static void write_hit(output *out, const sheet_facts *facts, const gallery *all, const found_hit *hit) {
    static const char *const kinds[] = {"none", "other", "same"};
    static const char *const marks[] = {"", "\u2717", "\u2713"}; /* for eyes that do not tell red from green */
    char *path = picture_path(facts, hit->key);
    output_print(out, "<li class=\"%s\">", kinds[hit->same + 1]);
    write_picture(out, all, path, hit->key);
    output_print(out, "<p class=\"score\">%.3f<span>%s</span></p>", (double)hit->score, marks[hit->same + 1]);
    write_line(out, "name", hit->class_name ? hit->class_name : text_base_name(hit->key));
    output_print(out, "</li>\n");
    free(path);
}

static void write_row(output *out, const sheet_facts *facts, const gallery *all, const found_query *query) {
    int is_right = query->num_hits > 0 && query->hits[0].same == 1;
    output_print(out, "<section%s>\n", is_right ? " class=\"right\"" : "");
    write_query(out, all, query);
    if (query->num_hits == 0) output_print(out, "<p class=\"empty\">Nothing similar enough.</p>\n");
    if (query->num_hits > 0) output_print(out, "<ol class=\"hits\">\n");
    for (int64_t i = 0; i < query->num_hits; i++) write_hit(out, facts, all, &query->hits[i]);
    output_print(out, "%s</section>\n", query->num_hits > 0 ? "</ol>\n" : "");
}

int sheet_write(const char *path, const sheet_facts *facts, const found_query *queries, size_t count) {
    output out;
    gallery all;
    int code = output_open(&out, path);
    if (code != STATUS_OK) return code;
    make_gallery(&all, facts, queries, count);
    output_print(&out,
                 "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    write_text(&out, text_base_name(facts->index_path));
    output_print(&out, " - most similar pictures</title>\n<style>\n%s", sheet_style);
    write_pictures(&out, &all);
    output_print(&out, "</style>\n</head>\n<body>\n");
    write_header(&out, facts, count);
    output_print(&out, "<main>\n");
    for (size_t q = 0; q < count; q++) write_row(&out, facts, &all, &queries[q]);
    output_print(
        &out,
        "</main>\n<footer>Scores are inner products of unit descriptors: 1 is the same picture. libretrieve %d.%d.%d, model %s</footer>\n"
        "</body>\n</html>\n",
        RTV_VERSION_MAJOR, RTV_VERSION_MINOR, RTV_VERSION_PATCH, facts->index->fingerprint);
    destroy_gallery(&all);
    return output_commit(&out);
}
