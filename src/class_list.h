/* class_list.h - sorted class names and their numbers. */
#ifndef CLASS_LIST_H
#define CLASS_LIST_H

#include <stddef.h>
#include <stdint.h>

typedef struct class_list {
    char **names; /* [count], sorted by bytes, each once; a name's place is its number */
    size_t count;
} class_list;

/* The names of the folders that hold the files. */
void class_list_from_folders(class_list *list, char *const *paths, size_t count);
/* Those of the names that are not empty. */
void class_list_from_names(class_list *list, char *const *names, size_t count);
/* -1 for NULL and for a name that is not there. */
int32_t class_list_find(const class_list *list, const char *name);
void class_list_destroy(class_list *list);

#endif
