/* test_flat_query.c - searches by id, by a blend, in a range and with filters, against brute force. */
#include "flat_world.h"

static rtv_error error;

typedef int (*takes_fn)(const world *w, size_t i, const void *arg);

/* What is asked for, by the definition; k 0 for all. hits has room for all items. */
static size_t brute_force(const world *w, const float *query, float min_score, takes_fn takes, const void *arg, rtv_hit *hits) {
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        const float score = test_canonical_dot(query, w->vectors + i * w->dim, w->dim);
        if (score >= min_score && (!takes || takes(w, i, arg))) hits[n++] = (rtv_hit){w->ids[i], score, w->classes[i]};
    }
    qsort(hits, n, sizeof *hits, world_by_rank);
    return n;
}

static void expect(const rtv_hit *hits, int64_t num, size_t k, const rtv_hit *expected, size_t n) {
    assert_int_equal(num, n < k ? n : k);
    assert_memory_equal(hits, expected, (size_t)num * sizeof *hits);
    for (size_t i = (size_t)num; i < k; i++) assert_int_equal(hits[i].id, -1);
}

static int is_other(const world *w, size_t i, const void *arg) { return w->ids[i] != *(const int64_t *)arg; }

static void by_id(void **state) {
    enum { COUNT = 5, K = 7 };
    world w;
    rtv_hit hits[COUNT * K], *expected;
    int64_t ids[COUNT], num[COUNT];
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 20, 300, 0, 3);
    expected = malloc(w.count * sizeof *expected);
    for (size_t i = 0; i < COUNT; i++) ids[i] = w.ids[i * 41];
    assert_int_equal(rtvi_flat_search_ids(w.flat, w.teams[1], ids, COUNT, K, &o, hits, num, &error), RTV_OK);
    for (size_t i = 0; i < COUNT; i++) {
        const size_t n = brute_force(&w, w.vectors + i * 41 * w.dim, -INFINITY, is_other, &ids[i], expected);
        expect(hits + i * K, num[i], K, expected, n);
    }
    ids[3] = 1 + 5 * 10000;
    assert_int_equal(rtvi_flat_search_ids(w.flat, NULL, ids, COUNT, K, &o, hits, num, &error), RTV_E_NOT_FOUND);
    assert_contains(error.message, "50001");
    assert_int_equal(rtvi_flat_search_ids(w.flat, NULL, ids, -1, K, &o, hits, num, &error), RTV_E_INVALID_ARGUMENT);
    o.exclude_ids = ids;
    assert_int_equal(rtvi_flat_search_ids(w.flat, NULL, ids, 1, K, &o, hits, num, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "exclude_ids");
    free(expected);
    world_free(&w);
}

static int is_not_named(const world *w, size_t i, const void *arg) {
    const rtv_blend *b = arg;
    for (int64_t j = 0; j < b->num_ids; j++)
        if (w->ids[i] == b->ids[j]) return 0;
    return 1;
}

/* The sum as rtv_blend tells it. */
static void blend_by_definition(const world *w, const rtv_blend *b, const size_t *rows, float *query) {
    double sum[64] = {0}, length = 0;
    for (size_t j = 0; j < w->dim; j++) {
        for (int64_t i = 0; i < b->num_vectors; i++) sum[j] += (double)b->vector_weights[i] * (double)b->vectors[(size_t)i * w->dim + j];
        for (int64_t i = 0; i < b->num_ids; i++)
            sum[j] += (b->id_weights ? (double)b->id_weights[i] : 1) * (double)w->vectors[rows[i] * w->dim + j];
        length += sum[j] * sum[j];
    }
    for (size_t j = 0; j < w->dim; j++) query[j] = (float)(b->keep_length ? sum[j] : sum[j] / sqrt(length));
}

