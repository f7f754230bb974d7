/* test_api_quantizer.c - quantizer.h: pictures in, a quantized model out; the same on any number of threads and either executor; what is
 * wrong is said. */
#include "support.h"

#include <sys/wait.h>

#include "modelfile_support.h"
#include "quantizer_support.h"

/* The toy's float descriptors of noise are not those of a trained network: 8 bits keep them this close (measured 0.9990 and more). */
#define CLOSE 0.995

/* --- the main way ------------------------------------------------------------------------------------------------------------------- */

static void it_comes_close_and_both_executors_agree(void **state) {
    fixture *f = *state;
    float a[PICTURES * DIM], b[PICTURES * DIM];
    rtv_model *reference = quantize(f, NULL), *other = finish(f, RTV_EXECUTOR_AUTO);
    const double cosine = cosine_to(f, f->model, reference);
    if (cosine < CLOSE) fail_msg("cosine %.6f", cosine);
    assert_same_model(reference, other);
    assert_string_not_equal(info_of(reference).fingerprint, info_of(f->model).fingerprint);
    embed(f, reference, a);
    embed(f, other, b);
    assert_memory_equal(a, b, sizeof a);
    rtv_model_free(reference);
    rtv_model_free(other);
}

static void saved_and_loaded_it_gives_the_same_bits(void **state) {
    fixture *f = *state;
    float a[PICTURES * DIM], b[PICTURES * DIM];
    char folder[64], path[128], before[8192], after[8192];
    rtv_model *model = quantize(f, NULL), *loaded = NULL;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_ok(rtv_model_save(model, path, &f->error), f->error);
    assert_ok(rtv_model_load(path, f->runtime, NULL, &loaded, &f->error), f->error);
    assert_same_model(model, loaded);
    embed(f, model, a);
    embed(f, loaded, b);
    assert_memory_equal(a, b, sizeof a);
    assert_ok(rtv_model_provenance(model, before, sizeof before, NULL, &f->error), f->error);
    assert_ok(rtv_model_provenance(loaded, after, sizeof after, NULL, &f->error), f->error);
    assert_string_equal(before, after);
    rtv_model_free(model);
    rtv_model_free(loaded);
    test_folder_remove(folder);
}

/* Neither threads nor the order in which they finish leave a trace. */
static void any_number_of_threads_gives_the_same_model(void **state) {
    static const char *const settings[] = {NULL, "{\"bias_correction\":\"full\",\"estimator\":\"squared_error\"}"};
    fixture *f = *state;
    fixture *wide = malloc(sizeof *wide);
    fixture_init(wide, 5, RTV_EXECUTOR_REFERENCE);
    for (int i = 0; i < 2; i++) {
        rtv_model *a = quantize(f, settings[i]), *b = quantize(wide, settings[i]);
        assert_same_model(a, b);
        rtv_model_free(a);
        rtv_model_free(b);
    }
    fixture_destroy(wide);
    free(wide);
}

/* Finishing again costs nothing that is known, and gives what a new quantizer gives. */
static void other_settings_for_the_same_pictures(void **state) {
    static const char *const settings[] = {
        "{\"weights\":\"pair_safe\",\"bias_correction\":\"none\"}",
        "{\"weights\":\"nearest\"}",
        "{\"weights\":\"half_range\"}",
        "{\"estimator\":\"min_max\"}",
        "{\"estimator\":\"median\"}",
        "{\"estimator\":\"quantile\"}",
        "{\"estimator\":\"no_outliers\"}",
        "{\"preset\":\"performance\"}",
        "{\"bias_correction\":\"full\"}",
        "{\"equalize\":true}",
        "{\"quantize_auxiliary\":true}",
        "{\"drop_auxiliary\":true}",
        "{\"moment_samples\":3}",
        "{\"ignored\":[{\"name\":\"conv1\"},{\"op\":\"linear\"}]}",
        "{\"overrides\":[{\"regex\":\"layer1.*\",\"weights\":\"pair_safe\",\"estimator\":\"squared_error\"}]}",
    };
    enum { COUNT = sizeof settings / sizeof *settings };
    fixture *f = *state;
    rtv_model *expected[COUNT], *standard = quantize(f, NULL);
    for (int i = 0; i < COUNT; i++) expected[i] = quantize(f, settings[i]);
    begin(f, NULL);
    for (int i = 0; i < COUNT; i++) {
        rtv_model *model;
        const double cosine = cosine_to(f, f->model, expected[i]);
        if (cosine < 0.98) fail_msg("%s: cosine %.6f", settings[i], cosine); /* half range and plain rounding lose most */
        configure(f, settings[i]);
        model = finish(f, RTV_EXECUTOR_REFERENCE);
        assert_same_model(model, expected[i]);
        assert_string_not_equal(info_of(model).fingerprint, info_of(standard).fingerprint);
        rtv_model_free(model);
        rtv_model_free(expected[i]);
    }
    rtv_model_free(standard);
}

