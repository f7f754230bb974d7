/* bench_indexing.c - indexing in throughput mode against its parts: decoding and preprocessing alone, and the network alone, on the same
 * number of threads, in turns block by block. What is over is the price of the pipeline and of the index.
 *
 *     bench_indexing MODEL THREADS FILE...      (files are taken in blocks of 32; 10 blocks give a fair picture) */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <retrieve/retrieve.h>

#include "bench_support.h"

enum { BLOCK = 32, MAX_BLOCKS = 1000, MAX_THREADS = 64 };

typedef struct bench {
    rtv_model *model;
    rtv_picture pictures[BLOCK]; /* files */
    rtv_picture tensors[BLOCK];  /* the same, preprocessed */
    float *inputs;               /* [BLOCK][input_size] */
    uint64_t input_size;
    int next; /* picture to preprocess */
} bench;

static void need(int32_t status, const rtv_error *error) {
    if (status == RTV_OK) return;
    fprintf(stderr, "bench_indexing: %s\n", error->message);
    exit(1);
}

static void *preprocess(void *arg) {
    bench *b = arg;
    rtv_error error;
    int i;
    while ((i = __atomic_fetch_add(&b->next, 1, __ATOMIC_SEQ_CST)) < BLOCK)
        need(rtv_model_preprocess(b->model, &b->pictures[i], b->inputs + (size_t)i * b->input_size, b->input_size, &error), &error);
    return NULL;
}

static double time_preprocessing(bench *b, int threads) {
    pthread_t others[MAX_THREADS];
    const double before = now_ms();
    b->next = 0;
    for (int i = 1; i < threads; i++) pthread_create(&others[i], NULL, preprocess, b);
    preprocess(b);
    for (int i = 1; i < threads; i++) pthread_join(others[i], NULL);
    return now_ms() - before;
}

static double time_network(bench *b) {
    rtv_embed_options options;
    rtv_error error;
    const double before = now_ms();
    rtv_embed_options_init(&options);
    options.mode = RTV_MODE_THROUGHPUT;
    need(rtv_model_embed(b->model, b->tensors, BLOCK, &options, NULL, &error), &error);
    return now_ms() - before;
}

static double time_indexing(bench *b, rtv_searcher *searcher) {
    rtv_embed_options options;
    rtv_error error;
    const double before = now_ms();
    rtv_embed_options_init(&options);
    options.mode = RTV_MODE_THROUGHPUT;
    need(rtv_searcher_add(searcher, b->pictures, BLOCK, NULL, &options, NULL, &error), &error);
    return now_ms() - before;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

int main(int argc, char **argv) {
    static double whole[MAX_BLOCKS], decode[MAX_BLOCKS], network[MAX_BLOCKS], ratio[MAX_BLOCKS];
    const int threads = argc > 2 ? atoi(argv[2]) : 0, blocks = (argc - 3) / BLOCK;
    rtv_runtime_options options;
    rtv_runtime *runtime = NULL;
    rtv_index *index = NULL;
    rtv_searcher *searcher = NULL;
    rtv_model_info info = {.struct_size = sizeof info};
    rtv_error error;
    static bench b;
    if (threads < 1 || threads > MAX_THREADS || blocks < 2 || blocks > MAX_BLOCKS) {
        fprintf(stderr, "usage: bench_indexing MODEL THREADS FILE... (at least 64)\n");
        return 2;
    }
    rtv_runtime_options_init(&options);
    options.threads = threads;
    need(rtv_runtime_create(&options, &runtime, &error), &error);
    need(rtv_model_load(argv[1], runtime, NULL, &b.model, &error), &error);
    need(rtv_model_info_get(b.model, &info, &error), &error);
    need(rtv_index_create_for_model(b.model, runtime, &index, &error), &error);
    need(rtv_searcher_create(b.model, index, 0, &searcher, &error), &error);
    b.input_size = 3 * (uint64_t)info.input_width * (uint64_t)info.input_height;
    b.inputs = malloc(BLOCK * b.input_size * sizeof *b.inputs);
    if (!b.inputs) return 1;
    for (int i = 0; i < BLOCK; i++) rtv_picture_from_tensor(&b.tensors[i], b.inputs + (size_t)i * b.input_size, b.input_size);
    for (int block = 0; block < blocks; block++) {
        for (int i = 0; i < BLOCK; i++) rtv_picture_from_path(&b.pictures[i], argv[3 + block * BLOCK + i]);
        if (block == 0) time_indexing(&b, searcher); /* warms up */
        decode[block] = time_preprocessing(&b, threads) / BLOCK;
        network[block] = time_network(&b) / BLOCK;
        whole[block] = time_indexing(&b, searcher) / BLOCK;
        ratio[block] = whole[block] / (decode[block] + network[block]);
    }
    printf(
        "%d threads, %d blocks of %d pictures at %dx%d: indexing %.2f ms a picture; preprocessing alone %.2f, network alone %.2f; ratio "
        "%.3f\n",
        threads, blocks, BLOCK, info.input_width, info.input_height, median(whole, blocks), median(decode, blocks), median(network, blocks),
        median(ratio, blocks));
    rtv_searcher_free(searcher);
    rtv_index_free(index);
    rtv_model_free(b.model);
    rtv_runtime_free(runtime);
    free(b.inputs);
    return 0;
}
