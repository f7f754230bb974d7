/* bench_exact.c - do all instruction sets compute the same codes? A quantized model on real pictures: every value of the network by oneDNN,
 * under each cap, on one thread and on two, against the plain-C executor's; then descriptors, in batches of 1 and of 8. Compared are hashes
 * of the bytes. Every run is a process of its own, for oneDNN takes one cap. Ends with 1 when anything differs.
 *
 *     bench_exact MODEL PICTURE...
 *
 * The class scores of a model that keeps their layer in float32 are not codes, and differ: make it with --drop-classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "api/api_handles.h"

enum { MAX_PICTURES = 100, MAX_VALUES = 200, MAX_DIM = 4096, BATCH = 8 };

static const char *const caps[] = {"AVX2", "AVX2_VNNI", "AVX512_CORE", "AVX512_CORE_VNNI", "DEFAULT"};

typedef struct hashes {
    int32_t count; /* of values, of all pictures one after the other */
    uint64_t values[MAX_PICTURES * MAX_VALUES], descriptors[MAX_PICTURES];
} hashes;

/* expected is the plain-C run's, which reaches the other processes through a file. */
static hashes expected, found;
static char names[MAX_VALUES][96]; /* of one picture's values */
static FILE *shared;
static int num_pictures;
static rtv_picture pictures[MAX_PICTURES];

static void need(int32_t status, const rtv_error *error) {
    if (status == RTV_OK) return;
    fprintf(stderr, "bench_exact: %s\n", error->message);
    exit(2);
}

static rtv_model *load(const char *path, int32_t threads, int32_t executor) {
    rtv_runtime_options options;
    rtv_model_options how;
    rtv_runtime *runtime;
    rtv_model *model;
    rtv_error error;
    rtv_runtime_options_init(&options);
    options.threads = threads;
    need(rtv_runtime_create(&options, &runtime, &error), &error);
    rtv_model_options_init(&how);
    how.executor = executor;
    need(rtv_model_load(path, runtime, &how, &model, &error), &error);
    rtv_runtime_free(runtime);
    if (rtvi_embedder_dim(model->embedder) > MAX_DIM) exit(2);
    return model;
}

static void add_hash(void *user, const char *value, const rtvi_tensor *tensor) {
    hashes *h = user;
    if (h->count == MAX_PICTURES * MAX_VALUES) exit(2);
    if (h->count < MAX_VALUES) snprintf(names[h->count], sizeof *names, "%s", value);
    h->values[h->count++] = XXH3_64bits(tensor->data, (size_t)rtvi_tensor_count(tensor) * rtvi_dtype_size(tensor->dtype));
}

static void hash_values(rtv_model *model, hashes *h) {
    rtv_error error;
    h->count = 0;
    for (int i = 0; i < num_pictures; i++) need(rtvi_embedder_observe(model->embedder, &pictures[i], add_hash, h, &error), &error);
}

static void hash_descriptors(rtv_model *model, int64_t batch, hashes *h) {
    static float descriptors[BATCH * MAX_DIM];
    const size_t dim = (size_t)rtvi_embedder_dim(model->embedder);
    rtv_error error;
    for (int at = 0; at < num_pictures; at += (int)batch) {
        const int64_t count = num_pictures - at < batch ? num_pictures - at : batch;
        const rtv_embedding result = {.struct_size = sizeof result, .descriptors = descriptors};
        need(rtv_model_embed(model, pictures + at, count, NULL, &result, &error), &error);
        for (int64_t i = 0; i < count; i++) h->descriptors[at + i] = XXH3_64bits(descriptors + (size_t)i * dim, dim * sizeof(float));
    }
}

static int32_t count_different(const uint64_t *a, const uint64_t *b, int32_t count, int32_t period, const char *what) {
    int32_t different = 0;
    for (int32_t i = 0; i < count; i++)
        if (a[i] != b[i] && different++ == 0) fprintf(stderr, "picture %d differs in %s\n", i / period, what ? what : names[i % period]);
    return different;
}

/* --- processes --- */

static int run_reference(const char *path) {
    rtv_model *model = load(path, 2, RTV_EXECUTOR_REFERENCE);
    hash_values(model, &expected);
    hash_descriptors(model, 1, &expected);
    rtv_model_free(model);
    return fwrite(&expected, sizeof expected, 1, shared) != 1 || fflush(shared) != 0;
}

static int run_capped(const char *path, const char *cap) {
    int32_t different = 0;
    setenv("ONEDNN_MAX_CPU_ISA", cap, 1);
    printf("%-18s", cap);
    for (int32_t threads = 1; threads <= 2; threads++) {
        rtv_model *model = load(path, threads, RTV_EXECUTOR_ONEDNN);
        hash_values(model, &found);
        if (found.count != expected.count) exit(2);
        different += count_different(expected.values, found.values, found.count, found.count / num_pictures, NULL);
        for (int64_t batch = 1; batch <= BATCH; batch += BATCH - 1) {
            hash_descriptors(model, batch, &found);
            different += count_different(expected.descriptors, found.descriptors, num_pictures, 1, "its descriptor");
        }
        rtv_model_free(model);
    }
    printf("%d values of %d pictures, 2 x %d descriptors, each on 1 and 2 threads: %d differ\n", found.count, num_pictures, num_pictures,
           different);
    return different > 0;
}

static int run_apart(const char *path, const char *cap) {
    int status = 0;
    pid_t child;
    fflush(NULL);
    child = fork();
    if (child == 0) exit(cap ? run_capped(path, cap) : run_reference(path));
    return child < 0 || waitpid(child, &status, 0) < 0 || status != 0;
}

int main(int argc, char **argv) {
    int failed;
    num_pictures = argc - 2;
    shared = tmpfile();
    if (num_pictures < 1 || num_pictures > MAX_PICTURES || !shared) {
        fprintf(stderr, "usage: bench_exact MODEL PICTURE...      (at most %d)\n", MAX_PICTURES);
        return 2;
    }
    for (int i = 0; i < num_pictures; i++) rtv_picture_from_path(&pictures[i], argv[i + 2]);
    failed = run_apart(argv[1], NULL);
    rewind(shared);
    if (failed || fread(&expected, sizeof expected, 1, shared) != 1) return 2;
    for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) failed |= run_apart(argv[1], caps[i]);
    return failed;
}
