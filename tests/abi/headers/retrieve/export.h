/* export.h - marks what the shared library shows; everything else is hidden. */
#ifndef RETRIEVE_EXPORT_H
#define RETRIEVE_EXPORT_H

#if defined(RTV_BUILDING_SHARED) && (defined(__GNUC__) || defined(__clang__))
#define RTV_API __attribute__((visibility("default")))
#else
#define RTV_API
#endif

#endif
