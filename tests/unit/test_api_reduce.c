/* test_api_reduce.c - reduced indexes as a caller of reduce.h sees them. */
#include <errno.h>

#include <retrieve/retrieve.h>

#include "support_flat.h"

enum { COUNT = 60, DIM = 16, KEPT = 5 };

static rtv_error error;
static char folder[64], path[96];
static float vectors[COUNT][DIM];
static int32_t classes[COUNT];

static rtv_index *make_index(int32_t dim, int32_t normalize) {
    static const char *const names[] = {"", "bee", "cat"};
    const rtv_bytes payloads[COUNT] = {{"one", 3}};
    const char *keys[COUNT] = {"first"};
    rtv_index_options options;
    rtv_index *index = NULL;
    rtv_items items = test_items(vectors[0]);
    rtv_index_options_init(&options);
    options.dim = dim;
    options.normalize = normalize;
    assert_status(rtv_index_create_with(&options, NULL, &index, &error), RTV_OK);
    items.classes = classes;
    items.predicted = classes;
    items.keys = keys;
    items.payloads = payloads;
    assert_status(rtv_index_add(index, &items, COUNT, &error), RTV_OK);
    assert_status(rtv_index_set_class_names(index, RTV_CLASSES_LABEL, names, 3, &error), RTV_OK);
    assert_status(rtv_index_set_min_score(index, 0.5F, &error), RTV_OK);
    return index;
}

static rtv_reduce_options how(int32_t kept_dim) {
    rtv_reduce_options o;
    rtv_reduce_options_init(&o);
    o.kept_dim = kept_dim;
    return o;
}

static rtv_index *reduce(rtv_index *index, const rtv_reduce_options *o) {
    rtv_index *reduced = NULL;
    assert_status(rtv_index_reduce(index, o, NULL, &reduced, &error), RTV_OK);
    return reduced;
}

static rtv_index_info info_of(rtv_index *index) {
    rtv_index_info info = {.struct_size = sizeof info};
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    return info;
}

/* All that an item has is there but the vector, which is the projected one; hits are those of brute force over these. */
static void keeps_what_the_index_has(void **state) {
    rtv_index *index = make_index(DIM, 0), *reduced;
    const rtv_reduce_options o = how(KEPT);
    float kept[COUNT][KEPT], queries[COUNT][KEPT];
    int64_t ids[COUNT], count, n;
    rtv_hit hits[3];
    char text[16];
    (void)state;
    reduced = reduce(index, &o);
    assert_int_equal(info_of(reduced).dim, DIM);
    assert_int_equal(info_of(reduced).kept_dim, KEPT);
    assert_int_equal(info_of(index).kept_dim, DIM);
    assert_int_equal(info_of(reduced).count, COUNT);
    assert_true(info_of(reduced).min_score == -INFINITY);
    assert_status(rtv_index_ids(reduced, ids, COUNT, &count, &error), RTV_OK);
    assert_status(rtv_index_vectors(reduced, ids, COUNT, kept[0], &error), RTV_OK);
    assert_status(rtv_index_project(reduced, vectors[0], COUNT, queries[0], &error), RTV_OK);
    assert_memory_equal(kept, queries, sizeof kept);
    assert_status(rtv_index_class_name(reduced, RTV_CLASSES_LABEL, 2, text, sizeof text, NULL, &error), RTV_OK);
    assert_string_equal(text, "cat"); /* not renumbered, though class 0 has no name */
    assert_status(rtv_index_find(reduced, "first", &n, &error), RTV_OK);
    assert_int_equal(n, 0);
    assert_status(rtv_index_payload(reduced, 0, text, sizeof text, NULL, &error), RTV_OK);
    assert_memory_equal(text, "one", 3);
    for (size_t q = 0; q < COUNT; q++) {
        float best = -INFINITY;
        assert_status(rtv_index_search(reduced, vectors[q], 1, 3, NULL, hits, &n, &error), RTV_OK);
        for (size_t i = 0; i < COUNT; i++) best = fmaxf(best, test_canonical_dot(queries[q], kept[i], KEPT));
        assert_true(test_bits(hits[0].score) == test_bits(best));
        assert_int_equal(hits[0].id, q); /* unit vectors: itself */
        assert_int_equal(hits[0].class_id, classes[q]);
    }
    rtv_index_free(index);
    rtv_index_free(reduced);
}

