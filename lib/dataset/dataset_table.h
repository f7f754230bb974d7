/* dataset_table.h - what the readers of lists fill: pictures and classes in one table. */
#ifndef RTVI_DATASET_TABLE_H
#define RTVI_DATASET_TABLE_H

#include "dataset/dataset_read.h"
#include "dataset/dataset_lines.h"

typedef struct rtvi_dataset_row {
    size_t path, class_name; /* where they begin in the text; no class: RTVI_NO_TEXT */
    int32_t class_id, split, listed_split, has_box;
    double box[4];
} rtvi_dataset_row;

#define RTVI_NO_TEXT SIZE_MAX

struct rtvi_dataset {
    const rtvi_env *env;
    rtvi_dataset_row *rows; /* [count] */
    size_t count, capacity;
    char *text; /* [text_size] with a NUL after each path and name */
    size_t text_size, text_capacity;
    size_t *classes; /* [num_classes] where the names begin, sorted */
    size_t num_classes;
};

/* A reader at work, and where it is for its messages. */
typedef struct rtvi_dataset_reader {
    rtvi_dataset *dataset;
    const char *name; /* of the file */
    rtvi_lines lines;
    rtv_error *error;
} rtvi_dataset_reader;

/* FORMAT: what stands there instead of what was expected. */
int32_t rtvi_dataset_bad(const rtvi_dataset_reader *reader, rtvi_span got, const char *expected);

/* One more picture. The path goes behind prefix and is UTF-8 without control characters; unless any_path is set it is relative and does not
 * leave its folder. class_name.text NULL for none. *row lives until the next one. */
typedef struct rtvi_dataset_picture {
    const char *prefix;
    rtvi_span path, class_name;
    int32_t split;
    int any_path;
} rtvi_dataset_picture;
int32_t rtvi_dataset_add(const rtvi_dataset_reader *reader, const rtvi_dataset_picture *picture);
/* Text of a file, kept. */
int32_t rtvi_dataset_keep(const rtvi_dataset_reader *reader, const char *prefix, rtvi_span span, size_t *place);
/* Numbers the classes. */
int32_t rtvi_dataset_finish(rtvi_dataset *dataset, rtv_error *error);

/* The readers; each takes reader->lines to the end. */
int32_t rtvi_dataset_read_sop(rtvi_dataset_reader *reader);
int32_t rtvi_dataset_read_inshop(rtvi_dataset_reader *reader);
int32_t rtvi_dataset_read_csv(rtvi_dataset_reader *reader);
int32_t rtvi_dataset_read_cars(rtvi_dataset_reader *reader);
/* All files of CUB, below folder. */
int32_t rtvi_dataset_read_cub(rtvi_dataset_reader *reader, const char *folder);

#endif
