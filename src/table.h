/* table.h - columns as wide as their widest cell. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "program.h"

enum { TABLE_COLUMNS_MOST = 10 };
typedef enum cell_style { CELL_PLAIN = 0, CELL_BOLD, CELL_DIM, CELL_GREEN, CELL_RED } cell_style;

typedef struct table_cell {
    char *text;
    cell_style style;
} table_cell;

typedef struct table {
    const char *alignments; /* one letter a column: l or r */
    size_t num_columns;
    table_cell *cells; /* [count], row-major */
    size_t count, capacity;
} table;

void table_begin(table *t, const char *alignments);
/* The next cell; rows fill one after the other. Control characters are replaced. */
void table_add(table *t, cell_style style, const char *text);
/* The next cell, plain, with formatted text. */
void table_add_text(table *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* A row of two columns: a dim label and formatted text. */
void table_add_pair(table *t, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);
/* Styles show only where colours do. */
void table_print(const table *t, FILE *stream);
void table_destroy(table *t);
/* Text in a style, if the stream takes it. */
void table_print_styled(FILE *stream, cell_style style, const char *text);

#endif
