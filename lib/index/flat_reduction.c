/* flat_reduction.c - a reduction: applied to vectors, to and from the bytes of a file. Of x it keeps A (x - mean), one after the other: x
 * scaled to unit length where the index did so, each difference rounded to float32, each product with a row of A canonical (kernels_dot.h),
 * the result scaled to unit length. A truncation keeps the first coordinates. So the bits depend on nothing but the file. */
#include "index/flat_reduction.h"

#include <fenv.h>
#include <math.h>
#include <string.h>

#include "base/base_bytes.h"
#include "kernels/kernels.h"
#include "kernels/kernels_dot.h"

#define VECTORS_PER_ITEM ((size_t)8 * RTVI_DOT_PANEL)
#define SERIAL_WORK 1e7    /* multiply-adds; less is done before another thread is awake */
#define SHORTEST 0x1p-149F /* of float32: every other length divides */
enum { GIVEN_UNIT = 1, KEPT_UNIT = 2, WHITENED = 4 };

/* --- life -------------------------------------------------------------------------------------------------------------------------------
 */

size_t rtvi_reduction_array_bytes(const rtvi_reduction *r) {
    return r->method == RTV_REDUCE_PCA ? ((size_t)r->kept_dim + 1) * (size_t)r->dim * sizeof(float) : 0;
}

int32_t rtvi_reduction_create(const rtvi_env *env, int32_t method, int32_t dim, int32_t kept_dim, rtvi_reduction **out, rtv_error *error) {
    rtvi_reduction *r = rtvi_alloc_zero(env, 1, sizeof *r);
    size_t bytes;
    if (!r) return rtvi_error_out_of_memory(error, "index", sizeof *r);
    r->env = env;
    r->method = method;
    r->dim = dim;
    r->kept_dim = kept_dim;
    bytes = rtvi_reduction_array_bytes(r);
    if (bytes > 0) r->mean = rtvi_alloc_zero(env, bytes, 1);
    if (bytes > 0 && !r->mean) {
        rtvi_reduction_destroy(r);
        return rtvi_error_out_of_memory(error, "index", bytes);
    }
    if (bytes > 0) r->matrix = r->mean + dim;
    *out = r;
    return RTV_OK;
}

int32_t rtvi_reduction_copy(const rtvi_env *env, const rtvi_reduction *from, rtvi_reduction **out, rtv_error *error) {
    rtvi_reduction *r = NULL;
    const int32_t status = rtvi_reduction_create(env, from->method, from->dim, from->kept_dim, &r, error);
    if (status != RTV_OK) return status;
    r->whiten = from->whiten;
    r->normalize = from->normalize;
    r->normalize_given = from->normalize_given;
    r->variance = from->variance;
    r->fit_items = from->fit_items;
    if (r->mean) memcpy(r->mean, from->mean, rtvi_reduction_array_bytes(r));
    *out = r;
    return RTV_OK;
}

void rtvi_reduction_destroy(rtvi_reduction *r) {
    if (!r) return;
    rtvi_free(r->env, r->mean);
    rtvi_free(r->env, r);
}

int rtvi_reduction_is_equal(const rtvi_reduction *a, const rtvi_reduction *b) {
    if (a->method != b->method || a->dim != b->dim || a->kept_dim != b->kept_dim || a->normalize != b->normalize ||
        a->normalize_given != b->normalize_given)
        return 0;
    return !a->mean || memcmp(a->mean, b->mean, rtvi_reduction_array_bytes(a)) == 0;
}

/* --- applying ---------------------------------------------------------------------------------------------------------------------------
 */

typedef struct applying {
    const rtvi_reduction *r;
    const float *vectors; /* [count][dim] */
    size_t count, panel_size;
    rtvi_dot_panel_fn dot;
    const float **rows; /* [kept_dim] of the matrix */
    double *panels;     /* [lanes][panel_size] */
    float *centred;     /* [lanes][RTVI_DOT_PANEL][dim] */
    float *kept;        /* [count][kept_dim] */
} applying;

