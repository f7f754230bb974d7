/* test_flat_items.c - labels and scores of items by number. */
#include <math.h>

#include "support_flat.h"

#include "index/flat_items.h"

enum { COUNT = 50, DIM = 19, EACH = 7, QUERIES = 9 };

static void items(void **state) {
    static float vectors[COUNT * DIM], queries[QUERIES * DIM], scores[QUERIES * EACH];
    static int64_t ids[COUNT], pairs[QUERIES * EACH];
    static int32_t classes[COUNT];
    rtv_items given = test_items(vectors);
    rtvi_flat_labels labels;
    rtvi_flat *flat = NULL;
    rtvi_team *team = NULL;
    test_heap heap;
    rtvi_env env;
    uint64_t random = 1;
    (void)state;
    test_env_init(&env, &heap);
    test_random_vectors(&random, vectors, COUNT * DIM, 0);
    test_random_vectors(&random, queries, QUERIES * DIM, 0);
    for (int i = 0; i < COUNT; i++) ids[i] = 3 * ((i * 7) % COUNT);
    for (int i = 0; i < COUNT; i++) classes[i] = i - 1;
    for (int i = 0; i < QUERIES * EACH; i++) pairs[i] = (i * 31) % 160 - 5; /* most of these are no ids */
    given.ids = ids;
    given.classes = classes;
    assert_int_equal(rtvi_team_create(&env, 2, &team, NULL), RTV_OK);
    assert_int_equal(rtvi_flat_create(&env, DIM, &flat, NULL), RTV_OK);
    assert_int_equal(rtvi_flat_labels_copy(flat, &labels, NULL), RTV_OK);
    assert_int_equal(labels.count, 0);
    rtvi_flat_labels_destroy(flat, &labels);
    assert_int_equal(rtvi_flat_add(flat, &given, COUNT, NULL), RTV_OK);
    assert_int_equal(rtvi_flat_labels_copy(flat, &labels, NULL), RTV_OK);
    assert_int_equal(labels.count, COUNT);
    assert_memory_equal(labels.ids, ids, sizeof ids);
    assert_memory_equal(labels.classes, classes, sizeof classes);
    for (int i = 0; i < COUNT; i++) assert_int_equal(labels.predicted[i], -1);
    rtvi_flat_labels_destroy(flat, &labels);
    for (int n = 1; n <= 3; n++) {
        heap.fail_at = heap.calls + n;
        assert_int_equal(rtvi_flat_labels_copy(flat, &labels, NULL), RTV_E_OUT_OF_MEMORY);
    }
    heap.fail_at = 0;
    assert_int_equal(rtvi_flat_scores(flat, team, queries, QUERIES, pairs, EACH, scores, NULL), RTV_OK);
    for (int p = 0; p < QUERIES * EACH; p++) {
        int found = 0;
        for (int i = 0; i < COUNT; i++) {
            if (ids[i] != pairs[p]) continue;
            found = 1;
            assert_int_equal(test_bits(scores[p]), test_bits(test_canonical_dot(queries + p / EACH * DIM, vectors + i * DIM, DIM)));
        }
        assert_int_equal(isnan(scores[p]), !found);
    }
    for (int n = 1; n <= 2; n++) {
        heap.fail_at = heap.calls + n;
        assert_int_equal(rtvi_flat_scores(flat, team, queries, QUERIES, pairs, EACH, scores, NULL), RTV_E_OUT_OF_MEMORY);
    }
    heap.fail_at = 0;
    rtvi_flat_destroy(flat);
    rtvi_team_destroy(team);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(items)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
