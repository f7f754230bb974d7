/* embed_pixels.c - descriptors of frames in memory, as a camera gives them: BGRA, with a gap after each row. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WIDTH = 640,
    HEIGHT = 480,
    STRIDE = 2688
}; /* 640 pixels are 2560 bytes; this camera rounds rows up to 128 bytes and one more line */

/* A bright disc on a coloured wall. */
static void draw_frame(uint8_t *frame, int x, int y, int red) {
    for (int row = 0; row < HEIGHT; row++) {
        for (int column = 0; column < WIDTH; column++) {
            uint8_t *bgra = frame + row * STRIDE + column * 4;
            int in_disc = (row - y) * (row - y) + (column - x) * (column - x) < 120 * 120;
            bgra[0] = (uint8_t)(in_disc ? 40 : row / 2);
            bgra[1] = (uint8_t)(in_disc ? 200 : column / 4);
            bgra[2] = (uint8_t)(in_disc ? 250 : red);
            bgra[3] = 255;
        }
    }
}

static float similarity(const float *a, const float *b, int32_t dim) {
    float sum = 0;
    for (int32_t i = 0; i < dim; i++) sum += a[i] * b[i];
    return sum;
}

int main(int argc, char **argv) { /* MODEL */
    rtv_error error;
    rtv_model *model = NULL;
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_embedding result = {.struct_size = sizeof result};
    rtv_picture pictures[3];
    uint8_t *frames = malloc(3 * HEIGHT * STRIDE);
    if (argc != 2 || !frames) return 2;
    for (int i = 0; i < 3; i++) {
        uint8_t *frame = frames + i * HEIGHT * STRIDE;
        draw_frame(frame, 320 + 8 * i, i < 2 ? 240 : 100, i < 2 ? 30 : 220);
        rtv_picture_from_pixels(&pictures[i], frame, RTV_PIXEL_BGRA8, WIDTH, HEIGHT, STRIDE);
    }
    if (rtv_model_load(argv[1], NULL, NULL, &model, &error) == RTV_OK && rtv_model_info_get(model, &info, &error) == RTV_OK) {
        result.descriptors = malloc(3 * (size_t)info.descriptor_dim * sizeof(float)); /* [3][descriptor_dim] */
        if (result.descriptors && rtv_model_embed(model, pictures, 3, NULL, &result, &error) == RTV_OK) {
            const float *first = result.descriptors;
            printf("the same scene, moved a little: %.4f\n", similarity(first, first + info.descriptor_dim, info.descriptor_dim));
            printf("another scene:                  %.4f\n", similarity(first, first + 2 * info.descriptor_dim, info.descriptor_dim));
        }
    }
    if (error.status != RTV_OK) fprintf(stderr, "%s\n", error.message);
    rtv_model_free(model);
    free(result.descriptors);
    free(frames);
    return error.status == RTV_OK ? 0 : 1;
}
