/* test_flat_search.c - exact search against brute force in the canonical formula, bit for bit: instruction sets, threads, filters, ties. */
#include <fenv.h>
#include <pthread.h>
#include <unistd.h>

#include "flat_world.h"

/* One query's hits[k], and how many. */
static int64_t brute_force(const world *w, const float *query, size_t k, const rtv_search_options *o, int32_t predicted, int64_t exclude,
                           rtv_hit *hits) {
    rtv_hit *all = malloc((w->count + 1) * sizeof *all);
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        const float score = test_canonical_dot(query, w->vectors + i * w->dim, w->dim);
        if (o->class_id >= 0 && w->classes[i] != o->class_id) continue;
        if (predicted >= 0 && w->predicted[i] != predicted) continue;
        if (score < o->min_score || w->ids[i] == exclude) continue;
        all[n++] = (rtv_hit){w->ids[i], score, w->classes[i]};
    }
    qsort(all, n, sizeof *all, world_by_rank);
    for (size_t i = 0; i < k; i++) hits[i] = i < n ? all[i] : (rtv_hit){-1, -INFINITY, -1};
    free(all);
    return (int64_t)(n < k ? n : k);
}

static void compare(world *w, const float *queries, size_t count, size_t k, const rtv_search_options *o, const int32_t *predicted) {
    rtv_hit *expected = malloc(count * k * sizeof *expected), *hits = malloc(count * k * sizeof *hits);
    int64_t *expected_num = malloc(count * sizeof *expected_num), *num = malloc(count * sizeof *num);
    for (size_t q = 0; q < count; q++)
        expected_num[q] = brute_force(w, queries + q * w->dim, k, o, predicted ? predicted[q] : o->predicted_class,
                                      o->exclude_ids ? o->exclude_ids[q] : -1, expected + q * k);
    for (size_t i = 0; i < WORLD_ISAS && world_isas[i] <= rtvi_cpu_isa(); i++) {
        w->env.isa = world_isas[i];
        for (size_t t = 0; t < 3; t++) {
            rtv_error error;
            rtvi_team *team = t < 2 ? w->teams[t] : NULL;
            memset(hits, 0x77, count * k * sizeof *hits);
            memset(num, 0x77, count * sizeof *num);
            assert_int_equal(rtvi_flat_search(w->flat, team, queries, (int64_t)count, (int64_t)k, o, predicted, hits, num, &error), RTV_OK);
            assert_int_equal(error.status, RTV_OK);
            assert_memory_equal(num, expected_num, count * sizeof *num);
            assert_memory_equal(hits, expected, count * k * sizeof *hits);
        }
    }
    free(expected);
    free(expected_num);
    free(hits);
    free(num);
}

static float *make_queries(const world *w, size_t count, int coarse, uint64_t seed) {
    float *queries = malloc(count * w->dim * sizeof *queries);
    test_random_vectors(&seed, queries, count * w->dim, coarse);
    if (count > 2) memset(queries + 2 * w->dim, 0, w->dim * sizeof *queries); /* every score ties at zero */
    if (count > 1 && w->count > 0) memcpy(queries + w->dim, w->vectors, w->dim * sizeof *queries);
    return queries;
}

static void all_filters(world *w, size_t count, size_t k, int coarse) {
    float *queries = make_queries(w, count, coarse, 99);
    int64_t *exclude = malloc(count * sizeof *exclude);
    int32_t *predicted = malloc(count * sizeof *predicted), *alike = malloc(count * sizeof *alike);
    rtv_search_options o = test_search_options();
    for (size_t q = 0; q < count; q++) {
        exclude[q] = w->count && q % 3 ? w->ids[q % w->count] : -1;
        predicted[q] = (int32_t)(q % 4) - 1;
        alike[q] = 2;
    }
    compare(w, queries, count, k, &o, NULL);
    o.exclude_ids = exclude;
    compare(w, queries, count, k, &o, NULL);
    o.min_score = 0.0F;
    compare(w, queries, count, k, &o, NULL);
    compare(w, queries, count, k, &o, predicted);
    o.class_id = 2;
    compare(w, queries, count, k, &o, alike);
    o.predicted_class = 1;
    compare(w, queries, count, k, &o, NULL);
    o.class_id = 77; /* nobody's */
    compare(w, queries, count, k, &o, NULL);
    free(queries);
    free(exclude);
    free(predicted);
    free(alike);
}

