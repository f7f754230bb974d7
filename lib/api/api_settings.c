/* api_settings.c - a quantizer's options as its own. */
#include "api/api_settings.h"

#include <string.h>

static int copy_text(rtvi_settings *s, const char **text) {
    char *copy;
    if (!*text) return 1;
    if (!rtvi_grow(s->env, (void **)&s->texts, &s->cap_texts, s->num_texts, s->num_texts + 1, sizeof *s->texts)) return 0;
    copy = rtvi_copy_string(s->env, *text, strlen(*text));
    if (!copy) return 0;
    s->texts[s->num_texts++] = copy;
    *text = copy;
    return 1;
}

static int copy_scope(rtvi_settings *s, rtv_scope *scope) { return copy_text(s, &scope->text) && copy_text(s, &scope->to); }

int rtvi_settings_add_ignored(rtvi_settings *s, const rtv_scope *scope) {
    const size_t count = (size_t)s->options.num_ignored;
    if (!rtvi_grow(s->env, (void **)&s->ignored, &s->cap_ignored, count, count + 1, sizeof *s->ignored)) return 0;
    s->ignored[count] = *scope;
    s->options.ignored = s->ignored;
    s->options.num_ignored++;
    return copy_scope(s, &s->ignored[count]);
}

int rtvi_settings_add_override(rtvi_settings *s, const rtv_scope_settings *override) {
    const size_t count = (size_t)s->options.num_overrides;
    if (!rtvi_grow(s->env, (void **)&s->overrides, &s->cap_overrides, count, count + 1, sizeof *s->overrides)) return 0;
    s->overrides[count] = *override;
    s->options.overrides = s->overrides;
    s->options.num_overrides++;
    return copy_scope(s, &s->overrides[count].scope);
}

static int32_t check_counts(const rtv_quantizer_options *o, rtv_error *error) {
    if (o->num_ignored >= 0 && o->num_overrides >= 0 && (o->ignored || o->num_ignored == 0) && (o->overrides || o->num_overrides == 0))
        return RTV_OK;
    return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                          "api: num_ignored, num_overrides: got %lld, %lld, expected the lengths of ignored and overrides",
                          (long long)o->num_ignored, (long long)o->num_overrides);
}

static int32_t refuse_reserved(const char *what, int64_t number, rtv_error *error) {
    return rtvi_error_set(error, RTV_E_UNSUPPORTED, "quantizer: %s[%lld]: reserved: got something else, expected zeros", what,
                          (long long)number);
}

/* Texts go into model files. */
static int32_t check_scope(const char *what, int64_t number, const rtv_scope *scope, rtv_error *error) {
    rtvi_quoted quoted;
    const char *texts[] = {scope->text, scope->to};
    if (scope->reserved || scope->reserved2[0] || scope->reserved2[1]) return refuse_reserved(what, number, error);
    for (int i = 0; i < 2; i++) {
        if (texts[i] && !rtvi_text_is_name(texts[i]))
            return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT,
                                  "quantizer: %s[%lld]: got \"%s\", expected 1..512 bytes of UTF-8 without control characters", what,
                                  (long long)number, rtvi_error_quote_string(&quoted, texts[i]));
    }
    return RTV_OK;
}

static int32_t check_scopes(const rtv_quantizer_options *o, rtv_error *error) {
    int32_t status = RTV_OK;
    for (int64_t i = 0; i < o->num_ignored && status == RTV_OK; i++) status = check_scope("ignored", i, &o->ignored[i], error);
    for (int64_t i = 0; i < o->num_overrides && status == RTV_OK; i++) {
        const int32_t *room = o->overrides[i].reserved;
        status = check_scope("overrides", i, &o->overrides[i].scope, error);
        if (status == RTV_OK && (room[0] || room[1] || room[2] || room[3])) status = refuse_reserved("overrides", i, error);
    }
    return status;
}

static int copy_all(rtvi_settings *s, const rtv_quantizer_options *from) {
    int good = 1;
    for (int64_t i = 0; i < from->num_ignored && good; i++) good = rtvi_settings_add_ignored(s, &from->ignored[i]);
    for (int64_t i = 0; i < from->num_overrides && good; i++) good = rtvi_settings_add_override(s, &from->overrides[i]);
    return good;
}

int32_t rtvi_settings_copy(const rtvi_env *env, const rtv_quantizer_options *options, rtvi_settings *settings, rtv_error *error) {
    int32_t status = check_counts(options, error);
    memset(settings, 0, sizeof *settings);
    if (status != RTV_OK) return status;
    settings->env = env;
    settings->options = *options;
    settings->options.ignored = NULL;
    settings->options.overrides = NULL;
    settings->options.num_ignored = settings->options.num_overrides = 0;
    settings->options.json = NULL;
    if (!copy_all(settings, options)) status = rtvi_error_out_of_memory(error, "quantizer", 0);
    if (status == RTV_OK && options->json) status = rtvi_settings_read_json(settings, options->json, error);
    if (status == RTV_OK) status = check_scopes(&settings->options, error);
    if (status != RTV_OK) rtvi_settings_destroy(settings);
    return status;
}

void rtvi_settings_destroy(rtvi_settings *s) {
    if (!s->env) return;
    for (size_t i = 0; i < s->num_texts; i++) rtvi_free(s->env, s->texts[i]);
    rtvi_free(s->env, s->texts);
    rtvi_free(s->env, s->ignored);
    rtvi_free(s->env, s->overrides);
    memset(s, 0, sizeof *s);
}
