/* bench_concurrent.c - many threads that search one index, a query at a time, and the same queries in one call.
 * Usage: bench_concurrent THREADS [COUNT DIM]...
 *
 * For each index of COUNT random vectors: queries a second of 1, 2, 4 ... callers, in turns with one call for all of them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <retrieve/retrieve.h>

#include "bench_support.h"

enum { K = 10, ROUNDS = 3, MAX_CALLERS = 8, QUERIES = 64 };

typedef struct work {
    rtv_index *index;
    const float *queries; /* [QUERIES][dim] */
    int64_t dim;
    double seconds;
    atomic_int failed;
    atomic_long done;
} work;

static void *call(void *arg) {
    work *w = arg;
    rtv_hit hits[K];
    int64_t num_hits;
    long done = 0;
    const double end = now_s() + w->seconds;
    do {
        for (int i = 0; i < 8; i++, done++)
            if (rtv_index_search(w->index, w->queries + done % QUERIES * w->dim, 1, K, NULL, hits, &num_hits, NULL) != RTV_OK)
                atomic_store(&w->failed, 1);
    } while (now_s() < end);
    atomic_fetch_add(&w->done, done);
    return NULL;
}

static double singly(work *w, int callers) {
    pthread_t threads[MAX_CALLERS];
    const double start = now_s();
    atomic_store(&w->done, 0);
    for (int i = 0; i < callers; i++) pthread_create(&threads[i], NULL, call, w);
    for (int i = 0; i < callers; i++) pthread_join(threads[i], NULL);
    return (double)atomic_load(&w->done) / (now_s() - start);
}

static double together(work *w) {
    static rtv_hit hits[QUERIES * K];
    static int64_t num_hits[QUERIES];
    const double start = now_s(), end = start + w->seconds;
    long done = 0;
    do {
        if (rtv_index_search(w->index, w->queries, QUERIES, K, NULL, hits, num_hits, NULL) != RTV_OK) atomic_store(&w->failed, 1);
        done += QUERIES;
    } while (now_s() < end);
    return (double)done / (now_s() - start);
}

static int measure(rtv_runtime *runtime, int64_t count, int64_t dim) {
    static const int callers[] = {1, 2, 4, 8};
    float *vectors = malloc((size_t)(count * dim) * sizeof *vectors);
    rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = vectors};
    double best[5] = {0};
    work w = {.queries = vectors, .dim = dim, .seconds = 0.4};
    if (!vectors || count < QUERIES || rtv_index_create((int32_t)dim, runtime, &w.index, NULL) != RTV_OK) return 1;
    for (int64_t i = 0; i < count * dim; i++) vectors[i] = (float)rand() / (float)RAND_MAX - 0.5F;
    if (rtv_index_add(w.index, &items, count, NULL) != RTV_OK) return 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 5; i++) {
            const double rate = i < 4 ? singly(&w, callers[i]) : together(&w);
            if (best[i] < rate) best[i] = rate;
        }
    }
    printf("%lld x %lld: queries a second of", (long long)count, (long long)dim);
    for (int i = 0; i < 4; i++) printf(" %d caller%s %.0f (%.2f),", callers[i], i ? "s" : "", best[i], best[i] / best[0]);
    printf(" %d in one call %.0f (%.2f)\n", QUERIES, best[4], best[4] / best[0]);
    rtv_index_free(w.index);
    free(vectors);
    return atomic_load(&w.failed);
}

int main(int argc, char **argv) {
    rtv_runtime_options options;
    rtv_runtime *runtime;
    int failed = argc < 4;
    rtv_runtime_options_init(&options);
    options.threads = argc > 1 ? atoi(argv[1]) : 1;
    if (failed || rtv_runtime_create(&options, &runtime, NULL) != RTV_OK) return 1;
    for (int i = 2; i + 1 < argc; i += 2) failed |= measure(runtime, atoll(argv[i]), atoll(argv[i + 1]));
    rtv_runtime_free(runtime);
    return failed;
}
