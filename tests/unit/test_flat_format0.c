/* test_flat_format0.c - index files of format 0: golden files, damage of every byte, contents that lie, conversion. */
#include <errno.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base_bytes.h"
#include "support_flat.h"

enum { TABLE = 64, ENTRY = 32, TABLE_END = 448 }; /* docs/formats.md */

static test_heap heap;
static rtvi_env env;
static rtv_error error;

static int32_t read_bytes(const void *data, size_t size, rtvi_flat **flat) {
    rtvi_source source;
    int32_t status;
    *flat = NULL;
    assert_int_equal(rtvi_source_from_memory(&env, "index", data, size, 0, &source, NULL), RTV_OK);
    memset(&error, 0x7f, sizeof error);
    status = rtvi_flat_read(&env, &source, flat, &error);
    rtvi_source_close(&source);
    assert_int_equal(error.status, status);
    return status;
}

static int32_t read_path(const char *path, rtvi_flat **flat) {
    rtvi_source source;
    int32_t status = rtvi_source_open(&env, "index", path, &source, &error);
    if (status != RTV_OK) return status;
    status = rtvi_flat_read(&env, &source, flat, &error);
    rtvi_source_close(&source);
    return status;
}

static const char fingerprint[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void check_golden_content(rtvi_flat *flat, int32_t format) {
    static const char *const keys[] = {"birds/a.jpg", "birds/ä b.png", "", "x", "", "\xf0\x9f\x98\x80"};
    static const int64_t ids[] = {0, 7, 3, INT64_C(1) << 40, 12, 13};
    const rtv_search_options o = test_search_options();
    const float query[5] = {1, 0, 0, 0, 0};
    rtv_index_info info;
    rtv_hit hits[6];
    int64_t num;
    int32_t class_id;
    char text[32];
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.dim, 5);
    assert_int_equal(info.count, 6);
    assert_int_equal(info.num_classes, 3);
    assert_int_equal(info.num_predicted, 3);
    assert_int_equal(info.has_classes, 1);
    assert_int_equal(info.has_predicted, 1);
    assert_int_equal(info.format, format);
    assert_string_equal(info.fingerprint, fingerprint);
    assert_string_equal(info.model_name, "toy SG");
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(rtvi_flat_key(flat, ids[i], text, sizeof text, NULL, &error), RTV_OK);
        assert_string_equal(text, keys[i]);
    }
    assert_int_equal(rtvi_flat_class_id(flat, RTV_CLASSES_LABEL, "cat", &class_id, &error), RTV_OK);
    assert_int_equal(class_id, 2);
    assert_int_equal(rtvi_flat_class_name(flat, RTV_CLASSES_PREDICTED, 1, text, sizeof text, NULL, &error), RTV_E_NOT_FOUND);
    /* First components: item i has (5 i) mod 7 - 3 = -3, 2, 0, -2, 3, 1. */
    assert_int_equal(rtvi_flat_search(flat, NULL, query, 1, 6, &o, NULL, hits, &num, &error), RTV_OK);
    {
        const rtv_hit expected[6] = {{12, 3, 2}, {7, 2, 1}, {13, 1, 0}, {3, 0, 1}, {INT64_C(1) << 40, -2, -1}, {0, -3, 0}};
        assert_memory_equal(hits, expected, sizeof hits);
    }
}

static void golden_file_is_read(void **state) {
    rtvi_flat *flat = NULL;
    rtv_index_info info;
    (void)state;
    assert_int_equal(read_path(test_golden("index/format0.rtvi"), &flat), RTV_OK);
    check_golden_content(flat, 0);
    rtvi_flat_destroy(flat);
    assert_int_equal(read_path(test_golden("index/format0_empty.rtvi"), &flat), RTV_OK);
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.count, 0);
    assert_int_equal(info.dim, 3);
    rtvi_flat_destroy(flat);
}

