/* test_base_team.c - lanes: every item once, progress and cancellation on the caller's thread, nesting and fork refused, OpenMP kept apart.
 */
#include "support.h"

#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/base_team.h"

enum { ITEMS = 1000, THREADS = 3 };

typedef struct fixture {
    test_heap heap;
    rtvi_env env;
    rtvi_team *team;
    rtv_error error;
    int visits[ITEMS];
    int64_t told;     /* largest progress told */
    int64_t stop_at;  /* progress that asks to stop, 0 for never */
    pthread_t caller; /* where progress must run */
    int32_t status;   /* of a nested call */
} fixture;

static int setup(void **state) {
    fixture *f = calloc(1, sizeof *f);
    test_env_init(&f->env, &f->heap);
    f->caller = pthread_self();
    if (rtvi_team_create(&f->env, THREADS, &f->team, &f->error) != RTV_OK) return -1;
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    rtvi_team_destroy(f->team);
    if (f->heap.live != 0) return -1;
    rtvi_env_destroy(&f->env);
    free(f);
    return 0;
}

static void visit(void *arg, int64_t item, int32_t lane) {
    fixture *f = arg;
    if (lane < 0 || lane >= THREADS) abort();
    __atomic_add_fetch(&f->visits[item], 1, __ATOMIC_SEQ_CST);
}

static int32_t progress(void *user, int64_t done, int64_t total) {
    fixture *f = user;
    if (!pthread_equal(pthread_self(), f->caller) || done <= f->told || done > total) abort();
    f->told = done;
    return f->stop_at != 0 && done >= f->stop_at;
}

static void every_item_once(void **state) {
    fixture *f = *state;
    assert_int_equal(rtvi_team_run_many(f->team, visit, f, ITEMS, progress, f, &f->error), RTV_OK);
    for (int i = 0; i < ITEMS; i++) assert_int_equal(f->visits[i], 1);
    assert_int_equal(f->told, ITEMS);
    assert_int_equal(rtvi_team_run_many(f->team, visit, f, 0, progress, f, &f->error), RTV_OK);
}

static void slow_visit(void *arg, int64_t item, int32_t lane) {
    usleep(1000);
    visit(arg, item, lane);
}

static void cancelling_stops_between_items(void **state) {
    fixture *f = *state;
    int visited = 0;
    f->stop_at = 10;
    assert_int_equal(rtvi_team_run_many(f->team, slow_visit, f, ITEMS, progress, f, &f->error), RTV_E_CANCELLED);
    for (int i = 0; i < ITEMS; i++) visited += f->visits[i];
    assert_in_range(visited, 10, ITEMS - 1);
    f->told = f->stop_at = 0;
    memset(f->visits, 0, sizeof f->visits);
    every_item_once(state); /* the team is as good as new */
}

typedef struct caller {
    fixture *f;
    int64_t sum;
} caller;

static void add_item(void *arg, int64_t item, int32_t lane) {
    (void)lane;
    __atomic_add_fetch(&((caller *)arg)->sum, item, __ATOMIC_SEQ_CST);
}

static void add_once(void *arg) { ((caller *)arg)->sum += 1; }

static void *call_often(void *arg) {
    caller *c = arg;
    for (int i = 0; i < 50; i++) {
        rtv_error error;
        if (rtvi_team_run_many(c->f->team, add_item, c, 20, NULL, NULL, &error) != RTV_OK) abort();
        if (rtvi_team_run(c->f->team, add_once, c, &error) != RTV_OK) abort();
    }
    return NULL;
}

static void many_callers_share_the_lanes(void **state) {
    fixture *f = *state;
    pthread_t threads[6];
    caller callers[6];
    for (int i = 0; i < 6; i++) {
        callers[i] = (caller){f, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].sum, 50 * (190 + 1));
    }
}

static void call_again(void *arg) {
    fixture *f = arg;
    rtv_error error;
    f->status = rtvi_team_run(f->team, call_again, f, &error);
}

static void nested_calls_are_refused(void **state) {
    fixture *f = *state;
    assert_int_equal(rtvi_team_run(f->team, call_again, f, &f->error), RTV_OK);
    assert_int_equal(f->status, RTV_E_BUSY);
}

