/* weights_names.c - a hash table from names to indices: open addressing, at most half full. */
#include "weights/weights_names.h"

#include <string.h>
#include <xxhash.h>

int rtvi_names_init(rtvi_names *names, const rtvi_env *env, size_t count) {
    size_t slots = 16;
    memset(names, 0, sizeof *names);
    if (count > SIZE_MAX / 64) return 0;
    while (slots < 2 * count) slots *= 2;
    names->env = env;
    names->slots = rtvi_alloc_zero(env, slots, sizeof *names->slots);
    names->mask = slots - 1;
    return names->slots != NULL;
}

void rtvi_names_destroy(rtvi_names *names) {
    if (names->slots) rtvi_free(names->env, names->slots);
    memset(names, 0, sizeof *names);
}

/* The slot that holds the name, or the free one where it would go. */
static rtvi_name *slot_of(const rtvi_names *names, const char *text, size_t length) {
    size_t i = (size_t)XXH3_64bits(text, length) & names->mask;
    while (names->slots[i].text && (names->slots[i].length != length || memcmp(names->slots[i].text, text, length) != 0))
        i = (i + 1) & names->mask;
    return &names->slots[i];
}

size_t rtvi_names_add(rtvi_names *names, const char *text, size_t length, size_t index) {
    rtvi_name *slot = slot_of(names, text, length);
    if (slot->text) return slot->index;
    slot->text = text;
    slot->length = length;
    slot->index = index;
    return RTVI_NAMES_NONE;
}

size_t rtvi_names_find(const rtvi_names *names, const char *text, size_t length) {
    const rtvi_name *slot = names->slots ? slot_of(names, text, length) : NULL;
    return slot && slot->text ? slot->index : RTVI_NAMES_NONE;
}
