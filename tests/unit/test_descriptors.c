/* test_descriptors.c - the embedded model against PyTorch with Pillow (golden/make_descriptors.py): on oneDNN, on the plain-C reference,
 * and the same bits for every number of threads and both modes. With RTV_DATA_DIR also 50 photographs of Caltech-101. */
#include "support.h"

#include <math.h>

#include <retrieve/retrieve.h>

enum { DIM = 1536, MAX_PICTURES = 64 };
/* What the project promises against PyTorch's float32, which sums in another order (measured: 2e-6 and 1 - 5e-8). */
#define MAX_DIFFERENCE 2e-5
#define MIN_COSINE 0.99999

typedef struct expected {
    char path[1024];
    int32_t class_id;
    float probability;
    float descriptor[DIM];
} expected;

static expected pictures[MAX_PICTURES];

static int read_expected(const char *golden, const char *root) {
    FILE *file = fopen(test_golden(golden), "r");
    char name[256];
    int count = 0;
    assert_non_null(file);
    while (count < MAX_PICTURES) {
        expected *e = &pictures[count];
        if (fscanf(file, "%255s %d %f", name, &e->class_id, &e->probability) != 3) break;
        for (int i = 0; i < DIM; i++) {
            uint32_t bits;
            assert_int_equal(fscanf(file, "%x", &bits), 1);
            memcpy(&e->descriptor[i], &bits, sizeof bits);
        }
        snprintf(e->path, sizeof e->path, "%s/%s", root, name);
        count++;
    }
    fclose(file);
    assert_true(count > 0);
    return count;
}

static rtv_model *load(int32_t executor, int32_t threads) {
    rtv_runtime_options runtime_options;
    rtv_model_options options;
    rtv_runtime *runtime = NULL;
    rtv_model *model = NULL;
    rtv_error error;
    rtv_runtime_options_init(&runtime_options);
    runtime_options.threads = threads;
    rtv_model_options_init(&options);
    options.executor = executor;
    assert_int_equal(rtv_runtime_create(&runtime_options, &runtime, &error), RTV_OK);
    if (rtv_model_load(RTV_SOURCE_DIR "/examples/models/cgd-resnet50-sg.safetensors", runtime, &options, &model, &error) != RTV_OK)
        fail_msg("%s", error.message);
    rtv_runtime_free(runtime);
    return model;
}

static void embed(rtv_model *model, int32_t mode, int count, float *descriptors, int32_t *classes, float *scores) {
    rtv_picture inputs[MAX_PICTURES];
    rtv_embed_options options;
    rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors, .classes = classes, .class_scores = scores};
    rtv_error error;
    rtv_embed_options_init(&options);
    options.mode = mode;
    for (int i = 0; i < count; i++) rtv_picture_from_path(&inputs[i], pictures[i].path);
    if (rtv_model_embed(model, inputs, count, &options, &result, &error) != RTV_OK) fail_msg("%s", error.message);
}

static void expect_close(const float *got, const float *wanted, const char *what) {
    double dot = 0, worst = 0, a = 0, b = 0;
    for (int i = 0; i < DIM; i++) {
        const double x = (double)got[i], y = (double)wanted[i];
        dot += x * y, a += x * x, b += y * y;
        worst = fmax(worst, fabs(x - y));
    }
    if (!(dot / sqrt(a * b) >= MIN_COSINE && worst <= MAX_DIFFERENCE))
        fail_msg("%s: cosine %.9f, difference %g", what, dot / sqrt(a * b), worst);
}

static void agree(int32_t executor, int count) {
    rtv_model *model = load(executor, 2);
    float *descriptors = calloc((size_t)count * DIM, sizeof *descriptors), scores[MAX_PICTURES];
    int32_t classes[MAX_PICTURES];
    embed(model, RTV_MODE_THROUGHPUT, count, descriptors, classes, scores);
    for (int i = 0; i < count; i++) {
        expect_close(descriptors + i * DIM, pictures[i].descriptor, pictures[i].path);
        assert_int_equal(classes[i], pictures[i].class_id);
        assert_true(fabsf(scores[i] - pictures[i].probability) < 1e-4f); /* logits of this network are up to 10, 1e-5 off */
    }
    free(descriptors);
    rtv_model_free(model);
}

static void gallery_pictures(void **state) {
    (void)state;
    agree(RTV_EXECUTOR_AUTO, read_expected("descriptors/embedded.txt", RTV_SOURCE_DIR));
}

static void gallery_pictures_on_the_reference(void **state) {
    (void)state;
    agree(RTV_EXECUTOR_REFERENCE, read_expected("descriptors/embedded.txt", RTV_SOURCE_DIR));
}

static void the_same_bits_for_every_thread_count(void **state) {
    const int count = read_expected("descriptors/embedded.txt", RTV_SOURCE_DIR);
    float first[MAX_PICTURES * DIM / 16], next[MAX_PICTURES * DIM / 16]; /* four pictures fit */
    (void)state;
    assert_true(count <= 4);
    for (int32_t threads = 1; threads <= 3; threads++) {
        rtv_model *model = load(RTV_EXECUTOR_AUTO, threads);
        for (int32_t mode = RTV_MODE_LATENCY; mode <= RTV_MODE_THROUGHPUT; mode++) {
            const int reference = threads == 1 && mode == RTV_MODE_LATENCY;
            embed(model, mode, count, reference ? first : next, NULL, NULL);
            if (!reference) assert_memory_equal(first, next, sizeof(float) * (size_t)count * DIM);
        }
        rtv_model_free(model);
    }
}

static void photographs(void **state) {
    (void)state;
    if (!RTV_DATA_DIR[0]) {
        puts("SKIPPED: 50 photographs of Caltech-101: RTV_DATA_DIR is not set");
        skip();
    }
    agree(RTV_EXECUTOR_AUTO, read_expected("descriptors/caltech.txt", RTV_DATA_DIR "/caltech101"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gallery_pictures),
        cmocka_unit_test(gallery_pictures_on_the_reference),
        cmocka_unit_test(the_same_bits_for_every_thread_count),
        cmocka_unit_test(photographs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
