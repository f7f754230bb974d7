/* dataset_read.c - the lists of customary data sets: from a path to a table. */
#include "dataset/dataset_read.h"

#include <string.h>

#include "dataset/dataset_table.h"

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int32_t read_lines(rtvi_dataset_reader *reader, int32_t format) {
    switch (format) {
        case RTV_DATASET_SOP:
            return rtvi_dataset_read_sop(reader);
        case RTV_DATASET_INSHOP:
            return rtvi_dataset_read_inshop(reader);
        case RTV_DATASET_CARS:
            return rtvi_dataset_read_cars(reader);
        default:
            return rtvi_dataset_read_csv(reader);
    }
}

static int32_t begin(const rtvi_env *env, rtvi_dataset **dataset, rtv_error *error) {
    *dataset = rtvi_alloc_zero(env, 1, sizeof **dataset);
    if (!*dataset) return rtvi_error_out_of_memory(error, "dataset", sizeof **dataset);
    (*dataset)->env = env;
    return RTV_OK;
}

/* What was begun comes out whole or not at all. */
static int32_t end(int32_t status, rtvi_dataset **dataset, rtv_error *error) {
    if (status == RTV_OK) status = rtvi_dataset_finish(*dataset, error);
    if (status == RTV_OK) return RTV_OK;
    rtvi_dataset_destroy(*dataset);
    *dataset = NULL;
    return status;
}

int32_t rtvi_dataset_parse(const rtvi_env *env, const char *name, const void *data, size_t size, int32_t format, rtvi_dataset **dataset,
                           rtv_error *error) {
    rtvi_dataset_reader reader = {.name = name, .lines = rtvi_lines_over(data, size), .error = error};
    int32_t status = begin(env, dataset, error);
    if (status != RTV_OK) return status;
    reader.dataset = *dataset;
    return end(read_lines(&reader, format), dataset, error);
}

/* CUB's folder, or a file in it. */
static int32_t read_folder(const rtvi_env *env, const char *path, rtvi_dataset **dataset, rtv_error *error) {
    rtvi_dataset_reader reader = {.error = error};
    const char *name = base_name(path);
    const int is_file = strcmp(name, "images.txt") == 0;
    char *folder =
        rtvi_copy_string(env, is_file && name == path ? "." : path, is_file ? (name == path ? 1 : (size_t)(name - path)) : strlen(path));
    int32_t status;
    if (!folder) return rtvi_error_out_of_memory(error, "dataset", strlen(path));
    status = begin(env, dataset, error);
    if (status == RTV_OK) {
        reader.dataset = *dataset;
        status = end(rtvi_dataset_read_cub(&reader, folder), dataset, error);
    }
    rtvi_free(env, folder);
    return status;
}

int32_t rtvi_dataset_read(const rtvi_env *env, const char *path, int32_t format, rtvi_dataset **dataset, rtv_error *error) {
    uint8_t *data = NULL;
    size_t size = 0;
    int32_t status;
    if (format < RTV_DATASET_SOP || format > RTV_DATASET_CSV)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "dataset: format: got %d, expected RTV_DATASET_*", (int)format);
    if (format == RTV_DATASET_CUB) return read_folder(env, path, dataset, error);
    status = rtvi_file_read(env, "dataset", path, RTVI_DATASET_MAX_BYTES, "none", &data, &size, error);
    if (status != RTV_OK) return status;
    status = rtvi_dataset_parse(env, base_name(path), data, size, format, dataset, error);
    rtvi_free(env, data);
    return status;
}
