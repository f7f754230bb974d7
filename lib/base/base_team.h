/* base_team.h - the threads of a runtime. Two sets of lanes, started with their first work and asleep between two calls:
 *   wide    one lane; OpenMP regions that start on it have all the team's threads. For one piece of work over all threads.
 *   narrow  one lane a thread; OpenMP regions on them have one thread. For many independent pieces of work.
 * OpenMP regions start on lanes only, so the caller's OpenMP settings and thread pools are never touched. */
#ifndef RTVI_BASE_TEAM_H
#define RTVI_BASE_TEAM_H

#include <stdint.h>

#include "base/base_env.h"

typedef struct rtvi_team rtvi_team;

int32_t rtvi_team_create(const rtvi_env *env, int32_t threads, rtvi_team **team, rtv_error *error);
void rtvi_team_destroy(rtvi_team *team);
int32_t rtvi_team_threads(const rtvi_team *team);

/* FORKED in a child of the process that created the team, BUSY on one of its own lanes, else OK. */
int32_t rtvi_team_check(const rtvi_team *team, rtv_error *error);

/* Runs task(arg) on the wide lane and waits. Calls from several threads take turns. Errors: as rtvi_team_check, OUT_OF_MEMORY. */
int32_t rtvi_team_run(rtvi_team *team, void (*task)(void *arg), void *arg, rtv_error *error);

/* Runs task(arg, item, lane) for item 0..count-1 on the narrow lanes, each item once, lane in 0..threads-1, and waits. Calls from several
 * threads share the lanes. progress (may be NULL) is called here, on the caller's thread; after it asks to stop no further item begins,
 * and CANCELLED comes back. */
typedef void (*rtvi_item_fn)(void *arg, int64_t item, int32_t lane);
int32_t rtvi_team_run_many(rtvi_team *team, rtvi_item_fn task, void *arg, int64_t count, rtv_progress_fn progress, void *progress_user,
                           rtv_error *error);

/* Lets OpenMP regions that start on the calling lane have so many threads from now on; returns how many they had. */
int32_t rtvi_team_set_lane_threads(int32_t threads);

#endif
