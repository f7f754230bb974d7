/* flat_reduce.c - a new index with fewer dimensions from another one. */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "index/flat_pca.h"
#include "index/flat_search.h"

static int32_t bad(rtv_error *error, const char *what, long long got, const char *expected) {
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: %s: got %lld, expected %s", what, got, expected);
}

static int32_t check_options(const rtvi_flat *flat, const rtv_reduce_options *o, rtv_error *error) {
    if (o->method != RTV_REDUCE_PCA && o->method != RTV_REDUCE_TRUNCATE)
        return bad(error, "method", o->method, "RTV_REDUCE_PCA or _TRUNCATE");
    if (o->kept_dim < 1 || o->kept_dim > flat->dim)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: kept_dim: got %d, expected 1 to %d", (int)o->kept_dim, (int)flat->dim);
    if (o->whiten < 0 || o->whiten > (o->method == RTV_REDUCE_PCA)) return bad(error, "whiten", o->whiten, "0, or for PCA 1");
    if (o->normalize < 0 || o->normalize > 1) return bad(error, "normalize", o->normalize, "0 or 1");
    if (o->fit_items < 1) return bad(error, "fit_items", o->fit_items, "at least 1");
    if (o->method == RTV_REDUCE_PCA && flat->dim > RTVI_PCA_MOST_DIM)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "index: PCA: got %d dimensions, expected at most %d", (int)flat->dim,
                              RTVI_PCA_MOST_DIM);
    return RTV_OK;
}

static int32_t check_like(const rtvi_flat *flat, const rtvi_flat *like, rtv_error *error) {
    if (!like->reduction) return rtvi_error_set(error, RTV_E_MISMATCH, "index: like: got an index that is not reduced");
    if (like->reduction->dim == flat->dim) return RTV_OK;
    return rtvi_error_set(error, RTV_E_MISMATCH, "index: like: got a reduction of %d dimensions, expected %d", (int)like->reduction->dim,
                          (int)flat->dim);
}

/* The reduction, a copy of like's or a new one. */
static int32_t find_reduction(rtvi_flat *view, rtvi_team *team, const rtv_reduce_options *o, const rtvi_flat *like,
                              const rtvi_report *report, rtvi_reduction **out, rtv_error *error) {
    rtvi_reduction *r;
    int32_t status;
    if (like) return rtvi_reduction_copy(view->env, like->reduction, out, error);
    status = rtvi_reduction_create(view->env, o->method, view->dim, o->kept_dim, &r, error);
    if (status != RTV_OK) return status;
    r->whiten = o->whiten;
    r->normalize = o->normalize;
    r->normalize_given = view->header.normalize;
    if (o->method == RTV_REDUCE_PCA) status = rtvi_pca_fit(view, team, o->fit_items, report, r, error);
    if (status == RTV_OK)
        *out = r;
    else
        rtvi_reduction_destroy(r);
    return status;
}

/* An empty index over the reduction, which it takes over, also on failure; names and model are the view's. */
static int32_t make_empty(rtvi_flat *view, int32_t storage, rtvi_reduction *reduction, rtvi_flat **out, rtv_error *error) {
    rtvi_flat *flat;
    int32_t status = rtvi_flat_create_with(view->env, reduction->kept_dim, storage, 0, &flat, error);
    if (status != RTV_OK) {
        rtvi_reduction_destroy(reduction);
        return status;
    }
    flat->reduction = reduction;
    flat->header.given_dim = reduction->dim;
    flat->meta = view->meta;
    flat->meta.min_score = -INFINITY; /* scores are others now */
    rtvi_meta_init(&view->meta);      /* the view's texts are the new index's now */
    *out = flat;
    return RTV_OK;
}

static int32_t fill(rtvi_flat *flat, rtvi_flat *view, rtvi_team *team, const char *path, const rtvi_report *report, rtv_error *error) {
    int32_t status = path ? rtvi_flat_attach(flat, &rtvi_io_system, path, error) : RTV_OK;
    if (status != RTV_OK) return status;
    rtvi_flat_use_team(flat, team);
    status = rtvi_flat_fill(flat, view, report, error);
    if (path && status == RTV_OK) status = rtvi_flat_commit(flat, error);
    if (path && status != RTV_OK) unlink(path); /* it was ours alone */
    return status;
}

