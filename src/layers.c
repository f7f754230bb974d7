/* layers.c - the steps of a model's network: read, timed, as a table, as JSON, added up. */
#include "layers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"

int layers_time(layer_list *list, rtv_model *model, int32_t runs) {
    rtv_error error;
    list->has_times = runs > 0;
    return rtv_model_profile(model, runs, list->items, list->count, &list->count, &error) == RTV_OK ? STATUS_OK : fail(NULL, &error);
}

/* Nothing of this can fail. */
static void read_known(layer_list *list, rtv_model *model) {
    uint64_t size = 0;
    rtv_model_provenance(model, NULL, 0, &size, NULL);
    if (size <= 1) return;
    rtv_model_quantized_layers(model, NULL, 0, &list->num_known, NULL);
    list->known = allocate((size_t)list->num_known, sizeof *list->known);
    list->known->struct_size = sizeof *list->known;
    rtv_model_quantized_layers(model, list->known, list->num_known, &list->num_known, NULL);
}

int layers_read(layer_list *list, rtv_model *model, int32_t runs) {
    rtv_error error;
    memset(list, 0, sizeof *list);
    read_known(list, model);
    if (rtv_model_profile(model, 0, NULL, 0, &list->count, &error) != RTV_OK) return fail(NULL, &error);
    list->items = allocate((size_t)list->count, sizeof *list->items);
    list->items->struct_size = sizeof *list->items;
    return layers_time(list, model, runs);
}

void layers_destroy(layer_list *list) {
    free(list->items);
    free(list->known);
    memset(list, 0, sizeof *list);
}

void layer_groups_add(layer_groups *groups, const layer_group *one) {
    size_t at = 0;
    while (at < groups->count &&
           (strcmp(groups->items[at].names[0], one->names[0]) != 0 || strcmp(groups->items[at].names[1], one->names[1]) != 0))
        at++;
    if (at == groups->count) {
        groups->items = grow(groups->items, &groups->capacity, ++groups->count, sizeof *groups->items);
        groups->items[at] = *one;
        return;
    }
    groups->items[at].layers += one->layers;
    groups->items[at].macs += one->macs;
    for (int i = 0; i < 2; i++) groups->items[at].milliseconds[i] += one->milliseconds[i];
}

static int compare_groups(const void *a, const void *b) {
    const double x = ((const layer_group *)a)->milliseconds[0], y = ((const layer_group *)b)->milliseconds[0];
    return (x < y) - (x > y);
}

void layer_groups_sort(layer_groups *groups) { qsort(groups->items, groups->count, sizeof *groups->items, compare_groups); }

enum { BY_OP, BY_KERNEL, BY_NOTHING };

static layer_groups group_layers(const layer_list *list, int by) {
    layer_groups groups = {NULL, 0, 0};
    for (int64_t i = 0; i < list->count; i++) {
        const rtv_layer_info *layer = &list->items[i];
        layer_group one = {{"", ""}, 1, layer->macs, {layer->milliseconds, 0}};
        if (by == BY_OP) one.names[0] = layer->op;
        if (by == BY_KERNEL) one = (layer_group){{layer->kernel, layer->precision}, 1, layer->macs, {layer->milliseconds, 0}};
        layer_groups_add(&groups, &one);
    }
    layer_groups_sort(&groups);
    return groups;
}

/* All layers in one. */
static layer_group add_up(const layer_list *list) {
    layer_groups groups = group_layers(list, BY_NOTHING);
    layer_group all = groups.count > 0 ? groups.items[0] : (layer_group){{"", ""}, 0, 0, {0, 0}};
    free(groups.items);
    return all;
}

double layers_gmacs(double macs, double milliseconds) { return milliseconds > 0 ? macs * 1e-6 / milliseconds : 0; }

void layers_add_number(table *t, const char *format, double value) {
    char text[40] = "";
    if (value > 0) snprintf(text, sizeof text, format, value);
    table_add(t, CELL_PLAIN, text);
}

