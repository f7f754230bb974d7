/* flat_ingest.c - vectors of the caller into the form in which they are kept, over the threads of the team. */
#include <math.h>
#include <string.h>

#include "index/flat_codes.h"
#include "base/base_arithmetic.h"
#include "index/flat_state.h"
#include "kernels/kernels_dot.h"
#include "tensor/tensor.h"

#define ROWS_PER_ITEM 64
#define SERIAL_FLOATS ((size_t)1 << 17) /* less is done before another thread is awake */
#define F16_LIMIT 65520.0F              /* from here on halves are infinite */

typedef struct ingest {
    rtvi_flat *flat;
    rtvi_segment *segment;
    const float *vectors; /* [count][dim] */
    size_t row, count;
    float *scratch; /* [lanes][dim], where vectors are not kept as they come */
    int is_bad;     /* something is not storable */
} ingest;

static double length_of(const float *x, size_t dim) {
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static void scale_to_unit(const float *x, size_t dim, float *to) {
    const double length = length_of(x, dim);
    for (size_t i = 0; i < dim; i++) to[i] = (float)((double)x[i] / length);
}

/* One vector, its codes made from what is kept of it. */
static void ingest_vector(const ingest *in, size_t i, float *scratch) {
    rtvi_segment *s = in->segment;
    const rtvi_flat *flat = in->flat;
    const size_t dim = s->dim, row = in->row + i;
    uint8_t *record = (uint8_t *)s->columns[RTVI_COLUMN_CODES] + row * rtvi_codes_size(dim);
    const float *x = in->vectors + i * dim;
    if (flat->header.normalize) {
        scale_to_unit(x, dim, scratch);
        x = scratch;
    }
    if (s->storage == RTV_STORAGE_FLOAT32) {
        memcpy((float *)s->columns[RTVI_COLUMN_VECTORS] + row * dim, x, dim * sizeof *x);
    } else if (s->storage == RTV_STORAGE_FLOAT16) {
        uint16_t *halves = (uint16_t *)s->columns[RTVI_COLUMN_VECTORS] + row * dim;
        for (size_t j = 0; j < dim; j++) {
            halves[j] = rtvi_f32_to_f16(x[j]);
            scratch[j] = rtvi_f16_to_f32(halves[j]);
        }
        x = scratch;
    }
    if (s->storage == RTV_STORAGE_INT8)
        rtvi_codes_encode_alone(flat->env->isa, x, 1, dim, record);
    else
        rtvi_codes_encode(flat->env->isa, x, 1, dim, record);
}

static void ingest_item(void *arg, int64_t item, int32_t lane) {
    const ingest *in = arg;
    const size_t first = (size_t)item * ROWS_PER_ITEM, end = first + ROWS_PER_ITEM < in->count ? first + ROWS_PER_ITEM : in->count;
    rtvi_arithmetic before;
    rtvi_arithmetic_set(&before); /* the caller may round otherwise */
    for (size_t i = first; i < end; i++) ingest_vector(in, i, in->scratch ? in->scratch + (size_t)lane * in->segment->dim : NULL);
    rtvi_arithmetic_restore(&before);
}

static int is_storable(const rtvi_flat *flat, const float *x, size_t dim) {
    if (rtvi_dot_first_nonfinite(x, dim) < dim) return 0;
    if (flat->header.normalize) {
        const double length = length_of(x, dim);
        return length > 0 && isfinite(length);
    }
    if (flat->header.storage == RTV_STORAGE_FLOAT16)
        for (size_t i = 0; i < dim; i++)
            if (fabsf(x[i]) >= F16_LIMIT) return 0;
    return 1;
}

static void check_item(void *arg, int64_t item, int32_t lane) {
    ingest *in = arg;
    const size_t dim = (size_t)in->flat->dim, first = (size_t)item * ROWS_PER_ITEM;
    (void)lane;
    for (size_t i = first; i < first + ROWS_PER_ITEM && i < in->count; i++)
        if (!is_storable(in->flat, in->vectors + i * dim, dim)) __atomic_store_n(&in->is_bad, 1, __ATOMIC_RELAXED);
}

static int32_t run(ingest *in, rtvi_item_fn task, rtv_error *error) {
    const size_t items = in->count / ROWS_PER_ITEM + (in->count % ROWS_PER_ITEM != 0);
    if (in->flat->team && in->count * (size_t)in->flat->dim >= SERIAL_FLOATS)
        return rtvi_team_run_many(in->flat->team, task, in, (int64_t)items, NULL, NULL, error);
    for (size_t item = 0; item < items; item++) task(in, (int64_t)item, 0);
    return RTV_OK;
}

static int32_t tell_first(const rtvi_flat *flat, const float *vectors, size_t count, rtv_error *error) {
    const size_t dim = (size_t)flat->dim;
    size_t i = 0;
    int32_t status;
    while (i < count && is_storable(flat, vectors + i * dim, dim)) i++;
    status = rtvi_flat_check_vectors(vectors, i + 1, dim, "item", error);
    if (status != RTV_OK) return status;
    if (flat->header.normalize)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: item %zu: got a vector of length 0, expected one with a direction", i);
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "index: item %zu: got a value that float16 does not hold, expected less than %g",
                          i, (double)F16_LIMIT);
}

int32_t rtvi_flat_check_storable(rtvi_flat *flat, const float *vectors, size_t count, rtv_error *error) {
    ingest in = {.flat = flat, .vectors = vectors, .count = count};
    const int32_t status = run(&in, check_item, error);
    if (status != RTV_OK || !in.is_bad) return status;
    return tell_first(flat, vectors, count, error);
}

int32_t rtvi_flat_ingest(rtvi_flat *flat, rtvi_segment *segment, size_t row, const float *vectors, size_t count, rtv_error *error) {
    ingest in = {flat, segment, vectors, row, count, NULL, 0};
    const size_t lanes = flat->team ? (size_t)rtvi_team_threads(flat->team) : 1;
    int32_t status;
    if (flat->header.normalize || segment->storage == RTV_STORAGE_FLOAT16) {
        in.scratch = rtvi_alloc(flat->env, lanes * segment->dim, sizeof *in.scratch);
        if (!in.scratch) return rtvi_error_out_of_memory(error, "index", lanes * segment->dim * sizeof *in.scratch);
    }
    status = run(&in, ingest_item, error);
    rtvi_free(flat->env, in.scratch);
    return status;
}
