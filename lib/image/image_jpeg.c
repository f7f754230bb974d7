/* image_jpeg.c - JPEG to RGB with libjpeg(-turbo), as Pillow asks it: islow DCT, fancy upsampling, four components taken as inverted CMYK.
 * The only file that knows libjpeg.
 *
 * libjpeg-turbo 2.1.5 and the 3.2.0 in Pillow 13.0.0 give the same bits for every subsampling, progressive or not, at every DCT scale. They
 * differ for progressive files that end before their last scans, where block smoothing treats subsampled chroma at the borders differently.
 * A file without an end marker counts as truncated; Pillow refuses most of those and takes some. */
#include "image/image_codec.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

enum { MAX_SCANS = 500, ROWS = 8 };

typedef struct jpeg_job {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    jmp_buf escape;
    const rtvi_encoded *in;
    rtvi_image *image;
    uint8_t *cmyk; /* [ROWS][width][4] */
    rtv_error *error;
    int32_t status;
} jpeg_job;

static int64_t position(const jpeg_job *job) { return (int64_t)(job->in->size - job->source.bytes_in_buffer); }

static int32_t status_of_code(int code) {
    switch (code) {
        case JERR_OUT_OF_MEMORY:
            return RTV_E_OUT_OF_MEMORY;
        case JERR_ARITH_NOTIMPL:
        case JERR_BAD_PRECISION:
        case JERR_CONVERSION_NOTIMPL:
        case JERR_FRACT_SAMPLE_NOTIMPL:
        case JERR_IMAGE_TOO_BIG:
        case JERR_NOTIMPL:
        case JERR_NOT_COMPILED:
        case JERR_SOF_UNSUPPORTED:
            return RTV_E_UNSUPPORTED;
        default:
            return RTV_E_FORMAT;
    }
}

static void on_error(j_common_ptr cinfo) {
    jpeg_job *job = cinfo->client_data;
    char text[JMSG_LENGTH_MAX];
    rtvi_quoted quoted;
    cinfo->err->format_message(cinfo, text);
    job->status = status_of_code(cinfo->err->msg_code);
    if (job->status == RTV_E_OUT_OF_MEMORY)
        rtvi_error_out_of_memory(job->error, "image", 0);
    else
        rtvi_error_set_at(job->error, job->status, position(job),
                          "image: %s: %s JPEG: got \"%s\", expected a picture that libjpeg can read", job->in->name,
                          job->status == RTV_E_FORMAT ? "damaged" : "unsupported", rtvi_error_quote_string(&quoted, text));
    longjmp(job->escape, 1);
}

static void on_message(j_common_ptr cinfo) { (void)cinfo; /* warnings pass, as in Pillow; nothing is printed */ }

static void on_source(j_decompress_ptr cinfo) { (void)cinfo; }

static boolean on_end_of_data(j_decompress_ptr cinfo) {
    jpeg_job *job = cinfo->client_data;
    job->status =
        rtvi_error_set_at(job->error, RTV_E_FORMAT, (int64_t)job->in->size,
                          "image: %s: truncated JPEG: got %zu bytes, expected more up to an end marker", job->in->name, job->in->size);
    longjmp(job->escape, 1);
}

static void on_skip(j_decompress_ptr cinfo, long count) {
    if (count <= 0) return;
    if ((size_t)count > cinfo->src->bytes_in_buffer) on_end_of_data(cinfo);
    cinfo->src->next_input_byte += count;
    cinfo->src->bytes_in_buffer -= (size_t)count;
}

/* A progressive file of a few kilobytes can ask for work without end: every scan passes over the whole picture. */
static void on_progress(j_common_ptr common) {
    jpeg_job *job = common->client_data;
    if (job->cinfo.input_scan_number <= MAX_SCANS) return;
    job->status = rtvi_error_set_at(job->error, RTV_E_LIMIT, position(job),
                                    "image: %s: progressive JPEG: got more than %d scans, expected fewer", job->in->name, MAX_SCANS);
    longjmp(job->escape, 1);
}

static void open_job(jpeg_job *job) {
    struct jpeg_decompress_struct *cinfo = &job->cinfo;
    cinfo->err = jpeg_std_error(&job->errors);
    cinfo->client_data = job;
    job->errors.error_exit = on_error;
    job->errors.output_message = on_message;
    jpeg_create_decompress(cinfo);
    job->source.next_input_byte = job->in->data;
    job->source.bytes_in_buffer = job->in->size;
    job->source.init_source = on_source;
    job->source.term_source = on_source;
    job->source.fill_input_buffer = on_end_of_data;
    job->source.skip_input_data = on_skip;
    job->source.resync_to_restart = jpeg_resync_to_restart;
    cinfo->src = &job->source;
    job->progress.progress_monitor = on_progress;
    cinfo->progress = &job->progress;
}

