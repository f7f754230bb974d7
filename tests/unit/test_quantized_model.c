/* test_quantized_model.c - the golden quantized model: every value that the plain-C executor computes against an independent computation by
 * the formulas, and the file written, read and damaged. */
#include "support.h"
#include "modelfile_support.h"
#include "toy_models.h"

#include "exec/exec.h"
#include "modelfile/modelfile_json.h"

#define FILE_NAME "modelfile/toy_quantized_v1.safetensors"

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

static void open_toy(model_fixture *m) {
    if (model_open(m, test_golden(FILE_NAME)) != RTV_OK) fail_msg("%s", m->error.message);
}

static cJSON *read_expected(void) {
    size_t size;
    uint8_t *text = test_read_file(test_golden("modelfile/toy_quantized_v1.json"), &size);
    cJSON *root = cJSON_ParseWithLength((const char *)text, size);
    assert_non_null(root);
    free(text);
    return root;
}

/* --- the arithmetic --- */

typedef struct comparing {
    const cJSON *values; /* by name */
    int seen;
} comparing;

/* Codes, and floats that come straight from them, are equal to the bit; what follows sums in another order than NumPy does: to within
 * float32's rounding of a few terms. */
static double tolerance_of(const char *name) { return strcmp(name, "head") == 0 ? 2e-5 : strcmp(name, "descriptor") == 0 ? 2e-7 : 0.0; }

static double element(const rtvi_tensor *tensor, int64_t i) {
    if (tensor->dtype == RTVI_U8) return ((const uint8_t *)tensor->data)[i];
    if (tensor->dtype == RTVI_I8) return ((const int8_t *)tensor->data)[i];
    assert_int_equal(tensor->dtype, RTVI_F32);
    return (double)((const float *)tensor->data)[i];
}

static void compare(void *user, const char *name, const rtvi_tensor *tensor) {
    comparing *c = user;
    const cJSON *expected = cJSON_GetObjectItem(c->values, name), *number;
    int64_t i = 0;
    assert_non_null(expected);
    assert_true(rtvi_tensor_is_contiguous(tensor));
    assert_int_equal(rtvi_tensor_count(tensor), cJSON_GetArraySize(expected));
    cJSON_ArrayForEach(number, expected) {
        if (!(fabs(element(tensor, i) - number->valuedouble) <= tolerance_of(name)))
            fail_msg("%s[%lld]: got %.9g, expected %.9g", name, (long long)i, element(tensor, i), number->valuedouble);
        i++;
    }
    c->seen++;
}

/* [height][width][3] */
static void put_pixels(uint8_t *codes, size_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t h = i * 2654435761u;
        h = (h ^ h >> 15) * 2246822519u;
        h = (h ^ h >> 13) * 3266489917u;
        codes[i] = (uint8_t)((h ^ h >> 16) >> 24);
    }
}

static void test_every_value(void **state) {
    cJSON *expected = read_expected();
    (void)state;
    for (int32_t threads = 1; threads <= 3; threads++) {
        comparing c = {cJSON_GetObjectItem(expected, "values"), 0};
        model_fixture m;
        rtvi_exec *exec;
        rtvi_exec_context *context;
        const float *outputs[RTVI_MAX_OUTPUTS], *again[RTVI_MAX_OUTPUTS];
        float descriptor[6];
        open_toy(&m);
        assert_int_equal(rtvi_exec_compile(&m.env, m.graph, RTV_EXECUTOR_REFERENCE, &exec, &m.error), RTV_OK);
        assert_int_equal(rtvi_exec_context_create(exec, threads, &context, &m.error), RTV_OK);
        put_pixels(rtvi_exec_context_input(context), 3 * 9 * 7);
        assert_int_equal(rtvi_exec_run_observed(context, outputs, compare, &c, &m.error), RTV_OK);
        assert_int_equal(c.seen, cJSON_GetArraySize(c.values));
        assert_int_equal(c.seen, rtvi_exec_num_steps(exec));
        memcpy(descriptor, outputs[0], sizeof descriptor);
        put_pixels(rtvi_exec_context_input(context), 3 * 9 * 7);
        assert_int_equal(rtvi_exec_run(context, again, NULL, &m.error), RTV_OK);
        assert_memory_equal(again[0], descriptor, sizeof descriptor);
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        model_close(&m);
    }
    cJSON_Delete(expected);
}

