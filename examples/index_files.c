/* index_files.c - pictures from the command line into an index, with progress, and with a word on each that could not be read. */
#include <retrieve/retrieve.h>
#include <stdio.h>
#include <stdlib.h>

static int32_t show_progress(void *user, int64_t done, int64_t total) {
    (void)user;
    fprintf(stderr, "\r%lld of %lld", (long long)done, (long long)total);
    return 0; /* anything else stops the work */
}

/* One bad picture fails alone: the statuses tell which. */
static int32_t add_files(rtv_searcher *searcher, char **paths, int64_t count, rtv_error *error) {
    rtv_picture *pictures = malloc((size_t)count * sizeof *pictures);
    rtv_error *errors = malloc((size_t)count * sizeof *errors);
    rtv_items items = {.struct_size = sizeof items, .keys = (const char *const *)paths};
    rtv_embedding result = {.struct_size = sizeof result, .errors = errors};
    rtv_embed_options options;
    int32_t status = RTV_E_OUT_OF_MEMORY;
    if (pictures && errors) {
        rtv_embed_options_init(&options);
        options.progress = show_progress;
        for (int64_t i = 0; i < count; i++) rtv_picture_from_path(&pictures[i], paths[i]);
        status = rtv_searcher_add(searcher, pictures, count, &items, &options, &result, error);
        fputc('\n', stderr);
        for (int64_t i = 0; status == RTV_OK && i < count; i++)
            if (errors[i].status != RTV_OK) fprintf(stderr, "%s: %s\n", paths[i], errors[i].message);
    }
    free(pictures);
    free(errors);
    return status;
}

int main(int argc, char **argv) { /* MODEL INDEX PICTURE... */
    rtv_error error = {0};
    rtv_model *model = NULL;
    rtv_index *index = NULL;
    rtv_searcher *searcher = NULL;
    rtv_index_info info = {.struct_size = sizeof info};
    int32_t status;
    if (argc < 4) return 2;
    status = rtv_model_load(argv[1], NULL, NULL, &model, &error);
    if (status == RTV_OK) status = rtv_index_create_for_model(model, NULL, &index, &error);
    if (status == RTV_OK) status = rtv_searcher_create(model, index, 0, &searcher, &error);
    if (status == RTV_OK) status = add_files(searcher, argv + 3, argc - 3, &error);
    if (status == RTV_OK) status = rtv_index_save(index, argv[2], &error);
    if (status == RTV_OK) status = rtv_index_info_get(index, &info, &error);
    if (status == RTV_OK)
        printf("%lld pictures in %s\n", (long long)info.count, argv[2]);
    else
        fprintf(stderr, "%s\n", error.message);
    rtv_searcher_free(searcher);
    rtv_index_free(index);
    rtv_model_free(model);
    return status == RTV_OK ? 0 : 1;
}
