/* files.h - which pictures a command line means. */
#ifndef FILES_H
#define FILES_H

#include <stddef.h>
#include <stdint.h>

enum { SUFFIXES_MOST = 32 };

typedef struct file_suffix {
    char text[12]; /* ".webp" */
    int64_t count;
} file_suffix;

typedef struct file_list {
    char **paths; /* [count] as `find FOLDER` prints them, without a leading "./" */
    size_t count, capacity;
    int64_t num_unreadable; /* folders; already told */
    int64_t num_skipped;    /* files whose names end in nothing that means JPEG or PNG */
    file_suffix suffixes[SUFFIXES_MOST];
    size_t num_suffixes;
} file_list;

/* A folder adds its pictures (by the end of the name: .jpg .jpeg .jpe .jfif .png), in the folders below too, each folder sorted by the
 * bytes of its names; hidden names are left out, links to folders are not followed. Anything else is added as it is. Once interrupted()
 * folders below are left out: ask it afterwards. */
void files_add(file_list *list, const char *path);
/* Adds one file; the path becomes the list's. */
void files_add_file(file_list *list, char *path);
/* New: a folder as paths in it begin, without a leading "./" and without slashes at the end; "" for the current one. */
char *files_clean_folder(const char *path);
void files_destroy(file_list *list);
int files_is_folder(const char *path);
/* Says what was skipped, if anything. */
void files_tell_skipped(const file_list *list);
/* Whether two paths are one file. */
int files_are_same(const char *a, const char *b);
/* New: the name of a file beside the target, to be made first; an interrupted program leaves none. */
char *files_beside(const char *target);
/* The end of that: with STATUS_OK the file takes the target's place, else it is removed, if it is there. Returns the code, or STATUS_ERROR
 * after a message. */
int files_take_place(const char *beside, const char *target, int code);
/* New: the name of the folder that holds the file; NULL when the path does not say it. */
char *files_folder_name(const char *path);

#endif
