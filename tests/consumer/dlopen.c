/* dlopen.c - a plugin host: opens the library, works with it on several threads, closes it, a hundred times. Usage: dlopen LIBRARY
 * CHECKPOINT */
#include <dlfcn.h>
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <string.h>

enum { LOOPS = 100, WARM_UP = 20, SIDE = 32 };

static long resident_pages(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages;
}

#define FUNCTION(library, name) ((__typeof__(&name))dlsym((library), #name))

/* One picture over two threads: OpenMP and oneDNN start, too. */
static int embed_one(void *library, const char *checkpoint) {
    static unsigned char pixels[SIDE * SIDE * 3];
    float descriptor[64];
    rtv_error error;
    rtv_runtime *runtime = NULL;
    rtv_model *model = NULL;
    rtv_runtime_options options;
    rtv_import_options import;
    rtv_embed_options how;
    rtv_picture picture;
    rtv_embedding result;
    int32_t status;
    FUNCTION(library, rtv_runtime_options_init_sized)(&options, sizeof options);
    FUNCTION(library, rtv_import_options_init_sized)(&import, sizeof import);
    FUNCTION(library, rtv_embed_options_init_sized)(&how, sizeof how);
    FUNCTION(library, rtv_picture_from_pixels)(&picture, pixels, RTV_PIXEL_RGB8, SIDE, SIDE, 3 * SIDE);
    memset(&result, 0, sizeof result);
    result.struct_size = sizeof result;
    result.descriptors = descriptor;
    options.threads = 2;
    how.mode = RTV_MODE_LATENCY;
    import.input_width = import.input_height = SIDE;
    status = FUNCTION(library, rtv_runtime_create)(&options, &runtime, &error);
    if (status == RTV_OK) status = FUNCTION(library, rtv_model_import)(checkpoint, &import, runtime, NULL, &model, &error);
    if (status == RTV_OK) status = FUNCTION(library, rtv_model_embed)(model, &picture, 1, &how, &result, &error);
    if (status != RTV_OK) fprintf(stderr, "%s\n", error.message);
    FUNCTION(library, rtv_model_free)(model);
    FUNCTION(library, rtv_runtime_free)(runtime);
    return status;
}

int main(int argc, char **argv) {
    long settled = 0, grown;
    if (argc != 3) return 2;
    for (int i = 0; i < LOOPS; i++) {
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        if (embed_one(library, argv[2]) != RTV_OK || dlclose(library) != 0) return 1;
        if (i == WARM_UP) settled = resident_pages();
    }
    grown = resident_pages() - settled;
    printf("%ld pages grown in %d loops\n", grown, LOOPS - WARM_UP);
    return grown > 1024; /* 4 MiB: some 50 kB a loop; a leaked model alone has 170 kB, twice that when packed */
}
