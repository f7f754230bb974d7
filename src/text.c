/* text.c - text for people: width on the screen, numbers, cleaning, near names. */
#include "text.h"

#include <inttypes.h>
#include <langinfo.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <wchar.h>

#include "program.h"

const char *text_count(short_text *buffer, int64_t value) {
    char digits[24];
    size_t length, at = 0;
    snprintf(digits, sizeof digits, "%" PRId64, value);
    length = strlen(digits);
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-') buffer->text[at++] = ',';
        buffer->text[at++] = digits[i];
    }
    buffer->text[at] = 0;
    return buffer->text;
}

static const char *scaled(short_text *buffer, double value, double step, const char *const *units) {
    size_t unit = 0;
    while (value >= step * 0.9995 && units[unit + 1]) value /= step, unit++;
    snprintf(buffer->text, sizeof buffer->text, unit == 0 && value == (double)(int64_t)value ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return buffer->text;
}

const char *text_bytes(short_text *buffer, double bytes) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", NULL};
    return scaled(buffer, bytes, 1000, units);
}

const char *text_short(short_text *buffer, double value) {
    static const char *const units[] = {"", "thousand", "million", "billion", "trillion", NULL};
    scaled(buffer, value, 1000, units);
    if (value < 999.5) buffer->text[strcspn(buffer->text, " ")] = 0;
    return buffer->text;
}

const char *text_duration(short_text *buffer, double seconds) {
    int whole = seconds < 1e8 ? (int)(seconds + 0.5) : 100000000;
    if (seconds < 1)
        snprintf(buffer->text, sizeof buffer->text, "%.0f ms", seconds * 1e3);
    else if (seconds < 9.95 && seconds != (double)whole)
        snprintf(buffer->text, sizeof buffer->text, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(buffer->text, sizeof buffer->text, "%d s", whole);
    else if (whole < 3600)
        snprintf(buffer->text, sizeof buffer->text, "%d:%02d min", whole / 60, whole % 60);
    else
        snprintf(buffer->text, sizeof buffer->text, "%d:%02d:%02d h", whole / 3600, whole / 60 % 60, whole % 60);
    return buffer->text;
}

const char *text_float(short_text *buffer, float value) {
    short_text tried;
    if (!isfinite(value)) return "null";
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(tried.text, sizeof tried.text, "%.*g", digits, (double)value);
        if (strtof(tried.text, NULL) == value) break;
    }
    *buffer = tried;
    return buffer->text;
}

/* The length of the UTF-8 character at text (RFC 3629: no overlong forms, no surrogates), 0 when it is broken. */
static size_t utf8_length(const unsigned char *text) {
    size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xC2 && text[0] < 0xE0 ? 2 : text[0] >= 0xE0 && text[0] < 0xF0 ? 3 : 4;
    if (length == 1) return 1;
    if (text[0] < 0xC2 || text[0] > 0xF4) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xC0) != 0x80) return 0;
    if (text[0] == 0xE0 && text[1] < 0xA0) return 0;
    if (text[0] == 0xED && text[1] > 0x9F) return 0;
    if (text[0] == 0xF0 && text[1] < 0x90) return 0;
    if (text[0] == 0xF4 && text[1] > 0x8F) return 0;
    return length;
}

/* C0, DEL, and C1, which terminals obey too. */
static int is_control(const unsigned char *text) {
    return text[0] < 0x20 || text[0] == 0x7F || (text[0] == 0xC2 && text[1] >= 0x80 && text[1] < 0xA0);
}

int text_is_clean(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t length = utf8_length(at);
        if (length == 0 || is_control(at)) return 0;
        at += length;
    }
    return 1;
}

char *text_printable(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    char *out = allocate(strlen(text) + 1, 1), *to = out;
    while (*at) {
        size_t length = utf8_length(at);
        if (length == 0 || is_control(at)) {
            *to++ = '?';
            at += length ? length : 1;
        } else {
            memcpy(to, at, length);
            to += length;
            at += length;
        }
    }
    return out;
}

size_t text_width(const char *text) {
    mbstate_t state;
    size_t columns = 0, left = strlen(text);
    memset(&state, 0, sizeof state);
    while (left > 0) {
        wchar_t character;
        size_t used = mbrtowc(&character, text, left, &state);
        int width = 1;
        if (used == (size_t)-1 || used == (size_t)-2) {
            memset(&state, 0, sizeof state);
            used = 1;
        } else {
            width = wcwidth(character);
        }
        columns += width > 0 ? (size_t)width : 0;
        text += used;
        left -= used;
    }
    return columns;
}

const char *text_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *text_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return copy_text(".");
    if (slash == path) return copy_text("/");
    return format_text("%.*s", (int)(slash - path), path);
}

char *text_join(const char *folder, const char *name) {
    size_t length = strlen(folder);
    if (length == 0) return copy_text(name);
    return format_text("%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

/* Levenshtein's distance, letters without case. */
static size_t edit_distance(const char *a, const char *b) {
    size_t columns = strlen(b), *row = allocate(columns + 1, sizeof *row), distance;
    for (size_t j = 0; j <= columns; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t replaced = diagonal + (strncasecmp(a + i, b + j, 1) != 0);
            size_t shifted = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < shifted ? replaced : shifted;
        }
    }
    distance = row[columns];
    free(row);
    return distance;
}

/* Small is near; names that hold each other are nearer than the distance says. */
static size_t farness(const char *name, const char *other) {
    size_t distance = edit_distance(name, other), length = strlen(name);
    if (length >= 3 && (strcasestr(other, name) || (strlen(other) >= 3 && strcasestr(name, other)))) return 1;
    return distance <= (length < 4 ? 1 : length / 3 + (length < 6)) ? distance : SIZE_MAX;
}

char *text_suggest(const char *name, const char *const *names, size_t count) {
    enum { MOST = 3 };
    size_t best[MOST], distance[MOST] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, found = 0;
    char *text = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t d = farness(name, names[i]), at = found < MOST ? found : MOST;
        if (d == SIZE_MAX) continue;
        while (at > 0 && d < distance[at - 1]) at--;
        if (at == MOST) continue;
        for (size_t j = found < MOST ? found : MOST - 1; j > at; j--) best[j] = best[j - 1], distance[j] = distance[j - 1];
        best[at] = i;
        distance[at] = d;
        if (found < MOST) found++;
    }
    for (size_t i = 0; i < found; i++) {
        char *clean = text_printable(names[best[i]]), *longer = format_text("%s%s\"%s\"", text ? text : "", text ? ", " : "", clean);
        free(clean);
        free(text);
        text = longer;
    }
    return text;
}

int text_has_colour(FILE *stream) {
    const char *terminal = getenv("TERM"), *no_colour = getenv("NO_COLOR");
    return isatty(fileno(stream)) && terminal && strcmp(terminal, "dumb") != 0 && !(no_colour && *no_colour);
}

int text_has_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }
