/* test_quant_stats_file.c - statistics come back from their file as they were; whatever is wrong with one is named. */
#include "support.h"
#include "quant_support.h"

#include "quant/quant_stats_file.h"
#include "quant/quant_stats_state.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static rtvi_env env;
static test_heap heap;
static rtv_error error;
static char folder[64], path[128];

static void add(rtvi_quant_stats *stats, const char *value, int64_t sample, uint32_t *seed) {
    const int64_t dims[] = {1, 3, 20};
    float values[60] = {0};
    const rtvi_tensor tensor = rtvi_tensor_contiguous(RTVI_F32, 3, dims, values);
    for (int i = 0; i < 60; i++) values[i] = (float)quant_normal(seed);
    assert_int_equal(rtvi_quant_stats_add(stats, sample, value, &tensor, &error), RTV_OK);
}

/* Samples 0, 2 and 5 of 8, in that order or the other way round. */
static rtvi_quant_stats *make(int backwards) {
    static const int64_t samples[] = {0, 2, 5};
    rtvi_quant_stats *stats;
    assert_int_equal(rtvi_quant_stats_create(&env, 8, &stats, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_track(stats, "layer1.0.conv1", 3, 7, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_track(stats, "plain", 3, 0, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_track(stats, "none", 5, RTVI_QUANT_HISTOGRAM, &error), RTV_OK);
    for (int i = 0; i < 3; i++) {
        uint32_t seed = (uint32_t)samples[backwards ? 2 - i : i];
        add(stats, "layer1.0.conv1", samples[backwards ? 2 - i : i], &seed);
        add(stats, "plain", samples[backwards ? 2 - i : i], &seed);
    }
    return stats;
}

static int setup(void **state) {
    rtvi_quant_stats *stats;
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/statistics", folder);
    stats = make(0);
    assert_int_equal(rtvi_quant_stats_save(stats, "{\"model\":\"x\"}", path, &error), RTV_OK);
    rtvi_quant_stats_destroy(stats);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    test_folder_remove(folder);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return 0;
}

static void test_comes_back(void **state) {
    rtvi_quant_stats *stats, *loaded;
    char *about;
    double a[3], b[3];
    (void)state;
    stats = make(0);
    assert_int_equal(rtvi_quant_stats_load(&env, path, &loaded, &about, &error), RTV_OK);
    assert_string_equal(about, "{\"model\":\"x\"}");
    rtvi_free(&env, about);
    assert_int_equal(rtvi_quant_stats_count(loaded, "layer1.0.conv1"), 3);
    assert_int_equal(rtvi_quant_stats_count(loaded, "none"), 0);
    for (int e = 0; e < RTVI_QUANT_ESTIMATOR_COUNT; e++) {
        rtvi_quant_range x, y;
        assert_int_equal(rtvi_quant_stats_range(stats, "layer1.0.conv1", (rtvi_quant_estimator)e, RTVI_QUANT_MIXED, &x, &error), RTV_OK);
        assert_int_equal(rtvi_quant_stats_range(loaded, "layer1.0.conv1", (rtvi_quant_estimator)e, RTVI_QUANT_MIXED, &y, &error), RTV_OK);
        assert_memory_equal(&x, &y, sizeof x);
    }
    assert_int_equal(rtvi_quant_stats_means(stats, "layer1.0.conv1", a, &error), RTV_OK);
    assert_int_equal(rtvi_quant_stats_means(loaded, "layer1.0.conv1", b, &error), RTV_OK);
    assert_memory_equal(a, b, sizeof a);
    {
        uint32_t seed = 1; /* and more samples can be added */
        add(loaded, "plain", 7, &seed);
        assert_int_equal(rtvi_quant_stats_count(loaded, "plain"), 4);
    }
    rtvi_quant_stats_destroy(stats);
    rtvi_quant_stats_destroy(loaded);
}

static void test_one_file_for_any_order(void **state) {
    rtvi_quant_stats *stats = make(1);
    char other[128];
    size_t size[2];
    uint8_t *a, *b;
    (void)state;
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(rtvi_quant_stats_save(stats, "{\"model\":\"x\"}", other, &error), RTV_OK);
    a = test_read_file(path, &size[0]);
    b = test_read_file(other, &size[1]);
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(a, b, size[0]);
    free(a);
    free(b);
    rtvi_quant_stats_destroy(stats);
}

/* --- damage --- */

static int32_t load(void) {
    rtvi_quant_stats *stats;
    char *about;
    const int32_t status = rtvi_quant_stats_load(&env, path, &stats, &about, &error);
    assert_int_equal(status == RTV_OK, stats != NULL && about != NULL);
    rtvi_quant_stats_destroy(stats);
    rtvi_free(&env, about);
    return status;
}

/* Size and checksum made right again, so that what is behind them is looked at. */
static void seal(uint8_t *data, size_t size) {
    for (int i = 0; i < 8; i++) {
        data[24 + i] = (uint8_t)((uint64_t)size >> (8 * i));
        data[32 + i] = 0;
    }
    {
        const uint64_t sum = XXH3_64bits(data, size);
        for (int i = 0; i < 8; i++) data[32 + i] = (uint8_t)(sum >> (8 * i));
    }
}

static void test_truncated_at_every_byte(void **state) {
    size_t size;
    uint8_t *data = test_read_file(path, &size);
    (void)state;
    for (size_t length = 0; length < size; length++) {
        test_write_file(path, data, length);
        assert_int_not_equal(load(), RTV_OK);
        assert_contains(error.message, "statistics: ");
        if (length < 48) continue;
        {
            uint8_t *sealed = malloc(length);
            assert_non_null(sealed);
            memcpy(sealed, data, length);
            seal(sealed, length);
            test_write_file(path, sealed, length);
            free(sealed);
        }
        assert_int_equal(load(), RTV_E_FORMAT);
    }
    free(data);
}

/* Every byte of a sealed file changed: an error, or other statistics, but no crash. */
static void test_every_byte_changed(void **state) {
    static const uint8_t changes[] = {0x01, 0x80, 0xff};
    size_t size;
    uint8_t *data = test_read_file(path, &size);
    (void)state;
    for (size_t at = 8; at < size; at++) {
        for (int i = 0; i < 3; i++) {
            data[at] ^= changes[i];
            test_write_file(path, data, size);
            if (at >= 12) assert_int_not_equal(load(), RTV_OK);
            seal(data, size);
            test_write_file(path, data, size);
            load();
            data[at] ^= changes[i];
            seal(data, size);
        }
    }
    free(data);
}

static void expect_damage(size_t at, uint8_t value, int sealed, int32_t status, const char *message) {
    size_t size;
    uint8_t *data = test_read_file(path, &size), *whole = malloc(size);
    assert_non_null(whole);
    memcpy(whole, data, size);
    data[at] = value;
    if (sealed) seal(data, size);
    test_write_file(path, data, size);
    assert_int_equal(load(), status);
    assert_contains(error.message, message);
    test_write_file(path, whole, size);
    free(data);
    free(whole);
}

static void test_messages(void **state) {
    const size_t about = 48 + 13, records = about + 24 + 14; /* of the first value, "layer1.0.conv1" */
    (void)state;
    expect_damage(0, 'x', 1, RTV_E_FORMAT, "this is no file of statistics");
    expect_damage(8, 2, 1, RTV_E_UNSUPPORTED, "statistics: version: got 2, expected 1");
    expect_damage(24, 0, 0, RTV_E_FORMAT, "statistics: file size: got ");
    expect_damage(50, 'x', 0, RTV_E_CHECKSUM, "statistics: checksum");
    expect_damage(17, 255, 1, RTV_E_FORMAT, "the number of samples is out of range");
    expect_damage(42, 255, 1, RTV_E_FORMAT, "the description is too long or cut off");
    expect_damage(about, 0, 1, RTV_E_FORMAT, "the name of a value is missing");
    expect_damage(about + 4, 8, 1, RTV_E_FORMAT, "statistics or samples of a value are unknown");
    expect_damage(about + 16, 9, 1, RTV_E_FORMAT, "statistics or samples of a value are unknown");
    expect_damage(about + 12, 9, 1, RTV_E_FORMAT, "more than the file has room for");
    expect_damage(records, 8, 1, RTV_E_FORMAT, "a sample number is out of order or range");
    expect_damage(records + 24, 0, 1, RTV_E_FORMAT, "a sample number is out of order or range");
    expect_damage(records + 15, 0xff, 1, RTV_E_FORMAT, "ends before it begins"); /* the maximum below the minimum */
}

static void test_unwritable(void **state) {
    rtvi_quant_stats *stats = make(0);
    char *about = malloc((1 << 20) + 2);
    (void)state;
    assert_non_null(about);
    memset(about, 'x', (1 << 20) + 1);
    about[(1 << 20) + 1] = 0;
    assert_int_equal(rtvi_quant_stats_save(stats, "", "no/such/folder/file", &error), RTV_E_IO);
    assert_int_equal(rtvi_quant_stats_save(stats, about, path, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "statistics: description: got 1048577 bytes, expected at most 1048576");
    free(about);
    rtvi_quant_stats_destroy(stats);
}

static void test_allocation_failures(void **state) {
    rtvi_quant_stats *stats = make(0);
    const long live = heap.live;
    long n = 0;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    while (status != RTV_OK) {
        heap.fail_at = heap.calls + ++n;
        status = rtvi_quant_stats_save(stats, "", path, &error);
        if (status == RTV_OK) status = load();
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_int_equal(heap.live, live);
    }
    heap.fail_at = 0;
    assert_true(n > 20);
    rtvi_quant_stats_destroy(stats);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_file_for_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_truncated_at_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unwritable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_allocation_failures, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