static void blends(void **state) {
    enum { K = 9 };
    static const float vector_weights[] = {1.5F, -0.5F}, id_weights[] = {-1.0F, 0.25F, 2.0F};
    static const size_t rows[] = {7, 100, 211};
    world w;
    float query[64];
    rtv_hit hits[K], *expected;
    int64_t ids[3], num;
    rtv_search_options o = test_search_options();
    rtv_blend b = {.struct_size = sizeof b, .keep_length = 1, .num_vectors = 2, .vector_weights = vector_weights, .num_ids = 3, .ids = ids};
    (void)state;
    world_make(&w, 20, 300, 0, 3);
    expected = malloc(w.count * sizeof *expected);
    b.vectors = w.vectors + 50 * w.dim;
    b.id_weights = id_weights;
    for (size_t i = 0; i < 3; i++) ids[i] = w.ids[rows[i]];
    for (b.keep_items = 0; b.keep_items < 2; b.keep_items++) { /* the sum as it is: the same bits */
        blend_by_definition(&w, &b, rows, query);
        assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, K, &o, hits, &num, &error), RTV_OK);
        expect(hits, num, K, expected, brute_force(&w, query, -INFINITY, b.keep_items ? NULL : is_not_named, &b, expected));
    }
    b.keep_items = b.keep_length = 0;
    b.id_weights = NULL;
    blend_by_definition(&w, &b, rows, query);
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, K, &o, hits, &num, &error), RTV_OK);
    brute_force(&w, query, -INFINITY, is_not_named, &b, expected);
    for (size_t i = 0; i < K; i++) /* the length is rounded here and there */
        assert_true(hits[i].id == expected[i].id && fabsf(hits[i].score - expected[i].score) < 1e-5F);
    free(expected);
    world_free(&w);
}

