/* bench_index_file.c - what changes of an index cost, in memory and in its file, beside what one copy, one fsync and one write cost.
 * Usage: bench_index_file [COUNT [DIM]] (default 60502 1024); files go to the working directory. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_team.h"
#include "bench_support.h"
#include "index/flat.h"

enum { RUNS = 5, APPENDED = 1000, APPENDS = 15 };

static const char path[] = "bench_index_file.rtvx";

static void must(int32_t status, const rtv_error *error) {
    if (status == RTV_OK) return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static volatile float sink;

/* faiss's IndexFlat::add is this: room, then one copy. */
static double time_copy(const float *vectors, size_t bytes) {
    const double start = now_ms();
    float *copy = malloc(bytes);
    double took;
    if (!copy) exit(1);
    memcpy(copy, vectors, bytes);
    sink = copy[bytes / sizeof *copy - 1];
    took = now_ms() - start;
    free(copy);
    return took;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static double time_add(const rtvi_env *env, rtvi_team *team, const rtv_items *items, size_t count, size_t dim) {
    rtvi_flat *flat;
    rtv_error error;
    double start;
    must(rtvi_flat_create(env, (int32_t)dim, &flat, &error), &error);
    rtvi_flat_use_team(flat, team);
    start = now_ms();
    must(rtvi_flat_add(flat, items, (int64_t)count, &error), &error);
    start = now_ms() - start;
    rtvi_flat_destroy(flat);
    return start;
}

/* As much as an append writes, and the two syncs of a commit. */
static double time_plain_append(const float *vectors, size_t bytes) {
    const double start = now_ms();
    const int file = open("bench_index_file.raw", O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (file < 0 || write(file, vectors, bytes) != (ssize_t)bytes || fsync(file) != 0 || write(file, vectors, 64) != 64 || fsync(file) != 0)
        exit(1);
    close(file);
    return now_ms() - start;
}

static void bench_memory(const rtvi_env *env, rtvi_team *team, const rtv_items *items, size_t count, size_t dim) {
    double copy = INFINITY, add = INFINITY;
    for (int run = 0; run < RUNS; run++) {
        copy = fmin(copy, time_copy(items->vectors, count * dim * sizeof(float)));
        add = fmin(add, time_add(env, team, items, count, dim));
    }
    printf("bulk add in memory     %8.1f ms   one copy %8.1f ms   ratio %.2f\n", copy > 0 ? add : 0, copy, add / copy);
}

static void bench_append(const rtvi_env *env, rtvi_team *team, const rtv_items *items, size_t dim) {
    double append[APPENDS], plain[APPENDS], beyond[APPENDS];
    rtvi_flat *flat;
    rtv_error error;
    must(rtvi_flat_open(env, &rtvi_io_system, path, &flat, &error), &error);
    rtvi_flat_use_team(flat, team);
    for (int i = 0; i < APPENDS; i++) {
        const double start = now_ms();
        must(rtvi_flat_add(flat, items, APPENDED, &error), &error);
        must(rtvi_flat_commit(flat, &error), &error);
        append[i] = now_ms() - start;
        plain[i] = time_plain_append(items->vectors, APPENDED * dim * sizeof(float) * 5 / 4);
        beyond[i] = append[i] - plain[i];
    }
    printf("durable append of %d %7.1f ms   written and synced twice %8.1f ms   beyond %.1f ms\n", APPENDED, median(append, APPENDS),
           median(plain, APPENDS), median(beyond, APPENDS));
    rtvi_flat_destroy(flat);
    unlink("bench_index_file.raw");
}

static void bench_open(const rtvi_env *env) {
    double best = INFINITY;
    rtv_error error;
    for (int run = 0; run < RUNS; run++) {
        const double start = now_ms();
        rtvi_source source;
        rtvi_flat *flat;
        must(rtvi_source_open(env, "index", path, &source, &error), &error);
        must(rtvi_flat_read(env, &source, &flat, &error), &error);
        best = fmin(best, now_ms() - start);
        rtvi_flat_destroy(flat);
    }
    printf("open, warm             %8.3f ms\n", best);
}

static void bench_verify(const rtvi_env *env, size_t bytes) {
    const double start = now_ms();
    rtv_error error;
    must(rtvi_flat_verify(env, path, NULL, NULL, &error), &error);
    printf("verify                 %8.1f ms   %.1f GB/s\n", now_ms() - start, (double)bytes / 1e6 / (now_ms() - start));
}

static void bench_compact(const rtvi_env *env, size_t count) {
    int64_t *ids = malloc(count * sizeof *ids);
    rtv_index_info before, after;
    rtvi_flat *flat;
    rtv_error error;
    double start;
    for (size_t i = 0; ids && i < count; i++) ids[i] = (int64_t)(2 * i);
    must(rtvi_flat_open(env, &rtvi_io_system, path, &flat, &error), &error);
    start = now_ms();
    must(rtvi_flat_remove(flat, ids, (int64_t)(count / 2), NULL, &error), &error);
    must(rtvi_flat_commit(flat, &error), &error);
    printf("remove half, durably   %8.1f ms\n", now_ms() - start);
    rtvi_flat_info(flat, &before);
    start = now_ms();
    must(rtvi_flat_compact(flat, &error), &error);
    start = now_ms() - start;
    rtvi_flat_info(flat, &after);
    printf("compact                %8.1f ms   %.1f MB to %.1f MB\n", start, (double)before.file_bytes / 1e6,
           (double)after.file_bytes / 1e6);
    rtvi_flat_destroy(flat);
    free(ids);
}

int main(int argc, char **argv) {
    const size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 60502, dim = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
    float *vectors = aligned_alloc(64, (count * dim * sizeof(float) + 63) / 64 * 64);
    rtv_items items = {.struct_size = (uint32_t)sizeof items, .vectors = vectors};
    rtvi_team *team;
    rtvi_flat *flat;
    rtvi_env env;
    rtv_error error;
    double start;
    if (!vectors) return 1;
    fill(vectors, count * dim);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    must(rtvi_team_create(&env, 2, &team, &error), &error);
    printf("%zu x %zu, two threads, %s\n", count, dim, rtv_isa_name(env.isa));
    bench_memory(&env, team, &items, count, dim);
    unlink(path);
    must(rtvi_flat_create(&env, (int32_t)dim, &flat, &error), &error);
    rtvi_flat_use_team(flat, team);
    must(rtvi_flat_add(flat, &items, (int64_t)count, &error), &error);
    start = now_ms();
    must(rtvi_flat_write(flat, path, &error), &error);
    printf("save                   %8.1f ms\n", now_ms() - start);
    rtvi_flat_destroy(flat);
    bench_open(&env);
    bench_append(&env, team, &items, dim);
    bench_verify(&env, count * dim * 5);
    bench_compact(&env, count);
    unlink(path);
    rtvi_team_destroy(team);
    rtvi_env_destroy(&env);
    free(vectors);
    return 0;
}
