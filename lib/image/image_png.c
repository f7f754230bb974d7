/* image_png.c - PNG to RGB with libpng, as Pillow's convert("RGB"): alpha, transparency, gamma and profiles are dropped, 16 bits keep the
 * high byte, but 16-bit gray is clipped at 255. The only file that knows libpng. */
#include "image/image_codec.h"

#include <setjmp.h>
#include <string.h>

#include <png.h>

typedef struct png_job {
    png_structp png;
    png_infop info;
    const rtvi_encoded *in;
    size_t pos;
    rtvi_image *image;
    rtv_error *error;
    int32_t status;
} png_job;

static void on_error(png_structp png, png_const_charp text) {
    png_job *job = png_get_error_ptr(png);
    rtvi_quoted quoted;
    if (job->status == RTV_OK)
        job->status = rtvi_error_set_at(job->error, RTV_E_FORMAT, (int64_t)job->pos,
                                        "image: %s: damaged PNG: got \"%s\", expected a picture that libpng can read", job->in->name,
                                        rtvi_error_quote_string(&quoted, text));
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) { (void)png, (void)text; }

static png_voidp on_allocate(png_structp png, png_alloc_size_t size) {
    png_job *job = png_get_mem_ptr(png);
    void *block = rtvi_alloc(job->in->env, size, 1);
    if (!block) job->status = rtvi_error_out_of_memory(job->error, "image", size);
    return block;
}

static void on_release(png_structp png, png_voidp block) {
    png_job *job = png_get_mem_ptr(png);
    rtvi_free(job->in->env, block);
}

static void on_read(png_structp png, png_bytep to, size_t count) {
    png_job *job = png_get_io_ptr(png);
    if (count > job->in->size - job->pos) {
        job->status =
            rtvi_error_set_at(job->error, RTV_E_FORMAT, (int64_t)job->in->size,
                              "image: %s: truncated PNG: got %zu bytes, expected more up to an IEND chunk", job->in->name, job->in->size);
        png_error(png, "truncated");
    }
    memcpy(to, job->in->data + job->pos, count);
    job->pos += count;
}

static void open_job(png_job *job) {
    png_set_read_fn(job->png, job, on_read);
    png_set_user_limits(job->png, 0x7fffffff, 0x7fffffff); /* max_pixels decides */
    png_set_option(job->png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    png_set_keep_unknown_chunks(job->png, PNG_HANDLE_CHUNK_NEVER, NULL, -1); /* texts and profiles can be bombs, too */
}

/* The bytes a pixel has after libpng's transformations: 1 gray or palette index, 2 gray of 16 bits, 3 RGB. */
static size_t set_transformations(png_job *job) {
    png_byte type = png_get_color_type(job->png, job->info), depth = png_get_bit_depth(job->png, job->info);
    if (type & PNG_COLOR_MASK_ALPHA) png_set_strip_alpha(job->png);
    if (type == PNG_COLOR_TYPE_GRAY && depth == 16) return 2;
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(job->png);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_packing(job->png);
    if (depth == 16) png_set_strip_16(job->png);
    return type & PNG_COLOR_MASK_COLOR && type != PNG_COLOR_TYPE_PALETTE ? 3 : 1;
}

/* Rows stand at the right end of their place in the picture, so that they can be widened to RGB where they are. */
static void read_rows(png_job *job, size_t pixel_bytes) {
    const rtvi_image *image = job->image;
    size_t gap = (size_t)image->width * (3 - pixel_bytes);
    int passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    if (png_get_rowbytes(job->png, job->info) != (size_t)image->width * pixel_bytes) png_error(job->png, "unexpected row size");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < (size_t)image->height; y++) png_read_row(job->png, image->pixels + y * image->stride + gap, NULL);
}

static void widen_gray(uint8_t *row, size_t width) {
    const uint8_t *from = row + 2 * width;
    for (size_t x = 0; x < width; x++, row += 3) row[0] = row[1] = row[2] = from[x];
}

static void widen_gray16(uint8_t *row, size_t width) {
    const uint8_t *from = row + width;
    for (size_t x = 0; x < width; x++, row += 3) row[0] = row[1] = row[2] = from[2 * x] ? 255 : from[2 * x + 1];
}

static void widen_palette(uint8_t *row, size_t width, const png_color *colors) {
    const uint8_t *from = row + 2 * width;
    for (size_t x = 0; x < width; x++, row += 3) {
        png_color color = colors[from[x]];
        row[0] = color.red, row[1] = color.green, row[2] = color.blue;
    }
}

static void widen_rows(png_job *job, size_t pixel_bytes) {
    const rtvi_image *image = job->image;
    png_color colors[256] = {{0, 0, 0}}; /* an index past the palette is black */
    png_colorp palette = NULL;
    int count = 0;
    if (png_get_color_type(job->png, job->info) == PNG_COLOR_TYPE_PALETTE && png_get_PLTE(job->png, job->info, &palette, &count))
        memcpy(colors, palette, (size_t)count * sizeof *colors);
    for (size_t y = 0; y < (size_t)image->height; y++) {
        uint8_t *row = image->pixels + y * image->stride;
        if (pixel_bytes == 2)
            widen_gray16(row, (size_t)image->width);
        else if (palette)
            widen_palette(row, (size_t)image->width, colors);
        else
            widen_gray(row, (size_t)image->width);
    }
}

static int32_t decode(png_job *job) {
    size_t pixel_bytes;
    int32_t status;
    open_job(job);
    png_read_info(job->png, job->info);
    status =
        rtvi_image_check_pixels(job->in, png_get_image_width(job->png, job->info), png_get_image_height(job->png, job->info), job->error);
    if (status != RTV_OK) return status;
    status = rtvi_image_allocate(job->in->env, (int32_t)png_get_image_width(job->png, job->info),
                                 (int32_t)png_get_image_height(job->png, job->info), job->image, job->error);
    if (status != RTV_OK) return status;
    pixel_bytes = set_transformations(job);
    read_rows(job, pixel_bytes);
    if (pixel_bytes < 3) widen_rows(job, pixel_bytes);
    png_read_end(job->png, NULL);
    return rtvi_error_clear(job->error);
}

static int32_t run(png_job *job) {
    if (setjmp(png_jmpbuf(job->png))) return job->status;
    return decode(job);
}

int32_t rtvi_image_png_decode(const rtvi_encoded *in, rtvi_image *image, rtv_error *error) {
    png_job *job = rtvi_alloc_zero(in->env, 1, sizeof *job);
    int32_t status;
    if (!job) return rtvi_error_out_of_memory(error, "image", sizeof *job);
    job->in = in;
    job->image = image;
    job->error = error;
    job->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, on_allocate, on_release);
    if (job->png) job->info = png_create_info_struct(job->png);
    status = job->info ? run(job) : rtvi_error_out_of_memory(error, "image", 0);
    png_destroy_read_struct(&job->png, &job->info, NULL);
    rtvi_free(in->env, job);
    return status;
}