/* The columns from MMAC on. */
static void add_numbers(table *t, const layer_list *list, double macs, double milliseconds, double all_milliseconds) {
    layers_add_number(t, "%.1f", macs * 1e-6);
    if (!list->has_times) return;
    layers_add_number(t, "%.3f", milliseconds);
    layers_add_number(t, "%.1f %%", all_milliseconds > 0 ? 100 * milliseconds / all_milliseconds : 0);
    layers_add_number(t, "%.1f", layers_gmacs(macs, milliseconds));
}

static void print_groups(const layer_list *list, int by, const layer_group *all) {
    static const char *const heads[][7] = {{"op", "layers", "MMAC", "ms", "share", "GMAC/s"},
                                           {"kernel", "precision", "layers", "MMAC", "ms", "share", "GMAC/s"}};
    layer_groups groups = group_layers(list, by);
    table t;
    table_begin(&t, by == BY_KERNEL ? "llrrrrr" : "lrrrrr");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[by][i]);
    for (size_t i = 0; i < groups.count; i++) {
        const layer_group *group = &groups.items[i];
        table_add(&t, CELL_PLAIN, group->names[0]);
        if (by == BY_KERNEL) table_add(&t, CELL_PLAIN, group->names[1]);
        layers_add_number(&t, "%.0f", (double)group->layers);
        add_numbers(&t, list, group->macs, group->milliseconds[0], all->milliseconds[0]);
    }
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
    free(groups.items);
}

/* NULL for conversions and copies, which belong to no layer. */
static const rtv_quantized_layer *find_known(const layer_list *list, const rtv_layer_info *layer) {
    if (strcmp(layer->op, "reorder") == 0) return NULL;
    for (int64_t i = 0; i < list->num_known; i++)
        if (strcmp(list->known[i].name, layer->name) == 0) return &list->known[i];
    return NULL;
}

static void print_share(const layer_list *list) {
    double all = 0, in_int8 = 0;
    int64_t layers = 0, layers_in_int8 = 0;
    for (int64_t i = 0; i < list->count; i++) {
        const int is_int8 = strcmp(list->items[i].precision, "int8") == 0;
        if (list->items[i].macs <= 0) continue;
        layers++;
        layers_in_int8 += is_int8;
        all += list->items[i].macs;
        in_int8 += is_int8 ? list->items[i].macs : 0;
    }
    printf("\nint8: %" PRId64 " of %" PRId64 " layers with multiply-adds, %.2f %% of these\n", layers_in_int8, layers,
           all > 0 ? 100 * in_int8 / all : 0);
}

/* What the codes of a quantized model's layers stand for, and why each runs in what it does. */
static void print_codes(const layer_list *list) {
    static const char *const heads[] = {"layer", "precision", "output", "scale", "zero point", "weights S/N", "why"};
    table t;
    table_begin(&t, "lllrrrl");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (int64_t i = 0; i < list->count; i++) {
        const rtv_layer_info *layer = &list->items[i];
        const rtv_quantized_layer *known = find_known(list, layer);
        char zero_point[16] = "";
        if (layer->scale > 0) snprintf(zero_point, sizeof zero_point, "%" PRId32, layer->zero_point);
        table_add(&t, CELL_PLAIN, layer->name);
        table_add(&t, CELL_PLAIN, layer->precision);
        table_add(&t, CELL_PLAIN, layer->output);
        layers_add_number(&t, "%.6g", (double)layer->scale);
        table_add(&t, CELL_PLAIN, zero_point);
        layers_add_number(&t, "%.1f dB", known ? known->weight_snr_db : 0);
        table_add(&t, CELL_PLAIN, known ? known->why : "");
    }
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
    print_share(list);
}

