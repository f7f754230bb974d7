/* test_flat_pairs.c - a set against itself: lists of neighbours and the stream of pairs, against brute force, bit for bit. */
#include "flat_world.h"

static int takes_part(const world *w, size_t i, const rtv_search_options *o) {
    if (o->class_id >= 0 && w->classes[i] != o->class_id) return 0;
    if (o->predicted_class >= 0 && w->predicted[i] != o->predicted_class) return 0;
    return !o->only_bits || (w->ids[i] < o->num_only_bits && (o->only_bits[w->ids[i] / 8] >> (w->ids[i] % 8) & 1));
}

/* An item's neighbours in order; returns how many. */
static size_t neighbors_of(const world *w, size_t item, const rtv_search_options *o, rtv_hit *hits) {
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++) {
        const float score = test_canonical_dot(w->vectors + item * w->dim, w->vectors + i * w->dim, w->dim);
        if (i != item && takes_part(w, i, o) && score >= o->min_score) hits[n++] = (rtv_hit){w->ids[i], score, w->classes[i]};
    }
    qsort(hits, n, sizeof *hits, world_by_rank);
    return n;
}

static void check_lists(world *w, rtvi_team *team, size_t k, const rtv_search_options *o, const rtv_hit *expected,
                        const size_t *num_expected) {
    int64_t *ids = malloc((w->count + 1) * sizeof *ids), *num = malloc((w->count + 1) * sizeof *num), count = -1, at = 0;
    rtv_hit *hits = malloc((w->count + 1) * k * sizeof *hits);
    rtv_error error;
    assert_int_equal(rtvi_flat_neighbors(w->flat, team, (int64_t)k, o, ids, hits, num, (int64_t)w->count, &count, &error), RTV_OK);
    for (size_t i = 0; i < w->count; i++) {
        if (!takes_part(w, i, o)) continue;
        assert_true(at < count);
        assert_int_equal(ids[at], w->ids[i]);
        assert_int_equal(num[at], num_expected[i] < k ? num_expected[i] : k);
        assert_memory_equal(hits + at * (int64_t)k, expected + i * w->count, (size_t)num[at] * sizeof *hits);
        for (size_t j = (size_t)num[at]; j < k; j++) assert_int_equal(hits[at * (int64_t)k + (int64_t)j].id, -1);
        at++;
    }
    assert_int_equal(at, count);
    if (count > 1) {
        assert_int_equal(rtvi_flat_neighbors(w->flat, team, (int64_t)k, o, ids, hits, num, count - 1, &count, &error),
                         RTV_E_BUFFER_TOO_SMALL);
        assert_int_equal(count, at);
    }
    free(ids);
    free(num);
    free(hits);
}

typedef struct seen {
    rtv_pair *pairs;
    size_t count, room, stop_at;
} seen;

static int32_t see(void *user, const rtv_pair *pairs, int64_t count) {
    seen *s = user;
    assert_true(count > 0 && s->count + (size_t)count <= s->room);
    memcpy(s->pairs + s->count, pairs, (size_t)count * sizeof *pairs);
    s->count += (size_t)count;
    return s->stop_at && s->count >= s->stop_at;
}

static size_t row_of(const world *w, int64_t id) {
    size_t i = 0;
    while (w->ids[i] != id) i++;
    return i;
}

/* Every pair once: as many as the lists have entries for two, and each of them in the right list. */
static void check_pairs(world *w, rtvi_team *team, const rtv_search_options *o, const size_t *num_expected, seen *first) {
    seen s = {.room = w->count * w->count + 1};
    uint8_t *met = calloc(w->count * w->count + 1, 1);
    size_t twice = 0;
    rtv_error error;
    s.pairs = malloc(s.room * sizeof *s.pairs);
    assert_int_equal(rtvi_flat_pairs(w->flat, team, o, see, &s, &error), RTV_OK);
    for (size_t i = 0; i < w->count; i++) twice += takes_part(w, i, o) ? num_expected[i] : 0;
    assert_int_equal(s.count * 2, twice);
    for (size_t i = 0; i < s.count; i++) {
        const size_t a = row_of(w, s.pairs[i].a), b = row_of(w, s.pairs[i].b);
        assert_true(a < b && !met[a * w->count + b] && takes_part(w, a, o) && takes_part(w, b, o));
        met[a * w->count + b] = 1;
        assert_int_equal(test_bits(s.pairs[i].score),
                         test_bits(test_canonical_dot(w->vectors + a * w->dim, w->vectors + b * w->dim, w->dim)));
        assert_true(s.pairs[i].score >= o->min_score);
    }
    if (first->pairs) { /* the order is always the same */
        assert_int_equal(s.count, first->count);
        assert_memory_equal(s.pairs, first->pairs, s.count * sizeof *s.pairs);
        free(s.pairs);
    } else {
        *first = s;
    }
    free(met);
}

static void all_ways(world *w, size_t k, const rtv_search_options *o) {
    rtv_hit *expected = malloc((w->count * w->count + 1) * sizeof *expected);
    size_t *num_expected = malloc((w->count + 1) * sizeof *num_expected);
    seen first = {0};
    for (size_t i = 0; i < w->count; i++) num_expected[i] = neighbors_of(w, i, o, expected + i * w->count);
    for (size_t at = 0; at < WORLD_ISAS * 3 && world_isas[at / 3] <= rtvi_cpu_isa(); at++) {
        rtvi_team *team = at % 3 ? w->teams[at % 3 - 1] : NULL;
        w->env.isa = world_isas[at / 3];
        check_lists(w, team, k, o, expected, num_expected);
        check_pairs(w, team, o, num_expected, &first);
    }
    free(first.pairs);
    free(expected);
    free(num_expected);
}