/* Up to RTVI_DOT_PANEL vectors. */
static void project(const applying *a, size_t first, size_t count, size_t lane) {
    const size_t dim = (size_t)a->r->dim, kept_dim = (size_t)a->r->kept_dim;
    float *centred = a->centred + lane * RTVI_DOT_PANEL * dim;
    double *panel = a->panels + lane * a->panel_size;
    for (size_t i = 0; i < count; i++) {
        const float *x = a->vectors + (first + i) * dim;
        float *c = centred + i * dim;
        if (a->r->normalize_given)
            rtvi_l2_normalize(x, (int64_t)dim, SHORTEST, c);
        else
            memcpy(c, x, dim * sizeof *c);
        for (size_t j = 0; a->r->mean && j < dim; j++) c[j] -= a->r->mean[j];
        if (!a->r->matrix) memcpy(a->kept + (first + i) * kept_dim, c, kept_dim * sizeof *c);
    }
    if (!a->r->matrix) return;
    rtvi_dot_pack(centred, count, dim, panel);
    a->dot(panel, count, dim, a->rows, kept_dim, a->kept + first * kept_dim, kept_dim);
}

static void apply_item(void *arg, int64_t item, int32_t lane) {
    const applying *a = arg;
    const size_t begin = (size_t)item * VECTORS_PER_ITEM, kept_dim = (size_t)a->r->kept_dim;
    const size_t end = begin + VECTORS_PER_ITEM < a->count ? begin + VECTORS_PER_ITEM : a->count;
    fenv_t before;
    fegetenv(&before);
    fesetenv(FE_DFL_ENV); /* the caller may round otherwise */
    for (size_t i = begin; i < end; i += RTVI_DOT_PANEL) project(a, i, end - i < RTVI_DOT_PANEL ? end - i : RTVI_DOT_PANEL, (size_t)lane);
    for (size_t i = begin; a->r->normalize && i < end; i++)
        rtvi_l2_normalize(a->kept + i * kept_dim, (int64_t)kept_dim, SHORTEST, a->kept + i * kept_dim);
    fesetenv(&before);
}

static int32_t run(applying *a, rtvi_team *team, rtv_error *error) {
    const size_t items = a->count / VECTORS_PER_ITEM + (a->count % VECTORS_PER_ITEM != 0);
    if (team) return rtvi_team_run_many(team, apply_item, a, (int64_t)items, NULL, NULL, error);
    for (size_t item = 0; item < items; item++) apply_item(a, (int64_t)item, 0);
    return RTV_OK;
}

static int32_t check_result(const applying *a, const char *what, rtv_error *error) {
    const size_t kept_dim = (size_t)a->r->kept_dim, total = a->count * kept_dim, at = rtvi_dot_first_nonfinite(a->kept, total);
    if (at == total) return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                          "index: %s %zu: got values too large for the reduction, expected a result in float32", what, at / kept_dim);
}

int32_t rtvi_reduction_apply(const rtvi_reduction *r, rtvi_team *team, const float *vectors, size_t count, const char *what, float *kept,
                             rtv_error *error) {
    const size_t dim = (size_t)r->dim, kept_dim = (size_t)r->kept_dim;
    applying a = {.r = r, .vectors = vectors, .count = count, .kept = kept, .dot = rtvi_dot_select(r->env->isa)};
    size_t lanes;
    int32_t status;
    if ((double)count * (double)dim * (double)kept_dim < SERIAL_WORK) team = NULL;
    lanes = team ? (size_t)rtvi_team_threads(team) : 1;
    a.panel_size = (rtvi_dot_panel_size(RTVI_DOT_PANEL, dim) + 7) / 8 * 8; /* panels are aligned to 64 bytes */
    a.rows = rtvi_alloc(r->env, kept_dim, sizeof *a.rows);
    a.panels = rtvi_alloc(r->env, lanes * a.panel_size, sizeof *a.panels);
    a.centred = rtvi_alloc(r->env, lanes * RTVI_DOT_PANEL, dim * sizeof *a.centred);
    status = a.rows && a.panels && a.centred ? RTV_OK : rtvi_error_out_of_memory(error, "index", lanes * a.panel_size * sizeof *a.panels);
    for (size_t i = 0; i < kept_dim && status == RTV_OK && r->matrix; i++) a.rows[i] = r->matrix + i * dim;
    if (status == RTV_OK) status = run(&a, team, error);
    if (status == RTV_OK) status = check_result(&a, what, error);
    rtvi_free(r->env, a.rows);
    rtvi_free(r->env, a.panels);
    rtvi_free(r->env, a.centred);
    return status;
}