static void small_galleries(void **state) {
    static const size_t counts[] = {0, 1, 2, 5, 63, 64, 65, 300}, dims[] = {1, 3, 8, 31}, ks[] = {1, 10, 400};
    (void)state;
    for (size_t c = 0; c < 8; c++) {
        for (size_t d = 0; d < 4; d++) {
            world w;
            world_make(&w, dims[d], counts[c], (int)(d % 2), 5 + c);
            for (size_t k = 0; k < 3; k++) all_filters(&w, 1 + (c + d) % 14, ks[k], (int)(d % 2));
            world_free(&w);
        }
    }
}

/* Enough work for threads, items, several blocks of rows and of queries. */
static void large_gallery(void **state) {
    world w;
    (void)state;
    world_make(&w, 96, 2500, 0, 11);
    all_filters(&w, 101, 10, 0);
    all_filters(&w, 1, 2500, 0);
    world_free(&w);
}

static void large_gallery_of_ties(void **state) {
    world w;
    (void)state;
    world_make(&w, 24, 3000, 1, 12);
    all_filters(&w, 50, 100, 1);
    world_free(&w);
}

static void wide_vectors(void **state) {
    world w;
    (void)state;
    world_make(&w, 65536, 70, 0, 13);
    all_filters(&w, 2, 10, 0);
    world_free(&w);
}

/* So large a k that the heaps of few queries fill their share of memory. */
static void large_k(void **state) {
    world w;
    float *queries;
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 4, 60000, 1, 14);
    queries = make_queries(&w, 4, 1, 15);
    compare(&w, queries, 4, 60001, &o, NULL);
    free(queries);
    world_free(&w);
}

/* Scores do not depend on the floating-point settings that a caller has for its own purposes. */
static void callers_settings_do_not_matter(void **state) {
    world w;
    float *queries;
    const int rounding = fegetround();
    rtv_search_options o = test_search_options();
    rtv_hit plain[30], other[30];
    int64_t num[3];
    (void)state;
    world_make(&w, 64, 900, 0, 16);
    queries = make_queries(&w, 3, 0, 17);
    for (size_t i = 0; i < 64; i++) queries[i] = 1e-42F; /* a denormal */
    assert_int_equal(rtvi_flat_search(w.flat, NULL, queries, 3, 10, &o, NULL, plain, num, NULL), RTV_OK);
    fesetround(FE_UPWARD);
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u); /* flush to zero, denormals are zero */
#endif
    assert_int_equal(rtvi_flat_search(w.flat, NULL, queries, 3, 10, &o, NULL, other, num, NULL), RTV_OK);
    assert_int_equal(fegetround(), FE_UPWARD);
#if defined(__x86_64__)
    assert_int_equal(__builtin_ia32_stmxcsr() & 0x8040u, 0x8040u);
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x8040u);
#endif
    fesetround(rounding);
    assert_memory_equal(plain, other, sizeof plain);
    assert_true(plain[0].score > 0.0F);
    free(queries);
    world_free(&w);
}

static void bad_arguments(void **state) {
    world w;
    float queries[6] = {0};
    rtv_hit hits[4];
    int64_t num[2];
    rtv_error error;
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 3, 20, 0, 21);
#define REFUSED(count, k)                                                                                                         \
    do {                                                                                                                          \
        memset(hits, 0x55, sizeof hits);                                                                                          \
        assert_int_equal(rtvi_flat_search(w.flat, NULL, queries, count, k, &o, NULL, hits, num, &error), RTV_E_INVALID_ARGUMENT); \
        assert_int_equal(error.status, RTV_E_INVALID_ARGUMENT);                                                                   \
        assert_int_equal(((unsigned char *)hits)[0], 0x55);                                                                       \
    } while (0)
    REFUSED(-1, 1);
    assert_contains(error.message, "count: got -1");
    REFUSED(1, 0);
    assert_contains(error.message, "k: got 0");
    REFUSED(2, INT64_MAX / 4);
    assert_contains(error.message, "k: got");
    REFUSED(INT64_MAX, 1);
    queries[4] = NAN;
    REFUSED(2, 2);
    assert_contains(error.message, "query 1: got nan at position 1");
    queries[4] = INFINITY;
    REFUSED(2, 2);
    assert_contains(error.message, "query 1: got inf");
    queries[4] = 0;
    o.class_id = -2;
    REFUSED(1, 1);
    assert_contains(error.message, "class_id: got -2");
    o.class_id = -1;
    o.predicted_class = -2;
    REFUSED(1, 1);
    assert_contains(error.message, "predicted_class: got -2");
    o.predicted_class = -1;
    o.min_score = NAN;
    REFUSED(1, 1);
    assert_contains(error.message, "min_score");
    o.min_score = -INFINITY;
    assert_int_equal(rtvi_flat_search(w.flat, NULL, queries, 0, 1, &o, NULL, hits, num, &error), RTV_OK);
    world_free(&w);
}

