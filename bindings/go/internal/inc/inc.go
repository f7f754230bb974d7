// Package inc makes calls of the library in C, for the benchmark to compare with.
package inc

/*
#cgo pkg-config: retrieve
#include <time.h>

#include <retrieve/retrieve.h>

static double search(void *index, const float *query, int64_t k, int64_t calls) {
    struct timespec begin, end;
    rtv_hit hits[64];
    rtv_error error;
    int64_t num_hits;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int64_t i = 0; i < calls; i++)
        if (rtv_index_search(index, query, 1, k, NULL, hits, &num_hits, &error) != RTV_OK) return -1;
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) / (double)calls;
}
*/
import "C"

import "unsafe"

// Search searches an rtv_index so many times for a query's k <= 64 best, and tells nanoseconds a call.
func Search(index unsafe.Pointer, query []float32, k, calls int) float64 {
	return float64(C.search(index, (*C.float)(&query[0]), C.int64_t(k), C.int64_t(calls)))
}
