/* test_modelfile.c - model files written and read: the golden files of version 1, round trips, float16, fingerprints, failing disks. */
#include "support.h"
#include "modelfile_support.h"
#include "toy_models.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <sys/resource.h>

#include "arch/arch.h"
#include "exec/exec.h"
#include "modelfile/modelfile_json.h"

static void assert_same_file(const char *a, const char *b) {
    size_t size_a, size_b;
    uint8_t *bytes_a = test_read_file(a, &size_a), *bytes_b = test_read_file(b, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(bytes_a, bytes_b, size_a);
    free(bytes_a);
    free(bytes_b);
}

static char *graph_text(const rtvi_graph *graph) {
    size_t size = rtvi_graph_dump(graph, NULL, 0);
    char *text = malloc(size);
    assert_non_null(text);
    rtvi_graph_dump(graph, text, size);
    return text;
}

/* Runs the reference executor on the noise; results[num_outputs][TOY_MAX_DIM]. */
static void run_graph(const rtvi_env *env, const rtvi_graph *graph, float results[2][TOY_MAX_DIM]) {
    const rtvi_value *input = &graph->values[graph->input];
    rtvi_exec *exec;
    rtvi_exec_context *context;
    const float *outputs[RTVI_MAX_OUTPUTS];
    rtv_error error;
    assert_int_equal(rtvi_exec_compile(env, graph, RTV_EXECUTOR_REFERENCE, &exec, &error), RTV_OK);
    assert_int_equal(rtvi_exec_context_create(exec, 1, &context, &error), RTV_OK);
    toy_noise(rtvi_exec_context_input(context), (size_t)(3 * input->dims[2] * input->dims[3]));
    assert_int_equal(rtvi_exec_run(context, outputs, NULL, &error), RTV_OK);
    memset(results, 0, 2 * sizeof *results);
    for (int32_t i = 0; i < graph->num_outputs; i++) {
        memcpy(results[i], outputs[i], (size_t)graph->values[graph->outputs[i].value].dims[1] * sizeof(float));
    }
    rtvi_exec_context_destroy(context);
    rtvi_exec_destroy(exec);
}

/* --- the golden files --- */

static void check_toy_labels(const rtvi_graph *graph) {
    const rtvi_preprocess *how = &graph->preprocess;
    assert_string_equal(graph->name, "toy");
    assert_string_equal(graph->architecture, "hand_made");
    assert_string_equal(graph->descriptors, "");
    assert_int_equal(graph->num_class_names, 4);
    assert_string_equal(graph->class_names[1], "with \"quotes\" and \\");
    assert_string_equal(graph->class_names[3], "\xe7\x8c\xab");
    assert_int_equal(how->width, 7);
    assert_int_equal(how->height, 9);
    assert_int_equal(how->resize, RTV_RESIZE_CENTER_CROP);
    assert_int_equal(how->resize_shorter, 12);
    assert_int_equal(how->letterbox_value, 0);
    assert_int_equal(how->apply_exif, 1);
    assert_int_equal(how->fast_decode, 0);
    assert_true(how->mean[0] == 0.485f && how->mean[1] == 0.456f && how->mean[2] == 0.406f);
    assert_true(how->std[0] == 0.229f && how->std[1] == 0.224f && how->std[2] == 0.225f);
}

static void test_golden_files(void **state) {
    size_t size;
    uint8_t *text = test_read_file(test_golden("modelfile/toy_v1.json"), &size);
    cJSON *expected = cJSON_ParseWithLength((const char *)text, size);
    double descriptor[TOY_MAX_DIM], logits[TOY_MAX_DIM];
    int32_t dim = toy_numbers(expected, "descriptor", descriptor), classes = toy_numbers(expected, "logits", logits);
    (void)state;
    for (int halves = 0; halves < 2; halves++) {
        model_fixture m;
        float results[2][TOY_MAX_DIM];
        if (model_open(&m, test_golden(halves ? "modelfile/toy_v1_f16.safetensors" : TOY_FILE)) != RTV_OK) fail_msg("%s", m.error.message);
        assert_string_equal(m.info.fingerprint, cJSON_GetObjectItem(expected, halves ? "fingerprint_f16" : "fingerprint")->valuestring);
        check_toy_labels(m.graph);
        run_graph(&m.env, m.graph, results);
        toy_assert_close("descriptor", results[0], descriptor, dim);
        toy_assert_close("logits", results[1], logits, classes);
        model_close(&m);
    }
    cJSON_Delete(expected);
    free(text);
}

/* The golden files come from a script that follows the specification: the library writes the same bytes. */
static void test_writes_the_golden_files(void **state) {
    static const char *const files[] = {"modelfile/toy_v1.safetensors", "modelfile/toy_v1_f16.safetensors"};
    char folder[64], path[128];
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    for (int from = 0; from < 2; from++) {
        for (int to = 0; to < 2; to++) {
            model_fixture m;
            rtvi_modelfile_info info, asked;
            assert_int_equal(model_open(&m, test_golden(files[from])), RTV_OK);
            assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, to ? RTV_STORE_FLOAT16 : RTV_STORE_FLOAT32, path, &info, &m.error),
                             RTV_OK);
            assert_same_file(path, test_golden(files[to]));
            assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, to ? RTV_STORE_FLOAT16 : RTV_STORE_FLOAT32, &asked, NULL), RTV_OK);
            assert_string_equal(asked.fingerprint, info.fingerprint);
            if (from == to) assert_string_equal(info.fingerprint, m.info.fingerprint);
            model_close(&m);
        }
    }
    test_folder_remove(folder);
}

