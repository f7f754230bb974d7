/* modelfile_read.c - from a model file to a graph (docs/formats.md, "Model file"). */
#include "modelfile/modelfile.h"

#include <stdlib.h>
#include <string.h>

#include "modelfile/modelfile_checksum.h"
#include "modelfile/modelfile_json.h"

#define REMEDY "expected a model file; \"retrieve model convert\" makes one"

static int is_digits(const char *text, size_t count, const char *digits) { return strlen(text) == count && strspn(text, digits) == count; }

/* Checkpoints of PyTorch are what people try to load. */
static int32_t refuse_pytorch(const rtvi_source *source, rtv_error *error) {
    static const uint8_t zip[4] = {'P', 'K', 3, 4}, pickle[2] = {0x80, 2};
    int is_pytorch =
        (source->size >= 4 && memcmp(source->data, zip, 4) == 0) || (source->size >= 2 && memcmp(source->data, pickle, 2) == 0);
    return is_pytorch ? rtvi_error_set(error, RTV_E_FORMAT, "model: got a PyTorch checkpoint, " REMEDY) : RTV_OK;
}

static int32_t check_format(const rtvi_safetensors *file, rtv_error *error) {
    const char *format = rtvi_safetensors_metadata(file, "format"), *version = rtvi_safetensors_metadata(file, "version");
    rtvi_quoted quoted;
    if (!format || strcmp(format, RTVI_MODELFILE_FORMAT) != 0) {
        return rtvi_error_set(error, RTV_E_FORMAT, "model: got safetensors without a network of libretrieve, " REMEDY);
    }
    if (version && strcmp(version, RTVI_MODELFILE_VERSION_TEXT) == 0) return RTV_OK;
    if (version && *version >= '1' && *version <= '9' && is_digits(version, strlen(version), "0123456789")) {
        return rtvi_error_set(error, RTV_E_UNSUPPORTED, "model: written by a newer libretrieve: got version %s, expected %d",
                              rtvi_error_quote_string(&quoted, version), RTVI_MODELFILE_VERSION);
    }
    return rtvi_error_set(error, RTV_E_FORMAT, "model: version: got \"%s\", expected %d",
                          rtvi_error_quote_string(&quoted, version ? version : ""), RTVI_MODELFILE_VERSION);
}

static int32_t check_checksum(const rtvi_source *source, const rtvi_safetensors *file, rtv_error *error) {
    static const char zeros[] = RTVI_CHECKSUM_ZERO;
    const char *stored = rtvi_safetensors_metadata(file, "checksum");
    size_t prefix = strlen(RTVI_CHECKSUM_PREFIX), header = (size_t)file->header_bytes, before;
    const uint8_t *at = NULL;
    char digits[RTVI_CHECKSUM_DIGITS + 1];
    XXH3_state_t state;
    if (stored && strncmp(stored, RTVI_CHECKSUM_PREFIX, prefix) == 0 &&
        is_digits(stored + prefix, RTVI_CHECKSUM_DIGITS, "0123456789abcdef")) {
        at = memmem(source->data, header, stored, strlen(stored)); /* the text is long enough to be there once */
    }
    if (!at) return rtvi_error_set(error, RTV_E_FORMAT, "model: checksum: got none, expected \"" RTVI_CHECKSUM_PREFIX "\" and 16 digits");
    before = (size_t)(at - source->data);
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, source->data, before);
    XXH3_64bits_update(&state, zeros, strlen(zeros));
    XXH3_64bits_update(&state, at + strlen(zeros), source->size - before - strlen(zeros));
    rtvi_checksum_digits(XXH3_64bits_digest(&state), digits);
    if (strcmp(stored + prefix, digits) == 0) return RTV_OK;
    return rtvi_error_set(error, RTV_E_CHECKSUM, "model: checksum: got %s of the bytes, expected %s as stored; the file is damaged", digits,
                          stored + prefix);
}

/* Taken as written: it names the model, the checksum guards it, and to compute it again would double the time of loading. */
static int32_t take_fingerprint(const rtvi_safetensors *file, rtvi_modelfile_info *info, rtv_error *error) {
    const char *fingerprint = rtvi_safetensors_metadata(file, "fingerprint");
    if (!fingerprint || !is_digits(fingerprint, RTV_FINGERPRINT_CHARS, "0123456789abcdef")) {
        return rtvi_error_set(error, RTV_E_FORMAT, "model: fingerprint: got none, expected %d hexadecimal digits", RTV_FINGERPRINT_CHARS);
    }
    memcpy(info->fingerprint, fingerprint, RTV_FINGERPRINT_CHARS + 1);
    return RTV_OK;
}

static int32_t read_file(const rtvi_env *env, const rtvi_source *source, const rtvi_safetensors *file, rtvi_graph **graph,
                         rtvi_modelfile_info *info, rtv_error *error) {
    const rtvi_modelfile_texts texts = {
        rtvi_safetensors_metadata(file, "name"),         rtvi_safetensors_metadata(file, "architecture"),
        rtvi_safetensors_metadata(file, "descriptors"),  rtvi_safetensors_metadata(file, "graph"),
        rtvi_safetensors_metadata(file, "preprocess"),   rtvi_safetensors_metadata(file, "class_names"),
        rtvi_safetensors_metadata(file, "quantization"),
    };
    int32_t status = check_format(file, error);
    if (status == RTV_OK) status = check_checksum(source, file, error);
    if (status == RTV_OK) status = take_fingerprint(file, info, error);
    if (status == RTV_OK) status = rtvi_modelfile_assemble(env, &texts, file->entries, file->num_entries, graph, error);
    return status;
}

int32_t rtvi_modelfile_read(const rtvi_env *env, const rtvi_source *source, rtvi_graph **graph, rtvi_modelfile_info *info,
                            rtv_error *error) {
    rtv_error own;
    rtvi_safetensors file;
    int32_t status;
    if (!error) error = &own;
    *graph = NULL;
    memset(info, 0, sizeof *info);
    status = refuse_pytorch(source, error);
    if (status == RTV_OK) status = rtvi_safetensors_parse(env, "model", source->data, source->size, &file, error);
    if (status == RTV_OK) {
        status = read_file(env, source, &file, graph, info, error);
        rtvi_safetensors_destroy(&file);
    }
    if (status == RTV_OK) return rtvi_error_clear(error);
    if (source->path) rtvi_error_prefix(error, rtvi_source_name(source));
    return status;
}

int rtvi_modelfile_recognizes(const rtvi_env *env, const rtvi_source *source) {
    rtvi_safetensors file;
    const char *format;
    int is_ours;
    if (rtvi_safetensors_parse(env, "model", source->data, source->size, &file, NULL) != RTV_OK) return 0;
    format = rtvi_safetensors_metadata(&file, "format");
    is_ours = format && strcmp(format, RTVI_MODELFILE_FORMAT) == 0;
    rtvi_safetensors_destroy(&file);
    return is_ours;
}
