/* quant_stats_file.h - statistics in a file (docs/formats.md): calibrate once, try many settings. */
#ifndef RTVI_QUANT_STATS_FILE_H
#define RTVI_QUANT_STATS_FILE_H

#include "quant/quant_stats.h"

/* about: what the statistics are of (the model's fingerprint, the pictures), UTF-8, at most 1 MiB. */
int32_t rtvi_quant_stats_save(const rtvi_quant_stats *stats, const char *about, const char *path, rtv_error *error);
/* *about: a block of env for the caller. Errors: IO, FORMAT, CHECKSUM, UNSUPPORTED (another version), OUT_OF_MEMORY. */
int32_t rtvi_quant_stats_load(const rtvi_env *env, const char *path, rtvi_quant_stats **stats, char **about, rtv_error *error);

#endif
