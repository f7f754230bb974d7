/* test_modelfile_read.c - model files that are not right: each is refused, and the message says why. */
#include "support.h"
#include "modelfile_support.h"

#include <cJSON.h>

static char folder[64], path[128];

static int make_folder(void **state) {
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    test_folder_remove(folder);
    return 0;
}

static void expect(int32_t status, const char *message) {
    model_fixture m;
    int32_t got = model_open(&m, path);
    if (got != status || !strstr(m.error.message, message)) {
        fail_msg("got %d \"%s\", expected %d \"%s\"", got, m.error.message, status, message);
    }
    if (got != RTV_OK) {
        assert_non_null(strstr(m.error.message, path)); /* the file is named */
        assert_true(strlen(m.error.message) < 250);
        assert_null(strchr(m.error.message, '\n'));
    }
    model_close(&m);
}

static void expect_forged(const forgery *f, int32_t status, const char *message) {
    forge(path, f);
    expect(status, message);
}

/* --- the whole file --- */

static void test_forging_is_fair(void **state) {
    const forgery nothing = {0};
    size_t size_a, size_b;
    uint8_t *a, *b;
    (void)state;
    expect_forged(&nothing, RTV_OK, "");
    a = test_read_file(path, &size_a);
    b = test_read_file(test_golden(TOY_FILE), &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(a, b, size_a);
    free(a);
    free(b);
}

static void test_not_a_model_file(void **state) {
    static const char *const checkpoints[] = {"models/cgd_s.safetensors", "models/cgd_sg.pth", "models/cgd_sg.legacy.pth"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        size_t size;
        uint8_t *data = test_read_file(test_golden(checkpoints[i]), &size);
        test_write_file(path, data, size);
        expect(RTV_E_FORMAT, "retrieve model convert");
        free(data);
    }
    test_write_file(path, "", 0);
    expect(RTV_E_FORMAT, "got 0 bytes");
    test_write_file(path, "hello, world", 12);
    expect(RTV_E_FORMAT, "safetensors header"); /* its first bytes are no plausible size */
}

static void test_cut_anywhere(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden(TOY_FILE), &size);
    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        rtvi_env env;
        test_heap heap;
        rtvi_source source;
        rtvi_graph *graph;
        rtvi_modelfile_info info;
        rtv_error error;
        uint8_t *exact = malloc(cut + !cut); /* so that a sanitizer sees the first byte too many */
        test_env_init(&env, &heap);
        memcpy(exact, data, cut);
        assert_int_equal(rtvi_source_from_memory(&env, "model", exact, cut, 0, &source, &error), RTV_OK);
        assert_int_equal(rtvi_modelfile_read(&env, &source, &graph, &info, &error), RTV_E_FORMAT);
        assert_null(graph);
        rtvi_source_close(&source);
        assert_int_equal(heap.live, 0);
        rtvi_env_destroy(&env);
        free(exact);
    }
    free(data);
}

/* Every byte changed in three ways: none is taken. */
static void test_every_byte_flipped(void **state) {
    static const uint8_t flips[] = {0x01, 0x20, 0xff};
    size_t size, checksums = 0;
    uint8_t *data = test_read_file(test_golden(TOY_FILE), &size);
    rtvi_env env;
    test_heap heap;
    (void)state;
    test_env_init(&env, &heap);
    for (size_t at = 0; at < size; at++) {
        for (size_t f = 0; f < sizeof flips; f++) {
            rtvi_source source;
            rtvi_graph *graph;
            rtvi_modelfile_info info;
            rtv_error error;
            int32_t status;
            data[at] ^= flips[f];
            assert_int_equal(rtvi_source_from_memory(&env, "model", data, size, 0, &source, &error), RTV_OK);
            status = rtvi_modelfile_read(&env, &source, &graph, &info, &error);
            if (status != RTV_E_CHECKSUM && status != RTV_E_FORMAT && status != RTV_E_UNSUPPORTED) {
                fail_msg("byte %zu ^ %02x: got %d \"%s\"", at, flips[f], status, error.message);
            }
            checksums += status == RTV_E_CHECKSUM;
            assert_null(graph);
            rtvi_source_close(&source);
            assert_int_equal(heap.live, 0);
            data[at] ^= flips[f];
        }
    }
    assert_true(checksums > size); /* most damage, all of the tensors' for one, is the checksum's to find */
    rtvi_env_destroy(&env);
    free(data);
}

/* --- the metadata --- */

