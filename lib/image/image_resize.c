/* image_resize.c - Pillow's Image.resize(BILINEAR) for 8-bit RGB, bit for bit.
 *
 * The filter is a triangle of support 1, stretched by the scale when shrinking (antialias). Weights are computed and normalised in double,
 * rounded to 22 fractional bits; each pass rounds its result to 8 bits (Pillow 13.0.0, src/libImaging/Resample.c: precompute_coeffs,
 * normalize_coeffs_8bpc, ImagingResampleInner). Pillow before 13 chose the order of the two passes by another rule, so that its pictures
 * taller than wide can differ by a gray level. */
#include "image/image_resize.h"

#include <math.h>
#include <string.h>

/* A wrapped sum is taken as negative, as Pillow's int is; it needs over 8 million source pixels for one of the result. */
static uint8_t clip8(uint32_t sum) {
    int32_t value = (int32_t)sum >> RTVI_RESIZE_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

void rtvi_resize_horizontal_c(const rtvi_resize_axis *axis, const rtvi_resize_rows *in, uint8_t *out, size_t out_stride) {
    for (size_t y = 0; y < (size_t)in->height; y++) {
        const uint8_t *row = in->pixels + y * in->stride;
        uint8_t *to = out + y * out_stride;
        for (size_t x = 0; x < (size_t)axis->count; x++, to += 3) {
            const uint8_t *from = row + 3 * (size_t)axis->first[x];
            const int32_t *coefs = axis->coefs + x * (size_t)axis->taps;
            uint32_t r = 1u << (RTVI_RESIZE_BITS - 1), g = r, b = r;
            for (int32_t i = 0; i < axis->used[x]; i++, from += 3) {
                r += from[0] * (uint32_t)coefs[i];
                g += from[1] * (uint32_t)coefs[i];
                b += from[2] * (uint32_t)coefs[i];
            }
            to[0] = clip8(r);
            to[1] = clip8(g);
            to[2] = clip8(b);
        }
    }
}

void rtvi_resize_vertical_c(const rtvi_resize_axis *axis, int32_t position, const uint8_t *rows, size_t stride, uint8_t *out,
                            size_t row_bytes) {
    const int32_t *coefs = axis->coefs + (size_t)position * (size_t)axis->taps;
    for (size_t x = 0; x < row_bytes; x++) {
        uint32_t sum = 1u << (RTVI_RESIZE_BITS - 1);
        for (int32_t i = 0; i < axis->used[position]; i++) sum += rows[(size_t)i * stride + x] * (uint32_t)coefs[i];
        out[x] = clip8(sum);
    }
}

static double triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* The weights of one output position; false coefs stay 0. */
static void fill_position(rtvi_resize_axis *axis, size_t at, int32_t in_size, double center, double support, double inverse) {
    int32_t first = (int32_t)(center - support + 0.5), end;
    int32_t *coefs = axis->coefs + at * (size_t)axis->taps;
    int16_t *split = axis->split + at * (size_t)axis->taps * 2;
    double sum = 0.0;
    if (first < 0) first = 0;
    end = center + support + 0.5 > in_size ? in_size : (int32_t)(center + support + 0.5);
    for (int32_t i = first; i < end; i++) sum += triangle((i - center + 0.5) * inverse);
    for (int32_t i = 0; i < end - first; i++) {
        double weight = triangle((i + first - center + 0.5) * inverse);
        if (sum != 0.0) weight /= sum;
        coefs[i] = (int32_t)(0.5 + weight * (1 << RTVI_RESIZE_BITS));
        split[i / 2 * 4 + i % 2] = (int16_t)(coefs[i] & ((1 << RTVI_RESIZE_LOW_BITS) - 1));
        split[i / 2 * 4 + i % 2 + 2] = (int16_t)(coefs[i] >> RTVI_RESIZE_LOW_BITS);
    }
    axis->first[at] = first;
    axis->used[at] = end - first;
}

static void axis_release(const rtvi_env *env, rtvi_resize_axis *axis) {
    rtvi_free(env, axis->first);
    rtvi_free(env, axis->used);
    rtvi_free(env, axis->coefs);
    rtvi_free(env, axis->split);
    memset(axis, 0, sizeof *axis);
}

/* The weights that take in_size pixels to out_size, for the positions from .. from + count. */
static int32_t axis_build(const rtvi_env *env, rtvi_resize_axis *axis, int32_t in_size, int32_t out_size, int32_t from, int32_t count,
                          rtv_error *error) {
    double scale = (double)in_size / out_size, stretch = scale < 1.0 ? 1.0 : scale;
    size_t weights;
    memset(axis, 0, sizeof *axis);
    if (ceil(stretch) * 2 + 1 > INT32_MAX / 8 / count)
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "image: resize of one side: got %d to %d pixels, expected fewer", in_size,
                              out_size);
    axis->count = count;
    axis->taps = ((int32_t)ceil(stretch) * 2 + 1 + 3) / 4 * 4;
    weights = (size_t)count * (size_t)axis->taps;
    axis->first = rtvi_alloc(env, (size_t)count, sizeof *axis->first);
    axis->used = rtvi_alloc(env, (size_t)count, sizeof *axis->used);
    axis->coefs = rtvi_alloc_zero(env, weights, sizeof *axis->coefs);
    axis->split = rtvi_alloc_zero(env, weights, 2 * sizeof *axis->split);
    if (!axis->first || !axis->used || !axis->coefs || !axis->split) {
        axis_release(env, axis);
        return rtvi_error_out_of_memory(error, "image", weights * 8);
    }
    for (int32_t i = 0; i < count; i++) fill_position(axis, (size_t)i, in_size, (from + i + 0.5) * scale, stretch, 1.0 / stretch);
    return RTV_OK;
}

