/* accuracy_control.c - a model on 8-bit codes that loses little enough recall: layers that cost too much stay in float32.
 * Pictures of one class are in one folder and stand together on the command line; every second one calibrates, the others measure. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MOST = 400 };

static int same_folder(const char *a, const char *b) {
    const char *end = strrchr(a, '/');
    const size_t length = end ? (size_t)(end - a) + 1 : 0;
    return strncmp(a, b, length) == 0 && !strchr(b + length, '/');
}

static void tell(const rtv_accuracy_step *step) {
    static const char *const actions[] = {"float32", "all in int8", "to float32", "to int8 again", "needed in float32"};
    printf("%-18s %-24s recall@1 %.2f %%, %.1f %% of the work in float32\n", actions[step->action], step->layer, 100 * step->values[0],
           100 * step->float_share);
}

int main(int argc, char **argv) { /* MODEL OUT PICTURE... */
    const int count = argc - 3, half = count / 2;
    rtv_error error;
    rtv_model *model = NULL, *quantized = NULL;
    rtv_quantizer *quantizer = NULL;
    rtv_accuracy_options options;
    static rtv_accuracy_step steps[STEPS_MOST];
    int64_t num_steps = 0;
    rtv_picture *pictures = NULL; /* those that calibrate, then those that measure */
    int32_t *classes = NULL, class_id = 0;
    if (half < 1) return 2;
    pictures = calloc((size_t)count, sizeof *pictures);
    classes = calloc((size_t)count, sizeof *classes);
    if (!pictures || !classes) return 2;
    for (int i = 0; i < count; i++) {
        const int to = i % 2 == 0 ? half + i / 2 : i / 2;
        if (i > 0) class_id += !same_folder(argv[i + 2], argv[i + 3]);
        rtv_picture_from_path(&pictures[to], argv[i + 3]);
        classes[to] = class_id;
    }
    rtv_accuracy_options_init(&options);
    options.pictures = pictures + half;
    options.classes = classes + half;
    options.count = count - half;
    steps[0].struct_size = sizeof steps[0];
    if (rtv_model_load(argv[1], NULL, NULL, &model, &error) == RTV_OK && rtv_quantizer_create(model, NULL, &quantizer, &error) == RTV_OK &&
        rtv_quantizer_add(quantizer, pictures, half < 300 ? half : 300, NULL, NULL, NULL, &error) == RTV_OK &&
        rtv_quantizer_finish_within(quantizer, &options, NULL, &quantized, steps, STEPS_MOST, &num_steps, &error) == RTV_OK &&
        rtv_model_save(quantized, argv[2], &error) == RTV_OK)
        for (int64_t i = 0; i < num_steps && i < STEPS_MOST; i++) tell(&steps[i]);
    if (error.status != RTV_OK) fprintf(stderr, "%s\n", error.message);
    rtv_model_free(quantized);
    rtv_quantizer_free(quantizer);
    rtv_model_free(model);
    free(pictures);
    free(classes);
    return error.status == RTV_OK ? 0 : 1;
}
