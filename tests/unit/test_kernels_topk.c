/* test_kernels_topk.c - the bounded heap against sorting everything. */
#include "support_flat.h"

#include "kernels/kernels_topk.h"

enum { MOST = 400 };

static int by_rank(const void *a, const void *b) {
    const rtv_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static void shuffle(rtv_hit *hits, size_t count, uint64_t *seed) {
    for (size_t i = count; i > 1; i--) {
        size_t other = (size_t)(test_random(seed) % i);
        rtv_hit hit = hits[i - 1];
        hits[i - 1] = hits[other];
        hits[other] = hit;
    }
}

static void check(rtv_hit *offered, size_t count, size_t k) {
    static rtv_hit kept[MOST + 1], sorted[MOST];
    rtvi_topk topk = {kept, 0, k};
    memset(kept, 0x5a, sizeof kept);
    for (size_t i = 0; i < count; i++) {
        float limit = rtvi_topk_limit(&topk, -INFINITY);
        if (topk.count < k) assert_true(limit == -INFINITY);
        rtvi_topk_offer(&topk, &offered[i]);
    }
    rtvi_topk_sort(&topk);
    memcpy(sorted, offered, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_rank);
    assert_int_equal(topk.count, count < k ? count : k);
    if (topk.count) assert_memory_equal(kept, sorted, topk.count * sizeof *sorted);
    assert_int_equal(((unsigned char *)&kept[k])[0], 0x5a); /* the one behind is untouched */
}

static void same_as_sorting(void **state) {
    static const size_t ks[] = {1, 2, 3, 7, 10, 64, 399, 400};
    rtv_hit hits[MOST];
    uint64_t seed = 7;
    (void)state;
    for (size_t round = 0; round < 60; round++) {
        const size_t count = round < 12 ? round : (size_t)(test_random(&seed) % (MOST + 1));
        for (size_t i = 0; i < count; i++)
            hits[i] = (rtv_hit){(int64_t)i * 3, round % 2 ? test_random_float(&seed) : (float)(test_random(&seed) % 4), (int32_t)i};
        shuffle(hits, count, &seed);
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) check(hits, count, ks[i]);
    }
}

static void zeros_are_equal(void **state) {
    rtv_hit kept[3];
    rtvi_topk topk = {kept, 0, 3};
    const rtv_hit hits[] = {{3, 0.0F, 0}, {2, -0.0F, 0}, {9, 0.0F, 0}, {1, -0.0F, 0}};
    (void)state;
    for (size_t i = 0; i < 4; i++) rtvi_topk_offer(&topk, &hits[i]);
    rtvi_topk_sort(&topk);
    assert_int_equal(kept[0].id, 1);
    assert_int_equal(kept[1].id, 2);
    assert_int_equal(kept[2].id, 3);
}

static void limit_is_the_worst_kept(void **state) {
    rtv_hit kept[2];
    rtvi_topk topk = {kept, 0, 2};
    (void)state;
    assert_true(rtvi_topk_limit(&topk, 0.25F) == 0.25F);
    rtvi_topk_offer(&topk, &(rtv_hit){1, 5.0F, 0});
    assert_true(rtvi_topk_limit(&topk, 0.25F) == 0.25F);
    rtvi_topk_offer(&topk, &(rtv_hit){2, 3.0F, 0});
    assert_true(rtvi_topk_limit(&topk, 0.25F) == 3.0F);
    rtvi_topk_offer(&topk, &(rtv_hit){3, 4.0F, 0});
    assert_true(rtvi_topk_limit(&topk, 0.25F) == 4.0F);
}

static void no_room(void **state) {
    rtvi_topk topk = {NULL, 0, 0};
    (void)state;
    rtvi_topk_offer(&topk, &(rtv_hit){1, 5.0F, 0});
    rtvi_topk_sort(&topk);
    assert_int_equal(topk.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_as_sorting),
        cmocka_unit_test(zeros_are_equal),
        cmocka_unit_test(limit_is_the_worst_kept),
        cmocka_unit_test(no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
