/* test_quant_scope.c - nodes by name, expression, op, and the way between two values. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"

#include "quant/quant_scope.h"

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static rtvi_graph *g;

static int setup(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    rtvi_error_clear(&error);
    g = toy_graph(&env, &error); /* stem norm relu grouped wide sum joined pool peak gem descriptor logits */
    assert_non_null(g);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    rtvi_graph_destroy(g);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

/* The names of the nodes that match, in order, each with the number of its scope. */
static void expect(const rtvi_quant_scope *scopes, int32_t count, const char *expected) {
    int32_t matched[12];
    char text[400] = "";
    assert_int_equal(g->num_nodes, 12);
    if (rtvi_quant_scope_match(g, scopes, count, 0, matched, &error) != RTV_OK) fail_msg("%s", error.message);
    for (int i = 0; i < 12; i++)
        if (matched[i] >= 0) snprintf(text + strlen(text), sizeof text - strlen(text), "%s%d ", g->nodes[i].name, matched[i]);
    assert_string_equal(text, expected);
}

static void test_each_kind(void **state) {
    const rtvi_quant_scope name = {RTVI_QUANT_SCOPE_NAME, "wide", NULL}, op = {RTVI_QUANT_SCOPE_OP, "conv", NULL};
    const rtvi_quant_scope expression = {RTVI_QUANT_SCOPE_REGEX, "(pe|s)(ak|um|te)", NULL};
    const rtvi_quant_scope way = {RTVI_QUANT_SCOPE_SUBGRAPH, "relu", "joined"}, whole = {RTVI_QUANT_SCOPE_SUBGRAPH, "input", "logits"};
    (void)state;
    expect(&name, 1, "wide0 ");
    expect(&op, 1, "stem0 grouped0 wide0 ");
    expect(&expression, 1, "sum0 peak0 ");
    expect(&way, 1, "grouped0 wide0 sum0 joined0 ");
    expect(&whole, 1, "stem0 norm0 relu0 grouped0 wide0 sum0 joined0 pool0 gem0 logits0 ");
}

static void test_the_first_scope_counts(void **state) {
    const rtvi_quant_scope scopes[] = {{RTVI_QUANT_SCOPE_NAME, "wide", NULL}, {RTVI_QUANT_SCOPE_OP, "conv", NULL}};
    (void)state;
    expect(scopes, 2, "stem1 grouped1 wide0 ");
    expect(scopes, 0, "");
}

/* An expression matches whole names, alternatives of any length included. */
static void test_whole_names(void **state) {
    const rtvi_quant_scope dots = {RTVI_QUANT_SCOPE_REGEX, "p.*l|pe|peak", NULL};
    (void)state;
    expect(&dots, 1, "pool0 peak0 ");
}

static void expect_error(rtvi_quant_scope scope, int32_t status, const char *message) {
    int32_t matched[12];
    assert_int_equal(rtvi_quant_scope_match(g, &scope, 1, 0, matched, &error), status);
    assert_contains(error.message, message);
    assert_int_equal(rtvi_quant_scope_match(g, &scope, 1, 1, matched, &error), status == RTV_E_NOT_FOUND ? RTV_OK : status);
}

static void test_errors(void **state) {
    (void)state;
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_NAME, "wid", NULL}, RTV_E_NOT_FOUND,
                 "quantizer: scope: got name \"wid\", which matches nothing, expected a match");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_REGEX, "wid", NULL}, RTV_E_NOT_FOUND, "got expression \"wid\"");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_OP, "convolution", NULL}, RTV_E_NOT_FOUND, "got op \"convolution\"");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_SUBGRAPH, "peak", "logits"}, RTV_E_NOT_FOUND, "got subgraph \"peak\" to \"logits\"");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_SUBGRAPH, "nowhere", "logits"}, RTV_E_NOT_FOUND,
                 "got subgraph \"nowhere\" to \"logits\"");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_SUBGRAPH, "peak", NULL}, RTV_E_NOT_FOUND, "got subgraph \"peak\" to \"\"");
    expect_error((rtvi_quant_scope){RTVI_QUANT_SCOPE_REGEX, "wide(", NULL}, RTV_E_INVALID_ARGUMENT,
                 "quantizer: scope: got expression \"wide(\" (");
}

static void test_text(void **state) {
    const rtvi_quant_scope name = {RTVI_QUANT_SCOPE_NAME, "wide", NULL}, way = {RTVI_QUANT_SCOPE_SUBGRAPH, "relu", "joined"};
    char text[64];
    (void)state;
    rtvi_quant_scope_text(&name, text, sizeof text);
    assert_string_equal(text, "ignored: name wide");
    rtvi_quant_scope_text(&way, text, sizeof text);
    assert_string_equal(text, "ignored: subgraph relu to joined");
    rtvi_quant_scope_text(&way, text, 12);
    assert_string_equal(text, "ignored: su");
}

static void test_allocation_failures(void **state) {
    const rtvi_quant_scope way = {RTVI_QUANT_SCOPE_SUBGRAPH, "relu", "joined"};
    int32_t matched[12];
    (void)state;
    for (long n = 1; n <= 2; n++) {
        heap.fail_at = heap.calls + n;
        assert_int_equal(rtvi_quant_scope_match(g, &way, 1, 0, matched, &error), RTV_E_OUT_OF_MEMORY);
    }
    heap.fail_at = 0;
    expect(&way, 1, "grouped0 wide0 sum0 joined0 ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_first_scope_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_whole_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
        cmocka_unit_test(test_text),
        cmocka_unit_test_setup_teardown(test_allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
