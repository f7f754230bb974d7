/* flat_checksum.h - XXH3, 64 bits, no seed: of the blocks of index files, and to spread ids and keys over tables. */
#ifndef RTVI_FLAT_CHECKSUM_H
#define RTVI_FLAT_CHECKSUM_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#endif
