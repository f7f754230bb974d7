/* test_graph_dump.c - the text of a graph against golden files, before and after each pass. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "toy_quantized.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;

static void the_toy_is_as_in_the_golden_files(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    (void)state;
    toy_assert_dump(g, "toy");
    assert_int_equal(rtvi_pass_fold_batch_norm(g, &error), RTV_OK);
    toy_assert_dump(g, "toy_folded");
    assert_int_equal(rtvi_pass_fuse_residual(g, &error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(g, &error), RTV_OK);
    toy_assert_dump(g, "toy_fused");
    rtvi_graph_destroy(g);
}

static void codes_have_their_scale(void **state) {
    rtvi_graph *g = toy_quantized(&env, &error);
    (void)state;
    assert_string_equal(error.message, "");
    toy_assert_dump(g, "toy_quantized");
    assert_int_equal(rtvi_pass_fold_batch_norm(g, &error), RTV_OK); /* nothing left to do for the passes */
    assert_int_equal(rtvi_pass_fuse_residual(g, &error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(g, &error), RTV_OK);
    toy_assert_dump(g, "toy_quantized");
    rtvi_graph_destroy(g);
}

static void a_short_buffer_gets_the_beginning_and_the_full_size(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    char whole[4096], part[4096];
    size_t size = rtvi_graph_dump(g, whole, sizeof whole);
    (void)state;
    assert_int_equal(size, strlen(whole) + 1);
    assert_int_equal(rtvi_graph_dump(g, NULL, 0), size);
    for (size_t capacity = 1; capacity <= size; capacity++) {
        memset(part, '#', sizeof part);
        assert_int_equal(rtvi_graph_dump(g, part, capacity), size);
        assert_int_equal(strlen(part), capacity - 1);
        assert_memory_equal(part, whole, capacity - 1);
        assert_int_equal(part[capacity], '#');
    }
    rtvi_graph_destroy(g);
}

static void numbers_have_the_digits_they_need(void **state) {
    static const struct {
        float value;
        const char *text;
    } cases[] = {{1e-5f, "epsilon=1e-05\n"},
                 {0.25f, "epsilon=0.25\n"},
                 {0.1f, "epsilon=0.1\n"},
                 {0x1.000002p0f, "epsilon=1.0000001\n"},
                 {0x1.fffffep127f, "epsilon=3.4028235e+38\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rtvi_graph *g = toy_graph(&env, &error);
        char text[4096];
        g->nodes[g->values[rtvi_graph_find_value(g, "descriptor")].producer].attr.epsilon = cases[i].value;
        rtvi_graph_dump(g, text, sizeof text);
        assert_contains(text, cases[i].text);
        rtvi_graph_destroy(g);
    }
}

/* Names come from files. */
static void names_are_cleaned(void **state) {
    rtvi_graph *g = toy_graph(&env, &error);
    char text[4096];
    (void)state;
    g->values[g->input].name[0] = '\n';
    assert_int_equal(rtvi_graph_set_architecture(g, "a\033[1m", "", &error), RTV_OK);
    rtvi_graph_dump(g, text, sizeof text);
    assert_contains(text, "architecture=a?[1m\n");
    assert_contains(text, "\n%?nput f32[1,3,20,24]\n");
    rtvi_graph_destroy(g);
}

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_toy_is_as_in_the_golden_files, setup, teardown),
        cmocka_unit_test_setup_teardown(codes_have_their_scale, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_buffer_gets_the_beginning_and_the_full_size, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_have_the_digits_they_need, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_cleaned, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