static void pictures_can_follow_later(void **state) {
    fixture *f = *state;
    rtv_model *all = quantize(f, NULL), *some, *again;
    rtv_quantizer_free(f->quantizer);
    f->quantizer = NULL;
    assert_ok(rtv_quantizer_create(f->model, NULL, &f->quantizer, &f->error), f->error);
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, 4, NULL, NULL, NULL, &f->error), f->error);
    some = finish(f, RTV_EXECUTOR_REFERENCE);
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures + 4, PICTURES - 4, NULL, NULL, NULL, &f->error), f->error);
    again = finish(f, RTV_EXECUTOR_REFERENCE);
    assert_same_model(again, all);
    assert_string_not_equal(info_of(some).fingerprint, info_of(all).fingerprint);
    rtv_model_free(all);
    rtv_model_free(some);
    rtv_model_free(again);
}

/* --- pictures ----------------------------------------------------------------------------------------------------------------------- */

static void a_bad_picture_is_skipped_and_named(void **state) {
    fixture *f = *state;
    int32_t statuses[PICTURES];
    rtv_error errors[PICTURES];
    int64_t added = -1;
    rtv_model *model, *expected;
    const float few[] = {1, 2, 3};
    assert_ok(rtv_quantizer_create(f->model, NULL, &f->quantizer, &f->error), f->error);
    rtv_picture_from_path(&f->pictures[2], "no such file");
    rtv_picture_from_encoded(&f->pictures[5], "\xff\xd8\xff", 3);
    rtv_picture_from_tensor(&f->pictures[6], few, 3);
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, PICTURES, NULL, NULL, &added, &f->error), RTV_E_IO);
    assert_int_equal(added, 0);
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, PICTURES, statuses, errors, &added, &f->error), f->error);
    assert_int_equal(added, PICTURES - 3);
    for (int i = 0; i < PICTURES; i++) assert_int_equal(statuses[i], errors[i].status);
    assert_int_equal(statuses[2], RTV_E_IO);
    assert_int_equal(statuses[5], RTV_E_FORMAT);
    assert_int_equal(statuses[6], RTV_E_MISMATCH);
    assert_contains(errors[6].message, "got 3 values");
    model = finish(f, RTV_EXECUTOR_REFERENCE);
    rtv_quantizer_free(f->quantizer);
    assert_ok(rtv_quantizer_create(f->model, NULL, &f->quantizer, &f->error), f->error);
    for (int i = 0; i < PICTURES; i++)
        if (statuses[i] == RTV_OK) assert_ok(rtv_quantizer_add(f->quantizer, &f->pictures[i], 1, NULL, NULL, NULL, &f->error), f->error);
    expected = finish(f, RTV_EXECUTOR_REFERENCE);
    assert_same_model(model, expected);
    rtv_model_free(model);
    rtv_model_free(expected);
}

static void no_more_pictures_than_agreed(void **state) {
    fixture *f = *state;
    rtv_quantizer_options options;
    int32_t statuses[PICTURES];
    begin(f, "{\"max_samples\":10}");
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, 1, NULL, NULL, NULL, &f->error), RTV_E_LIMIT);
    assert_contains(f->error.message, "got 11 samples, expected at most max_samples, 10");
    rtv_quantizer_options_init(&options);
    options.max_samples = 9;
    assert_int_equal(rtv_quantizer_configure(f->quantizer, &options, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "max_samples: got 9, expected at least 10");
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, 1, statuses, NULL, NULL, &f->error), RTV_E_LIMIT);
    assert_int_equal(statuses[0], RTV_E_LIMIT);
}

/* Gives the fixture's pictures as tensors; fails, stops or lies at one of them. */
typedef struct giving {
    fixture *f;
    int64_t stop_at, fail_at, nan_at;
} giving;

static int32_t give(void *user, int64_t sample, float *values) {
    const giving *g = user;
    rtv_error error;
    if (sample == g->stop_at) return 1;
    if (sample == g->fail_at) return 5;
    assert_ok(rtv_model_preprocess(g->f->model, &g->f->pictures[sample % PICTURES], values, VALUES, &error), error);
    if (sample == g->nan_at) values[17] = NAN;
    return 0;
}

