/* flat_range.c - every item above a score, query by query. */
#include "index/flat_search.h"
#include "index/flat_state.h"

int32_t rtvi_flat_search_range(rtvi_flat *flat, rtvi_team *team, const float *queries, int64_t count, const rtv_search_options *options,
                               rtv_hits_fn found, void *user, rtv_error *error) {
    rtv_search_options o = *options;
    rtv_index_info info;
    rtv_hit *hits;
    int64_t k;
    int32_t status = rtvi_search_check(flat, queries, count, 1, error);
    if (status != RTV_OK) return status;
    rtvi_flat_info(flat, &info);
    k = info.count > 0 ? info.count : 1;
    hits = rtvi_alloc(flat->env, (size_t)k, sizeof *hits);
    if (!hits) return rtvi_error_out_of_memory(error, "index", (size_t)k * sizeof *hits);
    o.progress = NULL;
    for (int64_t i = 0; i < count && status == RTV_OK; i++) {
        int64_t num = 0;
        if (options->exclude_ids) o.exclude_ids = options->exclude_ids + i;
        status = rtvi_flat_search(flat, team, queries + i * (int64_t)rtvi_flat_given_dim(flat), 1, k, &o, NULL, hits, &num, error);
        if (status == RTV_OK && found(user, i, hits, num) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the callback");
        if (status == RTV_OK && options->progress && options->progress(options->progress_user, i + 1, count) != 0)
            status = rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
    }
    rtvi_free(flat->env, hits);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}
