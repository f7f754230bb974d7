/* test_isa_cap.c - the instruction-set cap, which holds for oneDNN and for our kernels: under it results agree with the uncapped reference,
 * the log is heard, and a cap that comes too late is refused. In a program of its own, because the cap is the process's for good. */
#include "support.h"

#include <math.h>

#include <retrieve/retrieve.h>

#include "toy_models.h"

typedef struct heard {
    int lines, with_model;
} heard;

static void listen(void *user, int32_t level, const char *line) {
    heard *h = user;
    assert_in_range(level, RTV_LOG_ERROR, RTV_LOG_INFO);
    assert_null(strchr(line, '\n'));
    h->lines++;
    h->with_model += strstr(line, "model:") == line;
}

static void embed(rtv_runtime *runtime, int32_t executor, float descriptor[12]) {
    rtv_import_options import;
    rtv_model_options options;
    rtv_model *model = NULL;
    rtv_picture picture;
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptor};
    float input[3 * 32 * 32];
    rtv_error error;
    rtv_import_options_init(&import);
    import.input_width = import.input_height = 32;
    rtv_model_options_init(&options);
    options.executor = executor;
    if (rtv_model_import(test_golden("models/cgd_sg.pth"), &import, runtime, &options, &model, &error) != RTV_OK)
        fail_msg("%s", error.message);
    toy_noise(input, 3 * 32 * 32);
    rtv_picture_from_tensor(&picture, input, 3 * 32 * 32);
    assert_int_equal(rtv_model_embed(model, &picture, 1, NULL, &result, &error), RTV_OK);
    rtv_model_free(model);
}

static void capped_results_agree(void **state) {
    heard h = {0, 0};
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_cpu_info cpu = {.struct_size = sizeof cpu};
    float capped[12], reference[12];
    rtv_error error;
    (void)state;
    assert_int_equal(rtv_cpu_info_get(&cpu, &error), RTV_OK);
    rtv_runtime_options_init(&options);
    options.max_isa = cpu.isa > RTV_ISA_AVX2 ? RTV_ISA_AVX2 : RTV_ISA_SCALAR;
    options.log = listen;
    options.log_user = &h;
    options.log_level = RTV_LOG_INFO;
    if (rtv_runtime_create(&options, &runtime, &error) != RTV_OK) fail_msg("%s", error.message);
    embed(runtime, RTV_EXECUTOR_AUTO, capped);
    embed(runtime, RTV_EXECUTOR_REFERENCE, reference);
    for (int i = 0; i < 12; i++) assert_true(fabsf(capped[i] - reference[i]) < 1e-5f); /* float32 sums in another order */
    assert_int_equal(h.with_model, 2);
    rtv_runtime_free(runtime);
}

static void a_late_cap_is_refused(void **state) {
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_cpu_info cpu = {.struct_size = sizeof cpu};
    rtv_error error;
    int32_t status;
    (void)state;
    assert_int_equal(rtv_cpu_info_get(&cpu, &error), RTV_OK);
    rtv_runtime_options_init(&options);
    options.max_isa = RTV_ISA_SCALAR;
    status = rtv_runtime_create(&options, &runtime, &error);
#ifdef RTV_WITH_ONEDNN
    if (cpu.isa >= RTV_ISA_AVX2) {
        assert_int_equal(status, RTV_E_STATE);
        assert_contains(error.message, "max_isa");
        return;
    }
#endif
    assert_int_equal(status, RTV_OK);
    rtv_runtime_free(runtime);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capped_results_agree),
        cmocka_unit_test(a_late_cap_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
