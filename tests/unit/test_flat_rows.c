/* test_flat_rows.c - rows in several chunks, some removed, stored in every way: a search finds what brute force over what is kept finds. */
#include "flat_world.h"

#include "index/flat_codes.h"
#include "index/flat_search.h"
#include "tensor/tensor.h"

enum { DIM = 37, COUNT = 900, CHUNKS = 3, K = 15, QUERIES = 50 };

static float kept[COUNT * DIM]; /* the vectors as they are scored */
static uint16_t halves[COUNT * DIM];
static _Alignas(64) uint8_t codes[COUNT * 64];
static uint64_t removed[CHUNKS][COUNT / 64 + 1];

static int is_removed(size_t chunk, size_t row) { return (int)(removed[chunk][row / 64] >> (row % 64) & 1); }

/* Stores the world's vectors and cuts them into chunks. */
static rtvi_rows store(const world *w, int32_t storage, rtvi_chunk chunks[CHUNKS]) {
    static const size_t firsts[CHUNKS + 1] = {0, 1, 500, COUNT};
    rtvi_rows rows = {.dim = DIM, .storage = storage, .num_rows = COUNT, .num_chunks = CHUNKS, .chunks = chunks};
    const size_t size = rtvi_codes_size(DIM);
    for (size_t i = 0; i < COUNT * DIM; i++) {
        halves[i] = rtvi_f32_to_f16(w->vectors[i]);
        kept[i] = storage == RTV_STORAGE_FLOAT16 ? rtvi_f16_to_f32(halves[i]) : w->vectors[i];
    }
    if (storage == RTV_STORAGE_INT8)
        rtvi_codes_encode_alone(RTV_ISA_ANY, kept, COUNT, DIM, codes);
    else
        rtvi_codes_encode(RTV_ISA_ANY, kept, COUNT, DIM, codes);
    for (size_t i = 0; storage == RTV_STORAGE_INT8 && i < COUNT; i++) rtvi_codes_decode(codes + i * size, DIM, kept + i * DIM);
    for (size_t c = 0; c < CHUNKS; c++) {
        const size_t first = firsts[c];
        chunks[c] = (rtvi_chunk){.first_row = first,
                                 .num_rows = firsts[c + 1] - first,
                                 .codes = codes + first * size,
                                 .ids = w->ids + first,
                                 .classes = w->classes + first,
                                 .predicted = w->predicted + first,
                                 .removed = c == 1 ? NULL : removed[c]};
        if (storage == RTV_STORAGE_FLOAT32) chunks[c].vectors = kept + first * DIM;
        if (storage == RTV_STORAGE_FLOAT16) chunks[c].vectors = halves + first * DIM;
        for (size_t i = 0; i < chunks[c].num_rows; i++) rows.num_live += c == 1 || !is_removed(c, i);
    }
    return rows;
}

static void brute_force(const rtvi_rows *rows, const rtvi_filter *filter, const float *query, rtv_hit *hits, int64_t *num) {
    static rtv_hit all[COUNT];
    size_t n = 0;
    for (size_t c = 0; c < CHUNKS; c++) {
        const rtvi_chunk *chunk = &rows->chunks[c];
        for (size_t i = 0; i < chunk->num_rows; i++) {
            if (c != 1 && is_removed(c, i)) continue;
            if (filter->class_id >= 0 && chunk->classes[i] != filter->class_id) continue;
            all[n++] = (rtv_hit){chunk->ids[i], test_canonical_dot(query, kept + (chunk->first_row + i) * DIM, DIM), chunk->classes[i]};
        }
    }
    qsort(all, n, sizeof *all, world_by_rank);
    *num = n < K ? (int64_t)n : K;
    for (size_t i = 0; i < K; i++) hits[i] = i < n ? all[i] : (rtv_hit){-1, -INFINITY, -1};
}

static void check(world *w, const rtvi_rows *rows, int32_t class_id) {
    static rtv_hit hits[QUERIES * K], expected[QUERIES * K];
    int64_t num[QUERIES], expected_num[QUERIES];
    const rtvi_filter filter = {.class_id = class_id, .predicted = -1};
    for (size_t q = 0; q < QUERIES; q++) brute_force(rows, &filter, w->vectors + q * 3 * DIM, expected + q * K, &expected_num[q]);
    for (size_t at = 0; at < WORLD_ISAS * 2 && world_isas[at / 2] <= rtvi_cpu_isa(); at++) {
        float queries[QUERIES * DIM];
        rtvi_search search = {.flat = w->flat, .team = at % 2 ? w->teams[1] : NULL, .rows = rows, .filter = &filter, .queries = queries};
        search.count = QUERIES;
        search.k = K;
        search.min_score = -INFINITY;
        search.hits = hits;
        search.num_hits = num;
        for (size_t q = 0; q < QUERIES; q++) memcpy(queries + q * DIM, w->vectors + q * 3 * DIM, DIM * sizeof(float));
        w->env.isa = world_isas[at / 2];
        assert_int_equal(rtvi_search_run(&search, NULL), RTV_OK);
        assert_memory_equal(num, expected_num, sizeof num);
        assert_memory_equal(hits, expected, sizeof hits);
    }
}

static void every_storage(void **state) {
    static const int32_t storages[] = {RTV_STORAGE_FLOAT32, RTV_STORAGE_FLOAT16, RTV_STORAGE_INT8};
    uint64_t seed = 4;
    world w;
    (void)state;
    world_make(&w, DIM, COUNT, 0, 9);
    for (size_t c = 0; c < CHUNKS; c++)
        for (size_t i = 0; i <= COUNT / 64; i++) removed[c][i] = test_random(&seed) & test_random(&seed);
    removed[0][0] |= 1; /* a chunk of nothing else */
    for (size_t s = 0; s < 3; s++) {
        rtvi_chunk chunks[CHUNKS];
        const rtvi_rows rows = store(&w, storages[s], chunks);
        check(&w, &rows, -1);
        check(&w, &rows, 2);
    }
    world_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_storage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
