/* flat_marks.h - the relevant items of queries: scored canonically and put in order they are the marks between which others stand. */
#ifndef RTVI_FLAT_MARKS_H
#define RTVI_FLAT_MARKS_H

#include "index/flat_pass.h"
#include "index/flat_ranks.h"

typedef struct rtvi_mark {
    int64_t id;
    float score;
} rtvi_mark;

typedef struct rtvi_marks {
    size_t *first;       /* [count + 1] query i's marks are all[first[i] .. first[i + 1]), in the order of hits */
    size_t *first_score; /* [count + 1] their scores are scores[first_score[i] ..] */
    rtvi_mark *all;
    float *scores; /* with -infinity up to multiples of RTVI_PLACE_MARKS, one at least */
} rtvi_marks;

/* The marks of the pass's queries. Fills in ranks->relevant and makes room for the offsets and the ranks. What was made before an error is
 * freed by rtvi_marks_destroy and rtvi_ranks_destroy. */
int32_t rtvi_marks_make(const rtvi_pass *pass, const rtvi_rank_queries *queries, rtvi_ranks *ranks, rtvi_marks *marks, rtv_error *error);
void rtvi_marks_destroy(const rtvi_env *env, rtvi_marks *marks);

static inline size_t rtvi_marks_count(const rtvi_marks *marks, size_t query) { return marks->first[query + 1] - marks->first[query]; }
/* The order of hits: by score descending, then id ascending. */
int rtvi_marks_compare(const void *a, const void *b);

/* Room that is needed, of zeros, or the call fails; NULL already when something before it failed. */
void *rtvi_marks_room(const rtvi_env *env, size_t count, size_t size, int32_t *status, rtv_error *error);

#endif
