/* compare_models.c - how far an int8 model is from its float parent on some pictures: the cosines of their descriptors, and the layer that
 * suffers most. Usage: compare_models MODEL_A MODEL_B PICTURE... */
#include <stdio.h>
#include <stdlib.h>

#include <retrieve/retrieve.h>

static void print_worst_layer(const rtv_drift *drift) {
    int64_t count = 0, worst = 0;
    rtv_layer_drift *layers;
    rtv_drift_layers(drift, NULL, 0, &count, NULL);
    layers = calloc((size_t)count + 1, sizeof *layers);
    if (!layers) return;
    layers->struct_size = sizeof *layers;
    rtv_drift_layers(drift, layers, count, &count, NULL);
    for (int64_t i = 1; i < count; i++)
        if (layers[i].snr_db < layers[worst].snr_db) worst = i;
    if (count > 0) printf("noisiest layer: %s, %.1f dB\n", layers[worst].name, layers[worst].snr_db);
    free(layers);
}

static int report(rtv_model *a, rtv_model *b, const rtv_picture *pictures, int64_t count) {
    rtv_drift *drift = NULL;
    rtv_drift_info info;
    rtv_error e;
    info.struct_size = sizeof info;
    if (rtv_drift_measure(a, b, pictures, count, NULL, &drift, &e) != RTV_OK || rtv_drift_info_get(drift, &info, &e) != RTV_OK) {
        fprintf(stderr, "%s\n", e.message);
        return 1;
    }
    printf("cosine: mean %.4f, least %.4f\n", info.cosine_mean, info.cosine_min);
    print_worst_layer(drift);
    rtv_drift_free(drift);
    return 0;
}

int main(int argc, char **argv) {
    rtv_model *a = NULL, *b = NULL;
    rtv_picture *pictures;
    rtv_error e;
    int code = 1;
    if (argc < 4) {
        fprintf(stderr, "usage: compare_models MODEL_A MODEL_B PICTURE...\n");
        return 2;
    }
    pictures = calloc((size_t)argc, sizeof *pictures);
    for (int i = 3; i < argc && pictures; i++) rtv_picture_from_path(&pictures[i - 3], argv[i]);
    if (pictures && rtv_model_load(argv[1], NULL, NULL, &a, &e) == RTV_OK && rtv_model_load(argv[2], NULL, NULL, &b, &e) == RTV_OK)
        code = report(a, b, pictures, argc - 3);
    else if (pictures)
        fprintf(stderr, "%s\n", e.message);
    rtv_model_free(a);
    rtv_model_free(b);
    free(pictures);
    return code;
}
