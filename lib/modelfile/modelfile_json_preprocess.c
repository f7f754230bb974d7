/* modelfile_json_preprocess.c - JSON to preprocessing and class names. */
#include <float.h>
#include <string.h>

#include <retrieve/model.h>

#include "modelfile/modelfile_field.h"
#include "modelfile/modelfile_json.h"

#define MAX_SIDE_PX 65535

static int32_t get_floats(const cJSON *root, const char *key, float low, float values[3], rtv_error *error) {
    const cJSON *array, *element;
    int at = 0;
    int32_t status = rtvi_field_array("preprocess", root, key, 3, 3, &array, error);
    if (status != RTV_OK) return status;
    cJSON_ArrayForEach(element, array) {
        status = rtvi_field_to_float("preprocess", key, element, low, &values[at++], error);
        if (status != RTV_OK) return status;
    }
    return RTV_OK;
}

static int32_t get_resize(const cJSON *root, rtvi_preprocess *how, rtv_error *error) {
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "resize"));
    rtvi_quoted quoted;
    if (!name) return rtvi_field_wrong("preprocess", "resize", "the name of a way of resizing", error);
    how->resize = rtvi_modelfile_resize_from_name(name);
    if (how->resize) return RTV_OK;
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: preprocess: \"resize\": got \"%s\", expected one of this release",
                          rtvi_error_quote_string(&quoted, name));
}

static int32_t read_preprocess(const cJSON *root, rtvi_preprocess *how, rtv_error *error) {
    static const char *const known[] = {"width", "height", "resize", "resize_shorter", "letterbox_value", "apply_exif", "fast_decode",
                                        "mean",  "std",    NULL};
    const char *where = "preprocess";
    int32_t status = rtvi_field_object(where, root, known, error);
    if (status == RTV_OK) status = rtvi_field_int(where, root, "width", 1, MAX_SIDE_PX, &how->width, error);
    if (status == RTV_OK) status = rtvi_field_int(where, root, "height", 1, MAX_SIDE_PX, &how->height, error);
    if (status == RTV_OK) status = get_resize(root, how, error);
    if (status == RTV_OK && how->resize == RTV_RESIZE_CENTER_CROP) {
        status = rtvi_field_int(where, root, "resize_shorter", 1, MAX_SIDE_PX, &how->resize_shorter, error);
    }
    if (status == RTV_OK && how->resize == RTV_RESIZE_LETTERBOX) {
        status = rtvi_field_int(where, root, "letterbox_value", 0, 255, &how->letterbox_value, error);
    }
    if (status == RTV_OK) status = rtvi_field_int(where, root, "apply_exif", 0, 1, &how->apply_exif, error);
    if (status == RTV_OK) status = rtvi_field_int(where, root, "fast_decode", 0, 1, &how->fast_decode, error);
    if (status == RTV_OK) status = get_floats(root, "mean", -FLT_MAX, how->mean, error);
    if (status == RTV_OK) status = get_floats(root, "std", FLT_MIN, how->std, error);
    return status;
}

int32_t rtvi_modelfile_preprocess_from_json(const char *json, rtvi_preprocess *how, rtv_error *error) {
    cJSON *root;
    int32_t status = rtvi_field_parse("preprocess", json, &root, error);
    memset(how, 0, sizeof *how);
    if (status == RTV_OK) status = read_preprocess(root, how, error);
    cJSON_Delete(root);
    return status;
}

int32_t rtvi_modelfile_class_names_from_json(const char *json, rtvi_graph *graph, rtv_error *error) {
    const char **names = NULL;
    const cJSON *element;
    cJSON *root;
    int64_t count = 0;
    int32_t status = rtvi_field_parse("class names", json, &root, error);
    if (status == RTV_OK && !cJSON_IsArray(root)) status = rtvi_field_wrong("class names", "class_names", "an array of names", error);
    if (status == RTV_OK) {
        names = rtvi_alloc(graph->env, (size_t)cJSON_GetArraySize(root), sizeof *names);
        if (!names) status = rtvi_error_out_of_memory(error, "model", (size_t)cJSON_GetArraySize(root) * sizeof *names);
    }
    cJSON_ArrayForEach(element, root) {
        if (status != RTV_OK) break;
        names[count] = cJSON_GetStringValue(element);
        if (!names[count] || !rtvi_text_is_name(names[count])) {
            status = rtvi_field_wrong("class names", "class_names", "names of 1..512 bytes of UTF-8 without control characters", error);
        }
        count++;
    }
    if (status == RTV_OK) status = rtvi_graph_set_class_names(graph, names, count, error);
    rtvi_free(graph->env, names);
    cJSON_Delete(root);
    return status;
}
