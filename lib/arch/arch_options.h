/* arch_options.h - import options checked, and the preprocessing they describe. */
#ifndef RTVI_ARCH_OPTIONS_H
#define RTVI_ARCH_OPTIONS_H

#include <retrieve/model.h>

#include "base/base_error.h"
#include "tensor/tensor_preprocess.h"

/* INVALID_ARGUMENT names the option. The letters and the architecture are checked where they are used. */
int32_t rtvi_arch_options_check(const rtv_import_options *options, rtv_error *error);
/* Settings of other ways of resizing are left at zero: equal preprocessing has an equal description. */
rtvi_preprocess rtvi_arch_options_preprocess(const rtv_import_options *options);

#endif