static int32_t collect(void *user, int64_t query, const rtv_hit *hits, int64_t count) {
    (void)query;
    *(rtv_hit *)user = count > 0 ? hits[0] : (rtv_hit){-1, 0, 0};
    return 0;
}

/* Ranges, blends and what is added go the same way as queries. */
static void everything_is_taken_in(void **state) {
    rtv_index *index = make_index(DIM, 0), *reduced;
    const rtv_reduce_options o = how(KEPT);
    rtv_search_options so;
    const int64_t id = 1000, ids[] = {3};
    rtv_items items = test_items(vectors[7]);
    rtv_blend blend = {.struct_size = sizeof blend, .vectors = vectors[3], .num_vectors = 2, .keep_length = 1};
    rtv_hit hit, range = {0};
    float sum[KEPT], part[2][KEPT], kept[KEPT];
    int64_t n;
    (void)state;
    reduced = reduce(index, &o);
    items.ids = &id;
    assert_status(rtv_index_add(reduced, &items, 1, &error), RTV_OK);
    assert_status(rtv_index_vectors(reduced, &id, 1, kept, &error), RTV_OK);
    assert_status(rtv_index_project(reduced, vectors[7], 1, part[0], &error), RTV_OK);
    assert_memory_equal(kept, part[0], sizeof kept);
    rtv_search_options_init(&so);
    so.min_score = 0.9999F;
    assert_status(rtv_index_search_range(reduced, vectors[5], 2, &so, collect, &range, &error), RTV_OK);
    assert_int_equal(range.id, 6);
    assert_status(rtv_index_project(reduced, vectors[3], 2, part[0], &error), RTV_OK);
    for (size_t k = 0; k < KEPT; k++) sum[k] = (float)((double)part[0][k] + (double)part[1][k]);
    assert_status(rtv_index_search_blend(reduced, &blend, 1, NULL, &hit, &n, &error), RTV_OK);
    assert_status(rtv_index_vectors(reduced, &hit.id, 1, kept, &error), RTV_OK);
    assert_true(test_bits(hit.score) == test_bits(test_canonical_dot(sum, kept, KEPT)));
    assert_status(rtv_index_search_ids(reduced, ids, 1, 1, NULL, &hit, &n, &error), RTV_OK);
    assert_int_not_equal(hit.id, 3);
    items.vectors = (float[DIM]){NAN};
    assert_status(rtv_index_replace(reduced, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(reduced, (float[DIM]){INFINITY}, 1, 1, NULL, &hit, &n, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_project(reduced, (float[DIM]){NAN}, 1, kept, &error), RTV_E_INVALID_ARGUMENT);
    rtv_index_free(index);
    rtv_index_free(reduced);
}

static void truncates(void **state) {
    rtv_index *index = make_index(DIM, 0), *reduced;
    rtv_reduce_options o = how(KEPT);
    rtv_reduction_info info = {.struct_size = sizeof info};
    float kept[KEPT];
    const int64_t id = 9;
    (void)state;
    o.method = RTV_REDUCE_TRUNCATE;
    o.normalize = 0;
    reduced = reduce(index, &o);
    assert_status(rtv_index_vectors(reduced, &id, 1, kept, &error), RTV_OK);
    assert_memory_equal(kept, vectors[9], sizeof kept);
    assert_status(rtv_reduction_info_get(reduced, &info, &error), RTV_OK);
    assert_int_equal(info.method, RTV_REDUCE_TRUNCATE);
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.kept_dim, KEPT);
    assert_int_equal(info.normalize, 0);
    assert_int_equal(info.fit_items, 0);
    assert_true(info.variance == 0);
    assert_status(rtv_reduction_info_get(index, &info, &error), RTV_OK);
    assert_int_equal(info.method, 0);
    assert_int_equal(info.kept_dim, DIM);
    rtv_index_free(index);
    rtv_index_free(reduced);
}

/* An index that scales what it is given: whatever the length, the same is kept. */
static void scales_as_the_index_did(void **state) {
    rtv_index *index = make_index(DIM, 1), *reduced;
    const rtv_reduce_options o = how(KEPT);
    float twice[DIM], kept[2][KEPT];
    const int64_t id = 4;
    (void)state;
    reduced = reduce(index, &o);
    for (size_t j = 0; j < DIM; j++) twice[j] = 2 * vectors[4][j];
    assert_status(rtv_index_vectors(reduced, &id, 1, kept[0], &error), RTV_OK);
    assert_status(rtv_index_project(reduced, twice, 1, kept[1], &error), RTV_OK);
    for (size_t k = 0; k < KEPT; k++) assert_true(fabsf(kept[0][k] - kept[1][k]) < 1e-6F); /* scaled once in double, once in float32 */
    rtv_index_free(index);
    rtv_index_free(reduced);
}

static void in_every_storage(void **state) {
    rtv_index *index = make_index(DIM, 0);
    (void)state;
    for (int32_t storage = 0; storage <= RTV_STORAGE_INT8; storage++) {
        rtv_reduce_options o = how(KEPT);
        rtv_index *reduced;
        rtv_hit hit;
        int64_t n;
        o.storage = storage;
        reduced = reduce(index, &o);
        assert_int_equal(info_of(reduced).storage, storage ? storage : RTV_STORAGE_FLOAT32);
        assert_status(rtv_index_search(reduced, vectors[8], 1, 1, NULL, &hit, &n, &error), RTV_OK);
        assert_int_equal(hit.id, 8);
        rtv_index_free(reduced);
    }
    rtv_index_free(index);
}

/* The same reduction for another index, whose runtime may go first; and what may be merged. */
static void like_another(void **state) {
    rtv_index *a = make_index(DIM, 0), *b = make_index(DIM, 0), *other = make_index(DIM / 2, 0), *reduced, *again, *different;
    rtv_reduce_options o = how(KEPT);
    rtv_reduction_info first = {.struct_size = sizeof first}, second = {.struct_size = sizeof second};
    const int64_t last[] = {2 * COUNT - 1, 3 * COUNT - 1};
    float kept[2][KEPT];
    (void)state;
    reduced = reduce(a, &o);
    o.kept_dim = 3;
    different = reduce(a, &o);
    o = how(0);
    o.like = reduced;
    again = reduce(b, &o);
    assert_status(rtv_reduction_info_get(reduced, &first, &error), RTV_OK);
    assert_status(rtv_reduction_info_get(again, &second, &error), RTV_OK);
    assert_memory_equal(&first, &second, sizeof first);
    assert_status(rtv_index_merge(again, reduced, 1, &error), RTV_OK); /* as it is kept */
    assert_status(rtv_index_merge(again, a, 1, &error), RTV_OK);       /* through the reduction */
    assert_status(rtv_index_vectors(again, last, 2, kept[0], &error), RTV_OK);
    assert_memory_equal(kept[0], kept[1], sizeof kept[0]);
    assert_status(rtv_index_merge(again, different, 1, &error), RTV_E_MISMATCH);
    assert_status(rtv_index_merge(a, reduced, 1, &error), RTV_E_MISMATCH);
    assert_status(rtv_index_merge(again, other, 1, &error), RTV_E_MISMATCH);
    assert_status(rtv_index_reduce(other, &o, NULL, &reduced, &error), RTV_E_MISMATCH);
    o.like = a;
    assert_status(rtv_index_reduce(b, &o, NULL, &reduced, &error), RTV_E_MISMATCH);
    rtv_index_free(reduced);
    rtv_index_free(a);
    assert_status(rtv_index_project(again, vectors[0], 1, kept[0], &error), RTV_OK);
    rtv_index_free(different);
    rtv_index_free(again);
    rtv_index_free(other);
    rtv_index_free(b);
}

static int32_t stop_at(void *user, int64_t done, int64_t total) {
    assert_int_equal(total, 2 * COUNT);
    return done >= *(const int64_t *)user;
}

static void to_a_file(void **state) {
    rtv_index *index = make_index(DIM, 0), *reduced;
    rtv_reduce_options o = how(KEPT);
    rtv_items items = test_items(vectors[0]);
    int64_t stop = COUNT;
    (void)state;
    o.progress = stop_at;
    o.progress_user = &stop;
    for (; stop <= 2 * COUNT; stop += COUNT) { /* after the fit, at the end */
        assert_status(rtv_index_reduce(index, &o, path, &reduced, &error), RTV_E_CANCELLED);
        assert_int_not_equal(access(path, F_OK), 0);
    }
    assert_status(rtv_index_reduce(index, &o, path, &reduced, &error), RTV_OK);
    assert_int_equal(info_of(reduced).writable, 1);
    assert_int_equal(info_of(reduced).uncommitted, 0);
    assert_status(rtv_index_add(reduced, &items, 1, &error), RTV_OK);
    assert_status(rtv_index_commit(reduced, &error), RTV_OK);
    rtv_index_free(reduced);
    assert_status(rtv_index_open(path, NULL, &reduced, &error), RTV_OK);
    assert_int_equal(info_of(reduced).count, COUNT + 1);
    assert_status(rtv_index_save(reduced, path, &error), RTV_OK);
    assert_status(rtv_index_verify(path, NULL, NULL, NULL, &error), RTV_OK);
    rtv_index_free(reduced);
    assert_status(rtv_index_reduce(index, &o, path, &reduced, &error), RTV_E_EXISTS);
    assert_status(rtv_index_reduce(index, &o, "no/such/folder", &reduced, &error), RTV_E_IO);
    rtv_index_free(index);
}

static void wrong_calls(void **state) {
    static const struct {
        int32_t method, kept_dim, whiten, normalize, storage;
        int64_t fit_items;
    } cases[] = {{0, 2, 0, 1, 0, 9},  {3, 2, 0, 1, 0, 9}, {1, 0, 0, 1, 0, 9}, {1, DIM + 1, 0, 1, 0, 9}, {1, 2, 2, 1, 0, 9},
                 {1, 2, -1, 1, 0, 9}, {2, 2, 1, 1, 0, 9}, {1, 2, 0, 2, 0, 9}, {1, 2, 0, 1, 4, 9},       {1, 2, 0, 1, 0, 0}};
    rtv_index *index = make_index(DIM, 0), *reduced, *empty, *wide;
    rtv_reduce_options o = how(2);
    rtv_reduction_info info = {.struct_size = 0};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        o.method = cases[i].method;
        o.kept_dim = cases[i].kept_dim;
        o.whiten = cases[i].whiten;
        o.normalize = cases[i].normalize;
        o.storage = cases[i].storage;
        o.fit_items = cases[i].fit_items;
        assert_status(rtv_index_reduce(index, &o, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    }
    o = how(2);
    assert_status(rtv_index_reduce(NULL, &o, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_reduce(index, NULL, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_reduce(index, &o, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_reduction_info_get(index, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_reduction_info_get(index, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_project(index, vectors[0], 1, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_project(index, vectors[0], -1, vectors[0], &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create(DIM, NULL, &empty, &error), RTV_OK);
    assert_status(rtv_index_reduce(empty, &o, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "no items");
    assert_status(rtv_index_create(4097, NULL, &wide, &error), RTV_OK);
    assert_status(rtv_index_reduce(wide, &o, NULL, &reduced, &error), RTV_E_UNSUPPORTED);
    o.method = RTV_REDUCE_TRUNCATE;
    assert_status(rtv_index_reduce(wide, &o, NULL, &reduced, &error), RTV_OK); /* looks at nothing */
    assert_status(rtv_index_reduce(reduced, &o, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "reduced already");
    rtv_index_free(reduced);
    rtv_index_free(wide);
    rtv_index_free(empty);
    rtv_index_free(index);
}

static int begin(void **state) {
    uint64_t seed = 4;
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        double length = 0;
        for (size_t j = 0; j < DIM; j++) vectors[i][j] = test_random_float(&seed);
        for (size_t j = 0; j < DIM; j++) length += (double)vectors[i][j] * (double)vectors[i][j];
        for (size_t j = 0; j < DIM; j++) vectors[i][j] = (float)((double)vectors[i][j] / sqrt(length));
        classes[i] = (int32_t)(i % 4) - 1;
    }
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvx", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_the_index_has),
        cmocka_unit_test(everything_is_taken_in),
        cmocka_unit_test(truncates),
        cmocka_unit_test(scales_as_the_index_did),
        cmocka_unit_test(in_every_storage),
        cmocka_unit_test(like_another),
        cmocka_unit_test(to_a_file),
        cmocka_unit_test(wrong_calls),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
