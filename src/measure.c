/* measure.c - times in a few numbers, and this process's memory. */
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

spread measure_spread(const double *values, size_t count) {
    double *sorted = allocate(count, sizeof *sorted), sum = 0;
    spread found;
    memcpy(sorted, values, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++) sum += sorted[i];
    found.median = (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
    found.mean = sum / (double)count;
    found.least = sorted[0];
    found.most = sorted[count - 1];
    free(sorted);
    return found;
}

double measure_ratio(const double *before, const double *after, size_t count) {
    double *ratios = allocate(count, sizeof *ratios), median;
    for (size_t i = 0; i < count; i++) ratios[i] = before[i] / after[i];
    median = measure_spread(ratios, count).median;
    free(ratios);
    return median;
}

int64_t measure_resident_bytes(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    int64_t kib = 0;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmRSS: %" SCNd64, &kib) == 1) break;
    if (file) fclose(file);
    return kib * 1024;
}
