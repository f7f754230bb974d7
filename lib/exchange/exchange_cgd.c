/* exchange_cgd.c - the feature database of the public CGD code (train.py of leftthomas/CGD): a dict of gallery_features, gallery_images and
 * gallery_labels, and the same of the test set. */
#include "exchange/exchange.h"

static const rtvi_weights_list *list_of(const rtvi_exchange *exchange, const char *name, int64_t count) {
    const rtvi_weights_list *list = rtvi_weights_find_list(exchange->weights, name);
    return list && (int64_t)list->count == count ? list : NULL;
}

int32_t rtvi_exchange_read_cgd(rtvi_exchange *exchange, rtv_error *error) {
    const rtvi_weight *features = NULL;
    int is_gallery;
    int32_t status = rtvi_weights_read_lists(&exchange->source, &exchange->weights, error);
    if (status != RTV_OK) return status;
    features = rtvi_weights_find(exchange->weights, "gallery_features");
    is_gallery = features != NULL;
    if (!features) features = rtvi_weights_find(exchange->weights, "test_features");
    if (!features)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "vectors: checkpoint: has no tensor \"gallery_features\" or \"test_features\"");
    if (features->tensor.rank != 2 || features->tensor.dims[1] < 1 || features->tensor.dims[1] > 65536)
        return rtvi_error_set(error, RTV_E_FORMAT, "vectors: \"%s\": got another shape, expected [count,dim]", features->name);
    if (features->tensor.dtype == RTVI_BOOL)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "vectors: \"%s\": got dtype BOOL, expected numbers", features->name);
    exchange->matrix = features->tensor;
    exchange->keys = list_of(exchange, is_gallery ? "gallery_images" : "test_images", features->tensor.dims[0]);
    exchange->classes = list_of(exchange, is_gallery ? "gallery_labels" : "test_labels", features->tensor.dims[0]);
    if (exchange->keys && !exchange->keys->texts) exchange->keys = NULL;
    if (exchange->classes && !exchange->classes->numbers) exchange->classes = NULL;
    return RTV_OK;
}