/* The strongest of 8, 4, 2, 1 that leaves both sides (or, fitted inside, one side) at least twice the target; Pillow's draft() rule. */
static unsigned choose_shrink(const jpeg_job *job) {
    const rtvi_decode_options *how = job->in->options;
    int turned = how->apply_exif && rtvi_image_exif_is_turned(rtvi_image_exif_orientation(job->in->data, job->in->size));
    uint64_t target_width = (uint64_t)(turned ? how->target_height : how->target_width);
    uint64_t target_height = (uint64_t)(turned ? how->target_width : how->target_height);
    uint64_t wide, high, factor;
    if (!how->fast_decode || target_width == 0 || target_height == 0) return 1;
    wide = job->cinfo.image_width / (2 * target_width);
    high = job->cinfo.image_height / (2 * target_height);
    factor = (wide < high) == (how->target_fits_inside != 0) ? high : wide;
    return factor >= 8 ? 8 : factor >= 4 ? 4 : factor >= 2 ? 2 : 1;
}

static int32_t read_header(jpeg_job *job) {
    struct jpeg_decompress_struct *cinfo = &job->cinfo;
    int32_t status;
    jpeg_read_header(cinfo, TRUE);
    status = rtvi_image_check_pixels(job->in, cinfo->image_width, cinfo->image_height, job->error);
    if (status != RTV_OK) return status;
    if (cinfo->num_components != 1 && cinfo->num_components != 3 && cinfo->num_components != 4)
        return rtvi_error_set(job->error, RTV_E_UNSUPPORTED, "image: %s: unsupported JPEG: got %d components, expected 1, 3 or 4",
                              job->in->name, cinfo->num_components);
    cinfo->out_color_space = cinfo->num_components == 4 ? JCS_CMYK : JCS_RGB;
    cinfo->scale_num = 1;
    cinfo->scale_denom = choose_shrink(job);
    return RTV_OK;
}

static unsigned multiply_255(unsigned a, unsigned b) {
    unsigned t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Inverted CMYK, as Pillow converts it: v = K - (255 - C) * K / 255, where 255 is no ink. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint8_t *rgb, size_t width) {
    for (size_t x = 0; x < width; x++, cmyk += 4, rgb += 3)
        for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(cmyk[3] - multiply_255(255u - cmyk[c], cmyk[3]));
}

static void read_rows(jpeg_job *job) {
    struct jpeg_decompress_struct *cinfo = &job->cinfo;
    const rtvi_image *image = job->image;
    while (cinfo->output_scanline < cinfo->output_height) {
        JSAMPROW rows[ROWS];
        size_t first = cinfo->output_scanline, count;
        for (size_t i = 0; i < ROWS; i++) {
            size_t y = first + i < cinfo->output_height ? first + i : cinfo->output_height - 1u;
            rows[i] = job->cmyk ? job->cmyk + i * cinfo->output_width * 4 : image->pixels + y * image->stride;
        }
        count = jpeg_read_scanlines(cinfo, rows, ROWS);
        for (size_t i = 0; job->cmyk && i < count; i++)
            cmyk_to_rgb(rows[i], image->pixels + (first + i) * image->stride, cinfo->output_width);
    }
}

static int32_t decode(jpeg_job *job) {
    struct jpeg_decompress_struct *cinfo = &job->cinfo;
    int32_t status;
    open_job(job);
    status = read_header(job);
    if (status != RTV_OK) return status;
    jpeg_start_decompress(cinfo);
    status = rtvi_image_allocate(job->in->env, (int32_t)cinfo->output_width, (int32_t)cinfo->output_height, job->image, job->error);
    if (status != RTV_OK) return status;
    if (cinfo->out_color_space == JCS_CMYK && !(job->cmyk = rtvi_alloc(job->in->env, cinfo->output_width, 4 * ROWS)))
        return rtvi_error_out_of_memory(job->error, "image", (size_t)cinfo->output_width * 4 * ROWS);
    read_rows(job);
    jpeg_finish_decompress(cinfo);
    return rtvi_error_clear(job->error);
}

static int32_t run(jpeg_job *job) {
    if (setjmp(job->escape)) return job->status;
    return decode(job);
}

int32_t rtvi_image_jpeg_decode(const rtvi_encoded *in, rtvi_image *image, rtv_error *error) {
    jpeg_job *job = rtvi_alloc_zero(in->env, 1, sizeof *job);
    int32_t status;
    if (!job) return rtvi_error_out_of_memory(error, "image", sizeof *job);
    job->in = in;
    job->image = image;
    job->error = error;
    status = run(job);
    jpeg_destroy_decompress(&job->cinfo);
    rtvi_free(in->env, job->cmyk);
    rtvi_free(in->env, job);
    return status;
}
