/* dataset_cars.c - Cars-196: cars_annos.mat, a struct "annotations" with an element a picture and a cell "class_names". */
#include <string.h>

#include "dataset/dataset_mat.h"
#include "dataset/dataset_table.h"

enum { PATH, CLASS, TEST, X1, Y1, X2, Y2, NUM_FIELDS, TEXT_MOST = 1024 };
static const char *const field_names[NUM_FIELDS] = {"relative_im_path", "class", "test", "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"};

typedef struct cars {
    rtvi_dataset_reader *reader;
    rtvi_mat annotations, names;
    size_t fields[NUM_FIELDS]; /* their places; num_fields for none */
    size_t *class_names;       /* [names.count] where they begin in the dataset's text */
} cars;

static int32_t bad(const cars *c, const char *expected) {
    return rtvi_error_set(c->reader->error, RTV_E_FORMAT, "dataset: %s, picture %zu: got something else, expected %s", c->reader->name,
                          c->reader->dataset->count + 1, expected);
}

static int32_t find_variables(cars *c, rtvi_span left) {
    rtvi_mat array;
    while (rtvi_mat_next(&left, &array)) {
        if (array.kind == RTVI_MAT_STRUCT && rtvi_span_is(array.name, "annotations")) c->annotations = array;
        if (array.kind == RTVI_MAT_CELL && rtvi_span_is(array.name, "class_names")) c->names = array;
    }
    for (int i = 0; i < NUM_FIELDS; i++) c->fields[i] = rtvi_mat_field(&c->annotations, field_names[i]);
    if (left.size == 0 && c->fields[PATH] < c->annotations.num_fields && c->fields[CLASS] < c->annotations.num_fields) return RTV_OK;
    return rtvi_error_set(c->reader->error, RTV_E_FORMAT,
                          "dataset: %s: got no struct \"annotations\" with relative_im_path and class, expected cars_annos.mat",
                          c->reader->name);
}

static int32_t keep_names(cars *c) {
    rtvi_span left = c->names.body;
    rtvi_mat element;
    char text[TEXT_MOST];
    int32_t status = RTV_OK;
    size_t size;
    if (c->names.count > left.size) return bad(c, "as many class names as class_names says");
    c->class_names = rtvi_alloc(c->reader->dataset->env, c->names.count, sizeof *c->class_names);
    if (!c->class_names) return rtvi_error_out_of_memory(c->reader->error, "dataset", c->names.count * sizeof *c->class_names);
    for (size_t i = 0; i < c->names.count && status == RTV_OK; i++) {
        if (!rtvi_mat_next(&left, &element) || !rtvi_mat_text(&element, text, sizeof text, &size))
            return bad(c, "class names that are text");
        status = rtvi_dataset_keep(c->reader, "", (rtvi_span){text, size}, &c->class_names[i]);
    }
    return status;
}

/* What one element says of field, if it has it. */
static int number_of(const cars *c, const rtvi_mat *elements, int field, double *value) {
    return c->fields[field] < c->annotations.num_fields && rtvi_mat_number(&elements[field], value);
}

static void set_box(const cars *c, const rtvi_mat *elements, rtvi_dataset_row *row) {
    double x1, y1, x2, y2;
    if (!number_of(c, elements, X1, &x1) || !number_of(c, elements, Y1, &y1) || !number_of(c, elements, X2, &x2) ||
        !number_of(c, elements, Y2, &y2))
        return;
    row->has_box = 1; /* MATLAB counts pixels from 1, and both corners are inside */
    row->box[0] = x1 - 1;
    row->box[1] = y1 - 1;
    row->box[2] = x2 - x1 + 1;
    row->box[3] = y2 - y1 + 1;
}

static int32_t add_picture(cars *c, const rtvi_mat *elements) {
    char path[TEXT_MOST];
    rtvi_dataset_picture picture = {.path = {path, 0}};
    rtvi_dataset_row *row;
    double class_number, test;
    int32_t status;
    if (!rtvi_mat_text(&elements[PATH], path, sizeof path, &picture.path.size)) return bad(c, "a path of letters");
    if (!number_of(c, elements, CLASS, &class_number) || !(class_number >= 1) || !(class_number <= (double)c->names.count))
        return bad(c, "a class that has a name");
    picture.split = class_number * 2 <= (double)c->names.count ? RTV_SPLIT_TRAIN : RTV_SPLIT_TEST;
    status = rtvi_dataset_add(c->reader, &picture);
    if (status != RTV_OK) return status;
    row = &c->reader->dataset->rows[c->reader->dataset->count - 1];
    row->class_name = c->class_names[(size_t)class_number - 1];
    row->listed_split = !number_of(c, elements, TEST, &test) ? RTV_SPLIT_NONE : test != 0 ? RTV_SPLIT_TEST : RTV_SPLIT_TRAIN;
    set_box(c, elements, row);
    return RTV_OK;
}

static int32_t add_pictures(cars *c) {
    rtvi_span left = c->annotations.body;
    int32_t status = RTV_OK;
    for (size_t i = 0; i < c->annotations.count && status == RTV_OK; i++) {
        rtvi_mat elements[NUM_FIELDS], element;
        for (size_t field = 0; field < c->annotations.num_fields; field++) {
            if (!rtvi_mat_next(&left, &element)) return bad(c, "all fields of every picture");
            for (int f = 0; f < NUM_FIELDS; f++)
                if (c->fields[f] == field) elements[f] = element;
        }
        status = add_picture(c, elements);
    }
    return status;
}

int32_t rtvi_dataset_read_cars(rtvi_dataset_reader *r) {
    const rtvi_env *env = r->dataset->env;
    cars c = {.reader = r};
    rtvi_span variables;
    void *block;
    int32_t status = rtvi_mat_unpack(env, r->lines.left.text, r->lines.left.size, &block, &variables, r->error);
    if (status == RTV_OK) status = find_variables(&c, variables);
    if (status == RTV_OK) status = keep_names(&c);
    if (status == RTV_OK) status = add_pictures(&c);
    rtvi_free(env, c.class_names);
    rtvi_free(env, block);
    return status;
}