static void a_source_gives_the_same_as_pictures(void **state) {
    fixture *f = *state;
    giving g = {f, PICTURES, -1, -1};
    int64_t added = 0;
    rtv_model *expected = quantize(f, NULL), *model;
    rtv_quantizer_free(f->quantizer);
    assert_ok(rtv_quantizer_create(f->model, NULL, &f->quantizer, &f->error), f->error);
    assert_ok(rtv_quantizer_add_from(f->quantizer, give, &g, &added, &f->error), f->error);
    assert_int_equal(added, PICTURES);
    model = finish(f, RTV_EXECUTOR_REFERENCE);
    assert_same_model(model, expected);
    g = (giving){f, -1, 3, -1};
    assert_int_equal(rtv_quantizer_add_from(f->quantizer, give, &g, &added, &f->error), RTV_E_CALLBACK);
    assert_contains(f->error.message, "sample 3: got 5 from its source");
    assert_int_equal(added, 3);
    g = (giving){f, -1, -1, 1};
    assert_int_equal(rtv_quantizer_add_from(f->quantizer, give, &g, &added, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "sample 1: value 17: got nan");
    g = (giving){f, -1, -1, -1};
    configure(f, "{\"max_samples\":20}");
    assert_ok(rtv_quantizer_add_from(f->quantizer, give, &g, &added, &f->error), f->error); /* up to max_samples */
    assert_int_equal(added, 20 - PICTURES - 3 - 1);
    rtv_model_free(model);
    rtv_model_free(expected);
}

/* --- progress ----------------------------------------------------------------------------------------------------------------------- */

typedef struct following {
    fixture *f;
    int64_t calls, last, total, stop_at;
    int32_t inside; /* what a call from the callback gets */
} following;

static int32_t follow(void *user, int64_t done, int64_t total) {
    following *p = user;
    rtv_model *model = NULL;
    rtv_error error;
    p->calls++;
    assert_true(done >= 0 && done <= total);
    p->last = done;
    p->total = total;
    p->inside = rtv_quantizer_finish(p->f->quantizer, NULL, &model, &error);
    return p->stop_at >= 0 && done >= p->stop_at; /* calls may leave numbers out */
}

static void progress_cancel_and_second_callers(void **state) {
    fixture *f = *state;
    following p = {f, 0, 0, 0, -1, 0};
    rtv_quantizer_options options;
    rtv_model *model = NULL, *expected = quantize(f, NULL);
    rtv_quantizer_options_init(&options);
    options.progress = follow;
    options.progress_user = &p;
    rtv_quantizer_free(f->quantizer);
    assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
    p.stop_at = 4;
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, PICTURES, NULL, NULL, NULL, &f->error), RTV_E_CANCELLED);
    assert_int_equal(p.inside, RTV_E_BUSY);
    p.stop_at = -1;
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, PICTURES, NULL, NULL, NULL, &f->error), f->error);
    assert_true(p.last == PICTURES && p.total == PICTURES);
    for (int64_t at = 1; at < 20; at += 6) { /* within statistics, moments, rounding */
        p.stop_at = at;
        assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), RTV_E_CANCELLED);
        assert_null(model);
    }
    p.stop_at = -1;
    assert_ok(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), f->error);
    assert_true(p.last == p.total);
    assert_same_model(model, expected);
    rtv_model_free(model);
    rtv_model_free(expected);
}

/* --- what is wrong ------------------------------------------------------------------------------------------------------------------ */

static void nothing_comes_of_nothing(void **state) {
    fixture *f = *state;
    rtv_model *model = NULL;
    assert_ok(rtv_quantizer_create(f->model, NULL, &f->quantizer, &f->error), f->error);
    assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), RTV_E_STATE);
    assert_contains(f->error.message, "samples: got none");
    assert_int_equal(rtv_quantizer_save_statistics(f->quantizer, "x", &f->error), RTV_E_STATE);
    assert_null(model);
}

static void a_quantized_model_is_not_quantized_again(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, NULL);
    rtv_quantizer *quantizer = NULL;
    assert_int_equal(rtv_quantizer_create(model, NULL, &quantizer, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "got one that is quantized, expected float32");
    assert_null(quantizer);
    rtv_model_free(model);
}

/* Numbers that overflow on the way: the value is named. */
static void activations_that_are_not_finite(void **state) {
    fixture *f = *state;
    static float values[VALUES];
    rtv_model *model = NULL;
    for (int i = 0; i < VALUES; i++) values[i] = i % 2 ? 3e38f : -3e38f;
    rtv_picture_from_tensor(&f->pictures[4], values, VALUES);
    begin(f, NULL);
    assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), RTV_E_FORMAT);
    assert_contains(f->error.message, "of sample 4: got");
    assert_null(model);
}