/* Bytes at any address will do. */
static void golden_file_at_odd_addresses(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size), *moved = malloc(size + 3);
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        rtvi_flat *flat;
        memcpy(moved + shift, data, size);
        assert_int_equal(read_bytes(moved + shift, size, &flat), RTV_OK);
        check_golden_content(flat, 0);
        rtvi_flat_destroy(flat);
    }
    free(data);
    free(moved);
}

static void what_was_read_can_grow(void **state) {
    char folder[64], path[96];
    rtvi_flat *flat = NULL;
    rtv_items items = test_items((const float[]){9, 9, 9, 9, 9});
    const rtv_search_options o = test_search_options();
    rtv_hit hit;
    int64_t num;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvi", folder);
    assert_int_equal(read_path(test_golden("index/format0.rtvi"), &flat), RTV_OK);
    items.keys = (const char *const[]){"new"};
    assert_int_equal(rtvi_flat_add(flat, &items, 1, &error), RTV_OK);
    assert_int_equal(rtvi_flat_write(flat, path, &error), RTV_OK);
    rtvi_flat_destroy(flat);
    assert_int_equal(read_path(path, &flat), RTV_OK);
    assert_int_equal(rtvi_flat_search(flat, NULL, items.vectors, 1, 1, &o, NULL, &hit, &num, &error), RTV_OK);
    assert_true(hit.id == (INT64_C(1) << 40) + 1);
    assert_true(hit.score == 405.0F);
    rtvi_flat_destroy(flat);
    test_folder_remove(folder);
}

/* Open for writing, the first commit writes the file anew. */
static void is_converted(void **state) {
    char folder[64], path[96];
    rtvi_flat *flat = NULL;
    rtv_index_info info;
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvi", folder);
    test_write_file(path, data, size);
    assert_int_equal(rtvi_flat_open(&env, &rtvi_io_system, path, &flat, &error), RTV_OK);
    check_golden_content(flat, 0);
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_OK);
    check_golden_content(flat, 1);
    assert_int_equal(rtvi_flat_commit(flat, &error), RTV_OK);
    rtvi_flat_info(flat, &info);
    assert_int_equal(info.commits, 1);
    rtvi_flat_destroy(flat);
    assert_int_equal(rtvi_flat_verify(&env, path, NULL, NULL, &error), RTV_OK);
    assert_int_equal(read_path(path, &flat), RTV_OK);
    check_golden_content(flat, 1);
    rtvi_flat_destroy(flat);
    free(data);
    test_folder_remove(folder);
}

/* Counts calls; the one numbered fail_at fails, a write when it is half done. */
typedef struct faults {
    long calls, fail_at;
} faults;

static int fails(faults *f) {
    errno = EIO;
    return ++f->calls == f->fail_at;
}

static int64_t faulty_write(void *user, int file, const void *data, size_t size, uint64_t offset) {
    if (!fails(user)) return pwrite(file, data, size, (off_t)offset);
    if (pwrite(file, data, size / 2, (off_t)offset) < 0) abort();
    errno = EIO;
    return -1;
}

static int faulty_sync(void *user, int file) { return (void)file, -fails(user); }
static int faulty_rename(void *user, const char *from, const char *to) { return fails(user) ? -1 : rename(from, to); }

/* A conversion that fails leaves one or the other, whole; what failed can be tried again. */
static void every_call_of_a_conversion_fails(void **state) {
    char folder[64], path[96];
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    int passed = 0;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvi", folder);
    for (long n = 1; !passed; n++) {
        faults f = {0, n};
        const rtvi_io io = {&f, faulty_write, faulty_sync, faulty_rename};
        rtvi_flat *flat = NULL, *reader = NULL;
        rtv_index_info info;
        int32_t status;
        test_write_file(path, data, size);
        assert_int_equal(rtvi_flat_open(&env, &io, path, &flat, &error), RTV_OK);
        status = rtvi_flat_commit(flat, &error);
        passed = f.calls < n;
        assert_int_equal(status, passed ? RTV_OK : RTV_E_IO);
        assert_int_equal(read_path(path, &reader), RTV_OK);
        rtvi_flat_info(reader, &info);
        check_golden_content(reader, info.format);
        rtvi_flat_destroy(reader);
        if (rtvi_flat_commit(flat, &error) != RTV_OK) fail_msg("call %ld: %s", n, error.message);
        check_golden_content(flat, 1);
        rtvi_flat_destroy(flat);
        assert_int_equal(rtvi_flat_verify(&env, path, NULL, NULL, &error), RTV_OK);
        assert_true(n < 50);
    }
    free(data);
    test_folder_remove(folder);
}

