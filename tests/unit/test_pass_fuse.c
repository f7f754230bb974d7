/* test_pass_fuse.c - which convolution takes over a sum and a ReLU, and when none may. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_graph *g;

static int setup(void **state) {
    const int64_t dims[] = {1, 3, 8, 8};
    (void)state;
    test_env_init(&env, &heap);
    g = rtvi_graph_create(&env, "g", &error);
    rtvi_graph_add_input(g, "input", 4, dims, &error);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_graph_destroy(g);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

/* A 1x1 convolution that keeps the shape. */
static int32_t conv(const char *name, int32_t x) {
    char weight[32];
    snprintf(weight, sizeof weight, "%s.weight", name);
    return rtvi_graph_add_node(g, RTVI_OP_CONV, name, TOY_INPUTS(x, toy_constant(g, weight, 1, 1, 0, TOY_DIMS(3, 3, 1, 1), &error)), NULL,
                               &error);
}

static int32_t relu(const char *name, int32_t x) { return rtvi_graph_add_node(g, RTVI_OP_RELU, name, TOY_INPUTS(x), NULL, &error); }

static int32_t add(const char *name, int32_t a, int32_t b) {
    return rtvi_graph_add_node(g, RTVI_OP_ADD, name, TOY_INPUTS(a, b), NULL, &error);
}

static void finish(int32_t x) {
    x = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(x), NULL, &error);
    rtvi_graph_add_output(g, x, RTVI_ROLE_DESCRIPTOR, &error);
    assert_string_equal(error.message, "");
}

static void fuse(void) {
    assert_int_equal(rtvi_pass_fuse_residual(g, &error), RTV_OK);
    assert_int_equal(rtvi_pass_fuse_activation(g, &error), RTV_OK);
}

/* The nodes as "name op activation residual inputs;" with computed inputs only. */
static void expect_nodes(const char *expected) {
    char text[1000] = "";
    size_t used = 0;
    for (size_t i = 0; i < g->num_nodes; i++) {
        const rtvi_node *n = &g->nodes[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s(", i ? "; " : "", n->name, n->attr.residual ? "+" : "",
                                 n->attr.activation ? "|" : "");
        for (int32_t j = 0, first = 1; j < n->num_inputs; j++) {
            if (g->values[n->inputs[j]].is_constant) continue;
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", first ? "" : ",", g->values[n->inputs[j]].name);
            first = 0;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, ")");
    }
    assert_string_equal(text, expected);
    assert_int_equal(rtvi_graph_verify(g, &error), RTV_OK);
}

static void a_block_becomes_its_convolutions(void **state) {
    int32_t x = relu("r0", conv("stem", g->input)), y = relu("r1", conv("c1", x));
    (void)state;
    finish(relu("r2", add("sum", conv("c2", y), x)));
    fuse();
    expect_nodes("stem|(input); c1|(stem); c2+|(c1,stem); pool(c2)");
}

/* The projection is computed first, last, or in between: the convolution executed last takes the sum. */
static void of_two_convolutions_the_last_takes_the_sum(void **state) {
    int32_t x = relu("r0", conv("stem", g->input)), down = conv("down", x), main = conv("main", x);
    (void)state;
    finish(relu("r1", add("sum", main, down)));
    fuse();
    expect_nodes("stem|(input); down(stem); main+|(stem,down); pool(main)");
}

static void the_order_of_the_summands_does_not_matter(void **state) {
    int32_t x = relu("r0", conv("stem", g->input)), main = conv("main", x), down = conv("down", x);
    (void)state;
    finish(add("sum", main, down));
    fuse();
    expect_nodes("stem|(input); main(stem); down+(stem,main); pool(down)");
}

/* The shortcut's ReLU comes after the convolution: that has to move behind it. */
static void a_convolution_moves_behind_its_residual(void **state) {
    int32_t x = conv("stem", g->input), c = conv("c", x), shortcut = relu("late", x), more = relu("more", shortcut);
    (void)state;
    finish(add("sum", add("inner", c, shortcut), more));
    fuse();
    expect_nodes("stem(input); late(stem); more(late); c+(stem,late); sum(c,more); pool(sum)");
}

static void a_result_read_elsewhere_is_left_alone(void **state) {
    int32_t x = conv("stem", g->input), c = conv("c", x), inner = add("inner", c, x), again = add("again", c, relu("r", x));
    (void)state;
    finish(add("sum", inner, again));
    fuse();
    expect_nodes("stem(input); c(stem); inner(c,stem); r(stem); again(c,r); sum(inner,again); pool(sum)");
}

static void a_sum_with_itself_is_left_alone(void **state) {
    int32_t x = conv("stem", g->input);
    (void)state;
    finish(add("sum", x, x));
    fuse();
    expect_nodes("stem(input); sum(stem,stem); pool(sum)");
}

static void an_activated_convolution_takes_no_sum(void **state) {
    int32_t x = relu("r0", conv("stem", g->input)), y = relu("r1", conv("c", x));
    (void)state;
    finish(add("sum", y, x));
    fuse();
    expect_nodes("stem|(input); c|(stem); sum(c,stem); pool(sum)");
    fuse(); /* once more: c has its activation before the sum */
    expect_nodes("stem|(input); c|(stem); sum(c,stem); pool(sum)");
}

static void one_convolution_takes_one_sum(void **state) {
    int32_t x = relu("r0", conv("stem", g->input));
    (void)state;
    finish(relu("r1", relu("r2", add("outer", add("inner", conv("c", x), x), g->input))));
    fuse();
    expect_nodes("stem|(input); c+(stem,stem); outer(c,input); r2(outer); r1(r2); pool(r1)");
}

static void what_no_output_needs_is_dropped(void **state) {
    int32_t x = conv("stem", g->input), unused = relu("unused", conv("dead", x));
    (void)state;
    toy_constant(g, "nobody", 1, 1, 0, TOY_DIMS(4), &error);
    finish(x);
    assert_true(unused >= 0);
    assert_int_equal(rtvi_pass_fuse_residual(g, &error), RTV_OK);
    expect_nodes("stem(input); pool(stem)");
    assert_int_equal(g->num_values, 4); /* input, weight, two results */
    assert_int_equal(rtvi_graph_find_value(g, "nobody"), -1);
}

static void a_fused_value_can_be_an_output(void **state) {
    int32_t vector = rtvi_graph_add_node(g, RTVI_OP_GLOBAL_AVG_POOL, "pool", TOY_INPUTS(relu("r", conv("c", g->input))), NULL, &error);
    (void)state;
    rtvi_graph_add_output(g, relu("last", vector), RTVI_ROLE_LOGITS, &error);
    rtvi_graph_add_output(g, vector, RTVI_ROLE_DESCRIPTOR, &error);
    fuse();
    expect_nodes("c|(input); pool(c); last(pool)");
    assert_string_equal(g->values[rtvi_graph_output(g, RTVI_ROLE_LOGITS)].name, "last");
    assert_string_equal(g->values[rtvi_graph_output(g, RTVI_ROLE_DESCRIPTOR)].name, "pool");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_block_becomes_its_convolutions),          TEST(of_two_convolutions_the_last_takes_the_sum),
        TEST(the_order_of_the_summands_does_not_matter), TEST(a_convolution_moves_behind_its_residual),
        TEST(a_result_read_elsewhere_is_left_alone),     TEST(a_sum_with_itself_is_left_alone),
        TEST(an_activated_convolution_takes_no_sum),     TEST(one_convolution_takes_one_sum),
        TEST(what_no_output_needs_is_dropped),           TEST(a_fused_value_can_be_an_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
