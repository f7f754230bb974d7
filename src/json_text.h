/* json_text.h - JSON for the program: objects on one line or many, text made valid, floats as short as they read back. */
#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include <stdint.h>

#include <cJSON.h>

/* NULL becomes null; broken UTF-8 and control characters are replaced. */
void json_add_text(cJSON *object, const char *name, const char *text);
void json_add_float(cJSON *object, const char *name, float value);
void json_add_floats(cJSON *object, const char *name, const float *values, int64_t count);
/* A class: its name, its number when it has none, null for -1. */
void json_add_class(cJSON *object, const char *name, int32_t class_id, const char *class_name);
/* Each prints to standard output and frees the object. A line is flushed, so that a reader sees it at once. */
void json_print_line(cJSON *object);
void json_print_object(cJSON *object);

#endif
