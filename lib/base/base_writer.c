/* base_writer.c - a file that takes the place of another, whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_file.h"

enum { SUFFIX_SIZE = 40, SUFFIX_MOST = 26 }; /* ".tmp.<pid>.<attempt>": room for it, and its longest */

struct rtvi_writer {
    const rtvi_env *env;
    const char *module;
    char *path;      /* the target */
    char *temporary; /* beside it, so that the rename stays within one file system; "" while the file has no name */
    size_t stem;     /* bytes of the path that the temporary name begins with */
    const rtvi_io *io;
    int file;
    uint64_t at; /* where the next bytes go */
};

static int64_t system_write(void *user, int file, const void *data, size_t size, uint64_t offset) {
    (void)user;
    return pwrite(file, data, size, (off_t)offset);
}

static int system_sync(void *user, int file) {
    (void)user;
    return fsync(file);
}

static int system_rename(void *user, const char *from, const char *to) {
    (void)user;
    return rename(from, to);
}

const rtvi_io rtvi_io_system = {NULL, system_write, system_sync, system_rename};

int rtvi_io_write_all(const rtvi_io *io, int file, const void *data, size_t size, uint64_t offset) {
    for (size_t done = 0; done < size;) {
        const int64_t put = io->write(io->user, file, (const uint8_t *)data + done, size - done, offset + done);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return 0;
        done += (size_t)put;
    }
    return 1;
}

int rtvi_io_sync(const rtvi_io *io, int file) { return io->sync(io->user, file) == 0 || errno == EINVAL || errno == EROFS; }

static int32_t fail(const rtvi_writer *writer, const char *what, rtv_error *error) {
    return rtvi_error_set_os(error, errno, "%s: cannot %s \"%s\"", writer->module, what, writer->path);
}

/* Where the suffix begins: after the target's path, but for a name so long that the suffix would take it beyond what file systems have. */
static size_t suffix_at(const char *path, size_t length) {
    const char *slash = strrchr(path, '/');
    const size_t name = slash ? (size_t)(slash - path) + 1 : 0;
    return length - name > NAME_MAX - SUFFIX_MOST ? name + NAME_MAX - SUFFIX_MOST : length;
}

/* Finds a free name beside the target that make(writer) takes, which gives EEXIST for one that is not free. */
static int take_name(rtvi_writer *writer, int (*make)(const rtvi_writer *writer)) {
    int result = -1;
    memcpy(writer->temporary, writer->path, writer->stem);
    for (unsigned attempt = 0; attempt < 1000 && result < 0; attempt++) {
        snprintf(writer->temporary + writer->stem, SUFFIX_SIZE, ".tmp.%ld.%u", (long)getpid(), attempt);
        result = make(writer);
        if (result < 0 && errno != EEXIST) break;
    }
    if (result < 0) writer->temporary[0] = 0; /* not ours to remove */
    return result;
}

static int create_named(const rtvi_writer *writer) { return open(writer->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666); }

/* The target's folder, in the place of the temporary name. */
static const char *put_folder(const rtvi_writer *writer) {
    const char *slash = strrchr(writer->path, '/');
    const size_t length = slash ? (size_t)(slash - writer->path) + 1 : 1;
    memcpy(writer->temporary, slash ? writer->path : ".", length);
    writer->temporary[length] = 0;
    return writer->temporary;
}

#if defined(O_TMPFILE)
#define LINK_FORM "/proc/self/fd/%d" /* a file without a name, as open(2) has it */

