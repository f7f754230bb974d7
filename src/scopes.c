/* scopes.c - layers of a network as a command line names them. */
#include "scopes.h"

#include <stdlib.h>
#include <string.h>

#include "program.h"

/* word is cut where a scope has two names. */
static rtv_scope parse(char *word) {
    char *dots = strstr(word, "..");
    if (strncmp(word, "op:", 3) == 0) return (rtv_scope){.kind = RTV_SCOPE_OP, .text = word + 3};
    if (strncmp(word, "regex:", 6) == 0) return (rtv_scope){.kind = RTV_SCOPE_REGEX, .text = word + 6};
    if (!dots) return (rtv_scope){.kind = RTV_SCOPE_NAME, .text = word};
    *dots = 0;
    return (rtv_scope){.kind = RTV_SCOPE_SUBGRAPH, .text = word, .to = dots + 2};
}

/* Cuts the word that *at begins with: up to a comma, but not one in brackets, which is an expression's. Moves *at behind it; NULL at the
 * end. */
static char *next_word(char **at) {
    char *word = *at, *p = word;
    int depth = 0;
    if (!word) return NULL;
    for (; *p && (*p != ',' || depth > 0); p++) depth += strchr("([{", *p) ? 1 : strchr(")]}", *p) ? -1 : 0;
    *at = *p ? p + 1 : NULL;
    *p = 0;
    return word;
}

void scopes_parse(scope_list *list, const char *text) {
    char *at, *word;
    memset(list, 0, sizeof *list);
    if (!text) return;
    at = list->text = copy_text(text);
    while ((word = next_word(&at))) {
        list->scopes = grow(list->scopes, &list->capacity, (size_t)list->count + 1, sizeof *list->scopes);
        list->scopes[list->count++] = parse(word);
    }
}

void scopes_destroy(scope_list *list) {
    free(list->scopes);
    free(list->text);
    memset(list, 0, sizeof *list);
}
