/* test_layer_drift.c - two networks compared value by value: a quantized one and its float simulation, against sums made here. */
#include "support.h"
#include "toy_models.h"
#include "toy_graph.h"
#include "toy_quantized.h"

#include "quant/quant_graph.h"
#include "search/layer_drift.h"

#define HEIGHT 12
#define WIDTH 10

typedef struct world {
    rtvi_env env;
    test_heap heap;
    rtvi_team *team;
    rtvi_graph *codes, *floats;
    rtvi_embedder *on_codes, *on_floats;
    rtv_picture pictures[2];
    uint8_t pixels[2][HEIGHT * WIDTH * 3];
} world;

static rtvi_embedder *compile(world *w, const rtvi_graph *graph) {
    const rtvi_picture_limits limits = {1000, 1000, NULL, NULL};
    rtvi_embedder *embedder = NULL;
    rtv_error error;
    if (rtvi_embedder_create(&w->env, w->team, graph, RTV_EXECUTOR_REFERENCE, &limits, &embedder, &error) != RTV_OK)
        fail_msg("%s", error.message);
    return embedder;
}

static void open_world(world *w) {
    static const float mean[] = {0.485f, 0.456f, 0.406f}, std[] = {0.229f, 0.224f, 0.225f};
    rtv_error error = {0};
    uint32_t state = 1;
    memset(w, 0, sizeof *w);
    test_env_init(&w->env, &w->heap);
    assert_int_equal(rtvi_team_create(&w->env, 2, &w->team, &error), RTV_OK);
    w->codes = toy_quantized(&w->env, &error);
    if (!w->codes) fail_msg("%s", error.message);
    w->codes->preprocess.width = WIDTH;
    w->codes->preprocess.height = HEIGHT;
    w->codes->preprocess.resize = RTV_RESIZE_SQUASH;
    memcpy(w->codes->preprocess.mean, mean, sizeof mean);
    memcpy(w->codes->preprocess.std, std, sizeof std);
    if (rtvi_quant_graph_simulate(w->codes, NULL, &w->floats, &error) != RTV_OK) fail_msg("%s", error.message);
    w->on_codes = compile(w, w->codes);
    w->on_floats = compile(w, w->floats);
    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof w->pixels[i]; j++) w->pixels[i][j] = (uint8_t)((state = state * 1664525u + 1013904223u) >> 24);
        rtv_picture_from_pixels(&w->pictures[i], w->pixels[i], RTV_PIXEL_RGB8, WIDTH, HEIGHT, 3 * WIDTH);
    }
}

static void close_world(world *w) {
    rtvi_embedder_destroy(w->on_codes);
    rtvi_embedder_destroy(w->on_floats);
    rtvi_graph_destroy(w->floats);
    rtvi_graph_destroy(w->codes);
    rtvi_team_destroy(w->team);
    assert_int_equal(w->heap.live, 0);
    rtvi_env_destroy(&w->env);
}

static rtvi_layer_drift *create(world *w, rtvi_embedder *a, rtvi_embedder *b) {
    rtvi_layer_drift *drift = NULL;
    rtv_error error;
    if (rtvi_layer_drift_create(&w->env, a, b, &drift, &error) != RTV_OK) fail_msg("%s", error.message);
    return drift;
}

static void add(rtvi_layer_drift *drift, const rtv_picture *picture) {
    rtv_error error;
    if (rtvi_layer_drift_add(drift, picture, &error) != RTV_OK) fail_msg("%s", error.message);
}

static const rtvi_layer_drift_row *find(const rtvi_layer_drift *drift, const char *name) {
    for (size_t i = 0; i < rtvi_layer_drift_count(drift); i++)
        if (strcmp(rtvi_layer_drift_at(drift, i)->a.name, name) == 0) return rtvi_layer_drift_at(drift, i);
    fail_msg("no row %s", name);
    return NULL;
}

/* The numbers of one value, as an observer sees them. */
typedef struct seen {
    const char *name;
    double scale, zero_point;
    double numbers[4096];
    int64_t count;
} seen;

static void see(void *user, const char *value, const rtvi_tensor *tensor) {
    seen *s = user;
    if (strcmp(value, s->name) != 0) return;
    s->count = rtvi_tensor_count(tensor);
    assert_in_range(s->count, 1, 4096);
    for (int64_t i = 0; i < s->count; i++) {
        if (tensor->dtype == RTVI_F32) s->numbers[i] = (double)((const float *)tensor->data)[i];
        if (tensor->dtype == RTVI_U8) s->numbers[i] = (((const uint8_t *)tensor->data)[i] - s->zero_point) * s->scale;
        if (tensor->dtype == RTVI_I8) s->numbers[i] = (((const int8_t *)tensor->data)[i] - s->zero_point) * s->scale;
    }
}

