/* dataset_lists.c - the lists of Stanford Online Products and of In-shop Clothes Retrieval: a header, then a picture a line. */
#include <string.h>

#include "dataset/dataset_table.h"

static int has_text(const char *name, const char *text) { return strstr(name, text) != NULL; }

static int32_t add_sop(rtvi_dataset_reader *r, rtvi_span line, int32_t split) {
    const rtvi_span whole = line;
    rtvi_dataset_picture picture = {.split = split};
    rtvi_span image, super;
    int64_t number;
    if (!rtvi_span_word(&line, &image) || !rtvi_span_integer(image, INT32_MAX, &number) || !rtvi_span_word(&line, &picture.class_name) ||
        !rtvi_span_integer(picture.class_name, INT32_MAX, &number) || !rtvi_span_word(&line, &super) ||
        !rtvi_span_integer(super, INT32_MAX, &number))
        return rtvi_dataset_bad(r, whole, "image_id class_id super_class_id path");
    picture.path = line;
    return rtvi_dataset_add(r, &picture);
}

/* The name of the file alone tells what the pictures are for. */
int32_t rtvi_dataset_read_sop(rtvi_dataset_reader *r) {
    const int32_t split = has_text(r->name, "train") ? RTV_SPLIT_TRAIN : has_text(r->name, "test") ? RTV_SPLIT_TEST : RTV_SPLIT_NONE;
    rtvi_span line = {"", 0};
    int32_t status = RTV_OK;
    if (!rtvi_lines_next(&r->lines, &line) || !rtvi_span_is(line, "image_id class_id super_class_id path"))
        return rtvi_dataset_bad(r, line, "the header \"image_id class_id super_class_id path\"");
    while (status == RTV_OK && rtvi_lines_next(&r->lines, &line))
        if (line.size > 0) status = add_sop(r, line, split);
    return status;
}

static int32_t add_inshop(rtvi_dataset_reader *r, rtvi_span line) {
    static const char *const names[] = {"", "train", "", "query", "gallery"}; /* by RTV_SPLIT_* */
    const rtvi_span whole = line;
    rtvi_dataset_picture picture = {.prefix = ""};
    rtvi_span split, surplus;
    if (!rtvi_span_word(&line, &picture.path) || !rtvi_span_word(&line, &picture.class_name) || !rtvi_span_word(&line, &split) ||
        rtvi_span_word(&line, &surplus))
        return rtvi_dataset_bad(r, whole, "image_name item_id evaluation_status");
    for (int32_t i = 0; i < 5; i++)
        if (rtvi_span_is(split, names[i])) picture.split = i;
    if (picture.split == RTV_SPLIT_NONE) return rtvi_dataset_bad(r, split, "train, query or gallery");
    return rtvi_dataset_add(r, &picture);
}

/* The first line says how many pictures follow, so a list that was cut short is found. */
int32_t rtvi_dataset_read_inshop(rtvi_dataset_reader *r) {
    rtvi_span line = {"", 0}, count = {"", 0}, word[3];
    int64_t expected = 0;
    int32_t status = RTV_OK;
    if (!rtvi_lines_next(&r->lines, &line) || !rtvi_span_word(&line, &count) ||
        !rtvi_span_integer(count, (int64_t)RTVI_DATASET_MAX_COUNT, &expected))
        return rtvi_dataset_bad(r, count, "the number of pictures");
    line = (rtvi_span){"", 0};
    rtvi_lines_next(&r->lines, &line);
    for (int i = 0; i < 3; i++) rtvi_span_word(&line, &word[i]);
    if (!rtvi_span_is(word[0], "image_name") || !rtvi_span_is(word[1], "item_id") || !rtvi_span_is(word[2], "evaluation_status"))
        return rtvi_dataset_bad(r, word[0], "the header \"image_name item_id evaluation_status\"");
    while (status == RTV_OK && rtvi_lines_next(&r->lines, &line))
        if (line.size > 0) status = add_inshop(r, line);
    if (status == RTV_OK && (size_t)expected != r->dataset->count)
        return rtvi_error_set(r->error, RTV_E_FORMAT, "dataset: %s: got %zu pictures, expected %lld as its first line says", r->name,
                              r->dataset->count, (long long)expected);
    return status;
}