/* --- bytes -------------------------------------------------------------------------------------------------------------------------------
 */

void rtvi_reduction_put_head(const rtvi_reduction *r, uint8_t head[RTVI_REDUCTION_HEAD]) {
    const int flags = (r->normalize_given ? GIVEN_UNIT : 0) | (r->normalize ? KEPT_UNIT : 0) | (r->whiten ? WHITENED : 0);
    uint64_t variance;
    memcpy(&variance, &r->variance, sizeof variance);
    memset(head, 0, RTVI_REDUCTION_HEAD);
    rtvi_store_le(head, (uint64_t)r->method, 4);
    rtvi_store_le(head + 4, (uint64_t)flags, 4);
    rtvi_store_le(head + 8, (uint64_t)r->fit_items, 8);
    rtvi_store_le(head + 16, variance, 8);
}

static int32_t bad(rtv_error *error, uint64_t offset, const char *what) {
    return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)offset, "index: reduction: got %s", what);
}

static int32_t check_head(const uint8_t *head, uint64_t offset, rtv_error *error) {
    const uint64_t method = rtvi_load_le(head, 4), flags = rtvi_load_le(head + 4, 4), bits = rtvi_load_le(head + 16, 8);
    double variance;
    memcpy(&variance, &bits, sizeof variance);
    if (method != RTV_REDUCE_PCA && method != RTV_REDUCE_TRUNCATE) return bad(error, offset, "a method that is none");
    if (flags > (GIVEN_UNIT | KEPT_UNIT | WHITENED)) return bad(error, offset + 4, "flags that are none");
    if (rtvi_load_le(head + 8, 8) > INT64_MAX) return bad(error, offset + 8, "a negative number of items");
    if (!(variance >= 0 && variance <= 1)) return bad(error, offset + 16, "a share outside 0 to 1");
    for (size_t i = 24; i < RTVI_REDUCTION_HEAD; i++)
        if (head[i] != 0) return bad(error, offset + i, "a byte that must be zero");
    return RTV_OK;
}

static void take_head(const uint8_t *head, rtvi_reduction *r) {
    const uint64_t flags = rtvi_load_le(head + 4, 4), bits = rtvi_load_le(head + 16, 8);
    r->normalize_given = (flags & GIVEN_UNIT) != 0;
    r->normalize = (flags & KEPT_UNIT) != 0;
    r->whiten = (flags & WHITENED) != 0;
    r->fit_items = (int64_t)rtvi_load_le(head + 8, 8);
    memcpy(&r->variance, &bits, sizeof bits);
}

static int32_t take_arrays(const uint8_t *bytes, uint64_t offset, rtvi_reduction *r, rtv_error *error) {
    const size_t size = rtvi_reduction_array_bytes(r), count = size / sizeof(float);
    if (size == 0) return RTV_OK;
    memcpy(r->mean, bytes, size);
    return rtvi_dot_first_nonfinite(r->mean, count) == count ? RTV_OK : bad(error, offset, "a value that is not finite");
}

int32_t rtvi_reduction_read(const rtvi_env *env, const uint8_t *bytes, uint64_t size, uint64_t file_offset, int32_t dim, int32_t kept_dim,
                            rtvi_reduction **out, rtv_error *error) {
    rtvi_reduction shape = {.dim = dim, .kept_dim = kept_dim}, *r;
    int32_t status;
    if (size < RTVI_REDUCTION_HEAD) return bad(error, file_offset, "too few bytes");
    status = check_head(bytes, file_offset, error);
    if (status != RTV_OK) return status;
    shape.method = (int32_t)rtvi_load_le(bytes, 4);
    if (size - RTVI_REDUCTION_HEAD != rtvi_reduction_array_bytes(&shape))
        return bad(error, file_offset, "a size that does not fit the vectors'");
    status = rtvi_reduction_create(env, shape.method, dim, kept_dim, &r, error); /* no more bytes than the file has */
    if (status != RTV_OK) return status;
    take_head(bytes, r);
    status = take_arrays(bytes + RTVI_REDUCTION_HEAD, file_offset + RTVI_REDUCTION_HEAD, r, error);
    if (status == RTV_OK)
        *out = r;
    else
        rtvi_reduction_destroy(r);
    return status;
}
