/* cmd_info.c - retrieve info: what an index holds. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cJSON.h>

#include "commands.h"
#include "json_text.h"
#include "table.h"
#include "text.h"

enum { OPT_JSON };
static const option_spec options[] = {[OPT_JSON] = {"json", 'j', NULL, "print JSON", 0}};

static const char *storage_name(int32_t storage) {
    return storage == RTV_STORAGE_FLOAT32 ? "float32" : storage == RTV_STORAGE_FLOAT16 ? "float16" : "int8";
}

static void print_text(const rtv_index_info *info, int64_t file_bytes) {
    table t;
    short_text a, b;
    table_begin(&t, "ll");
    table_add_pair(&t, "items", "%s", text_count(&a, info->count));
    if (info->kept_dim < info->dim)
        table_add_pair(&t, "dimensions", "%" PRId32 ", reduced to %" PRId32, info->dim, info->kept_dim);
    else
        table_add_pair(&t, "dimensions", "%" PRId32, info->dim);
    if (info->has_classes) table_add_pair(&t, "classes", "%s, from folder names", text_count(&a, info->num_classes));
    if (info->has_predicted && info->num_predicted > 0)
        table_add_pair(&t, "predicted", "%s classes that the model tells apart", text_count(&a, info->num_predicted));
    else if (info->has_predicted)
        table_add_pair(&t, "predicted", "classes without names");
    if (*info->model_name) table_add_pair(&t, "model", "%s", info->model_name);
    if (*info->fingerprint) table_add_pair(&t, "fingerprint", "%s", info->fingerprint);
    table_add_pair(&t, "size", "%s on disk, %s in memory", text_bytes(&a, (double)file_bytes), text_bytes(&b, (double)info->memory_bytes));
    table_add_pair(&t, "vectors", "%s%s", storage_name(info->storage), info->normalize ? ", scaled to unit length" : "");
    if (info->num_removed > 0 || info->reclaim_bytes > file_bytes / 4)
        table_add_pair(&t, "waste", "%s removed items; retrieve compact gives back %s", text_count(&a, info->num_removed),
                       text_bytes(&b, (double)info->reclaim_bytes));
    if (info->min_score > -INFINITY) table_add_pair(&t, "min score", "%.4f", (double)info->min_score);
    table_add_pair(&t, "format", "%" PRId32 "%s", info->format, info->format == 0 ? " (provisional; retrieve compact converts it)" : "");
    table_print(&t, stdout);
    table_destroy(&t);
}

static void print_json(const rtv_index_info *info, int64_t file_bytes) {
    cJSON *object = cJSON_CreateObject();
    cJSON_AddNumberToObject(object, "items", (double)info->count);
    cJSON_AddNumberToObject(object, "dimensions", info->dim);
    cJSON_AddNumberToObject(object, "kept_dimensions", info->kept_dim);
    cJSON_AddNumberToObject(object, "classes", (double)info->num_classes);
    cJSON_AddNumberToObject(object, "predicted_classes", (double)info->num_predicted);
    cJSON_AddBoolToObject(object, "has_classes", info->has_classes);
    cJSON_AddBoolToObject(object, "has_predicted", info->has_predicted);
    json_add_text(object, "model", info->model_name);
    json_add_text(object, "fingerprint", info->fingerprint);
    cJSON_AddNumberToObject(object, "file_bytes", (double)file_bytes);
    cJSON_AddNumberToObject(object, "memory_bytes", (double)info->memory_bytes);
    cJSON_AddNumberToObject(object, "format", info->format);
    cJSON_AddStringToObject(object, "storage", storage_name(info->storage));
    cJSON_AddBoolToObject(object, "normalize", info->normalize);
    cJSON_AddNumberToObject(object, "removed", (double)info->num_removed);
    cJSON_AddNumberToObject(object, "reclaim_bytes", (double)info->reclaim_bytes);
    cJSON_AddNumberToObject(object, "segments", (double)info->num_segments);
    cJSON_AddNumberToObject(object, "commits", (double)info->commits);
    if (info->min_score > -INFINITY)
        json_add_float(object, "min_score", info->min_score);
    else
        cJSON_AddNullToObject(object, "min_score");
    json_print_object(object);
}

static int run(const arguments *args) {
    const char *path = args->positional[0];
    rtv_index *index = NULL;
    rtv_index_info info;
    rtv_error error;
    struct stat file;
    int64_t file_bytes;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    if (rtv_index_open(path, NULL, &index, &error) != RTV_OK) return fail(path, &error);
    rtv_index_info_get(index, &info, NULL);
    file_bytes = stat(path, &file) == 0 ? (int64_t)file.st_size : 0;
    if (args->values[OPT_JSON])
        print_json(&info, file_bytes);
    else
        print_text(&info, file_bytes);
    rtv_index_free(index);
    return STATUS_OK;
}

const command command_info = {
    .name = "info",
    .usage = "INDEX [options]",
    .summary = "Say what an index holds: items, classes, the model that made it.",
    .options = options,
    .num_options = sizeof options / sizeof *options,
    .least = 1,
    .most = 1,
    .details = "",
    .example = "  retrieve info photos.idx\n",
    .run = run,
};
