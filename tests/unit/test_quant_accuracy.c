/* test_quant_accuracy.c - the search for layers that go back to float32, on losses made up for the purpose. */
#include "support.h"

#include "quant/quant_accuracy.h"

enum { LAYERS = 6, STEPS_MOST = 32 };

/* The drop is the sum of what each int8 layer loses; two layers may share a loss that either takes away. */
typedef struct world {
    rtvi_env env;
    test_heap heap;
    double loss[LAYERS];
    int shared[2]; /* layers, with */
    double shared_loss;
    int gains, drops, fail_gain, fail_drop; /* counted; the call that fails, 0 for none */
    char path[STEPS_MOST * 4];              /* "*", "+3", "-3", "=3" */
    double last;
    rtvi_quant_accuracy search;
} world;

static double total(const world *w, const uint8_t *is_float) {
    double sum = is_float[w->shared[0]] || is_float[w->shared[1]] ? 0 : w->shared_loss;
    for (int i = 0; i < LAYERS; i++) sum += is_float[i] ? 0 : w->loss[i];
    return sum;
}

static int32_t tell_drop(void *user, const uint8_t *is_float, double *drop, rtv_error *error) {
    world *w = user;
    if (++w->drops == w->fail_drop) return rtvi_error_set(error, RTV_E_CANCELLED, "test: drop");
    *drop = total(w, is_float);
    return RTV_OK;
}

static int32_t tell_gain(void *user, int32_t layer, double *gain, rtv_error *error) {
    world *w = user;
    uint8_t is_float[LAYERS] = {0};
    const double before = total(w, is_float);
    if (++w->gains == w->fail_gain) return rtvi_error_set(error, RTV_E_CALLBACK, "test: gain");
    is_float[layer] = 1;
    *gain = before - total(w, is_float);
    return RTV_OK;
}

static void note(void *user, rtvi_quant_accuracy_action action, int32_t layer, double gain, double drop) {
    world *w = user;
    char *end = w->path + strlen(w->path);
    assert_true(action == RTVI_QUANT_ACCURACY_ALL ? layer == -1 && gain == 0 : layer >= 0 && gain > 0);
    snprintf(end, 4, layer < 0 ? "*" : "%c%d", "*+-="[action], layer);
    w->last = drop;
}

static void begin(world *w, const double *loss) {
    memset(w, 0, sizeof *w);
    test_env_init(&w->env, &w->heap);
    memcpy(w->loss, loss, sizeof w->loss);
    w->search = (rtvi_quant_accuracy){&w->env, LAYERS, LAYERS, 0.5, w, tell_gain, tell_drop, note};
}

static void end(world *w) {
    assert_int_equal(w->heap.live, 0);
    rtvi_env_destroy(&w->env);
}

static const double losses[LAYERS] = {0.25, 2, 0.125, 4, 1, 0.0625};

static void nothing_to_do(void **state) {
    static const double small[LAYERS] = {0.0625, 0.0625};
    uint8_t is_float[LAYERS] = {7, 7, 7, 7, 7, 7};
    rtv_error error;
    world w;
    (void)state;
    begin(&w, small);
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*");
    assert_int_equal(w.gains, 0);
    for (int i = 0; i < LAYERS; i++) assert_int_equal(is_float[i], 0);
    end(&w);
}

/* The worst first, until the rest is small enough; all three are needed. */
static void the_worst_go_first(void **state) {
    static const uint8_t expected[LAYERS] = {0, 1, 0, 1, 1, 0};
    uint8_t is_float[LAYERS];
    rtv_error error;
    world w;
    (void)state;
    begin(&w, losses);
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*+3+1+4=1=3");
    assert_memory_equal(is_float, expected, LAYERS);
    assert_int_equal(w.gains, LAYERS);
    end(&w);
}

/* Layers 0 and 1 each take a shared loss away; beside 0, which comes first, 1 gains little; beside 1, which is needed, 0 is not. */
static void what_is_not_needed_goes_back(void **state) {
    static const double loss[LAYERS] = {0.25, 0.125, 0, 0, 4, 0};
    static const uint8_t expected[LAYERS] = {1, 0, 0, 0, 1, 0};
    uint8_t is_float[LAYERS];
    rtv_error error;
    world w;
    (void)state;
    begin(&w, loss);
    w.shared[1] = 1;
    w.shared_loss = 5;
    w.search.max_drop = 0.125;
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*+0+1+4-1=0");
    assert_memory_equal(is_float, expected, LAYERS);
    end(&w);
}

static void equal_gains_go_in_order(void **state) {
    static const double equal[LAYERS] = {1, 1, 1, 1, 1, 1};
    uint8_t is_float[LAYERS];
    rtv_error error;
    world w;
    (void)state;
    begin(&w, equal);
    w.search.max_drop = 4;
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*+0+1=0");
    end(&w);
}

static void it_gives_up_where_told(void **state) {
    static const uint8_t expected[LAYERS] = {0, 1, 0, 1, 0, 0};
    uint8_t is_float[LAYERS];
    rtv_error error;
    world w;
    (void)state;
    begin(&w, losses);
    w.search.max_reverted = 2;
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*+3+1");
    assert_memory_equal(is_float, expected, LAYERS);
    assert_true(w.last > w.search.max_drop);
    w.path[0] = 0;
    w.search.max_reverted = LAYERS;
    w.search.max_drop = -1; /* not to be had: everything is tried */
    assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_OK);
    assert_string_equal(w.path, "*+3+1+4+0+2+5");
    end(&w);
}

static void failures_come_through(void **state) {
    rtv_error error;
    (void)state;
    for (int call = 1; call <= 6; call++) {
        uint8_t is_float[LAYERS];
        world w;
        begin(&w, losses);
        w.fail_drop = call;
        assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_E_CANCELLED);
        assert_int_equal(w.drops, call);
        end(&w);
        begin(&w, losses);
        w.fail_gain = call;
        assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_E_CALLBACK);
        end(&w);
        begin(&w, losses);
        w.heap.fail_at = 1;
        assert_int_equal(rtvi_quant_accuracy_search(&w.search, is_float, &error), RTV_E_OUT_OF_MEMORY);
        end(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_do),           cmocka_unit_test(the_worst_go_first),     cmocka_unit_test(what_is_not_needed_goes_back),
        cmocka_unit_test(equal_gains_go_in_order), cmocka_unit_test(it_gives_up_where_told), cmocka_unit_test(failures_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
