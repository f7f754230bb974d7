/* modelfile_checksum.h - XXH3 (64 bits) over a whole model file, its own sixteen digits taken as '0'. */
#ifndef RTVI_MODELFILE_CHECKSUM_H
#define RTVI_MODELFILE_CHECKSUM_H

#include <inttypes.h>
#include <stdio.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define RTVI_CHECKSUM_PREFIX "xxh3:"
#define RTVI_CHECKSUM_DIGITS 16
#define RTVI_CHECKSUM_ZERO RTVI_CHECKSUM_PREFIX "0000000000000000"

static inline void rtvi_checksum_digits(uint64_t value, char digits[RTVI_CHECKSUM_DIGITS + 1]) {
    snprintf(digits, RTVI_CHECKSUM_DIGITS + 1, "%016" PRIx64, value);
}

#endif
