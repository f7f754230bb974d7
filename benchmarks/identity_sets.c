/* identity_sets.c - galleries that an exact search may stumble over. */
#include "identity_sets.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <retrieve/index.h>

static uint64_t random_state = 1;

void identity_seed(uint64_t seed) { random_state = seed * 2 + 1; }

uint64_t identity_random(void) {
    uint64_t x = random_state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    random_state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static float uniform(void) { return (float)(identity_random() >> 40) * 0x1p-23F - 1.0F; }

float identity_normal(void) { return uniform() + uniform() + uniform(); }

static void to_unit(float *x, size_t dim) {
    double squares = 0;
    for (size_t i = 0; i < dim; i++) squares += (double)x[i] * (double)x[i];
    for (size_t i = 0; i < dim; i++) x[i] = (float)((double)x[i] / sqrt(squares));
}

static void random_unit(float *x, size_t dim) {
    for (size_t i = 0; i < dim; i++) x[i] = identity_normal();
    to_unit(x, dim);
}

static void class_of_rest(int32_t *classes, size_t count, int32_t num) {
    for (size_t i = 0; i < count; i++) classes[i] = (int32_t)(i * 7919 % (size_t)num);
}

/* As clustered.py: classes of five or so, near to some other classes, on few of many directions. */
static void clustered(float *vectors, size_t count, size_t dim, int32_t *classes) {
    enum { LATENT = 256 };
    const size_t num = count / 5 + 1;
    float *centers = malloc(num * LATENT * sizeof *centers), *basis = malloc(LATENT * dim * sizeof *basis), spectrum[LATENT];
    double squares = 0;
    if (!centers || !basis) exit(1);
    for (size_t l = 0; l < LATENT; l++) squares += pow((double)(l + 1), -0.8);
    for (size_t l = 0; l < LATENT; l++) spectrum[l] = (float)(pow((double)(l + 1), -0.4) / sqrt(squares));
    for (size_t i = 0; i < num * LATENT; i++) centers[i] = identity_normal();
    for (size_t i = 0; i < LATENT * dim; i++) basis[i] = identity_normal() / sqrtf((float)dim);
    for (size_t i = 0; i < count; i++) {
        float *x = vectors + i * dim;
        const size_t of = identity_random() % num;
        classes[i] = (int32_t)of;
        for (size_t j = 0; j < dim; j++) x[j] = 0.5F / sqrtf((float)dim) * identity_normal();
        for (size_t l = 0; l < LATENT; l++) {
            const float z = spectrum[l] * (centers[of * LATENT + l] + 0.95F * identity_normal());
            for (size_t j = 0; j < dim; j++) x[j] += z * basis[l * dim + j];
        }
        to_unit(x, dim);
    }
    free(centers);
    free(basis);
}

/* One vector, but for one value that is the next float. */
static void one_ulp(float *vectors, size_t count, size_t dim, int32_t *classes) {
    float *first = malloc(dim * sizeof *first);
    if (!first) exit(1);
    random_unit(first, dim);
    for (size_t i = 0; i < count; i++) {
        float *x = vectors + i * dim;
        memcpy(x, first, dim * sizeof *x);
        x[i % dim] = nextafterf(x[i % dim], i / dim % 2 ? INFINITY : -INFINITY);
    }
    free(first);
    class_of_rest(classes, count, 997);
}

/* A hundred vectors again and again. */
static void duplicates(float *vectors, size_t count, size_t dim, int32_t *classes) {
    for (size_t i = 0; i < count; i++) {
        if (i < 100)
            random_unit(vectors + i * dim, dim);
        else
            memcpy(vectors + i * dim, vectors + identity_random() % 100 * dim, dim * sizeof *vectors);
    }
    class_of_rest(classes, count, 997);
}

static void all_equal(float *vectors, size_t count, size_t dim, int32_t *classes) {
    random_unit(vectors, dim);
    for (size_t i = 1; i < count; i++) memcpy(vectors + i * dim, vectors, dim * sizeof *vectors);
    class_of_rest(classes, count, 997);
}

/* Zeros of both signs, denormals, and lengths about which codes of 8 bits begin to tell nothing. */
static void nearly_nothing(float *vectors, size_t count, size_t dim, int32_t *classes) {
    static const float sizes[] = {0.0F, FLT_TRUE_MIN, 0x1p-140F, 0x1p-126F, 0x1p-101F, 0x1p-99F, 0x1p-80F, 0x1p-61F, 0x1p-30F, 1.0F};
    for (size_t i = 0; i < count; i++) {
        const float size = sizes[i % 10];
        for (size_t j = 0; j < dim; j++) vectors[i * dim + j] = size * truncf(4 * uniform());
    }
    class_of_rest(classes, count, 997);
}

/* Every power of two that a float32 has, up to the largest float. */
static void all_lengths(float *vectors, size_t count, size_t dim, int32_t *classes) {
    for (size_t i = 0; i < count; i++) {
        const int exponent = (int)(i % 270) - 144;
        for (size_t j = 0; j < dim; j++) {
            const float x = ldexpf(uniform(), exponent);
            vectors[i * dim + j] = isfinite(x) ? x : copysignf(FLT_MAX, uniform());
        }
        if (i % 541 == 0) vectors[i * dim] = FLT_MAX;
    }
    class_of_rest(classes, count, 997);
}

/* All codes are the largest: sums of neighbours are as large as they get. */
static void saturating(float *vectors, size_t count, size_t dim, int32_t *classes) {
    for (size_t i = 0; i < count; i++) {
        const size_t flips = i % 8 < 2 ? 0 : identity_random() % 40;
        for (size_t j = 0; j < dim; j++) vectors[i * dim + j] = i % 8 == 1 || (i % 8 > 4 && j % 2) ? -1.0F : 1.0F;
        for (size_t f = 0; f < flips; f++) vectors[i * dim + identity_random() % dim] *= -1.0F;
    }
    class_of_rest(classes, count, 997);
}

/* One value takes all the codes; what tells the vectors apart is in the others, which get none. */
static void one_spike(float *vectors, size_t count, size_t dim, int32_t *classes) {
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < dim; j++) vectors[i * dim + j] = 1e-3F * identity_normal();
        vectors[i * dim + i % 3] = 1.0F;
    }
    class_of_rest(classes, count, 997);
}

/* Small whole numbers: many scores are equal though vectors differ. */
static void small_integers(float *vectors, size_t count, size_t dim, int32_t *classes) {
    for (size_t i = 0; i < count * dim; i++) vectors[i] = (float)(identity_random() % 3) - 1.0F;
    class_of_rest(classes, count, 997);
}

const identity_set identity_sets[IDENTITY_SETS] = {
    {"clustered", RTV_STORAGE_FLOAT32, clustered},
    {"clustered, float16", RTV_STORAGE_FLOAT16, clustered},
    {"clustered, int8", RTV_STORAGE_INT8, clustered},
    {"one ulp apart", RTV_STORAGE_FLOAT32, one_ulp},
    {"duplicates", RTV_STORAGE_FLOAT32, duplicates},
    {"all equal", RTV_STORAGE_FLOAT32, all_equal},
    {"zeros, denormals", RTV_STORAGE_FLOAT32, nearly_nothing},
    {"all lengths", RTV_STORAGE_FLOAT32, all_lengths},
    {"saturating", RTV_STORAGE_FLOAT32, saturating},
    {"one spike", RTV_STORAGE_FLOAT32, one_spike},
    {"small integers", RTV_STORAGE_FLOAT32, small_integers},
};
