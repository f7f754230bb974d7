/* test_flat.c - the items and names of the flat index: all or nothing, every refusal, every failing allocation. */
#include "support_flat.h"

#include "index/flat_strings.h"

enum { DIM = 3 };

static test_heap heap;
static rtvi_env env;
static rtv_error error;

static rtvi_flat *make(void) {
    rtvi_flat *flat = NULL;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_flat_create(&env, DIM, &flat, &error), RTV_OK);
    assert_int_equal(error.status, RTV_OK);
    return flat;
}

static void unmake(rtvi_flat *flat) {
    rtvi_flat_destroy(flat);
    rtvi_env_destroy(&env);
    assert_int_equal(heap.live, 0);
}

static rtv_index_info info_of(rtvi_flat *flat) {
    rtv_index_info info;
    rtvi_flat_info(flat, &info);
    return info;
}

static const float some[8 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static int32_t add_ids(rtvi_flat *flat, const int64_t *ids, int64_t count) {
    rtv_items items = test_items(some);
    items.ids = ids;
    return rtvi_flat_add(flat, &items, count, &error);
}

/* The id and class of the item found by its own vector, some[which]. */
static rtv_hit find(rtvi_flat *flat, const float *vector) {
    const rtv_search_options o = test_search_options();
    rtv_hit hit;
    int64_t num;
    assert_int_equal(rtvi_flat_search(flat, NULL, vector, 1, 1, &o, NULL, &hit, &num, &error), RTV_OK);
    return hit;
}

static void dims(void **state) {
    rtvi_flat *flat = NULL;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_flat_create(&env, 0, &flat, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "dim: got 0");
    assert_int_equal(rtvi_flat_create(&env, 65537, &flat, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(flat);
    assert_int_equal(rtvi_flat_create(&env, 65536, &flat, &error), RTV_OK);
    unmake(flat);
    rtvi_flat_destroy(NULL);
}

static void ids_go_on_after_the_largest(void **state) {
    rtvi_flat *flat = make();
    char key[4];
    (void)state;
    assert_int_equal(add_ids(flat, NULL, 2), RTV_OK); /* 0 1 */
    assert_int_equal(add_ids(flat, (const int64_t[]){9, 4}, 2), RTV_OK);
    assert_int_equal(add_ids(flat, NULL, 2), RTV_OK); /* 10 11 */
    assert_int_equal(info_of(flat).count, 6);
    for (int64_t id = -1; id < 15; id++) {
        const int there = id == 0 || id == 1 || id == 4 || id == 9 || id == 10 || id == 11;
        assert_int_equal(rtvi_flat_key(flat, id, key, sizeof key, NULL, &error), there ? RTV_OK : RTV_E_NOT_FOUND);
    }
    assert_int_equal(add_ids(flat, (const int64_t[]){INT64_MAX - 1}, 1), RTV_OK);
    assert_int_equal(add_ids(flat, NULL, 2), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "after id 9223372036854775806");
    assert_int_equal(add_ids(flat, NULL, 1), RTV_OK);
    assert_int_equal(rtvi_flat_key(flat, INT64_MAX, key, sizeof key, NULL, &error), RTV_OK);
    unmake(flat);
}

/* Whatever the order in which ids come, in one call or many. */
static void ids_in_any_order(void **state) {
    enum { COUNT = 500 };
    static float vectors[COUNT * DIM];
    int64_t ids[COUNT];
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 8; round++) {
        rtvi_flat *flat = make();
        size_t done = 0;
        for (size_t i = 0; i < COUNT; i++) ids[i] = (int64_t)i * 3;
        for (size_t i = COUNT; round > 0 && i > 1; i--) {
            const size_t other = (size_t)(test_random(&seed) % i);
            const int64_t id = ids[i - 1];
            ids[i - 1] = ids[other];
            ids[other] = id;
        }
        for (size_t i = 0; i < COUNT; i++) vectors[i * DIM] = 1.0F, vectors[i * DIM + 1] = (float)ids[i];
        while (done < COUNT) {
            size_t more = 1 + (size_t)(test_random(&seed) % (round < 4 ? 5 : 300));
            rtv_items items = test_items(vectors + done * DIM);
            if (more > COUNT - done) more = COUNT - done;
            items.ids = ids + done;
            assert_int_equal(rtvi_flat_add(flat, &items, (int64_t)more, &error), RTV_OK);
            done += more;
        }
        for (int64_t id = -1; id <= 3 * COUNT; id++) {
            char key[1];
            const int there = id >= 0 && id % 3 == 0 && id < 3 * COUNT;
            assert_int_equal(rtvi_flat_key(flat, id, key, 1, NULL, &error), there ? RTV_OK : RTV_E_NOT_FOUND);
        }
        for (size_t i = 0; i < COUNT; i++) assert_int_equal(add_ids(flat, &ids[i], 1), RTV_E_EXISTS);
        assert_int_equal(find(flat, (const float[]){0, 1, 0}).id, 3 * (COUNT - 1));
        unmake(flat);
    }
}

static void refused_whole(void **state) {
    rtvi_flat *flat = make();
    float vectors[6 * DIM];
    rtv_items items;
    (void)state;
    assert_int_equal(add_ids(flat, (const int64_t[]){5, 2}, 2), RTV_OK);
    assert_int_equal(add_ids(flat, (const int64_t[]){6, 7, -3}, 3), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "id of item 2: got -3");
    assert_int_equal(add_ids(flat, (const int64_t[]){6, 7, 2}, 3), RTV_E_EXISTS);
    assert_contains(error.message, "id 2 of item 2");
    assert_int_equal(add_ids(flat, (const int64_t[]){6, 8, 7, 8}, 4), RTV_E_EXISTS);
    assert_contains(error.message, "id 8: got it twice, for items 1 and 3");
    assert_int_equal(add_ids(flat, NULL, -1), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(add_ids(flat, NULL, INT64_MAX), RTV_E_OUT_OF_MEMORY);
    memcpy(vectors, some, sizeof vectors);
    vectors[4] = NAN;
    items = test_items(vectors);
    assert_int_equal(rtvi_flat_add(flat, &items, 6, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "item 1: got nan at position 1");
    vectors[4] = -INFINITY;
    assert_int_equal(rtvi_flat_add(flat, &items, 6, &error), RTV_E_INVALID_ARGUMENT);
    items.vectors = NULL;
    assert_int_equal(rtvi_flat_add(flat, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_add(flat, &items, 0, &error), RTV_OK);
    items.vectors = some;
    items.classes = (const int32_t[]){0, -1, -2};
    assert_int_equal(rtvi_flat_add(flat, &items, 3, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "class of item 2: got -2");
    items.classes = NULL;
    items.predicted = (const int32_t[]){0, INT32_MIN};
    assert_int_equal(rtvi_flat_add(flat, &items, 2, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "predicted class of item 1");
    items.predicted = NULL;
    items.keys = (const char *const[]){"good", "tab\there"};
    assert_int_equal(rtvi_flat_add(flat, &items, 2, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "key of item 1: got \"tab?here\" with byte 0x09 at 3");
    assert_int_equal(info_of(flat).count, 2);
    assert_int_equal(info_of(flat).has_classes, 0);
    assert_int_equal(info_of(flat).has_predicted, 0);
    unmake(flat);
}

static void keys_and_classes(void **state) {
    rtvi_flat *flat = make();
    rtv_items items = test_items(some);
    char key[32];
    uint64_t size;
    (void)state;
    items.keys = (const char *const[]){"first/päth.jpg", NULL, "", "\xf0\x9f\x98\x80"};
    items.classes = (const int32_t[]){7, -1, 0, INT32_MAX};
    items.predicted = (const int32_t[]){-1, 3, -1, -1};
    assert_int_equal(rtvi_flat_add(flat, &items, 4, &error), RTV_OK);
    assert_int_equal(rtvi_flat_key(flat, 0, key, sizeof key, &size, &error), RTV_OK);
    assert_string_equal(key, "first/päth.jpg");
    assert_int_equal(size, sizeof "first/päth.jpg");
    memset(key, 'x', sizeof key);
    assert_int_equal(rtvi_flat_key(flat, 0, key, size - 1, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    assert_int_equal(size, sizeof "first/päth.jpg");
    assert_int_equal(key[0], 'x');
    assert_int_equal(rtvi_flat_key(flat, 0, NULL, 0, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    for (int64_t id = 1; id < 3; id++) {
        assert_int_equal(rtvi_flat_key(flat, id, key, 1, &size, &error), RTV_OK);
        assert_string_equal(key, "");
        assert_int_equal(size, 1);
    }
    assert_int_equal(rtvi_flat_key(flat, 3, key, sizeof key, NULL, &error), RTV_OK);
    assert_string_equal(key, "\xf0\x9f\x98\x80");
    assert_int_equal(rtvi_flat_key(flat, 4, key, sizeof key, &size, &error), RTV_E_NOT_FOUND);
    assert_int_equal(find(flat, (const float[]){1, 1, 1}).class_id, INT32_MAX);
    assert_int_equal(find(flat, (const float[]){-1, -1, -1}).class_id, 7);
    assert_int_equal(info_of(flat).has_classes, 1);
    assert_int_equal(info_of(flat).has_predicted, 1);
    assert_true(info_of(flat).memory_bytes >= (int64_t)(4 * (DIM * sizeof(float) + 16)));
    unmake(flat);
}

static void class_names(void **state) {
    rtvi_flat *flat = make();
    char name[16];
    uint64_t size;
    int32_t class_id = 99;
    (void)state;
    for (int32_t kind = RTV_CLASSES_LABEL; kind <= RTV_CLASSES_PREDICTED; kind++) {
        const char *const names[] = {"anchor", NULL, "camera", "", "camera"}, *const others[] = {"x"};
        const int32_t other = RTV_CLASSES_LABEL + RTV_CLASSES_PREDICTED - kind;
        assert_int_equal(rtvi_flat_set_class_names(flat, kind, names, 5, &error), RTV_OK);
        assert_int_equal(rtvi_flat_set_class_names(flat, other, others, 1, &error), RTV_OK);
        assert_int_equal(rtvi_flat_class_name(flat, kind, 2, name, sizeof name, &size, &error), RTV_OK);
        assert_string_equal(name, "camera");
        assert_int_equal(size, 7);
        assert_int_equal(rtvi_flat_class_name(flat, kind, 2, name, 6, &size, &error), RTV_E_BUFFER_TOO_SMALL);
        for (int32_t none = -1; none < 8; none++)
            if (none != 0 && none != 2 && none != 4)
                assert_int_equal(rtvi_flat_class_name(flat, kind, none, name, sizeof name, &size, &error), RTV_E_NOT_FOUND);
        assert_int_equal(rtvi_flat_class_id(flat, kind, "camera", &class_id, &error), RTV_OK);
        assert_int_equal(class_id, 2); /* the first of that name */
        assert_int_equal(rtvi_flat_class_id(flat, kind, "x", &class_id, &error), RTV_E_NOT_FOUND);
        assert_contains(error.message, "\"x\"");
        assert_int_equal(rtvi_flat_class_id(flat, kind, "", &class_id, &error), RTV_E_NOT_FOUND);
        assert_int_equal(class_id, 2);
    }
    assert_int_equal(info_of(flat).num_classes, 1);
    assert_int_equal(info_of(flat).num_predicted, 5);
    assert_int_equal(rtvi_flat_set_class_names(flat, 0, NULL, 0, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_class_name(flat, 3, 0, name, sizeof name, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_class_id(flat, -1, "x", &class_id, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_set_class_names(flat, 1, NULL, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_set_class_names(flat, 1, NULL, -1, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_set_class_names(flat, 1, (const char *const[]){"\xff"}, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "name of class 0");
    assert_int_equal(rtvi_flat_class_name(flat, 1, 0, name, sizeof name, &size, &error), RTV_OK);
    assert_string_equal(name, "x");
    assert_int_equal(rtvi_flat_set_class_names(flat, 1, NULL, 0, &error), RTV_OK);
    assert_int_equal(info_of(flat).num_classes, 0);
    unmake(flat);
}

static void model_is_clipped(void **state) {
    rtvi_flat *flat = make();
    char fingerprint[80], name[200];
    (void)state;
    memset(fingerprint, 'a', sizeof fingerprint);
    fingerprint[79] = 0;
    memset(name, 'n', sizeof name);
    memcpy(name + 62, "\xc3\xa4", 2); /* a character across the end */
    name[199] = 0;
    rtvi_flat_set_model(flat, fingerprint, name);
    assert_int_equal(strlen(info_of(flat).fingerprint), RTV_FINGERPRINT_CHARS);
    assert_int_equal(strlen(info_of(flat).model_name), 62);
    rtvi_flat_set_model(flat, "", "two\nlines");
    assert_string_equal(info_of(flat).fingerprint, "");
    assert_string_equal(info_of(flat).model_name, "two?lines");
    unmake(flat);
}

static void check_text(const char *text, size_t length, size_t bad_at) { assert_int_equal(rtvi_strings_check_text(text, length), bad_at); }

static void text_rules(void **state) {
    static const char *const good[] = {"",
                                       "a b~",
                                       "\xc2\xa0",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x01",
                                      "\x1f",
                                      "\x7f",
                                      "\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2\x80",
                                      "\xc2\x9f",
                                      "\xc2",
                                      "\xc3\x28",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe1\x80",
                                      "\xe1\x80\x41",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf1\x80\x80",
                                      "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) check_text(good[i], strlen(good[i]), strlen(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[16] = "ok";
        strcat(text, bad[i]);
        check_text(text, strlen(text), 2);
    }
    check_text("a\0b", 3, 1);
}

/* One index, everything that allocates, the n-th allocation failing: nothing changes, and then it works. */
static void failing_allocations(void **state) {
    (void)state;
    for (long fail_at = 1, failed = 1; failed; fail_at++) {
        rtvi_flat *flat = make();
        rtv_items items = test_items(some);
        rtv_index_info info;
        int32_t status;
        items.keys = (const char *const[]){"a", "b", "c"};
        items.ids = (const int64_t[]){4, 3, 9};
        assert_int_equal(add_ids(flat, (const int64_t[]){7, 1}, 2), RTV_OK);
        heap.fail_at = heap.calls + fail_at;
        status = rtvi_flat_add(flat, &items, 3, &error);
        if (status == RTV_OK) status = rtvi_flat_set_class_names(flat, 1, items.keys, 3, &error);
        heap.fail_at = 0;
        failed = status != RTV_OK;
        info = info_of(flat);
        if (failed) {
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_int_equal(error.status, RTV_E_OUT_OF_MEMORY);
            assert_int_equal(info.num_classes, 0);
            if (info.count == 2) assert_int_equal(rtvi_flat_add(flat, &items, 3, &error), RTV_OK);
        }
        assert_int_equal(info_of(flat).count, 5);
        assert_int_equal(find(flat, (const float[]){1, 1, 1}).id, 9);
        unmake(flat);
        assert_true(fail_at < 50);
    }
    for (long fail_at = 1; fail_at <= 1; fail_at++) {
        rtvi_flat *flat = NULL;
        test_env_init(&env, &heap);
        heap.fail_at = fail_at;
        assert_int_equal(rtvi_flat_create(&env, DIM, &flat, &error), RTV_E_OUT_OF_MEMORY);
        assert_null(flat);
        unmake(flat);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dims),
        cmocka_unit_test(ids_go_on_after_the_largest),
        cmocka_unit_test(ids_in_any_order),
        cmocka_unit_test(refused_whole),
        cmocka_unit_test(keys_and_classes),
        cmocka_unit_test(class_names),
        cmocka_unit_test(model_is_clipped),
        cmocka_unit_test(text_rules),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
