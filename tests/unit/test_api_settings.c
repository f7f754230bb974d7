/* test_api_settings.c - a quantizer's settings as JSON: read strictly, written completely. */
#include "support.h"

#include "quantizer_support.h"

static void settings_of(fixture *f, char text[4096]) {
    assert_ok(rtv_quantizer_settings(f->quantizer, text, 4096, NULL, &f->error), f->error);
}

static void create(fixture *f, const char *json) {
    rtv_quantizer_options options;
    rtv_quantizer_options_init(&options);
    options.json = json;
    rtv_quantizer_free(f->quantizer);
    f->quantizer = NULL;
    assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
}

static void what_is_written_can_be_read(void **state) {
    static const char all[] =
        "{\"preset\":\"performance\",\"estimator\":\"median\",\"weights\":\"nearest\",\"bias_correction\":\"full\",\"equalize\":true,"
        "\"quantize_auxiliary\":true,\"drop_auxiliary\":true,\"relaxed_scopes\":true,\"moment_samples\":12,\"max_samples\":2000,"
        "\"ignored\":[{\"name\":\"conv1\"},{\"regex\":\"layer1\\\\..*\"},{\"op\":\"linear\"},{\"subgraph\":[\"conv1\",\"concat\"]},{"
        "\"reverted\":\"conv1\"}],"
        "\"overrides\":[{\"name\":\"layer2.0.conv1\",\"preset\":\"mixed\",\"estimator\":\"quantile\",\"weights\":\"half_range\","
        "\"bias_correction\":\"none\"},{\"op\":\"conv\"}]}";
    fixture *f = *state;
    char text[4096];
    create(f, NULL);
    settings_of(f, text);
    assert_string_equal(text,
                        "{\"preset\":\"mixed\",\"estimator\":\"mean_min_max\",\"weights\":\"compensated\",\"bias_correction\":\"fast\","
                        "\"equalize\":false,\"quantize_auxiliary\":false,\"drop_auxiliary\":false,\"relaxed_scopes\":false,"
                        "\"moment_samples\":32,\"max_samples\":300,\"ignored\":[],\"overrides\":[]}");
    create(f, all);
    settings_of(f, text);
    assert_string_equal(text, all);
}

/* What JSON does not say stays as the fields have it, and lists are joined. */
static void fields_and_json_together(void **state) {
    fixture *f = *state;
    const rtv_scope scope = {.kind = RTV_SCOPE_NAME, .text = "conv1"};
    rtv_quantizer_options options;
    char text[4096];
    rtv_quantizer_options_init(&options);
    options.weights = RTV_WEIGHTS_NEAREST;
    options.estimator = RTV_ESTIMATOR_MEDIAN;
    options.ignored = &scope;
    options.num_ignored = 1;
    options.json = " {\"weights\": \"pair_safe\", \"ignored\": [{\"op\": \"linear\"}]} \n";
    assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
    settings_of(f, text);
    assert_contains(text, "\"estimator\":\"median\",\"weights\":\"pair_safe\"");
    assert_contains(text, "\"ignored\":[{\"name\":\"conv1\"},{\"op\":\"linear\"}]");
}