static int32_t reduce_view(rtvi_flat *view, rtvi_team *team, const rtv_reduce_options *o, const rtvi_flat *like, const char *path,
                           rtvi_flat **out, rtv_error *error) {
    const int64_t live = (int64_t)view->current->rows.num_live, fitted = o->fit_items < live ? o->fit_items : live;
    const int64_t before = like || o->method != RTV_REDUCE_PCA ? 0 : fitted;
    const rtvi_report fit = {o->progress, o->progress_user, 0, before + live},
                      rest = {o->progress, o->progress_user, before, before + live};
    rtvi_reduction *reduction;
    rtvi_flat *flat;
    int32_t status;
    if (live == 0 && !like && o->method == RTV_REDUCE_PCA)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: PCA: got no items, expected some to fit it on");
    status = find_reduction(view, team, o, like, &fit, &reduction, error);
    if (status == RTV_OK) status = make_empty(view, o->storage ? o->storage : view->header.storage, reduction, &flat, error);
    if (status != RTV_OK) return status;
    status = fill(flat, view, team, path, &rest, error);
    if (status == RTV_OK)
        *out = flat;
    else
        rtvi_flat_destroy(flat);
    return status;
}

int32_t rtvi_flat_reduce(rtvi_flat *flat, rtvi_team *team, const rtv_reduce_options *o, const rtvi_flat *like, const char *path,
                         rtvi_flat **reduced, rtv_error *error) {
    rtvi_flat *view;
    int32_t status = like ? check_like(flat, like, error) : check_options(flat, o, error);
    if (status == RTV_OK && flat->reduction)
        status = rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: got an index that is reduced already, from %d dimensions",
                                (int)flat->reduction->dim);
    if (status == RTV_OK && (o->storage < 0 || o->storage > RTV_STORAGE_INT8))
        status = bad(error, "storage", o->storage, "0 or an RTV_STORAGE_*");
    if (status == RTV_OK && path && access(path, F_OK) == 0) /* before the work */
        status = rtvi_error_set(error, RTV_E_EXISTS, "index: \"%s\": is there already, expected the path of a new file", path);
    if (status == RTV_OK) status = rtvi_flat_view(flat, &view, error);
    if (status != RTV_OK) return status;
    status = reduce_view(view, team, o, like, path, reduced, error);
    rtvi_flat_destroy(view);
    return status == RTV_OK ? rtvi_error_clear(error) : status;
}

void rtvi_flat_reduction_info(const rtvi_flat *flat, rtv_reduction_info *info) {
    const rtvi_reduction *r = flat->reduction;
    *info = (rtv_reduction_info){.struct_size = (uint32_t)sizeof *info, .dim = flat->dim, .kept_dim = flat->dim};
    if (!r) return;
    *info =
        (rtv_reduction_info){(uint32_t)sizeof *info, r->method, r->dim, r->kept_dim, r->whiten, r->normalize, r->variance, r->fit_items};
}

int rtvi_flat_would_reduce(const rtvi_flat *flat, const rtvi_flat *other) { return flat->reduction && !other->reduction; }

int32_t rtvi_flat_check_reduction(const rtvi_flat *flat, const rtvi_flat *other, const char *what, rtv_error *error) {
    if (!other->reduction || (flat->reduction && rtvi_reduction_is_equal(flat->reduction, other->reduction))) return RTV_OK;
    return rtvi_error_set(error, RTV_E_MISMATCH, "%s: got an index that is reduced to %d dimensions, expected %s", what, (int)other->dim,
                          flat->reduction ? "the same reduction, or none" : "one that is not");
}

int32_t rtvi_flat_project(rtvi_flat *flat, rtvi_team *team, const float *vectors, int64_t count, float *kept, rtv_error *error) {
    int32_t status = rtvi_search_check(flat, vectors, count, 1, error);
    if (status != RTV_OK) return status;
    if (flat->reduction) return rtvi_reduction_apply(flat->reduction, team, vectors, (size_t)count, "vector", kept, error);
    if (count > 0) memcpy(kept, vectors, (size_t)count * (size_t)flat->dim * sizeof *kept);
    return rtvi_error_clear(error);
}

int32_t rtvi_report_tell(const rtvi_report *report, int64_t done, rtv_error *error) {
    if (!report->progress || report->progress(report->user, report->before + done, report->total) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CANCELLED, "index: stopped by the progress callback");
}
