/* test_safetensors.c - the safetensors reader: files of the Python package, and headers that break each rule. */
#include "unit/weights_support.h"

#include "base/base_bytes.h"
#include "weights/safetensors.h"

/* A file of a header and so many bytes of tensors, in a block of exactly its size. */
static uint8_t *make_file(const char *header, size_t tensor_bytes, size_t *size) {
    size_t length = strlen(header);
    uint8_t *file = calloc(1, 8 + length + tensor_bytes);
    assert_non_null(file);
    rtvi_store_le(file, length, 8);
    memcpy(file + 8, header, length);
    *size = 8 + length + tensor_bytes;
    return file;
}

static int32_t parse(const char *header, size_t tensor_bytes, rtv_error *error) {
    rtvi_env env;
    test_heap heap;
    rtvi_safetensors file;
    size_t size;
    uint8_t *data = make_file(header, tensor_bytes, &size);
    int32_t status;
    test_env_init(&env, &heap);
    status = rtvi_safetensors_parse(&env, "weights", data, size, &file, error);
    assert_int_equal(status, error->status);
    rtvi_safetensors_destroy(&file);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(data);
    return status;
}

static void test_python_file(void **state) {
    rtvi_env env;
    test_heap heap;
    rtvi_safetensors file;
    rtv_error error;
    size_t size;
    uint8_t *data = test_read_file(checkpoint_path("dtypes.safetensors"), &size);
    const uint8_t *at;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_safetensors_parse(&env, "weights", data, size, &file, &error), RTV_OK);
    assert_int_equal(file.num_entries, 12);
    assert_int_equal(file.num_metadata, 2);
    assert_string_equal(rtvi_safetensors_metadata(&file, "format"), "pt");
    assert_string_equal(rtvi_safetensors_metadata(&file,
                                                  "\xc3\xbc"
                                                  "ber"),
                        "a \"quoted\" value\n");
    assert_null(rtvi_safetensors_metadata(&file, "absent"));
    at = data + file.header_bytes;
    for (size_t i = 0; i < file.num_entries; i++) { /* in the order of their bytes */
        const rtvi_tensor *tensor = &file.entries[i].tensor;
        assert_ptr_equal(tensor->data, at);
        assert_true(rtvi_tensor_is_contiguous(tensor));
        check_values(file.entries[i].name, tensor);
        at += (size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype);
    }
    assert_ptr_equal(at, data + size);
    rtvi_safetensors_destroy(&file);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(data);
}

static void test_good_headers(void **state) {
    static const struct {
        const char *header;
        size_t bytes;
    } cases[] = {
        {"{}", 0},
        {"{}   \n", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}", 4},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[0,0]}}", 0},
        {"{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[1,4]},\"a\":{\"data_offsets\":[0,1],\"shape\":[1],\"dtype\":\"BOOL\"}}",
         4},
        {"{\"e\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[1,1]},\"a\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
         1},
        {"{\"f\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]},\"e\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
         0},
        {"{\"\\u00e4\\\\\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1],\"data_offsets\":[0,1],\"more\":null}}", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rtv_error error;
        if (parse(cases[i].header, cases[i].bytes, &error) != RTV_OK) fail_msg("%s: %s", cases[i].header, error.message);
    }
}

typedef struct bad_header {
    const char *header;
    size_t bytes;
    int32_t status;
    const char *part;
} bad_header;

