/* found.h - what a search found, with names, ready to show; printing as a table or as JSON lines. */
#ifndef FOUND_H
#define FOUND_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/index.h>

typedef struct found_hit {
    int64_t id;
    float score;
    int32_t class_id;
    char *key;
    char *class_name; /* NULL when it has none */
    int same;         /* 1: the query's class, 0: another, -1: not known */
} found_hit;

typedef struct found_query {
    const char *path;      /* of the caller */
    char *class_name;      /* the name of its folder, when asked for and known, else NULL */
    int class_in_index;    /* 1: the index has items of this class's name */
    const char *predicted; /* by the model; NULL when there is nothing to say */
    float predicted_score;
    found_hit *hits; /* [num_hits], best first */
    int64_t num_hits;
} found_query;

/* Queries with a class; a class that the index does not have counts as a miss. */
typedef struct found_recall {
    int64_t queries, at_1, at_k, without_items;
} found_recall;

/* New: the key of an item, "" when it has none; the name of a class, NULL when it has none. */
char *found_key(rtv_index *index, int64_t id);
char *found_class_name(rtv_index *index, int32_t class_id);

/* Takes up to k hits, leaving out the query's own file when skip_self is set. */
void found_fill(found_query *query, rtv_index *index, const rtv_hit *hits, int64_t num_hits, int64_t k, int skip_self);
void found_release(found_query *query);
void found_count(found_recall *recall, const found_query *query);
double found_percent(int64_t part, int64_t whole);

void found_print_table(const found_query *query, int with_classes);
void found_print_json(const found_query *query);
void found_print_recall_json(const found_recall *recall, int64_t k);

#endif
