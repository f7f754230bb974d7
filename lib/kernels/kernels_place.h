/* kernels_place.h - where items stand among the marks of others, as far as bounds on their scores tell. */
#ifndef RTVI_KERNELS_PLACE_H
#define RTVI_KERNELS_PLACE_H

#include "kernels/kernels_coarse.h"

#define RTVI_PLACE_MARKS 16 /* so many are compared at once */
#define RTVI_PLACE_LEVELS 3

/* An item that is asked where others stand. */
typedef struct rtvi_place_side {
    const float *marks;  /* [num_marks] descending, then -infinity up to a multiple of RTVI_PLACE_MARKS, one at least */
    uint32_t *passed;    /* [num_marks + 1] of each mark, items before it and not before the one before; the last means nothing */
    int64_t id, exclude; /* the item of id exclude does not count, -1 for none */
    size_t num_marks;
    float lowest;                      /* mark: what scores below it counts nothing; infinite when there is none */
    int32_t class_id;                  /* those of the same class do not count; one of its own for none */
    int32_t predicted, wanted;         /* only those count that are predicted as wanted, -1 for all */
    float slack[RTVI_PLACE_LEVELS][2]; /* of a score: the sum of the products with those of the other item */
} rtvi_place_side;

enum { RTVI_PLACE_QUERY = 1, RTVI_PLACE_ROW = 2 }; /* whose marks are asked */

typedef struct rtvi_place_sides {
    const rtvi_place_side *queries, *rows;
    int filtered; /* 0: exclude and wanted need no look */
} rtvi_place_sides;

/* Of events: numbers in queries[] and rows[], a score, and what sides[] asks for. Counts what the score tells; what it does not is left in
 * events and sides, in the order in which it was. Returns how much that is. */
typedef size_t (*rtvi_place_fn)(const rtvi_place_sides *place, size_t level, rtvi_coarse_event *events, uint8_t *sides, size_t count);
rtvi_place_fn rtvi_place_select(int32_t isa);

#endif