static void forked_children_get_an_error(void **state) {
    fixture *f = *state;
    int result;
    pid_t child;
#ifdef __SANITIZE_THREAD__
    print_message("skipped: the thread sanitizer lets no child of a fork start threads\n");
    skip();
#endif
    assert_int_equal(rtvi_team_run_many(f->team, visit, f, 4, NULL, NULL, &f->error), RTV_OK);
    child = fork();
    if (child == 0) {
        rtvi_team *own = NULL;
        alarm(20); /* a hang must not outlive the test */
        if (rtvi_team_run(f->team, add_once, f, &f->error) != RTV_E_FORKED) _exit(1);
        rtvi_team_destroy(f->team);
        if (rtvi_team_create(&f->env, 2, &own, &f->error) != RTV_OK) _exit(2); /* a new one works */
        if (rtvi_team_run_many(own, visit, f, 4, NULL, NULL, &f->error) != RTV_OK) _exit(3);
        rtvi_team_destroy(own);
        _exit(0);
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
}

#ifdef _OPENMP
static void note_openmp(void *arg) {
    int *threads = arg;
#pragma omp parallel
    {
#pragma omp single
        *threads = omp_get_num_threads();
    }
}

static void note_openmp_item(void *arg, int64_t item, int32_t lane) {
    (void)item, (void)lane;
    note_openmp(arg);
}

static void openmp_belongs_to_the_lanes(void **state) {
    fixture *f = *state;
    int before = omp_get_max_threads(), threads = 0;
    assert_int_equal(rtvi_team_run(f->team, note_openmp, &threads, &f->error), RTV_OK);
    assert_int_equal(threads, THREADS);
    assert_int_equal(rtvi_team_run_many(f->team, note_openmp_item, &threads, 1, NULL, NULL, &f->error), RTV_OK);
    assert_int_equal(threads, 1);
    assert_int_equal(omp_get_max_threads(), before);
}
#endif

typedef struct seen {
    int rounding;
    sigset_t blocked;
} seen;

static void look(void *arg) {
    seen *s = arg;
    s->rounding = fegetround();
    pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
}

/* New threads inherit how their creator rounds; results must not. */
static void lanes_round_as_usual(void **state) {
    fixture *f = *state;
    seen s;
    assert_int_equal(fesetround(FE_UPWARD), 0);
    assert_int_equal(rtvi_team_run(f->team, look, &s, &f->error), RTV_OK);
    assert_int_equal(fegetround(), FE_UPWARD);
    fesetround(FE_TONEAREST);
    assert_int_equal(s.rounding, FE_TONEAREST);
}

/* The application's signals stay away from lanes, but a crash there must reach its crash handler. */
static void lanes_leave_signals_alone(void **state) {
    fixture *f = *state;
    seen s;
    assert_int_equal(rtvi_team_run(f->team, look, &s, &f->error), RTV_OK);
    assert_true(sigismember(&s.blocked, SIGINT) && sigismember(&s.blocked, SIGCHLD) && sigismember(&s.blocked, SIGUSR1));
    assert_false(sigismember(&s.blocked, SIGSEGV) || sigismember(&s.blocked, SIGBUS) || sigismember(&s.blocked, SIGFPE) ||
                 sigismember(&s.blocked, SIGILL) || sigismember(&s.blocked, SIGABRT) || sigismember(&s.blocked, SIGTRAP));
}

static void creation_survives_failing_allocations(void **state) {
    fixture *f = *state;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        rtvi_team *team = NULL;
        f->heap.calls = 0;
        f->heap.fail_at = fail_at;
        status = rtvi_team_create(&f->env, 2, &team, &f->error);
        f->heap.fail_at = 0;
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        rtvi_team_destroy(team);
        assert_true(fail_at < 10);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_item_once, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelling_stops_between_items, setup, teardown),
        cmocka_unit_test_setup_teardown(many_callers_share_the_lanes, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_calls_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(forked_children_get_an_error, setup, teardown),
#ifdef _OPENMP
        cmocka_unit_test_setup_teardown(openmp_belongs_to_the_lanes, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(lanes_round_as_usual, setup, teardown),
        cmocka_unit_test_setup_teardown(lanes_leave_signals_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(creation_survives_failing_allocations, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
