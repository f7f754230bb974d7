/* api_statistics.c - a quantizer's statistics in a file: what they are of stands beside them as JSON (docs/formats.md). */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api_provenance.h"
#include "modelfile/modelfile_field.h"
#include "quant/quant_stats_file.h"

#define HASH_DIGITS 16

static void describe(const rtvi_quant_maker *maker, const char *fingerprint, rtvi_text *text) {
    rtvi_text_add(text, "{\"model\":");
    rtvi_text_add_string(text, fingerprint);
    rtvi_text_add(text, maker->options.equalize ? ",\"equalize\":true" : ",\"equalize\":false");
    rtvi_text_add(text, ",\"pictures\":[");
    for (size_t i = 0; i < maker->num_samples; i++) {
        char digits[HASH_DIGITS + 4];
        snprintf(digits, sizeof digits, "%s\"%016" PRIx64 "\"", i > 0 ? "," : "", maker->samples[i].hash);
        rtvi_text_add(text, digits);
    }
    rtvi_text_add(text, "]}");
}

int32_t rtvi_statistics_save(const rtvi_quant_maker *maker, const char *fingerprint, const char *path, rtv_error *error) {
    rtvi_text text = {.env = maker->env};
    int32_t status;
    describe(maker, fingerprint, &text);
    if (text.failed)
        status = rtvi_error_out_of_memory(error, "statistics", text.size);
    else
        status = rtvi_quant_stats_save(maker->stats, text.data, path, error);
    rtvi_text_destroy(&text);
    return status;
}

/* --- loading --- */

static int32_t check_model(const rtvi_quant_maker *maker, const cJSON *root, const char *fingerprint, rtv_error *error) {
    rtvi_quoted quoted;
    const char *model = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "model"));
    const int equalized = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "equalize"));
    if (!model || strcmp(model, fingerprint) != 0)
        return rtvi_error_set(error, RTV_E_MISMATCH, "statistics: got those of model \"%s\", expected \"%.16s\"",
                              rtvi_error_quote_string(&quoted, model ? model : "?"), fingerprint);
    if (equalized != maker->options.equalize)
        return rtvi_error_set(error, RTV_E_MISMATCH, "statistics: got those with equalize %d, expected %d", equalized,
                              maker->options.equalize);
    return RTV_OK;
}

static int32_t read_hashes(const cJSON *pictures, uint64_t *hashes, rtv_error *error) {
    const cJSON *picture;
    size_t count = 0;
    cJSON_ArrayForEach(picture, pictures) {
        const char *digits = cJSON_GetStringValue(picture);
        if (!digits || strlen(digits) != HASH_DIGITS || strspn(digits, "0123456789abcdef") != HASH_DIGITS)
            return rtvi_error_set(error, RTV_E_FORMAT, "statistics: picture %zu: got something else, expected %d hexadecimal digits", count,
                                  HASH_DIGITS);
        hashes[count++] = strtoull(digits, NULL, 16);
    }
    return RTV_OK;
}

/* stats is taken over on success. */
static int32_t give(rtvi_quant_maker *maker, rtvi_quant_stats *stats, const cJSON *pictures, rtv_error *error) {
    const size_t count = (size_t)cJSON_GetArraySize(pictures);
    uint64_t *hashes;
    int32_t status;
    if (!cJSON_IsArray(pictures) || count == 0)
        return rtvi_error_set(error, RTV_E_FORMAT, "statistics: pictures: got none, expected their hashes");
    hashes = rtvi_alloc(maker->env, count, sizeof *hashes);
    if (!hashes) return rtvi_error_out_of_memory(error, "statistics", count * sizeof *hashes);
    status = read_hashes(pictures, hashes, error);
    if (status == RTV_OK) status = rtvi_quant_maker_give(maker, stats, hashes, count, error);
    rtvi_free(maker->env, hashes);
    return status;
}

int32_t rtvi_statistics_load(rtvi_quant_maker *maker, const char *fingerprint, const char *path, rtv_error *error) {
    rtvi_quant_stats *stats;
    char *about;
    cJSON *root;
    int32_t status = rtvi_quant_stats_load(maker->env, path, &stats, &about, error);
    if (status != RTV_OK) return status;
    root = cJSON_Parse(about);
    if (!cJSON_IsObject(root)) status = rtvi_error_set(error, RTV_E_FORMAT, "statistics: description: got no JSON object, expected one");
    if (status == RTV_OK) status = check_model(maker, root, fingerprint, error);
    if (status == RTV_OK) status = give(maker, stats, cJSON_GetObjectItemCaseSensitive(root, "pictures"), error);
    if (status != RTV_OK) rtvi_quant_stats_destroy(stats);
    cJSON_Delete(root);
    rtvi_free(maker->env, about);
    return status;
}
