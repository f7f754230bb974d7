/* base_file.c - files: mapped for reading, replaced whole for writing. */
#include "base/base_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOURCE_BORROWED = 0, SOURCE_COPY = 1, SOURCE_MAP = 2 };

static const uint8_t no_bytes[1];

static int open_regular(const char *module, const char *path, struct stat *info, rtv_error *error) {
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a fifo must not hang the caller */
    if (file < 0) {
        rtvi_error_set_os(error, errno, "%s: cannot open \"%s\"", module, path);
        return -1;
    }
    if (fstat(file, info) != 0) {
        rtvi_error_set_os(error, errno, "%s: cannot read \"%s\"", module, path);
    } else if (S_ISDIR(info->st_mode)) {
        rtvi_error_set_os(error, EISDIR, "%s: cannot read \"%s\"", module, path);
    } else if (!S_ISREG(info->st_mode)) {
        rtvi_error_set(error, RTV_E_IO, "%s: \"%s\" is not a regular file", module, path);
    } else {
        return file;
    }
    close(file);
    return -1;
}

static int32_t status_of(const rtv_error *error) { return error && error->status != RTV_OK ? error->status : RTV_E_IO; }

int32_t rtvi_source_open(const rtvi_env *env, const char *module, const char *path, rtvi_source *source, rtv_error *error) {
    struct stat info;
    int file = open_regular(module, path, &info, error);
    int32_t status = RTV_OK;
    memset(source, 0, sizeof *source);
    source->env = env;
    source->data = no_bytes;
    if (file < 0) return status_of(error);
    source->path = rtvi_copy_string(env, path, strlen(path));
    if (!source->path) {
        status = rtvi_error_out_of_memory(error, module, strlen(path));
    } else if (info.st_size > 0) {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        if (map == MAP_FAILED) {
            status = rtvi_error_set_os(error, errno, "%s: cannot map \"%s\"", module, path);
        } else {
            source->data = map;
            source->size = (size_t)info.st_size;
            source->kind = SOURCE_MAP;
        }
    }
    close(file);
    if (status != RTV_OK) rtvi_source_close(source);
    return status;
}

int32_t rtvi_source_from_memory(const rtvi_env *env, const char *module, const void *data, uint64_t size, int copy, rtvi_source *source,
                                rtv_error *error) {
    memset(source, 0, sizeof *source);
    source->env = env;
    source->data = no_bytes;
    if (size > PTRDIFF_MAX || (!data && size > 0))
        return rtvi_error_set(error, RTV_E_INVALID_ARGUMENT, "%s: %s", module, data ? "size_bytes is out of range" : "data is NULL");
    if (size == 0) return RTV_OK;
    source->data = data;
    if (copy) {
        void *block = rtvi_alloc(env, (size_t)size, 1);
        if (!block) return rtvi_error_out_of_memory(error, module, (size_t)size);
        memcpy(block, data, (size_t)size);
        source->data = block;
        source->kind = SOURCE_COPY;
    }
    source->size = (size_t)size;
    return RTV_OK;
}

int32_t rtvi_source_map(const rtvi_env *env, const char *module, int file, uint64_t offset, size_t size, rtvi_source *source,
                        rtv_error *error) {
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), skipped = offset % page;
    void *map = mmap(NULL, size + (size_t)skipped, PROT_READ, MAP_PRIVATE, file, (off_t)(offset - skipped));
    memset(source, 0, sizeof *source);
    if (map == MAP_FAILED) return rtvi_error_set_os(error, errno, "%s: cannot map the file", module);
    source->env = env;
    source->data = (const uint8_t *)map + skipped;
    source->size = size;
    source->kind = SOURCE_MAP;
    source->skipped = (size_t)skipped;
    return RTV_OK;
}

int32_t rtvi_source_own(const char *module, rtvi_source *source, rtv_error *error) {
    void *block;
    if (source->size == 0 || (source->kind != SOURCE_BORROWED && (uintptr_t)source->data % RTVI_CACHE_LINE == 0)) return RTV_OK;
    block = rtvi_alloc(source->env, source->size < RTVI_CACHE_LINE ? RTVI_CACHE_LINE : source->size, 1);
    if (!block) return rtvi_error_out_of_memory(error, module, source->size);
    memcpy(block, source->data, source->size);
    if (source->kind == SOURCE_COPY) rtvi_free(source->env, (void *)(uintptr_t)source->data);
    source->data = block;
    source->kind = SOURCE_COPY;
    return RTV_OK;
}

void rtvi_source_drop_pages(const rtvi_source *source) {
    if (source->kind == SOURCE_MAP)
        madvise((void *)(uintptr_t)(source->data - source->skipped), source->size + source->skipped, MADV_DONTNEED);
}

void rtvi_source_close(rtvi_source *source) {
    if (!source->env) return;
    if (source->kind == SOURCE_MAP) munmap((void *)(uintptr_t)(source->data - source->skipped), source->size + source->skipped);
    if (source->kind == SOURCE_COPY) rtvi_free(source->env, (void *)(uintptr_t)source->data);
    rtvi_free(source->env, source->path);
    memset(source, 0, sizeof *source);
}

const char *rtvi_source_name(const rtvi_source *source) { return source->path ? source->path : "memory"; }

static int32_t read_all(int file, const char *module, const char *path, uint8_t *data, size_t size, rtv_error *error) {
    for (size_t done = 0; done < size;) {
        ssize_t got = read(file, data + done, size - done);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return rtvi_error_set_os(error, errno, "%s: cannot read \"%s\"", module, path);
        if (got == 0) return rtvi_error_set_at(error, RTV_E_IO, (int64_t)done, "%s: \"%s\" became shorter while it was read", module, path);
        done += (size_t)got;
    }
    return RTV_OK;
}

int32_t rtvi_file_read(const rtvi_env *env, const char *module, const char *path, uint64_t max_bytes, const char *limit_option,
                       uint8_t **data, size_t *size, rtv_error *error) {
    struct stat info;
    int file = open_regular(module, path, &info, error);
    int32_t status;
    uint8_t *block = NULL;
    if (file < 0) return status_of(error);
    if ((uint64_t)info.st_size > max_bytes) {
        status = rtvi_error_set(error, RTV_E_LIMIT, "%s: \"%s\": got %lld bytes, expected at most %llu (%s)", module, path,
                                (long long)info.st_size, (unsigned long long)max_bytes, limit_option);
    } else if (!(block = rtvi_alloc(env, (size_t)info.st_size, 1))) {
        status = rtvi_error_out_of_memory(error, module, (size_t)info.st_size);
    } else {
        status = read_all(file, module, path, block, (size_t)info.st_size, error);
    }
    close(file);
    if (status != RTV_OK) {
        rtvi_free(env, block);
        return status;
    }
    *data = block;
    *size = (size_t)info.st_size;
    return RTV_OK;
}
