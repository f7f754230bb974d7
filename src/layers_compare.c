/* layers_compare.c - the layers of two models side by side, joined by name. */
#include "layers_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"

/* A row has the layer of one model or of both. */
typedef struct layer_pair {
    const rtv_layer_info *sides[2]; /* borrowed, or NULL */
} layer_pair;

typedef struct layer_pairs {
    layer_pair *items; /* [count] */
    size_t count;
} layer_pairs;

static int is_reorder(const rtv_layer_info *layer) { return strcmp(layer->op, "reorder") == 0; }

/* The operations may differ, as those of float32 and int8 do; but a reorder has the name of the layer that it works for. */
static int is_same(const rtv_layer_info *a, const rtv_layer_info *b) {
    return strcmp(a->name, b->name) == 0 && is_reorder(a) == is_reorder(b);
}

/* [a->count]: the place of the same layer in b, or -1. Each place of b is taken once, and marked. */
static int64_t *match(const layer_list *a, const layer_list *b, char *is_taken) {
    int64_t *places = allocate((size_t)a->count, sizeof *places);
    for (int64_t i = 0; i < a->count; i++) {
        int64_t j = 0;
        while (j < b->count && (is_taken[j] || !is_same(&a->items[i], &b->items[j]))) j++;
        places[i] = j < b->count ? j : -1;
        if (j < b->count) is_taken[j] = 1;
    }
    return places;
}

/* In a's order; what only b has stands before the layer that follows it in b. */
static layer_pairs join(const layer_list *a, const layer_list *b) {
    layer_pairs pairs = {allocate((size_t)(a->count + b->count), sizeof *pairs.items), 0};
    char *is_taken = allocate((size_t)b->count, sizeof *is_taken);
    int64_t *places = match(a, b, is_taken), next = 0;
    for (int64_t i = 0; i <= a->count; i++) {
        const int64_t place = i < a->count ? places[i] : b->count;
        for (; next < place; next++)
            if (!is_taken[next]) pairs.items[pairs.count++].sides[1] = &b->items[next];
        if (i == a->count) break;
        pairs.items[pairs.count].sides[0] = &a->items[i];
        pairs.items[pairs.count++].sides[1] = place < 0 ? NULL : &b->items[place];
    }
    free(places);
    free(is_taken);
    return pairs;
}

static const char *precision(const rtv_layer_info *layer) { return layer ? layer->precision : "-"; }

static void add_times(table *t, const double *milliseconds) {
    layers_add_number(t, "%.3f", milliseconds[0]);
    layers_add_number(t, "%.3f", milliseconds[1]);
    layers_add_number(t, "%.2f", milliseconds[1] > 0 ? milliseconds[0] / milliseconds[1] : 0);
}

/* How well the second model's time is spent: int8 that is not int8, or not fast, shows here. */
static void add_side(table *t, const rtv_layer_info *layer, double all_milliseconds) {
    layers_add_number(t, "%.1f %%", layer && all_milliseconds > 0 ? 100 * layer->milliseconds / all_milliseconds : 0);
    layers_add_number(t, "%.1f", layer ? layers_gmacs(layer->macs, layer->milliseconds) : 0);
    table_add(t, CELL_PLAIN, layer ? layer->kernel : "");
}

/* The name; the operation, or both where they differ. */
static void add_names(table *t, const layer_pair *pair) {
    const rtv_layer_info *a = pair->sides[0], *b = pair->sides[1], *known = a ? a : b;
    char ops[64];
    snprintf(ops, sizeof ops, "%s / %s", known->op, b ? b->op : "");
    table_add(t, CELL_PLAIN, known->name);
    table_add(t, CELL_PLAIN, a && b && strcmp(a->op, b->op) != 0 ? ops : known->op);
}