static void what_is_wrong_is_said_with_its_place(void **state) {
    static const struct {
        const char *json;
        int32_t status;
        const char *message;
    } cases[] = {
        {"", RTV_E_FORMAT, "got no JSON at character 0"},
        {"{\"preset\":\"mixed\"", RTV_E_FORMAT, "got no JSON at character 1"},
        {"[]", RTV_E_FORMAT, "expected one object"},
        {"{} x", RTV_E_FORMAT, "got no JSON at character 3"},
        {"{\"presets\":\"mixed\"}", RTV_E_INVALID_ARGUMENT, "\"presets\": got \"mixed\", expected no such member"},
        {"{\"preset\":\"fast\"}", RTV_E_INVALID_ARGUMENT, "\"preset\": got \"fast\", expected mixed or performance"},
        {"{\"estimator\":3}", RTV_E_INVALID_ARGUMENT,
         "\"estimator\": got 3, expected mean_min_max, min_max, median, quantile, no_outliers"},
        {"{\"equalize\":1}", RTV_E_INVALID_ARGUMENT, "\"equalize\": got 1, expected true or false"},
        {"{\"max_samples\":1.5}", RTV_E_INVALID_ARGUMENT, "\"max_samples\": got 1.5, expected a whole number"},
        {"{\"max_samples\":99999}", RTV_E_INVALID_ARGUMENT, "max_samples: got 99999, expected 1..32768"},
        {"{\"weights\":\"nearest\",\"weights\":\"nearest\"}", RTV_E_INVALID_ARGUMENT, "\"weights\": got \"nearest\", expected it once"},
        {"{\"ignored\":{}}", RTV_E_INVALID_ARGUMENT, "\"ignored\": got something else, expected an array"},
        {"{\"ignored\":[{\"op\":\"conv\"},7]}", RTV_E_INVALID_ARGUMENT, "ignored[1]: got something else, expected an object"},
        {"{\"ignored\":[{}]}", RTV_E_INVALID_ARGUMENT, "ignored[0]: got no scope"},
        {"{\"ignored\":[{\"op\":\"conv\",\"name\":\"conv1\"}]}", RTV_E_INVALID_ARGUMENT,
         "expected one of name, regex, op, subgraph and reverted"},
        {"{\"ignored\":[{\"op\":\"conv\",\"weights\":\"nearest\"}]}", RTV_E_INVALID_ARGUMENT, "ignored[0]: \"weights\": got \"nearest\""},
        {"{\"ignored\":[{\"name\":5}]}", RTV_E_INVALID_ARGUMENT, "ignored[0]: \"name\": got 5, expected a text"},
        {"{\"ignored\":[{\"name\":\"\\u0001\"}]}", RTV_E_INVALID_ARGUMENT, "ignored[0]: got \"?\", expected 1..512 bytes of UTF-8"},
        {"{\"ignored\":[{\"subgraph\":[\"a\"]}]}", RTV_E_INVALID_ARGUMENT, "expected an array of two names"},
        {"{\"overrides\":[{\"op\":\"conv\",\"weight\":\"nearest\"}]}", RTV_E_INVALID_ARGUMENT, "overrides[0]: \"weight\": got"},
        {"{\"overrides\":[{\"op\":\"conv\",\"bias_correction\":\"full\"}]}", RTV_E_INVALID_ARGUMENT, "overrides: bias_correction: got 2"},
        {"{\"overrides\":true}", RTV_E_INVALID_ARGUMENT, "\"overrides\": got something else, expected an array"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rtv_quantizer_options options;
        int32_t status;
        rtv_quantizer_options_init(&options);
        options.json = cases[i].json;
        status = rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error);
        if (status != cases[i].status) fail_msg("%s: got %s: %s", cases[i].json, rtv_status_name(status), f->error.message);
        if (!strstr(f->error.message, cases[i].message)) fail_msg("%s: %s", cases[i].json, f->error.message);
        assert_null(f->quantizer);
    }
}

static void a_wrong_configuration_changes_nothing(void **state) {
    fixture *f = *state;
    rtv_quantizer_options options;
    char before[4096], after[4096];
    create(f, "{\"weights\":\"nearest\",\"ignored\":[{\"name\":\"conv1\"}]}");
    settings_of(f, before);
    rtv_quantizer_options_init(&options);
    options.json = "{\"equalize\":true,\"ignored\":[{\"name\":\"conv9\"}]}";
    assert_int_equal(rtv_quantizer_configure(f->quantizer, &options, &f->error), RTV_E_NOT_FOUND);
    settings_of(f, after);
    assert_string_equal(before, after);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_can_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(fields_and_json_together, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_configuration_changes_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
