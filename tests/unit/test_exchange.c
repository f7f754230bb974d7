/* test_exchange.c - vectors in the files of others: golden files that faiss, NumPy and PyTorch wrote, round trips, files that lie. */
#include <retrieve/retrieve.h>

#include "base/base_bytes.h"
#include "exchange/exchange.h"
#include "support_flat.h"

enum { COUNT = 5, DIM = 3 };

static test_heap heap;
static rtvi_env env;
static rtv_error error;

static const int64_t golden_ids[] = {10, 3, INT64_C(1) << 40, 7, 8};
static const char *const golden_names[] = {"data/a.jpg", "data/b.jpg", "data/\xc3\xa4.jpg", "data/d.jpg", "data/e.jpg"};
static const int32_t golden_labels[] = {4, 4, 0, 1, 1};

static float golden_value(int i, int j) { return (float)((i * DIM + j) % 7 - 3) + 0.25F * (float)j; }

static const char *golden(const char *name) {
    char path[64];
    snprintf(path, sizeof path, "exchange/%s", name);
    return test_golden(path);
}

static int32_t open_bytes(const void *data, size_t size, const char *name, rtvi_exchange *exchange) {
    rtvi_source source;
    assert_int_equal(rtvi_source_from_memory(&env, "vectors", data, size, 0, &source, &error), RTV_OK);
    return rtvi_exchange_open(&source, name, exchange, &error);
}

static int32_t open_golden(const char *name, rtvi_exchange *exchange) {
    rtvi_source source;
    assert_int_equal(rtvi_source_open(&env, "vectors", golden(name), &source, &error), RTV_OK);
    return rtvi_exchange_open(&source, name, exchange, &error);
}

static void check_values(const rtvi_exchange *exchange, float scale) {
    float values[COUNT * DIM], row[DIM];
    assert_int_equal(exchange->matrix.dims[0], COUNT);
    assert_int_equal(exchange->matrix.dims[1], DIM);
    assert_int_equal(rtvi_exchange_read(exchange, 0, COUNT, values, NULL, NULL, &error), RTV_OK);
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < DIM; j++) assert_true(values[i * DIM + j] == golden_value(i, j) * scale);
    assert_int_equal(rtvi_exchange_read(exchange, 2, 1, row, NULL, NULL, &error), RTV_OK);
    assert_memory_equal(row, values + 2 * DIM, sizeof row);
    assert_int_equal(rtvi_exchange_read(exchange, 3, 3, row, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtvi_exchange_read(exchange, -1, 1, row, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
}

static void golden_files_are_read(void **state) {
    static const char *const names[] = {"flat.faiss", "ids.faiss", "float32.npy", "float16.npy", "float64.npy", "a.fvecs", "a.ivecs"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        rtvi_exchange exchange;
        int64_t ids[COUNT];
        if (open_golden(names[i], &exchange) != RTV_OK) fail_msg("%s: %s", names[i], error.message);
        check_values(&exchange, strcmp(names[i], "a.ivecs") == 0 ? 4 : 1);
        if (strcmp(names[i], "ids.faiss") == 0) {
            assert_int_equal(rtvi_exchange_read(&exchange, 0, COUNT, NULL, ids, NULL, &error), RTV_OK);
            assert_memory_equal(ids, golden_ids, sizeof ids);
        } else {
            assert_int_equal(rtvi_exchange_read(&exchange, 0, COUNT, NULL, ids, NULL, &error), RTV_E_INVALID_ARGUMENT);
        }
        assert_int_equal(rtvi_exchange_key(&exchange, 0, NULL, 0, NULL, &error), RTV_E_NOT_FOUND);
        rtvi_exchange_close(&exchange);
    }
}

static void single_vectors(void **state) {
    rtvi_exchange exchange;
    (void)state;
    assert_int_equal(open_golden("one.npy", &exchange), RTV_OK);
    assert_int_equal(exchange.matrix.dims[0], 1);
    assert_int_equal(exchange.matrix.dims[1], DIM);
    rtvi_exchange_close(&exchange);
}

static void cgd_databases_are_read(void **state) {
    static const char *const names[] = {"cgd_data_base.pth", "cgd_data_base_old.pth"};
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        rtvi_exchange exchange;
        int32_t classes[COUNT];
        char key[32];
        uint64_t size;
        if (open_golden(names[f], &exchange) != RTV_OK) fail_msg("%s: %s", names[f], error.message);
        check_values(&exchange, 1);
        assert_int_equal(rtvi_exchange_read(&exchange, 0, COUNT, NULL, NULL, classes, &error), RTV_OK);
        assert_memory_equal(classes, golden_labels, sizeof classes);
        for (int64_t i = 0; i < COUNT; i++) {
            assert_int_equal(rtvi_exchange_key(&exchange, i, key, sizeof key, &size, &error), RTV_OK);
            assert_string_equal(key, golden_names[i]);
        }
        assert_int_equal(rtvi_exchange_key(&exchange, 0, key, 3, &size, &error), RTV_E_BUFFER_TOO_SMALL);
        assert_int_equal(size, 11);
        assert_int_equal(rtvi_exchange_key(&exchange, COUNT, key, sizeof key, &size, &error), RTV_E_INVALID_ARGUMENT);
        rtvi_exchange_close(&exchange);
    }
}

static void refused(const char *name, int32_t status, const char *message) {
    rtvi_exchange exchange;
    assert_int_equal(open_golden(name, &exchange), status);
    assert_contains(error.message, message);
    rtvi_exchange_close(&exchange);
}

static void others_are_refused(void **state) {
    rtvi_exchange exchange;
    (void)state;
    refused("l2.faiss", RTV_E_UNSUPPORTED, "\"IxF2\"");
    refused("columns.npy", RTV_E_UNSUPPORTED, "columns first");
    refused("../models/cgd_sg.pth", RTV_E_UNSUPPORTED, "has no tensor \"gallery_features\"");
    assert_int_equal(open_bytes("hello, this is a text", 21, "a.txt", &exchange), RTV_E_UNSUPPORTED);
    rtvi_exchange_close(&exchange);
}

/* Cut off, no file is read beyond its end, and none makes sense. */
static void truncated_at_every_byte(void **state) {
    static const char *const names[] = {"flat.faiss", "ids.faiss", "float32.npy",          "float64.npy",
                                        "one.npy",    "a.fvecs",   "cgd_data_base_old.pth"};
    (void)state;
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        size_t size;
        uint8_t *data = test_read_file(golden(names[f]), &size);
        for (size_t cut = 0; cut < size; cut++) {
            uint8_t *exact = malloc(cut ? cut : 1);
            rtvi_exchange exchange;
            int32_t status;
            memcpy(exact, data, cut);
            status = open_bytes(exact, cut, names[f], &exchange);
            if (status == RTV_OK && strcmp(names[f], "a.fvecs") == 0 && cut % 16 == 0) status = RTV_E_FORMAT; /* whole vectors */
            if (status != RTV_E_FORMAT && status != RTV_E_UNSUPPORTED) fail_msg("%s, %zu bytes: got %d", names[f], cut, (int)status);
            rtvi_exchange_close(&exchange);
            free(exact);
        }
        free(data);
    }
}

