/* base_file.h - files: mapped for reading, replaced whole for writing. */
#ifndef RTVI_BASE_FILE_H
#define RTVI_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base_env.h"

/* A source of bytes: a mapped file, a copy, or the caller's own memory. */
typedef struct rtvi_source {
    const rtvi_env *env;
    const uint8_t *data;
    size_t size;
    char *path;     /* NULL for memory */
    int kind;       /* private */
    size_t skipped; /* private: mapped bytes before data */
} rtvi_source;

/* Maps a regular file (an empty one has data != NULL and size 0). module begins the message: "weights: …". */
int32_t rtvi_source_open(const rtvi_env *env, const char *module, const char *path, rtvi_source *source, rtv_error *error);
/* copy 1: the bytes are copied; 0: borrowed, they must outlive the source. */
int32_t rtvi_source_from_memory(const rtvi_env *env, const char *module, const void *data, uint64_t size, int copy, rtvi_source *source,
                                rtv_error *error);
/* Maps size > 0 bytes at an offset of an open file. */
int32_t rtvi_source_map(const rtvi_env *env, const char *module, int file, uint64_t offset, size_t size, rtvi_source *source,
                        rtv_error *error);
/* Makes sure that the bytes are the source's own, at a multiple of 64: borrowed or misplaced ones are copied. */
int32_t rtvi_source_own(const char *module, rtvi_source *source, rtv_error *error);
/* Gives the pages of a mapped file back to the system; reading them again brings them back. Nothing for memory. */
void rtvi_source_drop_pages(const rtvi_source *source);
void rtvi_source_close(rtvi_source *source);
/* The file name for messages, or "memory". */
const char *rtvi_source_name(const rtvi_source *source);

/* Reads a whole file of at most max_bytes into a new block; pictures come this way (a mapping of a file that shrinks would crash).
 * limit_option names what lifts the limit. */
int32_t rtvi_file_read(const rtvi_env *env, const char *module, const char *path, uint64_t max_bytes, const char *limit_option,
                       uint8_t **data, size_t *size, rtv_error *error);

/* The calls that make bytes durable, so that tests can let each of them fail. They answer as pwrite, fsync and rename do. */
typedef struct rtvi_io {
    void *user;
    int64_t (*write)(void *user, int file, const void *data, size_t size, uint64_t offset);
    int (*sync)(void *user, int file);
    int (*rename)(void *user, const char *from, const char *to);
} rtvi_io;
extern const rtvi_io rtvi_io_system;

/* All size bytes, or 0 with errno. */
int rtvi_io_write_all(const rtvi_io *io, int file, const void *data, size_t size, uint64_t offset);
/* 0 with errno. A file system that cannot sync this (EINVAL, EROFS) has no such promise to make. */
int rtvi_io_sync(const rtvi_io *io, int file);

/* Writes beside the target and takes its place on commit: the target is the old file or the new one, whole, at every moment. */
typedef struct rtvi_writer rtvi_writer;
int32_t rtvi_writer_open(const rtvi_env *env, const char *module, const char *path, rtvi_writer **writer, rtv_error *error);
int32_t rtvi_writer_write(rtvi_writer *writer, const void *data, size_t size, rtv_error *error);
/* Overwrites bytes already written, at an offset from the start. */
int32_t rtvi_writer_patch(rtvi_writer *writer, uint64_t offset, const void *data, size_t size, rtv_error *error);
/* The same with calls of the caller's, and a file that can be read and mapped. */
int32_t rtvi_writer_open_io(const rtvi_env *env, const rtvi_io *io, const char *module, const char *path, rtvi_writer **writer,
                            rtv_error *error);
int rtvi_writer_file(const rtvi_writer *writer);
/* Syncs, renames, syncs the folder, and closes, whatever comes back. */
int32_t rtvi_writer_commit(rtvi_writer *writer, rtv_error *error);
/* The same, but the file, now at its place, stays open in *file, also when only the last step, syncing the folder, failed; else -1. */
int32_t rtvi_writer_commit_keep(rtvi_writer *writer, int *file, rtv_error *error);
/* Drops what was written. NULL is allowed. */
void rtvi_writer_abort(rtvi_writer *writer);

#endif
