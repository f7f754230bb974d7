/* test_api_provenance.c - quantizer.h: what a quantized model tells of itself, and its simulation in floats. */
#include "support.h"

#include "quantizer_support.h"

static void it_knows_its_parent_and_its_pictures(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, "{\"ignored\":[{\"name\":\"layer1.0.conv2\"}]}");
    char text[16384], parent[160];
    uint64_t hash, same, size;
    assert_ok(rtv_model_provenance(model, text, sizeof text, &size, &f->error), f->error);
    assert_int_equal(size, strlen(text) + 1);
    snprintf(parent, sizeof parent, "\"fingerprint\":\"%s\"", info_of(f->model).fingerprint);
    assert_contains(text, parent);
    assert_contains(text, "\"exact_on\":\"every processor\"");
    assert_contains(text, "\"samples\":10");
    assert_contains(text, "\"weights\":\"compensated\"");
    for (int i = 0; i < PICTURES; i++) {
        assert_ok(rtv_model_picture_hash(f->model, &f->pictures[i], &hash, &f->error), f->error);
        assert_ok(rtv_model_picture_hash(model, &f->pictures[i], &same, &f->error), f->error);
        assert_true(hash == same);
        assert_int_equal(rtv_model_is_calibrated_with(model, hash), 1);
        assert_int_equal(rtv_model_is_calibrated_with(model, hash + 1), 0);
        assert_int_equal(rtv_model_is_calibrated_with(f->model, hash), 0);
    }
    assert_ok(rtv_model_provenance(f->model, text, sizeof text, &size, &f->error), f->error);
    assert_int_equal(size, 1);
    assert_int_equal(rtv_model_provenance(model, text, 10, &size, &f->error), RTV_E_BUFFER_TOO_SMALL);
    assert_int_equal(rtv_model_provenance(NULL, text, 10, &size, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_picture_hash(model, NULL, &hash, NULL), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_is_calibrated_with(NULL, 0), 0);
    assert_string_equal(info_of(model).parent, info_of(f->model).fingerprint);
    assert_int_equal(info_of(model).calibration_pictures, PICTURES);
    assert_string_equal(info_of(f->model).parent, "");
    assert_int_equal(info_of(f->model).calibration_pictures, 0);
    rtv_model_free(model);
}

