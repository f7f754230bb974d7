/* bench_latency.c - one picture at a time through the public interface, driven line by line so that a script can take turns with others.
 *
 *     bench_latency MODEL THREADS [STREAMS]    prints "load MS": from nothing to the first descriptor, then "rss KIB": resident memory
 * above the process before it; then, for each line read, runs once and prints the milliseconds a picture: one over all threads, or (STREAMS
 * above 0) a batch, one picture a thread */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <retrieve/retrieve.h>

#include "bench_support.h"

static long resident_kib(void) {
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0) kib = atol(line + 6);
    if (file) fclose(file);
    return kib;
}

static void need(int32_t status, const rtv_error *error) {
    if (status == RTV_OK) return;
    fprintf(stderr, "bench_latency: %s\n", error->message);
    exit(1);
}

enum { BATCH = 8 }; /* pictures a stream */

int main(int argc, char **argv) {
    const long before_kib = resident_kib();
    const double start = now_ms();
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_model *model = NULL;
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_embedding result = {.struct_size = sizeof result};
    rtv_picture *pictures;
    rtv_error error;
    float *input;
    size_t count;
    char line[16];
    const int64_t batch = argc == 4 && atoi(argv[3]) > 0 ? BATCH * atoi(argv[3]) : 1;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: bench_latency MODEL THREADS [STREAMS]\n");
        return 2;
    }
    rtv_runtime_options_init(&options);
    options.threads = atoi(argv[2]);
    need(rtv_runtime_create(&options, &runtime, &error), &error);
    need(rtv_model_load(argv[1], runtime, NULL, &model, &error), &error);
    need(rtv_model_info_get(model, &info, &error), &error);
    count = 3 * (size_t)info.input_width * (size_t)info.input_height;
    input = malloc(count * sizeof *input);
    pictures = malloc((size_t)batch * sizeof *pictures);
    result.descriptors = malloc((size_t)(batch * info.descriptor_dim) * sizeof(float));
    if (!input || !pictures || !result.descriptors) return 1;
    for (size_t i = 0; i < count; i++) input[i] = (float)(i * 2654435761u >> 8 & 0xffff) / 32768.0f - 1.0f;
    for (int64_t i = 0; i < batch; i++) rtv_picture_from_tensor(&pictures[i], input, count);
    need(rtv_model_embed(model, pictures, 1, NULL, &result, &error), &error);
    printf("load %.3f\nrss %ld\n", now_ms() - start, resident_kib() - before_kib);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        const double before = now_ms();
        need(rtv_model_embed(model, pictures, batch, NULL, &result, &error), &error);
        printf("%.3f\n", (now_ms() - before) / (double)batch);
        fflush(stdout);
    }
    free(result.descriptors);
    free(pictures);
    free(input);
    rtv_model_free(model);
    rtv_runtime_free(runtime);
    return 0;
}
