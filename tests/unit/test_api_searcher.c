/* test_api_searcher.c - searcher.h: from pictures to hits; foreign indexes refused; failed pictures stay out. */
#include "support.h"

#include <math.h>
#include <sys/wait.h>

#include <retrieve/retrieve.h>

#define TOY "models/cgd_sg.pth"
enum { SIDE = 32, COUNT = 20 };

typedef struct fixture {
    rtv_model *model;
    rtv_index *index;
    rtv_searcher *searcher;
    uint8_t pixels[COUNT][SIDE * SIDE * 3];
    rtv_picture pictures[COUNT];
    rtv_error error;
} fixture;

static rtv_model *import_toy(int32_t side) {
    rtv_import_options import;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = side;
    if (rtv_model_import(test_golden(TOY), &import, NULL, NULL, &model, &error) != RTV_OK) fail_msg("%s", error.message);
    return model;
}

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    uint32_t seed = 5;
    f->model = import_toy(SIDE);
    if (rtv_index_create_for_model(f->model, NULL, &f->index, &f->error) != RTV_OK) return -1;
    if (rtv_searcher_create(f->model, f->index, 0, &f->searcher, &f->error) != RTV_OK) return -1;
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < SIDE * SIDE * 3; j++) {
            seed = seed * 1664525u + 1013904223u;
            f->pixels[i][j] = (uint8_t)(seed >> 24);
        }
        rtv_picture_from_pixels(&f->pictures[i], f->pixels[i], RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    }
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    rtv_model_free(f->model); /* in the worst order: the searcher keeps both */
    rtv_index_free(f->index);
    rtv_searcher_free(f->searcher);
    free(f);
    return 0;
}

static void add_all(fixture *f) {
    char names[COUNT][16];
    const char *keys[COUNT];
    int64_t ids[COUNT];
    int32_t classes[COUNT];
    rtv_items items = {.struct_size = sizeof items, .ids = ids, .keys = keys, .classes = classes};
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "picture%d", i);
        keys[i] = names[i];
        ids[i] = 100 + i;
        classes[i] = i % 3;
    }
    if (rtv_searcher_add(f->searcher, f->pictures, COUNT, &items, NULL, NULL, &f->error) != RTV_OK) fail_msg("%s", f->error.message);
}

static void every_picture_finds_itself(void **state) {
    fixture *f = *state;
    rtv_hit hits[COUNT][3];
    int64_t num_hits[COUNT];
    char key[16];
    uint64_t size;
    add_all(f);
    assert_int_equal(rtv_searcher_search(f->searcher, f->pictures, COUNT, 3, NULL, hits[0], num_hits, NULL, &f->error), RTV_OK);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(num_hits[i], 3);
        assert_int_equal(hits[i][0].id, 100 + i);
        assert_int_equal(hits[i][0].class_id, i % 3);
        assert_true(fabsf(hits[i][0].score - 1.0f) < 1e-6f); /* a unit vector with itself, rounded */
        assert_true(hits[i][0].score >= hits[i][1].score && hits[i][1].score >= hits[i][2].score);
    }
    assert_int_equal(rtv_index_key(f->index, 104, key, sizeof key, &size, &f->error), RTV_OK);
    assert_string_equal(key, "picture4");
}

static void failed_pictures_have_no_hits(void **state) {
    fixture *f = *state;
    rtv_picture pictures[3];
    rtv_hit hits[3][2];
    int64_t num_hits[3];
    int32_t statuses[3];
    rtv_embedding result = {.struct_size = sizeof result, .statuses = statuses};
    add_all(f);
    pictures[0] = f->pictures[0];
    rtv_picture_from_path(&pictures[1], "no/such/picture");
    pictures[2] = f->pictures[2];
    assert_int_equal(rtv_searcher_search(f->searcher, pictures, 3, 2, NULL, hits[0], num_hits, &result, &f->error), RTV_OK);
    assert_int_equal(num_hits[0], 2);
    assert_int_equal(num_hits[1], 0);
    assert_int_equal(hits[1][0].id, -1);
    assert_int_equal(num_hits[2], 2);
    assert_int_equal(statuses[1], RTV_E_IO);
    assert_int_equal(rtv_searcher_search(f->searcher, pictures, 3, 2, NULL, hits[0], num_hits, NULL, &f->error), RTV_E_IO);
    assert_contains(f->error.message, "no/such/picture");
}

