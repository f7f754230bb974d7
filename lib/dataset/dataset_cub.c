/* dataset_cub.c - CUB-200-2011: files that say one thing each about pictures and classes, by number. */
#include <stdio.h>
#include <string.h>

#include "dataset/dataset_table.h"

/* What follows a number: a line of images.txt, classes.txt ... */
typedef struct numbered {
    int64_t number;
    rtvi_span rest; /* in the file's bytes */
} numbered;

typedef struct numbered_file {
    uint8_t *data;
    numbered *lines; /* [count], numbers ascending */
    size_t count, capacity;
} numbered_file;

static void release(const rtvi_env *env, numbered_file *file) {
    rtvi_free(env, file->data);
    rtvi_free(env, file->lines);
}

static int32_t take_lines(rtvi_dataset_reader *r, numbered_file *file) {
    const rtvi_env *env = r->dataset->env;
    rtvi_span line, word;
    while (rtvi_lines_next(&r->lines, &line)) {
        const rtvi_span whole = line;
        void *lines = file->lines;
        int64_t number;
        if (line.size == 0) continue;
        if (!rtvi_span_word(&line, &word) || !rtvi_span_integer(word, INT32_MAX, &number) || line.size == 0)
            return rtvi_dataset_bad(r, whole, "a number and what it stands for");
        if (file->count > 0 && file->lines[file->count - 1].number >= number)
            return rtvi_dataset_bad(r, word, "numbers in ascending order");
        if (!rtvi_grow(env, &lines, &file->capacity, file->count, file->count + 1, sizeof *file->lines))
            return rtvi_error_out_of_memory(r->error, "dataset", file->count * sizeof *file->lines);
        file->lines = lines;
        file->lines[file->count++] = (numbered){number, line};
    }
    return RTV_OK;
}

/* r->name is a buffer for the path, folder/name. A file that is not needed may be missing. */
static int32_t open_file(rtvi_dataset_reader *r, const char *folder, const char *name, int is_needed, char *path, size_t capacity,
                         numbered_file *file) {
    size_t size = 0;
    int32_t status;
    snprintf(path, capacity, "%s/%s", folder, name);
    r->name = name;
    status = rtvi_file_read(r->dataset->env, "dataset", path, RTVI_DATASET_MAX_BYTES, "none", &file->data, &size, r->error);
    if (status == RTV_E_IO && !is_needed) return rtvi_error_clear(r->error);
    if (status != RTV_OK) return status;
    r->lines = rtvi_lines_over(file->data, size);
    return take_lines(r, file);
}

static const rtvi_span *find(const numbered_file *file, int64_t number) {
    size_t low = 0, high = file->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (file->lines[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < file->count && file->lines[low].number == number ? &file->lines[low].rest : NULL;
}

enum { IMAGES, LABELS, CLASSES, SPLITS, BOXES, NUM_FILES };
static const char *const file_names[NUM_FILES] = {"images.txt", "image_class_labels.txt", "classes.txt", "train_test_split.txt",
                                                  "bounding_boxes.txt"};

static int32_t set_box(rtvi_dataset_reader *r, rtvi_span text, rtvi_dataset_row *row) {
    const rtvi_span whole = text;
    for (int i = 0; i < 4; i++) {
        rtvi_span word;
        if (!rtvi_span_word(&text, &word) || !rtvi_span_decimal(word, &row->box[i]))
            return rtvi_dataset_bad(r, whole, "left, top, width and height");
    }
    row->has_box = 1;
    return RTV_OK;
}

/* Classes up to last_train are for training when retrieval is evaluated; which pictures classifiers train on is another matter. */
static int32_t add_image(rtvi_dataset_reader *r, const numbered_file *files, const numbered *image, int64_t last_train) {
    const rtvi_span *label = find(&files[LABELS], image->number), *split = find(&files[SPLITS], image->number),
                    *box = find(&files[BOXES], image->number), *name;
    rtvi_dataset_picture picture = {.prefix = "images/", .path = image->rest};
    rtvi_dataset_row *row;
    int64_t class_number;
    int32_t status;
    if (!label || !rtvi_span_integer(*label, INT32_MAX, &class_number))
        return rtvi_dataset_bad(r, label ? *label : image->rest, "a class for every picture");
    name = find(&files[CLASSES], class_number);
    picture.class_name = name ? *name : *label;
    picture.split = class_number <= last_train ? RTV_SPLIT_TRAIN : RTV_SPLIT_TEST;
    status = rtvi_dataset_add(r, &picture);
    if (status != RTV_OK) return status;
    row = &r->dataset->rows[r->dataset->count - 1];
    row->listed_split = !split ? RTV_SPLIT_NONE : rtvi_span_is(*split, "1") ? RTV_SPLIT_TRAIN : RTV_SPLIT_TEST;
    return box ? set_box(r, *box, row) : RTV_OK;
}

static int32_t add_images(rtvi_dataset_reader *r, const numbered_file *files) {
    int64_t last = 0, number;
    int32_t status = RTV_OK;
    for (size_t i = 0; i < files[LABELS].count; i++)
        if (rtvi_span_integer(files[LABELS].lines[i].rest, INT32_MAX, &number) && number > last) last = number;
    for (size_t i = 0; i < files[IMAGES].count && status == RTV_OK; i++) {
        r->lines.number = i + 1;
        status = add_image(r, files, &files[IMAGES].lines[i], last / 2);
    }
    return status;
}

int32_t rtvi_dataset_read_cub(rtvi_dataset_reader *r, const char *folder) {
    const rtvi_env *env = r->dataset->env;
    const size_t capacity = strlen(folder) + 32; /* the longest name has 22 characters */
    char *path = rtvi_alloc(env, capacity, 1);
    numbered_file files[NUM_FILES];
    int32_t status = path ? RTV_OK : rtvi_error_out_of_memory(r->error, "dataset", capacity);
    memset(files, 0, sizeof files);
    for (int i = 0; i < NUM_FILES && status == RTV_OK; i++)
        status = open_file(r, folder, file_names[i], i <= LABELS, path, capacity, &files[i]);
    r->name = file_names[IMAGES];
    if (status == RTV_OK) status = add_images(r, files);
    for (int i = 0; i < NUM_FILES; i++) release(env, &files[i]);
    rtvi_free(env, path);
    return status;
}
