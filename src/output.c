/* output.c - a file that appears whole or not at all. */
#include "output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "text.h"

static int tell_why(const char *path, const char *why) {
    char *text = format_text("cannot write: %s", why);
    message_for_file(path, text);
    free(text);
    return STATUS_ERROR;
}

static int tell(const char *path, int os_error) { return tell_why(path, strerror(os_error)); }

int output_check_input(const char *path, const char *input) {
    if (!files_are_same(path, input)) return STATUS_OK;
    return tell_why(path, "it is what is read");
}

int output_check_index(const char *path) {
    struct stat info;
    rtv_index *index = NULL;
    rtv_error error;
    if (stat(path, &info) != 0 || info.st_size == 0 || rtv_index_open(path, NULL, &index, &error) == RTV_OK) {
        rtv_index_free(index);
        return STATUS_OK;
    }
    fail(path, &error);
    note("%s stays as it is: remove it first, or name another file", path);
    return STATUS_ERROR;
}

int output_check(const char *path, int kind) {
    struct stat info;
    char *folder = text_folder(path);
    int exists = stat(path, &info) == 0;
    int is_special = exists && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
    int os_error = 0;
    if ((exists && S_ISDIR(info.st_mode)) || !*text_base_name(path))
        os_error = EISDIR;
    else if (access(is_special ? path : folder, is_special ? W_OK : W_OK | X_OK) != 0)
        os_error = errno;
    free(folder);
    if (os_error) return tell(path, os_error);
    return is_special && kind == OUTPUT_REGULAR ? tell_why(path, "it is no regular file") : STATUS_OK;
}

/* mkstemp's files are private; ours take the rights of the file they replace, or those that any new file would have. */
static void open_temporary(output *out) {
    struct stat info;
    mode_t mask = umask(0);
    int file;
    umask(mask);
    out->temporary = format_text("%s.tmp.XXXXXX", out->target);
    file = mkstemp(out->temporary);
    if (file < 0) {
        free(out->temporary);
        out->temporary = NULL;
        return;
    }
    fchmod(file, stat(out->target, &info) == 0 ? info.st_mode & 0777 : 0666 & ~mask);
    out->stream = fdopen(file, "w+b");
}

int output_open(output *out, const char *path) {
    struct stat info;
    char *real = realpath(path, NULL);
    memset(out, 0, sizeof *out);
    if (output_check(path, OUTPUT_ANY) != STATUS_OK) {
        free(real);
        return STATUS_ERROR;
    }
    out->name = path;
    out->target = copy_text(real ? real : path);
    free(real);
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        out->stream = tmpfile();
    else
        open_temporary(out);
    if (!out->stream) {
        int os_error = errno;
        output_abort(out);
        return tell(path, os_error);
    }
    return STATUS_OK;
}

static void remember(output *out, int failed) {
    if (failed && out->error == 0) out->error = errno ? errno : EIO;
}

void output_write(output *out, const void *data, size_t size) { remember(out, size > 0 && fwrite(data, 1, size, out->stream) != size); }

void output_print(output *out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    remember(out, vfprintf(out->stream, format, arguments) < 0);
    va_end(arguments);
}

void output_patch(output *out, long offset, const void *data, size_t size) {
    remember(out, fseek(out->stream, offset, SEEK_SET) != 0);
    output_write(out, data, size);
    remember(out, fseek(out->stream, 0, SEEK_END) != 0);
}

/* For a target that is no regular file: a device, a pipe. */
static void copy_over(output *out) {
    char block[65536];
    size_t size;
    FILE *to = fopen(out->target, "wb");
    remember(out, !to);
    if (!to) return;
    rewind(out->stream);
    while (out->error == 0 && (size = fread(block, 1, sizeof block, out->stream)) > 0) remember(out, fwrite(block, 1, size, to) != size);
    remember(out, fclose(to) != 0);
}

int output_commit(output *out) {
    int os_error;
    remember(out, fflush(out->stream) != 0);
    if (out->temporary) {
        remember(out, fsync(fileno(out->stream)) != 0);
        remember(out, fclose(out->stream) != 0);
        out->stream = NULL;
        remember(out, out->error == 0 && rename(out->temporary, out->target) != 0);
        if (out->error == 0) {
            free(out->temporary);
            out->temporary = NULL;
        }
    } else if (out->error == 0) {
        copy_over(out);
    }
    os_error = out->error;
    if (os_error) tell(out->name, os_error);
    output_abort(out);
    return os_error ? STATUS_ERROR : STATUS_OK;
}

void output_abort(output *out) {
    if (out->stream) fclose(out->stream);
    if (out->temporary) unlink(out->temporary);
    free(out->temporary);
    free(out->target);
    memset(out, 0, sizeof *out);
}
