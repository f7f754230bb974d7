/* flat_ranking.h - what ranks are counted with: queries and their marks in flat_ranks.c, a lane's pairs in flat_rank_pairs.c. */
#ifndef RTVI_FLAT_RANKING_H
#define RTVI_FLAT_RANKING_H

#include "index/flat_marks.h"
#include "kernels/kernels_count.h"
#include "kernels/kernels_dot.h"
#include "kernels/kernels_near.h"

/* How closely a pair is looked at; then come canonical scores. */
enum { RTVI_RANK_COARSE, RTVI_RANK_FINE, RTVI_RANK_NEAR };

#define RTVI_RANK_ROWS (RTVI_SCAN_BLOCKS * RTVI_COARSE_ROWS)    /* that a lane has at a time */
#define RTVI_RANK_EVENTS (RTVI_COARSE_WIDTH * RTVI_COARSE_ROWS) /* of a panel and a block of rows, at most */
#define RTVI_RANK_BEFORE (RTVI_COUNT_MARKS * RTVI_COARSE_WIDTH) /* counters of a panel */

typedef struct rtvi_rank_lane {
    rtvi_coarse_event events[RTVI_RANK_EVENTS];
    uint8_t sides[RTVI_RANK_EVENTS];
    rtvi_place_side *queries; /* [max_queries] of this block; what they count is this lane's */
    uint32_t *passed;         /* of all of them */
    uint32_t *before;         /* [panels][RTVI_RANK_BEFORE] */
    size_t tried, open;       /* pairs that 8-bit codes were asked about, and how many of these they left open */
    /* The rows that the lane has */
    size_t met[RTVI_SCAN_BLOCKS]; /* places of the blocks; SIZE_MAX: not yet */
    rtvi_place_side rows[RTVI_RANK_ROWS];
    rtvi_count_rows counted[RTVI_SCAN_BLOCKS]; /* count 0: not ready */
    uint8_t *fine;                             /* [RTVI_RANK_ROWS] 16-bit records, of the rows that needed them */
    uint8_t is_fine[RTVI_RANK_ROWS];
    double *panel;
    float *vector;
    float no_marks[RTVI_PLACE_MARKS]; /* of rows that are no queries */
    uint32_t nothing;                 /* what they count */
} rtvi_rank_lane;

typedef struct rtvi_ranking {
    rtvi_pass pass;
    rtvi_rank_queries q; /* vectors NULL: the rows themselves */
    uint32_t *order;     /* [count] queries by place when they are rows, the hardest first; NULL: as they are */
    uint32_t *numbers;   /* [count] rows by place */
    rtvi_marks marks;
    void *room;               /* for all that follows but the lanes */
    uint32_t *passed;         /* [num_marks + 1] for each query: what it has counted as a row */
    size_t *passed_at;        /* [max_queries + 1] in a lane's, of this block's queries */
    uint8_t *fine;            /* [max_queries] 16-bit records of this block's queries */
    rtvi_count_panel *panels; /* [panels] of this block's queries */
    size_t num_panels;
    size_t most_passed;  /* counters that a block of queries needs in a lane, at most */
    int is_hard;         /* whether the panels are ready: no block of queries was easy yet */
    rtvi_count_fn count; /* NULL: single pairs are looked at */
    rtvi_place_fn place;
    rtvi_fine_encode_fn encode;
    rtvi_fine_scores_fn score_fine;
    rtvi_near_fn near;
    rtvi_dot_panel_fn dot;
    rtvi_rank_lane *lanes;
    rtvi_ranks *out;
} rtvi_ranking;

static inline size_t rtvi_ranking_query(const rtvi_ranking *r, size_t place) { return r->order ? r->order[place] : place; }
static inline const float *rtvi_ranking_marks(const rtvi_ranking *r, size_t query) { return r->marks.scores + r->marks.first_score[query]; }
/* The side of a query, but for its slack. */
rtvi_place_side rtvi_ranking_side(const rtvi_ranking *r, size_t query, uint32_t *passed);

/* What a pass does with the pairs of a panel and a block of rows; arg is the ranking. */
void rtvi_rank_pairs_take(void *arg, size_t lane, size_t first, const rtvi_coarse_event *events, size_t count,
                          const rtvi_scan_block *block);
int rtvi_rank_pairs_count(void *arg, size_t lane, size_t first, const rtvi_scan_block *block);
/* Forgets what a lane knows of rows, and of how hard queries are. */
void rtvi_rank_pairs_begin(rtvi_rank_lane *lane);
/* Whether 8-bit codes leave so much open that all pairs are better looked at with 16-bit codes at once. */
int rtvi_rank_pairs_are_hard(const rtvi_rank_lane *lane);

#endif
