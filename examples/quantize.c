/* quantize.c - a float32 model and some pictures to a model on 8-bit codes. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) { /* MODEL OUT PICTURE... */
    const int64_t count = argc - 3;
    rtv_error error;
    rtv_model *model = NULL, *quantized = NULL;
    rtv_quantizer *quantizer = NULL;
    rtv_quantizer_options options;
    int64_t added = 0;
    rtv_picture *pictures = calloc((size_t)argc, sizeof *pictures);
    rtv_error *errors = calloc((size_t)argc, sizeof *errors);
    if (argc < 4 || !pictures || !errors) return 2;
    for (int64_t i = 0; i < count; i++) rtv_picture_from_path(&pictures[i], argv[i + 3]);
    rtv_quantizer_options_init(&options);
    options.max_samples = count;
    if (rtv_model_load(argv[1], NULL, NULL, &model, &error) == RTV_OK &&
        rtv_quantizer_create(model, &options, &quantizer, &error) == RTV_OK &&
        rtv_quantizer_add(quantizer, pictures, count, NULL, errors, &added, &error) == RTV_OK) {
        for (int64_t i = 0; i < count; i++)
            if (errors[i].status != RTV_OK) fprintf(stderr, "%s: %s\n", argv[i + 3], errors[i].message); /* left out */
        if (rtv_quantizer_finish(quantizer, NULL, &quantized, &error) == RTV_OK && rtv_model_save(quantized, argv[2], &error) == RTV_OK)
            printf("%s: made with %d pictures\n", argv[2], (int)added);
    }
    if (error.status != RTV_OK) fprintf(stderr, "%s\n", error.message);
    rtv_model_free(quantized);
    rtv_quantizer_free(quantizer);
    rtv_model_free(model);
    free(pictures);
    free(errors);
    return error.status == RTV_OK ? 0 : 1;
}
