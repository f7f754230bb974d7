/* files.c - which pictures a command line means. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "program.h"
#include "text.h"

void files_add_file(file_list *list, char *path) {
    list->paths = grow(list->paths, &list->capacity, list->count + 1, sizeof *list->paths);
    list->paths[list->count++] = path;
}

static int is_picture_name(const char *name) {
    static const char *const suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof suffixes / sizeof *suffixes; i++)
        if (strcasecmp(dot, suffixes[i]) == 0) return 1;
    return 0;
}

static void count_skipped(file_list *list, const char *name) {
    const char *dot = strrchr(name, '.');
    char suffix[sizeof list->suffixes->text] = "no suffix";
    size_t i = 0;
    list->num_skipped++;
    if (dot && dot > name && strlen(dot) < sizeof suffix && text_is_clean(dot)) strcpy(suffix, dot);
    while (i < list->num_suffixes && strcasecmp(list->suffixes[i].text, suffix) != 0) i++;
    if (i == SUFFIXES_MOST) return;
    if (i == list->num_suffixes) strcpy(list->suffixes[list->num_suffixes++].text, suffix);
    list->suffixes[i].count++;
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void tell_unreadable(file_list *list, const char *folder) {
    message_for_file(folder, strerror(errno));
    list->num_unreadable++;
}

/* New: the visible names in a folder, sorted; NULL when it cannot be read. */
static char **read_names(file_list *list, const char *folder, size_t *count) {
    DIR *directory = opendir(*folder ? folder : ".");
    size_t capacity = 0;
    char **names = NULL;
    struct dirent *entry;
    *count = 0;
    if (!directory) {
        tell_unreadable(list, folder);
        return NULL;
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.') continue;
        names = grow(names, &capacity, *count + 1, sizeof *names);
        names[(*count)++] = copy_text(entry->d_name);
    }
    closedir(directory);
    if (names) qsort(names, *count, sizeof *names, compare_names);
    return names;
}

static void walk(file_list *list, const char *folder) {
    size_t count;
    char **names = read_names(list, folder, &count);
    for (size_t i = 0; i < count; i++) {
        char *path = text_join(folder, names[i]);
        struct stat info;
        int is_link = lstat(path, &info) == 0 && S_ISLNK(info.st_mode);
        int known = stat(path, &info) == 0;
        if (known && S_ISDIR(info.st_mode)) {
            if (!is_link && !interrupted()) walk(list, path);
        } else if (is_picture_name(names[i]) && (!known || S_ISREG(info.st_mode))) {
            files_add_file(list, path); /* a dangling link too: it is told when it cannot be read */
            path = NULL;
        } else {
            count_skipped(list, names[i]);
        }
        free(path);
        free(names[i]);
    }
    free(names);
}

int files_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

char *files_clean_folder(const char *path) {
    const char *from = strncmp(path, "./", 2) == 0 ? path + 2 : path;
    char *folder = copy_text(strcmp(from, ".") == 0 ? "" : from);
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/') folder[--length] = 0;
    return folder;
}

void files_add(file_list *list, const char *path) {
    char *folder;
    if (!files_is_folder(path)) {
        files_add_file(list, copy_text(path));
        return;
    }
    folder = files_clean_folder(path);
    walk(list, folder);
    free(folder);
}

void files_destroy(file_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
    memset(list, 0, sizeof *list);
}

static int compare_suffixes(const void *a, const void *b) {
    const file_suffix *x = a, *y = b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    return strcmp(x->text, y->text);
}

void files_tell_skipped(const file_list *list) {
    enum { SHOWN = 4 };
    file_suffix sorted[SUFFIXES_MOST];
    char *kinds = copy_text("");
    short_text number;
    if (list->num_skipped > 0) {
        memcpy(sorted, list->suffixes, sizeof sorted);
        qsort(sorted, list->num_suffixes, sizeof *sorted, compare_suffixes);
        for (size_t i = 0; i < list->num_suffixes && i < SHOWN; i++) {
            char *longer = format_text("%s%s%s %s", kinds, i ? ", " : "", sorted[i].text, text_count(&number, sorted[i].count));
            free(kinds);
            kinds = longer;
        }
        note("%s %s not named as JPEG or PNG skipped (%s%s)", text_count(&number, list->num_skipped),
             list->num_skipped == 1 ? "file" : "files", kinds, list->num_suffixes > SHOWN ? ", ..." : "");
    }
    free(kinds);
}

int files_are_same(const char *a, const char *b) {
    struct stat x, y;
    if (strcmp(a, b) == 0) return 1;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

char *files_folder_name(const char *path) {
    char *folder = text_folder(path), *name = copy_text(text_base_name(folder));
    free(folder);
    if (*name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && text_is_clean(name)) return name;
    free(name);
    return NULL;
}

char *files_beside(const char *target) {
    char *path = format_text("%s.tmp.%ld", target, (long)getpid());
    interrupt_removes(path);
    return path;
}

/* Not while somebody writes to what is there: that would go nowhere. */
static int replace_index(const char *beside, const char *target) {
    rtv_index *old = NULL;
    rtv_error error;
    int code = STATUS_OK;
    if (rtv_index_open_writable(target, NULL, &old, &error) == RTV_E_BUSY) return fail(target, &error);
    if (rename(beside, target) != 0) {
        message_for_file(target, strerror(errno));
        code = STATUS_ERROR;
    }
    rtv_index_free(old);
    return code;
}

int files_take_place(const char *beside, const char *target, int code) {
    interrupt_removes(NULL);
    if (code == STATUS_OK) code = replace_index(beside, target);
    if (code != STATUS_OK) unlink(beside);
    return code;
}
