/* table.c - columns as wide as their widest cell. */
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

void table_begin(table *t, const char *alignments) {
    memset(t, 0, sizeof *t);
    t->alignments = alignments;
    t->num_columns = strlen(alignments);
}

void table_add(table *t, cell_style style, const char *text) {
    t->cells = grow(t->cells, &t->capacity, t->count + 1, sizeof *t->cells);
    t->cells[t->count].text = text_printable(text);
    t->cells[t->count].style = style;
    t->count++;
}

static void add_formatted(table *t, const char *format, va_list arguments) {
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    table_add(t, CELL_PLAIN, text);
}

void table_add_text(table *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_formatted(t, format, arguments);
    va_end(arguments);
}

void table_add_pair(table *t, const char *label, const char *format, ...) {
    va_list arguments;
    table_add(t, CELL_DIM, label);
    va_start(arguments, format);
    add_formatted(t, format, arguments);
    va_end(arguments);
}

void table_print_styled(FILE *stream, cell_style style, const char *text) {
    static const char *const codes[] = {"", "\033[1m", "\033[2m", "\033[32m", "\033[31m"};
    int coloured = style != CELL_PLAIN && text_has_colour(stream);
    fprintf(stream, "%s%s%s", coloured ? codes[style] : "", text, coloured ? "\033[0m" : "");
}

static void print_padding(FILE *stream, size_t width) { fprintf(stream, "%*s", (int)width, ""); }

void table_print(const table *t, FILE *stream) {
    size_t widths[TABLE_COLUMNS_MOST] = {0};
    for (size_t i = 0; i < t->count; i++) {
        size_t width = text_width(t->cells[i].text);
        if (width > widths[i % t->num_columns]) widths[i % t->num_columns] = width;
    }
    for (size_t i = 0; i < t->count; i++) {
        size_t column = i % t->num_columns, padding = widths[column] - text_width(t->cells[i].text);
        int is_last = column + 1 == t->num_columns;
        if (t->alignments[column] == 'r') print_padding(stream, padding);
        table_print_styled(stream, t->cells[i].style, t->cells[i].text);
        if (t->alignments[column] == 'l' && !is_last) print_padding(stream, padding);
        fputs(is_last ? "\n" : "  ", stream);
    }
}

void table_destroy(table *t) {
    for (size_t i = 0; i < t->count; i++) free(t->cells[i].text);
    free(t->cells);
}