/* --- round trips of every toy checkpoint --- */

static rtvi_graph *import_toy(const rtvi_env *env, const toy_case *c, rtvi_weights **weights) {
    rtv_import_options options;
    rtvi_source source;
    rtvi_graph *graph;
    rtv_error error;
    char file[128];
    toy_import_options(c, &options);
    snprintf(file, sizeof file, "models/%s", c->model);
    if (rtvi_source_open(env, "weights", test_golden(file), &source, &error) != RTV_OK ||
        rtvi_weights_read(&source, weights, &error) != RTV_OK || rtvi_arch_build(env, *weights, &options, &graph, &error) != RTV_OK)
        fail_msg("%s", error.message);
    return graph;
}

static void check_round_trip(const toy_case *c, int passes, const char *first, const char *second) {
    rtvi_env env;
    test_heap heap;
    rtvi_weights *weights;
    rtvi_graph *graph;
    rtvi_modelfile_info info, again;
    rtv_error error;
    model_fixture m;
    float before[2][TOY_MAX_DIM], after[2][TOY_MAX_DIM];
    char *text, *text_read;
    test_env_init(&env, &heap);
    graph = import_toy(&env, c, &weights);
    if (passes) {
        assert_int_equal(rtvi_pass_fold_batch_norm(graph, &error), RTV_OK);
        assert_int_equal(rtvi_pass_fuse_residual(graph, &error), RTV_OK);
        assert_int_equal(rtvi_pass_fuse_activation(graph, &error), RTV_OK);
    }
    if (rtvi_modelfile_write(&env, graph, RTV_STORE_FLOAT32, first, &info, &error) != RTV_OK) fail_msg("%s", error.message);
    if (model_open(&m, first) != RTV_OK) fail_msg("%s", m.error.message);
    assert_string_equal(m.info.fingerprint, info.fingerprint);
    run_graph(&env, graph, before);
    run_graph(&env, m.graph, after);
    assert_memory_equal(before, after, sizeof before);
    assert_int_equal(rtvi_modelfile_write(&env, m.graph, RTV_STORE_FLOAT32, second, &again, &error), RTV_OK);
    assert_same_file(first, second);
    model_close(&m);
    assert_int_equal(model_open(&m, second), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&env, graph, RTV_STORE_FLOAT32, second, &again, &error), RTV_OK); /* while it is mapped */
    assert_same_file(first, second);
    text = graph_text(m.graph);
    model_close(&m);
    assert_int_equal(model_open(&m, second), RTV_OK);
    text_read = graph_text(m.graph);
    assert_string_equal(text, text_read);
    free(text);
    free(text_read);
    model_close(&m);
    rtvi_graph_destroy(graph);
    rtvi_weights_close(weights);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_round_trips(void **state) {
    static toy_case cases[TOY_MAX_CASES];
    int32_t count = toy_read_cases(cases);
    char folder[64], first[128], second[128];
    (void)state;
    test_folder_make(folder);
    snprintf(first, sizeof first, "%s/first", folder);
    snprintf(second, sizeof second, "%s/second", folder);
    for (int32_t i = 0; i < count; i++) {
        check_round_trip(&cases[i], 0, first, second);
        check_round_trip(&cases[i], 1, first, second);
    }
    test_folder_remove(folder);
}