static void truncated_at_every_byte(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    rtvi_flat *flat;
    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + 1); /* reading past it is an error under the sanitizer */
        memcpy(exact, data, cut);
        exact = realloc(exact, cut ? cut : 1);
        assert_int_equal(read_bytes(exact, cut, &flat), RTV_E_FORMAT);
        assert_null(flat);
        assert_contains(error.message, "index: ");
        assert_int_equal(error.byte_offset, cut < 8 ? 0 : (int64_t)cut);
        free(exact);
    }
    free(data);
}

static void every_byte_damaged(void **state) {
    static const uint8_t masks[] = {0x01, 0x80, 0xff};
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    rtvi_flat *flat;
    (void)state;
    for (size_t at = 0; at < size; at++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            int32_t status;
            data[at] ^= masks[m];
            status = read_bytes(data, size, &flat);
            data[at] ^= masks[m];
            assert_null(flat);
            if (status == RTV_E_UNSUPPORTED)
                assert_true(at >= 8 && at < 12);
            else if (status != RTV_E_FORMAT && status != RTV_E_CHECKSUM)
                fail_msg("byte %zu: %s", at, error.message);
            assert_true(error.byte_offset >= 0);
        }
    }
    assert_int_equal(read_bytes(data, size, &flat), RTV_OK);
    rtvi_flat_destroy(flat);
    data = realloc(data, size + 1);
    data[size] = 0;
    assert_int_equal(read_bytes(data, size + 1, &flat), RTV_E_FORMAT); /* one byte too many */
    free(data);
}

/* A file whose checksums are right, so that what they cover is looked at. */
static void seal(uint8_t *data, size_t size) {
    for (size_t i = 0; i < 12; i++) {
        uint8_t *entry = data + TABLE + i * ENTRY;
        const uint64_t offset = rtvi_load_le(entry + 8, 8), length = rtvi_load_le(entry + 16, 8);
        if (offset <= size && length <= size - offset) rtvi_store_le(entry + 24, XXH3_64bits(data + offset, (size_t)length), 8);
    }
    memset(data + 40, 0, 8);
    rtvi_store_le(data + 40, XXH3_64bits(data, TABLE_END), 8);
}

static size_t section_offset(const uint8_t *data, size_t kind) { return (size_t)rtvi_load_le(data + TABLE + (kind - 1) * ENTRY + 8, 8); }

/* Puts value (count bytes) at section kind (0: the file's start) + offset. */
typedef struct lie {
    size_t kind, offset, count;
    uint64_t value;
    const char *message;
} lie;

#define IN_TABLE(kind, field) 0, TABLE + ((kind)-1) * ENTRY + (field)