/* A layer of which nothing comes: there is no scale for it, and leaving it in float32 is the way out. */
static void activations_that_do_not_vary(void **state) {
    fixture *f = *state;
    const forgery dead = {.zeroed = "bn."};
    const rtv_scope all = {.kind = RTV_SCOPE_REGEX, .text = ".*"};
    rtv_quantizer_options options;
    rtv_model *model = NULL;
    forge("dead.safetensors", &dead);
    rtv_model_free(f->model);
    f->model = NULL;
    assert_ok(rtv_model_load("dead.safetensors", f->runtime, NULL, &f->model, &f->error), f->error);
    begin(f, NULL);
    assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), RTV_E_FORMAT);
    assert_contains(f->error.message, "value \"");
    assert_contains(f->error.message, "got range 0..0, expected activations that vary (or a scope that ignores the layer)");
    assert_null(model);
    rtv_quantizer_options_init(&options);
    options.ignored = &all;
    options.num_ignored = 1;
    assert_ok(rtv_quantizer_configure(f->quantizer, &options, &f->error), f->error);
    assert_ok(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), f->error);
    rtv_model_free(model);
}

static void out_of_range(void **state) {
    fixture *f = *state;
    rtv_scope scope = {.kind = RTV_SCOPE_NAME, .text = "conv1"};
    rtv_scope_settings override = {.scope = {.kind = RTV_SCOPE_NAME, .text = "conv1"}};
    rtv_quantizer_options good, bad[20];
    int count = 0;
    rtv_quantizer_options_init(&good);
    for (int i = 0; i < 20; i++) bad[i] = good;
    bad[count++].preset = 2;
    bad[count++].estimator = 6;
    bad[count++].weights = -1;
    bad[count++].bias_correction = 3;
    bad[count++].equalize = 2;
    bad[count++].quantize_auxiliary = -1;
    bad[count++].drop_auxiliary = 7;
    bad[count++].relaxed_scopes = 2;
    bad[count++].moment_samples = 0;
    bad[count++].max_samples = 0;
    bad[count++].max_samples = 32769;
    bad[count++].num_ignored = 1;
    bad[count++].num_overrides = -1;
    scope.kind = RTV_SCOPE_SUBGRAPH; /* without its end */
    bad[count].ignored = &scope;
    bad[count++].num_ignored = 1;
    override.weights = 9;
    bad[count].overrides = &override;
    bad[count++].num_overrides = 1;
    for (int i = 0; i < count; i++) {
        if (rtv_quantizer_create(f->model, &bad[i], &f->quantizer, &f->error) != RTV_E_INVALID_ARGUMENT) fail_msg("case %d", i);
        assert_null(f->quantizer);
        assert_contains(f->error.message, "expected");
    }
    override.weights = RTV_AS_ELSEWHERE;
    override.reserved[3] = 1;
    assert_int_equal(rtv_quantizer_create(f->model, &bad[count - 1], &f->quantizer, &f->error), RTV_E_UNSUPPORTED);
    override.reserved[3] = 0;
    override.scope.reserved2[1] = 1;
    assert_int_equal(rtv_quantizer_create(f->model, &bad[count - 1], &f->quantizer, &f->error), RTV_E_UNSUPPORTED);
    assert_contains(f->error.message, "overrides[0]: reserved");
    override.scope.reserved2[1] = 0;
    override.scope.text = "a\nb";
    assert_int_equal(rtv_quantizer_create(f->model, &bad[count - 1], &f->quantizer, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "overrides[0]: got \"a?b\"");
}

static void scopes_that_match_nothing(void **state) {
    fixture *f = *state;
    static const char *const none[] = {
        "{\"ignored\":[{\"name\":\"conv\"}]}",
        "{\"ignored\":[{\"regex\":\"layer9.*\"}]}",
        "{\"ignored\":[{\"op\":\"conv\"},{\"op\":\"relu\"}]}", /* fused: no layer of its own */
        "{\"ignored\":[{\"subgraph\":[\"concat\",\"conv1\"]}]}",
        "{\"overrides\":[{\"name\":\"nobody\",\"weights\":\"nearest\"}]}",
    };
    rtv_quantizer_options options;
    rtv_quantizer_options_init(&options);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        options.json = none[i];
        options.relaxed_scopes = 0;
        if (rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error) != RTV_E_NOT_FOUND) fail_msg("%s", none[i]);
        assert_contains(f->error.message, "which matches nothing");
        options.relaxed_scopes = 1;
        assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
        rtv_quantizer_free(f->quantizer);
        f->quantizer = NULL;
    }
    options.json = "{\"ignored\":[{\"regex\":\"(\"}]}";
    assert_int_equal(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "got expression \"(\"");
}