/* The script reads container, checksum, fingerprint and names by the specification. */
static void test_independent_check(void **state) {
    model_fixture m;
    char folder[64], path[128], command[2048];
    (void)state;
    if (system("python3 -c pass >/dev/null 2>&1") != 0) {
        print_message("python3 is not there\n");
        skip();
    }
    test_folder_make(folder);
    for (int32_t i = 0; i < 4; i++) {
        assert_int_equal(model_open(&m, test_golden(i < 2 ? TOY_FILE : "modelfile/toy_quantized_v1.safetensors")), RTV_OK);
        snprintf(path, sizeof path, "%s/model", folder);
        m.graph->preprocess.apply_exif ^= 1; /* not the golden file again */
        assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, i % 2 ? RTV_STORE_FLOAT16 : RTV_STORE_FLOAT32, path, &m.info, &m.error),
                         RTV_OK);
        snprintf(command, sizeof command, "python3 '%s' %s", test_golden("check_model_file.py"), path);
        assert_int_equal(system(command), 0);
        model_close(&m);
    }
    test_folder_remove(folder);
}

/* --- float16 --- */

/* One weight of the toy, which comes from the mapped file, in memory that can be written. */
static float *own_constant(rtvi_graph *graph, const char *name) {
    rtvi_value *value = &graph->values[rtvi_graph_find_value(graph, name)];
    size_t count = (size_t)rtvi_tensor_count(&value->constant);
    float *block = rtvi_alloc(graph->env, count, sizeof *block);
    assert_non_null(block);
    rtvi_tensor_to_f32(&value->constant, block);
    value->owned = block;
    value->constant.data = block;
    return block;
}

static void test_float16_rounding(void **state) {
    static const float given[] = {1.0f + 0x1p-11f, 1.0f + 0x3p-11f, 65519.0f, -65519.996f, 0x1p-24f, 0x1p-25f, 0x1.8p-25f, -0.0f};
    static const float stored[] = {1.0f, 1.0f + 0x1p-9f, 65504.0f, -65504.0f, 0x1p-24f, 0.0f, 0x1p-24f, -0.0f};
    model_fixture m, back;
    char folder[64], path[128];
    float values[8], *weights;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    weights = own_constant(m.graph, "short.weight");
    memcpy(weights, given, sizeof given);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT16, path, &m.info, &m.error), RTV_OK);
    assert_int_equal(model_open(&back, path), RTV_OK);
    rtvi_tensor_to_f32(&back.graph->values[rtvi_graph_find_value(back.graph, "short.weight")].constant, values);
    assert_memory_equal(values, stored, sizeof stored);
    model_close(&back);
    weights[5] = 65520.0f; /* rounds to infinity */
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT16, path, &m.info, &m.error), RTV_E_UNSUPPORTED);
    assert_contains(m.error.message, "\"short.weight\"");
    assert_contains(m.error.message, "got 65520 at 5");
    assert_int_equal(model_open(&back, path), RTV_OK); /* the file from before */
    model_close(&back);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &m.info, &m.error), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, 0, path, &m.info, &m.error), RTV_E_INVALID_ARGUMENT);
    model_close(&m);
    test_folder_remove(folder);
}

/* --- fingerprints --- */

static void fingerprint_of(model_fixture *m, char fingerprint[RTV_FINGERPRINT_CHARS + 1]) {
    rtvi_modelfile_info info;
    if (rtvi_modelfile_fingerprint(&m->env, m->graph, RTV_STORE_FLOAT32, &info, &m->error) != RTV_OK) fail_msg("%s", m->error.message);
    memcpy(fingerprint, info.fingerprint, sizeof info.fingerprint);
}