void layers_print(const layer_list *list) {
    static const char *const heads[] = {"layer", "op", "output", "kernel", "precision", "MMAC", "ms", "share", "GMAC/s"};
    const layer_group all = add_up(list);
    table t;
    table_begin(&t, list->has_times ? "lllllrrrr" : "lllllr");
    for (size_t i = 0; i < t.num_columns; i++) table_add(&t, CELL_BOLD, heads[i]);
    for (int64_t i = 0; i < list->count; i++) {
        const rtv_layer_info *layer = &list->items[i];
        const char *const cells[] = {layer->name, layer->op, layer->shape, layer->kernel, layer->precision};
        for (size_t c = 0; c < sizeof cells / sizeof *cells; c++) table_add(&t, CELL_PLAIN, cells[c]);
        add_numbers(&t, list, layer->macs, layer->milliseconds, all.milliseconds[0]);
    }
    table_add(&t, CELL_BOLD, "all");
    for (int i = 0; i < 4; i++) table_add(&t, CELL_PLAIN, "");
    add_numbers(&t, list, all.macs, all.milliseconds[0], all.milliseconds[0]);
    printf("\n");
    table_print(&t, stdout);
    table_destroy(&t);
    if (list->num_known > 0) print_codes(list);
    if (!list->has_times) return;
    print_groups(list, BY_OP, &all);
    print_groups(list, BY_KERNEL, &all);
}

static void add_known_json(cJSON *object, const rtv_quantized_layer *known) {
    if (!known) return;
    json_add_text(object, "why", known->why);
    if (known->weight_snr_db > 0) cJSON_AddNumberToObject(object, "weight_snr_db", known->weight_snr_db);
    if (known->pairs_mended > 0) cJSON_AddNumberToObject(object, "pairs_mended", (double)known->pairs_mended);
}

cJSON *layers_json(const layer_list *list) {
    cJSON *array = cJSON_CreateArray();
    for (int64_t i = 0; i < list->count; i++) {
        const rtv_layer_info *layer = &list->items[i];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, "name", layer->name);
        json_add_text(object, "op", layer->op);
        json_add_text(object, "shape", layer->shape);
        json_add_text(object, "kernel", layer->kernel);
        json_add_text(object, "precision", layer->precision);
        json_add_text(object, "output", layer->output);
        if (layer->scale > 0) {
            json_add_float(object, "scale", layer->scale);
            cJSON_AddNumberToObject(object, "zero_point", layer->zero_point);
        }
        add_known_json(object, find_known(list, layer));
        cJSON_AddNumberToObject(object, "macs", layer->macs);
        if (list->has_times) cJSON_AddNumberToObject(object, "milliseconds", layer->milliseconds);
        if (list->has_times && layer->macs > 0)
            cJSON_AddNumberToObject(object, "gmacs_per_second", layers_gmacs(layer->macs, layer->milliseconds));
        cJSON_AddItemToArray(array, object);
    }
    return array;
}

static cJSON *groups_json(const layer_list *list, int by) {
    layer_groups groups = group_layers(list, by);
    cJSON *array = cJSON_CreateArray();
    for (size_t i = 0; i < groups.count; i++) {
        const layer_group *group = &groups.items[i];
        cJSON *object = cJSON_CreateObject();
        json_add_text(object, by == BY_OP ? "op" : "kernel", group->names[0]);
        if (by == BY_KERNEL) json_add_text(object, "precision", group->names[1]);
        cJSON_AddNumberToObject(object, "layers", (double)group->layers);
        cJSON_AddNumberToObject(object, "macs", group->macs);
        cJSON_AddNumberToObject(object, "milliseconds", group->milliseconds[0]);
        cJSON_AddItemToArray(array, object);
    }
    free(groups.items);
    return array;
}

void layers_add_profile(cJSON *object, const layer_list *list) {
    cJSON_AddNumberToObject(object, "milliseconds", add_up(list).milliseconds[0]);
    cJSON_AddItemToObject(object, "layers", layers_json(list));
    cJSON_AddItemToObject(object, "ops", groups_json(list, BY_OP));
    cJSON_AddItemToObject(object, "kernels", groups_json(list, BY_KERNEL));
}