static int32_t axis_end(const rtvi_resize_axis *axis) { return axis->first[axis->count - 1] + axis->used[axis->count - 1]; }

/* What is being made: rows points into the source, or into block once a pass has run. */
typedef struct resize_job {
    const rtvi_env *env;
    rtvi_resize_kernels kernels;
    rtvi_resize_axis x, y; /* count 0: that side keeps its size */
    rtvi_resize_rows rows;
    void *block;
    rtv_error *error;
} resize_job;

static rtvi_resize_kernels choose_kernels(const rtvi_env *env) {
    rtvi_resize_kernels kernels = {rtvi_resize_horizontal_c, rtvi_resize_vertical_c};
#if defined(__x86_64__)
    if (env->isa >= RTV_ISA_AVX2) {
        kernels.horizontal = rtvi_resize_horizontal_avx2;
        kernels.vertical = rtvi_resize_vertical_avx2;
    }
#else
    (void)env;
#endif
    return kernels;
}

static void crop_rows(rtvi_resize_rows *rows, int32_t left, int32_t top, int32_t width, int32_t height) {
    size_t skip = (size_t)top * rows->stride + 3 * (size_t)left;
    rows->pixels += skip;
    rows->readable -= skip;
    rows->width = width;
    rows->height = height;
}

/* A new block for the result of a pass, slack included. */
static uint8_t *next_block(resize_job *job, int32_t width, int32_t height, size_t *size) {
    uint8_t *block = NULL;
    if (rtvi_mul((size_t)width * 3, (size_t)height, size) && rtvi_add(*size, RTVI_IMAGE_SLACK, size))
        block = rtvi_alloc(job->env, *size, 1);
    if (block)
        memset(block + (*size - RTVI_IMAGE_SLACK), 0, RTVI_IMAGE_SLACK);
    else
        rtvi_error_out_of_memory(job->error, "image", *size);
    return block;
}

static void take_block(resize_job *job, uint8_t *block, int32_t width, int32_t height, size_t size) {
    rtvi_free(job->env, job->block);
    job->block = block;
    job->rows = (rtvi_resize_rows){block, 3 * (size_t)width, width, height, size};
}

static int32_t pass_horizontal(resize_job *job) {
    size_t size;
    uint8_t *block = next_block(job, job->x.count, job->rows.height, &size);
    if (!block) return RTV_E_OUT_OF_MEMORY;
    job->kernels.horizontal(&job->x, &job->rows, block, 3 * (size_t)job->x.count);
    take_block(job, block, job->x.count, job->rows.height, size);
    return RTV_OK;
}

