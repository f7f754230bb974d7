/* commands.h - the commands of the program, one file each. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "options.h"

extern const command command_model_convert;
extern const command command_model_info;
extern const command command_embed;
extern const command command_index;
extern const command command_search;
extern const command command_eval;
extern const command command_info;
extern const command command_import;
extern const command command_export;
extern const command command_verify;
extern const command command_compact;
extern const command command_remove;
extern const command command_reduce;
extern const command command_bench;
extern const command command_quantize;
extern const command command_compare;

#endif