static void what_is_missing(void **state) {
    fixture *f = *state;
    rtv_model *model = NULL;
    char text[8];
    uint64_t size = 0;
    assert_int_equal(rtv_quantizer_create(NULL, NULL, &f->quantizer, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_create(f->model, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    begin(f, NULL);
    assert_int_equal(rtv_quantizer_add(NULL, f->pictures, 1, NULL, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_add(f->quantizer, NULL, 1, NULL, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, -1, NULL, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_add(f->quantizer, NULL, 0, NULL, NULL, NULL, NULL), RTV_OK);
    assert_int_equal(rtv_quantizer_add_from(f->quantizer, NULL, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_configure(NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_finish(NULL, NULL, &model, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_save_statistics(f->quantizer, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_settings(f->quantizer, NULL, 1, NULL, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_quantizer_settings(f->quantizer, text, sizeof text, &size, &f->error), RTV_E_BUFFER_TOO_SMALL);
    assert_true(size > sizeof text);
    assert_string_equal(text, "{\"prese");
    rtv_quantizer_free(NULL);
}

static void a_child_process_is_told(void **state) {
    fixture *f = *state;
    int code = -1;
    pid_t child;
    begin(f, NULL);
    child = fork();
    if (child == 0) {
        rtv_model *model = NULL;
        _exit(rtv_quantizer_finish(f->quantizer, NULL, &model, NULL) == RTV_E_FORKED ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &code, 0), child);
    assert_int_equal(code, 0);
}

/* Whatever allocation fails, the error says so and nothing is lost. */
static void memory_is_short(void **state) {
    const fixture *f = *state;
    test_heap heap = {0, 0, 0};
    const rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    long step = 1;
    for (long at = 1;; at += step) {
        rtv_runtime *runtime = make_runtime(1, &allocator);
        rtv_model *model = import_toy(runtime, RTV_EXECUTOR_REFERENCE), *quantized = NULL;
        rtv_quantizer *quantizer = NULL;
        rtv_quantizer_options options;
        rtv_error error;
        const long before = heap.live;
        int32_t status;
        rtv_quantizer_options_init(&options);
        options.json = "{\"ignored\":[{\"regex\":\"layer2.*conv1\"}],\"overrides\":[{\"op\":\"linear\",\"weights\":\"pair_safe\"}]}";
        heap.calls = 0;
        heap.fail_at = at;
        status = rtv_quantizer_create(model, &options, &quantizer, &error);
        if (status == RTV_OK) status = rtv_quantizer_add(quantizer, f->pictures, 2, NULL, NULL, NULL, &error);
        if (status == RTV_OK) status = rtv_quantizer_finish(quantizer, NULL, &quantized, &error);
        heap.fail_at = 0;
        if (status != RTV_OK && status != RTV_E_OUT_OF_MEMORY && status != RTV_E_IO) fail_msg("allocation %ld: %s", at, error.message);
        rtv_quantizer_free(quantizer);
        rtv_model_free(quantized);
        if (status != RTV_OK && heap.live > before + 8) fail_msg("allocation %ld: %ld blocks more", at, heap.live - before); /* threads */
        rtv_model_free(model);
        rtv_runtime_free(runtime);
        assert_int_equal(heap.live, 0);
        if (status == RTV_OK) break;
        step = 1 + at / 12; /* close together at first, where each is another place; loops later */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_comes_close_and_both_executors_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(saved_and_loaded_it_gives_the_same_bits, setup, teardown),
        cmocka_unit_test_setup_teardown(any_number_of_threads_gives_the_same_model, setup, teardown),
        cmocka_unit_test_setup_teardown(other_settings_for_the_same_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(pictures_can_follow_later, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_picture_is_skipped_and_named, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_pictures_than_agreed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_source_gives_the_same_as_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(progress_cancel_and_second_callers, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_comes_of_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_quantized_model_is_not_quantized_again, setup, teardown),
        cmocka_unit_test_setup_teardown(activations_that_are_not_finite, setup, teardown),
        cmocka_unit_test_setup_teardown(activations_that_do_not_vary, setup, teardown),
        cmocka_unit_test_setup_teardown(out_of_range, setup, teardown),
        cmocka_unit_test_setup_teardown(scopes_that_match_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_child_process_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_is_short, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
