/* weights_table.c - the table of weights: added one by one, then cleaned of what training tools put around the names. */
#include "weights/weights_table.h"

#include <string.h>

int32_t rtvi_weights_add(rtvi_weights *weights, const char *name, size_t length, const rtvi_tensor *tensor, rtv_error *error) {
    rtvi_weights_item *item;
    rtvi_quoted quoted;
    if (length == 0 || memchr(name, 0, length))
        return rtvi_error_set(error, RTV_E_FORMAT, "%s: tensor name: got \"%s\", expected one that is not empty and has no NUL",
                              weights->label, rtvi_error_quote(&quoted, name, length));
    if (!rtvi_grow(weights->env, (void **)&weights->items, &weights->capacity, weights->count, weights->count + 1, sizeof *item))
        return rtvi_error_out_of_memory(error, weights->label, 0);
    item = &weights->items[weights->count++];
    item->weight.name = name;
    item->weight.tensor = *tensor;
    item->weight.used = 0;
    item->name_length = length;
    return RTV_OK;
}

static int begins_with(const rtvi_weights_item *item, const char *prefix) {
    size_t length = strlen(prefix);
    return item->name_length > length && memcmp(item->weight.name, prefix, length) == 0;
}

static int last_part_is(const rtvi_weights_item *item, const char *part) {
    size_t length = strlen(part), at;
    if (item->name_length < length) return 0;
    at = item->name_length - length;
    return memcmp(item->weight.name + at, part, length) == 0 && (at == 0 || item->weight.name[at - 1] == '.');
}

static void drop_thop_buffers(rtvi_weights *weights) {
    size_t kept = 0;
    for (size_t i = 0; i < weights->count; i++)
        if (!last_part_is(&weights->items[i], "total_ops") && !last_part_is(&weights->items[i], "total_params"))
            weights->items[kept++] = weights->items[i];
    weights->count = kept;
}

/* Takes a prefix off when every name has it. */
static int strip_prefix(rtvi_weights *weights, const char *prefix) {
    size_t length = strlen(prefix);
    for (size_t i = 0; i < weights->count; i++)
        if (!begins_with(&weights->items[i], prefix)) return 0;
    for (size_t i = 0; i < weights->count; i++) {
        weights->items[i].weight.name += length;
        weights->items[i].name_length -= length;
    }
    return weights->count > 0;
}

/* What DataParallel and torch.compile put before every name, in any nesting. */
static void strip_prefixes(rtvi_weights *weights) {
    while (strip_prefix(weights, "module.") || strip_prefix(weights, "_orig_mod.")) continue;
}

static int32_t copy_names(rtvi_weights *weights, rtv_error *error) {
    size_t total = 0, at = 0;
    for (size_t i = 0; i < weights->count; i++)
        if (!rtvi_add(total, weights->items[i].name_length + 1, &total)) return rtvi_error_out_of_memory(error, weights->label, SIZE_MAX);
    weights->text = rtvi_alloc(weights->env, total, 1);
    if (!weights->text) return rtvi_error_out_of_memory(error, weights->label, total);
    for (size_t i = 0; i < weights->count; i++) {
        rtvi_weights_item *item = &weights->items[i];
        memcpy(weights->text + at, item->weight.name, item->name_length);
        weights->text[at + item->name_length] = 0;
        item->weight.name = weights->text + at;
        at += item->name_length + 1;
    }
    return RTV_OK;
}

static int32_t index_names(rtvi_weights *weights, rtv_error *error) {
    rtvi_quoted quoted;
    if (!rtvi_names_init(&weights->names, weights->env, weights->count)) return rtvi_error_out_of_memory(error, weights->label, 0);
    for (size_t i = 0; i < weights->count; i++) {
        const rtvi_weights_item *item = &weights->items[i];
        if (rtvi_names_add(&weights->names, item->weight.name, item->name_length, i) != RTVI_NAMES_NONE)
            return rtvi_error_set(error, RTV_E_FORMAT, "%s: tensor \"%s\": got two of that name, expected one", weights->label,
                                  rtvi_error_quote(&quoted, item->weight.name, item->name_length));
    }
    return RTV_OK;
}

int32_t rtvi_weights_finish(rtvi_weights *weights, rtv_error *error) {
    int32_t status;
    drop_thop_buffers(weights);
    if (weights->count == 0) return rtvi_error_set(error, RTV_E_FORMAT, "%s: tensors: got none, expected a state_dict", weights->label);
    strip_prefixes(weights);
    status = copy_names(weights, error);
    return status != RTV_OK ? status : index_names(weights, error);
}

void rtvi_weights_close(rtvi_weights *weights) {
    const rtvi_env *env;
    if (!weights) return;
    env = weights->env;
    rtvi_names_destroy(&weights->names);
    rtvi_free(env, weights->text);
    rtvi_free(env, weights->items);
    rtvi_weights_free_lists(weights);
    rtvi_source_close(&weights->source);
    rtvi_free(env, weights);
}

size_t rtvi_weights_count(const rtvi_weights *weights) { return weights->count; }
rtvi_weight *rtvi_weights_at(rtvi_weights *weights, size_t i) { return &weights->items[i].weight; }
rtvi_weight *rtvi_weights_find(rtvi_weights *weights, const char *name) {
    size_t i = rtvi_names_find(&weights->names, name, strlen(name));
    return i == RTVI_NAMES_NONE ? NULL : &weights->items[i].weight;
}
const char *rtvi_weights_file(const rtvi_weights *weights) { return rtvi_source_name(&weights->source); }
const rtvi_source *rtvi_weights_source(const rtvi_weights *weights) { return &weights->source; }