static void test_what_the_fingerprint_covers(void **state) {
    model_fixture m;
    char before[RTV_FINGERPRINT_CHARS + 1], after[RTV_FINGERPRINT_CHARS + 1];
    rtvi_preprocess how;
    rtvi_attr *attr;
    const char *const names[] = {"other", "names", "of", "classes"};
    (void)state;
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    fingerprint_of(&m, before);
    assert_string_equal(before, m.info.fingerprint);
    m.graph->name[0] = 'b'; /* labels: not covered */
    assert_int_equal(rtvi_graph_set_architecture(m.graph, "another", "XY", &m.error), RTV_OK);
    assert_int_equal(rtvi_graph_set_class_names(m.graph, names, 4, &m.error), RTV_OK);
    fingerprint_of(&m, after);
    assert_string_equal(before, after);
    how = m.graph->preprocess;
    m.graph->preprocess.letterbox_value = 9; /* not used when cropping */
    fingerprint_of(&m, after);
    assert_string_equal(before, after);
#define CHANGES(statement)                                                      \
    do {                                                                        \
        statement;                                                              \
        fingerprint_of(&m, after);                                              \
        if (strcmp(before, after) == 0) fail_msg("%s is not seen", #statement); \
        m.graph->preprocess = how;                                              \
    } while (0)
    CHANGES(m.graph->preprocess.resize_shorter++);
    CHANGES(m.graph->preprocess.apply_exif = 0);
    CHANGES(m.graph->preprocess.fast_decode = 1);
    CHANGES(m.graph->preprocess.mean[1] = 0.45600003f); /* the next float */
    CHANGES(m.graph->preprocess.std[2] *= 2);
    CHANGES(m.graph->preprocess.resize = RTV_RESIZE_SQUASH);
    attr = &m.graph->nodes[m.graph->values[rtvi_graph_find_value(m.graph, "descriptor")].producer].attr;
    attr->epsilon *= 2;
    CHANGES((void)0);
    attr->epsilon /= 2;
    fingerprint_of(&m, after);
    assert_string_equal(before, after);
    own_constant(m.graph, "bn.bias")[3] *= 1.0000001f;
    CHANGES((void)0);
    model_close(&m);
}

/* --- failures of the surroundings --- */

static void test_out_of_memory(void **state) {
    model_fixture m;
    char folder[64], path[128];
    long before, failures = 0;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(model_open(&m, test_golden("modelfile/toy_v1_f16.safetensors")), RTV_OK);
    before = m.heap.live;
    for (long n = 1;; n++) {
        int32_t status;
        m.heap.calls = 0;
        m.heap.fail_at = n;
        status = rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &m.info, n % 2 ? &m.error : NULL);
        m.heap.fail_at = 0;
        assert_int_equal(m.heap.live, before);
        if (status == RTV_OK) break;
        assert_int_equal(status, RTV_E_OUT_OF_MEMORY);
        assert_int_equal(access(path, F_OK), -1);
        failures++;
    }
    assert_true(failures > 50);
    model_close(&m);
    test_folder_remove(folder);
}

/* A file-size limit stands for a full disk: write fails with EFBIG instead of ENOSPC, at any byte we like. */
static void test_full_disk(void **state) {
    model_fixture m;
    struct rlimit before, limited;
    char folder[64], path[128], command[160];
    int32_t status;
    (void)state;
    test_folder_make(folder);
    snprintf(path, sizeof path, "%s/model", folder);
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT16, path, &m.info, &m.error), RTV_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t bytes = 0; bytes < 3600; bytes += 400) {
        limited = before;
        limited.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
        status = rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, path, &m.info, &m.error);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, RTV_E_IO);
        assert_int_equal(m.error.os_error, EFBIG);
        assert_contains(m.error.message, path);
        assert_same_file(path, test_golden("modelfile/toy_v1_f16.safetensors")); /* the old file, whole */
    }
    signal(SIGXFSZ, SIG_DFL);
    snprintf(command, sizeof command, "test $(ls -A %s | wc -l) = 1", folder); /* no temporary file stays */
    assert_int_equal(system(command), 0);
    model_close(&m);
    test_folder_remove(folder);
}

static void test_unwritable_places(void **state) {
    model_fixture m;
    (void)state;
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, "no/such/folder/model", &m.info, &m.error), RTV_E_IO);
    assert_contains(m.error.message, "no/such/folder/model");
    model_close(&m);
    assert_int_equal(model_open(&m, "no/such/file"), RTV_E_IO);
    model_close(&m);
}

/* What the reader would refuse is not written. */
static void test_refuses_what_it_could_not_read(void **state) {
    model_fixture m;
    rtvi_modelfile_info info;
    (void)state;
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    m.graph->name[0] = '\x01';
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_E_FORMAT);
    assert_contains(m.error.message, "model: name");
    m.graph->name[0] = 't';
    m.graph->preprocess.std[1] = 0.0f;
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_E_FORMAT);
    assert_contains(m.error.message, "\"std\": got 0");
    m.graph->preprocess.std[1] = 1.0f;
    m.graph->preprocess.resize = 44;
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_E_UNSUPPORTED);
    m.graph->preprocess.resize = RTV_RESIZE_SQUASH;
    m.graph->values[rtvi_graph_find_value(m.graph, "conv.weight")].name[0] = '\xff';
    assert_int_equal(rtvi_modelfile_fingerprint(&m.env, m.graph, RTV_STORE_FLOAT32, &info, &m.error), RTV_E_FORMAT);
    assert_contains(m.error.message, "?onv.weight");
    model_close(&m);
}