static void look(rtvi_embedder *embedder, const rtvi_graph *graph, const rtv_picture *picture, const char *name, seen *s) {
    const rtvi_value *value = &graph->values[rtvi_graph_find_value(graph, name)];
    rtv_error error;
    s->name = name;
    s->scale = (double)value->scale;
    s->zero_point = value->zero_point;
    s->count = 0;
    assert_int_equal(rtvi_embedder_observe(embedder, picture, see, s, &error), RTV_OK);
    assert_true(s->count > 0);
}

/* Float against codes, s8 against u8 with a zero point: the sums are those of the numbers that the codes stand for. */
static void sums_are_those_of_the_numbers(void **state) {
    static const char *const names[] = {"conv", "side", "shifted", "sum", "spoc", "head", "descriptor"};
    static seen a, b;
    world w;
    rtvi_layer_drift *drift;
    (void)state;
    open_world(&w);
    drift = create(&w, w.on_floats, w.on_codes);
    for (int i = 0; i < 2; i++) add(drift, &w.pictures[i]);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        const rtvi_layer_drift_row *row = find(drift, names[n]);
        double signal = 0, noise = 0;
        int64_t count = 0;
        for (int i = 0; i < 2; i++) {
            look(w.on_floats, w.floats, &w.pictures[i], names[n], &a);
            look(w.on_codes, w.codes, &w.pictures[i], names[n], &b);
            assert_int_equal(a.count, b.count);
            for (int64_t j = 0; j < a.count; j++) {
                signal += a.numbers[j] * a.numbers[j];
                noise += (b.numbers[j] - a.numbers[j]) * (b.numbers[j] - a.numbers[j]);
            }
            count += a.count;
        }
        assert_int_equal(row->count, count);
        assert_true(signal > 0);
        /* codes times a float32 scale round to float32, here they do not: 1e-7 of the numbers, squared in the noise */
        assert_true(fabs(row->signal - signal) <= 1e-6 * signal);
        assert_true(fabs(row->noise - noise) <= 1e-6 * noise + 1e-13 * signal);
    }
    rtvi_layer_drift_destroy(drift);
    close_world(&w);
}

/* Values that both have are joined, whatever they are made of; others are left out. The simulation has each convolution's exact result
 * besides; the codes become floats once more in it. */
static void values_are_joined_by_name(void **state) {
    world w;
    rtvi_layer_drift *drift, *own;
    (void)state;
    open_world(&w);
    drift = create(&w, w.on_floats, w.on_codes);
    own = create(&w, w.on_floats, w.on_floats);
    assert_int_equal(rtvi_layer_drift_count(drift), rtvi_exec_num_steps(rtvi_embedder_exec(w.on_codes)));
    assert_true(rtvi_layer_drift_count(own) > rtvi_layer_drift_count(drift));
    assert_string_equal(find(drift, "conv")->b.precision, "int8");
    assert_string_equal(find(drift, "conv")->a.precision, "f32");
    rtvi_layer_drift_destroy(drift);
    rtvi_layer_drift_destroy(own);
    close_world(&w);
}

static void a_network_does_not_differ_from_itself(void **state) {
    world w;
    rtvi_layer_drift *drift;
    (void)state;
    open_world(&w);
    drift = create(&w, w.on_codes, w.on_codes);
    add(drift, &w.pictures[0]);
    for (size_t i = 0; i < rtvi_layer_drift_count(drift); i++) {
        const rtvi_layer_drift_row *row = rtvi_layer_drift_at(drift, i);
        assert_true(row->noise == 0 && row->count > 0);
        assert_true(row->signal > 0);
    }
    rtvi_layer_drift_destroy(drift);
    close_world(&w);
}

static void a_bad_picture_is_told(void **state) {
    world w;
    rtvi_layer_drift *drift;
    rtv_picture missing;
    rtv_error error;
    (void)state;
    open_world(&w);
    drift = create(&w, w.on_floats, w.on_codes);
    rtv_picture_from_path(&missing, "nowhere.png");
    assert_int_equal(rtvi_layer_drift_add(drift, &missing, &error), RTV_E_IO);
    assert_int_equal(find(drift, "conv")->count, 0);
    rtvi_layer_drift_destroy(drift);
    close_world(&w);
}

static void memory_that_is_not_there(void **state) {
    world w;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    open_world(&w);
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        rtvi_layer_drift *drift = NULL;
        rtv_error error;
        const long live = w.heap.live;
        w.heap.calls = 0;
        w.heap.fail_at = fail_at;
        status = rtvi_layer_drift_create(&w.env, w.on_floats, w.on_codes, &drift, &error);
        w.heap.fail_at = 0;
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_int_equal(status == RTV_OK, drift != NULL);
        rtvi_layer_drift_destroy(drift);
        assert_int_equal(w.heap.live, live);
    }
    rtvi_layer_drift_destroy(NULL);
    close_world(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_numbers),
        cmocka_unit_test(values_are_joined_by_name),
        cmocka_unit_test(a_network_does_not_differ_from_itself),
        cmocka_unit_test(a_bad_picture_is_told),
        cmocka_unit_test(memory_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
