/* test_flat_ranks.c - ranks of the relevant items by counting, against the definition: instruction sets, threads, ties, filters. */
#include "flat_world.h"

#include "index/flat_ranks.h"

static int by_number(const void *a, const void *b) {
    return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

/* One query's ranks, by the definition: of all items that it finds, how many come before each of its class. */
static size_t ranks_by_definition(const world *w, const float *query, int32_t class_id, int32_t predicted, int64_t exclude, int64_t *ranks,
                                  int64_t *relevant) {
    rtv_hit *all = malloc((w->count + 1) * sizeof *all);
    size_t n = 0, found = 0;
    *relevant = 0;
    for (size_t i = 0; i < w->count; i++) {
        if (w->ids[i] == exclude) continue;
        if (class_id >= 0 && w->classes[i] == class_id) ++*relevant;
        if (predicted >= 0 && w->predicted[i] != predicted) continue;
        all[n++] = (rtv_hit){w->ids[i], test_canonical_dot(query, w->vectors + i * w->dim, w->dim), w->classes[i]};
    }
    for (size_t i = 0; i < n; i++) {
        if (class_id < 0 || all[i].class_id != class_id) continue;
        ranks[found] = 1;
        for (size_t j = 0; j < n; j++) ranks[found] += world_by_rank(&all[j], &all[i]) < 0;
        found++;
    }
    qsort(ranks, found, sizeof *ranks, by_number);
    free(all);
    return found;
}

static void check(const world *w, const rtvi_rank_queries *q, const rtvi_ranks *got) {
    int64_t *ranks = malloc((w->count + 1) * sizeof *ranks), relevant;
    assert_int_equal(got->count, q->count);
    assert_int_equal(got->offsets[0], 0);
    for (int64_t i = 0; i<q->count; i += q->count> 1000 ? 9 : 1) { /* the definition is slow */
        const size_t n = ranks_by_definition(w, q->vectors + (size_t)i * w->dim, q->classes[i], q->predicted ? q->predicted[i] : -1,
                                             q->exclude ? q->exclude[i] : -1, ranks, &relevant);
        assert_int_equal(got->relevant[i], relevant);
        assert_int_equal(got->offsets[i + 1] - got->offsets[i], n);
        for (size_t m = 0; m < n; m++)
            if (got->ranks[(size_t)got->offsets[i] + m] != ranks[m])
                fail_msg("query %lld, relevant item %zu: rank %lld, expected %lld", (long long)i, m,
                         (long long)got->ranks[(size_t)got->offsets[i] + m], (long long)ranks[m]);
    }
    free(ranks);
}

static void all_ways(world *w, size_t count, int coarse) {
    float *queries = malloc((count + 1) * w->dim * sizeof *queries);
    int32_t *classes = malloc((count + 1) * sizeof *classes), *predicted = malloc((count + 1) * sizeof *predicted);
    int64_t *exclude = malloc((count + 1) * sizeof *exclude);
    uint64_t seed = 77;
    rtvi_rank_queries own = {(int64_t)w->count, w->vectors, w->classes, NULL, w->ids};
    test_random_vectors(&seed, queries, count * w->dim, coarse);
    for (size_t i = 0; i < count; i++) {
        classes[i] = (int32_t)(test_random(&seed) % 6) - 1;
        predicted[i] = (int32_t)(test_random(&seed) % 4) - 1;
        exclude[i] = i % 3 || w->count == 0 ? -1 : w->ids[i % w->count];
    }
    for (size_t at = 0; at < WORLD_ISAS * 3; at++) {
        rtvi_team *team = at % 3 ? w->teams[at % 3 - 1] : NULL;
        rtv_error error;
        if (world_isas[at / 3] > rtvi_cpu_isa()) break;
        w->env.isa = world_isas[at / 3];
        for (int way = 0; way < 3; way++) {
            rtvi_rank_queries q = {(int64_t)count, queries, classes, way > 1 ? predicted : NULL, way > 0 ? exclude : NULL};
            rtvi_ranks ranks = {0};
            assert_int_equal(rtvi_flat_ranks(w->flat, team, &q, NULL, NULL, &ranks, &error), RTV_OK);
            check(w, &q, &ranks);
            assert_null(ranks.ids);
            rtvi_ranks_destroy(w->flat, &ranks);
        }
        for (int32_t by_predicted = 0; by_predicted < 2; by_predicted++) {
            rtvi_ranks ranks = {0};
            own.predicted = by_predicted ? w->predicted : NULL;
            assert_int_equal(rtvi_flat_ranks_among(w->flat, team, by_predicted, NULL, NULL, &ranks, &error), RTV_OK);
            check(w, &own, &ranks);
            assert_memory_equal(ranks.ids, w->ids, w->count * sizeof *w->ids);
            rtvi_ranks_destroy(w->flat, &ranks);
        }
    }
    free(queries);
    free(classes);
    free(predicted);
    free(exclude);
}

static void small_galleries(void **state) {
    static const size_t counts[] = {0, 1, 2, 65, 200}, dims[] = {1, 8, 31};
    (void)state;
    for (size_t c = 0; c < 5; c++) {
        for (size_t d = 0; d < 3; d++) {
            world w;
            world_make(&w, dims[d], counts[c], (int)((c + d) % 2), 5 + c);
            all_ways(&w, c * 3, (int)((c + d) % 2));
            world_free(&w);
        }
    }
}

/* Items that differ so little that no codes tell them apart, nor float32: canonical scores decide, and ids where these are equal. */
static void nearly_the_same(void **state) {
    static const float steps[] = {1e-3F, 1e-5F, 1e-6F, 2e-7F, 0};
    (void)state;
    for (size_t s = 0; s < 5; s++) {
        uint64_t seed = 21 + s;
        rtv_items items;
        world w;
        world_make(&w, 35, 150, 0, 20 + s);
        rtvi_flat_destroy(w.flat);
        for (size_t i = 0; i < w.count; i++)
            for (size_t d = 0; d < w.dim; d++)
                w.vectors[i * w.dim + d] = 0.2F * (float)(d % 3 + 1) * (1 + steps[s] * test_random_float(&seed)) * (i % 31 ? 1.0F : 1e-30F);
        assert_int_equal(rtvi_flat_create(&w.env, (int32_t)w.dim, &w.flat, NULL), RTV_OK);
        items = test_items(w.vectors);
        items.ids = w.ids;
        items.classes = w.classes;
        items.predicted = w.predicted;
        assert_int_equal(rtvi_flat_add(w.flat, &items, (int64_t)w.count, NULL), RTV_OK);
        all_ways(&w, 3, 0);
        world_free(&w);
    }
}

static rtvi_ranks ranks_among(world *w, rtvi_team *team, int32_t isa) {
    rtvi_ranks ranks = {0};
    w->env.isa = isa;
    assert_int_equal(rtvi_flat_ranks_among(w->flat, team, 0, NULL, NULL, &ranks, NULL), RTV_OK);
    return ranks;
}

static void same(const world *w, const rtvi_ranks *a, const rtvi_ranks *b) {
    assert_memory_equal(a->offsets, b->offsets, (w->count + 1) * sizeof *a->offsets);
    assert_memory_equal(a->ranks, b->ranks, (size_t)a->offsets[w->count] * sizeof *a->ranks);
}

/* Every form is the first one, which is the definition. */
static void all_forms_among(world *w) {
    const rtvi_rank_queries own = {(int64_t)w->count, w->vectors, w->classes, NULL, w->ids};
    rtvi_ranks first = ranks_among(w, w->teams[1], rtvi_cpu_isa()), given = {0};
    check(w, &own, &first);
    assert_int_equal(rtvi_flat_ranks(w->flat, w->teams[1], &own, NULL, NULL, &given, NULL), RTV_OK);
    same(w, &given, &first);
    rtvi_ranks_destroy(w->flat, &given);
    for (size_t i = 0; i < WORLD_ISAS && world_isas[i] <= rtvi_cpu_isa(); i += w->count > 1000 ? WORLD_ISAS - 1 : 1) {
        rtvi_ranks ranks = ranks_among(w, i % 2 ? w->teams[1] : NULL, world_isas[i]);
        same(w, &ranks, &first);
        rtvi_ranks_destroy(w->flat, &ranks);
    }
    rtvi_ranks_destroy(w->flat, &first);
}

/* Tiles of AMX want multiples of 64 floats. */
static void many_queries(void **state) {
    world w;
    (void)state;
    world_make(&w, 64, 600, 0, 31);
    all_forms_among(&w);
    world_free(&w);
}

/* More than a block of queries. Classes of a few items that are no nearer to each other than to others: 8-bit codes tell little, and rows
 * are counted. Some classes have more marks than that is done for, some items have no class, and some are equal. */
static void hard_queries(void **state) {
    (void)state;
    for (int coarse = 0; coarse < 2; coarse++) {
        uint64_t seed = 5;
        rtv_items items;
        world w;
        world_make(&w, coarse ? 10 : 40, coarse ? 1001 : 4000, coarse, 41);
        rtvi_flat_destroy(w.flat);
        for (size_t i = 0; i < w.count; i++) w.classes[i] = i < 100 ? 0 : (int32_t)(test_random(&seed) % (w.count / 7)) - 1;
        assert_int_equal(rtvi_flat_create(&w.env, (int32_t)w.dim, &w.flat, NULL), RTV_OK);
        items = test_items(w.vectors);
        items.ids = w.ids;
        items.classes = w.classes;
        assert_int_equal(rtvi_flat_add(w.flat, &items, (int64_t)w.count, NULL), RTV_OK);
        all_forms_among(&w);
        world_free(&w);
    }
}

/* More than a panel of queries and a block of rows. */
static void large_gallery(void **state) {
    world w;
    (void)state;
    world_make(&w, 40, 330, 0, 11);
    all_ways(&w, 20, 0);
    world_free(&w);
}

/* So many doubts that they are settled on the way. */
static void large_gallery_of_ties(void **state) {
    world w;
    (void)state;
    world_make(&w, 9, 310, 1, 12);
    all_ways(&w, 9, 1);
    world_free(&w);
}

static int32_t stop(void *user, int64_t done, int64_t total) {
    (void)user;
    assert_true(done <= total);
    return 1;
}

static void refused_and_cancelled(void **state) {
    world w;
    rtv_error error;
    rtvi_ranks ranks = {0};
    const float bad[4] = {0, NAN, 0, 0};
    const int32_t none = -1;
    rtvi_rank_queries q = {1, bad, &none, NULL, NULL};
    (void)state;
    world_make(&w, 4, 50, 0, 3);
    assert_int_equal(rtvi_flat_ranks(w.flat, NULL, &q, NULL, NULL, &ranks, &error), RTV_E_INVALID_ARGUMENT);
    q.count = -1;
    assert_int_equal(rtvi_flat_ranks(w.flat, NULL, &q, NULL, NULL, &ranks, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_flat_ranks_among(w.flat, NULL, 0, stop, NULL, &ranks, &error), RTV_E_CANCELLED);
    assert_int_equal(error.status, RTV_E_CANCELLED);
    assert_null(ranks.ranks);
    world_free(&w);
}

static void failing_allocations(void **state) {
    (void)state;
    for (int given = 0; given < 2; given++) {
        world w;
        int32_t status = RTV_E_OUT_OF_MEMORY;
        world_make(&w, 4, 50, 0, 3);
        for (long fail_at = 1; status != RTV_OK; fail_at++) {
            const rtvi_rank_queries q = {7, w.vectors, w.classes, w.predicted, w.ids};
            rtvi_ranks ranks = {0};
            rtv_error error;
            w.heap.fail_at = w.heap.calls + fail_at;
            status = given ? rtvi_flat_ranks(w.flat, NULL, &q, NULL, NULL, &ranks, &error)
                           : rtvi_flat_ranks_among(w.flat, NULL, 1, NULL, NULL, &ranks, &error);
            w.heap.fail_at = 0;
            assert_int_equal(error.status, status);
            if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            rtvi_ranks_destroy(w.flat, &ranks);
            assert_true(fail_at < 50);
        }
        world_free(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_galleries),       cmocka_unit_test(large_gallery),       cmocka_unit_test(large_gallery_of_ties),
        cmocka_unit_test(nearly_the_same),       cmocka_unit_test(many_queries),        cmocka_unit_test(hard_queries),
        cmocka_unit_test(refused_and_cancelled), cmocka_unit_test(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
