/* quant_support.h - reading golden/quant, and numbers for tests of quantization. Include support.h first. */
#ifndef TESTS_QUANT_SUPPORT_H
#define TESTS_QUANT_SUPPORT_H

#include <math.h>

/* One line of a golden file: "kind a b values...", values as float32 bits in hexadecimal or as whole numbers. */
typedef struct quant_line {
    char kind[32];
    int a, b;
    const char *values;
} quant_line;

/* The next line of text, which is cut into lines; 0 at the end. */
static inline int quant_next(char **text, quant_line *line) {
    int used = 0;
    char *at = *text, *end = strchr(at, '\n');
    if (!end) return 0;
    *end = 0;
    *text = end + 1;
    assert_int_equal(sscanf(at, "%31s %d %d %n", line->kind, &line->a, &line->b, &used), 3);
    line->values = at + used;
    return 1;
}

/* The line of a kind with numbers a and b; fails the test when there is none. Frees nothing: copy is the caller's scratch. */
static inline quant_line quant_find(const char *text, char *copy, const char *kind, int a, int b) {
    quant_line line;
    strcpy(copy, text);
    while (quant_next(&copy, &line))
        if (strcmp(line.kind, kind) == 0 && line.a == a && line.b == b) return line;
    fail_msg("no line %s %d %d", kind, a, b);
    return line;
}

static inline size_t quant_floats(const char *values, float *out, size_t capacity) {
    size_t count = 0;
    char *end;
    for (; *values; values = end) {
        uint32_t bits = (uint32_t)strtoul(values, &end, 16);
        if (end == values) break;
        assert_in_range(count, 0, capacity - 1);
        memcpy(&out[count++], &bits, sizeof bits);
    }
    return count;
}

static inline size_t quant_integers(const char *values, int *out, size_t capacity) {
    size_t count = 0;
    char *end;
    for (; *values; values = end) {
        const long value = strtol(values, &end, 10);
        if (end == values) break;
        assert_in_range(count, 0, capacity - 1);
        out[count++] = (int)value;
    }
    return count;
}

/* A small generator of whole numbers; the tests need no more. */
static inline uint32_t quant_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Roughly normal, of deviation 1. */
static inline double quant_normal(uint32_t *state) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += (double)quant_random(state) / 16777216.0;
    return sum - 6;
}

#endif
