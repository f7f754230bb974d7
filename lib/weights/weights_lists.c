/* weights_lists.c - the lists of texts and of whole numbers beside the tensors of a checkpoint. */
#include <string.h>

#include "weights/weights_table.h"
#include "weights/weights_torch.h"

static size_t count_of_kind(const rtvi_pickle *p, const rtvi_pickle_value *list, uint32_t kind) {
    size_t count = 0;
    for (uint32_t cell = list->as.link.first; cell; cell = p->cells[cell].next) {
        if (rtvi_pickle_at(p, p->cells[cell].value)->kind != kind) return 0;
        count++;
    }
    return count;
}

static int fill(const rtvi_env *env, const rtvi_pickle *p, const rtvi_pickle_value *value, rtvi_weights_list *list) {
    const size_t texts = count_of_kind(p, value, RTVI_PICKLE_TEXT), numbers = count_of_kind(p, value, RTVI_PICKLE_INT);
    size_t i = 0;
    list->count = texts + numbers;
    if (texts && !(list->texts = rtvi_alloc(env, texts, sizeof *list->texts))) return 0;
    if (numbers && !(list->numbers = rtvi_alloc(env, numbers, sizeof *list->numbers))) return 0;
    for (uint32_t cell = value->as.link.first; cell && list->count > 0; cell = p->cells[cell].next, i++) {
        const rtvi_pickle_value *element = rtvi_pickle_at(p, p->cells[cell].value);
        if (texts) list->texts[i] = (rtvi_weights_text){rtvi_pickle_text(p, element), element->size};
        if (numbers) list->numbers[i] = element->as.number;
    }
    return 1;
}

int32_t rtvi_weights_collect_lists(rtvi_weights *weights, const rtvi_pickle *p, rtv_error *error) {
    const rtvi_pickle_value *root = rtvi_pickle_at(p, p->root);
    if (!weights->wants_lists || root->kind != RTVI_PICKLE_DICT) return RTV_OK;
    for (uint32_t cell = root->as.link.first; cell; cell = p->cells[cell].next) {
        const rtvi_pickle_value *key = rtvi_pickle_at(p, p->cells[cell].key), *value = rtvi_pickle_at(p, p->cells[cell].value);
        rtvi_weights_list *list;
        if (key->kind != RTVI_PICKLE_TEXT || value->kind != RTVI_PICKLE_LIST || key->size >= sizeof list->name) continue;
        if (!rtvi_grow(weights->env, (void **)&weights->lists, &weights->max_lists, weights->num_lists, weights->num_lists + 1,
                       sizeof *weights->lists))
            return rtvi_error_out_of_memory(error, "weights", sizeof *weights->lists);
        list = &weights->lists[weights->num_lists++];
        memset(list, 0, sizeof *list);
        memcpy(list->name, rtvi_pickle_text(p, key), key->size);
        if (!fill(weights->env, p, value, list)) return rtvi_error_out_of_memory(error, "weights", list->count * sizeof *list->texts);
    }
    return RTV_OK;
}

const rtvi_weights_list *rtvi_weights_find_list(const rtvi_weights *weights, const char *name) {
    for (size_t i = 0; i < weights->num_lists; i++)
        if (strcmp(weights->lists[i].name, name) == 0 && weights->lists[i].count > 0) return &weights->lists[i];
    return NULL;
}

void rtvi_weights_free_lists(rtvi_weights *weights) {
    for (size_t i = 0; i < weights->num_lists; i++) {
        rtvi_free(weights->env, weights->lists[i].texts);
        rtvi_free(weights->env, weights->lists[i].numbers);
    }
    rtvi_free(weights->env, weights->lists);
}
