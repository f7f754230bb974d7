/* test_exec_plan.c - memory plans: nothing that lives together overlaps, and little is wasted. */
#include "support.h"

#include "exec/exec_plan.h"

#define MAX_BUFFERS 60

static uint32_t random_state;
static uint32_t pick(uint32_t below) {
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % below;
}

static size_t rounded(size_t size) { return (size + 63) / 64 * 64; }

static void plan(rtvi_plan_buffer *buffers, size_t count, size_t *arena) {
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_plan_buffers(&env, buffers, count, arena, &error), RTV_OK);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

/* The most that lives at once, which no plan can beat. */
static size_t most_live(const rtvi_plan_buffer *buffers, size_t count, int32_t steps) {
    size_t most = 0;
    for (int32_t step = 0; step <= steps; step++) {
        size_t live = 0;
        for (size_t i = 0; i < count; i++) {
            if (buffers[i].first <= step && step <= buffers[i].last) live += rounded(buffers[i].size);
        }
        if (live > most) most = live;
    }
    return most;
}

static void check_plan(const rtvi_plan_buffer *buffers, size_t count, size_t arena) {
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        const rtvi_plan_buffer *a = &buffers[i];
        assert_int_equal(a->offset % 64, 0);
        assert_true(a->offset + a->size <= arena);
        sum += rounded(a->size);
        for (size_t j = 0; j < i; j++) {
            const rtvi_plan_buffer *b = &buffers[j];
            int together = a->first <= b->last && b->first <= a->last,
                overlap = a->offset < b->offset + b->size && b->offset < a->offset + a->size;
            assert_false(together && overlap && a->size > 0 && b->size > 0);
        }
    }
    assert_true(arena <= sum);
}

static void test_random_lives(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 3000; seed++) {
        rtvi_plan_buffer buffers[MAX_BUFFERS];
        size_t count, arena;
        int32_t steps;
        random_state = seed * 7919u + 1u;
        count = pick(MAX_BUFFERS + 1);
        steps = (int32_t)pick(40) + 1;
        for (size_t i = 0; i < count; i++) {
            int32_t first = (int32_t)pick((uint32_t)steps);
            size_t size = pick(8) == 0 ? 0 : pick(3) ? pick(5000) : 64 * pick(4);
            buffers[i] = (rtvi_plan_buffer){size, first, first + (int32_t)pick((uint32_t)(steps - first)), SIZE_MAX};
        }
        plan(buffers, count, &arena);
        check_plan(buffers, count, arena);
        assert_true(arena >= most_live(buffers, count, steps));
    }
}

/* Each buffer is written by one step and read by the next: the two largest neighbours are enough. */
static void test_chain_is_optimal(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++) {
        rtvi_plan_buffer buffers[MAX_BUFFERS];
        size_t arena;
        random_state = seed;
        for (int32_t i = 0; i < MAX_BUFFERS; i++) buffers[i] = (rtvi_plan_buffer){64 * (pick(100) + 1), i, i + 1, 0};
        plan(buffers, MAX_BUFFERS, &arena);
        check_plan(buffers, MAX_BUFFERS, arena);
        assert_int_equal(arena, most_live(buffers, MAX_BUFFERS, MAX_BUFFERS));
    }
}

static void test_nothing_to_place(void **state) {
    rtvi_plan_buffer empty = {0, 3, 9, 7};
    size_t arena = 1;
    (void)state;
    plan(NULL, 0, &arena);
    assert_int_equal(arena, 0);
    plan(&empty, 1, &arena);
    assert_int_equal(arena, 0);
    assert_int_equal(empty.offset, 0);
}

static void test_failures(void **state) {
    rtvi_plan_buffer buffers[] = {{SIZE_MAX / 2, 0, 1, 0}, {SIZE_MAX / 2, 2, 3, 0}}, small = {10, 0, 0, 0};
    size_t arena;
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_plan_buffers(&env, buffers, 2, &arena, &error), RTV_E_LIMIT);
    assert_contains(error.message, "exec: activations");
    heap.fail_at = heap.calls + 1;
    assert_int_equal(rtvi_plan_buffers(&env, &small, 1, &arena, &error), RTV_E_OUT_OF_MEMORY);
    rtvi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives),
        cmocka_unit_test(test_chain_is_optimal),
        cmocka_unit_test(test_nothing_to_place),
        cmocka_unit_test(test_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
