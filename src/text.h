/* text.h - text for people: width on the screen, numbers, cleaning, near names. */
#ifndef TEXT_H
#define TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct short_text {
    char text[32];
} short_text;

/* 3,889 */
const char *text_count(short_text *buffer, int64_t value);
/* "110.2 MB" */
const char *text_bytes(short_text *buffer, double bytes);
/* "27.5 M": three digits and a decimal prefix */
const char *text_short(short_text *buffer, double value);
/* "0.4 s", "1:03", "2:05:00" */
const char *text_duration(short_text *buffer, double seconds);
/* The shortest decimal that reads back as the same float; "null" for what JSON has no number for. */
const char *text_float(short_text *buffer, float value);

/* 1 when text is UTF-8 without control characters. */
int text_is_clean(const char *text);
/* A new copy with control characters and broken UTF-8 replaced, safe for terminals and JSON. */
char *text_printable(const char *text);
/* Columns on the screen. */
size_t text_width(const char *text);

/* The part after the last slash. */
const char *text_base_name(const char *path);
/* New: the part before the last slash, "." when there is none. */
char *text_folder(const char *path);
/* New: folder/name, or name alone when folder is empty. */
char *text_join(const char *folder, const char *name);

/* New: up to three of the names that look like name, `"a", "b"`; NULL when none does. */
char *text_suggest(const char *name, const char *const *names, size_t count);

/* Whether a stream is a terminal that takes colours and a locale that takes more than ASCII. */
int text_has_colour(FILE *stream);
int text_has_utf8(void);

#endif
