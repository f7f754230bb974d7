/* api_settings.h - a quantizer's options as its own: texts copied, JSON read; and written again. */
#ifndef RTVI_API_SETTINGS_H
#define RTVI_API_SETTINGS_H

#include <retrieve/quantizer.h>

#include "base/base_env.h"
#include "modelfile/modelfile_json.h"

typedef struct rtvi_settings {
    const rtvi_env *env;
    rtv_quantizer_options options; /* points into what follows; json is NULL */
    rtv_scope *ignored;
    size_t cap_ignored;
    rtv_scope_settings *overrides;
    size_t cap_overrides;
    char **texts; /* [num_texts] behind the scopes */
    size_t num_texts, cap_texts;
} rtvi_settings;

/* options: of this version's size. Errors: FORMAT (no JSON), INVALID_ARGUMENT (JSON with members or values that are none), OUT_OF_MEMORY;
 * the place is named. Ranges of the fields are checked where they are used. */
int32_t rtvi_settings_copy(const rtvi_env *env, const rtv_quantizer_options *options, rtvi_settings *settings, rtv_error *error);
void rtvi_settings_destroy(rtvi_settings *settings);

/* --- for reading and writing JSON (api_settings_json.c) --- */
int32_t rtvi_settings_read_json(rtvi_settings *settings, const char *json, rtv_error *error);
/* One object, complete, in one order. */
void rtvi_settings_to_json(const rtv_quantizer_options *options, rtvi_text *text);

/* Appends copies. 0 when memory is short. */
int rtvi_settings_add_ignored(rtvi_settings *settings, const rtv_scope *scope);
int rtvi_settings_add_override(rtvi_settings *settings, const rtv_scope_settings *override);

#endif