static void failed_pictures_are_not_added(void **state) {
    fixture *f = *state;
    rtv_picture pictures[3];
    rtv_index_info info = {.struct_size = sizeof info};
    int32_t statuses[3];
    const char *keys[] = {"a", "b", "c"};
    rtv_items items = {.struct_size = sizeof items, .keys = keys};
    rtv_embedding result = {.struct_size = sizeof result, .statuses = statuses};
    char key[8];
    uint64_t size;
    pictures[0] = f->pictures[0];
    rtv_picture_from_path(&pictures[1], "no/such/picture");
    pictures[2] = f->pictures[2];
    assert_int_equal(rtv_searcher_add(f->searcher, pictures, 3, &items, NULL, NULL, &f->error),
                     RTV_E_IO); /* nobody is told: all or nothing */
    assert_int_equal(rtv_index_info_get(f->index, &info, &f->error), RTV_OK);
    assert_int_equal(info.count, 0);
    assert_int_equal(rtv_searcher_add(f->searcher, pictures, 3, &items, NULL, &result, &f->error), RTV_OK);
    assert_int_equal(rtv_index_info_get(f->index, &info, &f->error), RTV_OK);
    assert_int_equal(info.count, 2);
    assert_int_equal(rtv_index_key(f->index, 1, key, sizeof key, &size, &f->error), RTV_OK);
    assert_string_equal(key, "c");
}

static void filters(void **state) {
    fixture *f = *state;
    rtv_search_options options;
    rtv_hit hits[COUNT];
    int64_t num_hits, exclude = 103;
    int32_t own_class;
    rtv_embedding result = {.struct_size = sizeof result, .classes = &own_class};
    add_all(f);
    rtv_search_options_init(&options);
    options.class_id = 1;
    assert_int_equal(rtv_searcher_search(f->searcher, &f->pictures[4], 1, COUNT, &options, hits, &num_hits, NULL, &f->error), RTV_OK);
    assert_int_equal(num_hits, 7);
    for (int i = 0; i < num_hits; i++) assert_int_equal(hits[i].class_id, 1);
    rtv_search_options_init(&options);
    options.exclude_ids = &exclude;
    assert_int_equal(rtv_searcher_search(f->searcher, &f->pictures[3], 1, COUNT, &options, hits, &num_hits, NULL, &f->error), RTV_OK);
    assert_int_equal(num_hits, COUNT - 1);
    for (int i = 0; i < num_hits; i++) assert_int_not_equal(hits[i].id, 103);
    rtv_search_options_init(&options);
    options.predicted_class = RTV_PREDICTED_OWN;
    assert_int_equal(rtv_searcher_search(f->searcher, &f->pictures[3], 1, COUNT, &options, hits, &num_hits, &result, &f->error), RTV_OK);
    assert_true(num_hits >= 1);
    assert_int_equal(hits[0].id, 103); /* itself is predicted as its own class */
    options.predicted_class = own_class;
    {
        int64_t again;
        assert_int_equal(rtv_searcher_search(f->searcher, &f->pictures[3], 1, COUNT, &options, hits, &again, NULL, &f->error), RTV_OK);
        assert_int_equal(again, num_hits);
    }
    rtv_search_options_init(&options);
    options.min_score = 2.0f;
    assert_int_equal(rtv_searcher_search(f->searcher, &f->pictures[3], 1, COUNT, &options, hits, &num_hits, NULL, &f->error), RTV_OK);
    assert_int_equal(num_hits, 0);
}

