/* flat_filter.c - which rows take part in a search. */
#include "index/flat_filter.h"

#include <math.h>
#include <string.h>

#include "index/flat_state.h"

static int32_t check(const rtv_search_options *o, rtv_error *error) {
    if (o->class_id < -1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: class_id: got %d, expected a class, or -1 for all", (int)o->class_id);
    if (o->predicted_class < -1)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: predicted_class: got %d, expected a class, or -1 for all",
                              (int)o->predicted_class);
    if (isnan(o->min_score)) return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: min_score: got NaN, expected a number");
    if (o->only_ids && o->num_only_ids < 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: num_only_ids: got %lld, expected at least 0",
                              (long long)o->num_only_ids);
    if (o->only_bits && o->num_only_bits < 0)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: num_only_bits: got %lld, expected at least 0",
                              (long long)o->num_only_bits);
    return RTV_OK;
}

static void set_rows(rtvi_flat *flat, const rtvi_rows *rows, const rtv_search_options *o, uint64_t *set, size_t words) {
    memset(set, o->only_ids ? 0 : 0xff, words * sizeof *set);
    for (int64_t i = 0; o->only_ids && i < o->num_only_ids; i++) {
        size_t row;
        if (rtvi_flat_rows_find(flat, rows, o->only_ids[i], &row)) set[row / 64] |= UINT64_C(1) << (row % 64);
    }
}

int32_t rtvi_filter_init(rtvi_flat *flat, const rtvi_rows *rows, const rtv_search_options *o, const size_t *without, size_t num_without,
                         rtvi_filter *filter, rtv_error *error) {
    const size_t words = rows->num_rows / 64 + 1;
    int32_t status = check(o, error);
    if (status != RTV_OK) return status;
    *filter = (rtvi_filter){o->class_id, o->predicted_class, o->only_bits, o->num_only_bits, NULL};
    if (!o->only_ids && num_without == 0) return RTV_OK;
    filter->set = rtvi_alloc(flat->env, words, sizeof *filter->set);
    if (!filter->set) return rtvi_error_out_of_memory(error, "index", words * sizeof *filter->set);
    set_rows(flat, rows, o, filter->set, words);
    for (size_t i = 0; i < num_without; i++) filter->set[without[i] / 64] &= ~(UINT64_C(1) << (without[i] % 64));
    return RTV_OK;
}

void rtvi_filter_destroy(const rtvi_flat *flat, rtvi_filter *filter) {
    rtvi_free(flat->env, filter->set);
    filter->set = NULL;
}
