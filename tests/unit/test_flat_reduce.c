/* test_flat_reduce.c - reductions: against NumPy (tests/golden/make_reduction.py), the same bits everywhere, and their block in a file. */
#include <fenv.h>

#include "flat_world.h"

#include "index/flat_load.h"
#include "index/flat_state.h"

enum { COUNT = 150, DIM = 37, KEPT = 11 };

static world w;
static rtv_error error;
static char folder[64], path[96];

#define assert_ok(call)                                                 \
    do {                                                                \
        if ((call) != RTV_OK) fail_msg("%s: %s", #call, error.message); \
    } while (0)

static rtv_reduce_options how(int32_t kept_dim) {
    rtv_reduce_options o = {.struct_size = sizeof o, .method = RTV_REDUCE_PCA, .kept_dim = kept_dim, .normalize = 1, .fit_items = 100000};
    return o;
}

static rtvi_flat *reduce(rtvi_flat *flat, const rtv_reduce_options *o, const char *file) {
    rtvi_flat *reduced = NULL;
    assert_ok(rtvi_flat_reduce(flat, w.teams[1], o, NULL, file, &reduced, &error));
    return reduced;
}

/* --- against NumPy ---------------------------------------------------------------------------------------------------------------------
 */

static const uint8_t *take(const uint8_t **at, size_t size) {
    const uint8_t *block = *at;
    *at += size;
    return block;
}

static float float_at(const uint8_t *block, size_t i) {
    float x;
    memcpy(&x, block + i * sizeof x, sizeof x);
    return x;
}

static double double_at(const uint8_t *block, size_t i) {
    double x;
    memcpy(&x, block + i * sizeof x, sizeof x);
    return x;
}

static void as_numpy_says(void **state) {
    size_t size, count, dim, kept;
    uint8_t *file = test_read_file(test_golden("reduction/pca.data"), &size);
    const uint8_t *at = file, *values, *directions, *mean;
    int32_t shape[3];
    float *vectors;
    double all = 0, first = 0;
    rtvi_flat *flat;
    (void)state;
    memcpy(shape, take(&at, sizeof shape), sizeof shape);
    count = (size_t)shape[0], dim = (size_t)shape[1], kept = (size_t)shape[2];
    vectors = malloc(count * dim * sizeof *vectors);
    memcpy(vectors, take(&at, count * dim * sizeof *vectors), count * dim * sizeof *vectors);
    take(&at, dim * dim * sizeof(double));
    values = take(&at, dim * sizeof(double));
    directions = take(&at, kept * dim * sizeof(double));
    mean = take(&at, dim * sizeof(float));
    for (size_t k = 0; k < dim; k++) {
        all += double_at(values, k);
        if (k < kept) first += double_at(values, k);
    }
    assert_ok(rtvi_flat_create(&w.env, shape[1], &flat, &error));
    {
        const rtv_items items = test_items(vectors);
        assert_ok(rtvi_flat_add(flat, &items, shape[0], &error));
    }
    for (int32_t whiten = 0; whiten < 2; whiten++) {
        for (int32_t normalize = 0; normalize < 2; normalize++) {
            const uint8_t *expected = take(&at, count * kept * sizeof(float));
            rtv_reduce_options o = how((int32_t)kept);
            rtvi_flat *reduced;
            o.whiten = whiten;
            o.normalize = normalize;
            reduced = reduce(flat, &o, NULL);
            assert_true(fabs(reduced->reduction->variance - first / all) < 1e-14);
            assert_int_equal(reduced->reduction->fit_items, count);
            for (size_t j = 0; j < dim; j++) assert_true(fabsf(reduced->reduction->mean[j] - float_at(mean, j)) <= 0x1p-24F);
            for (size_t i = 0; i < kept * dim && !whiten; i++) /* rounded to float32 once */
                assert_true(fabs((double)reduced->reduction->matrix[i] - double_at(directions, i)) < 0x1p-24);
            for (size_t i = 0; i < count; i++) {
                const int64_t id = (int64_t)i;
                float vector[64];
                assert_ok(rtvi_flat_vectors(reduced, &id, 1, vector, &error));
                for (size_t k = 0; k < kept; k++) { /* float32's rounding of the vectors, scaled by whitening (variances from 1e-2 on) */
                    const float value = float_at(expected, i * kept + k);
                    assert_true(fabsf(vector[k] - value) < 2e-6F);
                }
            }
            rtvi_flat_destroy(reduced);
        }
    }
    assert_ptr_equal(at, file + size);
    rtvi_flat_destroy(flat);
    free(vectors);
    free(file);
}

/* --- the same bits ----------------------------------------------------------------------------------------------------------------------
 */

static void assert_same_reduction(const rtvi_reduction *a, const rtvi_reduction *b) {
    assert_memory_equal(a->mean, b->mean, rtvi_reduction_array_bytes(a));
    assert_memory_equal(&a->variance, &b->variance, sizeof a->variance);
}

/* Instruction sets, threads, storage in pieces, and the caller's rounding. */
static void same_bits_everywhere(void **state) {
    const int32_t best = w.env.isa;
    rtv_reduce_options o = how(KEPT);
    rtvi_flat *expected = reduce(w.flat, &o, NULL), *pieces;
    float *kept = malloc(COUNT * KEPT * sizeof *kept), *one = malloc(KEPT * sizeof *one);
    (void)state;
    assert_ok(rtvi_reduction_apply(expected->reduction, NULL, w.vectors, COUNT, "vector", kept, &error));
    for (size_t isa = 0; isa < WORLD_ISAS; isa++) {
        if (world_isas[isa] > best) continue;
        w.env.isa = world_isas[isa];
        for (int team = 0; team < 2; team++) {
            float *again = malloc(COUNT * KEPT * sizeof *again);
            rtvi_flat *reduced = NULL;
            fesetround(team ? FE_UPWARD : FE_TONEAREST);
            assert_ok(rtvi_flat_reduce(w.flat, w.teams[team], &o, NULL, NULL, &reduced, &error));
            assert_ok(rtvi_reduction_apply(reduced->reduction, w.teams[team], w.vectors, COUNT, "vector", again, &error));
            fesetround(FE_TONEAREST);
            assert_same_reduction(reduced->reduction, expected->reduction);
            assert_memory_equal(again, kept, COUNT * KEPT * sizeof *kept);
            rtvi_flat_destroy(reduced);
            free(again);
        }
    }
    w.env.isa = best;
    for (size_t i = 0; i < COUNT; i++) { /* in every batch; and as it was filled */
        assert_ok(rtvi_reduction_apply(expected->reduction, NULL, w.vectors + i * DIM, 1, "vector", one, &error));
        assert_memory_equal(one, kept + i * KEPT, KEPT * sizeof *one);
        assert_ok(rtvi_flat_vectors(expected, &w.ids[i], 1, one, &error));
        assert_memory_equal(one, kept + i * KEPT, KEPT * sizeof *one);
    }
    assert_ok(rtvi_flat_create(&w.env, DIM, &pieces, &error));
    for (size_t i = 0; i < COUNT; i += 7) {
        rtv_items items = test_items(w.vectors + i * DIM);
        items.ids = w.ids + i;
        assert_ok(rtvi_flat_add(pieces, &items, COUNT - i < 7 ? (int64_t)(COUNT - i) : 7, &error));
    }
    {
        rtvi_flat *reduced = reduce(pieces, &o, NULL);
        assert_same_reduction(reduced->reduction, expected->reduction);
        rtvi_flat_destroy(reduced);
    }
    rtvi_flat_destroy(pieces);
    rtvi_flat_destroy(expected);
    free(kept);
    free(one);
}

/* The definition in docs/search.md, term by term. */
static void as_defined(void **state) {
    rtvi_reduction *r;
    float x[5] = {3, -1, 0.5F, 2, 4}, kept[2], expected[2], centred[5];
    double length = 0;
    (void)state;
    assert_ok(rtvi_reduction_create(&w.env, RTV_REDUCE_PCA, 5, 2, &r, &error));
    for (size_t j = 0; j < 5; j++) r->mean[j] = 0.1F * (float)j;
    for (size_t j = 0; j < 10; j++) r->matrix[j] = 0.3F * (float)j - 1;
    for (size_t j = 0; j < 5; j++) centred[j] = x[j] - r->mean[j];
    for (size_t k = 0; k < 2; k++) expected[k] = test_canonical_dot(r->matrix + k * 5, centred, 5);
    assert_ok(rtvi_reduction_apply(r, NULL, x, 1, "vector", kept, &error));
    assert_memory_equal(kept, expected, sizeof kept);
    r->normalize = 1;
    for (size_t k = 0; k < 2; k++) length += (double)expected[k] * (double)expected[k];
    for (size_t k = 0; k < 2; k++) expected[k] = (float)((double)expected[k] / sqrt(length));
    assert_ok(rtvi_reduction_apply(r, NULL, x, 1, "vector", kept, &error));
    assert_memory_equal(kept, expected, sizeof kept);
    assert_ok(rtvi_reduction_apply(r, NULL, r->mean, 1, "vector", kept, &error)); /* zeros stay zeros */
    assert_true(kept[0] == 0 && kept[1] == 0);
    x[2] = 3e38F;
    r->matrix[2] = 10;
    assert_int_equal(rtvi_reduction_apply(r, NULL, x, 1, "query", kept, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "query 0: got values too large");
    rtvi_reduction_destroy(r);
}

/* Fewer items than asked for, few items, equal items. */
static void fits_on_few(void **state) {
    rtv_reduce_options o = how(2);
    rtvi_flat *flat, *reduced;
    const float vectors[] = {1, 2, 3, 1, 2, 3, 1, 2, 5};
    rtv_items items = test_items(vectors);
    (void)state;
    assert_ok(rtvi_flat_create(&w.env, 3, &flat, &error));
    assert_ok(rtvi_flat_add(flat, &items, 2, &error));
    reduced = reduce(flat, &o, NULL); /* they do not differ at all */
    assert_true(reduced->reduction->variance == 1);
    rtvi_flat_destroy(reduced);
    assert_ok(rtvi_flat_add(flat, &items, 3, &error));
    o.normalize = 0;
    reduced = reduce(flat, &o, NULL);
    assert_true(reduced->reduction->matrix[2] == 1); /* they differ in the third coordinate alone */
    rtvi_flat_destroy(reduced);
    o.whiten = 1;
    assert_int_equal(rtvi_flat_reduce(flat, w.teams[0], &o, NULL, NULL, &reduced, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "whiten: got 2 directions, expected at most 1");
    o.whiten = 0;
    o.fit_items = 2; /* of five, the first and the third: rows 0 and 2 */
    reduced = reduce(flat, &o, NULL);
    assert_int_equal(reduced->reduction->fit_items, 2);
    assert_true(reduced->reduction->variance == 1);
    rtvi_flat_destroy(reduced);
    rtvi_flat_destroy(flat);
}

/* --- the file --------------------------------------------------------------------------------------------------------------------------
 */

static int32_t open_bytes(const uint8_t *data, size_t size, rtvi_flat **flat) {
    rtvi_source source;
    assert_int_equal(rtvi_source_from_memory(&w.env, "index", data, size, 0, &source, &error), RTV_OK);
    return rtvi_flat_read(&w.env, &source, flat, &error);
}

static uint8_t *make_file(int32_t method, size_t *size) {
    rtv_reduce_options o = how(3);
    rtvi_flat *flat, *reduced;
    rtv_items items = test_items(w.vectors);
    uint8_t *data;
    assert_ok(rtvi_flat_create(&w.env, 5, &flat, &error));
    assert_ok(rtvi_flat_add(flat, &items, 4, &error));
    o.method = method;
    reduced = reduce(flat, &o, path);
    rtvi_flat_destroy(reduced);
    rtvi_flat_destroy(flat);
    data = test_read_file(path, size);
    unlink(path);
    return data;
}

static void reopens_appends_compacts(void **state) {
    rtv_reduce_options o = how(KEPT);
    rtvi_flat *memory = reduce(w.flat, &o, NULL), *file = reduce(w.flat, &o, path), *reader;
    const rtv_search_options so = test_search_options();
    float other[DIM] = {1, -1, 2};
    rtv_items items = test_items(other);
    rtv_hit expected[3], hits[3];
    rtv_index_info info;
    int64_t n, id = 77777;
    (void)state;
    items.ids = &id;
    assert_ok(rtvi_flat_add(memory, &items, 1, &error));
    assert_ok(rtvi_flat_search(memory, NULL, w.vectors, 1, 3, &so, NULL, expected, &n, &error));
    assert_ok(rtvi_flat_add(file, &items, 1, &error));
    for (int round = 0; round < 3; round++) { /* appended, compacted, opened anew */
        if (round == 1) assert_ok(rtvi_flat_compact(file, &error));
        if (round == 2) {
            rtvi_flat_destroy(file);
            assert_ok(rtvi_flat_open(&w.env, &rtvi_io_system, path, &file, &error));
            assert_ok(rtvi_flat_remove(file, &w.ids[1], 1, NULL, &error));
            assert_ok(rtvi_flat_remove(memory, &w.ids[1], 1, NULL, &error));
            assert_ok(rtvi_flat_search(memory, NULL, w.vectors, 1, 3, &so, NULL, expected, &n, &error));
        }
        assert_ok(rtvi_flat_commit(file, &error));
        assert_ok(rtvi_flat_verify(&w.env, path, NULL, NULL, &error));
        {
            rtvi_source source;
            assert_ok(rtvi_source_open(&w.env, "index", path, &source, &error));
            assert_ok(rtvi_flat_read(&w.env, &source, &reader, &error));
        }
        assert_same_reduction(reader->reduction, memory->reduction);
        assert_ok(rtvi_flat_search(reader, NULL, w.vectors, 1, 3, &so, NULL, hits, &n, &error));
        assert_memory_equal(hits, expected, sizeof hits);
        rtvi_flat_info(reader, &info);
        assert_int_equal(info.dim, DIM);
        assert_int_equal(info.kept_dim, KEPT);
        assert_true(info.reclaim_bytes < info.file_bytes / 2); /* the reduction is no waste */
        rtvi_flat_destroy(reader);
    }
    rtvi_flat_destroy(file);
    rtvi_flat_destroy(memory);
}

static void every_byte_damaged(void **state) {
    size_t size;
    (void)state;
    for (int32_t method = RTV_REDUCE_PCA; method <= RTV_REDUCE_TRUNCATE; method++) {
        uint8_t *data = make_file(method, &size);
        const size_t end = RTVI_FORMAT_BLOCKS + 2 * RTVI_FORMAT_RECORD + RTVI_REDUCTION_HEAD + (method == RTV_REDUCE_PCA ? 4 * 5 * 4 : 0);
        for (size_t at = 0; at < end; at += at == RTVI_FORMAT_RECORD ? RTVI_FORMAT_BLOCKS - RTVI_FORMAT_RECORD : 1) {
            int32_t status;
            data[at] ^= 0x10;
            test_write_file(path, data, size);
            status = rtvi_flat_verify(&w.env, path, NULL, NULL, &error);
            if (status != RTV_E_CHECKSUM && status != RTV_E_FORMAT && status != RTV_E_UNSUPPORTED)
                fail_msg("byte %zu: got %d, %s", at, (int)status, error.message);
            data[at] ^= 0x10;
        }
        for (size_t cut = RTVI_FORMAT_BLOCKS; cut < size; cut++) {
            uint8_t *exact = malloc(cut);
            rtvi_flat *flat;
            memcpy(exact, data, cut);
            assert_int_equal(open_bytes(exact, cut, &flat), RTV_E_FORMAT);
            free(exact);
        }
        unlink(path);
        free(data);
    }
}

/* Blocks that are whole but say what cannot be. */
static void hostile_values(void **state) {
    enum { SIZE = RTVI_REDUCTION_HEAD + 4 * 5 * 4 };
    static const struct {
        size_t at, bytes;
        uint64_t value;
        const char *part;
    } cases[] = {{0, 4, 0, "a method"},
                 {0, 4, 3, "a method"},
                 {0, 4, RTV_REDUCE_TRUNCATE, "a size"},
                 {4, 4, 8, "flags"},
                 {8, 8, UINT64_MAX, "a negative number"},
                 {16, 8, 0x7ff8000000000000, "a share"},
                 {16, 8, 0x4000000000000000, "a share"},
                 {16, 8, 0xbff0000000000000, "a share"},
                 {24, 1, 1, "must be zero"},
                 {63, 1, 1, "must be zero"},
                 {64, 4, 0x7f800000, "not finite"},
                 {SIZE - 4, 4, 0x7fc00000, "not finite"}};
    rtvi_reduction *r, *again;
    uint8_t bytes[SIZE];
    (void)state;
    assert_ok(rtvi_reduction_create(&w.env, RTV_REDUCE_PCA, 5, 3, &r, &error));
    r->variance = 0.5;
    rtvi_reduction_put_head(r, bytes);
    memcpy(bytes + RTVI_REDUCTION_HEAD, r->mean, SIZE - RTVI_REDUCTION_HEAD);
    assert_ok(rtvi_reduction_read(&w.env, bytes, SIZE, 0, 5, 3, &again, &error));
    rtvi_reduction_destroy(again);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t before[8];
        memcpy(before, bytes + cases[i].at, cases[i].bytes);
        for (size_t j = 0; j < cases[i].bytes; j++) bytes[cases[i].at + j] = (uint8_t)(cases[i].value >> (8 * j));
        assert_int_equal(rtvi_reduction_read(&w.env, bytes, SIZE, 0, 5, 3, &again, &error), RTV_E_FORMAT);
        assert_contains(error.message, cases[i].part);
        memcpy(bytes + cases[i].at, before, cases[i].bytes);
    }
    assert_int_equal(rtvi_reduction_read(&w.env, bytes, SIZE - 4, 0, 5, 3, &again, &error), RTV_E_FORMAT);
    assert_int_equal(rtvi_reduction_read(&w.env, bytes, 63, 0, 5, 3, &again, &error), RTV_E_FORMAT);
    assert_int_equal(rtvi_reduction_read(&w.env, bytes, SIZE, 0, 65536, 65536, &again, &error), RTV_E_FORMAT);
    rtvi_reduction_destroy(r);
}

/* Headers with a checksum that fits. */
static void hostile_headers(void **state) {
    rtvi_header cases[] = {{3, RTV_STORAGE_FLOAT32, 0, 2},
                           {3, RTV_STORAGE_FLOAT32, 0, 65537},
                           {3, RTV_STORAGE_FLOAT32, 0, -1},
                           {3, RTV_STORAGE_FLOAT32, 0, 6}};
    size_t size;
    uint8_t *data = make_file(RTV_REDUCE_PCA, &size), header[RTVI_FORMAT_RECORD];
    rtvi_flat *flat;
    (void)state;
    memcpy(header, data, sizeof header);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rtvi_header_put(&cases[i], data);
        assert_int_equal(open_bytes(data, size, &flat), RTV_E_FORMAT);
        assert_contains(error.message, i < 3 ? "dim before the reduction" : "reduction: got a size");
    }
    memcpy(data, header, sizeof header);
    rtvi_block_put(RTVI_BLOCK_META, &(rtvi_extent){RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD, 64, 0}, data + RTVI_FORMAT_BLOCKS);
    assert_int_equal(open_bytes(data, size, &flat), RTV_E_FORMAT);
    assert_contains(error.message, "expected the reduction");
    rtvi_block_put(RTVI_BLOCK_REDUCTION, &(rtvi_extent){RTVI_FORMAT_BLOCKS + RTVI_FORMAT_RECORD, UINT64_MAX, 0}, data + RTVI_FORMAT_BLOCKS);
    assert_int_equal(open_bytes(data, size, &flat), RTV_E_FORMAT);
    assert_contains(error.message, "expected the reduction");
    free(data);
}

static void failing_allocations(void **state) {
    rtv_reduce_options o = how(KEPT);
    const rtv_search_options so = test_search_options();
    (void)state;
    for (int to_file = 0; to_file < 2; to_file++) {
        int passed = 0;
        for (long n = 1; !passed; n++) {
            const long live = w.heap.live;
            rtvi_flat *reduced = NULL;
            rtv_hit hits[2];
            int64_t found;
            int32_t status, made;
            w.heap.fail_at = w.heap.calls + n;
            status = rtvi_flat_reduce(w.flat, w.teams[0], &o, NULL, to_file ? path : NULL, &reduced, &error);
            made = status == RTV_OK;
            if (made) status = rtvi_flat_search(reduced, NULL, w.vectors, 1, 2, &so, NULL, hits, &found, &error);
            rtvi_flat_destroy(reduced);
            passed = w.heap.fail_at > w.heap.calls;
            w.heap.fail_at = 0;
            assert_int_equal(status, passed ? RTV_OK : RTV_E_OUT_OF_MEMORY);
            assert_int_equal(w.heap.live, live);
            if (to_file && made) assert_int_equal(unlink(path), 0);
            assert_int_not_equal(access(path, F_OK), 0); /* nothing is left */
            assert_true(n < 500);
        }
    }
}

static int begin(void **state) {
    (void)state;
    world_make(&w, DIM, COUNT, 0, 9);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvx", folder);
    return 0;
}

static int end(void **state) {
    (void)state;
    world_free(&w);
    test_folder_remove(folder);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(as_numpy_says),  TEST(same_bits_everywhere),     TEST(as_defined),
        TEST(fits_on_few),    TEST(reopens_appends_compacts), TEST(every_byte_damaged),
        TEST(hostile_values), TEST(hostile_headers),          TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
