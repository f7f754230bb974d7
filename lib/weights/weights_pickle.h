/* weights_pickle.h - a restricted pickle machine: turns a pickle into plain values. It calls nothing: what a pickle asks to call is kept as
 * a CALL value, and only the names in weights_globals.c may be called at all.
 *
 * Values live in arrays and refer to each other by number, so that cycles and deep nesting cost nothing and all memory is linear in
 * the pickle's size. */
#ifndef RTVI_WEIGHTS_PICKLE_H
#define RTVI_WEIGHTS_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"
#include "weights/weights_globals.h"

typedef enum rtvi_pickle_kind {
    RTVI_PICKLE_NONE = 0,
    RTVI_PICKLE_BOOL,       /* number */
    RTVI_PICKLE_INT,        /* number */
    RTVI_PICKLE_LONG,       /* size bytes at offset, an integer of more than 64 bits */
    RTVI_PICKLE_TEXT,       /* size bytes at offset */
    RTVI_PICKLE_TUPLE,      /* size values from slot offset on */
    RTVI_PICKLE_LIST,       /* link */
    RTVI_PICKLE_DICT,       /* link */
    RTVI_PICKLE_GLOBAL,     /* size: its number in the table of globals */
    RTVI_PICKLE_CALL,       /* size: number of the global; number: the value with its arguments, a TUPLE */
    RTVI_PICKLE_PERSISTENT, /* number: the value of the persistent id */
    RTVI_PICKLE_OTHER       /* a value that nobody reads: a float, bytes, a set */
} rtvi_pickle_kind;

typedef uint32_t rtvi_pickle_id; /* of a value; 0 is None */

typedef struct rtvi_pickle_value {
    uint32_t kind, size;
    union {
        int64_t number;
        uint64_t offset;
        struct {
            uint32_t first, last; /* cells, 0 for none */
        } link;
    } as;
} rtvi_pickle_value;

typedef struct rtvi_pickle_cell { /* of a dict or a list (key is None) */
    rtvi_pickle_id key, value;
    uint32_t next; /* 0: the last one */
} rtvi_pickle_cell;

typedef struct rtvi_pickle {
    const rtvi_env *env;
    const char *label;   /* begins messages */
    const uint8_t *data; /* [size] */
    size_t size;
    uint64_t file_offset; /* of data, for messages */
    rtvi_pickle_value *values;
    size_t num_values, max_values;
    rtvi_pickle_id *slots;
    size_t num_slots, max_slots;
    rtvi_pickle_cell *cells; /* cell 0 is not used */
    size_t num_cells, max_cells;
    rtvi_pickle_id root;
    size_t used; /* bytes up to and with STOP */
} rtvi_pickle;

#define RTVI_PICKLE_MAX_BYTES ((size_t)32 << 20) /* some 300,000 tensors; they take at most 50 times the pickle's size */

/* Runs the pickle at the beginning of data. Zeroes *pickle first; destroy it also after a failure. */
int32_t rtvi_pickle_load(rtvi_pickle *pickle, const rtvi_env *env, const char *label, const uint8_t *data, size_t size,
                         uint64_t file_offset, rtv_error *error);
void rtvi_pickle_destroy(rtvi_pickle *pickle);

static inline const rtvi_pickle_value *rtvi_pickle_at(const rtvi_pickle *pickle, rtvi_pickle_id id) { return &pickle->values[id]; }
static inline const char *rtvi_pickle_text(const rtvi_pickle *pickle, const rtvi_pickle_value *text) {
    return (const char *)pickle->data + text->as.offset;
}
int rtvi_pickle_text_is(const rtvi_pickle *pickle, rtvi_pickle_id id, const char *text);
/* Element i of a TUPLE; None beyond its end or when it is no tuple. */
rtvi_pickle_id rtvi_pickle_item(const rtvi_pickle *pickle, rtvi_pickle_id tuple, uint32_t i);
/* The value under a text key of a DICT; None when there is none. */
rtvi_pickle_id rtvi_pickle_lookup(const rtvi_pickle *pickle, rtvi_pickle_id dict, const char *key);
/* The global of a GLOBAL or CALL. */
const rtvi_global *rtvi_pickle_global(const rtvi_pickle_value *value);
int rtvi_pickle_is(const rtvi_pickle *pickle, rtvi_pickle_id id, rtvi_pickle_kind kind);
/* CALL of, or GLOBAL with that role. */
int rtvi_pickle_has_role(const rtvi_pickle *pickle, rtvi_pickle_id id, rtvi_pickle_kind kind, rtvi_role role);

#endif
