/* sheet.h - a contact sheet: one HTML file, a row a query, its hits framed by whether they are of its class. */
#ifndef SHEET_H
#define SHEET_H

#include <stddef.h>
#include <stdint.h>

#include "found.h"

typedef struct sheet_facts {
    const char *index_path;
    const char *root; /* where relative keys begin; NULL: the current folder */
    const rtv_index_info *index;
    int64_t k;
    double seconds; /* for all queries */
    const found_recall *recall;
} sheet_facts;

/* Whole or not at all. Returns an exit code, after a message. */
int sheet_write(const char *path, const sheet_facts *facts, const found_query *queries, size_t count);

#endif