static void sealed_lies(void **state) {
    static const lie lies[] = {
        {0, 0, 1, 'X', "first 8 bytes"},
        {0, 12, 4, 0, "flags: got 0"},
        {0, 16, 4, 0, "dim: got 0"},
        {0, 16, 4, 65537, "dim: got 65537"},
        {0, 16, 4, 4, "size of section \"vectors\""},
        {0, 20, 4, 11, "number of sections: got 11"},
        {0, 24, 8, UINT64_MAX, "count: got"},
        {0, 24, 8, 5, "size of section \"ids\""},
        {0, 24, 8, UINT64_C(1) << 59, "size of section \"ids\""},
        {0, 32, 8, 7, "expected 7"},
        {0, 32, 8, UINT64_C(1) << 40, "cut off"},
        {0, 48, 1, 1, "a reserved byte"},
        {0, 63, 1, 1, "a reserved byte"},
        {IN_TABLE(2, 0), 8, 3, "kind of a section: got 3"},
        {IN_TABLE(2, 8), 8, 0, "offset of a section: got 0"},
        {IN_TABLE(3, 8), 8, UINT64_MAX - 8, "offset of a section"},
        {IN_TABLE(3, 16), 8, UINT64_MAX, "size of section \"ids\""},
        {IN_TABLE(12, 16), 8, 119, "end of the last section"},
        {1, 64 - 1, 1, 0x01, "fingerprint: is not UTF-8"},
        {2, 2, 1, 0xff, "model name: is not UTF-8"},
        {2, 6, 1, 1, "a byte between sections"},
        {3, 0, 8, 13, "id 13: got it twice"},
        {3, 8, 8, UINT64_MAX, "id of item 1: got -1"},
        {4, 4, 4, UINT32_MAX - 1, "class of item 1: got -2"},
        {5, 0, 4, 0x80000000u, "predicted class of item 0"},
        {6, 0, 8, 1, "first offset of texts"},
        {6, 48, 8, 0, "last offset of texts"},
        {6, 48, 8, UINT64_MAX, "last offset of texts"},
        {6, 8, 8, 1000, "offset of a text: got 1000"},
        {6, 16, 8, 3, "offset of a text: got 3, expected 11"},
        {6, 8, 8, 18, "is not UTF-8"}, /* cuts a character in two */
        {7, 0, 1, '\n', "text 0: is not UTF-8"},
        {8, 8, 8, UINT64_MAX, "offset of a text"},
        {9, 1, 1, 0x80, "is not UTF-8"},
        {10, 0, 8, 9, "first offset of texts"},
        {11, 0, 1, 0, "is not UTF-8"},
        {12, 4, 4, 0x7fc00000u, "item 0: got nan at position 1"},
        {12, 116, 4, 0xff800000u, "item 5: got -inf at position 4"},
    };
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size), *copy = malloc(size);
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        rtvi_flat *flat;
        size_t at = (lies[i].kind ? section_offset(data, lies[i].kind) : 0) + lies[i].offset;
        memcpy(copy, data, size);
        rtvi_store_le(copy + at, lies[i].value, lies[i].count);
        seal(copy, size);
        assert_int_equal(read_bytes(copy, size, &flat), RTV_E_FORMAT);
        assert_contains(error.message, lies[i].message);
        assert_true(error.byte_offset >= 0 && (size_t)error.byte_offset <= size);
        assert_int_equal(heap.live, 0);
    }
    free(data);
    free(copy);
}

static void path_is_named(void **state) {
    char folder[64], path[96];
    rtvi_flat *flat = NULL;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/not-an-index", folder);
    test_write_file(path, "hello, this is a text", 21);
    assert_int_equal(read_path(path, &flat), RTV_E_FORMAT);
    assert_contains(error.message, "not-an-index: index: ");
    assert_null(flat);
    snprintf(path, sizeof path, "%s/absent", folder);
    assert_int_equal(read_path(path, &flat), RTV_E_IO);
    assert_int_equal(error.os_error, ENOENT);
    test_folder_remove(folder);
}

static void failing_allocations(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    rtvi_flat *flat = NULL;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    for (long n = 1; status != RTV_OK; n++) {
        heap.fail_at = heap.calls + n;
        status = read_bytes(data, size, &flat);
        heap.fail_at = 0;
        if (status != RTV_OK) {
            assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
            assert_null(flat);
            assert_int_equal(heap.live, 0);
        }
        assert_true(n < 40);
    }
    rtvi_flat_destroy(flat);
    free(data);
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
        TEST(golden_file_is_read),
        TEST(golden_file_at_odd_addresses),
        TEST(what_was_read_can_grow),
        TEST(is_converted),
        TEST(every_call_of_a_conversion_fails),
        TEST(truncated_at_every_byte),
        TEST(every_byte_damaged),
        TEST(sealed_lies),
        TEST(path_is_named),
        TEST(failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
