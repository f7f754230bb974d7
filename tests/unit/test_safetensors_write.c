/* test_safetensors_write.c - the safetensors writer: its bytes are those of the golden file, which the Python package opens. */
#include "unit/weights_support.h"

#include "weights/safetensors.h"

#define QUOTED_NAME "\xc3\xa4 \"quoted\""

static const rtvi_safetensors_pair metadata[] = {{"checksum", "0000000000000000"},
                                                 {"graph", "{\"a\":[\"\\\\\",1]}\n\x01"},
                                                 {"\xc3\xbc"
                                                  "ber",
                                                  ""}};

/* The tensors of written() in make_checkpoints.py; the first one comes transposed, so the writer has to gather it. */
typedef struct sample {
    float transposed[6]; /* [3][2] */
    uint16_t half[4];
    int64_t number;
    uint8_t flags[5];
    rtvi_safetensors_entry entries[5];
} sample;

static void make_sample(sample *s) {
    const int64_t dims[2] = {2, 3}, four = 4, five = 5, none[2] = {0, 3};
    for (int i = 0; i < 6; i++) s->transposed[(i % 3) * 2 + i / 3] = (float)formula("b.weight", i) / 8;
    for (int i = 0; i < 4; i++) s->half[i] = rtvi_f32_to_f16((float)formula("a", i) / 8);
    for (int i = 0; i < 5; i++) s->flags[i] = formula("flags", i) % 2 == 0;
    s->number = formula(QUOTED_NAME, 0);
    s->entries[0] = (rtvi_safetensors_entry){"b.weight", rtvi_tensor_contiguous(RTVI_F32, 2, dims, s->transposed)};
    s->entries[0].tensor.strides[0] = 1;
    s->entries[0].tensor.strides[1] = 2;
    s->entries[1] = (rtvi_safetensors_entry){"a", rtvi_tensor_contiguous(RTVI_F16, 1, &four, s->half)};
    s->entries[2] = (rtvi_safetensors_entry){QUOTED_NAME, rtvi_tensor_contiguous(RTVI_I64, 0, NULL, &s->number)};
    s->entries[3] = (rtvi_safetensors_entry){"empty", rtvi_tensor_contiguous(RTVI_BF16, 2, none, s->half)};
    s->entries[4] = (rtvi_safetensors_entry){"flags", rtvi_tensor_contiguous(RTVI_BOOL, 1, &five, s->flags)};
}

typedef struct seen { /* everything that visit has shown */
    uint8_t bytes[4096];
    size_t size;
} seen;

static void collect(void *user, const void *data, size_t size) {
    seen *s = user;
    assert_true(size <= sizeof s->bytes - s->size);
    memcpy(s->bytes + s->size, data, size);
    s->size += size;
}

static int32_t write_sample(const rtvi_env *env, const char *path, const sample *s, size_t count, uint64_t *offset, seen *visited,
                            rtv_error *error) {
    rtvi_writer *writer;
    int32_t status = rtvi_writer_open(env, "model", path, &writer, error);
    if (status != RTV_OK) return status;
    status =
        rtvi_safetensors_write(env, writer, metadata, 3, s->entries, count, "checksum", offset, visited ? collect : NULL, visited, error);
    if (status == RTV_OK) return rtvi_writer_commit(writer, error);
    rtvi_writer_abort(writer);
    return status;
}

static void test_golden_bytes(void **state) {
    char folder[64], path[128];
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    sample s;
    seen visited = {{0}, 0};
    uint64_t offset = 0;
    size_t got_size, want_size;
    uint8_t *got, *want = test_read_file(checkpoint_path("written.safetensors"), &want_size);
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/written.safetensors", folder);
    make_sample(&s);
    assert_int_equal(write_sample(&env, path, &s, 5, &offset, &visited, &error), RTV_OK);
    got = test_read_file(path, &got_size);
    assert_int_equal(got_size, want_size);
    assert_memory_equal(got, want, want_size);
    assert_int_equal(visited.size, want_size);
    assert_memory_equal(visited.bytes, want, want_size);
    assert_memory_equal(got + offset - 1, "\"0000000000000000\"", 18);
    free(got);
    free(want);
    test_folder_remove(folder);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_read_back(void **state) {
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    rtvi_safetensors file;
    size_t size;
    uint8_t *data = test_read_file(checkpoint_path("written.safetensors"), &size);
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_safetensors_parse(&env, "model", data, size, &file, &error), RTV_OK);
    assert_int_equal(file.header_bytes % 64, 0);
    assert_int_equal(file.num_entries, 5);
    for (size_t i = 0; i < 5; i++) check_values(file.entries[i].name, &file.entries[i].tensor);
    for (size_t i = 0; i < 3; i++) assert_string_equal(rtvi_safetensors_metadata(&file, metadata[i].key), metadata[i].value);
    rtvi_safetensors_destroy(&file);
    free(data);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static int32_t write_pairs(const rtvi_env *env, const char *path, const rtvi_safetensors_pair pairs[2]) {
    rtvi_writer *writer;
    rtv_error error;
    int32_t status = rtvi_writer_open(env, "model", path, &writer, &error);
    assert_int_equal(status, RTV_OK);
    status = rtvi_safetensors_write(env, writer, pairs, 2, NULL, 0, NULL, NULL, NULL, NULL, &error);
    rtvi_writer_abort(writer);
    return status;
}

static void test_refused(void **state) {
    static const rtvi_safetensors_pair twice[2] = {{"k", "1"}, {"k", "2"}}, broken[2] = {{"k", "1"}, {"l", "\x80"}};
    static const char *const names[] = {"a", "__metadata__", "broken \xff"};
    char folder[64], path[128];
    rtvi_env env;
    test_heap heap;
    rtv_error error;
    sample s;
    (void)state;
    test_env_init(&env, &heap);
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/refused.safetensors", folder);
    for (size_t i = 0; i < 3; i++) {
        make_sample(&s);
        s.entries[4].name = names[i];
        assert_int_equal(write_sample(&env, path, &s, 5, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    }
    assert_int_equal(write_pairs(&env, path, twice), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(write_pairs(&env, path, broken), RTV_E_INVALID_ARGUMENT);
    make_sample(&s);
    s.entries[4].tensor.dims[0] = INT64_MAX;
    s.entries[2].tensor = s.entries[4].tensor;
    s.entries[2].tensor.dtype = RTVI_F64;
    assert_int_equal(write_sample(&env, path, &s, 5, NULL, NULL, &error), RTV_E_INVALID_ARGUMENT);
    assert_contains(error.message, "more bytes than fit");
    assert_int_not_equal(access(path, F_OK), 0);
    test_folder_remove(folder);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_no_memory(void **state) {
    char folder[64], path[128];
    int32_t status = RTV_E_OUT_OF_MEMORY;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/memory.safetensors", folder);
    for (long n = 1; status != RTV_OK; n++) {
        rtvi_env env;
        test_heap heap;
        rtv_error error;
        sample s;
        test_env_init(&env, &heap);
        heap.fail_at = n;
        make_sample(&s);
        status = write_sample(&env, path, &s, 5, NULL, NULL, &error);
        if (status != RTV_OK && status != RTV_E_OUT_OF_MEMORY) fail_msg("%s", error.message);
        assert_int_equal(access(path, F_OK) == 0, status == RTV_OK);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
    }
    test_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