static void test_metadata(void **state) {
    static const struct {
        forgery change;
        int32_t status;
        const char *message;
    } cases[] = {
        {{.key = "format"}, RTV_E_FORMAT, "retrieve model convert"},
        {{.key = "format", .value = "libretrieve index"}, RTV_E_FORMAT, "retrieve model convert"},
        {{.key = "version"}, RTV_E_FORMAT, "version: got \"\", expected 1"},
        {{.key = "version", .value = "2"}, RTV_E_UNSUPPORTED, "written by a newer libretrieve: got version 2, expected 1"},
        {{.key = "version", .value = "0"}, RTV_E_FORMAT, "version: got \"0\""},
        {{.key = "version", .value = "1.0"}, RTV_E_FORMAT, "version: got \"1.0\""},
        {{.key = "version", .value = "01"}, RTV_E_FORMAT, "version"},
        {{.key = "checksum"}, RTV_E_FORMAT, "checksum: got none"},
        {{.key = "fingerprint"}, RTV_E_FORMAT, "fingerprint: got none"},
        {{.key = "fingerprint", .value = "0123"}, RTV_E_FORMAT, "64 hexadecimal digits"},
        {{.key = "name"}, RTV_E_FORMAT, "name: got none"},
        {{.key = "name", .value = ""}, RTV_E_FORMAT, "name: got another text"},
        {{.key = "name", .value = "a\nb"}, RTV_E_FORMAT, "name"},
        {{.key = "architecture"}, RTV_E_FORMAT, "architecture: got none"},
        {{.key = "descriptors"}, RTV_E_FORMAT, "descriptors: got none"},
        {{.key = "graph"}, RTV_E_FORMAT, "metadata \"graph\""},
        {{.key = "preprocess"}, RTV_E_FORMAT, "metadata \"preprocess\""},
        {{.key = "class_names"}, RTV_OK, ""},
        {{.key = "class_names", .value = "[\"one\",\"two\",\"three\"]"}, RTV_E_FORMAT, "class names, but not one for each"},
        {{.key = "class_names", .value = "[\"one\",\"two\",\"three\",4]"}, RTV_E_FORMAT, "class names"},
        {{.key = "class_names", .value = "[\"one\",\"two\",\"three\",\"\"]"}, RTV_E_FORMAT, "class names"},
        {{.key = "class_names", .value = "{\"one\":1}"}, RTV_E_FORMAT, "an array of names"},
        {{.key = "class_names", .value = "[\"one\""}, RTV_E_FORMAT, "malformed JSON"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) expect_forged(&cases[i].change, cases[i].status, cases[i].message);
}

/* --- graph and preprocessing: a part of the text replaced --- */

typedef struct edit {
    const char *part, *replacement;
    int32_t status;
    const char *message;
} edit;

static void check_edits(const char *key, const edit *edits, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const forgery f = {.key = key, .part = edits[i].part, .replacement = edits[i].replacement};
        expect_forged(&f, edits[i].status, edits[i].message);
    }
}

