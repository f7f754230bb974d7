/* version.h - the version of libretrieve; the build reads these numbers, nothing else states them. */
#ifndef RETRIEVE_VERSION_H
#define RETRIEVE_VERSION_H

#include <stdint.h>

#include <retrieve/export.h>

#define RTV_VERSION_MAJOR 0
#define RTV_VERSION_MINOR 1
#define RTV_VERSION_PATCH 0
#define RTV_VERSION (RTV_VERSION_MAJOR * 10000 + RTV_VERSION_MINOR * 100 + RTV_VERSION_PATCH)

/* The number in the SONAME: programs go on running with every later release of the same number (docs/abi.md). */
#define RTV_ABI_VERSION 1

#ifdef __cplusplus
extern "C" {
#endif

/* RTV_VERSION of the library that is running, which may be newer than the header. Any thread. */
RTV_API int32_t rtv_version(void);

/* RTV_ABI_VERSION of the library that is running. Any thread. */
RTV_API int32_t rtv_abi_version(void);

#ifdef __cplusplus
}
#endif

#endif