static void test_steps_tell_their_precision(void **state) {
    static const struct {
        const char *name, *precision;
        double macs;
    } steps[] = {{"stem", "int8", 4 * 10 * 6 * 27},
                 {"gem", "int8", 0},
                 {"again", "f32", 0},
                 {"short", "int8", 20},
                 {"short_in", "f32", 0},
                 {"floats", "int8", 0},
                 {"head", "f32", 120},
                 {"descriptor", "f32", 0},
                 {"side", "int8", 4 * 5 * 6 * 18},
                 {"pool", "int8", 0},
                 {"signed_pool", "int8", 0},
                 {"joined", "f32", 0}};
    model_fixture m;
    rtvi_exec *exec;
    (void)state;
    open_toy(&m);
    assert_int_equal(rtvi_exec_compile(&m.env, m.graph, RTV_EXECUTOR_REFERENCE, &exec, &m.error), RTV_OK);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        size_t n = 0;
        while (strcmp(rtvi_exec_step_at(exec, n).name, steps[i].name) != 0) assert_in_range(++n, 0, rtvi_exec_num_steps(exec) - 1);
        assert_string_equal(rtvi_exec_step_at(exec, n).precision, steps[i].precision);
        assert_true(rtvi_exec_step_at(exec, n).macs == steps[i].macs);
    }
    assert_int_equal(rtvi_exec_weights_bytes(exec),
                     108 + 72 + 16 + 144 + 144 + 20 + 4 * (2 * 25 + 120)); /* codes, scales and biases, head */
    rtvi_exec_destroy(exec);
    model_close(&m);
}

/* --- the file --- */

static void assert_golden(const char *file) {
    size_t size, expected_size;
    uint8_t *data = test_read_file(file, &size), *expected = test_read_file(test_golden(FILE_NAME), &expected_size);
    assert_int_equal(size, expected_size);
    assert_memory_equal(data, expected, size);
    free(data);
    free(expected);
}

/* Also from a copy of the graph. */
static void test_writes_the_golden_file(void **state) {
    cJSON *expected = read_expected();
    model_fixture m;
    rtvi_modelfile_info info;
    rtvi_graph *copy;
    (void)state;
    open_toy(&m);
    assert_string_equal(m.info.fingerprint, cJSON_GetObjectItem(expected, "fingerprint")->valuestring);
    assert_contains(m.graph->quantization, "\"note\":\"hand-made\"");
    copy = rtvi_graph_copy(m.graph, &m.error);
    assert_non_null(copy);
    assert_int_equal(rtvi_modelfile_write(&m.env, copy, RTV_STORE_FLOAT32, path, &info, &m.error), RTV_OK);
    assert_string_equal(info.fingerprint, m.info.fingerprint);
    assert_golden(path);
    rtvi_graph_destroy(copy);
    model_close(&m);
    cJSON_Delete(expected);
}

/* Only what floats read becomes float16. */
static void test_float16_leaves_codes_alone(void **state) {
    model_fixture m, back;
    rtvi_modelfile_info info;
    int halves = 0;
    (void)state;
    open_toy(&m);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT16, path, &info, &m.error), RTV_OK);
    assert_int_equal(model_open(&back, path), RTV_OK);
    for (size_t i = 0; i < back.graph->num_values; i++) {
        const rtvi_value *value = &back.graph->values[i], *before;
        if (!value->is_constant) continue;
        before = &m.graph->values[rtvi_graph_find_value(m.graph, value->name)];
        halves += value->dtype == RTVI_F16;
        if (strcmp(value->name, "head.weight") == 0)
            assert_int_equal(value->dtype, RTVI_F16);
        else
            assert_memory_equal(value->constant.data, before->constant.data,
                                (size_t)rtvi_tensor_count(&before->constant) * rtvi_dtype_size(before->dtype));
    }
    assert_int_equal(halves, 1);
    model_close(&back);
    assert_int_equal(model_open(&back, path), RTV_OK); /* and back: head.weight has multiples of 1/128 */
    assert_int_equal(rtvi_modelfile_write(&back.env, back.graph, RTV_STORE_FLOAT32, path, &info, &back.error), RTV_OK);
    assert_golden(path);
    model_close(&back);
    model_close(&m);
}