static void blends_refused(void **state) {
    static const float huge[] = {3e38F, 3e38F, 3e38F, 3e38F}, nothing[4] = {0}, weights[] = {1.0F, NAN};
    world w;
    rtv_hit hit;
    int64_t num, id = 12345678;
    rtv_search_options o = test_search_options();
    rtv_blend b = {.struct_size = sizeof b};
    (void)state;
    world_make(&w, 4, 30, 0, 3);
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
    b.num_vectors = 1;
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
    b.vectors = huge;
    b.vector_weights = weights + 1;
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "weight 0");
    b.vector_weights = (const float[]){8.0F};
    b.keep_length = 1;
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "fit float32");
    b.keep_length = 0;
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_OK);
    b.vectors = nothing; /* a zero sum stays zero */
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_OK);
    assert_true(hit.score == 0.0F);
    b.num_ids = 1;
    b.ids = &id;
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error), RTV_E_NOT_FOUND);
    assert_int_equal(rtvi_flat_search_blend(w.flat, NULL, &b, 0, &o, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
    for (long fail_at = 1, failed = 1; failed; fail_at++) {
        b.num_ids = 0;
        w.heap.fail_at = w.heap.calls + fail_at;
        failed = rtvi_flat_search_blend(w.flat, NULL, &b, 1, &o, &hit, &num, &error) == RTV_E_OUT_OF_MEMORY;
        w.heap.fail_at = 0;
        assert_true(fail_at < 10);
    }
    world_free(&w);
}

/* --- filters ------------------------------------------------------------------------------------------------------------------------- */

static int is_allowed(const world *w, size_t i, const void *arg) {
    const rtv_search_options *o = arg;
    int listed = o->only_ids == NULL;
    if (o->class_id >= 0 && w->classes[i] != o->class_id) return 0;
    for (int64_t j = 0; j < o->num_only_ids && !listed; j++) listed = o->only_ids[j] == w->ids[i];
    if (!listed) return 0;
    return !o->only_bits || (w->ids[i] < o->num_only_bits && (o->only_bits[w->ids[i] / 8] >> (w->ids[i] % 8) & 1));
}

static void compare(world *w, const float *queries, size_t count, size_t k, const rtv_search_options *o) {
    rtv_hit *hits = malloc(count * k * sizeof *hits), *expected = malloc((w->count + 1) * sizeof *expected);
    int64_t *num = malloc(count * sizeof *num);
    for (size_t at = 0; at < WORLD_ISAS * 2 && world_isas[at / 2] <= rtvi_cpu_isa(); at++) {
        w->env.isa = world_isas[at / 2];
        assert_int_equal(
            rtvi_flat_search(w->flat, at % 2 ? w->teams[1] : NULL, queries, (int64_t)count, (int64_t)k, o, NULL, hits, num, &error),
            RTV_OK);
        for (size_t q = 0; q < count; q++)
            expect(hits + q * k, num[q], k, expected, brute_force(w, queries + q * w->dim, o->min_score, is_allowed, o, expected));
    }
    free(hits);
    free(expected);
    free(num);
}

static void lists_and_bitmaps(void **state) {
    world w;
    uint8_t bits[200];
    int64_t ids[60] = {-5, INT64_MAX};
    uint64_t seed = 8;
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 30, 1500, 0, 3);
    for (size_t i = 0; i < sizeof bits; i++) bits[i] = (uint8_t)test_random(&seed);
    for (size_t i = 2; i < 60; i++) ids[i] = w.ids[i * 24]; /* some twice is no matter */
    ids[59] = ids[58];
    o.only_bits = bits;
    o.num_only_bits = 8 * sizeof bits - 3;
    compare(&w, w.vectors, 20, 10, &o);
    o.only_ids = ids;
    o.num_only_ids = 60;
    compare(&w, w.vectors, 3, 10, &o);
    o.class_id = 1;
    compare(&w, w.vectors, 3, 10, &o);
    o.only_bits = NULL;
    o.class_id = -1;
    compare(&w, w.vectors, 60, 100, &o);
    o.num_only_ids = 0;
    compare(&w, w.vectors, 2, 3, &o);
    o.num_only_ids = -1;
    {
        rtv_hit hit;
        int64_t num;
        assert_int_equal(rtvi_flat_search(w.flat, NULL, w.vectors, 1, 1, &o, NULL, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
        assert_contains(error.message, "num_only_ids");
        o.only_ids = NULL;
        o.only_bits = bits;
        o.num_only_bits = -1;
        assert_int_equal(rtvi_flat_search(w.flat, NULL, w.vectors, 1, 1, &o, NULL, &hit, &num, &error), RTV_E_INVALID_ARGUMENT);
        assert_contains(error.message, "num_only_bits");
    }
    world_free(&w);
}

/* Remembers what it was asked, and in which order. */
typedef struct asked {
    const world *w;
    int64_t share; /* takes ids that are no multiple of it */
    int64_t calls, query;
    float last;
} asked;

static int is_shared(const world *w, size_t i, const void *arg) { return w->ids[i] / 5 % ((const asked *)arg)->share != 0; }

static int32_t ask(void *user, int64_t query, const rtv_hit *hit) {
    asked *a = user;
    if (query != a->query) a->last = INFINITY;
    assert_true(query >= a->query && hit->score <= a->last);
    a->query = query;
    a->last = hit->score;
    a->calls++;
    return hit->id / 5 % a->share != 0;
}

static int is_rare(const world *w, size_t i, const void *arg) { return (void)arg, w->ids[i] / 5 % 97 == 0; }

static int32_t ask_rare(void *user, int64_t query, const rtv_hit *hit) {
    (void)user, (void)query;
    return hit->id / 5 % 97 == 0;
}

static void callers_filter(void **state) {
    enum { COUNT = 6, K = 12 };
    world w;
    rtv_hit hits[COUNT * K], *expected;
    int64_t num[COUNT], rejected = 0;
    asked a = {.share = 2, .query = -1};
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 30, 800, 0, 3);
    expected = malloc(w.count * sizeof *expected);
    o.filter = ask;
    o.filter_user = &a;
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], w.vectors, COUNT, K, &o, NULL, hits, num, &error), RTV_OK);
    for (size_t q = 0; q < COUNT; q++) {
        const float *query = w.vectors + q * w.dim;
        expect(hits + q * K, num[q], K, expected, brute_force(&w, query, -INFINITY, is_shared, &a, expected));
        brute_force(&w, query, -INFINITY, NULL, NULL, expected);
        for (size_t i = 0; expected[i].id != hits[q * K + K - 1].id; i++) rejected += expected[i].id / 5 % a.share == 0;
    }
    assert_int_equal(a.calls, COUNT * K + rejected); /* nobody else was asked */
    o.filter = ask_rare;
    o.min_score = -2.0F;
    assert_int_equal(rtvi_flat_search(w.flat, NULL, w.vectors, COUNT, K, &o, NULL, hits, num, &error), RTV_OK);
    for (size_t q = 0; q < COUNT; q++)
        expect(hits + q * K, num[q], K, expected, brute_force(&w, w.vectors + q * w.dim, -2.0F, is_rare, NULL, expected));
    free(expected);
    world_free(&w);
}

