/* test_kernels_place.c - where items stand among marks: all forms against the definition. */
#include "support_flat.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_cpu.h"
#include "kernels/kernels_place.h"

enum { SIDES = 6, MAX_MARKS = 48, EVENTS = 400 };

typedef struct items {
    rtvi_place_side side[SIDES];
    float marks[SIDES][MAX_MARKS];
    uint32_t passed[SIDES][MAX_MARKS + 1];
} items;

/* Few values, so that scores meet marks. */
static float some_score(uint64_t *seed) { return (float)(int)(test_random(seed) % 9) / 4 - 1; }

static void make_items(items *all, uint64_t *seed) {
    memset(all, 0, sizeof *all);
    for (size_t i = 0; i < SIDES; i++) {
        static const size_t counts[] = {0, RTVI_PLACE_MARKS, RTVI_PLACE_MARKS + 1};
        const size_t count = i < 3 ? counts[i] : test_random(seed) % (MAX_MARKS + 1);
        float at = 1;
        for (size_t m = 0; m < count; m++) all->marks[i][m] = at -= (float)(test_random(seed) % 3) / 8;
        for (size_t m = count; m < MAX_MARKS; m++) all->marks[i][m] = -INFINITY;
        all->side[i] = (rtvi_place_side){.marks = all->marks[i],
                                         .passed = all->passed[i],
                                         .id = (int64_t)i,
                                         .exclude = (int64_t)(test_random(seed) % 9) - 1,
                                         .num_marks = count,
                                         .class_id = (int32_t)(test_random(seed) % 4),
                                         .predicted = (int32_t)(test_random(seed) % 3),
                                         .wanted = (int32_t)(test_random(seed) % 3) - 1};
        all->side[i].lowest = count ? all->marks[i][count - 1] : INFINITY;
        for (size_t level = 0; level < RTVI_PLACE_LEVELS; level++) {
            all->side[i].slack[level][0] = (float)(test_random(seed) % 3) / 8;
            all->side[i].slack[level][1] = level == 2 && i == 5 ? INFINITY : 0.125F;
        }
    }
}

/* For one side: counts, or says that it cannot tell. */
static int by_definition(const rtvi_place_side *side, const rtvi_place_side *other, int filtered, uint32_t *passed, float lower,
                         float upper) {
    size_t at = 0;
    if (side->class_id == other->class_id) return 1;
    if (filtered && (side->exclude == other->id || (side->wanted >= 0 && side->wanted != other->predicted))) return 1;
    if (isnan(lower) || isnan(upper) || isinf(upper - lower)) return 0;
    for (size_t m = 0; m < side->num_marks; m++) {
        if (side->marks[m] >= lower && side->marks[m] <= upper) return 0;
        at += side->marks[m] > upper;
    }
    passed[at]++;
    return 1;
}

static void check(rtvi_place_fn form, uint64_t seed, int filtered, size_t level) {
    static items queries, rows;
    static uint32_t of_queries[SIDES][MAX_MARKS + 1], of_rows[SIDES][MAX_MARKS + 1];
    const rtvi_place_sides both = {queries.side, rows.side, filtered};
    rtvi_coarse_event events[EVENTS], expected[EVENTS];
    uint8_t sides[EVENTS], left_sides[EVENTS];
    size_t left = 0;
    make_items(&queries, &seed);
    make_items(&rows, &seed);
    memset(of_queries, 0, sizeof of_queries);
    memset(of_rows, 0, sizeof of_rows);
    for (size_t i = 0; i < EVENTS; i++) {
        events[i] = (rtvi_coarse_event){(uint16_t)(test_random(&seed) % SIDES), (uint16_t)(test_random(&seed) % SIDES), some_score(&seed)};
        if (i % 50 == 7) events[i].score = i % 100 == 7 ? NAN : INFINITY;
        sides[i] = (uint8_t)(test_random(&seed) % 4);
    }
    for (size_t i = 0; i < EVENTS; i++) {
        const rtvi_place_side *q = &queries.side[events[i].query], *r = &rows.side[events[i].row];
        const float slack = r->slack[level][0] * q->slack[level][0] + r->slack[level][1] * q->slack[level][1];
        const float lower = events[i].score - slack, upper = events[i].score + slack;
        int open = 0;
        if (sides[i] & 1 && !by_definition(q, r, filtered, of_queries[events[i].query], lower, upper)) open |= 1;
        if (sides[i] & 2 && !by_definition(r, q, filtered, of_rows[events[i].row], lower, upper)) open |= 2;
        if (!open) continue;
        expected[left] = events[i];
        left_sides[left++] = (uint8_t)open;
    }
    assert_int_equal(form(&both, level, events, sides, EVENTS), left);
    assert_memory_equal(events, expected, left * sizeof *events);
    assert_memory_equal(sides, left_sides, left);
    for (size_t i = 0; i < SIDES; i++) {
        assert_memory_equal(queries.passed[i], of_queries[i], queries.side[i].num_marks * sizeof **of_queries);
        assert_memory_equal(rows.passed[i], of_rows[i], rows.side[i].num_marks * sizeof **of_rows);
    }
}

static void all_forms(void **state) {
    static const int32_t isas[] = {RTV_ISA_SCALAR, RTV_ISA_AVX2, RTV_ISA_AVX512};
    (void)state;
    for (size_t i = 0; i < 3 && isas[i] <= rtvi_cpu_isa(); i++)
        for (uint64_t seed = 1; seed < 60; seed++) check(rtvi_place_select(isas[i]), seed, seed % 2 == 0, seed % RTVI_PLACE_LEVELS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
