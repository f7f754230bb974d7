/* base_team.c - the threads of a runtime: lanes that take items from jobs. */
#include "base/base_team.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

/* Lives on the stack of the caller that waits for it. All fields under the team's mutex. */
typedef struct job {
    rtvi_item_fn task;
    void *arg;
    int64_t count, taken, done;
    pthread_cond_t progressed;
    struct job *next; /* in the queue of jobs with items left to take */
} job;

/* Lanes of one kind and the jobs that wait for them. */
typedef struct lane_set {
    rtvi_team *team;
    pthread_t *threads;
    int32_t wanted, started;
    int32_t openmp_threads; /* for regions that start on a lane */
    int32_t next_lane;      /* number for the next lane that comes up */
    pthread_cond_t work;
    job *first, *last;
} lane_set;

struct rtvi_team {
    const rtvi_env *env;
    pid_t owner; /* the process whose threads these are */
    pthread_mutex_t mutex;
    int stopping;
    lane_set wide, narrow;
};

static void enqueue(lane_set *set, job *work) {
    work->next = NULL;
    if (set->first)
        set->last->next = work;
    else
        set->first = work;
    set->last = work;
}

/* Takes one item of the first job and puts the job behind the others, so that callers share the lanes fairly. */
static job *take_item(lane_set *set, int64_t *item) {
    job *work = set->first;
    set->first = work->next;
    *item = work->taken++;
    if (work->taken < work->count) enqueue(set, work);
    return work;
}

static void *lane_main(void *arg) {
    lane_set *set = arg;
    rtvi_team *team = set->team;
    int32_t lane;
    fesetenv(FE_DFL_ENV); /* inherited from the first caller, who may round otherwise; threads of OpenMP inherit it from here */
#ifdef _OPENMP
    omp_set_num_threads(set->openmp_threads); /* a setting of this thread alone */
    omp_set_dynamic(0);
#endif
    pthread_mutex_lock(&team->mutex);
    lane = set->next_lane++;
    for (;;) {
        while (!set->first && !team->stopping) pthread_cond_wait(&set->work, &team->mutex);
        if (!set->first) break;
        {
            int64_t item;
            job *work = take_item(set, &item);
            pthread_mutex_unlock(&team->mutex);
            work->task(work->arg, item, lane);
            pthread_mutex_lock(&team->mutex);
            work->done++;
            pthread_cond_signal(&work->progressed); /* under the mutex: the job may vanish right after it */
        }
    }
    pthread_mutex_unlock(&team->mutex);
    return NULL;
}

/* All signals but those that a thread brings on itself: a crash must reach the application's handler. */
static void signals_of_others(sigset_t *set) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) sigdelset(set, own[i]);
}

/* Starts lanes that are not up yet; signals stay with the application's threads. Fewer than wanted will do, none will not. */
static int32_t start_lanes(lane_set *set, rtv_error *error) {
    sigset_t others, before;
    int reason = 0;
    if (set->started > 0) return RTV_OK;
    signals_of_others(&others);
    pthread_sigmask(SIG_BLOCK, &others, &before);
    while (set->started < set->wanted && (reason = pthread_create(&set->threads[set->started], NULL, lane_main, set)) == 0) set->started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (set->started == 0) return rtvi_error_set_os(error, reason, "runtime: cannot start a thread");
    return RTV_OK;
}

static void withdraw(lane_set *set, job *work) {
    job **at = &set->first;
    while (*at && *at != work) at = &(*at)->next;
    if (!*at) return;
    *at = work->next;
    if (set->last == work) {
        set->last = set->first;
        while (set->last && set->last->next) set->last = set->last->next;
    }
}

/* Waits until every item taken is done and none is left; tells progress outside the mutex, the end included. */
static int32_t wait_for(lane_set *set, job *work, rtv_progress_fn progress, void *progress_user) {
    rtvi_team *team = set->team;
    int32_t status = RTV_OK;
    int64_t told = 0;
    for (;;) {
        int finished = work->done == work->taken && (status != RTV_OK || work->taken == work->count);
        if (progress && status == RTV_OK && work->done != told) {
            told = work->done;
            pthread_mutex_unlock(&team->mutex);
            if (progress(progress_user, told, work->count) != 0) status = RTV_E_CANCELLED;
            pthread_mutex_lock(&team->mutex);
            if (status != RTV_OK) withdraw(set, work);
        } else if (finished) {
            return status;
        } else {
            pthread_cond_wait(&work->progressed, &team->mutex);
        }
    }
}

