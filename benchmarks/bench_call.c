/* bench_call.c - the time of one search from C, for comparison with calls from other languages. Usage: bench_call INDEX DIM
 *
 * For every line with a number on standard input: makes so many searches (one query, ten hits) and prints nanoseconds a call. */
#include <stdio.h>
#include <stdlib.h>

#include <retrieve/retrieve.h>

#include "bench_support.h"

enum { K = 10, MAX_DIM = 4096 };

static int answer(rtv_index *index, const float *query) {
    rtv_hit hits[K];
    int64_t num_hits;
    rtv_error error;
    long calls;
    while (scanf("%ld", &calls) == 1) {
        const int64_t start = now_ns();
        for (long i = 0; i < calls; i++)
            if (rtv_index_search(index, query, 1, K, NULL, hits, &num_hits, &error) != RTV_OK) return 1;
        printf("%.1f\n", (double)(now_ns() - start) / (double)calls);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv) {
    static float query[MAX_DIM];
    rtv_index *index = NULL;
    rtv_error error;
    int failed;
    const int dim = argc == 3 ? atoi(argv[2]) : 0;
    if (dim < 1 || dim > MAX_DIM) return 2;
    for (int i = 0; i < dim; i++) query[i] = (float)(i % 7) / 7;
    if (rtv_index_open(argv[1], NULL, &index, &error) != RTV_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    failed = answer(index, query);
    rtv_index_free(index);
    return failed;
}