/* Whatever the bytes are, what is read lies inside the file. */
static void damaged_files_do_no_harm(void **state) {
    static const char *const names[] = {"ids.faiss", "float32.npy", "a.fvecs", "cgd_data_base_old.pth"};
    static const uint8_t masks[] = {0x01, 0x10, 0xff};
    (void)state;
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        size_t size;
        uint8_t *data = test_read_file(golden(names[f]), &size);
        for (size_t at = 0; at < size * 3; at++) {
            rtvi_exchange exchange;
            data[at / 3] ^= masks[at % 3];
            if (open_bytes(data, size, names[f], &exchange) == RTV_OK && exchange.matrix.dims[0] * exchange.matrix.dims[1] <= 1000) {
                float values[1000];
                const int64_t count = exchange.matrix.dims[0];
                assert_int_equal(rtvi_exchange_read(&exchange, 0, count, values, NULL, NULL, &error), RTV_OK);
            }
            rtvi_exchange_close(&exchange);
            data[at / 3] ^= masks[at % 3];
        }
        free(data);
    }
}

#define assert_api(call)                                                \
    do {                                                                \
        if ((call) != RTV_OK) fail_msg("%s: %s", #call, error.message); \
    } while (0)

static void same_file(const char *a, const char *b) {
    size_t size, other_size;
    uint8_t *data = test_read_file(a, &size), *other = test_read_file(b, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(data, other, size);
    free(data);
    free(other);
}

/* What is imported and exported again is the same file, bit for bit. */
static void through_an_index(void **state) {
    static const struct {
        const char *name;
        int32_t kind, with_ids;
    } files[] = {{"flat.faiss", RTV_VECTORS_FAISS, 0},
                 {"ids.faiss", RTV_VECTORS_FAISS, 1},
                 {"float32.npy", RTV_VECTORS_NPY, 0},
                 {"a.fvecs", RTV_VECTORS_FVECS, 0}};
    char folder[64], path[96];
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/out", folder);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        rtv_vectors *vectors = NULL;
        rtv_index *index = NULL;
        rtv_vectors_info info = {.struct_size = sizeof info};
        assert_api(rtv_vectors_open(golden(files[i].name), NULL, &vectors, &error));
        assert_api(rtv_vectors_info_get(vectors, &info, &error));
        assert_int_equal(info.kind, files[i].kind);
        assert_int_equal(info.has_ids, files[i].with_ids);
        assert_int_equal(info.count, COUNT);
        assert_api(rtv_index_create(4, NULL, &index, &error));
        assert_int_equal(rtv_index_import(index, vectors, NULL, NULL, &error), RTV_E_MISMATCH);
        rtv_index_free(index);
        assert_api(rtv_index_create(DIM, NULL, &index, &error));
        assert_api(rtv_index_import(index, vectors, NULL, NULL, &error));
        assert_int_equal(rtv_index_import(index, vectors, golden_ids, NULL, &error), RTV_E_EXISTS); /* id 3 */
        rtv_index_free(index);
        assert_api(rtv_index_create(DIM, NULL, &index, &error));
        assert_api(rtv_index_import(index, vectors, NULL, NULL, &error));
        assert_api(rtv_index_export(index, path, files[i].kind, files[i].with_ids, &error));
        same_file(path, golden(files[i].name));
        assert_int_equal(rtv_index_export(index, path, RTV_VECTORS_CGD, 0, &error), RTV_E_INVALID_ARGUMENT);
        assert_int_equal(rtv_index_export(index, path, RTV_VECTORS_NPY, 1, &error), RTV_E_INVALID_ARGUMENT);
        assert_int_equal(rtv_index_export(index, "absent/x", RTV_VECTORS_NPY, 0, &error), RTV_E_IO);
        rtv_index_free(index);
        rtv_vectors_free(vectors);
    }
    test_folder_remove(folder);
}

static void keys_and_classes_come_along(void **state) {
    rtv_vectors *vectors = NULL;
    rtv_index *index = NULL;
    int64_t id = -1;
    char key[32];
    uint64_t size;
    rtv_vectors_info info = {.struct_size = sizeof info};
    (void)state;
    assert_int_equal(rtv_vectors_open("absent", NULL, &vectors, &error), RTV_E_IO);
    assert_api(rtv_vectors_open(golden("cgd_data_base.pth"), NULL, &vectors, &error));
    assert_api(rtv_vectors_info_get(vectors, &info, &error));
    assert_true(info.has_keys && info.has_classes && !info.has_ids);
    assert_api(rtv_vectors_key(vectors, 1, key, sizeof key, &size, &error));
    assert_string_equal(key, golden_names[1]);
    assert_api(rtv_index_create(DIM, NULL, &index, &error));
    assert_api(rtv_index_import(index, vectors, NULL, NULL, &error));
    rtv_vectors_free(vectors);
    assert_api(rtv_index_find(index, golden_names[2], &id, &error));
    assert_int_equal(id, 2);
    rtv_index_free(index);
}

static void failing_allocations(void **state) {
    static const char *const names[] = {"cgd_data_base.pth", "cgd_data_base_old.pth", "float32.npy"};
    (void)state;
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        int32_t status = RTV_E_OUT_OF_MEMORY;
        for (long n = 1; status != RTV_OK; n++) {
            rtvi_source source;
            rtvi_exchange exchange;
            assert_int_equal(rtvi_source_open(&env, "vectors", golden(names[f]), &source, &error), RTV_OK);
            heap.fail_at = heap.calls + n;
            status = rtvi_exchange_open(&source, names[f], &exchange, &error);
            heap.fail_at = 0;
            if (status != RTV_OK) assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            rtvi_exchange_close(&exchange);
            assert_int_equal(heap.live, 0);
            assert_true(n < 200);
        }
    }
}

static int begin(void **state) {
    (void)state;
    test_env_init(&env, &heap);
    return 0;
}

static int end(void **state) {
    (void)state;
    rtvi_env_destroy(&env);
    return heap.live == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(golden_files_are_read),   TEST(single_vectors),           TEST(cgd_databases_are_read), TEST(others_are_refused),
        TEST(truncated_at_every_byte), TEST(damaged_files_do_no_harm), TEST(through_an_index),       TEST(keys_and_classes_come_along),
        TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
