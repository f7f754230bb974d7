/* test_api_statistics.c - statistics of a quantizer in a file: calibrate once, quantize often; bound to the model and its pictures. */
#include "support.h"

#include "quantizer_support.h"

typedef struct saved {
    char folder[64], path[128];
} saved;

/* Statistics of the pictures under default settings. */
static void save(fixture *f, saved *s, const char *settings) {
    test_folder_make(s->folder);
    snprintf(s->path, sizeof s->path, "%s/statistics", s->folder);
    begin(f, settings);
    assert_ok(rtv_quantizer_save_statistics(f->quantizer, s->path, &f->error), f->error);
}

/* A quantizer without pictures. */
static void create(fixture *f, const char *settings) {
    rtv_quantizer_options options;
    rtv_quantizer_options_init(&options);
    options.json = settings;
    rtv_quantizer_free(f->quantizer);
    f->quantizer = NULL;
    assert_ok(rtv_quantizer_create(f->model, &options, &f->quantizer, &f->error), f->error);
}

static void load(fixture *f, const saved *s, const char *settings) {
    create(f, settings);
    assert_ok(rtv_quantizer_load_statistics(f->quantizer, s->path, &f->error), f->error);
}

static void they_stand_for_the_pictures(void **state) {
    static const char *const settings[] = {"{\"weights\":\"pair_safe\"}", "{\"weights\":\"half_range\",\"bias_correction\":\"none\"}",
                                           "{\"weights\":\"nearest\",\"estimator\":\"median\"}"};
    fixture *f = *state;
    saved s;
    save(f, &s, NULL);
    for (int i = 0; i < 3; i++) {
        rtv_model *expected = quantize(f, settings[i]), *model;
        load(f, &s, settings[i]);
        model = finish(f, RTV_EXECUTOR_REFERENCE);
        assert_same_model(model, expected);
        rtv_model_free(model);
        rtv_model_free(expected);
    }
    test_folder_remove(s.folder);
}

/* Compensated weights and full bias correction look at pictures, in any order, as long as they are those. */
static void pictures_are_added_again(void **state) {
    static const char *const settings[] = {NULL, "{\"bias_correction\":\"full\",\"weights\":\"pair_safe\"}",
                                           "{\"estimator\":\"squared_error\"}"};
    fixture *f = *state;
    saved s;
    save(f, &s, NULL);
    for (int i = 0; i < 3; i++) {
        rtv_model *expected = quantize(f, settings[i]), *model = NULL;
        load(f, &s, settings[i]);
        assert_int_equal(rtv_quantizer_finish(f->quantizer, NULL, &model, &f->error), RTV_E_STATE);
        assert_contains(f->error.message, i < 2 ? "pictures: got none beside the statistics" : "lack what the estimator needs");
        for (int p = PICTURES - 1; p >= 0; p--)
            assert_ok(rtv_quantizer_add(f->quantizer, &f->pictures[p], 1, NULL, NULL, NULL, &f->error), f->error);
        model = finish(f, RTV_EXECUTOR_REFERENCE);
        assert_same_model(model, expected);
        rtv_model_free(model);
        rtv_model_free(expected);
    }
    test_folder_remove(s.folder);
}

static void what_does_not_belong_together(void **state) {
    fixture *f = *state;
    saved s;
    uint8_t stranger[VALUES];
    rtv_picture picture;
    int32_t status;
    rtv_model *own = f->model;
    save(f, &s, NULL);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_STATE);
    assert_contains(f->error.message, "got 10 samples beside them");
    load(f, &s, NULL);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_STATE);
    draw(stranger, 99);
    rtv_picture_from_pixels(&picture, stranger, RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    assert_ok(rtv_quantizer_add(f->quantizer, &picture, 1, &status, NULL, NULL, &f->error), f->error);
    assert_int_equal(status, RTV_E_MISMATCH);
    assert_int_equal(rtv_quantizer_add(f->quantizer, &picture, 1, NULL, NULL, NULL, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "expected one that the statistics are of");
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, 1, NULL, NULL, NULL, &f->error), f->error);
    assert_int_equal(rtv_quantizer_add(f->quantizer, f->pictures, 1, NULL, NULL, NULL, &f->error), RTV_E_MISMATCH); /* once */
    {
        rtv_quantizer_options options;
        rtv_quantizer_options_init(&options);
        options.equalize = 1;
        assert_int_equal(rtv_quantizer_configure(f->quantizer, &options, &f->error), RTV_E_STATE);
    }
    create(f, "{\"equalize\":true}");
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "equalize 0, expected 1");
    create(f, "{\"max_samples\":9}");
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_LIMIT);
    {
        rtv_import_options import;
        rtv_import_options_init(&import);
        import.input_width = import.input_height = 48;
        assert_ok(rtv_model_import(test_golden("models/cgd_sg.pth"), &import, f->runtime, NULL, &f->model, &f->error), f->error);
    }
    create(f, NULL);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_MISMATCH);
    assert_contains(f->error.message, "got those of model");
    rtv_quantizer_free(f->quantizer);
    f->quantizer = NULL;
    rtv_model_free(f->model);
    f->model = own;
    test_folder_remove(s.folder);
}

static void damaged_files(void **state) {
    fixture *f = *state;
    saved s;
    size_t size;
    uint8_t *data;
    save(f, &s, NULL);
    data = test_read_file(s.path, &size);
    create(f, NULL);
    for (size_t cut = 0; cut < size; cut += 1 + size / 40) {
        test_write_file(s.path, data, cut);
        assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_FORMAT);
    }
    data[size / 2] ^= 1;
    test_write_file(s.path, data, size);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, s.path, &f->error), RTV_E_CHECKSUM);
    assert_int_equal(rtv_quantizer_load_statistics(f->quantizer, "no such file", &f->error), RTV_E_IO);
    assert_int_equal(rtv_quantizer_save_statistics(f->quantizer, s.path, &f->error), RTV_E_STATE);
    assert_ok(rtv_quantizer_add(f->quantizer, f->pictures, 2, NULL, NULL, NULL, &f->error), f->error); /* nothing was taken over */
    assert_int_equal(rtv_quantizer_save_statistics(f->quantizer, "no/such/folder", &f->error), RTV_E_IO);
    free(data);
    test_folder_remove(s.folder);
}

/* Whatever order: one file for one set of pictures in one order. */
static void one_calibration_is_one_file(void **state) {
    fixture *f = *state;
    fixture *wide = malloc(sizeof *wide);
    saved a, b;
    size_t size_a, size_b;
    uint8_t *data_a, *data_b;
    fixture_init(wide, 4, RTV_EXECUTOR_REFERENCE);
    save(f, &a, "{\"estimator\":\"squared_error\"}");
    save(wide, &b, "{\"estimator\":\"squared_error\"}");
    data_a = test_read_file(a.path, &size_a);
    data_b = test_read_file(b.path, &size_b);
    assert_int_equal(size_a, size_b);
    assert_memory_equal(data_a, data_b, size_a);
    free(data_a);
    free(data_b);
    test_folder_remove(a.folder);
    test_folder_remove(b.folder);
    fixture_destroy(wide);
    free(wide);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_stand_for_the_pictures, setup, teardown),
        cmocka_unit_test_setup_teardown(pictures_are_added_again, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_belong_together, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_files, setup, teardown),
        cmocka_unit_test_setup_teardown(one_calibration_is_one_file, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