/* Any scale, to the bit. */
static void test_scales_survive(void **state) {
    uint32_t random = 12345;
    (void)state;
    for (int i = 0; i < 300; i++) {
        model_fixture m, back;
        rtvi_modelfile_info info;
        uint32_t bits;
        float scale;
        random = random * 1664525u + 1013904223u;
        bits = (random >> 1) % (0x7f800000u - 0x00800000u) + 0x00800000u; /* normal and finite */
        if (i < 4) bits = (const uint32_t[]){0x00800000u, 0x3f800001u, 0x7effffffu, 0x33d6bf95u}[i];
        memcpy(&scale, &bits, sizeof scale);
        open_toy(&m);
        m.graph->values[rtvi_graph_find_value(m.graph, "again")].scale = scale;
        assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &info, &m.error), RTV_OK);
        assert_string_not_equal(info.fingerprint, m.info.fingerprint);
        assert_int_equal(model_open(&back, path), RTV_OK);
        assert_true(back.graph->values[rtvi_graph_find_value(back.graph, "again")].scale == scale);
        model_close(&back);
        model_close(&m);
    }
}

static void test_what_the_fingerprint_covers(void **state) {
    model_fixture m;
    rtvi_modelfile_info info;
    rtvi_value *value;
    int8_t *codes;
    (void)state;
    open_toy(&m);
    assert_int_equal(rtvi_graph_set_quantization(m.graph, "{\"parent\":\"another\"}", &m.error), RTV_OK);
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_OK);
    assert_string_equal(info.fingerprint, m.info.fingerprint);
    m.graph->values[m.graph->input].zero_point++;
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_OK);
    assert_string_not_equal(info.fingerprint, m.info.fingerprint);
    m.graph->values[m.graph->input].zero_point--;
    value = &m.graph->values[rtvi_graph_find_value(m.graph, "short.weight")];
    value->owned = codes = rtvi_alloc(&m.env, 20, 1);
    memcpy(codes, value->constant.data, 20);
    value->constant.data = codes;
    codes[7] = codes[7] == 5 ? 6 : 5;
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_OK);
    assert_string_not_equal(info.fingerprint, m.info.fingerprint);
    assert_int_equal(rtvi_graph_set_quantization(m.graph, "no JSON", &m.error), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &info, &m.error), RTV_E_FORMAT);
    assert_contains(m.error.message, "model: quantization: got malformed JSON");
    assert_int_equal(rtvi_graph_set_quantization(m.graph, "[]", NULL), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &info, &m.error), RTV_E_FORMAT);
    assert_contains(m.error.message, "model: quantization: got something else, expected a JSON object");
    model_close(&m);
}

/* --- files that are wrong --- */

