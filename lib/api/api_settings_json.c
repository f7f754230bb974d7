/* api_settings_json.c - a quantizer's settings as JSON (docs/quantization.md): one table for reading and for writing. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/api_settings.h"
#include "modelfile/modelfile_field.h"

#define MAX_JSON (1 << 20) /* bytes; settings by hand have a few hundred */

typedef enum field_kind { WORD, SWITCH, NUMBER, WIDE_NUMBER } field_kind;

typedef struct field {
    const char *name;
    field_kind kind;
    size_t offset;
    const char *const *words; /* of WORD, by number, NULL at the end */
} field;

static const char *const presets[] = {"mixed", "performance", NULL};
static const char *const estimators[] = {"mean_min_max", "min_max", "median", "quantile", "no_outliers", "squared_error", NULL};
static const char *const weights[] = {"compensated", "pair_safe", "half_range", "nearest", NULL};
static const char *const biases[] = {"none", "fast", "full", NULL};
static const char *const scopes[] = {"name", "regex", "op", "subgraph", "reverted", NULL};

static const field fields[] = {
    {"preset", WORD, offsetof(rtv_quantizer_options, preset), presets},
    {"estimator", WORD, offsetof(rtv_quantizer_options, estimator), estimators},
    {"weights", WORD, offsetof(rtv_quantizer_options, weights), weights},
    {"bias_correction", WORD, offsetof(rtv_quantizer_options, bias_correction), biases},
    {"equalize", SWITCH, offsetof(rtv_quantizer_options, equalize), NULL},
    {"quantize_auxiliary", SWITCH, offsetof(rtv_quantizer_options, quantize_auxiliary), NULL},
    {"drop_auxiliary", SWITCH, offsetof(rtv_quantizer_options, drop_auxiliary), NULL},
    {"relaxed_scopes", SWITCH, offsetof(rtv_quantizer_options, relaxed_scopes), NULL},
    {"moment_samples", NUMBER, offsetof(rtv_quantizer_options, moment_samples), NULL},
    {"max_samples", WIDE_NUMBER, offsetof(rtv_quantizer_options, max_samples), NULL},
};

static const field override_fields[] = {
    {"preset", WORD, offsetof(rtv_scope_settings, preset), presets},
    {"estimator", WORD, offsetof(rtv_scope_settings, estimator), estimators},
    {"weights", WORD, offsetof(rtv_scope_settings, weights), weights},
    {"bias_correction", WORD, offsetof(rtv_scope_settings, bias_correction), biases},
};

enum { NUM_FIELDS = sizeof fields / sizeof *fields, NUM_OVERRIDE_FIELDS = sizeof override_fields / sizeof *override_fields };

/* --- reading --- */

/* where: "overrides[2]: ", or "". */
static int32_t wrong(const char *where, const cJSON *value, const char *expected, rtv_error *error) {
    rtvi_quoted name, text;
    char number[32] = "something else";
    if (cJSON_IsNumber(value)) snprintf(number, sizeof number, "%.9g", value->valuedouble);
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: settings: %s\"%s\": got %s%s%s, expected %s", where,
                          rtvi_error_quote_string(&name, value->string ? value->string : ""), cJSON_IsString(value) ? "\"" : "",
                          cJSON_IsString(value) ? rtvi_error_quote_string(&text, value->valuestring) : number,
                          cJSON_IsString(value) ? "\"" : "", expected);
}

/* The words as a message shows them: "a, b or c". */
static const char *list_words(const char *const *words, char text[160]) {
    size_t length = 0;
    for (size_t i = 0; words[i]; i++)
        length += (size_t)snprintf(text + length, 160 - length, "%s%s", i == 0 ? "" : words[i + 1] ? ", " : " or ", words[i]);
    return text;
}

static int32_t read_word(const char *where, const cJSON *value, const char *const *words, int32_t *out, rtv_error *error) {
    char text[160];
    for (int32_t i = 0; cJSON_IsString(value) && words[i]; i++) {
        if (strcmp(words[i], value->valuestring) != 0) continue;
        *out = i;
        return RTV_OK;
    }
    return wrong(where, value, list_words(words, text), error);
}