static void foreign_indexes_are_refused(void **state) {
    fixture *f = *state;
    rtv_model *other = import_toy(40); /* another input size is another model */
    rtv_model_info a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    rtv_index *narrow = NULL;
    rtv_searcher *searcher = NULL;
    assert_int_equal(rtv_model_info_get(f->model, &a, NULL), RTV_OK);
    assert_int_equal(rtv_model_info_get(other, &b, NULL), RTV_OK);
    assert_int_equal(rtv_searcher_create(other, f->index, 0, &searcher, &f->error), RTV_E_MISMATCH);
    a.fingerprint[16] = b.fingerprint[16] = 0;
    assert_contains(f->error.message, a.fingerprint);
    assert_contains(f->error.message, b.fingerprint);
    assert_contains(f->error.message, "RTV_ACCEPT_ANY");
    assert_int_equal(rtv_searcher_create(other, f->index, 3, &searcher, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_create(other, f->index, 1, &searcher, &f->error), RTV_OK);
    rtv_searcher_free(searcher);
    assert_int_equal(rtv_index_create(7, NULL, &narrow, &f->error), RTV_OK);
    searcher = NULL;
    assert_int_equal(rtv_searcher_create(other, narrow, 1, &searcher, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "dimension");
    assert_null(searcher);
    rtv_index_free(narrow);
    rtv_model_free(other);
}

/* A caller whose rtv_embedding ends after descriptors: what lies behind it is not looked at, so nobody is told of the failure. */
static void smaller_results(void **state) {
    fixture *f = *state;
    int32_t behind[1] = {77};
    struct {
        uint32_t struct_size;
        int32_t reserved;
        float *descriptors;
        int32_t *behind;
    } small = {16, 0, NULL, behind};
    const rtv_embedding *result = (const rtv_embedding *)(const void *)&small;
    rtv_picture missing;
    rtv_hit hit;
    int64_t num_hits;
    rtv_picture_from_path(&missing, "no/such/picture");
    assert_int_equal(rtv_searcher_search(f->searcher, &missing, 1, 1, NULL, &hit, &num_hits, result, &f->error), RTV_E_IO);
    assert_int_equal(rtv_searcher_add(f->searcher, &missing, 1, NULL, NULL, result, &f->error), RTV_E_IO);
    assert_int_equal(behind[0], 77);
}

static int32_t stop_at_once(void *user, int64_t done, int64_t total) {
    (void)user, (void)done, (void)total;
    return 1;
}

/* Cancelled, or an id that is there already: the index stays as it was. */
static void nothing_is_added_by_halves(void **state) {
    fixture *f = *state;
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_search_options search;
    rtv_embed_options embed;
    int64_t ids[COUNT], num_hits[COUNT];
    rtv_hit hits[COUNT];
    rtv_items items = {.struct_size = sizeof items, .ids = ids};
    for (int i = 0; i < COUNT; i++) ids[i] = 1000 - i;
    ids[COUNT - 1] = 1000;
    assert_int_equal(rtv_searcher_add(f->searcher, f->pictures, COUNT, &items, NULL, NULL, &f->error), RTV_E_EXISTS);
    rtv_embed_options_init(&embed);
    embed.progress = stop_at_once;
    assert_int_equal(rtv_searcher_add(f->searcher, f->pictures, COUNT, NULL, &embed, NULL, &f->error), RTV_E_CANCELLED);
    assert_int_equal(rtv_index_info_get(f->index, &info, &f->error), RTV_OK);
    assert_int_equal(info.count, 0);
    rtv_search_options_init(&search);
    search.progress = stop_at_once;
    assert_int_equal(rtv_searcher_search(f->searcher, f->pictures, COUNT, 1, &search, hits, num_hits, NULL, &f->error), RTV_E_CANCELLED);
}

static void a_forked_child_gets_an_error(void **state) {
    fixture *f = *state;
    int result;
    pid_t child;
    add_all(f);
    child = fork();
    if (child == 0) {
        rtv_searcher *searcher = NULL;
        rtv_hit hit;
        int64_t num_hits;
        alarm(60);
        if (rtv_searcher_search(f->searcher, f->pictures, 1, 1, NULL, &hit, &num_hits, NULL, NULL) != RTV_E_FORKED) _exit(1);
        if (rtv_searcher_add(f->searcher, f->pictures, 1, NULL, NULL, NULL, NULL) != RTV_E_FORKED) _exit(2);
        if (rtv_searcher_create(f->model, f->index, 0, &searcher, NULL) != RTV_E_FORKED) _exit(3);
        rtv_searcher_free(f->searcher);
        rtv_index_free(f->index);
        rtv_model_free(f->model);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

/* Adding and searching while the n-th allocation fails: nothing is added by halves, nothing leaks, and the next call works. */
static void every_allocation_may_fail(void **state) {
    fixture *f = *state;
    test_heap heap = {0};
    rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_import_options import;
    rtv_runtime *runtime = NULL;
    rtv_model *model = NULL;
    rtv_index *index = NULL;
    rtv_searcher *searcher = NULL;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    options.threads = 2;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &f->error), RTV_OK);
    assert_int_equal(rtv_model_import(test_golden(TOY), &import, runtime, NULL, &model, &f->error), RTV_OK);
    assert_int_equal(rtv_index_create_for_model(model, runtime, &index, &f->error), RTV_OK);
    assert_int_equal(rtv_searcher_create(model, index, 0, &searcher, &f->error), RTV_OK);
    for (int work = 0; work < 2; work++) {
        int32_t status = RTV_E_OUT_OF_MEMORY;
        for (long fail_at = 1; status != RTV_OK; fail_at++) {
            rtv_index_info info = {.struct_size = sizeof info};
            rtv_hit hits[COUNT][2];
            int64_t num_hits[COUNT];
            heap.calls = 0;
            heap.fail_at = fail_at;
            if (work == 0)
                status = rtv_searcher_add(searcher, f->pictures, COUNT, NULL, NULL, NULL, &f->error);
            else
                status = rtv_searcher_search(searcher, f->pictures, COUNT, 2, NULL, hits[0], num_hits, NULL, &f->error);
            heap.fail_at = 0;
            assert_int_equal(f->error.status, status);
            assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
            assert_int_equal(rtv_index_info_get(index, &info, NULL), RTV_OK);
            assert_int_equal(info.count, work == 1 || status == RTV_OK ? COUNT : 0);
            if (work == 1 && status == RTV_OK)
                for (int i = 0; i < COUNT; i++) assert_int_equal(hits[i][0].id, i);
            assert_true(fail_at < 500);
        }
    }
    rtv_searcher_free(searcher);
    rtv_index_free(index);
    rtv_model_free(model);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void wrong_calls(void **state) {
    fixture *f = *state;
    rtv_searcher *searcher = NULL;
    rtv_search_options search;
    rtv_embed_options embed;
    rtv_hit hit;
    int64_t num_hits;
    assert_int_equal(rtv_searcher_create(NULL, f->index, 0, &searcher, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_create(f->model, NULL, 0, &searcher, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_create(f->model, f->index, 0, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_search(NULL, f->pictures, 1, 1, NULL, &hit, &num_hits, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_search(f->searcher, f->pictures, 1, 0, NULL, &hit, &num_hits, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_search(f->searcher, f->pictures, -1, 1, NULL, &hit, &num_hits, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_search(f->searcher, NULL, 1, 1, NULL, &hit, &num_hits, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_search(f->searcher, NULL, 0, 1, NULL, NULL, NULL, NULL, &f->error), RTV_OK);
    rtv_search_options_init(&search);
    search.mode = 7;
    assert_int_equal(rtv_searcher_search(f->searcher, f->pictures, 1, 1, &search, &hit, &num_hits, NULL, &f->error),
                     RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "mode");
    rtv_embed_options_init(&embed);
    embed.mode = -1;
    assert_int_equal(rtv_searcher_add(f->searcher, f->pictures, 1, NULL, &embed, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_add(NULL, f->pictures, 1, NULL, NULL, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_add(f->searcher, NULL, 1, NULL, NULL, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_searcher_add(f->searcher, NULL, 0, NULL, NULL, NULL, &f->error), RTV_OK);
    rtv_searcher_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_picture_finds_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_pictures_have_no_hits, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_pictures_are_not_added, setup, teardown),
        cmocka_unit_test_setup_teardown(filters, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_indexes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(smaller_results, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_added_by_halves, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forked_child_gets_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_calls, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