static const struct {
    const char *part, *replacement, *message;
    int32_t status;
} edits[] = {
    {"0.018658448", "0", "graph: input: \"scale\": got 0, expected a number in 1.17549435e-38", RTV_E_FORMAT},
    {"0.018658448", "-0.5", "graph: input: \"scale\": got -0.5", RTV_E_FORMAT},
    {"0.018658448", "1e39", "graph: input: \"scale\": got 1e+39", RTV_E_FORMAT},
    {"0.018658448", "1e-39", "graph: input: \"scale\": got 1e-39", RTV_E_FORMAT},
    {"0.018658448", "\"1\"", "graph: input: \"scale\": got ", RTV_E_FORMAT},
    {"\"zero_point\":114", "\"zero_point\":256", "graph: input: \"zero_point\": got 256, expected an integer in 0..255", RTV_E_FORMAT},
    {"\"zero_point\":114", "\"zero_point\":-1", "graph: input: \"zero_point\": got -1", RTV_E_FORMAT},
    {"\"zero_point\":114", "\"zero_point\":1.5", "graph: input: \"zero_point\": got 1.5", RTV_E_FORMAT},
    {"\"dtype\":\"U8\",\"scale\":0.018658448,\"zero_point\":114", "\"dtype\":\"I8\",\"scale\":0.018658448,\"zero_point\":0",
     "graph: input: \"dtype\": got something else, expected \"U8\"", RTV_E_FORMAT},
    {"\"dtype\":\"U8\"", "\"dtype\":\"U4\"", "graph: input: \"dtype\": got something else, expected \"U8\" or \"I8\"", RTV_E_FORMAT},
    {"\"dtype\":\"U8\"", "\"zero\":3,\"dtype\":\"U8\"", "graph: input: got unknown field \"zero\"", RTV_E_UNSUPPORTED},
    {",\"codes\":{\"dtype\":\"U8\",\"scale\":0.018658448,\"zero_point\":114}", "", "got type F32, expected U8 or I8", RTV_E_FORMAT},
    {",\"codes\":{\"dtype\":\"U8\",\"scale\":0.031372547,\"zero_point\":0}", "", "node \"stem\": \"codes\"", RTV_E_FORMAT},
    {"\"scale\":0.031372547,\"zero_point\":0", "\"scale\":0.031372549,\"zero_point\":7", "qconv \"stem\": output: got zero point 7",
     RTV_E_FORMAT},
    {"\"inputs\":[\"stem\"]", "\"inputs\":[\"stem\"],\"codes\":{\"dtype\":\"U8\",\"scale\":1,\"zero_point\":0}",
     "max_pool \"pool\": got a scale for its result", RTV_E_FORMAT},
    {"0.05,\"zero_point\":0", "0.05,\"zero_point\":1", "node \"signed_sum\": \"zero_point\": got 1, expected an integer in 0..0",
     RTV_E_FORMAT},
    {"\"sum.bias\",\"side\"", "\"sum.bias\",\"sum.weight\"", "qconv \"sum\": input 4: got a constant", RTV_E_FORMAT},
    {"\"side.weight_scale\",\"side.bias\"", "\"stem.weight\",\"side.bias\"", "qconv \"side\": input 2: got type I8, expected F32",
     RTV_E_FORMAT},
    {"\"joined\",\"head.weight\"", "\"joined\",\"short.weight\"", "linear \"head\": input 1: got type I8, expected F32 or F16",
     RTV_E_FORMAT},
    {"\"op\":\"quantize\",\"inputs\":[\"floats\"]", "\"op\":\"quantize\",\"inputs\":[\"stem\"]",
     "quantize \"again\": input 0: got type U8, expected F32", RTV_E_FORMAT},
    {"\"value\":\"short\"", "\"value\":\"short_in\"", "output \"short_in\": is not computed, F32", RTV_E_FORMAT},
};

/* The golden file's graph with a part of its text replaced, put together as a reader would. */
static void test_impossible_codes(void **state) {
    rtvi_env env;
    test_heap heap;
    rtvi_source source;
    rtvi_safetensors file;
    rtv_error error;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_source_open(&env, "test", test_golden(FILE_NAME), &source, &error), RTV_OK);
    assert_int_equal(rtvi_safetensors_parse(&env, "test", source.data, source.size, &file, &error), RTV_OK);
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        char *graph_text = forge_text(rtvi_safetensors_metadata(&file, "graph"), edits[i].part, edits[i].replacement);
        rtvi_safetensors_pair pairs[16];
        model_fixture m;
        for (size_t p = 0; p < file.num_metadata; p++) {
            pairs[p] = file.metadata[p];
            if (strcmp(pairs[p].key, "checksum") == 0) pairs[p].value = RTVI_CHECKSUM_ZERO;
            if (strcmp(pairs[p].key, "graph") == 0) pairs[p].value = graph_text;
        }
        forge_write(&env, path, pairs, file.num_metadata, file.entries, file.num_entries);
        if (model_open(&m, path) != edits[i].status || !strstr(m.error.message, edits[i].message))
            fail_msg("got %d \"%s\", expected %d \"%s\"", m.error.status, m.error.message, edits[i].status, edits[i].message);
        assert_true(strlen(m.error.message) < 250);
        model_close(&m);
        free(graph_text);
    }
    rtvi_safetensors_destroy(&file);
    rtvi_source_close(&source);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static int32_t read_bytes(const uint8_t *data, size_t size) {
    rtvi_env env;
    test_heap heap;
    rtvi_source source;
    rtvi_graph *graph;
    rtvi_modelfile_info info;
    rtv_error error;
    int32_t status;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_source_from_memory(&env, "model", data, size, 0, &source, &error), RTV_OK);
    status = rtvi_modelfile_read(&env, &source, &graph, &info, &error);
    assert_true((status == RTV_OK) == (graph != NULL));
    rtvi_graph_destroy(graph);
    rtvi_source_close(&source);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
    return status;
}