static void test_graph_text(void **state) {
    static const edit edits[] = {
        {"{\"input\"", "{\"input", RTV_E_FORMAT, "malformed JSON at character"},
        {"{\"input\"", "[[[[[[[[[{\"input\"", RTV_E_FORMAT, "levels"},
        {"\"outputs\":", "\"outputs\":0,\"x\":", RTV_E_UNSUPPORTED, "graph: got unknown field \"x\""},
        {"\"outputs\":", "\"outputs\":[],\"outputs\":", RTV_E_FORMAT, "graph: got \"outputs\" twice"},
        {"\"nodes\":[", "\"nodes\":[7,", RTV_E_FORMAT, "\"name\""},
        {"\"nodes\":[", "\"nodes\":[{\"name\":\"x\"},", RTV_E_FORMAT, "node \"x\": \"op\""},
        {"\"nodes\"", "\"Nodes\"", RTV_E_UNSUPPORTED, "unknown field \"Nodes\""},
        {"[1,3,9,7]", "[1,3,9,7.5]", RTV_E_FORMAT, "\"shape\": got 7.5, expected an integer"},
        {"[1,3,9,7]", "[1,3,9,0]", RTV_E_FORMAT, "\"shape\": got 0"},
        {"[1,3,9,7]", "[1,3,9,-7]", RTV_E_FORMAT, "\"shape\": got -7"},
        {"[1,3,9,7]", "[1,3,9,1e300]", RTV_E_FORMAT, "\"shape\": got 1e+300"},
        {"[1,3,9,7]", "[1,3,9,2147483648]", RTV_E_FORMAT, "\"shape\""},
        {"[1,3,9,7]", "[1,3,2147483647,2147483647]", RTV_E_FORMAT, "graph: value \"picture\""},
        {"[1,3,9,7]", "[1,3,9,\"7\"]", RTV_E_FORMAT, "\"shape\""},
        {"[1,3,9,7]", "[]", RTV_E_FORMAT, "\"shape\": got 0 elements"},
        {"[1,3,9,7]", "[1,1,1,1,1,1,1,1,1]", RTV_E_FORMAT, "\"shape\": got 9 elements"},
        {"[1,3,9,7]", "[1,3,9,8]", RTV_E_FORMAT, "the preprocessing makes another size"},
        {"\"name\":\"picture\"", "\"name\":\"\"", RTV_E_FORMAT, "a name"},
        {"\"name\":\"picture\"", "\"name\":\"conv\"", RTV_E_FORMAT, "got name \"conv\" twice"},
        {"\"name\":\"picture\"", "\"name\":\"bn.bias\"", RTV_E_FORMAT, "got name \"bn.bias\" twice"},
        {"\"name\":\"picture\"", "\"name\":\"a\\u0001\"", RTV_E_FORMAT, "a name"},
        {"\"name\":\"bn\"", "\"name\":\"conv\"", RTV_E_FORMAT, "got name \"conv\" twice"},
        {"\"op\":\"relu\"", "\"op\":\"softmax\"", RTV_E_UNSUPPORTED, "node \"relu\": got unknown operation \"softmax\""},
        {"\"op\":\"relu\"", "\"op\":\"relu\",\"threads\":1", RTV_E_UNSUPPORTED, "node \"relu\": got unknown field \"threads\""},
        {"\"op\":\"relu\"", "\"op\":\"relu\",\"attributes\":{\"slope\":1}", RTV_E_UNSUPPORTED,
         "node \"relu\": got unknown field \"slope\""},
        {"\"op\":\"relu\"", "\"op\":\"relu\",\"attributes\":{}", RTV_OK, ""},
        {"\"op\":\"relu\"", "\"op\":\"relu\",\"attributes\":[]", RTV_E_FORMAT, "node \"relu\": got something else, expected a JSON object"},
        {"\"op\":\"relu\"", "\"op\":7", RTV_E_FORMAT, "node \"relu\": \"op\""},
        {"[\"picture\",\"conv.weight\"]", "[\"picture\",\"conv.wight\"]", RTV_E_FORMAT, "node \"conv\": got reference to \"conv.wight\""},
        {"[\"picture\",\"conv.weight\"]", "[\"bn\",\"conv.weight\"]", RTV_E_FORMAT, "node \"conv\": got reference to \"bn\""},
        {"[\"picture\",\"conv.weight\"]", "[\"conv\",\"conv.weight\"]", RTV_E_FORMAT, "node \"conv\": got reference to \"conv\""},
        {"[\"picture\",\"conv.weight\"]", "[1,\"conv.weight\"]", RTV_E_FORMAT, "node \"conv\""},
        {"[\"picture\",\"conv.weight\"]", "[]", RTV_E_FORMAT, "node \"conv\": \"inputs\": got 0 elements"},
        {"[\"picture\",\"conv.weight\"]", "[\"picture\"]", RTV_E_FORMAT, "conv \"conv\": inputs"},
        {"\"pad\":[1,0,2,1]", "\"pad\":[1,0,2]", RTV_E_FORMAT, "node \"conv\": \"pad\": got something else, expected an array of 4"},
        {"\"pad\":[1,0,2,1]", "\"pad\":[1,0,2,-1]", RTV_E_FORMAT, "node \"conv\": \"pad\": got -1"},
        {"\"pad\":[1,0,2,1]", "\"pad\":[1,0,2,1],\"pad\":[0,0,0,0]", RTV_E_FORMAT, "node \"conv\": got \"pad\" twice"},
        {"\"pad\":[1,0,2,1]", "\"pad\":[1,0,2,2147483647]", RTV_E_FORMAT, "output"},
        {"\"groups\":2", "\"groups\":0", RTV_E_FORMAT, "\"groups\": got 0"},
        {"\"groups\":2", "\"groups\":4", RTV_E_FORMAT, "conv \"grouped\""},
        {"\"groups\":2", "\"groups\":true", RTV_E_FORMAT, "\"groups\""},
        {"\"activation\":1", "\"activation\":2", RTV_E_FORMAT, "activation: got 2"},
        {"\"epsilon\":0.001", "\"epsilon\":-1", RTV_E_FORMAT, "\"epsilon\": got -1"},
        {"\"epsilon\":0.001", "\"epsilon\":1e39", RTV_E_FORMAT, "\"epsilon\": got 1e+39"},
        {"\"epsilon\":0.001", "\"epsilon\":null", RTV_E_FORMAT, "\"epsilon\""},
        {"\"epsilon\":1e-12", "\"epsilon\":0", RTV_E_FORMAT, "epsilon: got 0"},
        {"\"role\":\"logits\"", "\"role\":\"depth\"", RTV_E_UNSUPPORTED, "unknown role \"depth\""},
        {"\"role\":\"logits\"", "\"role\":\"descriptor\"", RTV_E_FORMAT, "another output has the same role"},
        {"\"role\":\"logits\"", "\"role\":1", RTV_E_FORMAT, "\"role\""},
        {"{\"value\":\"logits\"", "{\"value\":\"nothing\"", RTV_E_FORMAT, "reference to \"nothing\""},
        {"{\"value\":\"logits\"", "{\"value\":\"conv\"", RTV_E_FORMAT, "output \"conv\""},
        {"{\"value\":\"logits\"", "{\"value\":\"bn.bias\"", RTV_E_FORMAT, "output \"bn.bias\""},
    };
    (void)state;
    check_edits("graph", edits, sizeof edits / sizeof *edits);
}