/* A file that is gone with the process, however that ends. -1 where the system has no such thing. */
static int create_nameless(const rtvi_writer *writer) {
    if (access("/proc/self/fd", X_OK) != 0) return -1;
    return open(put_folder(writer), O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
}

static int link_nameless(const rtvi_writer *writer) {
    char from[sizeof LINK_FORM + 12];
    snprintf(from, sizeof from, LINK_FORM, writer->file);
    return linkat(AT_FDCWD, from, AT_FDCWD, writer->temporary, AT_SYMLINK_FOLLOW);
}
#else
static int create_nameless(const rtvi_writer *writer) { return (void)writer, -1; }
static int link_nameless(const rtvi_writer *writer) { return (void)writer, -1; }
#endif

/* Opens a new file beside the target, with the mode that the process's umask leaves, or that of the file it will replace. */
static int open_beside(rtvi_writer *writer) {
    struct stat info;
    int file = create_nameless(writer);
    writer->temporary[0] = 0;
    if (file < 0) file = take_name(writer, create_named);
    if (file >= 0 && stat(writer->path, &info) == 0 && fchmod(file, info.st_mode & 0777) != 0)
        errno = 0; /* a file system without modes, or another owner's file: the umask's mode is as good */
    return file;
}

/* The file behind a symbolic link is replaced, not the link. */
static char *resolve(const rtvi_env *env, const char *path) {
    char *resolved = realpath(path, NULL), *copy = rtvi_copy_string(env, resolved ? resolved : path, strlen(resolved ? resolved : path));
    free(resolved);
    return copy;
}

int32_t rtvi_writer_open(const rtvi_env *env, const char *module, const char *path, rtvi_writer **out, rtv_error *error) {
    return rtvi_writer_open_io(env, &rtvi_io_system, module, path, out, error);
}

int32_t rtvi_writer_open_io(const rtvi_env *env, const rtvi_io *io, const char *module, const char *path, rtvi_writer **out,
                            rtv_error *error) {
    rtvi_writer *writer;
    struct stat info;
    size_t length;
    int32_t status;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) /* /dev/null must stay; a folder refuses by itself */
        return rtvi_error_set(error, RTV_E_IO, "%s: \"%s\" is not a regular file", module, path);
    writer = rtvi_alloc_zero(env, 1, sizeof *writer);
    if (!writer) return rtvi_error_out_of_memory(error, module, sizeof *writer);
    writer->env = env;
    writer->module = module;
    writer->io = io;
    writer->file = -1;
    writer->path = resolve(env, path);
    length = writer->path ? strlen(writer->path) : 0;
    writer->temporary = rtvi_alloc(env, length + SUFFIX_SIZE, 1);
    if (!writer->path || !writer->temporary) {
        status = rtvi_error_out_of_memory(error, module, length);
        if (writer->temporary) writer->temporary[0] = 0;
        rtvi_writer_abort(writer);
        return status;
    }
    writer->stem = suffix_at(writer->path, length);
    writer->file = open_beside(writer);
    if (writer->file < 0) {
        status = fail(writer, "write", error);
        rtvi_writer_abort(writer);
        return status;
    }
    *out = writer;
    return RTV_OK;
}

int rtvi_writer_file(const rtvi_writer *writer) { return writer->file; }

int32_t rtvi_writer_patch(rtvi_writer *writer, uint64_t offset, const void *data, size_t size, rtv_error *error) {
    return rtvi_io_write_all(writer->io, writer->file, data, size, offset) ? RTV_OK : fail(writer, "write", error);
}

int32_t rtvi_writer_write(rtvi_writer *writer, const void *data, size_t size, rtv_error *error) {
    int32_t status = rtvi_writer_patch(writer, writer->at, data, size, error);
    writer->at += size;
    return status;
}

/* Makes the rename itself durable. A file system that cannot sync a folder (EINVAL) has no such promise to make, and neither has a folder
 * that may be written but not listed: the new file is in place, which is what was asked for. */
static int sync_folder(rtvi_writer *writer) {
    /* The temporary name is no longer needed, and nothing may fail for want of memory after the rename. */
    int file = open(put_folder(writer), O_RDONLY | O_DIRECTORY | O_CLOEXEC), result;
    writer->temporary[0] = 0; /* nothing left to remove */
    if (file < 0) return errno == EACCES ? 0 : -1;
    result = rtvi_io_sync(writer->io, file) ? 0 : errno;
    close(file);
    errno = result;
    return result ? -1 : 0;
}

int32_t rtvi_writer_commit_keep(rtvi_writer *writer, int *file, rtv_error *error) {
    int32_t status = RTV_OK;
    *file = -1;
    if (!rtvi_io_sync(writer->io, writer->file)) status = fail(writer, "write", error);
    if (status == RTV_OK && !writer->temporary[0] && take_name(writer, link_nameless) < 0) status = fail(writer, "name", error);
    if (status == RTV_OK && writer->io->rename(writer->io->user, writer->temporary, writer->path) != 0)
        status = fail(writer, "replace", error);
    if (status == RTV_OK) {
        *file = writer->file;
        writer->file = -1;
        if (sync_folder(writer) != 0) status = fail(writer, "sync the folder of", error);
    }
    rtvi_writer_abort(writer);
    return status;
}

int32_t rtvi_writer_commit(rtvi_writer *writer, rtv_error *error) {
    int file;
    int32_t status = rtvi_writer_commit_keep(writer, &file, error);
    if (file >= 0) close(file);
    return status;
}

void rtvi_writer_abort(rtvi_writer *writer) {
    const rtvi_env *env;
    if (!writer) return;
    env = writer->env;
    if (writer->file >= 0) close(writer->file);
    if (writer->temporary && writer->temporary[0] && writer->path) unlink(writer->temporary);
    rtvi_free(env, writer->temporary);
    rtvi_free(env, writer->path);
    rtvi_free(env, writer);
}
