/* base_env.h - what every object carries: where memory comes from and where log lines go. */
#ifndef RTVI_BASE_ENV_H
#define RTVI_BASE_ENV_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include <retrieve/runtime.h>

#include "base/base_error.h"

#define RTVI_CACHE_LINE 64 /* also the alignment of every large buffer: one AVX-512 vector */

typedef struct rtvi_env {
    rtv_allocator allocator;
    rtv_log_fn log;
    void *log_user;
    int32_t log_level;
    int32_t isa; /* RTV_ISA_* that kernels may use: the cap and the processor together */
    pthread_mutex_t log_mutex;
} rtvi_env;

/* allocator NULL for the C library's. isa is set to the processor's best under max_isa. */
void rtvi_env_init(rtvi_env *env, const rtv_allocator *allocator, int32_t max_isa);
void rtvi_env_destroy(rtvi_env *env);

/* Memory for count elements of size bytes, checked; 64-byte aligned when 64 bytes or more. NULL on failure or overflow. Zero count gives
 * a block of one byte. */
void *rtvi_alloc(const rtvi_env *env, size_t count, size_t size);
void *rtvi_alloc_zero(const rtvi_env *env, size_t count, size_t size);
void rtvi_free(const rtvi_env *env, void *block);
/* Makes room for at least needed elements (amortised doubling): *block and *capacity change on success only. 0 on failure. */
int rtvi_grow(const rtvi_env *env, void **block, size_t *capacity, size_t used, size_t needed, size_t size);
char *rtvi_copy_string(const rtvi_env *env, const char *text, size_t length);
/* Into a buffer of capacity > 0 bytes, clipped at a whole UTF-8 character. */
void rtvi_copy_clipped(char *to, size_t capacity, const char *text);

void rtvi_log(const rtvi_env *env, int32_t level, const char *format, ...) RTVI_PRINTF(3, 4);

/* Checked arithmetic: 1 and *out on success, 0 on overflow. */
static inline int rtvi_mul(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline int rtvi_add(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }

#endif
