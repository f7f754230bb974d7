/* identity_sets.h - galleries that an exact search may stumble over, for bench_identity.c. */
#ifndef IDENTITY_SETS_H
#define IDENTITY_SETS_H

#include <stddef.h>
#include <stdint.h>

typedef struct identity_set {
    const char *name;
    int32_t storage; /* RTV_STORAGE_* */
    void (*fill)(float *vectors, size_t count, size_t dim, int32_t *classes);
} identity_set;

enum { IDENTITY_SETS = 11 };
extern const identity_set identity_sets[IDENTITY_SETS];

/* xorshift64*: the same numbers everywhere. */
uint64_t identity_random(void);
void identity_seed(uint64_t seed);
/* About normal, of deviation 1. */
float identity_normal(void);

#endif
