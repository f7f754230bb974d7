/* flat_items.h - items of an index by number: what they are, and how they score. */
#ifndef RTVI_FLAT_ITEMS_H
#define RTVI_FLAT_ITEMS_H

#include "index/flat.h"

/* What is known of every item, in the order of the rows. Zeroed, it is empty. */
typedef struct rtvi_flat_labels {
    int64_t count;
    int64_t *ids;       /* [count] */
    int32_t *classes;   /* [count], -1 for none */
    int32_t *predicted; /* [count], -1 for none */
} rtvi_flat_labels;

int32_t rtvi_flat_labels_copy(rtvi_flat *flat, rtvi_flat_labels *labels, rtv_error *error);
void rtvi_flat_labels_destroy(const rtvi_flat *flat, rtvi_flat_labels *labels);

/* Canonical scores[count][each] of queries[count][dim] with the items ids[count][each]; NaN for an id that is not there.
 * Errors: OUT_OF_MEMORY, as rtvi_team_run_many. */
int32_t rtvi_flat_scores(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, const int64_t *ids, int64_t each,
                         float *scores, rtv_error *error);

#endif
