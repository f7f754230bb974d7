/* test_api_index.c - index.h as a caller sees it: every function, every status it can give. */
#include <errno.h>
#include <sys/wait.h>

#include <retrieve/retrieve.h>

#include "api/api_handles.h"
#include "support_flat.h"
#include "toy_models.h"

enum { DIM = 4 };

static test_heap heap;
static rtv_error error;
static const float corners[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};

static rtv_runtime *make_runtime(void) {
    static rtv_allocator allocator = {&heap, test_heap_allocate, test_heap_release};
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    memset(&heap, 0, sizeof heap);
    rtv_runtime_options_init(&options);
    options.threads = 2;
    options.allocator = &allocator;
    assert_status(rtv_runtime_create(&options, &runtime, &error), RTV_OK);
    return runtime;
}

/* Four items, ids 10 to 13. The runtime is the index's alone. */
static rtv_index *make_index(void) {
    static const int64_t ids[] = {10, 11, 12, 13};
    static const char *const keys[] = {"a", "b", NULL, "d"};
    static const int32_t classes[] = {0, 1, 0, -1};
    rtv_items items = test_items(corners);
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = NULL;
    items.ids = ids;
    items.keys = keys;
    items.classes = classes;
    items.predicted = classes;
    assert_status(rtv_index_create(DIM, runtime, &index, &error), RTV_OK);
    rtv_runtime_free(runtime);
    assert_status(rtv_index_add(index, &items, 4, &error), RTV_OK);
    assert_status(rtv_index_set_class_names(index, RTV_CLASSES_LABEL, keys, 2, &error), RTV_OK);
    return index;
}

static void free_index(rtv_index *index) {
    rtv_index_free(index);
    assert_int_equal(heap.live, 0);
}