static void test_preprocess_text(void **state) {
    static const edit edits[] = {
        {"{\"width\"", "{", RTV_E_FORMAT, "preprocess: got malformed JSON"},
        {"\"width\":7", "\"width\":0", RTV_E_FORMAT, "\"width\": got 0"},
        {"\"width\":7", "\"width\":65536", RTV_E_FORMAT, "\"width\": got 65536"},
        {"\"width\":7", "\"width\":7,\"gamma\":1", RTV_E_UNSUPPORTED, "preprocess: got unknown field \"gamma\""},
        {"\"width\":7,", "", RTV_E_FORMAT, "\"width\""},
        {"\"center_crop\"", "\"stretch\"", RTV_E_UNSUPPORTED, "\"resize\": got \"stretch\""},
        {"\"center_crop\"", "1", RTV_E_FORMAT, "\"resize\""},
        {"\"center_crop\"", "\"letterbox\"", RTV_E_FORMAT, "\"letterbox_value\""},
        {"\"resize_shorter\":12", "\"resize_shorter\":0", RTV_E_FORMAT, "\"resize_shorter\": got 0"},
        {"\"apply_exif\":1", "\"apply_exif\":2", RTV_E_FORMAT, "\"apply_exif\": got 2"},
        {"\"fast_decode\":0", "\"fast_decode\":0.5", RTV_E_FORMAT, "\"fast_decode\": got 0.5"},
        {"[0.485,", "[", RTV_E_FORMAT, "\"mean\": got 2 elements"},
        {"[0.485,", "[1e40,", RTV_E_FORMAT, "\"mean\": got 1e+40"},
        {"[0.229,", "[0,", RTV_E_FORMAT, "\"std\": got 0"},
        {"[0.229,", "[-1,", RTV_E_FORMAT, "\"std\": got -1"},
        {"\"center_crop\",\"resize_shorter\":12", "\"letterbox\",\"letterbox_value\":256", RTV_E_FORMAT, "\"letterbox_value\": got 256"},
        {"\"center_crop\",\"resize_shorter\":12", "\"letterbox\",\"letterbox_value\":7", RTV_OK, ""},
        {"\"center_crop\",\"resize_shorter\":12", "\"squash\"", RTV_OK, ""},
    };
    (void)state;
    check_edits("preprocess", edits, sizeof edits / sizeof *edits);
}

static void test_deep_and_long_text(void **state) {
    const size_t size = 5 << 20;
    char *text = malloc(size + 1);
    forgery f = {.key = "graph", .value = text};
    (void)state;
    assert_non_null(text);
    memset(text, '[', size);
    text[size] = 0;
    expect_forged(&f, RTV_E_FORMAT, "got 5242880 bytes of JSON, expected at most");
    text[100000] = 0;
    expect_forged(&f, RTV_E_FORMAT, "malformed JSON");
    free(text);
}

/* --- tensors --- */

