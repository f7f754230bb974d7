/* test_api_index_items.c - changes, files, storage and questions about items, as a caller of index.h sees them. */
#include <errno.h>

#include <retrieve/retrieve.h>

#include "support_flat.h"

enum { DIM = 4 };

static rtv_error error;
static char folder[64], path[96];

static const float corners[] = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0, 0.25F, 0.5F, 0, 4};
static const int64_t corner_ids[] = {10, 11, 12, 13};
static const char *const corner_keys[] = {"a", "b", NULL, "a"};
static const int32_t corner_classes[] = {0, 1, 0, -1};
static const rtv_bytes corner_payloads[] = {{"one", 3}, {NULL, 0}, {"\0\1", 2}, {"four", 4}};

static void add_corners(rtv_index *index) {
    rtv_items items = test_items(corners);
    items.ids = corner_ids;
    items.keys = corner_keys;
    items.classes = corner_classes;
    items.predicted = corner_classes;
    items.payloads = corner_payloads;
    assert_status(rtv_index_add(index, &items, 4, &error), RTV_OK);
}

static rtv_index *make_index(int32_t storage, int32_t normalize) {
    static const char *const names[] = {"ant", "bee"};
    rtv_index_options options;
    rtv_index *index = NULL;
    rtv_index_options_init(&options);
    options.dim = DIM;
    options.storage = storage;
    options.normalize = normalize;
    assert_status(rtv_index_create_with(&options, NULL, &index, &error), RTV_OK);
    add_corners(index);
    assert_status(rtv_index_set_class_names(index, RTV_CLASSES_LABEL, names, 2, &error), RTV_OK);
    return index;
}

static int64_t count_of(rtv_index *index) {
    rtv_index_info info = {.struct_size = sizeof info};
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    return info.count;
}