static const bad_header bad_headers[] = {
    {"", 0, RTV_E_FORMAT, "expected a brace"},
    {" {}", 0, RTV_E_FORMAT, "expected a brace"},
    {"{", 0, RTV_E_FORMAT, "broken JSON"},
    {"{}x", 0, RTV_E_FORMAT, "text after its end"},
    {"{\"a\":[[[[]]]]}", 0, RTV_E_FORMAT, "3 levels"},
    {"{\"a\xff\":1}", 0, RTV_E_FORMAT, "header at byte 11: got broken UTF-8"},
    {"{\"a\xc0\x80\":1}", 0, RTV_E_FORMAT, "broken UTF-8"},
    {"{\"a\xed\xa0\x80\":1}", 0, RTV_E_FORMAT, "broken UTF-8"},
    {"{\"a\xf4\x90\x80\x80\":1}", 0, RTV_E_FORMAT, "broken UTF-8"},
    {"{\"a\n\":1}", 0, RTV_E_FORMAT, "control character"},
    {"{\"a\\u0000\":1}", 0, RTV_E_FORMAT, "NUL"},
    {"{\"a\":1}", 0, RTV_E_FORMAT, "tensor \"a\": got another value, expected an object"},
    {"{\"a\":{}}", 0, RTV_E_FORMAT, "tensor \"a\": got no dtype"},
    {"{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[],\"data_offsets\":[0,1]}}", 1, RTV_E_UNSUPPORTED, "got dtype \"F8_E4M3\""},
    {"{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, RTV_E_FORMAT, "no shape"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}}", 1, RTV_E_FORMAT, "no whole number"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1.5],\"data_offsets\":[0,1]}}", 1, RTV_E_FORMAT, "no whole number"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1e300],\"data_offsets\":[0,1]}}", 1, RTV_E_FORMAT, "no whole number"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}}", 1, RTV_E_FORMAT, "no whole number"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,1]}}", 1, RTV_E_UNSUPPORTED, "8 dimensions"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, RTV_E_FORMAT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}}", 1, RTV_E_FORMAT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,1]}}", 1, RTV_E_FORMAT, "data_offsets"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}}", 1, RTV_E_FORMAT, "outside of the file"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 1, RTV_E_FORMAT, "outside of the file"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]}}", 3, RTV_E_FORMAT, "another number of bytes"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[4503599627370496,4503599627370496],\"data_offsets\":[0,8]}}", 8, RTV_E_FORMAT, "another number"},
    {"{\"a\":{\"dtype\":\"F64\",\"shape\":[2147483648,1073741824],\"data_offsets\":[0,0]}}", 0, RTV_E_FORMAT, "another number of bytes"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 2, RTV_E_FORMAT, "got 2 bytes of tensors, expected 1"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, RTV_E_FORMAT, "gap or an overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3,
     RTV_E_FORMAT, "tensor \"b\": got a gap or an overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0,
     RTV_E_FORMAT, "tensor \"a\": got two"},
    {"{\"__metadata__\":{\"k\":1}}", 0, RTV_E_FORMAT, "expected strings"},
    {"{\"__metadata__\":[]}", 0, RTV_E_FORMAT, "expected an object"},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, RTV_E_FORMAT, "tensor \"k\": got two"},
};

static void test_bad_headers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad_headers / sizeof *bad_headers; i++) {
        rtv_error error;
        if (parse(bad_headers[i].header, bad_headers[i].bytes, &error) != bad_headers[i].status)
            fail_msg("%s: %d %s", bad_headers[i].header, error.status, error.message);
        assert_contains(error.message, bad_headers[i].part);
        assert_int_equal(strncmp(error.message, "weights: ", 9), 0);
    }
}

static void test_sizes(void **state) {
    uint8_t data[16] = {0};
    rtvi_env env;
    test_heap heap;
    rtvi_safetensors file;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_safetensors_parse(&env, "weights", data, 7, &file, &error), RTV_E_FORMAT);
    rtvi_store_le(data, 9, 8);
    assert_int_equal(rtvi_safetensors_parse(&env, "weights", data, 16, &file, &error), RTV_E_FORMAT);
    assert_contains(error.message, "got 8 bytes, expected 9");
    rtvi_store_le(data, UINT64_MAX, 8);
    assert_int_equal(rtvi_safetensors_parse(&env, "weights", data, 16, &file, &error), RTV_E_FORMAT);
    assert_contains(error.message, "at most 100000000");
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

/* The state of a checkpoint inside: prefixes go, as in a .pth. */
static void test_as_weights(void **state) {
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtv_error error;
    size_t size;
    uint8_t *data = make_file(
        "{\"module.a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
        "\"module.total_ops\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}",
        3, &size);
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(read_bytes(&env, data, size, &weights, &error), RTV_OK);
    assert_int_equal(rtvi_weights_count(weights), 1);
    assert_ptr_equal(rtvi_weights_find(weights, "a"), rtvi_weights_at(weights, 0));
    assert_string_equal(rtvi_weights_file(weights), "memory");
    rtvi_weights_close(weights);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_file), cmocka_unit_test(test_good_headers), cmocka_unit_test(test_bad_headers),
        cmocka_unit_test(test_sizes),       cmocka_unit_test(test_as_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
