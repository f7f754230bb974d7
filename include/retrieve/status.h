/* status.h - status codes and the caller-owned error. */
#ifndef RETRIEVE_STATUS_H
#define RETRIEVE_STATUS_H

#include <stdint.h>

#include <retrieve/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Every fallible function returns one of these as int32_t: 0, or negative on failure. A value is never reused. */
enum {
    RTV_OK = 0,
    RTV_E_INVALID_ARGUMENT = -1,  /* the call itself is wrong: NULL, a negative count, an unknown enumerator */
    RTV_E_OUT_OF_MEMORY = -2,     /* the allocator said no */
    RTV_E_IO = -3,                /* the operating system said no; os_error has its errno */
    RTV_E_FORMAT = -4,            /* bytes that do not follow their format */
    RTV_E_UNSUPPORTED = -5,       /* well-formed, but nothing here can handle it */
    RTV_E_LIMIT = -6,             /* larger than an option allows; the message names the option */
    RTV_E_MISMATCH = -7,          /* two things that do not belong together: model and index, tensor and shape */
    RTV_E_NOT_FOUND = -8,         /* no such id or name in an index; a file that is missing is IO */
    RTV_E_EXISTS = -9,            /* an id, or a file to be made, that is already there */
    RTV_E_CHECKSUM = -10,         /* the stored checksum is not that of the bytes */
    RTV_E_BUFFER_TOO_SMALL = -11, /* the caller's buffer; the needed size comes back */
    RTV_E_CANCELLED = -12,        /* the progress callback asked to stop */
    RTV_E_BUSY = -13,     /* called from inside one of the library's own threads, or by a second caller of a single-threaded object, or a
                             second writer of an index file */
    RTV_E_FORKED = -14,   /* the handle was created before fork(), in the parent process */
    RTV_E_CALLBACK = -15, /* a caller's callback reported a failure */
    RTV_E_STATE = -16,    /* right call, wrong time: for example a process-wide setting that is already fixed */
    RTV_E_INTERNAL = -17  /* a defect of the library or of one it uses; please report */
};

/* What went wrong. Owned by the caller, the last parameter of every fallible function, may be NULL there, and is written by
 * every call, also by one that succeeds. Frozen: 512 bytes without padding, for ever. */
typedef struct rtv_error {
    int32_t status;      /* the value the function returned */
    int32_t os_error;    /* errno, or 0 */
    int64_t byte_offset; /* where in the file or buffer, or -1 */
    char message[496];   /* one line of UTF-8 with a final NUL; empty on success */
} rtv_error;

/* The name of a status, "RTV_E_IO"; "RTV_E_?" for a number that is none. Static storage. Any thread. */
RTV_API const char *rtv_status_name(int32_t status);

#ifdef __cplusplus
}
#endif

#endif
