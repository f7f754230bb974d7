/* test_api_dataset.c - dataset.h as a caller sees it. */
#include "support.h"

#include <retrieve/retrieve.h>

static void a_list(void **state) {
    static const char text[] = "path,class,split\nb.jpg,x,test\na.jpg,y,train\n";
    rtv_dataset_info info = {.struct_size = sizeof info};
    rtv_dataset_entry entry = {.struct_size = sizeof entry};
    rtv_dataset *d = NULL;
    rtv_runtime *runtime;
    rtv_runtime_options options;
    test_heap heap = {0};
    const rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_error error;
    (void)state;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    assert_int_equal(rtv_runtime_create(&options, &runtime, NULL), RTV_OK);
    test_write_file("api_list.csv", text, sizeof text - 1);
    assert_int_equal(rtv_dataset_read(NULL, RTV_DATASET_CSV, NULL, &d, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_read("api_list.csv", RTV_DATASET_CSV, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_read("api_list.csv", 9, NULL, &d, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_read("nowhere.csv", RTV_DATASET_CSV, NULL, &d, &error), RTV_E_IO);
    assert_int_equal(rtv_dataset_read("api_list.csv", RTV_DATASET_SOP, NULL, &d, &error), RTV_E_FORMAT);
    for (long n = 1; n <= 3; n++) {
        heap.fail_at = heap.calls + n;
        assert_int_equal(rtv_dataset_read("api_list.csv", RTV_DATASET_CSV, runtime, &d, &error), RTV_E_OUT_OF_MEMORY);
    }
    heap.fail_at = 0;
    assert_null(d);
    assert_int_equal(rtv_dataset_read("api_list.csv", RTV_DATASET_CSV, runtime, &d, &error), RTV_OK);
    assert_int_equal(unlink("api_list.csv"), 0);
    rtv_runtime_free(runtime); /* the dataset keeps it */
    assert_int_equal(rtv_dataset_info_get(d, &info, &error), RTV_OK);
    assert_int_equal(info.count, 2);
    assert_int_equal(info.splits[RTV_SPLIT_TRAIN], 1);
    assert_int_equal(rtv_dataset_entry_get(d, 1, &entry, &error), RTV_OK);
    assert_string_equal(entry.path, "a.jpg");
    assert_string_equal(rtv_dataset_class_name(d, entry.class_id), "y");
    assert_null(rtv_dataset_class_name(d, 2));
    assert_null(rtv_dataset_class_name(NULL, 0));
    assert_int_equal(rtv_dataset_entry_get(d, 2, &entry, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_entry_get(NULL, 0, &entry, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_entry_get(d, 0, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_info_get(NULL, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_dataset_info_get(d, NULL, &error), RTV_E_INVALID_ARGUMENT);
    info.struct_size = 0;
    assert_int_equal(rtv_dataset_info_get(d, &info, &error), RTV_E_INVALID_ARGUMENT);
    rtv_dataset_free(d);
    rtv_dataset_free(NULL);
    assert_int_equal(heap.live, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_list)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