static void all_filters(size_t dim, size_t count, int coarse, size_t k) {
    world w;
    uint8_t bits[256];
    rtv_search_options o = test_search_options();
    world_make(&w, dim, count, coarse, 3 + count);
    memset(bits, 0x6d, sizeof bits);
    all_ways(&w, k, &o);
    o.min_score = 0.25F;
    all_ways(&w, k, &o);
    o.predicted_class = 1;
    all_ways(&w, k, &o);
    o.predicted_class = -1;
    o.only_bits = bits;
    o.num_only_bits = (int64_t)sizeof bits * 8;
    all_ways(&w, k, &o);
    world_free(&w);
}

static void small_sets(void **state) {
    (void)state;
    all_filters(3, 0, 0, 2);
    all_filters(3, 1, 0, 2);
    all_filters(8, 2, 1, 5);
    all_filters(19, 130, 0, 4);
    all_filters(4, 140, 1, 200);
}

/* More than a block of queries, of rows and of an item. */
static void larger_sets(void **state) {
    (void)state;
    all_filters(33, 640, 0, 10);
    all_filters(6, 600, 1, 3);
}

static void refused_and_stopped(void **state) {
    world w;
    rtv_search_options o = test_search_options();
    rtv_error error;
    rtv_pair pairs[64];
    seen s = {pairs, 0, 64, 1};
    rtv_hit hits[30];
    int64_t ids[30], num[30], count;
    (void)state;
    world_make(&w, 4, 10, 0, 3);
    o.exclude_ids = w.ids;
    assert_int_equal(rtvi_flat_pairs(w.flat, NULL, &o, see, &s, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "exclude_ids");
    assert_int_equal(rtvi_flat_neighbors(w.flat, NULL, 1, &o, ids, hits, num, 10, &count, &error), RTV_E_INVALID_ARGUMENT);
    o.exclude_ids = NULL;
    o.min_score = NAN;
    assert_int_equal(rtvi_flat_pairs(w.flat, NULL, &o, see, &s, &error), RTV_E_INVALID_ARGUMENT);
    o.min_score = -INFINITY;
    assert_int_equal(rtvi_flat_neighbors(w.flat, NULL, 0, &o, ids, hits, num, 10, &count, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_pairs(w.flat, NULL, &o, see, &s, &error), RTV_E_CANCELLED);
    assert_int_equal(error.status, RTV_E_CANCELLED);
    world_free(&w);
}

typedef struct progress {
    int64_t last, calls, stop_at;
} progress;

static int32_t watch(void *user, int64_t done, int64_t total) {
    progress *p = user;
    assert_true(done >= p->last && done <= total && total == 5000);
    p->last = done;
    p->calls++;
    return p->stop_at > 0 && done >= p->stop_at;
}

/* Told while a block of queries goes over the rows, not only after it. */
static void progress_within_a_block(void **state) {
    world w;
    rtv_search_options o = test_search_options();
    progress p = {0, 0, 0};
    rtv_error error;
    (void)state;
    world_make(&w, 4, 5000, 0, 3);
    o.min_score = INFINITY;
    o.progress = watch;
    o.progress_user = &p;
    assert_int_equal(rtvi_flat_pairs(w.flat, NULL, &o, see, NULL, &error), RTV_OK);
    assert_int_equal(p.last, 5000);
    assert_true(p.calls > 5000 / 96 + 1);
    p = (progress){0, 0, 20};
    assert_int_equal(rtvi_flat_pairs(w.flat, NULL, &o, see, NULL, &error), RTV_E_CANCELLED);
    assert_in_range(p.last, 20, 95); /* in the first block, of 96 */
    world_free(&w);
}

static int32_t either(world *w, int is_lists, const rtv_search_options *o) {
    rtv_pair pairs[64];
    seen s = {pairs, 0, 64, 0};
    rtv_hit hits[30];
    int64_t ids[10], num[10], count;
    rtv_error error;
    const int32_t status = is_lists ? rtvi_flat_neighbors(w->flat, NULL, 3, o, ids, hits, num, 10, &count, &error)
                                    : rtvi_flat_pairs(w->flat, NULL, o, see, &s, &error);
    assert_int_equal(error.status, status);
    return status;
}

static void failing_allocations(void **state) {
    const int64_t only[] = {0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50};
    (void)state;
    for (int way = 0; way < 4; way++) {
        rtv_search_options o = test_search_options();
        int passed = 0;
        if (way > 1) o.only_ids = only;
        o.num_only_ids = sizeof only / sizeof *only;
        for (long fail_at = 1; !passed; fail_at++) {
            world w;
            int32_t status;
            world_make(&w, 4, 10, 0, 3);
            w.heap.fail_at = w.heap.calls + fail_at;
            status = either(&w, way % 2, &o);
            passed = w.heap.fail_at > w.heap.calls;
            w.heap.fail_at = 0;
            assert_true(status == RTV_E_OUT_OF_MEMORY || (status == RTV_OK && fail_at > 1)); /* it does without a table of ids */
            assert_int_equal(either(&w, way % 2, &o), RTV_OK);
            world_free(&w);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_sets),          cmocka_unit_test(larger_sets),
        cmocka_unit_test(refused_and_stopped), cmocka_unit_test(progress_within_a_block),
        cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
