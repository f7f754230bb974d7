/* weights_names.h - a hash table from names to indices, made once for a known number of names. */
#ifndef RTVI_WEIGHTS_NAMES_H
#define RTVI_WEIGHTS_NAMES_H

#include <stddef.h>

#include "base/base_env.h"

typedef struct rtvi_name {
    const char *text; /* the caller's; NULL: a free slot */
    size_t length;
    size_t index;
} rtvi_name;

typedef struct rtvi_names {
    const rtvi_env *env;
    rtvi_name *slots;
    size_t mask;
} rtvi_names;

#define RTVI_NAMES_NONE ((size_t)-1)

/* Room for count names. 0 when there is no memory. */
int rtvi_names_init(rtvi_names *names, const rtvi_env *env, size_t count);
void rtvi_names_destroy(rtvi_names *names);

/* The index under that name if it is there, else adds it with index and gives RTVI_NAMES_NONE. text must outlive the table. */
size_t rtvi_names_add(rtvi_names *names, const char *text, size_t length, size_t index);
/* RTVI_NAMES_NONE when absent, also in a table that is zeroed. */
size_t rtvi_names_find(const rtvi_names *names, const char *text, size_t length);

#endif