static void options_are_checked(void **state) {
    rtv_index_options options;
    rtv_index *index = NULL;
    (void)state;
    rtv_index_options_init(&options);
    assert_status(rtv_index_create_with(NULL, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create_with(&options, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create_with(&options, NULL, &index, &error), RTV_E_INVALID_ARGUMENT); /* dim 0 without a model */
    options.dim = DIM;
    options.storage = 4;
    assert_status(rtv_index_create_with(&options, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    options.storage = RTV_STORAGE_INT8;
    options.normalize = 2;
    assert_status(rtv_index_create_with(&options, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(index);
}

static void items_are_read(void **state) {
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0);
    float vectors[2 * DIM];
    int64_t ids[4], id = -1, count = -1;
    uint64_t size;
    char payload[8];
    (void)state;
    assert_status(rtv_index_vectors(index, (const int64_t[]){13, 10}, 2, vectors, &error), RTV_OK);
    assert_memory_equal(vectors, corners + 12, 4 * sizeof *vectors);
    assert_memory_equal(vectors + DIM, corners, 4 * sizeof *vectors);
    assert_status(rtv_index_vectors(index, (const int64_t[]){14}, 1, vectors, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_vectors(index, ids, -1, vectors, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_vectors(index, NULL, 1, vectors, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_payload(index, 12, payload, sizeof payload, &size, &error), RTV_OK);
    assert_int_equal(size, 2);
    assert_memory_equal(payload, "\0\1", 2);
    assert_status(rtv_index_payload(index, 11, NULL, 0, &size, &error), RTV_OK);
    assert_int_equal(size, 0);
    assert_status(rtv_index_payload(index, 13, payload, 3, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    assert_int_equal(size, 4);
    assert_status(rtv_index_payload(index, 9, payload, 3, &size, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_payload(index, 13, NULL, 3, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_find(index, "a", &id, &error), RTV_OK); /* the smaller one of two */
    assert_int_equal(id, 10);
    assert_status(rtv_index_find(index, "c", &id, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_find(index, "", &id, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_find(index, NULL, &id, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_find(index, "a", NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_ids(index, ids, 4, &count, &error), RTV_OK);
    assert_int_equal(count, 4);
    assert_memory_equal(ids, corner_ids, sizeof ids);
    assert_status(rtv_index_ids(index, ids, 3, &count, &error), RTV_E_BUFFER_TOO_SMALL);
    assert_int_equal(count, 4);
    assert_status(rtv_index_ids(index, ids, 4, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_ids(index, NULL, 4, &count, &error), RTV_E_INVALID_ARGUMENT);
    rtv_index_free(index);
}

static int32_t stop_at_second(void *user, const rtv_item *item) {
    int *seen = user;
    if (*seen == 0) assert_true(item->id == 10 && item->class_id == 0 && item->key_bytes == 1 && item->payload.size_bytes == 3);
    return ++*seen == 2;
}

static void visiting_stops(void **state) {
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0);
    int seen = 0;
    (void)state;
    assert_status(rtv_index_visit(index, stop_at_second, &seen, &error), RTV_E_CANCELLED);
    assert_int_equal(seen, 2);
    assert_status(rtv_index_visit(index, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    rtv_index_free(index);
}

static void items_are_replaced_and_removed(void **state) {
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0);
    rtv_items items = test_items(corners + 8);
    int64_t removed = -1, id;
    float vector[DIM];
    (void)state;
    items.ids = (const int64_t[]){11, 20};
    items.keys = (const char *const[]){"x", "b"};
    assert_status(rtv_index_replace(index, &items, 2, &error), RTV_OK);
    assert_int_equal(count_of(index), 5);
    assert_status(rtv_index_vectors(index, items.ids, 1, vector, &error), RTV_OK);
    assert_memory_equal(vector, corners + 8, sizeof vector);
    assert_status(rtv_index_find(index, "b", &id, &error), RTV_OK);
    assert_int_equal(id, 20);
    items.ids = NULL;
    assert_status(rtv_index_replace(index, &items, 2, &error), RTV_E_INVALID_ARGUMENT);
    items.ids = (const int64_t[]){5, 5};
    assert_status(rtv_index_replace(index, &items, 2, &error), RTV_E_EXISTS);
    assert_status(rtv_index_replace(index, NULL, 2, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_remove(index, (const int64_t[]){10, 99, 10, 13}, 4, &removed, &error), RTV_OK);
    assert_int_equal(removed, 2);
    assert_status(rtv_index_find(index, "a", &id, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_remove(index, NULL, 1, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_remove(index, corner_ids, -1, NULL, &error), RTV_E_INVALID_ARGUMENT);
    items.ids = (const int64_t[]){10, 13}; /* free again */
    assert_status(rtv_index_add(index, &items, 2, &error), RTV_OK);
    items.ids = NULL; /* ids of removed items are not given again */
    assert_status(rtv_index_remove(index, (const int64_t[]){20}, 1, NULL, &error), RTV_OK);
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_OK);
    assert_status(rtv_index_vectors(index, (const int64_t[]){21}, 1, vector, &error), RTV_OK);
    assert_status(rtv_index_compact(index, &error), RTV_OK);
    assert_int_equal(count_of(index), 5);
    {
        rtv_index_info info = {.struct_size = sizeof info};
        assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
        assert_true(info.num_removed == 0 && info.num_segments == 1);
    }
    items.payloads = (const rtv_bytes[]){{"x", RTV_PAYLOAD_MAX + 1}};
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    items.payloads = (const rtv_bytes[]){{NULL, 1}};
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    rtv_index_free(index);
}

/* What is kept is what is given back, searched and saved. */
static void other_storage(void **state) {
    (void)state;
    for (int32_t storage = RTV_STORAGE_FLOAT32; storage <= RTV_STORAGE_INT8; storage++) {
        for (int32_t normalize = 0; normalize < 2; normalize++) {
            rtv_index *index = make_index(storage, normalize), *again = NULL;
            const float query[DIM] = {0.5F, 0.25F, 0, 1};
            float kept[4 * DIM], read[4 * DIM];
            rtv_index_info info = {.struct_size = sizeof info};
            rtv_hit hits[4];
            int64_t num = 0;
            assert_status(rtv_index_vectors(index, corner_ids, 4, kept, &error), RTV_OK);
            for (int i = 0; i < 4; i++) {
                double sum = 0, largest = 0;
                for (int j = 0; j < DIM; j++) sum += (double)kept[i * DIM + j] * (double)kept[i * DIM + j];
                for (int j = 0; j < DIM; j++) largest = fmax(largest, fabs((double)corners[i * DIM + j]));
                if (normalize) assert_true(fabs(sqrt(sum) - 1) < (storage == RTV_STORAGE_INT8 ? 0.01 : 0.001)); /* their rounding */
                for (int j = 0; j < DIM && !normalize; j++) /* half a step of the largest of 127 codes, 11 bits of a half */
                    assert_true(fabs((double)kept[i * DIM + j] - (double)corners[i * DIM + j]) <=
                                (storage == RTV_STORAGE_INT8      ? largest / 253
                                 : storage == RTV_STORAGE_FLOAT16 ? largest / 2048
                                                                  : 0));
            }
            assert_status(rtv_index_search(index, query, 1, 4, NULL, hits, &num, &error), RTV_OK);
            assert_int_equal(num, 4);
            for (int i = 0; i < 4; i++) assert_true(hits[i].score == test_canonical_dot(query, kept + (hits[i].id - 10) * DIM, DIM));
            assert_status(rtv_index_save(index, path, &error), RTV_OK);
            assert_status(rtv_index_verify(path, NULL, NULL, NULL, &error), RTV_OK);
            assert_status(rtv_index_open(path, NULL, &again, &error), RTV_OK);
            assert_status(rtv_index_vectors(again, corner_ids, 4, read, &error), RTV_OK);
            assert_memory_equal(kept, read, sizeof kept);
            assert_status(rtv_index_info_get(again, &info, &error), RTV_OK);
            assert_true(info.storage == storage && info.normalize == normalize);
            rtv_index_free(index);
            rtv_index_free(again);
        }
    }
}

static void what_cannot_be_stored(void **state) {
    rtv_index *halves = make_index(RTV_STORAGE_FLOAT16, 0), *units = make_index(RTV_STORAGE_FLOAT32, 1);
    const float large[] = {0, 65520, 0, 0}, zero[DIM] = {0}, fits[] = {65519, 0, 0, 0};
    rtv_items items = test_items(large);
    (void)state;
    assert_status(rtv_index_add(halves, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "item 0: got a value that float16 does not hold");
    items.vectors = fits;
    assert_status(rtv_index_add(halves, &items, 1, &error), RTV_OK);
    items.vectors = zero;
    assert_status(rtv_index_add(units, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "length 0");
    rtv_index_free(halves);
    rtv_index_free(units);
}

static void files_are_made(void **state) {
    rtv_index_options options;
    rtv_index *index = NULL, *other = NULL;
    (void)state;
    rtv_index_options_init(&options);
    options.dim = DIM;
    assert_status(rtv_index_create_file(NULL, &options, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create_file("absent/a", &options, NULL, &index, &error), RTV_E_IO);
    assert_status(rtv_index_create_file(path, &options, NULL, &index, &error), RTV_OK);
    assert_status(rtv_index_create_file(path, &options, NULL, &other, &error), RTV_E_EXISTS);
    add_corners(index);
    assert_status(rtv_index_open_writable(path, NULL, &other, &error), RTV_E_BUSY);
    assert_status(rtv_index_open(path, NULL, &other, &error), RTV_OK);
    assert_int_equal(count_of(other), 0);
    assert_status(rtv_index_commit(other, &error), RTV_E_STATE);
    rtv_index_free(other);
    assert_status(rtv_index_set_min_score(index, 0.5F, &error), RTV_OK);
    assert_status(rtv_index_set_min_score(index, NAN, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_commit(index, &error), RTV_OK);
    rtv_index_free(index);
    assert_status(rtv_index_open_writable(path, NULL, &index, &error), RTV_OK);
    assert_int_equal(count_of(index), 4);
    assert_status(rtv_index_remove(index, corner_ids, 2, NULL, &error), RTV_OK);
    rtv_index_free(index); /* not committed: dropped */
    assert_status(rtv_index_open(path, NULL, &index, &error), RTV_OK);
    assert_int_equal(count_of(index), 4);
    rtv_index_free(index);
    assert_status(rtv_index_open_writable("absent", NULL, &index, &error), RTV_E_IO);
    assert_status(rtv_index_open_writable(NULL, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_open_writable(path, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_verify(NULL, NULL, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_verify("absent", NULL, NULL, NULL, &error), RTV_E_IO);
}

static int32_t stop(void *user, int64_t done, int64_t total) {
    (void)user;
    assert_true(done > 0 && done <= total);
    return 1;
}

static void verifying_can_be_stopped(void **state) {
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0);
    (void)state;
    assert_status(rtv_index_save(index, path, &error), RTV_OK);
    assert_status(rtv_index_verify(path, NULL, stop, NULL, &error), RTV_E_CANCELLED);
    rtv_index_free(index);
}

static void indexes_are_merged(void **state) {
    static const char *const others[] = {"bee", "cat"};
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0), *other = make_index(RTV_STORAGE_FLOAT16, 0), *narrow = NULL;
    int64_t ids[8], count = 0;
    rtv_hit hits[8];
    int32_t class_id;
    uint64_t size;
    char key[8];
    (void)state;
    assert_status(rtv_index_set_class_names(other, RTV_CLASSES_LABEL, others, 2, &error), RTV_OK);
    assert_status(rtv_index_create(3, NULL, &narrow, &error), RTV_OK);
    assert_status(rtv_index_merge(index, narrow, 0, &error), RTV_E_MISMATCH);
    assert_status(rtv_index_merge(index, other, 0, &error), RTV_E_EXISTS);
    assert_status(rtv_index_merge(index, NULL, 0, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(count_of(index), 4);
    assert_status(rtv_index_class_id(index, RTV_CLASSES_LABEL, "cat", &class_id, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_merge(index, other, 1, &error), RTV_OK);
    assert_status(rtv_index_ids(index, ids, 8, &count, &error), RTV_OK);
    assert_int_equal(count, 8);
    for (int i = 0; i < 8; i++) assert_int_equal(ids[i], 10 + i);
    assert_status(rtv_index_key(index, 17, key, sizeof key, &size, &error), RTV_OK);
    assert_string_equal(key, "a");
    /* The other's class 0 is a bee here, its class 1 a new one. */
    assert_status(rtv_index_class_id(index, RTV_CLASSES_LABEL, "cat", &class_id, &error), RTV_OK);
    assert_int_equal(class_id, 2);
    assert_status(rtv_index_search(index, corners + DIM, 1, 8, NULL, hits, &count, &error), RTV_OK);
    assert_true(hits[0].id == 11 && hits[0].class_id == 1 && hits[1].id == 15 && hits[1].class_id == 2);
    assert_status(rtv_index_merge(index, index, 1, &error), RTV_OK); /* with itself */
    assert_int_equal(count_of(index), 16);
    rtv_index_free(index);
    rtv_index_free(other);
    rtv_index_free(narrow);
}

/* Class 0 of the one may be anything in the other. */
static void numbers_and_names_of_classes_do_not_mix(void **state) {
    static const char *const names[] = {"ant"};
    static const int32_t classes[] = {0, -1};
    rtv_items items = test_items(corners);
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        rtv_index *named = NULL, *numbered = NULL, *empty = NULL;
        assert_status(rtv_index_create(DIM, NULL, &named, &error), RTV_OK);
        assert_status(rtv_index_create(DIM, NULL, &numbered, &error), RTV_OK);
        assert_status(rtv_index_create(DIM, NULL, &empty, &error), RTV_OK);
        items.classes = kind ? NULL : classes;
        items.predicted = kind ? classes : NULL;
        assert_status(rtv_index_add(numbered, &items, 2, &error), RTV_OK);
        assert_status(rtv_index_add(named, &items, 2, &error), RTV_OK);
        assert_status(rtv_index_set_class_names(named, kind ? RTV_CLASSES_PREDICTED : RTV_CLASSES_LABEL, names, 1, &error), RTV_OK);
        assert_status(rtv_index_merge(named, numbered, 1, &error), RTV_E_MISMATCH);
        assert_non_null(strstr(error.message, kind ? "predicted class 0 of the other index has no name" : "class 0 of the other index"));
        assert_status(rtv_index_merge(numbered, named, 1, &error), RTV_E_MISMATCH);
        assert_non_null(strstr(error.message, "of this index has no name"));
        assert_status(rtv_index_merge(named, empty, 1, &error), RTV_OK);
        assert_status(rtv_index_merge(empty, named, 1, &error), RTV_OK);
        assert_status(rtv_index_merge(numbered, numbered, 1, &error), RTV_OK);
        assert_int_equal(count_of(numbered), 4);
        rtv_index_free(named);
        rtv_index_free(numbered);
        rtv_index_free(empty);
    }
}

static void growing_one_by_one(void **state) {
    rtv_index *index = make_index(RTV_STORAGE_FLOAT32, 0);
    rtv_index_info info = {.struct_size = sizeof info};
    char text[600];
    (void)state;
    for (int i = 0; i < 2000; i++) {
        const char *key = text;
        rtv_items items = test_items(corners);
        const rtv_bytes payload = {text, (uint64_t)(i % 500)};
        memset(text, 'x', sizeof text);
        snprintf(text + i % 500, 16, "%d", i);
        items.keys = &key;
        items.payloads = i % 3 ? NULL : &payload;
        assert_status(rtv_index_add(index, &items, 1, &error), RTV_OK);
    }
    for (int i = 0; i < 2000; i += 7) {
        int64_t id;
        memset(text, 'x', sizeof text);
        snprintf(text + i % 500, 16, "%d", i);
        assert_status(rtv_index_find(index, text, &id, &error), RTV_OK);
        assert_int_equal(id, 14 + i);
    }
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    assert_int_equal(info.count, 2004);
    assert_true(info.num_segments < 60);
    rtv_index_free(index);
}

static int begin(void **state) {
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvx", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(options_are_checked), TEST(items_are_read),
        TEST(visiting_stops),      TEST(items_are_replaced_and_removed),
        TEST(other_storage),       TEST(what_cannot_be_stored),
        TEST(files_are_made),      TEST(verifying_can_be_stopped),
        TEST(indexes_are_merged),  TEST(numbers_and_names_of_classes_do_not_mix),
        TEST(growing_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
