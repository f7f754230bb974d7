/* test_arch_options.c - every import option has its range, and the preprocessing that follows. */
#include "support.h"

#include <math.h>

#include "arch/arch_options.h"

static rtv_error error;
static const char *const three_names[] = {"a", NULL, "c"};

static rtv_import_options defaults(void) {
    rtv_import_options options;
    rtv_import_options_init(&options);
    return options;
}

static void expect_error(const rtv_import_options *options, const char *message) {
    assert_int_equal(rtvi_arch_options_check(options, &error), RTV_E_INVALID_ARGUMENT);
    assert_string_equal(error.message, message);
}

static void the_defaults_are_accepted(void **state) {
    rtv_import_options options = defaults();
    (void)state;
    assert_int_equal(rtvi_arch_options_check(&options, &error), RTV_OK);
}

/* Each range at both ends and just outside. */
static void every_number_has_its_range(void **state) {
    rtv_import_options o = defaults();
    const struct {
        int32_t *field;
        int32_t min, max;
        const char *name;
    } ranges[] = {
        {&o.input_width, 1, 4096, "input_width"},
        {&o.input_height, 1, 4096, "input_height"},
        {&o.layer3_stride, 0, 2, "layer3_stride"},
        {&o.resize, 1, 3, "resize"},
        {&o.resize_shorter, 0, 65535, "resize_shorter"},
        {&o.letterbox_value, 0, 255, "letterbox_value"},
        {&o.apply_exif, 0, 1, "apply_exif"},
        {&o.fast_decode, 0, 1, "fast_decode"},
        {&o.store, 1, 2, "store"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        int32_t before = *ranges[i].field;
        char message[200];
        *ranges[i].field = ranges[i].min;
        assert_int_equal(rtvi_arch_options_check(&o, &error), RTV_OK);
        *ranges[i].field = ranges[i].max;
        assert_int_equal(rtvi_arch_options_check(&o, &error), RTV_OK);
        for (int32_t bad = ranges[i].min - 1; bad <= ranges[i].max + 1; bad += ranges[i].max - ranges[i].min + 2) {
            *ranges[i].field = bad;
            snprintf(message, sizeof message, "import: %s: got %d, expected %d..%d", ranges[i].name, bad, ranges[i].min, ranges[i].max);
            expect_error(&o, message);
        }
        *ranges[i].field = before;
    }
}

static void mean_and_std_are_checked(void **state) {
    rtv_import_options o = defaults();
    (void)state;
    o.mean[1] = -0.5f;
    expect_error(&o, "import: mean[1]: got -0.5, expected 0..1");
    o.mean[1] = 123.675f; /* of 0..255, a usual mistake */
    expect_error(&o, "import: mean[1]: got 123.675, expected 0..1");
    o.mean[1] = NAN;
    expect_error(&o, "import: mean[1]: got nan, expected 0..1");
    o = defaults();
    o.std[2] = 0;
    expect_error(&o, "import: std[2]: got 0, expected more than 0");
    o.std[2] = -1;
    expect_error(&o, "import: std[2]: got -1, expected more than 0");
    o.std[2] = INFINITY;
    expect_error(&o, "import: std[2]: got inf, expected more than 0");
}

static void names_are_checked(void **state) {
    char name[65];
    rtv_import_options o = defaults();
    (void)state;
    memset(name, 'n', sizeof name);
    name[64] = 0;
    o.name = name;
    expect_error(&o, "import: name: got 64 bytes, expected 1..63");
    o.name = name + 1;
    assert_int_equal(rtvi_arch_options_check(&o, &error), RTV_OK);
    o.name = "";
    expect_error(&o, "import: name: got 0 bytes, expected 1..63");
    o = defaults();
    o.num_class_names = -1;
    o.class_names = three_names;
    expect_error(&o, "import: num_class_names: got -1, expected as many as class_names has");
    o.num_class_names = 3;
    expect_error(&o, "import: class_names[1]: got NULL, expected a name");
    o.class_names = NULL;
    expect_error(&o, "import: num_class_names: got 3 without class_names, expected as many as class_names has");
}

static void preprocessing_describes_only_what_is_used(void **state) {
    rtv_import_options o = defaults();
    rtvi_preprocess p;
    (void)state;
    o.resize_shorter = 300;
    o.input_width = 160;
    o.apply_exif = 1;
    p = rtvi_arch_options_preprocess(&o);
    assert_int_equal(p.resize, RTV_RESIZE_SQUASH);
    assert_int_equal(p.resize_shorter, 0);
    assert_int_equal(p.letterbox_value, 0);
    assert_int_equal(p.width, 160);
    assert_int_equal(p.height, 224);
    assert_int_equal(p.apply_exif, 1);
    assert_int_equal(p.fast_decode, 0);
    assert_true(p.mean[0] == 0.485f && p.std[2] == 0.225f);
    o.resize = RTV_RESIZE_LETTERBOX;
    assert_int_equal(rtvi_arch_options_preprocess(&o).letterbox_value, 114);
    o.resize = RTV_RESIZE_CENTER_CROP;
    assert_int_equal(rtvi_arch_options_preprocess(&o).resize_shorter, 300);
    o.resize_shorter = 0;
    assert_int_equal(rtvi_arch_options_preprocess(&o).resize_shorter, 183); /* 160 * 256 / 224 = 182.86 */
    o.input_width = 224;
    assert_int_equal(rtvi_arch_options_preprocess(&o).resize_shorter, 256);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_defaults_are_accepted),
        cmocka_unit_test(every_number_has_its_range),
        cmocka_unit_test(mean_and_std_are_checked),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(preprocessing_describes_only_what_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