static int32_t pass_vertical(resize_job *job) {
    size_t size, row_bytes = 3 * (size_t)job->rows.width;
    uint8_t *block = next_block(job, job->rows.width, job->y.count, &size);
    if (!block) return RTV_E_OUT_OF_MEMORY;
    for (int32_t y = 0; y < job->y.count; y++)
        job->kernels.vertical(&job->y, y, job->rows.pixels + (size_t)job->y.first[y] * job->rows.stride, job->rows.stride,
                              block + (size_t)y * row_bytes, row_bytes);
    take_block(job, block, job->rows.width, job->y.count, size);
    return RTV_OK;
}

static int32_t copy_rows(resize_job *job) {
    size_t size, row_bytes = 3 * (size_t)job->rows.width;
    uint8_t *block = next_block(job, job->rows.width, job->rows.height, &size);
    if (!block) return RTV_E_OUT_OF_MEMORY;
    for (size_t y = 0; y < (size_t)job->rows.height; y++) memcpy(block + y * row_bytes, job->rows.pixels + y * job->rows.stride, row_bytes);
    take_block(job, block, job->rows.width, job->rows.height, size);
    return RTV_OK;
}

/* Pillow 13's rule: vertical first when the height shrinks by more than twice what the width does. The two orders round differently. */
static int is_vertical_first(const rtvi_image *in, const rtvi_resize_window *window) {
    int64_t less_high = (int64_t)in->height - window->height, less_wide = (int64_t)in->width - window->width;
    return less_high > 0 && less_high > 2 * less_wide;
}

/* Rows and columns that no weight touches are left out before the first pass. */
static void keep_needed(resize_job *job, const rtvi_resize_window *window) {
    int32_t left = window->left, width = window->part_width, top = window->top, height = window->part_height;
    if (job->x.count) left = job->x.first[0], width = axis_end(&job->x) - left;
    if (job->y.count) top = job->y.first[0], height = axis_end(&job->y) - top;
    crop_rows(&job->rows, left, top, width, height);
    for (int32_t i = 0; i < job->x.count; i++) job->x.first[i] -= left;
    for (int32_t i = job->y.count - 1; i >= 0; i--) job->y.first[i] -= top;
}

static int32_t run_passes(resize_job *job, const rtvi_image *in, const rtvi_resize_window *window) {
    int vertical_first = is_vertical_first(in, window);
    int32_t status = RTV_OK;
    if (in->width != window->width)
        status = axis_build(job->env, &job->x, in->width, window->width, window->left, window->part_width, job->error);
    if (status == RTV_OK && in->height != window->height)
        status = axis_build(job->env, &job->y, in->height, window->height, window->top, window->part_height, job->error);
    if (status != RTV_OK) return status;
    keep_needed(job, window);
    if (!job->x.count && !job->y.count) return copy_rows(job);
    if (job->y.count && vertical_first) status = pass_vertical(job);
    if (status == RTV_OK && job->x.count) status = pass_horizontal(job);
    if (status == RTV_OK && job->y.count && !vertical_first) status = pass_vertical(job);
    return status;
}

int32_t rtvi_image_resize_part(const rtvi_env *env, const rtvi_image *in, const rtvi_resize_window *window, rtvi_image *part,
                               rtv_error *error) {
    resize_job job = {.env = env, .kernels = choose_kernels(env), .error = error};
    int32_t status;
    memset(part, 0, sizeof *part);
    job.rows =
        (rtvi_resize_rows){in->pixels, in->stride, in->width, in->height, (size_t)(in->height - 1) * in->stride + 3 * (size_t)in->width};
    if (in->owned) job.rows.readable += RTVI_IMAGE_SLACK;
    status = run_passes(&job, in, window);
    axis_release(env, &job.x);
    axis_release(env, &job.y);
    if (status != RTV_OK) {
        rtvi_free(env, job.block);
        return status;
    }
    *part = (rtvi_image){job.rows.width, job.rows.height, job.rows.stride, job.block, job.block};
    return rtvi_error_clear(error);
}

int32_t rtvi_image_resize(const rtvi_env *env, const rtvi_image *in, int32_t width, int32_t height, rtvi_image *out, rtv_error *error) {
    rtvi_resize_window all = {width, height, 0, 0, width, height};
    return rtvi_image_resize_part(env, in, &all, out, error);
}
