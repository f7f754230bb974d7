/* measure.h - times in a few numbers, and this process's memory. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>
#include <stdint.h>

typedef struct spread {
    double median, mean, least, most;
} spread;

/* values[count] stay in their order; count > 0. */
spread measure_spread(const double *values, size_t count);
/* The median of before[i] / after[i]: pairs measured next to each other share what disturbed them. */
double measure_ratio(const double *before, const double *after, size_t count);
/* This process's memory that is in RAM now; 0 when the system does not say. */
int64_t measure_resident_bytes(void);

#endif
