/* runtime.h - what the library runs on: threads, memory, log, instruction set. */
#ifndef RETRIEVE_RUNTIME_H
#define RETRIEVE_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include <retrieve/export.h>
#include <retrieve/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory. Both functions may be called from any thread, also from the library's own. What oneDNN, libjpeg, libpng and the like need for
 * themselves they take from the C library. */
typedef struct rtv_allocator {
    void *user;
    /* size_bytes > 0 bytes at a multiple of alignment (a power of two, at most 4096), or NULL. */
    void *(*allocate)(void *user, size_t size_bytes, size_t alignment);
    /* block came from allocate. */
    void (*release)(void *user, void *block);
} rtv_allocator;

enum { RTV_LOG_ERROR = 0, RTV_LOG_WARNING = 1, RTV_LOG_INFO = 2, RTV_LOG_DEBUG = 3 };

/* One line of log, without a final newline. Called from any thread, one call at a time for each runtime; must not call the library. */
typedef void (*rtv_log_fn)(void *user, int32_t level, const char *line);

/* Progress of long work: done of total items (total is -1 while unknown). Always called on the thread that called the library.
 * Returning anything but 0 stops the work with RTV_E_CANCELLED. */
typedef int32_t (*rtv_progress_fn)(void *user, int64_t done, int64_t total);

/* Instruction sets, ascending, with room between for those to come; a cap allows all up to it. */
enum {
    RTV_ISA_SCALAR = 10, /* plain C */
    RTV_ISA_AVX2 = 20,   /* with FMA and F16C */
    RTV_ISA_AVX512 = 30, /* F, CD, BW, DQ, VL */
    RTV_ISA_AVX512_VNNI = 40,
    RTV_ISA_AMX = 50,  /* tiles of int8 and BF16. They are asked of Linux for the process when the first uncapped runtime is made */
    RTV_ISA_ANY = 1000 /* no cap */
};

/* Grows at the end only. Fill with rtv_runtime_options_init, then change what you need. */
typedef struct rtv_runtime_options {
    uint32_t struct_size;
    int32_t threads;                /* threads for one runtime; init writes the number of processors this process may use, at
                                       most 1024, which is the largest number allowed */
    int32_t max_isa;                /* RTV_ISA_*; init writes RTV_ISA_ANY. Below ANY it caps oneDNN too, and that cap holds for the whole
                                       process: it must be the first use of oneDNN, or RTV_E_STATE comes back */
    int32_t onednn_quiet;           /* 1 (init): oneDNN prints nothing, whatever its environment variables say; this is a setting of
                                       the whole process. 0: leave oneDNN's setting alone */
    const rtv_allocator *allocator; /* copied; NULL (init) for the C library's */
    rtv_log_fn log;                 /* NULL (init) for no log */
    void *log_user;
    int32_t log_level; /* the highest level that is passed on; init writes RTV_LOG_WARNING */
    int32_t reserved;
} rtv_runtime_options;

RTV_API void rtv_runtime_options_init_sized(rtv_runtime_options *options, uint32_t struct_size);
#define rtv_runtime_options_init(options) rtv_runtime_options_init_sized((options), (uint32_t)sizeof(rtv_runtime_options))

/* A team of threads, an allocator, a log and an instruction-set cap, shared by the handles created with it. Threads start with the
 * first work and sleep between two calls. Handles created without a runtime (NULL) get one of their own with the defaults.
 * Thread class: shared. After fork() the child may create new runtimes. Of the parent's handles it may free all and ask models (info,
 * class names, dump, profile without runs, preprocess, save); whatever needs threads or waits for others answers RTV_E_FORKED.
 * The same calls answer RTV_E_BUSY from inside a callback on a thread of the same runtime, and RTV_E_IO when the system allows no thread.
 */
typedef struct rtv_runtime rtv_runtime;

/* options may be NULL for the defaults. Errors: INVALID_ARGUMENT, OUT_OF_MEMORY, STATE (the cap comes too late). */
RTV_API int32_t rtv_runtime_create(const rtv_runtime_options *options, rtv_runtime **runtime, rtv_error *error);

/* Gives the caller's reference back; handles that use the runtime keep it alive. NULL is allowed. */
RTV_API void rtv_runtime_free(rtv_runtime *runtime);

/* What this processor can do. Fill struct_size (sizeof) before the call; only that many bytes are written. */
typedef struct rtv_cpu_info {
    uint32_t struct_size;
    int32_t isa;        /* the best RTV_ISA_* of this processor */
    int32_t int8_exact; /* 1: products of 8-bit codes are summed without saturation at any weight (VNNI) */
    int32_t int8_fast;  /* 1: int8 networks run faster than float32 here */
    int32_t processors; /* that this process may use */
    char name[60];      /* "Intel(R) Xeon(R) …", or the architecture */
} rtv_cpu_info;

/* Errors: INVALID_ARGUMENT. Any thread. */
RTV_API int32_t rtv_cpu_info_get(rtv_cpu_info *info, rtv_error *error);

/* "AVX2", "AVX-512 VNNI" …; "?" for a number that is none. Static storage. */
RTV_API const char *rtv_isa_name(int32_t isa);

/* One line on how the library was built: version, compiler, oneDNN and decoder versions. Static storage. Any thread. */
RTV_API const char *rtv_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