typedef struct watch {
    int64_t calls, stop_at;
} watch;

static int32_t watch_progress(void *user, int64_t done, int64_t total) {
    watch *w = user;
    assert_int_equal(done, ++w->calls);
    assert_true(done <= total);
    return done == w->stop_at;
}

/* Batches in parts; more hits than the first search of a query gives. */
static void callers_filter_of_many(void **state) {
    enum { COUNT = 90, K = 400 };
    world w;
    rtv_hit *hits = malloc(COUNT * K * sizeof *hits), *expected;
    int64_t num[COUNT];
    asked a = {.share = 2, .query = -1};
    watch seen = {0};
    rtv_search_options o = test_search_options();
    (void)state;
    world_make(&w, 20, 6600, 0, 3);
    expected = malloc(w.count * sizeof *expected);
    o.filter = ask;
    o.filter_user = &a;
    o.progress = watch_progress;
    o.progress_user = &seen;
    o.exclude_ids = w.ids;
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], w.vectors, COUNT, K, &o, NULL, hits, num, &error), RTV_OK);
    assert_int_equal(seen.calls, COUNT);
    for (size_t q = 0; q < COUNT; q++) {
        size_t n = brute_force(&w, w.vectors + q * w.dim, -INFINITY, is_shared, &a, expected), kept = 0;
        for (size_t i = 0; i < n; i++)
            if (expected[i].id != w.ids[q]) expected[kept++] = expected[i];
        expect(hits + q * K, num[q], K, expected, kept);
    }
    a.query = -1;
    seen = (watch){0, 3};
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], w.vectors, COUNT, K, &o, NULL, hits, num, &error), RTV_E_CANCELLED);
    assert_int_equal(a.query, 2); /* nobody was asked after it */
    o = test_search_options();
    o.filter = ask_rare;
    assert_int_equal(rtvi_flat_search(w.flat, w.teams[1], w.vectors, COUNT, 5, &o, NULL, hits, num, &error), RTV_OK);
    for (size_t q = 0; q < COUNT; q++)
        expect(hits + q * 5, num[q], 5, expected, brute_force(&w, w.vectors + q * w.dim, -INFINITY, is_rare, NULL, expected));
    free(expected);
    free(hits);
    world_free(&w);
}

/* --- ranges --------------------------------------------------------------------------------------------------------------------------- */

typedef struct ranges {
    const world *w;
    const float *queries;
    float min_score;
    const int64_t *exclude;
    int64_t next, stop_at;
} ranges;