static int32_t read_field(const char *where, const cJSON *value, const field *f, void *into, rtv_error *error) {
    void *at = (char *)into + f->offset;
    const double number = cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
    if (f->kind == WORD) return read_word(where, value, f->words, at, error);
    if (f->kind == SWITCH) {
        if (!cJSON_IsBool(value)) return wrong(where, value, "true or false", error);
        *(int32_t *)at = cJSON_IsTrue(value);
        return RTV_OK;
    }
    if (!(number >= 1 && number <= (double)INT32_MAX && number == floor(number))) return wrong(where, value, "a whole number", error);
    if (f->kind == NUMBER)
        *(int32_t *)at = (int32_t)number;
    else
        *(int64_t *)at = (int64_t)number;
    return RTV_OK;
}

static const field *find_field(const field *table, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

static int32_t check_twice(const char *where, const cJSON *object, rtv_error *error) {
    const cJSON *a, *b;
    cJSON_ArrayForEach(a, object) {
        for (b = a->next; b; b = b->next)
            if (strcmp(a->string, b->string) == 0) return wrong(where, b, "it once", error);
    }
    return RTV_OK;
}

/* {"regex": "..."} and the like: 1 when the member is a scope. */
static int32_t read_scope_member(const char *where, const cJSON *value, int32_t kind, rtv_scope *scope, rtv_error *error) {
    const cJSON *from = cJSON_GetArrayItem(value, 0), *to = cJSON_GetArrayItem(value, 1);
    if (scope->text) return wrong(where, value, "one of name, regex, op, subgraph and reverted", error);
    scope->kind = kind;
    if (kind != RTV_SCOPE_SUBGRAPH) {
        if (!cJSON_IsString(value)) return wrong(where, value, "a text", error);
        scope->text = value->valuestring;
        return RTV_OK;
    }
    if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) != 2 || !cJSON_IsString(from) || !cJSON_IsString(to))
        return wrong(where, value, "an array of two names", error);
    scope->text = from->valuestring;
    scope->to = to->valuestring;
    return RTV_OK;
}

/* An object with one scope member and those of table. */
static int32_t read_scope(const char *where, const cJSON *object, const field *table, size_t count, rtv_scope *scope, void *into,
                          rtv_error *error) {
    const cJSON *member;
    int32_t status;
    if (!cJSON_IsObject(object))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "quantizer: settings: %sgot something else, expected an object", where);
    status = check_twice(where, object, error);
    for (member = object->child; member && status == RTV_OK; member = member->next) {
        const field *f = find_field(table, count, member->string);
        int32_t kind = 0;
        while (scopes[kind] && strcmp(scopes[kind], member->string) != 0) kind++;
        if (f)
            status = read_field(where, member, f, into, error);
        else if (scopes[kind])
            status = read_scope_member(where, member, kind, scope, error);
        else
            status = wrong(where, member, "no such member", error);
    }
    if (status == RTV_OK && !scope->text)
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                              "quantizer: settings: %sgot no scope, expected one of name, regex, op, subgraph and reverted", where);
    return status;
}