static void test_tensors(void **state) {
    static const float numbers[4] = {1, 2, 3, 4};
    const int64_t four = 4, none = 0, longer[2] = {2, 2};
    rtvi_safetensors_entry extra = {"surplus", rtvi_tensor_contiguous(RTVI_F32, 1, &four, numbers)};
    const forgery surplus = {.extra_tensor = &extra}, missing = {.tensor = "conv.weight"},
                  renamed = {.tensor = "bn.bias", .new_name = "bn.boas"};
    const forgery swapped = {.tensor = "bn.bias", .extra_tensor = &extra};
    (void)state;
    expect_forged(&surplus, RTV_E_FORMAT, "tensor \"surplus\": got no node that reads it");
    expect_forged(&missing, RTV_E_FORMAT, "node \"conv\": got reference to \"conv.weight\"");
    expect_forged(&renamed, RTV_E_FORMAT, "reference to \"bn.bias\"");
    extra.name = "bn.bias"; /* in place of the real one, with another shape or type */
    expect_forged(&swapped, RTV_OK, "");
    extra.tensor = rtvi_tensor_contiguous(RTVI_F32, 2, longer, numbers);
    expect_forged(&swapped, RTV_E_FORMAT, "beta: got shape [2,2], expected [4]");
    extra.tensor = rtvi_tensor_contiguous(RTVI_I32, 1, &four, numbers);
    expect_forged(&swapped, RTV_E_FORMAT, "I32");
    extra.tensor = rtvi_tensor_contiguous(RTVI_F16, 1, &four, numbers);
    expect_forged(&swapped, RTV_OK, "");
    extra.tensor = rtvi_tensor_contiguous(RTVI_F32, 1, &none, numbers);
    expect_forged(&swapped, RTV_E_FORMAT, "bn.bias");
    extra.tensor = rtvi_tensor_contiguous(RTVI_F32, 0, NULL, numbers);
    expect_forged(&swapped, RTV_E_FORMAT, "bn.bias");
    extra.tensor = rtvi_tensor_contiguous(RTVI_F32, 1, &four, numbers);
    extra.name = "two\nlines";
    expect_forged(&swapped, RTV_E_FORMAT, "\"two?lines\"");
}

/* --- memory --- */

static void test_out_of_memory(void **state) {
    rtvi_env env;
    test_heap heap;
    size_t size;
    uint8_t *data = test_read_file(test_golden(TOY_FILE), &size);
    long failures = 0;
    (void)state;
    test_env_init(&env, &heap);
    for (long n = 1;; n++) {
        rtvi_source source;
        rtvi_graph *graph;
        rtvi_modelfile_info info;
        rtv_error error;
        int32_t status;
        assert_int_equal(rtvi_source_from_memory(&env, "model", data, size, 0, &source, &error), RTV_OK);
        heap.calls = 0;
        heap.fail_at = n;
        status = rtvi_modelfile_read(&env, &source, &graph, &info, n % 2 ? &error : NULL);
        heap.fail_at = 0;
        rtvi_graph_destroy(graph);
        rtvi_source_close(&source);
        assert_int_equal(heap.live, 0);
        if (status == RTV_OK) break;
        assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        assert_null(graph);
        failures++;
    }
    assert_true(failures > 50);
    rtvi_env_destroy(&env);
    free(data);
}

/* cJSON has one allocator for the process and does not tell a failed allocation from broken text: refused all the same. */
static long cjson_calls, cjson_fail_at, cjson_live;
static void *cjson_allocate(size_t size) {
    void *block = ++cjson_calls == cjson_fail_at ? NULL : malloc(size);
    cjson_live += block != NULL;
    return block;
}
static void cjson_release(void *block) {
    cjson_live -= block != NULL;
    free(block);
}

static void test_cjson_out_of_memory(void **state) {
    cJSON_Hooks hooks = {cjson_allocate, cjson_release};
    long failures = 0;
    (void)state;
    cJSON_InitHooks(&hooks);
    for (long n = 1;; n++) {
        model_fixture m;
        int32_t status;
        cjson_calls = 0;
        cjson_fail_at = n;
        status = model_open(&m, test_golden(TOY_FILE));
        model_close(&m);
        assert_int_equal(cjson_live, 0);
        if (status == RTV_OK) break;
        assert_true(status == RTV_E_FORMAT || status == RTV_E_OUT_OF_MEMORY);
        failures++;
    }
    cJSON_InitHooks(NULL);
    assert_true(failures > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forging_is_fair),
        cmocka_unit_test(test_not_a_model_file),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_graph_text),
        cmocka_unit_test(test_preprocess_text),
        cmocka_unit_test(test_deep_and_long_text),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_cjson_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
