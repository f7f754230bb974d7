/* base_env.c - memory and log of an object. */
#include "base/base_env.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_cpu.h"

static void *libc_allocate(void *user, size_t size_bytes, size_t alignment) {
    void *block = NULL;
    (void)user;
    if (alignment <= sizeof(max_align_t)) return malloc(size_bytes);
    return posix_memalign(&block, alignment, size_bytes) == 0 ? block : NULL;
}

static void libc_release(void *user, void *block) {
    (void)user;
    free(block);
}

void rtvi_env_init(rtvi_env *env, const rtv_allocator *allocator, int32_t max_isa) {
    const rtv_allocator libc = {NULL, libc_allocate, libc_release};
    int32_t best = rtvi_cpu_isa();
    memset(env, 0, sizeof *env);
    env->allocator = allocator ? *allocator : libc;
    env->isa = max_isa < best ? max_isa : best;
    if (env->isa >= RTV_ISA_AMX && !rtvi_cpu_take_tiles()) env->isa = RTV_ISA_AVX512_VNNI;
    env->log_level = RTV_LOG_WARNING;
    pthread_mutex_init(&env->log_mutex, NULL);
}

void rtvi_env_destroy(rtvi_env *env) { pthread_mutex_destroy(&env->log_mutex); }

void *rtvi_alloc(const rtvi_env *env, size_t count, size_t size) {
    size_t bytes;
    if (!rtvi_mul(count, size, &bytes) || bytes > PTRDIFF_MAX) return NULL;
    if (bytes == 0) bytes = 1;
    return env->allocator.allocate(env->allocator.user, bytes, bytes >= RTVI_CACHE_LINE ? RTVI_CACHE_LINE : sizeof(max_align_t));
}

void *rtvi_alloc_zero(const rtvi_env *env, size_t count, size_t size) {
    void *block = rtvi_alloc(env, count, size);
    if (block) memset(block, 0, count * size);
    return block;
}

void rtvi_free(const rtvi_env *env, void *block) {
    if (block) env->allocator.release(env->allocator.user, block);
}

int rtvi_grow(const rtvi_env *env, void **block, size_t *capacity, size_t used, size_t needed, size_t size) {
    size_t wanted = *capacity + *capacity / 2;
    void *larger;
    if (needed <= *capacity) return 1;
    if (wanted < needed) wanted = needed;
    if (wanted < 8) wanted = 8;
    larger = rtvi_alloc(env, wanted, size);
    if (!larger) return 0;
    if (used) memcpy(larger, *block, used * size);
    rtvi_free(env, *block);
    *block = larger;
    *capacity = wanted;
    return 1;
}

char *rtvi_copy_string(const rtvi_env *env, const char *text, size_t length) {
    char *copy = length < PTRDIFF_MAX ? rtvi_alloc(env, length + 1, 1) : NULL;
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void rtvi_copy_clipped(char *to, size_t capacity, const char *text) {
    size_t length = strlen(text);
    if (length >= capacity) {
        length = capacity - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) length--;
    }
    memcpy(to, text, length);
    to[length] = 0;
}

void rtvi_log(const rtvi_env *env, int32_t level, const char *format, ...) {
    char line[1024];
    va_list args;
    if (!env->log || level > env->log_level) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pthread_mutex_lock((pthread_mutex_t *)&env->log_mutex);
    env->log(env->log_user, level, line);
    pthread_mutex_unlock((pthread_mutex_t *)&env->log_mutex);
}