static void test_cut_and_flipped(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden(FILE_NAME), &size);
    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *exact = malloc(cut + !cut); /* so that a sanitizer sees the first byte too many */
        memcpy(exact, data, cut);
        assert_int_equal(read_bytes(exact, cut), RTV_E_FORMAT);
        free(exact);
    }
    for (size_t at = 0; at < size; at++) {
        data[at] ^= 0x41;
        assert_int_not_equal(read_bytes(data, size), RTV_OK);
        data[at] ^= 0x41;
    }
    assert_int_equal(read_bytes(data, size), RTV_OK);
    free(data);
}

/* Damage under a right checksum: whatever the text of the graph says, it is a verified graph or an error. */
static void test_damaged_text_with_a_right_checksum(void **state) {
    rtvi_env env;
    test_heap heap;
    rtvi_source source;
    rtvi_safetensors file;
    rtv_error error;
    char *text;
    size_t size, taken = 0;
    (void)state;
    test_env_init(&env, &heap);
    assert_int_equal(rtvi_source_open(&env, "test", test_golden(FILE_NAME), &source, &error), RTV_OK);
    assert_int_equal(rtvi_safetensors_parse(&env, "test", source.data, source.size, &file, &error), RTV_OK);
    text = strdup(rtvi_safetensors_metadata(&file, "graph"));
    size = strlen(text);
    for (size_t at = 0; at < size; at++) {
        for (const char *c = "0-9\"e]"; *c; c++) {
            char before = text[at];
            rtvi_graph *graph = rtvi_graph_create(&env, "damaged", &error);
            text[at] = *c;
            if (rtvi_modelfile_graph_from_json(text, file.entries, file.num_entries, graph, &error) == RTV_OK)
                taken += rtvi_graph_verify(graph, &error) == RTV_OK;
            rtvi_graph_destroy(graph);
            text[at] = before;
        }
    }
    assert_in_range(taken, 100, size); /* digits of scales, letters of names */
    free(text);
    rtvi_safetensors_destroy(&file);
    rtvi_source_close(&source);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_out_of_memory(void **state) {
    size_t size;
    uint8_t *data = test_read_file(test_golden(FILE_NAME), &size);
    rtvi_env env;
    test_heap heap;
    long failures = 0;
    (void)state;
    test_env_init(&env, &heap);
    for (long n = 1;; n++) {
        rtvi_source source;
        rtvi_graph *graph = NULL;
        rtvi_exec *exec = NULL;
        rtvi_exec_context *context = NULL;
        rtvi_modelfile_info info;
        rtv_error error;
        int32_t status;
        assert_int_equal(rtvi_source_from_memory(&env, "model", data, size, 0, &source, &error), RTV_OK);
        heap.calls = 0;
        heap.fail_at = n;
        status = rtvi_modelfile_read(&env, &source, &graph, &info, &error);
        if (status == RTV_OK) status = rtvi_exec_compile(&env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error);
        if (status == RTV_OK) status = rtvi_exec_context_create(exec, 1, &context, &error);
        heap.fail_at = 0;
        rtvi_exec_context_destroy(context);
        rtvi_exec_destroy(exec);
        rtvi_graph_destroy(graph);
        rtvi_source_close(&source);
        assert_int_equal(heap.live, 0);
        if (status == RTV_OK) break;
        assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        failures++;
    }
    assert_true(failures > 50);
    rtvi_env_destroy(&env);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_value),
        cmocka_unit_test(test_steps_tell_their_precision),
        cmocka_unit_test(test_writes_the_golden_file),
        cmocka_unit_test(test_float16_leaves_codes_alone),
        cmocka_unit_test(test_scales_survive),
        cmocka_unit_test(test_what_the_fingerprint_covers),
        cmocka_unit_test(test_impossible_codes),
        cmocka_unit_test(test_cut_and_flipped),
        cmocka_unit_test(test_damaged_text_with_a_right_checksum),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
