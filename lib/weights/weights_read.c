/* weights_read.c - tells the container of a checkpoint by its first bytes and reads it into a table. */
#include <stdio.h>
#include <string.h>

#include "base/base_bytes.h"
#include "weights/safetensors.h"
#include "weights/weights_table.h"

static int32_t read_safetensors(rtvi_weights *weights, rtv_error *error) {
    rtvi_safetensors file;
    int32_t status = rtvi_safetensors_parse(weights->env, weights->label, weights->source.data, weights->source.size, &file, error);
    for (size_t i = 0; status == RTV_OK && i < file.num_entries; i++)
        status = rtvi_weights_add(weights, file.entries[i].name, strlen(file.entries[i].name), &file.entries[i].tensor, error);
    if (status == RTV_OK) status = rtvi_weights_finish(weights, error);
    rtvi_safetensors_destroy(&file);
    return status;
}

static int32_t read_torch(rtvi_weights *weights, int32_t (*read)(rtvi_weights *, rtv_error *), rtv_error *error) {
    int32_t status = read(weights, error);
    return status == RTV_OK ? rtvi_weights_finish(weights, error) : status;
}

static int32_t refuse_container(const rtvi_weights *weights, const char *got, rtv_error *error) {
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "%s: container: got %s, expected a PyTorch state_dict (zip or pickle) or safetensors",
                          weights->label, got);
}

static int is_tar(const uint8_t *data, size_t size) { return size >= 262 && memcmp(data + 257, "ustar", 5) == 0; }

/* safetensors: after the size of the header its first brace; no zip and no pickle of torch.save has a brace there. */
static int32_t read_container(rtvi_weights *weights, rtv_error *error) {
    const uint8_t *data = weights->source.data;
    size_t size = weights->source.size;
    char got[40];
    if (size >= 9 && data[8] == '{') return read_safetensors(weights, error);
    if (size >= 4 && memcmp(data, "PK\3\4", 4) == 0) return read_torch(weights, rtvi_weights_read_zip, error);
    if (size >= 2 && data[0] == 0x80 && data[1] <= 5) return read_torch(weights, rtvi_weights_read_legacy, error);
    if (is_tar(data, size)) return refuse_container(weights, "a tar archive (PyTorch before 0.1.10)", error);
    if (size < 16) {
        snprintf(got, sizeof got, "%zu bytes", size);
    } else {
        snprintf(got, sizeof got, "bytes %02x %02x %02x %02x %02x %02x %02x %02x", data[0], data[1], data[2], data[3], data[4], data[5],
                 data[6], data[7]);
    }
    return refuse_container(weights, got, error);
}

/* A long path keeps its tail. */
static void make_label(rtvi_weights *weights) {
    const char *name = rtvi_source_name(&weights->source);
    size_t length = strlen(name), room = sizeof weights->label - sizeof "weights: ...";
    if (length > room)
        snprintf(weights->label, sizeof weights->label, "weights: ...%s", name + length - room);
    else
        snprintf(weights->label, sizeof weights->label, "weights: %s", name);
}

static int32_t read_all(rtvi_source *source, int wants_lists, rtvi_weights **out, rtv_error *error) {
    rtvi_weights *weights = rtvi_alloc_zero(source->env, 1, sizeof *weights);
    int32_t status;
    *out = NULL;
    if (!weights) {
        rtvi_source_close(source);
        return rtvi_error_out_of_memory(error, "weights", sizeof *weights);
    }
    weights->env = source->env;
    weights->source = *source;
    weights->wants_lists = wants_lists;
    memset(source, 0, sizeof *source);
    make_label(weights);
    status = read_container(weights, error);
    if (status != RTV_OK) {
        rtvi_weights_close(weights);
        return status;
    }
    *out = weights;
    return rtvi_error_clear(error);
}

int32_t rtvi_weights_read(rtvi_source *source, rtvi_weights **weights, rtv_error *error) { return read_all(source, 0, weights, error); }

int32_t rtvi_weights_read_lists(rtvi_source *source, rtvi_weights **weights, rtv_error *error) {
    return read_all(source, 1, weights, error);
}
