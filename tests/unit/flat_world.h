/* flat_world.h - a gallery in an index, what brute force has to know about it, and the instruction sets that must agree. */
#ifndef TESTS_FLAT_WORLD_H
#define TESTS_FLAT_WORLD_H

#include "support_flat.h"

#include "base/base_cpu.h"

enum { WORLD_ISAS = 4 };
static const int32_t world_isas[WORLD_ISAS] = {RTV_ISA_SCALAR, RTV_ISA_AVX2, RTV_ISA_AVX512, RTV_ISA_AVX512_VNNI};

typedef struct world {
    test_heap heap;
    rtvi_env env;
    rtvi_team *teams[2]; /* of one and of two threads */
    rtvi_flat *flat;
    size_t dim, count;
    float *vectors;
    int64_t *ids;
    int32_t *classes, *predicted;
} world;

static inline void world_make(world *w, size_t dim, size_t count, int coarse, uint64_t seed) {
    rtv_items items;
    memset(w, 0, sizeof *w);
    test_env_init(&w->env, &w->heap);
    w->dim = dim;
    w->count = count;
    w->vectors = malloc((count * dim + 1) * sizeof *w->vectors);
    w->ids = malloc((count + 1) * sizeof *w->ids);
    w->classes = malloc((count + 1) * sizeof *w->classes);
    w->predicted = malloc((count + 1) * sizeof *w->predicted);
    test_random_vectors(&seed, w->vectors, count * dim, coarse);
    for (size_t i = 0; i < count; i++) {
        w->ids[i] = (int64_t)((i * 7919) % (count * 2 + 1)) * 5; /* 7919 is prime: no id twice, and no order */
        w->classes[i] = (int32_t)(test_random(&seed) % 5) - 1;
        w->predicted[i] = (int32_t)(test_random(&seed) % 4) - 1;
        if (i % 17 == 3) memset(w->vectors + i * dim, 0, dim * sizeof(float));
        if (i % 13 == 5) memcpy(w->vectors + i * dim, w->vectors + i / 2 * dim, dim * sizeof(float));
    }
    assert_int_equal(rtvi_flat_create(&w->env, (int32_t)dim, &w->flat, NULL), RTV_OK);
    items = test_items(w->vectors);
    items.ids = w->ids;
    items.classes = w->classes;
    items.predicted = w->predicted;
    assert_int_equal(rtvi_flat_add(w->flat, &items, (int64_t)count, NULL), RTV_OK);
    for (int32_t i = 0; i < 2; i++) assert_int_equal(rtvi_team_create(&w->env, i + 1, &w->teams[i], NULL), RTV_OK);
}

static inline void world_free(world *w) {
    rtvi_flat_destroy(w->flat);
    rtvi_team_destroy(w->teams[0]);
    rtvi_team_destroy(w->teams[1]);
    rtvi_env_destroy(&w->env);
    free(w->vectors);
    free(w->ids);
    free(w->classes);
    free(w->predicted);
    assert_int_equal(w->heap.live, 0);
}

static inline int world_by_rank(const void *a, const void *b) {
    const rtv_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

#endif
