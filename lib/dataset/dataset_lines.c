/* dataset_lines.c - a text file line by line, and the words of a line. Numbers are read by hand: strtod follows the locale. */
#include "dataset/dataset_lines.h"

#include <string.h>

static int is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip(rtvi_span *span, size_t size) {
    span->text += size;
    span->size -= size;
}

rtvi_lines rtvi_lines_over(const void *data, size_t size) {
    rtvi_lines lines = {{data, size}, 0};
    if (size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0) skip(&lines.left, 3);
    return lines;
}

int rtvi_lines_next(rtvi_lines *lines, rtvi_span *line) {
    const char *end = lines->left.size > 0 ? memchr(lines->left.text, '\n', lines->left.size) : NULL;
    if (lines->left.size == 0) return 0;
    *line = lines->left;
    if (end) line->size = (size_t)(end - line->text);
    skip(&lines->left, line->size + (end != NULL));
    if (line->size > 0 && line->text[line->size - 1] == '\r') line->size--;
    lines->number++;
    return 1;
}

int rtvi_span_word(rtvi_span *line, rtvi_span *word) {
    size_t size = 0;
    while (line->size > 0 && is_blank(line->text[0])) skip(line, 1);
    while (size < line->size && !is_blank(line->text[size])) size++;
    *word = (rtvi_span){line->text, size};
    skip(line, size);
    while (line->size > 0 && is_blank(line->text[0])) skip(line, 1);
    return size > 0;
}

int rtvi_span_integer(rtvi_span span, int64_t most, int64_t *value) {
    int64_t number = 0;
    for (size_t i = 0; i < span.size; i++) {
        const int digit = span.text[i] - '0';
        if (digit < 0 || digit > 9 || number > (most - digit) / 10) return 0;
        number = number * 10 + digit;
    }
    *value = number;
    return span.size > 0;
}

int rtvi_span_decimal(rtvi_span span, double *value) {
    const char *point = span.size > 0 ? memchr(span.text, '.', span.size) : NULL;
    const size_t whole = point ? (size_t)(point - span.text) : span.size;
    int64_t left, right = 0;
    double scale = 1;
    if (!rtvi_span_integer((rtvi_span){span.text, whole}, INT32_MAX, &left)) return 0;
    if (point && !rtvi_span_integer((rtvi_span){point + 1, span.size - whole - 1}, INT32_MAX, &right)) return 0;
    for (size_t i = whole + 1; i < span.size; i++) scale *= 10;
    *value = (double)left + (double)right / scale;
    return 1;
}

int rtvi_span_is(rtvi_span span, const char *text) { return strlen(text) == span.size && memcmp(span.text, text, span.size) == 0; }
