/* test_api_threads.c - handles shared by many threads: the same results as alone, and handles that are freed while others work on. */
#include "support.h"

#include <pthread.h>
#include <time.h>

#include <retrieve/retrieve.h>

#ifdef __SANITIZE_THREAD__ /* twenty times slower */
enum { ROUNDS = 1 };
#else
enum { ROUNDS = 6 };
#endif
enum { CALLERS = 10, COUNT = 5, SIDE = 32, DIM = 12 };

typedef struct fixture {
    test_heap heap;
    rtv_runtime *runtime;
    rtv_model *model;
    rtv_index *index;
    rtv_searcher *searcher;
    uint8_t pixels[COUNT][SIDE * SIDE * 3];
    rtv_picture pictures[COUNT];
    float expected[COUNT][DIM];
    int failures; /* of callers, counted together */
    double until; /* when embed_and_search ends */
} fixture;

typedef struct caller {
    fixture *f;
    int number;
    pthread_t thread;
} caller;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    const rtv_allocator allocator = {&f->heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_import_options import;
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = f->expected[0]};
    rtv_items items = {.struct_size = sizeof items};
    uint32_t seed = 3;
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < SIDE * SIDE * 3; j++) f->pixels[i][j] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
        rtv_picture_from_pixels(&f->pictures[i], f->pixels[i], RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    }
    rtv_runtime_options_init(&options);
    options.threads = 3;
    options.allocator = &allocator;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = SIDE;
    if (rtv_runtime_create(&options, &f->runtime, NULL) != RTV_OK) return -1;
    if (rtv_model_import(test_golden("models/cgd_sg.pth"), &import, f->runtime, NULL, &f->model, NULL) != RTV_OK) return -1;
    if (rtv_index_create_for_model(f->model, f->runtime, &f->index, NULL) != RTV_OK) return -1;
    if (rtv_searcher_create(f->model, f->index, 0, &f->searcher, NULL) != RTV_OK) return -1;
    if (rtv_searcher_add(f->searcher, f->pictures, COUNT, &items, NULL, &result, NULL) != RTV_OK) return -1;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    rtv_searcher_free(f->searcher);
    rtv_index_free(f->index);
    rtv_model_free(f->model);
    rtv_runtime_free(f->runtime);
    assert_int_equal(f->heap.live, 0);
    free(f);
    return 0;
}

static void check(fixture *f, int condition) {
    if (!condition) __atomic_add_fetch(&f->failures, 1, __ATOMIC_SEQ_CST);
}

/* What every thread asks, and the answers it must get. cmocka's assertions belong to the main thread, so failures are counted. */
static void embed_and_search_once(fixture *f, int32_t mode) {
    float descriptors[COUNT][DIM];
    int32_t statuses[COUNT];
    int64_t num_hits[COUNT];
    rtv_hit hits[COUNT][2];
    rtv_embed_options options;
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors[0], .statuses = statuses};
    rtv_error error;
    rtv_embed_options_init(&options);
    options.mode = mode;
    check(f, rtv_model_embed(f->model, f->pictures, COUNT, &options, &result, &error) == RTV_OK);
    check(f, memcmp(descriptors, f->expected, sizeof descriptors) == 0);
    check(f, rtv_searcher_search(f->searcher, f->pictures, COUNT, 2, NULL, hits[0], num_hits, NULL, &error) == RTV_OK);
    for (int i = 0; i < COUNT; i++) check(f, num_hits[i] == 2 && hits[i][0].id == i); /* a copy has a larger id */
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void *embed_and_search(void *arg) {
    caller *c = arg;
    for (int round = 0; round < ROUNDS || now() < c->f->until; round++) embed_and_search_once(c->f, (c->number + round) % 3);
    return NULL;
}

/* One thread of the application; some add while the others search. */
static void *use_everything(void *arg) {
    caller *c = arg;
    fixture *f = c->f;
    for (int round = 0; round < ROUNDS; round++) {
        rtv_items items = {.struct_size = sizeof items, .vectors = f->expected[0]};
        rtv_index_info info = {.struct_size = sizeof info};
        rtv_error error;
        embed_and_search_once(f, (c->number + round) % 3);
        if (c->number % 4 == 0) check(f, rtv_index_add(f->index, &items, COUNT, &error) == RTV_OK);
        check(f, rtv_index_info_get(f->index, &info, &error) == RTV_OK && info.count % COUNT == 0);
    }
    return NULL;
}

static void run_callers(fixture *f, void *(*work)(void *), caller *callers) {
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){f, i, 0};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, work, &callers[i]), 0);
    }
}

static void join_callers(caller *callers) {
    for (int i = 0; i < CALLERS; i++) pthread_join(callers[i].thread, NULL);
}

static void ten_threads_share_one_model(void **state) {
    fixture *f = *state;
    rtv_index_info info = {.struct_size = sizeof info};
    caller callers[CALLERS];
    run_callers(f, use_everything, callers);
    join_callers(callers);
    assert_int_equal(f->failures, 0);
    assert_int_equal(rtv_index_info_get(f->index, &info, NULL), RTV_OK);
    assert_int_equal(info.count, COUNT + (CALLERS + 3) / 4 * ROUNDS * COUNT);
}

/* What the first calls allocate stays for those that follow; then nothing more, however long it goes on (RTV_TEST_FULL: ten seconds): a
 * block lost in each call would be at least CALLERS * ROUNDS. */
static void memory_stays_flat(void **state) {
    fixture *f = *state;
    caller callers[CALLERS];
    long live[2];
    for (int lap = 0; lap < 2; lap++) {
        f->until = lap == 0 ? 0 : now() + (getenv("RTV_TEST_FULL") ? 10 : 2);
        run_callers(f, embed_and_search, callers);
        join_callers(callers);
        live[lap] = f->heap.live;
    }
    assert_int_equal(f->failures, 0);
    assert_true(live[1] - live[0] < CALLERS * ROUNDS);
}

/* Each has a searcher of its own, which keeps the model, the index and the runtime alive. */
static void *search_and_free(void *arg) {
    caller *c = arg;
    fixture *f = c->f;
    rtv_searcher *own = NULL;
    check(f, rtv_searcher_create(f->model, f->index, 0, &own, NULL) == RTV_OK);
    __atomic_add_fetch(&c->number, 100, __ATOMIC_SEQ_CST);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t num_hits[COUNT];
        rtv_hit hits[COUNT];
        check(f, rtv_searcher_search(own, f->pictures, COUNT, 1, NULL, hits, num_hits, NULL, NULL) == RTV_OK);
        for (int i = 0; i < COUNT; i++) check(f, hits[i].id == i);
    }
    rtv_searcher_free(own); /* the last one takes everything down, on this thread */
    return NULL;
}

static void handles_are_freed_while_others_search(void **state) {
    fixture *f = *state;
    caller callers[CALLERS];
    run_callers(f, search_and_free, callers);
    for (int i = 0; i < CALLERS; i++)
        while (__atomic_load_n(&callers[i].number, __ATOMIC_SEQ_CST) < 100) usleep(100);
    rtv_runtime_free(f->runtime);
    rtv_index_free(f->index);
    rtv_model_free(f->model);
    rtv_searcher_free(f->searcher);
    f->runtime = NULL;
    f->index = NULL;
    f->model = NULL;
    f->searcher = NULL;
    join_callers(callers);
    assert_int_equal(f->failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ten_threads_share_one_model, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_stays_flat, setup, teardown),
        cmocka_unit_test_setup_teardown(handles_are_freed_while_others_search, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