static layer_group group_of(const layer_pair *pair) {
    layer_group one = {{precision(pair->sides[0]), precision(pair->sides[1])}, 1, 0, {0, 0}};
    for (int i = 0; i < 2; i++) one.milliseconds[i] = pair->sides[i] ? pair->sides[i]->milliseconds : 0;
    return one;
}

static double add_up(const layer_pairs *pairs, int side) {
    double all = 0;
    for (size_t i = 0; i < pairs->count; i++) all += pairs->items[i].sides[side] ? pairs->items[i].sides[side]->milliseconds : 0;
    return all;
}

static void print_pairs(const layer_pairs *pairs) {
    static const char *const heads[] = {"layer", "op",  "precision A", "precision B", "ms A",
                                        "ms B",  "A/B", "share B",     "GMAC/s B",    "kernel B"};
    const double all[2] = {add_up(pairs, 0), add_up(pairs, 1)};
    table t;
    table_begin(&t, "llllrrrrrl");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (size_t i = 0; i < pairs->count; i++) {
        const layer_pair *pair = &pairs->items[i];
        const layer_group one = group_of(pair);
        add_names(&t, pair);
        for (int side = 0; side < 2; side++) table_add(&t, CELL_PLAIN, one.names[side]);
        add_times(&t, one.milliseconds);
        add_side(&t, pair->sides[1], all[1]);
    }
    table_add(&t, CELL_BOLD, "all");
    for (int i = 0; i < 3; i++) table_add(&t, CELL_PLAIN, "");
    add_times(&t, all);
    for (int i = 0; i < 3; i++) table_add(&t, CELL_PLAIN, "");
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
}

static void print_precisions(const layer_pairs *pairs) {
    static const char *const heads[] = {"precision A", "precision B", "layers", "ms A", "ms B", "A/B"};
    layer_groups groups = {NULL, 0, 0};
    table t;
    table_begin(&t, "llrrrr");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (size_t i = 0; i < pairs->count; i++) {
        const layer_group one = group_of(&pairs->items[i]);
        layer_groups_add(&groups, &one);
    }
    layer_groups_sort(&groups);
    for (size_t i = 0; i < groups.count; i++) {
        for (int side = 0; side < 2; side++) table_add(&t, CELL_PLAIN, groups.items[i].names[side]);
        layers_add_number(&t, "%.0f", (double)groups.items[i].layers);
        add_times(&t, groups.items[i].milliseconds);
    }
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
    free(groups.items);
}

void layers_compare_print(const layer_list *a, const layer_list *b) {
    layer_pairs pairs = join(a, b);
    print_pairs(&pairs);
    print_precisions(&pairs);
    free(pairs.items);
}

static cJSON *side_json(const rtv_layer_info *layer) {
    cJSON *object;
    if (!layer) return cJSON_CreateNull();
    object = cJSON_CreateObject();
    json_add_text(object, "op", layer->op);
    json_add_text(object, "precision", layer->precision);
    json_add_text(object, "kernel", layer->kernel);
    cJSON_AddNumberToObject(object, "milliseconds", layer->milliseconds);
    if (layer->macs > 0) cJSON_AddNumberToObject(object, "gmacs_per_second", layers_gmacs(layer->macs, layer->milliseconds));
    return object;
}

cJSON *layers_compare_json(const layer_list *a, const layer_list *b) {
    layer_pairs pairs = join(a, b);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < pairs.count; i++) {
        const rtv_layer_info *const *sides = pairs.items[i].sides, *known = sides[0] ? sides[0] : sides[1];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "name", known->name);
        cJSON_AddItemToObject(object, "model", side_json(sides[0]));
        cJSON_AddItemToObject(object, "against", side_json(sides[1]));
        if (sides[0] && sides[1] && sides[1]->milliseconds > 0)
            cJSON_AddNumberToObject(object, "ratio", sides[0]->milliseconds / sides[1]->milliseconds);
        cJSON_AddItemToArray(array, object);
    }
    free(pairs.items);
    return array;
}