static int32_t submit(lane_set *set, rtvi_item_fn task, void *arg, int64_t count, rtv_progress_fn progress, void *progress_user,
                      rtv_error *error) {
    rtvi_team *team = set->team;
    job work;
    int32_t status = rtvi_team_check(team, error);
    if (status != RTV_OK || count <= 0) return status;
    memset(&work, 0, sizeof work);
    work.task = task;
    work.arg = arg;
    work.count = count;
    pthread_cond_init(&work.progressed, NULL);
    pthread_mutex_lock(&team->mutex);
    status = start_lanes(set, error);
    if (status == RTV_OK) {
        enqueue(set, &work);
        if (count > 1)
            pthread_cond_broadcast(&set->work);
        else
            pthread_cond_signal(&set->work);
        status = wait_for(set, &work, progress, progress_user);
        if (status != RTV_OK) rtvi_error_set(error, status, "runtime: stopped by the progress callback");
    }
    pthread_mutex_unlock(&team->mutex);
    pthread_cond_destroy(&work.progressed);
    return status;
}

static int init_lanes(lane_set *set, rtvi_team *team, int32_t lanes, int32_t openmp_threads) {
    set->team = team;
    set->wanted = lanes;
    set->openmp_threads = openmp_threads;
    pthread_cond_init(&set->work, NULL);
    set->threads = rtvi_alloc_zero(team->env, (size_t)lanes, sizeof *set->threads);
    return set->threads != NULL;
}

int32_t rtvi_team_create(const rtvi_env *env, int32_t threads, rtvi_team **out, rtv_error *error) {
    rtvi_team *team = rtvi_alloc_zero(env, 1, sizeof *team);
    if (!team) return rtvi_error_out_of_memory(error, "runtime", sizeof *team);
    team->env = env;
    team->owner = getpid();
    pthread_mutex_init(&team->mutex, NULL);
    if (!init_lanes(&team->wide, team, 1, threads) || !init_lanes(&team->narrow, team, threads, 1)) {
        rtvi_team_destroy(team);
        return rtvi_error_out_of_memory(error, "runtime", 0);
    }
    *out = team;
    return RTV_OK;
}

static void stop_lanes(lane_set *set) {
    pthread_cond_broadcast(&set->work);
    for (int32_t i = 0; i < set->started; i++) pthread_join(set->threads[i], NULL);
}

static void free_lanes(lane_set *set) {
    rtvi_free(set->team->env, set->threads);
    pthread_cond_destroy(&set->work);
}

void rtvi_team_destroy(rtvi_team *team) {
    if (!team) return;
    if (team->owner != getpid()) return; /* a forked child: the threads are the parent's; their memory goes with the process */
    pthread_mutex_lock(&team->mutex);
    team->stopping = 1;
    pthread_mutex_unlock(&team->mutex);
    if (team->wide.team) stop_lanes(&team->wide);
    if (team->narrow.team) stop_lanes(&team->narrow);
    if (team->wide.team) free_lanes(&team->wide);
    if (team->narrow.team) free_lanes(&team->narrow);
    pthread_mutex_destroy(&team->mutex);
    rtvi_free(team->env, team);
}

int32_t rtvi_team_threads(const rtvi_team *team) { return team->narrow.wanted; }

static int is_lane_of(const lane_set *set) {
    for (int32_t i = 0; i < set->started; i++)
        if (pthread_equal(set->threads[i], pthread_self())) return 1;
    return 0;
}

int32_t rtvi_team_check(const rtvi_team *team, rtv_error *error) {
    int inside;
    if (team->owner != getpid())
        return rtvi_error_set(error, RTV_E_FORKED,
                              "runtime: the handle was created before fork(): got use in process %ld, expected %ld; create it again here",
                              (long)getpid(), (long)team->owner);
    pthread_mutex_lock((pthread_mutex_t *)&team->mutex);
    inside = is_lane_of(&team->wide) || is_lane_of(&team->narrow);
    pthread_mutex_unlock((pthread_mutex_t *)&team->mutex);
    if (inside)
        return rtvi_error_set(error, RTV_E_BUSY, "runtime: got a call from inside one of its own callbacks, expected another thread");
    return RTV_OK;
}

typedef struct wide_task {
    void (*task)(void *arg);
    void *arg;
} wide_task;

static void run_wide(void *arg, int64_t item, int32_t lane) {
    const wide_task *wide = arg;
    (void)item, (void)lane;
    wide->task(wide->arg);
}

int32_t rtvi_team_run(rtvi_team *team, void (*task)(void *arg), void *arg, rtv_error *error) {
    wide_task wide = {task, arg};
    return submit(&team->wide, run_wide, &wide, 1, NULL, NULL, error);
}

int32_t rtvi_team_run_many(rtvi_team *team, rtvi_item_fn task, void *arg, int64_t count, rtv_progress_fn progress, void *progress_user,
                           rtv_error *error) {
    return submit(&team->narrow, task, arg, count, progress, progress_user, error);
}

int32_t rtvi_team_set_lane_threads(int32_t threads) {
#ifdef _OPENMP
    const int32_t before = omp_get_max_threads();
    omp_set_num_threads(threads);
    return before;
#else
    (void)threads;
    return 1;
#endif
}
