/* json_text.c - JSON for the program: objects on one line or many, text made valid, floats as short as they read back. */
#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"
#include "text.h"

void json_add_text(cJSON *object, const char *name, const char *text) {
    char *clean = text ? text_printable(text) : NULL;
    if (clean)
        cJSON_AddStringToObject(object, name, clean);
    else
        cJSON_AddNullToObject(object, name);
    free(clean);
}

void json_add_float(cJSON *object, const char *name, float value) {
    short_text text;
    cJSON_AddRawToObject(object, name, text_float(&text, value));
}

void json_add_floats(cJSON *object, const char *name, const float *values, int64_t count) {
    char *list = allocate((size_t)count + 1, sizeof(short_text)), *at = list;
    short_text text;
    *at++ = '[';
    for (int64_t i = 0; i < count; i++) {
        if (i > 0) *at++ = ',';
        at = stpcpy(at, text_float(&text, values[i]));
    }
    strcpy(at, "]");
    cJSON_AddRawToObject(object, name, list);
    free(list);
}

void json_add_class(cJSON *object, const char *name, int32_t class_id, const char *class_name) {
    if (class_id < 0)
        cJSON_AddNullToObject(object, name);
    else if (class_name && *class_name)
        json_add_text(object, name, class_name);
    else
        cJSON_AddNumberToObject(object, name, class_id);
}

static void print_and_free(cJSON *object, char *text) {
    if (!text) {
        message("out of memory");
        exit(STATUS_ERROR);
    }
    puts(text);
    cJSON_free(text);
    cJSON_Delete(object);
}

void json_print_line(cJSON *object) {
    print_and_free(object, cJSON_PrintUnformatted(object));
    fflush(stdout);
}

void json_print_object(cJSON *object) { print_and_free(object, cJSON_Print(object)); }
