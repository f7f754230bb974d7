/* api_quantizer.h - what accuracy control needs of a quantizer. */
#ifndef RTVI_API_QUANTIZER_H
#define RTVI_API_QUANTIZER_H

#include "api/api_handles.h"
#include "api/api_settings.h"

/* The float32 model. */
rtv_model *rtvi_quantizer_model(const rtv_quantizer *quantizer);
/* Until the next configure. */
const rtv_quantizer_options *rtvi_quantizer_options(const rtv_quantizer *quantizer);

#endif
