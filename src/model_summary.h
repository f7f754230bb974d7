/* model_summary.h - a model's facts for people and for programs. */
#ifndef MODEL_SUMMARY_H
#define MODEL_SUMMARY_H

#include <retrieve/model.h>

#include <cJSON.h>

/* process_bytes: what loading added to the process's resident memory; 0 when that is not known. */
void model_summary_print(const rtv_model_info *info, int64_t process_bytes);
/* New; the caller adds to it and frees it. */
cJSON *model_summary_json(const rtv_model_info *info, int64_t process_bytes);
const char *model_executor_name(int32_t executor);

#endif