static int32_t read_ignored(rtvi_settings *s, const cJSON *array, rtv_error *error) {
    const cJSON *item;
    int number = 0;
    if (!cJSON_IsArray(array)) return wrong("", array, "an array", error);
    cJSON_ArrayForEach(item, array) {
        char where[32];
        rtv_scope scope = {.kind = 0};
        int32_t status;
        snprintf(where, sizeof where, "ignored[%d]: ", number++);
        status = read_scope(where, item, NULL, 0, &scope, NULL, error);
        if (status != RTV_OK) return status;
        if (!rtvi_settings_add_ignored(s, &scope)) return rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    return RTV_OK;
}

static int32_t read_overrides(rtvi_settings *s, const cJSON *array, rtv_error *error) {
    const cJSON *item;
    int number = 0;
    if (!cJSON_IsArray(array)) return wrong("", array, "an array", error);
    cJSON_ArrayForEach(item, array) {
        char where[32];
        rtv_scope_settings override = {
            .preset = RTV_AS_ELSEWHERE, .estimator = RTV_AS_ELSEWHERE, .weights = RTV_AS_ELSEWHERE, .bias_correction = RTV_AS_ELSEWHERE};
        int32_t status;
        snprintf(where, sizeof where, "overrides[%d]: ", number++);
        status = read_scope(where, item, override_fields, NUM_OVERRIDE_FIELDS, &override.scope, &override, error);
        if (status != RTV_OK) return status;
        if (!rtvi_settings_add_override(s, &override)) return rtvi_error_out_of_memory(error, "quantizer", 0);
    }
    return RTV_OK;
}

static int32_t read_members(rtvi_settings *s, const cJSON *object, rtv_error *error) {
    const cJSON *member;
    int32_t status = check_twice("", object, error);
    for (member = object->child; member && status == RTV_OK; member = member->next) {
        const field *f = find_field(fields, NUM_FIELDS, member->string);
        if (f)
            status = read_field("", member, f, &s->options, error);
        else if (strcmp(member->string, "ignored") == 0)
            status = read_ignored(s, member, error);
        else if (strcmp(member->string, "overrides") == 0)
            status = read_overrides(s, member, error);
        else
            status = wrong("", member, "no such member", error);
    }
    return status;
}

int32_t rtvi_settings_read_json(rtvi_settings *s, const char *json, rtv_error *error) {
    const size_t size = strlen(json);
    const char *end = json;
    cJSON *root = size <= MAX_JSON ? cJSON_ParseWithLengthOpts(json, size + 1, &end, 1) : NULL;
    int32_t status;
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return rtvi_error_set_at(error, RTV_E_FORMAT, (int64_t)(end - json),
                                 "quantizer: settings: got no JSON at character %zu, expected one object of at most %d bytes",
                                 (size_t)(end - json), MAX_JSON);
    }
    status = read_members(s, root, error);
    cJSON_Delete(root);
    return status;
}

/* --- writing --- */

static void write_name(rtvi_text *text, const char *name, int *first) {
    rtvi_text_add(text, *first ? "" : ",");
    rtvi_text_add_string(text, name);
    rtvi_text_add(text, ":");
    *first = 0;
}

static void write_field(rtvi_text *text, const field *f, const void *from, int *first) {
    const void *at = (const char *)from + f->offset;
    int32_t number = 0;
    if (f->kind != WIDE_NUMBER) memcpy(&number, at, sizeof number);
    if (f->kind == WORD && number < 0) return; /* RTV_AS_ELSEWHERE */
    write_name(text, f->name, first);
    if (f->kind == WORD)
        rtvi_text_add_string(text, f->words[number]);
    else if (f->kind == SWITCH)
        rtvi_text_add(text, number ? "true" : "false");
    else
        rtvi_text_add_int(text, f->kind == NUMBER ? number : *(const int64_t *)at);
}

static void write_scope(rtvi_text *text, const rtv_scope *scope, int *first) {
    write_name(text, scopes[scope->kind], first);
    if (scope->kind == RTV_SCOPE_SUBGRAPH) rtvi_text_add(text, "[");
    rtvi_text_add_string(text, scope->text);
    if (scope->kind != RTV_SCOPE_SUBGRAPH) return;
    rtvi_text_add(text, ",");
    rtvi_text_add_string(text, scope->to);
    rtvi_text_add(text, "]");
}

void rtvi_settings_to_json(const rtv_quantizer_options *options, rtvi_text *text) {
    int first = 1;
    rtvi_text_add(text, "{");
    for (size_t i = 0; i < NUM_FIELDS; i++) write_field(text, &fields[i], options, &first);
    write_name(text, "ignored", &first);
    for (int64_t i = 0; i < options->num_ignored; i++) {
        int first_member = 1;
        rtvi_text_add(text, i == 0 ? "[{" : ",{");
        write_scope(text, &options->ignored[i], &first_member);
        rtvi_text_add(text, "}");
    }
    rtvi_text_add(text, options->num_ignored > 0 ? "]" : "[]");
    write_name(text, "overrides", &first);
    for (int64_t i = 0; i < options->num_overrides; i++) {
        int first_member = 1;
        rtvi_text_add(text, i == 0 ? "[{" : ",{");
        write_scope(text, &options->overrides[i].scope, &first_member);
        for (size_t f = 0; f < NUM_OVERRIDE_FIELDS; f++) write_field(text, &override_fields[f], &options->overrides[i], &first_member);
        rtvi_text_add(text, "}");
    }
    rtvi_text_add(text, options->num_overrides > 0 ? "]}" : "[]}");
}
