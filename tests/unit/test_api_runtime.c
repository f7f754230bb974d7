/* test_api_runtime.c - versions, names, CPU info, runtimes, and option structs of other sizes. */
#include "support.h"

#include <retrieve/retrieve.h>

static void versions_and_names(void **state) {
    (void)state;
    assert_int_equal(rtv_version(), RTV_VERSION);
    assert_int_equal(rtv_abi_version(), RTV_ABI_VERSION);
    assert_string_equal(rtv_status_name(RTV_OK), "RTV_OK");
    assert_string_equal(rtv_status_name(RTV_E_CANCELLED), "RTV_E_CANCELLED");
    assert_string_equal(rtv_status_name(RTV_E_INTERNAL), "RTV_E_INTERNAL");
    assert_string_equal(rtv_status_name(1), "RTV_E_?");
    assert_string_equal(rtv_status_name(RTV_E_INTERNAL - 1), "RTV_E_?");
    assert_string_equal(rtv_isa_name(RTV_ISA_AVX2), "AVX2");
    assert_string_equal(rtv_isa_name(-7), "?");
    assert_contains(rtv_build_info(), "libretrieve");
}

static void errors_keep_their_size(void **state) {
    (void)state;
    assert_int_equal(sizeof(rtv_error), 512);
    assert_int_equal(sizeof(rtv_hit), 16);
}

static void cpu_info(void **state) {
    rtv_cpu_info info;
    rtv_error error;
    struct {
        uint32_t struct_size;
        int32_t isa;
        uint8_t guard[8];
    } small = {8, 0, {1, 2, 3, 4, 5, 6, 7, 8}};
    (void)state;
    info.struct_size = sizeof info;
    assert_int_equal(rtv_cpu_info_get(&info, &error), RTV_OK);
    assert_true(info.processors >= 1 && info.isa >= RTV_ISA_SCALAR && info.name[0]);
    assert_int_equal(rtv_cpu_info_get((rtv_cpu_info *)(void *)&small, NULL), RTV_OK); /* an older caller's struct */
    assert_int_equal(small.isa, info.isa);
    assert_int_equal(small.guard[0], 1);
    info.struct_size = 3;
    assert_int_equal(rtv_cpu_info_get(&info, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "rtv_cpu_info");
    assert_int_equal(rtv_cpu_info_get(NULL, &error), RTV_E_INVALID_ARGUMENT);
}

static void option_checks(void **state) {
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_error error;
    rtv_allocator incomplete = {NULL, NULL, NULL};
    (void)state;
    assert_int_equal(rtv_runtime_create(NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    rtv_runtime_options_init(&options);
    options.threads = 0;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "threads");
    rtv_runtime_options_init(&options);
    options.max_isa = 42;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    rtv_runtime_options_init(&options);
    options.log_level = 9;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    rtv_runtime_options_init(&options);
    options.onednn_quiet = 2;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    rtv_runtime_options_init(&options);
    options.allocator = &incomplete;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    options.struct_size = 0;
    assert_int_equal(rtv_runtime_create(&options, &runtime, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(runtime);
    rtv_runtime_free(NULL);
}

static void structs_of_other_sizes(void **state) {
    struct {
        rtv_runtime_options known;
        uint64_t future;
    } larger;
    rtv_runtime *runtime = NULL;
    rtv_error error;
    struct {
        uint32_t struct_size;
        int32_t threads;
        uint64_t guard;
    } smaller;
    (void)state;
    memset(&larger, 0xff, sizeof larger);
    rtv_runtime_options_init_sized(&larger.known, sizeof larger);
    assert_int_equal(larger.known.struct_size, sizeof larger);
    assert_true(larger.future == 0);
    assert_int_equal(rtv_runtime_create(&larger.known, &runtime, &error), RTV_OK);
    rtv_runtime_free(runtime);
    larger.future = 1;
    assert_int_equal(rtv_runtime_create(&larger.known, &runtime, &error), RTV_E_UNSUPPORTED);
    smaller.guard = 7;
    rtv_runtime_options_init_sized((rtv_runtime_options *)(void *)&smaller, 8);
    assert_true(smaller.guard == 7 && smaller.threads >= 1);
    smaller.threads = 1;
    assert_int_equal(rtv_runtime_create((rtv_runtime_options *)(void *)&smaller, &runtime, &error), RTV_OK);
    rtv_runtime_free(runtime);
}

static void allocators_are_asked(void **state) {
    test_heap heap = {0};
    rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_error error;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    for (long fail_at = 1; status != RTV_OK; fail_at++) {
        heap.calls = 0;
        heap.fail_at = fail_at;
        status = rtv_runtime_create(&options, &runtime, &error);
        assert_true(status == RTV_OK || status == RTV_E_OUT_OF_MEMORY);
        assert_true(fail_at < 20);
    }
    assert_true(heap.live > 0);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_names), cmocka_unit_test(errors_keep_their_size), cmocka_unit_test(cpu_info),
        cmocka_unit_test(option_checks),      cmocka_unit_test(structs_of_other_sizes), cmocka_unit_test(allocators_are_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