static int32_t in_range(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    ranges *r = user;
    rtv_hit *expected = malloc((r->w->count + 1) * sizeof *expected);
    const size_t n = brute_force(r->w, r->queries + (size_t)query * r->w->dim, r->min_score, r->exclude ? is_other : NULL,
                                 r->exclude ? r->exclude + query : NULL, expected);
    assert_int_equal(query, r->next++);
    assert_int_equal(count, n);
    assert_memory_equal(hits, expected, n * sizeof *hits);
    free(expected);
    return r->next == r->stop_at;
}

static void in_ranges(void **state) {
    world w;
    rtv_search_options o = test_search_options();
    ranges r;
    (void)state;
    world_make(&w, 24, 700, 0, 3);
    for (int round = 0; round < 4; round++) {
        for (int64_t count = 1; count < 300; count += 149) { /* one, some blocks */
            r = (ranges){&w, w.vectors, round % 2 ? 0.5F : -INFINITY, round > 1 ? w.ids : NULL, 0, 0};
            o.min_score = r.min_score;
            o.exclude_ids = r.exclude;
            assert_int_equal(rtvi_flat_search_range(w.flat, w.teams[1], w.vectors, count, &o, in_range, &r, &error), RTV_OK);
            assert_int_equal(r.next, count);
        }
    }
    r.next = 0;
    r.stop_at = 3;
    assert_int_equal(rtvi_flat_search_range(w.flat, NULL, w.vectors, 8, &o, in_range, &r, &error), RTV_E_CANCELLED);
    assert_int_equal(r.next, 3);
    assert_int_equal(rtvi_flat_search_range(w.flat, NULL, w.vectors, -1, &o, in_range, &r, &error), RTV_E_INVALID_ARGUMENT);
    world_free(&w);
}

/* --- memory that is not there --------------------------------------------------------------------------------------------------------- */

static int32_t count_hits(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    (void)query;
    assert_non_null(hits);
    *(int64_t *)user += count;
    return 0;
}

/* One of the searches, which all have hits. */
static int32_t any_search(world *w, int which) {
    rtv_search_options o = test_search_options();
    const rtv_blend b = {.struct_size = sizeof b, .ids = w->ids + 1, .num_ids = 2};
    rtv_hit hits[6];
    int64_t num[2], all = 0;
    int32_t status;
    if (which == 0) {
        status = rtvi_flat_search_range(w->flat, NULL, w->vectors, 2, &o, count_hits, &all, &error);
        if (status == RTV_OK) assert_int_equal(all, 2 * w->count);
        return status;
    }
    if (which == 1) return rtvi_flat_search_ids(w->flat, NULL, w->ids, 2, 3, &o, hits, num, &error);
    o.only_ids = w->ids;
    o.num_only_ids = 20;
    if (which == 2) return rtvi_flat_search_blend(w->flat, NULL, &b, 3, &o, hits, num, &error);
    o.filter = ask_rare; /* most of what a first search gives is refused */
    return rtvi_flat_search(w->flat, NULL, w->vectors, 2, 3, &o, NULL, hits, num, &error);
}

static void failing_allocations(void **state) {
    (void)state;
    for (int which = 0; which < 4; which++) {
        long failed = 0;
        int passed = 0;
        for (long fail_at = 1; !passed; fail_at++) {
            world w;
            int32_t status;
            world_make(&w, 6, 400, 0, 3);
            w.heap.fail_at = w.heap.calls + fail_at;
            status = any_search(&w, which);
            passed = w.heap.fail_at > w.heap.calls;
            w.heap.fail_at = 0;
            assert_int_equal(error.status, status);
            if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY); /* it does without a table of ids */
            failed += status != RTV_OK;
            assert_int_equal(any_search(&w, which), RTV_OK);
            world_free(&w); /* nothing is left */
        }
        assert_true(failed > 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_id),          cmocka_unit_test(blends),
        cmocka_unit_test(blends_refused), cmocka_unit_test(lists_and_bitmaps),
        cmocka_unit_test(callers_filter), cmocka_unit_test(callers_filter_of_many),
        cmocka_unit_test(in_ranges),      cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
