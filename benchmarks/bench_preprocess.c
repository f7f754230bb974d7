/* bench_preprocess.c - preprocesses pictures for a script that compares bytes or times with Pillow.
 *
 * Reads lines "COMMAND WIDTH HEIGHT RESIZE SHORTER EXIF FAST ISA PATH" from standard input and answers each at once:
 *   pixels  "WIDTH HEIGHT" and the RGB bytes, or "error MESSAGE"
 *   values  "COUNT" and the float32 values, or "error MESSAGE"
 *   time    "NANOSECONDS" of decode + resize + normalise, or "error MESSAGE"
 *   decode  "WIDTH HEIGHT" and the RGB bytes as decoded, or "error MESSAGE"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <retrieve/model.h>

#include "bench_support.h"
#include "image/preprocess.h"

static const rtvi_picture_limits limits = {178956970, 268435456, NULL, NULL};

static void answer_image(const rtvi_env *env, rtvi_image *image, int32_t status, const rtv_error *error) {
    if (status != RTV_OK) {
        printf("error %s\n", error->message);
        return;
    }
    printf("%d %d\n", image->width, image->height);
    for (size_t y = 0; y < (size_t)image->height; y++) fwrite(image->pixels + y * image->stride, 3, (size_t)image->width, stdout);
    rtvi_image_release(env, image);
}

static void answer_values(const rtvi_env *env, const rtvi_preprocess *how, const rtv_picture *picture, int timed) {
    size_t count = 3 * (size_t)how->width * (size_t)how->height;
    float *values = rtvi_alloc(env, count, sizeof *values);
    rtv_error error;
    int64_t before = now_ns();
    int32_t status =
        values ? rtvi_preprocess_run(env, how, &limits, picture, values, &error) : rtvi_error_out_of_memory(&error, "bench", count);
    int64_t spent = now_ns() - before;
    if (status != RTV_OK) {
        printf("error %s\n", error.message);
    } else if (timed) {
        printf("%lld\n", (long long)spent);
    } else {
        printf("%zu\n", count);
        fwrite(values, sizeof *values, count, stdout);
    }
    rtvi_free(env, values);
}

static void answer(rtvi_env *env, const char *command, const rtvi_preprocess *how, const char *path) {
    rtv_picture picture = {.kind = RTV_PICTURE_PATH, .path = path};
    rtvi_decode_options options = {.max_pixels = limits.max_pixels,
                                   .max_bytes = limits.max_bytes,
                                   .apply_exif = how->apply_exif,
                                   .fast_decode = how->fast_decode,
                                   .target_width = how->width,
                                   .target_height = how->height};
    rtvi_image image;
    rtv_error error;
    if (strcmp(command, "pixels") == 0)
        answer_image(env, &image, rtvi_preprocess_pixels(env, how, &limits, &picture, &image, &error), &error);
    else if (strcmp(command, "decode") == 0)
        answer_image(env, &image, rtvi_image_decode(env, &picture, &options, &image, &error), &error);
    else
        answer_values(env, how, &picture, strcmp(command, "time") == 0);
    fflush(stdout);
}

int main(void) {
    rtvi_preprocess how = {.letterbox_value = 114, .mean = {0.485f, 0.456f, 0.406f}, .std = {0.229f, 0.224f, 0.225f}};
    char command[16], path[4096];
    int32_t isa;
    rtvi_env env;
    while (scanf("%15s %d %d %d %d %d %d %d %4095[^\n]", command, &how.width, &how.height, &how.resize, &how.resize_shorter,
                 &how.apply_exif, &how.fast_decode, &isa, path) == 9) {
        rtvi_env_init(&env, NULL, isa);
        answer(&env, command, &how, path + strspn(path, " "));
        rtvi_env_destroy(&env);
    }
    return 0;
}
