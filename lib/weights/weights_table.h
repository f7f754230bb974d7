/* weights_table.h - building the table of weights; for the readers of the containers. */
#ifndef RTVI_WEIGHTS_TABLE_H
#define RTVI_WEIGHTS_TABLE_H

#include "weights/weights.h"
#include "weights/weights_names.h"

typedef struct rtvi_weights_item {
    rtvi_weight weight; /* weight.name is not terminated before rtvi_weights_finish */
    size_t name_length;
} rtvi_weights_item;

struct rtvi_weights {
    const rtvi_env *env;
    rtvi_source source;
    rtvi_weights_item *items;
    size_t count, capacity;
    char *text; /* all names, after rtvi_weights_finish */
    rtvi_names names;
    char label[256]; /* "weights: FILE", how every message begins */
    int wants_lists;
    rtvi_weights_list *lists; /* [num_lists] */
    size_t num_lists, max_lists;
};

/* name is a view that must live until rtvi_weights_finish. */
int32_t rtvi_weights_add(rtvi_weights *weights, const char *name, size_t length, const rtvi_tensor *tensor, rtv_error *error);
/* Drops thop's buffers, takes prefixes off, refuses an empty table and names that occur twice. */
int32_t rtvi_weights_finish(rtvi_weights *weights, rtv_error *error);

void rtvi_weights_free_lists(rtvi_weights *weights);

/* Readers of one container each, from weights->source; they only add. */
int32_t rtvi_weights_read_zip(rtvi_weights *weights, rtv_error *error);
int32_t rtvi_weights_read_legacy(rtvi_weights *weights, rtv_error *error);

#endif
