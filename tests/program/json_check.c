/* json_check.c - reads JSON objects from standard input and prints members of them, for tests in shell.
 * Usage: json_check lines|object MEMBER...   A member may lie deeper: summary/queries. Exit 1: not JSON, or a member is missing.
 * Prints one row an object, values with tabs between them; an array as [length]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

static const cJSON *find(const cJSON *object, const char *path) {
    char name[200];
    size_t length = strcspn(path, "/");
    if (length >= sizeof name) return NULL;
    memcpy(name, path, length);
    name[length] = 0;
    object = cJSON_GetObjectItemCaseSensitive(object, name);
    return object && path[length] ? find(object, path + length + 1) : object;
}

static void print_value(const cJSON *value) {
    char *text = cJSON_IsArray(value) || cJSON_IsString(value) ? NULL : cJSON_PrintUnformatted(value);
    if (cJSON_IsString(value))
        fputs(value->valuestring, stdout);
    else if (cJSON_IsArray(value))
        printf("[%d]", cJSON_GetArraySize(value));
    else
        fputs(text ? text : "?", stdout);
    cJSON_free(text);
}

static int check(const char *text, char **members, int count) {
    cJSON *object = cJSON_ParseWithOpts(text, NULL, 1); /* nothing may follow */
    int good = cJSON_IsObject(object);
    if (!good) fprintf(stderr, "no JSON object: %s\n", text);
    for (int i = 0; good && i < count; i++) {
        const cJSON *value = find(object, members[i]);
        if (!value) {
            fprintf(stderr, "no member %s in: %s\n", members[i], text);
            good = 0;
            break;
        }
        if (i > 0) putchar('\t');
        print_value(value);
    }
    if (good && count > 0) putchar('\n');
    cJSON_Delete(object);
    return good;
}

int main(int argc, char **argv) {
    char *text = NULL;
    size_t capacity = 0;
    ssize_t length;
    int good = 1;
    int by_lines = argc > 1 && strcmp(argv[1], "lines") == 0;
    if (argc < 2 || (!by_lines && strcmp(argv[1], "object") != 0)) return 2;
    while (good && (length = by_lines ? getline(&text, &capacity, stdin) : getdelim(&text, &capacity, 0, stdin)) >= 0) {
        while (length > 0 && text[length - 1] == '\n') text[--length] = 0;
        good = check(text, argv + 2, argc - 2);
    }
    free(text);
    return good ? 0 : 1;
}