/* --- texts --- */

static void check_float(float value, const char *expected) {
    rtvi_env env;
    test_heap heap;
    rtvi_text text;
    memset(&text, 0, sizeof text);
    test_env_init(&env, &heap);
    text.env = &env;
    rtvi_text_add_float(&text, value);
    assert_false(text.failed);
    if (expected) assert_string_equal(text.data, expected);
    assert_true(strtof(text.data, NULL) == value);
    assert_null(strchr(text.data, ','));
    rtvi_text_destroy(&text);
    assert_int_equal(heap.live, 0);
    rtvi_env_destroy(&env);
}

static void test_floats_as_text(void **state) {
    (void)state;
    check_float(0.485f, "0.485");
    check_float(1e-12f, "1e-12");
    check_float(0.0f, "0");
    check_float(1.0f, "1");
    check_float(-2.5f, "-2.5");
    check_float(100.0f, "100");
    check_float(1e-5f, "0.00001");
    check_float(0.00012f, "0.00012");
    check_float(123456789.0f, "123456790");
    check_float(3.4028235e38f, "3.4028235e38");
    check_float(1e-45f, "1e-45");
    check_float(0.1f + 0.2f, "0.3");
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t bits = i * 2654435761u;
        float value;
        memcpy(&value, &bits, sizeof value);
        if (value - value == 0.0f && i % 10 == 0) check_float(value, NULL);
    }
}

static void test_names(void **state) {
    char longest[RTVI_MODELFILE_MAX_NAME + 2];
    (void)state;
    assert_true(rtvi_text_is_name("features.0.weight"));
    assert_true(rtvi_text_is_name("\xc3\xa4 \xe7\x8c\xab \xf0\x9f\x98\x80"));
    assert_false(rtvi_text_is_name(""));
    assert_false(rtvi_text_is_name("a\nb"));
    assert_false(rtvi_text_is_name("a\x7f"));
    assert_false(rtvi_text_is_name("\xc2\x85"));         /* a C1 control */
    assert_false(rtvi_text_is_name("\xc0\xaf"));         /* overlong */
    assert_false(rtvi_text_is_name("\xe0\x80\xaf"));     /* overlong */
    assert_false(rtvi_text_is_name("\xed\xa0\x80"));     /* a surrogate */
    assert_false(rtvi_text_is_name("\xf4\x90\x80\x80")); /* above U+10FFFF */
    assert_false(rtvi_text_is_name("\xe7\x8c"));         /* cut off */
    memset(longest, 'x', sizeof longest);
    longest[RTVI_MODELFILE_MAX_NAME] = 0;
    assert_true(rtvi_text_is_name(longest));
    longest[RTVI_MODELFILE_MAX_NAME] = 'x';
    longest[RTVI_MODELFILE_MAX_NAME + 1] = 0;
    assert_false(rtvi_text_is_name(longest));
}

/* A decimal comma must change neither what is written nor what is read. */
static void test_locale_with_a_comma(void **state) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "de_DE", "ru_RU.UTF-8"};
    const char *found = NULL;
    model_fixture m;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++) found = setlocale(LC_NUMERIC, names[i]);
    if (!found) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    assert_int_equal(model_open(&m, test_golden(TOY_FILE)), RTV_OK);
    check_toy_labels(m.graph);
    assert_int_equal(rtvi_modelfile_write(&m.env, m.graph, RTV_STORE_FLOAT32, "locale.model", &m.info, &m.error), RTV_OK);
    setlocale(LC_NUMERIC, "C");
    assert_same_file("locale.model", test_golden(TOY_FILE));
    remove("locale.model");
    model_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_files),        cmocka_unit_test(test_writes_the_golden_files),
        cmocka_unit_test(test_round_trips),         cmocka_unit_test(test_independent_check),
        cmocka_unit_test(test_float16_rounding),    cmocka_unit_test(test_what_the_fingerprint_covers),
        cmocka_unit_test(test_out_of_memory),       cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_unwritable_places),   cmocka_unit_test(test_refuses_what_it_could_not_read),
        cmocka_unit_test(test_floats_as_text),      cmocka_unit_test(test_names),
        cmocka_unit_test(test_locale_with_a_comma),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
