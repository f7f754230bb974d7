/* test_base_env.c - memory of an object: sizes that overflow, growth that fails, alignment; and its log. */
#include "support.h"

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_env_init(&f->env, &f->heap);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    long live = f->heap.live;
    rtvi_env_destroy(&f->env);
    free(f);
    return live == 0 ? 0 : -1;
}

static void sizes_that_overflow_are_refused(void **state) {
    fixture *f = *state;
    assert_null(rtvi_alloc(&f->env, SIZE_MAX / 4 + 2, 4));
    assert_null(rtvi_alloc_zero(&f->env, SIZE_MAX, SIZE_MAX));
    assert_null(rtvi_alloc(&f->env, (size_t)PTRDIFF_MAX + 1, 1));
    assert_null(rtvi_copy_string(&f->env, "x", SIZE_MAX));
    assert_int_equal(f->heap.calls, 0); /* the allocator was not even asked */
}

static void blocks_are_aligned(void **state) {
    fixture *f = *state;
    rtvi_env libc;
    rtvi_env_init(&libc, NULL, RTV_ISA_ANY);
    for (size_t size = 0; size <= (size_t)8 << 20; size = size * 2 + 1) {
        void *ours = rtvi_alloc(&f->env, size, 1), *plain = rtvi_alloc(&libc, size, 1);
        const size_t alignment = size >= RTVI_CACHE_LINE ? RTVI_CACHE_LINE : sizeof(void *);
        assert_true(ours && (uintptr_t)ours % alignment == 0);
        assert_true(plain && (uintptr_t)plain % alignment == 0);
        memset(plain, 1, size);
        rtvi_free(&f->env, ours);
        rtvi_free(&libc, plain);
    }
    rtvi_free(&libc, NULL);
    rtvi_env_destroy(&libc);
}

static void growing_keeps_what_is_there(void **state) {
    fixture *f = *state;
    void *block = NULL;
    size_t capacity = 0, before;
    assert_true(rtvi_grow(&f->env, &block, &capacity, 0, 3, sizeof(int)));
    assert_true(capacity >= 3);
    for (int i = 0; i < 3; i++) ((int *)block)[i] = i * i;
    before = capacity;
    assert_true(rtvi_grow(&f->env, &block, &capacity, 3, 2, sizeof(int)) && capacity == before);
    assert_true(rtvi_grow(&f->env, &block, &capacity, 3, 1000, sizeof(int)) && capacity >= 1000);
    before = capacity;
    f->heap.fail_at = f->heap.calls + 1;
    assert_false(rtvi_grow(&f->env, &block, &capacity, 3, 2000, sizeof(int)));
    assert_false(rtvi_grow(&f->env, &block, &capacity, 3, SIZE_MAX, sizeof(int)));
    assert_int_equal(capacity, before);
    for (int i = 0; i < 3; i++) assert_int_equal(((int *)block)[i], i * i);
    rtvi_free(&f->env, block);
}

typedef struct heard {
    int lines;
    char last[2048];
} heard;

static void listen(void *user, int32_t level, const char *line) {
    heard *h = user;
    (void)level;
    h->lines++;
    snprintf(h->last, sizeof h->last, "%s", line);
}

static void only_wanted_levels_are_logged(void **state) {
    fixture *f = *state;
    heard h = {0, ""};
    rtvi_log(&f->env, RTV_LOG_ERROR, "nobody listens");
    f->env.log = listen;
    f->env.log_user = &h;
    f->env.log_level = RTV_LOG_WARNING;
    rtvi_log(&f->env, RTV_LOG_INFO, "not this");
    assert_int_equal(h.lines, 0);
    rtvi_log(&f->env, RTV_LOG_WARNING, "%d lines", 1);
    assert_int_equal(h.lines, 1);
    assert_string_equal(h.last, "1 lines");
    rtvi_log(&f->env, RTV_LOG_ERROR, "%2000d", 7); /* cut, not written beyond */
    assert_in_range(strlen(h.last), 500, 1999);
}

static void the_cap_limits_the_instruction_set(void **state) {
    rtvi_env env;
    (void)state;
    rtvi_env_init(&env, NULL, RTV_ISA_SCALAR);
    assert_int_equal(env.isa, RTV_ISA_SCALAR);
    rtvi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes_that_overflow_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_are_aligned, setup, teardown),
        cmocka_unit_test_setup_teardown(growing_keeps_what_is_there, setup, teardown),
        cmocka_unit_test_setup_teardown(only_wanted_levels_are_logged, setup, teardown),
        cmocka_unit_test(the_cap_limits_the_instruction_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
