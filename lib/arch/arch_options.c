/* arch_options.c - import options checked, and the preprocessing they describe. */
#include "arch/arch_options.h"

#include <math.h>
#include <string.h>

#define MAX_INPUT_PX 4096 /* the largest map of such a picture still has fewer than 2^31 elements */
#define MAX_RESIZE_PX 65535
#define MAX_NAME_CHARS 63 /* fits rtv_model_info */

static int32_t check_ranges(const rtv_import_options *o, rtv_error *error) {
    const struct {
        const char *name;
        int32_t value, min, max;
    } ranges[] = {
        {"input_width", o->input_width, 1, MAX_INPUT_PX},
        {"input_height", o->input_height, 1, MAX_INPUT_PX},
        {"layer3_stride", o->layer3_stride, 0, 2},
        {"resize", o->resize, RTV_RESIZE_SQUASH, RTV_RESIZE_LETTERBOX},
        {"resize_shorter", o->resize_shorter, 0, MAX_RESIZE_PX},
        {"letterbox_value", o->letterbox_value, 0, 255},
        {"apply_exif", o->apply_exif, 0, 1},
        {"fast_decode", o->fast_decode, 0, 1},
        {"store", o->store, RTV_STORE_FLOAT32, RTV_STORE_FLOAT16},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].value < ranges[i].min || ranges[i].value > ranges[i].max)
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: %s: got %d, expected %d..%d", ranges[i].name, ranges[i].value,
                                  ranges[i].min, ranges[i].max);
    }
    return RTV_OK;
}

static int32_t check_normalization(const rtv_import_options *o, rtv_error *error) {
    for (int i = 0; i < 3; i++) {
        if (!(o->mean[i] >= 0 && o->mean[i] <= 1))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: mean[%d]: got %g, expected 0..1", i, (double)o->mean[i]);
        if (!(isnormal(o->std[i]) && o->std[i] > 0))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: std[%d]: got %g, expected more than 0", i, (double)o->std[i]);
    }
    return RTV_OK;
}

static int32_t check_names(const rtv_import_options *o, rtv_error *error) {
    if (o->name && (o->name[0] == 0 || strlen(o->name) > MAX_NAME_CHARS))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: name: got %zu bytes, expected 1..%d", strlen(o->name),
                              MAX_NAME_CHARS);
    if (o->num_class_names < 0 || (o->num_class_names > 0 && !o->class_names))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: num_class_names: got %lld%s, expected as many as class_names has",
                              (long long)o->num_class_names, o->class_names ? "" : " without class_names");
    for (int64_t i = 0; o->class_names && i < o->num_class_names; i++) {
        if (!o->class_names[i])
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "import: class_names[%lld]: got NULL, expected a name", (long long)i);
    }
    return RTV_OK;
}

int32_t rtvi_arch_options_check(const rtv_import_options *options, rtv_error *error) {
    int32_t status = check_ranges(options, error);
    if (status == RTV_OK) status = check_normalization(options, error);
    return status == RTV_OK ? check_names(options, error) : status;
}

/* torchvision's usual 256 for a crop of 224, in proportion, halves up. */
static int32_t default_shorter(const rtv_import_options *o) {
    int32_t shorter = o->input_width < o->input_height ? o->input_width : o->input_height;
    return (shorter * 256 + 112) / 224;
}

rtvi_preprocess rtvi_arch_options_preprocess(const rtv_import_options *o) {
    rtvi_preprocess p;
    memset(&p, 0, sizeof p);
    p.width = o->input_width;
    p.height = o->input_height;
    p.resize = o->resize;
    if (o->resize == RTV_RESIZE_CENTER_CROP) p.resize_shorter = o->resize_shorter ? o->resize_shorter : default_shorter(o);
    if (o->resize == RTV_RESIZE_LETTERBOX) p.letterbox_value = o->letterbox_value;
    p.apply_exif = o->apply_exif;
    p.fast_decode = o->fast_decode;
    memcpy(p.mean, o->mean, sizeof p.mean);
    memcpy(p.std, o->std, sizeof p.std);
    return p;
}
