/* dataset_lines.h - a text file line by line, and the words of a line. */
#ifndef RTVI_DATASET_LINES_H
#define RTVI_DATASET_LINES_H

#include <stddef.h>
#include <stdint.h>

/* A piece of text, without a final NUL. */
typedef struct rtvi_span {
    const char *text;
    size_t size;
} rtvi_span;

typedef struct rtvi_lines {
    rtvi_span left;
    size_t number; /* of the line that came last, from 1 */
} rtvi_lines;

/* Over a file's bytes; a byte order mark is passed over. */
rtvi_lines rtvi_lines_over(const void *data, size_t size);
/* The next line without its end (LF or CR LF); 0 after the last. */
int rtvi_lines_next(rtvi_lines *lines, rtvi_span *line);
/* Takes the next word, up to blanks, off the line, and the blanks after it; 0 when there is none. */
int rtvi_span_word(rtvi_span *line, rtvi_span *word);
/* The whole span as a decimal number of 0..most. */
int rtvi_span_integer(rtvi_span span, int64_t most, int64_t *value);
/* The whole span as a decimal fraction without exponent, not negative. */
int rtvi_span_decimal(rtvi_span span, double *value);
int rtvi_span_is(rtvi_span span, const char *text);

#endif