typedef struct watch {
    pthread_t caller;
    int64_t calls, last, total, stop_after;
} watch;

static int32_t watch_progress(void *user, int64_t done, int64_t total) {
    watch *seen = user;
    assert_true(pthread_equal(pthread_self(), seen->caller));
    assert_true(done >= seen->last && done <= total);
    seen->last = done;
    seen->total = total;
    return ++seen->calls == seen->stop_after;
}

static void progress_and_cancelling(void **state) {
    world w;
    float *queries;
    rtv_hit *hits = malloc(1000 * 10 * sizeof *hits);
    int64_t num[1000];
    rtv_error error;
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 96, 3000, 0, 31);
    queries = make_queries(&w, 1000, 0, 32); /* three blocks */
    for (int32_t t = 0; t < 3; t++) {
        watch seen = {.caller = pthread_self()};
        rtvi_team *team = t < 2 ? w.teams[t] : NULL;
        o.progress = watch_progress;
        o.progress_user = &seen;
        assert_int_equal(rtvi_flat_search(w.flat, team, queries, 1000, 10, &o, NULL, hits, num, &error), RTV_OK);
        assert_int_equal(seen.last, 1000);
        assert_int_equal(seen.total, 1000);
        assert_true(seen.calls >= 3);
        seen = (watch){.caller = pthread_self(), .stop_after = 2};
        assert_int_equal(rtvi_flat_search(w.flat, team, queries, 1000, 10, &o, NULL, hits, num, &error), RTV_E_CANCELLED);
        assert_int_equal(error.status, RTV_E_CANCELLED);
        assert_int_equal(seen.calls, 2);
    }
    o.progress = NULL;
    compare(&w, queries, 100, 10, &o, NULL); /* and the index is as good as before */
    free(queries);
    free(hits);
    world_free(&w);
}

static void a_search_like_the_last_allocates_nothing(void **state) {
    world w;
    float *queries;
    rtv_hit hits[70];
    int64_t num[7];
    long calls;
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 96, 8000, 0, 41);
    queries = make_queries(&w, 7, 0, 42);
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], queries, 7, 10, &o, NULL, hits, num, NULL), RTV_OK);
    calls = w.heap.calls;
    for (int i = 0; i < 5; i++) assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], queries, 7, 10, &o, NULL, hits, num, NULL), RTV_OK);
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], queries, 3, 5, &o, NULL, hits, num, NULL), RTV_OK);
    assert_int_equal(w.heap.calls, calls);
    free(queries);
    world_free(&w);
}

static void failing_allocations(void **state) {
    (void)state;
    for (long fail_at = 1;; fail_at++) {
        world w;
        float queries[3] = {1, 2, 3};
        rtv_hit hits[4];
        int64_t num[1];
        rtv_error error;
        int32_t status;
        rtv_search_options o = test_search_options();
        world_make(&w, 3, 20, 0, 51);
        w.heap.fail_at = w.heap.calls + fail_at;
        status = rtvi_flat_search(w.flat, NULL, queries, 1, 4, &o, NULL, hits, num, &error);
        w.heap.fail_at = 0;
        assert_int_equal(error.status, status);
        if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        assert_int_equal(rtvi_flat_search(w.flat, NULL, queries, 1, 4, &o, NULL, hits, num, &error), RTV_OK);
        world_free(&w);
        if (status == RTV_OK) break;
        assert_true(fail_at < 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_galleries),
        cmocka_unit_test(large_gallery),
        cmocka_unit_test(large_gallery_of_ties),
        cmocka_unit_test(wide_vectors),
        cmocka_unit_test(large_k),
        cmocka_unit_test(callers_settings_do_not_matter),
        cmocka_unit_test(bad_arguments),
        cmocka_unit_test(progress_and_cancelling),
        cmocka_unit_test(a_search_like_the_last_allocates_nothing),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
