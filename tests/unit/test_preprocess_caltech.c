/* test_preprocess_caltech.c - every Caltech-101 file at two sizes against Pillow's bytes; needs RTV_DATA_DIR, else it is skipped. */
#include "unit/image_support.h"

#include <dirent.h>

#include <retrieve/model.h>

#include "image/preprocess.h"

static const int32_t sizes[2] = {160, 224};

static int is_jpeg(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 4 && strcmp(entry->d_name + length - 4, ".jpg") == 0;
}

static void add_file(const rtvi_env *env, const char *path, unsigned long sums[2]) {
    const rtvi_picture_limits limits = {178956970, 1 << 28, NULL, NULL};
    const rtv_picture picture = {.kind = RTV_PICTURE_PATH, .path = path};
    for (int i = 0; i < 2; i++) {
        const rtvi_preprocess how = {.width = sizes[i], .height = sizes[i], .resize = RTV_RESIZE_SQUASH};
        rtvi_image image;
        rtv_error error;
        if (rtvi_preprocess_pixels(env, &how, &limits, &picture, &image, &error) != RTV_OK) fail_msg("%s", error.message);
        sums[i] = crc32(sums[i], image.pixels, (unsigned)(image.stride * (size_t)image.height));
        rtvi_image_release(env, &image);
    }
}

static void add_class(const rtvi_env *env, const char *name, int expected_files, unsigned long sums[2]) {
    char folder[512], path[1024];
    struct dirent **files = NULL;
    int count;
    snprintf(folder, sizeof folder, "%s/caltech101/%s", RTV_DATA_DIR, name);
    count = scandir(folder, &files, is_jpeg, alphasort);
    assert_int_equal(count, expected_files);
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]->d_name);
        add_file(env, path, sums);
        free(files[i]);
    }
    free(files);
}

static void every_file_is_as_pillows(void **state) {
    char name[128];
    int files, lines = 0;
    unsigned long crc[2];
    rtvi_env env;
    FILE *list = fopen(test_golden("images/caltech.txt"), "r");
    (void)state;
    assert_non_null(list);
    rtvi_env_init(&env, NULL, RTV_ISA_ANY);
    while (fscanf(list, "%127s %d %lu %lu", name, &files, &crc[0], &crc[1]) == 4) {
        unsigned long sums[2] = {0, 0};
        add_class(&env, name, files, sums);
        if (sums[0] != crc[0] || sums[1] != crc[1]) fail_msg("class %s differs from Pillow's bytes", name);
        lines++;
    }
    fclose(list);
    rtvi_env_destroy(&env);
    assert_int_equal(lines, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_file_is_as_pillows)};
    if (RTV_DATA_DIR[0] == 0 || access(RTV_DATA_DIR "/caltech101", R_OK) != 0) {
        printf("SKIPPED: no caltech101 in RTV_DATA_DIR (\"%s\")\n", RTV_DATA_DIR);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