/* Searched with codes, added to with floats. */
static void the_parents_index_is_searched_by_option(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, NULL), *stranger;
    rtv_index *index = NULL;
    rtv_searcher *parents = NULL, *searcher = NULL;
    rtv_hit hits[PICTURES];
    int64_t num_hits[PICTURES];
    assert_ok(rtv_index_create_for_model(f->model, NULL, &index, &f->error), f->error);
    assert_ok(rtv_searcher_create(f->model, index, RTV_ACCEPT_OWN, &parents, &f->error), f->error);
    assert_ok(rtv_searcher_add(parents, f->pictures, PICTURES, NULL, NULL, NULL, &f->error), f->error);
    assert_int_equal(rtv_searcher_create(model, index, RTV_ACCEPT_OWN, &searcher, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "RTV_ACCEPT_PARENTS accepts it");
    assert_int_equal(rtv_searcher_create(model, index, 3, &searcher, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_ok(rtv_searcher_create(model, index, RTV_ACCEPT_PARENTS, &searcher, &f->error), f->error);
    assert_ok(rtv_searcher_search(searcher, f->pictures, PICTURES, 1, NULL, hits, num_hits, NULL, &f->error), f->error);
    for (int i = 0; i < PICTURES; i++) assert_true(num_hits[i] == 1 && hits[i].score > 0.98f);
    assert_int_equal(rtv_searcher_add(searcher, f->pictures, 1, NULL, NULL, NULL, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "made with the float32 model");
    rtv_searcher_free(searcher);
    stranger = quantize(f, "{\"weights\":\"nearest\"}"); /* of the same parent: a sister of the model, but no parent of it */
    rtv_index_free(index);
    index = NULL;
    assert_ok(rtv_index_create_for_model(stranger, NULL, &index, &f->error), f->error);
    assert_int_equal(rtv_searcher_create(model, index, RTV_ACCEPT_PARENTS, &searcher, &f->error), RTV_E_MISMATCH);
    rtv_searcher_free(parents);
    rtv_index_free(index);
    rtv_model_free(model);
    rtv_model_free(stranger);
}

static void what_is_exact_where(void **state) {
    fixture *f = *state;
    static const char *const safe[] = {"{\"weights\":\"pair_safe\"}", "{\"weights\":\"half_range\"}"};
    char text[16384];
    for (int i = 0; i < 3; i++) {
        rtv_model *model = quantize(f, i < 2 ? safe[i] : "{\"weights\":\"nearest\"}");
        assert_ok(rtv_model_provenance(model, text, sizeof text, NULL, &f->error), f->error);
        assert_contains(text, i < 2 ? "\"exact_on\":\"every processor\"" : "\"exact_on\":\"processors with VNNI\"");
        rtv_model_free(model);
    }
}

static void every_layer_tells_why(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, "{\"ignored\":[{\"name\":\"layer1.0.conv2\"}]}");
    rtv_quantized_layer layer = find_layer(model, "conv1");
    int64_t count;
    assert_string_equal(layer.op, "qconv");
    assert_string_equal(layer.precision, "int8");
    assert_string_equal(layer.output, "u8");
    assert_string_equal(layer.why, "weights and input are codes");
    assert_true(layer.scale > 0 && layer.zero_point == 0 && layer.weight_snr_db > 20);
    layer = find_layer(model, "layer1.0.conv2");
    assert_string_equal(layer.op, "conv");
    assert_string_equal(layer.precision, "f32");
    assert_string_equal(layer.output, "f32");
    assert_string_equal(layer.why, "ignored: name layer1.0.conv2");
    assert_true(layer.scale == 0 && layer.pairs_mended == 0);
    layer = find_layer(model, "logits");
    assert_string_equal(layer.precision, "f32");
    assert_string_equal(layer.why, "only the class scores need it");
    layer = find_layer(model, "branch1.pool"); /* GeM's powers read codes and give floats */
    assert_string_equal(layer.precision, "int8");
    assert_string_equal(layer.output, "f32");
    layer = find_layer(model, "descriptor");
    assert_string_equal(layer.why, "has no form on codes");
    layer = find_layer(f->model, "conv1");
    assert_string_equal(layer.why, "the model is float32");
    assert_string_equal(layer.precision, "f32");
    assert_int_equal(rtv_model_quantized_layers(model, NULL, 0, &count, &f->error), RTV_OK);
    assert_true(count > 10);
    assert_int_equal(rtv_model_quantized_layers(model, NULL, 1, &count, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_int_equal(rtv_model_quantized_layers(model, &layer, 1, NULL, &f->error), RTV_E_INVALID_ARGUMENT);
    layer.struct_size = 3;
    assert_int_equal(rtv_model_quantized_layers(model, &layer, 1, &count, &f->error), RTV_E_INVALID_ARGUMENT);
    rtv_model_free(model);
}

static void without_class_scores(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, "{\"drop_auxiliary\":true}");
    assert_int_equal(info_of(model).num_classes, 0);
    assert_true(info_of(f->model).num_classes > 0);
    rtv_model_free(model);
}

/* --- simulation --------------------------------------------------------------------------------------------------------------------- */

static rtv_model *simulate(fixture *f, const rtv_model *model, int32_t weights, int32_t bits) {
    rtv_simulate_options options;
    rtv_model *simulated = NULL;
    rtv_simulate_options_init(&options);
    options.weights = weights;
    options.bits = bits;
    options.parent = f->model;
    assert_ok(rtv_model_simulate(model, &options, NULL, &simulated, &f->error), f->error);
    return simulated;
}

static void in_floats_it_is_nearly_the_same(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, NULL), *simulated = simulate(f, model, RTV_SIMULATE_CODES, 8);
    const double cosine = cosine_to(f, model, simulated);
    if (cosine < 0.9999) fail_msg("cosine %.6f", cosine); /* a code may differ by one where a float sum decides a tie */
    assert_true(cosine < 1.000001);
    rtv_model_free(simulated);
    rtv_model_free(model);
}

/* Fewer bits are worse, and one scale for a whole tensor is worse than one for each output. */
static void other_weights_for_study(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, NULL);
    double last = 0;
    for (int32_t bits = 2; bits <= 8; bits += 2) {
        rtv_model *simulated = simulate(f, model, RTV_SIMULATE_CHANNEL_SYMMETRIC, bits);
        const double cosine = cosine_to(f, f->model, simulated);
        if (cosine < last - 0.001) fail_msg("%d bits: cosine %.6f after %.6f", bits, cosine, last);
        last = cosine;
        rtv_model_free(simulated);
    }
    for (int32_t weights = RTV_SIMULATE_TENSOR_SYMMETRIC; weights <= RTV_SIMULATE_TENSOR_ASYMMETRIC; weights++) {
        rtv_model *four = simulate(f, model, weights, 4), *eight = simulate(f, model, weights, 8);
        const double a = cosine_to(f, f->model, four), b = cosine_to(f, f->model, eight);
        if (!(a < b)) fail_msg("weights %d: cosine %.6f with 4 bits, %.6f with 8", weights, a, b);
        rtv_model_free(four);
        rtv_model_free(eight);
    }
    rtv_model_free(model);
}

static void what_cannot_be_simulated(void **state) {
    fixture *f = *state;
    rtv_model *model = quantize(f, NULL), *simulated = NULL;
    rtv_simulate_options options;
    assert_int_equal(rtv_model_simulate(f->model, NULL, NULL, &simulated, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "the model is not quantized");
    rtv_simulate_options_init(&options);
    options.weights = 5;
    assert_int_equal(rtv_model_simulate(model, &options, NULL, &simulated, &f->error), RTV_E_INVALID_ARGUMENT);
    options.weights = RTV_SIMULATE_TENSOR_SYMMETRIC;
    assert_int_equal(rtv_model_simulate(model, &options, NULL, &simulated, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "parent is NULL");
    options.parent = model;
    assert_int_equal(rtv_model_simulate(model, &options, NULL, &simulated, &f->error), RTV_E_MISMATCH);
    options.parent = f->model;
    options.bits = 9;
    assert_int_equal(rtv_model_simulate(model, &options, NULL, &simulated, &f->error), RTV_E_INVALID_ARGUMENT);
    assert_contains(f->error.message, "weight bits: got 9");
    assert_null(simulated);
    rtv_model_free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_knows_its_parent_and_its_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(the_parents_index_is_searched_by_option, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_exact_where, setup, teardown),
        cmocka_unit_test_setup_teardown(every_layer_tells_why, setup, teardown),
        cmocka_unit_test_setup_teardown(without_class_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(in_floats_it_is_nearly_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(other_weights_for_study, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_simulated, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