static void creating(void **state) {
    rtv_index *index = NULL;
    rtv_runtime *runtime = make_runtime();
    (void)state;
    assert_status(rtv_index_create(0, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create(-5, runtime, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create(65537, runtime, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create(DIM, runtime, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_null(index);
    for (long n = 1; n <= 2; n++) {
        heap.fail_at = heap.calls + n;
        assert_status(rtv_index_create(DIM, runtime, &index, &error), RTV_E_OUT_OF_MEMORY);
        assert_null(index);
    }
    heap.fail_at = 0;
    assert_status(rtv_index_create(DIM, runtime, &index, &error), RTV_OK);
    rtv_index_free(index);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
    assert_status(rtv_index_create(65536, NULL, &index, &error), RTV_OK); /* on a runtime of its own */
    rtv_index_free(index);
    rtv_index_free(NULL);
}

static void creating_for_a_model(void **state) {
    rtv_import_options import;
    rtv_model *model = NULL;
    rtv_index *index = NULL;
    rtv_model_info of_model = {.struct_size = sizeof of_model};
    rtv_index_info info = {.struct_size = sizeof info};
    (void)state;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = 32;
    assert_status(
        rtv_model_import(test_golden("models/cgd_s.safetensors"), &(rtv_import_options){.struct_size = 0}, NULL, NULL, &model, &error),
        RTV_E_INVALID_ARGUMENT);
    import.descriptors = "S";
    assert_status(rtv_model_import(test_golden("models/cgd_s.safetensors"), &import, NULL, NULL, &model, &error), RTV_OK);
    assert_status(rtv_model_info_get(model, &of_model, &error), RTV_OK);
    assert_status(rtv_index_create_for_model(NULL, NULL, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create_for_model(model, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_create_for_model(model, NULL, &index, &error), RTV_OK);
    rtv_model_free(model);
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    assert_int_equal(info.dim, of_model.descriptor_dim);
    assert_int_equal(strlen(info.fingerprint), RTV_FINGERPRINT_CHARS);
    assert_string_equal(info.fingerprint, of_model.fingerprint);
    assert_string_equal(info.model_name, of_model.name);
    rtv_index_free(index);
}

static void opening(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden("index/format0.rtvi"), &size);
    rtv_runtime *runtime = make_runtime();
    rtv_index *index = NULL;
    rtv_index_info info = {.struct_size = sizeof info};
    (void)state;
    assert_status(rtv_index_open(NULL, runtime, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_open(test_golden("index/format0.rtvi"), runtime, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_open("absent.rtvi", runtime, &index, &error), RTV_E_IO);
    assert_int_equal(error.os_error, ENOENT);
    assert_int_equal(rtv_index_open("absent.rtvi", runtime, &index, NULL), RTV_E_IO);
    assert_status(rtv_index_open_bytes(NULL, 5, runtime, &index, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_open_bytes(data, size, runtime, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_open_bytes(data, size - 1, runtime, &index, &error), RTV_E_FORMAT);
    assert_status(rtv_index_open_bytes(data, 0, runtime, &index, &error), RTV_E_FORMAT);
    data[size - 1] ^= 1;
    assert_status(rtv_index_open_bytes(data, size, runtime, &index, &error), RTV_E_CHECKSUM);
    data[size - 1] ^= 1;
    data[8] = 7;
    assert_status(rtv_index_open_bytes(data, size, runtime, &index, &error), RTV_E_UNSUPPORTED);
    assert_int_equal(rtv_index_open_bytes(data, size, runtime, &index, NULL), RTV_E_UNSUPPORTED);
    data[8] = 0;
    heap.fail_at = heap.calls + 1;
    assert_status(rtv_index_open_bytes(data, size, runtime, &index, &error), RTV_E_OUT_OF_MEMORY);
    heap.fail_at = 0;
    assert_null(index);
    for (int from_path = 0; from_path < 2; from_path++) {
        if (from_path)
            assert_status(rtv_index_open(test_golden("index/format0.rtvi"), runtime, &index, &error), RTV_OK);
        else
            assert_status(rtv_index_open_bytes(data, size, runtime, &index, &error), RTV_OK);
        assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
        assert_int_equal(info.count, 6);
        rtv_index_free(index);
    }
    free(data);
    rtv_runtime_free(runtime);
    assert_int_equal(heap.live, 0);
}

static void saving(void **state) {
    rtv_index *index = make_index(), *again = NULL;
    char folder[64], path[96], key[8];
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/a.rtvi", folder);
    assert_status(rtv_index_save(NULL, path, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_save(index, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_save(index, "absent/folder/a.rtvi", &error), RTV_E_IO);
    heap.fail_at = heap.calls + 1;
    assert_status(rtv_index_save(index, path, &error), RTV_E_OUT_OF_MEMORY);
    heap.fail_at = 0;
    assert_int_not_equal(access(path, F_OK), 0);
    assert_status(rtv_index_save(index, path, &error), RTV_OK);
    assert_status(rtv_index_open(path, NULL, &again, &error), RTV_OK);
    assert_status(rtv_index_key(again, 13, key, sizeof key, NULL, &error), RTV_OK);
    assert_string_equal(key, "d");
    rtv_index_free(again);
    free_index(index);
    test_folder_remove(folder);
}

static void adding(void **state) {
    struct {
        rtv_items items;
        uint64_t later; /* a field of a newer version */
    } newer = {.items = test_items(corners)};
    rtv_index *index = make_index();
    rtv_items items = test_items(corners);
    (void)state;
    assert_status(rtv_index_add(NULL, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_add(index, NULL, 1, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_add(index, &items, -1, &error), RTV_E_INVALID_ARGUMENT);
    items.ids = (const int64_t[]){10};
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_E_EXISTS);
    items.ids = NULL;
    items.struct_size = 0;
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_E_INVALID_ARGUMENT);
    items.struct_size = (uint32_t)(offsetof(rtv_items, vectors) + sizeof items.vectors); /* of an older version */
    items.ids = (const int64_t[]){-77};
    assert_status(rtv_index_add(index, &items, 1, &error), RTV_OK);
    newer.items.struct_size = sizeof newer;
    assert_status(rtv_index_add(index, &newer.items, 1, &error), RTV_OK);
    newer.later = 1;
    assert_status(rtv_index_add(index, &newer.items, 1, &error), RTV_E_UNSUPPORTED);
    heap.fail_at = heap.calls + 1;
    items = test_items(corners);
    assert_status(rtv_index_add(index, &items, 4, &error), RTV_E_OUT_OF_MEMORY);
    heap.fail_at = 0;
    assert_int_equal(rtv_index_add(index, &items, 0, NULL), RTV_OK);
    free_index(index);
}

static void asking(void **state) {
    rtv_index *index = make_index();
    struct {
        rtv_index_info info;
        uint64_t later;
    } newer = {.info = {.struct_size = sizeof newer}, .later = 5};
    rtv_index_info info = {.struct_size = sizeof info};
    char text[8];
    uint64_t size;
    int32_t class_id = 7;
    (void)state;
    assert_status(rtv_index_info_get(NULL, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_info_get(index, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    assert_int_equal(info.count, 4);
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.format, 1);
    assert_int_equal(info.num_classes, 2);
    assert_string_equal(info.fingerprint, "");
    assert_true(info.memory_bytes >= 4 * DIM * 4);
    info.struct_size = 16;
    info.count = 0;
    info.memory_bytes = -3;
    assert_status(rtv_index_info_get(index, &info, &error), RTV_OK);
    assert_int_equal(info.count, 4);
    assert_int_equal(info.memory_bytes, -3); /* not the older caller's */
    info.struct_size = 3;
    assert_status(rtv_index_info_get(index, &info, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_info_get(index, &newer.info, &error), RTV_OK);
    assert_int_equal(newer.later, 0);
    assert_status(rtv_index_key(NULL, 10, text, sizeof text, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_key(index, 10, NULL, 5, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_key(index, 10, NULL, 0, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    assert_int_equal(size, 2);
    assert_status(rtv_index_key(index, 99, text, sizeof text, &size, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_key(index, 12, text, sizeof text, &size, &error), RTV_OK);
    assert_string_equal(text, "");
    assert_status(rtv_index_class_name(NULL, 1, 0, text, sizeof text, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_name(index, 1, 0, NULL, 9, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_name(index, 9, 0, text, sizeof text, &size, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_name(index, 1, 2, text, sizeof text, &size, &error), RTV_E_NOT_FOUND);
    assert_status(rtv_index_class_name(index, 1, 0, text, 1, &size, &error), RTV_E_BUFFER_TOO_SMALL);
    assert_status(rtv_index_class_name(index, 1, 1, text, sizeof text, &size, &error), RTV_OK);
    assert_string_equal(text, "b");
    assert_status(rtv_index_class_id(NULL, 1, "a", &class_id, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_id(index, 1, NULL, &class_id, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_id(index, 1, "a", NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_id(index, 0, "a", &class_id, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_class_id(index, 2, "a", &class_id, &error), RTV_E_NOT_FOUND);
    assert_int_equal(class_id, 7);
    assert_status(rtv_index_class_id(index, 1, "b", &class_id, &error), RTV_OK);
    assert_int_equal(class_id, 1);
    assert_status(rtv_index_set_class_names(NULL, 1, NULL, 0, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_set_class_names(index, 3, NULL, 0, &error), RTV_E_INVALID_ARGUMENT);
    heap.fail_at = heap.calls + 1;
    assert_status(rtv_index_set_class_names(index, 1, (const char *const[]){"x"}, 1, &error), RTV_E_OUT_OF_MEMORY);
    heap.fail_at = 0;
    assert_status(rtv_index_class_id(index, 1, "b", &class_id, &error), RTV_OK);
    free_index(index);
}

static int32_t stop(void *user, int64_t done, int64_t total) {
    (void)user, (void)done, (void)total;
    return 1;
}

static void searching(void **state) {
    rtv_index *index = make_index();
    const float query[DIM] = {0.5F, 0.25F, 0.125F, 1}, many[20 * DIM] = {1};
    rtv_hit many_hits[100];
    int64_t many_num[20];
    rtv_search_options options;
    rtv_hit hits[5];
    int64_t num;
    (void)state;
    assert_status(rtv_index_search(NULL, query, 1, 5, NULL, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, NULL, 1, 5, NULL, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, query, 1, 5, NULL, NULL, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, query, 1, 5, NULL, hits, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, query, -1, 5, NULL, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, query, 1, 0, NULL, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    assert_status(rtv_index_search(index, NULL, 0, 5, NULL, NULL, NULL, &error), RTV_OK);
    assert_status(rtv_index_search(index, query, 1, 5, NULL, hits, &num, &error), RTV_OK);
    assert_int_equal(num, 4);
    {
        const rtv_hit expected[5] = {{13, 1, -1}, {10, 0.5F, 0}, {11, 0.25F, 1}, {12, 0.125F, 0}, {-1, -INFINITY, -1}};
        assert_memory_equal(hits, expected, sizeof hits);
    }
    rtv_search_options_init(&options);
    assert_int_equal(options.struct_size, sizeof options);
    options.class_id = 0;
    options.exclude_ids = (const int64_t[]){10};
    assert_status(rtv_index_search(index, query, 1, 5, &options, hits, &num, &error), RTV_OK);
    assert_int_equal(num, 1);
    assert_int_equal(hits[0].id, 12);
    options.predicted_class = RTV_PREDICTED_OWN; /* a searcher's */
    assert_status(rtv_index_search(index, query, 1, 5, &options, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    rtv_search_options_init_sized(&options, offsetof(rtv_search_options, predicted_class)); /* an older caller's struct */
    options.predicted_class = 1234;
    options.class_id = 1;
    assert_status(rtv_index_search(index, query, 1, 5, &options, hits, &num, &error), RTV_OK);
    assert_int_equal(num, 1);
    options.struct_size = 1;
    assert_status(rtv_index_search(index, query, 1, 5, &options, hits, &num, &error), RTV_E_INVALID_ARGUMENT);
    rtv_search_options_init(&options);
    options.progress = stop;
    assert_status(rtv_index_search(index, query, 1, 5, &options, hits, &num, &error), RTV_E_CANCELLED);
    heap.fail_at = heap.calls + 1;
    assert_status(rtv_index_search(index, many, 20, 5, NULL, many_hits, many_num, &error), RTV_E_OUT_OF_MEMORY);
    heap.fail_at = 0;
    assert_status(rtv_index_search(index, many, 20, 5, NULL, many_hits, many_num, &error), RTV_OK);
    assert_int_equal(many_num[19], 4);
    free_index(index);
}

/* Every call answers with status and does nothing else. */
static void refuse_all(rtv_index *index, int32_t status) {
    const rtv_items items = test_items(corners);
    rtv_index_info info = {.struct_size = sizeof info};
    rtv_hit hit;
    int64_t num;
    uint64_t size;
    int32_t class_id;
    char text[8];
    rtv_index *other = NULL;
    rtv_error e;
#define REFUSED(call)                                                          \
    do {                                                                       \
        if ((call) != status || e.status != status || !e.message[0]) _exit(1); \
    } while (0)
    REFUSED(rtv_index_add(index, &items, 1, &e));
    REFUSED(rtv_index_search(index, corners, 1, 1, NULL, &hit, &num, &e));
    REFUSED(rtv_index_save(index, "refused.rtvi", &e));
    REFUSED(rtv_index_info_get(index, &info, &e));
    REFUSED(rtv_index_key(index, 10, text, sizeof text, &size, &e));
    REFUSED(rtv_index_class_name(index, 1, 0, text, sizeof text, &size, &e));
    REFUSED(rtv_index_class_id(index, 1, "a", &class_id, &e));
    REFUSED(rtv_index_set_class_names(index, 1, NULL, 0, &e));
    REFUSED(rtv_index_create(DIM, index->runtime, &other, &e));
    REFUSED(rtv_index_open(test_golden("index/format0.rtvi"), index->runtime, &other, &e));
    if (other || access("refused.rtvi", F_OK) == 0) _exit(1);
}

static void call_from_a_lane(void *arg, int64_t item, int32_t lane) {
    (void)item, (void)lane;
    refuse_all(arg, RTV_E_BUSY);
}

static void busy_on_its_own_lanes(void **state) {
    rtv_index *index = make_index();
    (void)state;
    assert_int_equal(rtvi_team_run_many(index->runtime->team, call_from_a_lane, index, 3, NULL, NULL, &error), RTV_OK);
    free_index(index);
}

static void forked_child_is_told(void **state) {
    rtv_index *index = make_index();
    rtv_hit hit;
    int64_t num;
    int result;
    pid_t child;
    (void)state;
    assert_int_equal(rtv_index_search(index, corners, 1, 1, NULL, &hit, &num, NULL), RTV_OK);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rtv_index *own = NULL;
        alarm(20); /* a hang is a failure */
        refuse_all(index, RTV_E_FORKED);
        rtv_index_free(index);
        if (rtv_index_create(DIM, NULL, &own, NULL) != RTV_OK) _exit(2);
        if (rtv_index_add(own, &(rtv_items){.struct_size = sizeof(rtv_items), .vectors = corners}, 4, NULL) != RTV_OK) _exit(3);
        if (rtv_index_search(own, corners, 1, 1, NULL, &hit, &num, NULL) != RTV_OK || hit.id != 0) _exit(4);
        rtv_index_free(own);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    free_index(index);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creating),
        cmocka_unit_test(creating_for_a_model),
        cmocka_unit_test(opening),
        cmocka_unit_test(saving),
        cmocka_unit_test(adding),
        cmocka_unit_test(asking),
        cmocka_unit_test(searching),
        cmocka_unit_test(busy_on_its_own_lanes),
        cmocka_unit_test(forked_child_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
