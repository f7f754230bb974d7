/* own_memory.c - the library on the application's memory and log: an allocator with a limit, and a logger with a prefix. */
#include <retrieve/retrieve.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Every block has its size in front, in a header that keeps the alignment. */
typedef struct budget {
    size_t limit_bytes;
    atomic_size_t used_bytes, peak_bytes;
} budget;

static size_t header_bytes(size_t alignment) { return alignment > 2 * sizeof(size_t) ? alignment : 2 * sizeof(size_t); }

static void *take(void *user, size_t size_bytes, size_t alignment) { /* from any thread */
    budget *b = user;
    const size_t header = header_bytes(alignment);
    size_t used = atomic_fetch_add(&b->used_bytes, size_bytes) + size_bytes, peak = atomic_load(&b->peak_bytes);
    void *block = NULL;
    if (used > b->limit_bytes || posix_memalign(&block, header, header + size_bytes) != 0) {
        atomic_fetch_sub(&b->used_bytes, size_bytes);
        return NULL; /* the call that needs it answers RTV_E_OUT_OF_MEMORY, and nothing is lost */
    }
    while (used > peak && !atomic_compare_exchange_weak(&b->peak_bytes, &peak, used)) continue;
    block = (char *)block + header;
    ((size_t *)block)[-1] = size_bytes;
    ((size_t *)block)[-2] = header;
    return block;
}

static void give_back(void *user, void *block) {
    budget *b = user;
    atomic_fetch_sub(&b->used_bytes, ((size_t *)block)[-1]);
    free((char *)block - ((size_t *)block)[-2]);
}

static void log_line(void *user, int32_t level, const char *line) {
    fprintf(stderr, "%s: %s%s\n", (const char *)user, level <= RTV_LOG_WARNING ? "attention: " : "", line);
}

int main(int argc, char **argv) { /* MODEL PICTURE MEGABYTES */
    static char log_prefix[] = "own_memory";
    rtv_error error = {0};
    rtv_runtime *runtime = NULL;
    rtv_model *model = NULL;
    rtv_embedding result = {.struct_size = sizeof result};
    rtv_runtime_options options;
    rtv_picture picture;
    budget b = {0};
    rtv_allocator allocator = {&b, take, give_back};
    if (argc != 4) return 2;
    b.limit_bytes = (size_t)atol(argv[3]) << 20;
    rtv_runtime_options_init(&options);
    options.allocator = &allocator;
    options.log = log_line;
    options.log_user = log_prefix;
    options.log_level = RTV_LOG_DEBUG;
    rtv_picture_from_path(&picture, argv[2]);
    if (rtv_runtime_create(&options, &runtime, &error) == RTV_OK && rtv_model_load(argv[1], runtime, NULL, &model, &error) == RTV_OK &&
        rtv_model_embed(model, &picture, 1, NULL, &result, &error) == RTV_OK)
        printf("peak: %zu bytes\n", atomic_load(&b.peak_bytes));
    else
        fprintf(stderr, "%s\n", error.message);
    rtv_model_free(model);
    rtv_runtime_free(runtime);
    printf("left: %zu bytes\n", atomic_load(&b.used_bytes)); /* 0: everything came back */
    return error.status == RTV_OK ? 0 : 1;
}
