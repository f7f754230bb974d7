/* calibrated.c - whether a quantized model has seen the pictures of an index before. */
#include "calibrated.h"

#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "progress.h"

static int is_quantized(const session *s) {
    uint64_t size = 0;
    rtv_model_provenance(s->model, NULL, 0, &size, NULL);
    return size > 1;
}

static void look_at(const session *s, rtv_index *index, int64_t id, int64_t *count, int64_t *unread) {
    char *key = found_key(index, id);
    rtv_picture picture;
    uint64_t hash;
    rtv_picture_from_path(&picture, key);
    if (rtv_model_picture_hash(s->model, &picture, &hash, NULL) == RTV_OK)
        *count += rtv_model_is_calibrated_with(s->model, hash);
    else
        ++*unread;
    free(key);
}

int calibrated_count(const session *s, rtv_index *index, int64_t *count, int64_t *unread) {
    rtv_index_info info = {.struct_size = sizeof info};
    int64_t *ids, total = 0;
    progress bar;
    rtv_error error;
    int code = STATUS_OK;
    *count = *unread = 0;
    if (!is_quantized(s)) return STATUS_OK;
    if (rtv_index_info_get(index, &info, &error) != RTV_OK) return fail(NULL, &error);
    ids = allocate((size_t)info.count, sizeof *ids);
    if (rtv_index_ids(index, ids, info.count, &total, &error) != RTV_OK) code = fail(NULL, &error);
    progress_begin(&bar, "looking for calibration pictures", total);
    for (int64_t i = 0; code == STATUS_OK && i < total; i++) {
        look_at(s, index, ids[i], count, unread);
        if (progress_callback(&bar, i + 1, total) != 0) code = STATUS_INTERRUPTED;
    }
    progress_clear();
    free(ids);
    return code;
}
