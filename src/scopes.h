/* scopes.h - layers of a network as a command line names them. */
#ifndef SCOPES_H
#define SCOPES_H

#include <retrieve/retrieve.h>

typedef struct scope_list {
    rtv_scope *scopes; /* [count], texts in text */
    int64_t count;
    size_t capacity;
    char *text;
} scope_list;

/* "conv1,op:linear,regex:layer4.*,from..to": comma-separated. NULL gives none. */
void scopes_parse(scope_list *list, const char *text);
void scopes_destroy(scope_list *list);

#endif
