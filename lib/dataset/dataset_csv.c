/* dataset_csv.c - comma-separated values (RFC 4180) with a header that names the columns. */
#include <string.h>

#include "dataset/dataset_table.h"

enum { COLUMN_PATH, COLUMN_CLASS, COLUMN_SPLIT, NUM_COLUMNS };
static const char *const column_names[NUM_COLUMNS] = {"path", "class", "split"};
static const char *const split_names[] = {"", "train", "test", "query", "gallery"}; /* by RTV_SPLIT_* */

typedef struct csv {
    rtvi_dataset_reader *reader;
    size_t columns[NUM_COLUMNS]; /* where they are; SIZE_MAX for none */
    size_t num_fields;           /* of the header */
    char *scratch;               /* [size of the file] for fields without their quotes */
} csv;

/* Takes a field off the line, and the comma after it; *more says whether there was one. Quotes are taken away in scratch. 0 when the quotes
 * are wrong: open at the end of the line (a path does not go over two), or text after them. */
static int take_field(rtvi_span *line, char *scratch, rtvi_span *field, int *more) {
    const int is_quoted = line->size > 0 && line->text[0] == '"';
    size_t i = (size_t)is_quoted, size = 0;
    for (; i < line->size && (is_quoted || line->text[i] != ','); i++) {
        if (is_quoted && line->text[i] == '"') {
            if (i + 1 == line->size || line->text[i + 1] != '"') break;
            i++;
        }
        scratch[size++] = line->text[i];
    }
    if (is_quoted && i++ == line->size) return 0;
    *more = i < line->size;
    if (*more && line->text[i] != ',') return 0;
    i += (size_t)*more;
    line->text += i;
    line->size -= i;
    *field = (rtvi_span){scratch, size};
    return 1;
}

/* fields[NUM_COLUMNS] of a line; those that are not there are empty. header: fields name the columns. */
static int32_t read_line(csv *c, rtvi_span line, int is_header, rtvi_span *fields) {
    const rtvi_span whole = line;
    char *scratch = c->scratch;
    size_t count = 0;
    for (int more = 1; more; count++) {
        rtvi_span field;
        if (!take_field(&line, scratch, &field, &more)) return rtvi_dataset_bad(c->reader, whole, "fields with quotes that end");
        scratch += field.size;
        for (size_t column = 0; column < NUM_COLUMNS; column++) {
            if (is_header && rtvi_span_is(field, column_names[column])) c->columns[column] = count;
            if (!is_header && c->columns[column] == count) fields[column] = field;
        }
    }
    if (is_header) c->num_fields = count;
    return count == c->num_fields ? RTV_OK : rtvi_dataset_bad(c->reader, whole, "as many fields as the header has");
}

static int32_t add_line(csv *c, rtvi_span line) {
    rtvi_span fields[NUM_COLUMNS] = {{"", 0}, {"", 0}, {"", 0}};
    rtvi_dataset_picture picture = {.any_path = 1, .split = -1};
    int32_t status = read_line(c, line, 0, fields);
    if (status != RTV_OK) return status;
    for (int32_t i = 0; i < 5; i++)
        if (rtvi_span_is(fields[COLUMN_SPLIT], split_names[i])) picture.split = i;
    if (picture.split < 0) return rtvi_dataset_bad(c->reader, fields[COLUMN_SPLIT], "train, test, query, gallery or nothing");
    picture.path = fields[COLUMN_PATH];
    if (fields[COLUMN_CLASS].size > 0) picture.class_name = fields[COLUMN_CLASS];
    return rtvi_dataset_add(c->reader, &picture);
}

static int32_t read_lines(csv *c) {
    rtvi_span line = {"", 0};
    int32_t status = RTV_OK;
    rtvi_lines_next(&c->reader->lines, &line);
    status = read_line(c, line, 1, NULL);
    if (status == RTV_OK && c->columns[COLUMN_PATH] == SIZE_MAX)
        return rtvi_dataset_bad(c->reader, line, "a header with a column \"path\"");
    while (status == RTV_OK && rtvi_lines_next(&c->reader->lines, &line))
        if (line.size > 0) status = add_line(c, line);
    return status;
}

int32_t rtvi_dataset_read_csv(rtvi_dataset_reader *r) {
    const rtvi_env *env = r->dataset->env;
    csv c = {.reader = r, .scratch = rtvi_alloc(env, r->lines.left.size, 1)};
    int32_t status;
    for (int i = 0; i < NUM_COLUMNS; i++) c.columns[i] = SIZE_MAX;
    if (!c.scratch) return rtvi_error_out_of_memory(r->error, "dataset", r->lines.left.size);
    status = read_lines(&c);
    rtvi_free(env, c.scratch);
    return status;
}
