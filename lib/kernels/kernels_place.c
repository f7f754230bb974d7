/* kernels_place.c - where items stand among marks: comparisons without a branch to guess wrong, written once and compiled for several
 * instruction sets. */
#include "kernels/kernels_place.h"

#include <retrieve/runtime.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define INLINE static inline __attribute__((always_inline))

/* Of RTVI_PLACE_MARKS marks: how many are not below lower, and how many above upper. */
typedef void (*compare_fn)(const float *marks, float lower, float upper, size_t *not_below, size_t *above);

/* The first mark of a descending row that is below score. */
static size_t first_below(const float *marks, size_t count, float score) {
    size_t low = 0;
    while (count > 0) {
        const size_t half = count / 2;
        if (marks[low + half] < score) {
            count = half;
        } else {
            low += half + 1;
            count -= half + 1;
        }
    }
    return low;
}

/* 1 when what is asked was told. A score that is not a number tells nothing. */
INLINE int stands(compare_fn compare, const rtvi_place_side *side, float lower, float upper, uint32_t asked) {
    size_t not_below, above;
    int told;
    if (side->num_marks <= RTVI_PLACE_MARKS) {
        compare(side->marks, lower, upper, &not_below, &above);
        told = not_below == above;
    } else {
        not_below = first_below(side->marks, side->num_marks, lower);
        told = not_below == 0 || upper < side->marks[not_below - 1];
    }
    side->passed[not_below & (0 - (size_t)told)] += (uint32_t)told & asked; /* no condition, for compilers make branches of them */
    return told;
}

INLINE uint32_t counts(const rtvi_place_side *side, const rtvi_place_side *other) {
    return (uint32_t)(side->exclude != other->id) & (uint32_t)((side->wanted < 0) | (side->wanted == other->predicted));
}

/* filtered is a constant after inlining. */
INLINE size_t place_events(compare_fn compare, int filtered, const rtvi_place_sides *p, size_t level, rtvi_coarse_event *events,
                           uint8_t *sides, size_t count) {
    size_t left = 0;
    for (size_t i = 0; i < count; i++) {
        const rtvi_place_side *query = &p->queries[events[i].query], *row = &p->rows[events[i].row];
        const float slack = row->slack[level][0] * query->slack[level][0] + row->slack[level][1] * query->slack[level][1];
        const float lower = events[i].score - slack, upper = events[i].score + slack;
        const uint32_t asked = query->class_id != row->class_id ? sides[i] : 0;
        const uint32_t by_query = filtered ? asked & counts(query, row) : asked & 1;
        const uint32_t by_row = filtered ? asked >> 1 & counts(row, query) : asked >> 1;
        const uint32_t open = by_query & (uint32_t)!stands(compare, query, lower, upper, by_query);
        uint32_t row_open = 0;
        if (!(upper < row->lowest)) row_open = by_row & (uint32_t)!stands(compare, row, lower, upper, by_row);
        events[left] = events[i];
        sides[left] = (uint8_t)(open | row_open << 1);
        left += (open | row_open) != 0;
    }
    return left;
}

INLINE size_t place(compare_fn compare, const rtvi_place_sides *p, size_t level, rtvi_coarse_event *events, uint8_t *sides, size_t count) {
    return p->filtered ? place_events(compare, 1, p, level, events, sides, count)
                       : place_events(compare, 0, p, level, events, sides, count);
}

INLINE void compare_each(const float *marks, float lower, float upper, size_t *not_below, size_t *above) {
    int32_t first = 0, second = 0;
    for (size_t m = 0; m < RTVI_PLACE_MARKS; m++) {
        first += !(marks[m] < lower);
        second += marks[m] > upper;
    }
    *not_below = (size_t)first;
    *above = (size_t)second;
}

static size_t place_c(const rtvi_place_sides *p, size_t level, rtvi_coarse_event *events, uint8_t *sides, size_t count) {
    return place(compare_each, p, level, events, sides, count);
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2,popcnt")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,popcnt")))

AVX2 static inline void compare_avx2(const float *marks, float lower, float upper, size_t *not_below, size_t *above) {
    const __m256 low = _mm256_loadu_ps(marks), high = _mm256_loadu_ps(marks + 8), l = _mm256_set1_ps(lower), u = _mm256_set1_ps(upper);
    const int first = _mm256_movemask_ps(_mm256_cmp_ps(low, l, _CMP_NLT_UQ)),
              second = _mm256_movemask_ps(_mm256_cmp_ps(high, l, _CMP_NLT_UQ));
    const int third = _mm256_movemask_ps(_mm256_cmp_ps(low, u, _CMP_GT_OQ)),
              fourth = _mm256_movemask_ps(_mm256_cmp_ps(high, u, _CMP_GT_OQ));
    *not_below = (size_t)__builtin_popcount((unsigned)(first | second << 8));
    *above = (size_t)__builtin_popcount((unsigned)(third | fourth << 8));
}

AVX2 static size_t place_avx2(const rtvi_place_sides *p, size_t level, rtvi_coarse_event *events, uint8_t *sides, size_t count) {
    return place(compare_avx2, p, level, events, sides, count);
}

AVX512 static inline void compare_avx512(const float *marks, float lower, float upper, size_t *not_below, size_t *above) {
    const __m512 all = _mm512_loadu_ps(marks);
    *not_below = (size_t)__builtin_popcount(_mm512_cmp_ps_mask(all, _mm512_set1_ps(lower), _CMP_NLT_UQ));
    *above = (size_t)__builtin_popcount(_mm512_cmp_ps_mask(all, _mm512_set1_ps(upper), _CMP_GT_OQ));
}

AVX512 static size_t place_avx512(const rtvi_place_sides *p, size_t level, rtvi_coarse_event *events, uint8_t *sides, size_t count) {
    return place(compare_avx512, p, level, events, sides, count);
}
#endif

rtvi_place_fn rtvi_place_select(int32_t isa) {
#if defined(__x86_64__)
    if (isa >= RTV_ISA_AVX512) return place_avx512;
    if (isa >= RTV_ISA_AVX2) return place_avx2;
#endif
    (void)isa;
    return place_c;
}
